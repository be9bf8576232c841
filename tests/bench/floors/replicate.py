"""Floor: documents of 1.2 KB to head office by hand, into SQLite.

    python -m tests.bench.floors.replicate receive FILE.db     prints its port
    python -m tests.bench.floors.replicate send PORT DOCUMENTS prints the outcome as JSON

zstd over lines, batches of 500, two in flight; one transaction a batch, acknowledged when
it is on disk. No chain, no signature, no protocol but a length.
"""

from __future__ import annotations

import asyncio
import json
import random
import sqlite3
import struct
import sys
import time
from pathlib import Path
from typing import Final

import zstandard

_BATCH: Final = 500
_IN_FLIGHT: Final = 2
_LENGTH: Final = struct.Struct(">I")
_LEVEL: Final = 3


def documents(count: int) -> list[bytes]:
    """Return sales as documents of about 1.2 KB."""
    chance = random.Random(20_261_122)
    made = []
    for number in range(count):
        lines = [
            {
                "line": each,
                "sku": f"{chance.randrange(100_000):05d}",
                "name": chance.choice(("Whole milk 1 l", "Bread roll", "Oat flakes 500 g")),
                "code": f"952{chance.randrange(10**10):010d}",
                "quantity": 1000,
                "amount_minor": chance.randrange(40, 2_000),
                "tax": chance.choice("AB"),
            }
            for each in range(8)
        ]
        sale = {
            "_id": f"{chance.getrandbits(128):032x}",
            "store": 1,
            "receipt": number,
            "at": 1_795_000_000_000 + number * 61_000,
            "lines": lines,
            "total_minor": sum(line["amount_minor"] for line in lines),
        }
        made.append(json.dumps(sale, separators=(",", ":")).encode())
    return made


async def receive(path: Path) -> None:
    """Take batches of one sender after the other until killed."""
    database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute("CREATE TABLE document (n INTEGER PRIMARY KEY, body BLOB)")
    unpack = zstandard.ZstdDecompressor().decompress

    def keep(batch: bytes) -> None:
        rows = [(line,) for line in unpack(batch).split(b"\n")]
        database.execute("BEGIN IMMEDIATE")
        database.executemany("INSERT INTO document (body) VALUES (?)", rows)
        database.execute("COMMIT")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                (size,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
                batch = await reader.readexactly(size)
                await asyncio.to_thread(keep, batch)
                writer.write(b"\x06")
        except asyncio.IncompleteReadError:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=1 << 22)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


async def send(port: int, count: int) -> None:
    """Send that many documents and say how long it took."""
    lines = documents(count)
    pack = zstandard.ZstdCompressor(level=_LEVEL).compress
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    begun = time.perf_counter()
    waiting = 0
    for at in range(0, count, _BATCH):
        if waiting == _IN_FLIGHT:
            await reader.readexactly(1)
            waiting -= 1
        batch = pack(b"\n".join(lines[at : at + _BATCH]))
        writer.write(_LENGTH.pack(len(batch)) + batch)
        await writer.drain()
        waiting += 1
    await reader.readexactly(waiting)
    wall = time.perf_counter() - begun
    writer.close()
    print(json.dumps({"wall_s": wall, "bytes": sum(map(len, lines))}), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "receive":
        asyncio.run(receive(Path(sys.argv[2])))
    else:
        asyncio.run(send(int(sys.argv[2]), int(sys.argv[3])))
