# python-socketio on uvicorn with their defaults: acknowledges what it is told and repeats it to everyone, and
# says by which transport a client is there. Argument: the port on loopback.

import sys

import socketio
import uvicorn

server = socketio.AsyncServer(async_mode="asgi")


@server.event
async def say(sid, text):
    await server.emit("said", text)
    return {"transport": server.transport(sid)}


uvicorn.run(socketio.ASGIApp(server), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
