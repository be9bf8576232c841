"""Floor: a process with the libraries of the box, a database and a listener, and no shop.

    python -m tests.bench.floors.bare_start FILE.db

Prints its port when it answers.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import aiomqtt
import aiosqlite
import msgspec
from aiohttp import web


class Health(msgspec.Struct):
    """What it answers."""

    status: str
    mqtt: str


async def serve(path: Path) -> None:
    """Serve until killed."""
    database = await aiosqlite.connect(path)
    await database.execute("PRAGMA journal_mode = WAL")
    await database.execute("CREATE TABLE IF NOT EXISTS row (seq INTEGER PRIMARY KEY, body BLOB)")
    await database.commit()

    async def health(_: web.Request) -> web.Response:
        return web.Response(body=msgspec.json.encode(Health("ok", aiomqtt.__name__)))

    app = web.Application()
    app.router.add_get("/health", health)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
