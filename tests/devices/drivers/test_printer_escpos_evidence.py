"""What a receipt printer's late answers and lost bytes may not do to the next receipt."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from devices.driver import DeviceJob
from devices.drivers.printer_escpos import PrinterEscpos, PrinterEscposSettings
from devices.transports.byte_stream import ByteStream
from devices.transports.memory_pipe import MemoryCable
from edge.contract.device_messages import (
    JobKind,
    JobResult,
    JobStatus,
    PrintOutcome,
    PrintReceiptArgs,
)
from edge.contract.device_states import DriverState
from edge.contract.errors import DeviceUnreachable
from edge.contract.receipt_document import ReceiptDocument, TextBlock
from tests.devices.driver_ports import KeptPorts
from tests.devices.virtual_clock import VirtualClock

CONFIRMED = PrintOutcome("confirmed")
UNCONFIRMED = PrintOutcome("sent_unconfirmed")


class ToldPrinter:
    """A printer that answers DLE EOT; what it says behind data is in the test's hands."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.cable = MemoryCable()
        ports = KeptPorts(self.cable.connect, self.clock)
        self.driver = PrinterEscpos(
            PrinterEscposSettings(address="tcp://192.0.2.7:9100", evidence="status"), ports
        )
        self.heard: list[bytearray] = []
        """What came, by connection."""
        self.stream: ByteStream
        self._jobs = 0

    async def attend(self) -> None:
        while True:
            self.stream = await self.cable.accept()
            heard = bytearray()
            self.heard.append(heard)
            try:
                while data := await self.stream.read(4_096):
                    heard += data
                    await self.stream.write(b"\x12" * data.count(b"\x10\x04"))
            except DeviceUnreachable:
                continue

    async def until_ready(self) -> None:
        while self.driver.state is not DriverState.READY:
            await self.clock.sleep(0.05)

    def print(self, text: str) -> asyncio.Task[JobResult]:
        self._jobs += 1
        args = PrintReceiptArgs(ReceiptDocument(text, (TextBlock(text),)))
        job = DeviceJob(f"job-{self._jobs:08d}", JobKind.PRINT_RECEIPT, args, 0)
        return asyncio.create_task(self.driver.perform(job))

    async def until_printing(self, text: str) -> None:
        while text.encode() not in self.heard[-1]:
            await self.clock.sleep(0.05)


@asynccontextmanager
async def told_printer() -> AsyncIterator[ToldPrinter]:
    shop = ToldPrinter()
    async with shop.clock.running():
        tasks = [asyncio.create_task(shop.attend()), asyncio.create_task(shop.driver.run())]
        try:
            await shop.until_ready()
            yield shop
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_late_answer_confirms_no_other_receipt() -> None:
    async with told_printer() as shop:
        assert (await shop.print("FIRST")).result == UNCONFIRMED
        second = shop.print("SECOND")
        await shop.until_printing("SECOND")
        await shop.stream.write(b"\x00")  # of the first one
        assert (await second).result == UNCONFIRMED
        third = shop.print("THIRD")
        await shop.until_printing("THIRD")
        await shop.stream.write(b"\x00\x00")  # of the second and of the third one
        assert (await third).result == CONFIRMED


async def test_an_answer_that_never_comes_is_not_waited_for_for_ever() -> None:
    async with told_printer() as shop:
        assert (await shop.print("FIRST")).result == UNCONFIRMED
        await shop.clock.sleep(60)
        second = shop.print("SECOND")
        await shop.until_printing("SECOND")
        await shop.stream.write(b"\x00")
        assert (await second).result == CONFIRMED


async def test_a_printer_that_was_hot_still_owes_its_answer() -> None:
    async with told_printer() as shop:
        first = shop.print("FIRST")
        await shop.until_printing("FIRST")
        await shop.stream.write(b"\x18\x40\x00\x0f")
        assert (await first).result == UNCONFIRMED
        await shop.clock.sleep(300)
        await shop.stream.write(b"\x10\x00\x00\x0f")
        await shop.until_ready()
        second = shop.print("SECOND")
        await shop.until_printing("SECOND")
        await shop.stream.write(b"\x00")  # the first one came out when the head was cool
        await shop.clock.sleep(1)
        assert not second.done()
        await shop.stream.write(b"\x00")
        assert (await second).result == CONFIRMED


async def test_a_receipt_that_was_handed_over_whole_may_have_arrived_in_half() -> None:
    async with told_printer() as shop:
        first = shop.print("FIRST")
        await shop.until_printing("FIRST")
        await shop.stream.close()
        assert (await first).status is JobStatus.UNKNOWN
        while len(shop.heard) == 1:
            await shop.clock.sleep(0.05)
        await shop.until_ready()
        second = shop.print("SECOND")
        await shop.until_printing("SECOND")
        await shop.stream.write(b"\x00")
        assert (await second).result == CONFIRMED
        before = bytes(shop.heard[1]).partition(b"SECOND")[0]
        assert b"\x00" * 1_024 + b"\x1b@" in before
