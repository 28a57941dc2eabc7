# uvicorn with its defaults and a bare ASGI application: echoes on a WebSocket, and answers a plain request
# with what it saw of it. Argument: the port on loopback.

import json
import sys

import uvicorn


async def application(scope, receive, send):
    if scope["type"] == "websocket":
        await echo(receive, send)
    elif scope["type"] == "http":
        await tell(scope, send)
    else:
        await live(receive, send)


async def echo(receive, send):
    while (event := await receive())["type"] != "websocket.disconnect":
        if event["type"] == "websocket.connect":
            await send({"type": "websocket.accept"})
        else:
            await send({"type": "websocket.send", "text": event.get("text"), "bytes": event.get("bytes")})


async def tell(scope, send):
    seen = {"scheme": scope["scheme"], "client": scope["client"][0], "path": scope["path"]}
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": json.dumps(seen).encode()})


async def live(receive, send):
    while (event := await receive())["type"] != "lifespan.shutdown":
        await send({"type": f"{event['type']}.complete"})
    await send({"type": "lifespan.shutdown.complete"})


uvicorn.run(application, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
