# The client of python-socketio: begins by polling, upgrades, then is silent for as long as it is told to, and
# speaks again. Prints one line of JSON. Arguments: host, port, the CA's file, seconds of silence.

import asyncio
import json
import socket
import ssl
import sys

import aiohttp
import socketio
from aiohttp.abc import AbstractResolver

LIMIT = 15


class ThisMachine(AbstractResolver):
    async def resolve(self, host, port=0, family=socket.AF_INET):
        return [{"hostname": host, "host": "127.0.0.1", "port": port, "family": socket.AF_INET,
                 "proto": 0, "flags": socket.AI_NUMERICHOST}]

    async def close(self):
        pass


async def main(host, port, ca, silence):
    connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=ca), resolver=ThisMachine())
    async with aiohttp.ClientSession(connector=connector) as session:
        client = socketio.AsyncClient(http_session=session, reconnection=False)
        heard, ended = [], []
        client.on("said", heard.append)
        client.on("disconnect", lambda reason=None: ended.append(str(reason)))
        await client.connect(f"https://{host}:{port}", wait_timeout=LIMIT)
        first = await client.call("say", "你好 👋", timeout=LIMIT)
        await asyncio.sleep(silence)
        broken = list(ended)
        last = await client.call("say", "still here", timeout=LIMIT)
        await client.disconnect()
    print(json.dumps({"heard": heard, "first": first, "last": last, "ended": broken}))


asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3], float(sys.argv[4])))
