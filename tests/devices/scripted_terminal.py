"""A till's driver, and the payment terminal's end of the cable in the test's own hands."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from devices.driver import DeviceJob
from devices.transports.byte_stream import ByteStream
from edge.contract.device_messages import JobResult
from edge.contract.device_states import DriverState
from tests.devices.zvt_shop import ZvtShop, zvt_shop

STATUS_OK = "27 00 04 000000001234 49 0978 87 0001"
"""15 bytes: approved, 12.34 EUR, receipt 1."""


class Scripted:
    """The terminal's end of the cable in the test's own hands."""

    def __init__(self, shop: ZvtShop, registered: str) -> None:
        self.shop = shop
        self.registered = registered
        self._held = b""
        self.stream: ByteStream
        self.job: DeviceJob

    async def accept(self) -> None:
        """Take the next connection and let the till register."""
        self.stream, self._held = await self.shop.cable.accept(), b""
        assert await self.hear() == "0600"
        await self.write("80 00 00")
        await self.say("06 0F", self.registered)

    async def write(self, data: str) -> None:
        await self.stream.write(bytes.fromhex(data))

    async def say(self, command: str, data: str) -> None:
        """Send a unit and expect the till's 80 00."""
        body = bytes.fromhex(data)
        await self.stream.write(bytes.fromhex(command) + bytes([len(body)]) + body)
        assert await self.hear() == "8000"

    async def hear(self) -> str:
        """Return class and instruction of the till's next unit."""
        while len(self._held) < 3 or len(self._held) < 3 + self._held[2]:
            data = await self.stream.read(4096)
            assert data, "the till hung up"
            self._held += data
        unit, self._held = self._held[:2], self._held[3 + self._held[2] :]
        return unit.hex()

    async def nothing_stored(self) -> None:
        """Answer the till's question for the last stored transaction: there is none."""
        assert await self.hear() == "0620"
        await self.write("80 00 00")
        await self.say("06 0F", "")

    async def stored(self, status: str) -> None:
        """Answer the till's question for the last stored transaction with this one."""
        assert await self.hear() == "0620"
        await self.write("80 00 00")
        await self.say("04 0F", status)
        await self.say("06 0F", "")

    async def payment_begun(self, amount: int, answer: str = "80 00 00") -> asyncio.Task[JobResult]:
        """Let the till begin a payment: nothing stored so far, 06 01 answered."""
        self.job = self.shop.pay(amount)
        paying = asyncio.create_task(self.shop.driver.perform(self.job))
        await self.nothing_stored()
        assert await self.hear() == "0601"
        await self.write(answer)
        return paying


@asynccontextmanager
async def scripted(registered: str = "", *, ready: bool = True) -> AsyncIterator[Scripted]:
    async with zvt_shop(start=False, plugged=False) as shop:
        pt = Scripted(shop, registered)
        shop.start_driver()
        await pt.accept()
        if ready:
            await shop.until(DriverState.READY, DriverState.ATTENTION)
        yield pt
