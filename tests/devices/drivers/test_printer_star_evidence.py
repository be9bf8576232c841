"""What a Star printer's late, doubled and lost words may not do to the next receipt."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from devices.driver import DeviceJob
from devices.drivers.printer_star import PrinterStar, PrinterStarSettings
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


def frame(count: int, state: int = 0, errors: int = 0) -> bytes:
    byte = {0: 0x00, 1: 0x02, 2: 0x04, 3: 0x06, 4: 0x08, 5: 0x0A}[count]
    return bytes((0x23, 0x06, state, errors, 0, 0, 0, byte, 0))


class ToldPrinter:
    """A printer that answers ESC ACK SOH; what else it says is in the test's hands."""

    def __init__(self, evidence: Any) -> None:
        self.clock = VirtualClock()
        self.cable = MemoryCable()
        self.ports = KeptPorts(self.cable.connect, self.clock)
        settings = PrinterStarSettings(address="tcp://192.0.2.8:9100", evidence=evidence)
        self.driver = PrinterStar(settings, self.ports)
        self.count = 0
        self.heard: list[bytearray] = []
        """What came, by connection."""
        self.stream: ByteStream
        self._jobs = 0

    async def attend(self) -> None:
        while True:
            self.stream = await self.cable.accept()
            heard = bytearray()
            self.heard.append(heard)
            self.count = 0
            try:
                while data := await self.stream.read(4_096):
                    heard += data
                    await self.stream.write(frame(self.count) * data.count(b"\x1b\x06\x01"))
                    if b"\x1b\x1eE\x00" in data:  # the greeting, with its mark
                        await self.come_to_a_mark()
            except DeviceUnreachable:
                continue

    async def come_to_a_mark(self) -> None:
        self.count += 1
        await self.stream.write(frame(self.count, state=0x02))

    async def until_ready(self) -> None:
        while self.driver.state is not DriverState.READY or not self.driver._greeted:
            await self.clock.sleep(0.05)
        await self.clock.sleep(0.2)

    def print(self, text: str) -> asyncio.Task[JobResult]:
        self._jobs += 1
        args = PrintReceiptArgs(ReceiptDocument(text, (TextBlock(text),)))
        job = DeviceJob(f"job-{self._jobs:08d}", JobKind.PRINT_RECEIPT, args, 0)
        return asyncio.create_task(self.driver.perform(job))

    async def until_printing(self, text: str) -> None:
        while text.encode() not in self.heard[-1]:
            await self.clock.sleep(0.05)


@asynccontextmanager
async def told_printer(evidence: str = "marks") -> AsyncIterator[ToldPrinter]:
    shop = ToldPrinter(evidence)
    async with shop.clock.running():
        tasks = [asyncio.create_task(shop.attend()), asyncio.create_task(shop.driver.run())]
        try:
            await shop.until_ready()
            yield shop
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_late_mark_confirms_no_other_receipt() -> None:
    async with told_printer() as shop:
        assert (await shop.print("FIRST")).result == UNCONFIRMED
        second = shop.print("SECOND")
        await shop.until_printing("SECOND")
        await shop.come_to_a_mark()  # of the first one
        assert (await second).result == UNCONFIRMED
        third = shop.print("THIRD")
        await shop.until_printing("THIRD")
        await shop.come_to_a_mark()  # of the second one
        await shop.clock.sleep(1)
        assert not third.done()
        await shop.come_to_a_mark()
        assert (await third).result == CONFIRMED


async def test_the_same_status_twice_confirms_nothing() -> None:
    async with told_printer() as shop:
        first = shop.print("FIRST")
        await shop.until_printing("FIRST")
        await shop.stream.write(frame(1, state=0x02) * 2)
        await shop.clock.sleep(1)
        assert not first.done()
        await shop.come_to_a_mark()
        assert (await first).result == CONFIRMED


async def test_marks_that_come_in_one_word_count_all() -> None:
    async with told_printer() as shop:
        assert (await shop.print("FIRST")).result == UNCONFIRMED
        second = shop.print("SECOND")
        await shop.until_printing("SECOND")
        await shop.stream.write(frame(3, state=0x02))
        assert (await second).result == CONFIRMED


async def test_a_printer_that_was_hot_still_owes_its_mark() -> None:
    async with told_printer() as shop:
        first = shop.print("FIRST")
        await shop.until_printing("FIRST")
        await shop.stream.write(frame(1, state=0x08, errors=0x40))
        assert (await first).result == UNCONFIRMED
        await shop.clock.sleep(300)
        await shop.stream.write(frame(1))
        await shop.until_ready()
        second = shop.print("SECOND")
        await shop.until_printing("SECOND")
        await shop.come_to_a_mark()  # the first one came out when the head was cool
        await shop.clock.sleep(1)
        assert not second.done()
        await shop.come_to_a_mark()
        assert (await second).result == CONFIRMED


async def test_a_receipt_that_was_handed_over_whole_may_have_arrived_in_half() -> None:
    async with told_printer() as shop:
        first = shop.print("FIRST")
        await shop.until_printing("FIRST")
        await shop.stream.close()
        result = await first
        assert result.status is JobStatus.UNKNOWN
        assert result.error is not None
        assert result.error.code == "connection_lost"
        while len(shop.heard) == 1:
            await shop.clock.sleep(0.05)
        await shop.until_ready()
        second = shop.print("SECOND")
        await shop.until_printing("SECOND")
        await shop.come_to_a_mark()
        assert (await second).result == CONFIRMED
        before = bytes(shop.heard[1]).partition(b"SECOND")[0]
        assert b"\x00" * 1_728 + b"\x1e\x18\x1b@" in before
        assert b"\x1bd\x03" in before  # what hung out was cut off


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (b"\x1b\x1d\x03\x01 !\x05\x00", CONFIRMED),
        (b"\x1b\x1d\x03\x01 \x22\x05\x00", UNCONFIRMED),  # of another document
        (b"\x1b\x1d\x03\x00 !\x05\x00", UNCONFIRMED),  # only a reference
        (frame(2, state=0x02), UNCONFIRMED),  # a mark that nobody asked for
    ],
)
async def test_the_end_of_a_document_is_told_by_its_number(
    answer: bytes, outcome: PrintOutcome
) -> None:
    async with told_printer("document") as shop:
        first = shop.print("FIRST")
        await shop.until_printing("FIRST")
        assert bytes(shop.heard[-1]).endswith(b"\x1bd\x03\x1b\x1d\x03\x01 !")
        await shop.stream.write(answer)
        assert (await first).result == outcome
