"""A box's ledger as it was copied, as it went on, and as the copy went on: two branches."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from edge.contract.envelope import SealedEnvelope, unseal
from edge.contract.event_registry import Event
from edge.contract.history_mending import GenerationGiven
from edge.contract.replication import Head
from edge.ledger.event_log import BusinessCalendar, Ledger
from edge.ledger.mending import Mended, mend_ledger
from edge.ledger.mending_stage import STAGE, Fork, MendingStage
from edge.ledger.records import Record
from tests.ledger.ledger_at import StillClock, ledger_at

BOX = "ab" * 32
Step = tuple[str, tuple[Event, ...]]
"""A till, and what is recorded there in one go."""


class Branches:
    """`box` is where the copy was put back and is mended, `lost` the disk that head office saw."""

    def __init__(self, folder: Path) -> None:
        self.lost = folder / "lost"
        self.box = folder / "box"
        self.lost.mkdir()
        self.box.mkdir()
        self.clock = StillClock()
        self.steps = 0

    async def common(self, *steps: Step, gen: int = 1) -> None:
        """What both have; the copy is taken behind it."""
        await self.record(self.lost, *steps, gen=gen)
        with (
            closing(sqlite3.connect(self.lost / "ledger.db")) as there,
            closing(sqlite3.connect(self.box / "ledger.db")) as copy,
        ):
            there.backup(copy)

    async def record(self, folder: Path, *steps: Step, gen: int = 1) -> None:
        """Record steps, each a second later than the one before, whichever branch that was in."""
        async with ledger_at(folder / "ledger.db", gen=gen) as ledger:
            for till, events in steps:
                self.steps += 1
                self.clock.now += 1_000
                await ledger.record(Record(events, till, "marta", at=self.clock.now))

    async def office_has(self, *steps: Step, gen: int = 1) -> None:
        await self.record(self.lost, *steps, gen=gen)

    async def copy_goes_on(self, *steps: Step, gen: int = 1) -> None:
        await self.record(self.box, *steps, gen=gen)

    async def stage(self, gen: int = 2, *, upto: int | None = None) -> None:
        """Put head office's branch beside the ledger of the box, as `sync` does."""
        theirs, mine = rows(self.lost), rows(self.box)
        fork = common_of(theirs, mine)
        stage = MendingStage(self.box / STAGE)
        before = theirs[fork - 1][1] if fork else bytes(32)
        await stage.begin(Fork(fork, before))
        for seq, (body, _) in enumerate(theirs[fork:upto], fork + 1):
            await stage.put(unseal(body).gen, seq, before, [body])
            before = theirs[seq - 1][1]
        newest = unseal(theirs[-1][0])
        parent = Head(newest.gen, len(theirs), theirs[-1][1].hex())
        await stage.give(GenerationGiven("harbour-street", gen, parent, 5, ""))
        await stage.close()

    async def mend(self, *, free: int = 10**12) -> Mended | None:
        return await mend_ledger(
            self.box,
            BOX,
            self.clock,  # type: ignore[arg-type]
            BusinessCalendar(ZoneInfo("UTC")),
            lambda _: free,
        )

    @property
    def path(self) -> Path:
        return self.box / "ledger.db"

    def aside(self) -> list[Path]:
        return sorted((self.box / "set-aside").glob("*"))


def rows(folder: Path) -> list[tuple[bytes, bytes]]:
    """Body and hash of every event."""
    path = folder / "ledger.db" if folder.is_dir() else folder
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.execute("SELECT body, hash FROM event ORDER BY seq"))


def common_of(one: list[tuple[bytes, bytes]], other: list[tuple[bytes, bytes]]) -> int:
    same = 0
    for mine, theirs in zip(one, other, strict=False):
        if mine != theirs:
            break
        same += 1
    return same


def sealed(path: Path) -> list[SealedEnvelope]:
    return [unseal(body) for body, _ in rows(path)]


def table(path: Path, sql: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


async def on_ledger(path: Path, gen: int, ask: Callable[[Ledger], Any]) -> Any:
    async with ledger_at(path, gen=gen) as ledger:
        return await ask(ledger)
