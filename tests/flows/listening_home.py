"""A Home Assistant that is connected to a broker and reads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from edge.runtime.bus import Bus
from tests.flows.fake_host import STORE, until
from tests.flows.home_assistant_reader import Reader


@dataclass
class Home:
    """A Home Assistant that is connected."""

    bus: Bus
    reader: Reader = field(default_factory=Reader)
    described: list[str] = field(default_factory=list)
    """Topics of all descriptions that came, in order."""
    trouble: Exception | None = None

    async def hear(self) -> None:
        filters = [
            "homeassistant/+/+/config",
            f"tillbox/v1/{STORE}/shown/#",
            f"tillbox/v1/{STORE}/host/+/availability",
            f"tillbox/v1/{STORE}/host/+/dev/+/availability",
        ]
        async for message in self.bus.subscribe(filters):
            if message.topic.startswith("homeassistant/") and message.payload:
                self.described.append(message.topic)
            try:
                self.reader.take(message.topic, message.payload)
            except Exception as error:
                self.trouble = error
                raise

    async def until(self, condition: Callable[[], bool], *, what: str) -> None:
        def holds() -> bool:
            if self.trouble is not None:
                raise self.trouble
            with suppress(KeyError):
                return condition()
            return False

        await until(holds, what=what, seconds=20)

    async def until_state(self, unique_id: str, state: str) -> None:
        try:
            await self.until(
                lambda: self.reader.state(unique_id) == state, what=f"{unique_id} is {state}"
            )
        except AssertionError:
            print(self.reader.devices(), self.reader.states, self.reader.newest)
            raise


@asynccontextmanager
async def home_assistant(broker: Any) -> AsyncIterator[Home]:
    home = Home(broker.connect("homeassistant"))
    tasks = [asyncio.create_task(home.bus.run()), asyncio.create_task(home.hear())]
    await until(lambda: home.bus.connected, what="Home Assistant is connected")
    try:
        yield home
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
