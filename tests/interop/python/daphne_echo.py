# daphne with its defaults in front of a Channels consumer that echoes. Argument: the port on loopback.

import sys

from channels.generic.websocket import AsyncWebsocketConsumer
from daphne.endpoints import build_endpoint_description_strings
from daphne.server import Server
from django.conf import settings

settings.configure()


class Echo(AsyncWebsocketConsumer):
    async def receive(self, text_data=None, bytes_data=None):
        await self.send(text_data=text_data, bytes_data=bytes_data)


Server(
    application=Echo.as_asgi(),
    endpoints=build_endpoint_description_strings(host="127.0.0.1", port=int(sys.argv[1])),
).run()
