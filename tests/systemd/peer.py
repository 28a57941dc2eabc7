"""The two ends around the gateway in the container: an echo server, and a load of bounded rate and time that says
what became of each connection. Knows WebSocket and TLS from the standard library alone; loopback only."""

import asyncio
import base64
import collections
import hashlib
import json
import os
import ssl
import struct
import sys
import time

HOST = "game.example.com"
PATIENCE = 20  # seconds for a connection from its first SYN to its 101
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


def frame(opcode, payload, mask):
    """One whole short frame; `mask` of zeros when it comes from a client, so that nothing need be computed."""
    length = len(payload) | (0x80 if mask else 0)
    return bytes([0x80 | opcode, length]) + (bytes(4) if mask else b"") + payload


async def read_frame(reader):
    first, second = await reader.readexactly(2)
    length = second & 0x7F
    if length == 126:
        (length,) = struct.unpack(">H", await reader.readexactly(2))
    mask = await reader.readexactly(4) if second & 0x80 else bytes(4)
    payload = await reader.readexactly(length)
    return first & 0x0F, bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))


async def serve(reader, writer):
    """Echoes texts, answers pings and closes."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        lines = [line.split(b":", 1) for line in head.split(b"\r\n")[1:] if b":" in line]
        key = {name.lower(): value.strip() for name, value in lines}.get(b"sec-websocket-key")
        if key is None:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n")
            return
        accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")
        opcode = TEXT
        while opcode != CLOSE:
            opcode, payload = await read_frame(reader)
            writer.write(frame(PONG if opcode == PING else opcode, payload, False))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass  # its peer left
    finally:
        writer.close()


class Load:
    """What came of all connections, by its name."""

    def __init__(self, port, ca):
        self.port = port
        self.tls = ssl.create_default_context(cafile=ca)
        self.outcomes = collections.Counter()
        self.slowest = 0.0
        self.examples = []

    def note(self, outcome, detail=None):
        self.outcomes[outcome] += 1
        if detail is not None and len(self.examples) < 5:
            self.examples.append(f"{outcome}: {detail!r}")

    async def one(self, hold):
        """A socket from SYN to Close; whatever happens is counted once."""
        began = time.monotonic()
        try:
            opened = await asyncio.wait_for(self.open(), PATIENCE)
        except ConnectionRefusedError as error:
            return self.note("refused", error)
        except asyncio.TimeoutError:
            return self.note("timed_out", f"after {PATIENCE} s")
        except (OSError, asyncio.IncompleteReadError) as error:
            return self.note("reset", error)
        self.slowest = max(self.slowest, time.monotonic() - began)
        if opened is None:
            return None
        reader, writer = opened
        try:
            await self.live(reader, writer, hold)
        except asyncio.TimeoutError:
            self.note("broken", "no answer to a message")
        except (OSError, asyncio.IncompleteReadError) as error:
            self.note("broken", error)
        finally:
            writer.close()
        return None

    async def open(self):
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.port, ssl=self.tls, server_hostname=HOST)
        key = base64.b64encode(os.urandom(16)).decode()
        writer.write(f"GET / HTTP/1.1\r\nHost: {HOST}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 101"):
            writer.close()
            return self.note("declined", head.split(b"\r\n")[0])
        return reader, writer

    async def live(self, reader, writer, hold):
        """Echoes before and after `hold` seconds; a Close of the gateway ends it well, with its code."""
        for wait in (0, hold):
            try:
                opcode, payload = await asyncio.wait_for(read_frame(reader), wait) if wait else (None, b"")
            except asyncio.TimeoutError:
                opcode = None  # silence, as it should be
            if opcode is None:
                writer.write(frame(TEXT, b"hello", True))
                opcode, payload = await asyncio.wait_for(read_frame(reader), PATIENCE)
            if opcode == CLOSE:
                writer.write(frame(CLOSE, payload[:2], True))
                return self.note("closed_%d" % struct.unpack(">H", payload[:2] or b"\x03\xed"))
            if payload != b"hello":
                return self.note("broken", payload)
        writer.write(frame(CLOSE, struct.pack(">H", 1000), True))
        return self.note("fine")


async def load(port, ca, rate, seconds, hold):
    """`rate` new connections a second, each on its own time: a slow one does not delay the next."""
    run, tasks, began = Load(port, ca), [], time.monotonic()
    for number in range(int(rate * seconds)):
        await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
        tasks.append(asyncio.create_task(run.one(hold)))
    offered = time.monotonic() - began
    await asyncio.gather(*tasks)
    print(json.dumps({"connections": len(tasks), "rate": round(len(tasks) / offered),
                      "slowest_s": round(run.slowest, 2), "examples": run.examples, **run.outcomes}))


async def backend(port):
    server = await asyncio.start_server(serve, "127.0.0.1", port, backlog=4096)
    print("listening", flush=True)
    await server.serve_forever()


def main():
    if sys.argv[1] == "backend":
        asyncio.run(backend(int(sys.argv[2])))
    else:
        port, ca, rate, seconds, hold = sys.argv[2:]
        asyncio.run(load(int(port), ca, float(rate), float(seconds), float(hold)))


if __name__ == "__main__":
    main()
