"""Floor: bytes over TCP -> publish -> Mosquitto -> subscriber -> WebSocket, and nothing else.

    python -m tests.bench.floors.scan_path publish BROKER_PORT SCANNER_PORT PASSWORD_FILE
    python -m tests.bench.floors.scan_path show BROKER_PORT PASSWORD_FILE

Two processes, as `devices` and `edge` are two; `show` prints its port when it listens.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from pathlib import Path
from typing import Final

import aiomqtt
from aiohttp import web

TOPIC: Final = "tillbox/v1/bench-street/host/box/dev/scanner-1/event/scan"
_FILTER: Final = "tillbox/v1/bench-street/host/+/dev/+/event/scan"


def _client(user: str, broker_port: int, password_file: Path) -> aiomqtt.Client:
    return aiomqtt.Client(
        "127.0.0.1",
        broker_port,
        username=user,
        password=password_file.read_text(),
        identifier=user,
        protocol=aiomqtt.ProtocolVersion.V5,
    )


async def publish(broker_port: int, scanner_port: int, password_file: Path) -> None:
    """Publish every line that the scanner sends."""
    reader, _ = await asyncio.open_connection("127.0.0.1", scanner_port)
    async with _client("box", broker_port, password_file) as client:
        while line := await reader.readuntil(b"\r"):
            event = {"id": "scan", "data": {"text": line.decode().strip()}}
            await client.publish(TOPIC, json.dumps(event), qos=1)


async def show(broker_port: int, password_file: Path) -> None:
    """Send every scan to the sockets that are open."""
    sockets: set[web.WebSocketResponse] = set()

    async def serve(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        sockets.add(socket)
        await socket.receive()
        sockets.discard(socket)
        return socket

    async with _client("edge", broker_port, password_file) as client:
        await client.subscribe(_FILTER, qos=1)
        app = web.Application()
        app.router.add_get("/socket", serve)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        print(runner.addresses[0][1], flush=True)
        async for message in client.messages:
            scan = json.loads(message.payload)
            view = json.dumps({"line": scan["data"]["text"]})
            for socket in sockets:
                await socket.send_str(view)


def main(role: str, *words: str) -> None:
    """Run one of the two processes until it is killed."""
    with contextlib.suppress(asyncio.IncompleteReadError):
        if role == "publish":
            asyncio.run(publish(int(words[0]), int(words[1]), Path(words[2])))
        else:
            asyncio.run(show(int(words[0]), Path(words[1])))


if __name__ == "__main__":
    main(*sys.argv[1:])
