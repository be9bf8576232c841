"""A fake box, a fake head office, and a real replicator between them."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from typing_extensions import override

from edge.runtime.structured_log import Log
from edge.runtime.system_clock import SystemClock
from sync.replicator.line_use import LineSettings
from sync.replicator.main import connected
from sync.replicator.settings import SESSION_PATH, Peers
from tests.sync.fake_edge import TOKEN, FakeEdge
from tests.sync.fake_office import FakeOffice


class BriskClock(SystemClock):
    """Real time, but whoever sleeps is woken after a hundredth of it; `slept` notes how long."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    @override
    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(seconds / 100)


@dataclass
class Shop:
    """Both ends, running; `office_port` is where the replicator dials (a cutter, perhaps)."""

    edge: FakeEdge
    office: FakeOffice
    clock: BriskClock = field(default_factory=BriskClock)
    stream: io.StringIO = field(default_factory=io.StringIO)
    line: LineSettings = field(default_factory=LineSettings)

    def lines(self, event: str) -> list[dict[str, Any]]:
        """What the replicator has logged under a word."""
        lines = [json.loads(line) for line in self.stream.getvalue().splitlines()]
        return [line for line in lines if line["event"] == event]

    @property
    def link(self) -> str:
        """What edge was told last of the link; empty before anything was."""
        return self.edge.links[-1].state if self.edge.links else ""

    @property
    def in_step(self) -> bool:
        """Whether head office has what the box has, and the box knows it."""
        return self.office.events == self.edge.events and self.edge.accepted_seq == len(
            self.edge.events
        )

    @asynccontextmanager
    async def replicating(
        self, *, office_port: int = 0, token: str = TOKEN
    ) -> AsyncIterator[asyncio.Task[None]]:
        peers = Peers(
            self.edge.url,
            token,
            f"ws://127.0.0.1:{office_port or self.office.port}{SESSION_PATH}",
            None,
            line=self.line,
        )
        log = Log(self.stream, self.clock, {})
        async with connected(peers, self.clock, log) as replicator:
            task = asyncio.create_task(replicator.run())
            try:
                yield task
            finally:
                task.cancel()
                ended = await asyncio.gather(task, return_exceptions=True)
                assert isinstance(ended[0], asyncio.CancelledError), ended


async def until(condition: Callable[[], bool], *, within_s: float = 15.0) -> None:
    """Return once it is so; fail when it is not in time."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + within_s
    while not condition():
        assert loop.time() < deadline, "it did not come about"
        await asyncio.sleep(0.005)
