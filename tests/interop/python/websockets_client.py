# The client of the `websockets` library at an echo server: deflated messages, then silence in which it
# only answers pings, then one more message. Prints one line of JSON.
# Arguments: host, port, the CA's file, path, seconds of silence.

import asyncio
import json
import ssl
import sys

from websockets.asyncio.client import connect

LIMIT = 15
MESSAGES = ["你好 👋", "a" * 200_000, bytes(range(256)) * 400]


async def main(host, port, ca, path, silence):
    context = ssl.create_default_context(cafile=ca)
    # Its own pings are off: what keeps the socket open is to be the server's.
    async with connect(f"wss://{host}:{port}{path}", ssl=context, host="127.0.0.1", port=port,
                       ping_interval=None) as connection:
        wrong = [n for n, message in enumerate(MESSAGES) if await echoed(connection, message) != message]
        await asyncio.sleep(silence)
        alive = await echoed(connection, "still here") == "still here"
        extensions = connection.response.headers.get("Sec-WebSocket-Extensions")
    print(json.dumps({"wrong": wrong, "alive": alive, "extensions": extensions, "close": connection.close_code}))


async def echoed(connection, message):
    async with asyncio.timeout(LIMIT):
        await connection.send(message)
        return await connection.recv()


asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4], float(sys.argv[5])))
