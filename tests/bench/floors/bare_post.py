"""Floor: POST -> msgspec -> durable group commit by one writer thread -> reply; no shop logic.

    python -m tests.bench.floors.bare_post FILE.db

Prints its port when it listens. One row per request, WAL and synchronous FULL; the thread
takes all that is queued, commits once and wakes the loop once.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import sys
import threading
from pathlib import Path
from typing import Final

import msgspec
from aiohttp import web

_LISTEN: Final = "127.0.0.1"


class Wish(msgspec.Struct):
    """What the generator posts."""

    command_id: str
    type: str
    code: str = ""
    amount_minor: int = 0


class Answer(msgspec.Struct):
    """What it gets back once the row is on disk."""

    command_id: str
    seq: int
    state: str


_DECODER: Final = msgspec.json.Decoder(Wish)
_ENCODER: Final = msgspec.json.Encoder()
Waiting = tuple[Wish, bytes, "asyncio.Future[int]"]


class Writer(threading.Thread):
    """The only thread with a connection to the file."""

    def __init__(self, path: Path, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(daemon=True)
        self._path = path
        self._loop = loop
        self.waiting: queue.SimpleQueue[Waiting] = queue.SimpleQueue()

    def run(self) -> None:
        database = sqlite3.connect(self._path, isolation_level=None)
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute("CREATE TABLE row (seq INTEGER PRIMARY KEY, id TEXT, body BLOB)")
        while True:
            batch = [self.waiting.get()]
            while not self.waiting.empty():
                batch.append(self.waiting.get_nowait())
            database.execute("BEGIN IMMEDIATE")
            seqs = [
                database.execute(
                    "INSERT INTO row (id, body) VALUES (?, ?)", (wish.command_id, body)
                ).lastrowid
                or 0
                for wish, body, _ in batch
            ]
            database.execute("COMMIT")
            self._loop.call_soon_threadsafe(self._answer, batch, seqs)

    @staticmethod
    def _answer(batch: list[Waiting], seqs: list[int]) -> None:
        for (_, _, future), seq in zip(batch, seqs, strict=True):
            future.set_result(seq)


async def serve(path: Path) -> None:
    """Serve until killed."""
    loop = asyncio.get_running_loop()
    writer = Writer(path, loop)
    writer.start()

    async def post(request: web.Request) -> web.Response:
        body = await request.read()
        wish = _DECODER.decode(body)
        future: asyncio.Future[int] = loop.create_future()
        writer.waiting.put((wish, body, future))
        answer = Answer(wish.command_id, await future, "done")
        return web.Response(body=_ENCODER.encode(answer), content_type="application/json")

    app = web.Application()
    app.router.add_post("/commands", post)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, _LISTEN, 0, backlog=256)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
