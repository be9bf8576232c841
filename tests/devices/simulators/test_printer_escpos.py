"""The simulated printer as a peer: buffer, status, one client at a time."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from devices.driver import SimulatorPorts
from devices.simulators.printer_escpos import SIMULATOR, SimulatedPrinter, SimulatedPrinterSettings
from devices.transports.byte_stream import ByteStream
from devices.transports.memory_pipe import MemoryPipe, memory_pipe
from edge.contract.errors import DeviceUnreachable
from edge.runtime.structured_log import open_log
from tests.devices.virtual_clock import VirtualClock

ENABLE = b"\x1da\xff"
WELL = b"\x14\x00\x00\x0f"


class Client:
    """The other end, reading all that comes."""

    def __init__(self, pipe: MemoryPipe) -> None:
        self.pipe = pipe
        self.stream: ByteStream = pipe.near
        self.heard = bytearray()
        self.ended = False

    async def read(self) -> None:
        try:
            while data := await self.stream.read(4_096):
                self.heard += data
        except DeviceUnreachable:
            pass
        self.ended = True


class Shop:
    def __init__(self, clock: VirtualClock, printer: SimulatedPrinter) -> None:
        self.clock = clock
        self.printer = printer
        self.tasks: list[asyncio.Task[None]] = []

    def connect(self) -> Client:
        client = Client(memory_pipe())
        self.tasks.append(asyncio.create_task(self.printer.attend(client.pipe.far)))
        self.tasks.append(asyncio.create_task(client.read()))
        return client

    async def settled(self) -> None:
        """Let everything happen that happens without time passing."""
        await self.clock.advance(0)

    async def say(self, client: Client, data: bytes) -> bytes:
        """Write and return what comes back at once."""
        client.heard.clear()
        await client.stream.write(data)
        await self.settled()
        return bytes(client.heard)


@asynccontextmanager
async def shop(**settings: Any) -> AsyncIterator[Shop]:
    clock = VirtualClock()
    log = open_log("test", io.StringIO())
    printer = SIMULATOR.build(SimulatedPrinterSettings(**settings), SimulatorPorts(clock, log))
    assert isinstance(printer, SimulatedPrinter)
    made = Shop(clock, printer)
    try:
        yield made
    finally:
        for task in made.tasks:
            task.cancel()
        await asyncio.gather(*made.tasks, return_exceptions=True)


async def test_status_is_sent_at_once_and_on_every_change() -> None:
    async with shop() as here:
        client = here.connect()
        assert await here.say(client, ENABLE) == WELL
        here.printer.paper = "near_end"  # type: ignore[assignment]  # the setter takes its word
        await here.settled()
        here.printer.cover_open = True
        await here.settled()
        here.printer.open_drawer()
        await here.settled()
        here.printer.close_drawer()
        await here.settled()
        assert (
            bytes(client.heard)
            == WELL + b"\x14\0\x03\x0f\x3c\0\x03\x0f\x38\0\x03\x0f\x3c\0\x03\x0f"
        )
        assert here.printer.cover_open
        assert str(here.printer.paper) == "near_end"
        here.printer.cover_open = False
        assert await here.say(client, b"\x1b@") != b""
        here.printer.paper = "ok"  # type: ignore[assignment]  # the setter takes its word
        await here.settled()
        assert await here.say(client, b"\x10\x04\x04") == b"\x12"  # ESC @ ended the reports


@pytest.mark.parametrize(
    ("answers", "question", "answer"),
    [
        ("all", b"\x1dr\x01", b"\x00"),
        ("all", b"\x1dr\x02", b"\x01"),
        ("all", b"\x1d(H\x06\x00000042", b"\x37\x220042\x00"),
        ("no_process_id", b"\x1d(H\x06\x00000042", b""),
        ("no_process_id", b"\x1dr\x01", b"\x00"),
        ("real_time", b"\x1dr\x01", b""),
        ("real_time", b"\x10\x04\x01", b"\x16"),
        ("none", b"\x10\x04\x01", b""),
        ("all", b"\x1dIA", b"\x5f1.00 SIMULATED\x00"),
        ("all", b"\x1dIB", b"\x5fTILLBOX\x00"),
        ("all", b"\x1dIC", b"\x5fTM-T88V\x00"),
        ("all", b"\x1dID", b"\x5fSIM0000001\x00"),
        ("all", b"\x1dIz", b""),
    ],
)
async def test_what_a_model_answers(answers: str, question: bytes, answer: bytes) -> None:
    async with shop(answers=answers) as here:
        client = here.connect()
        assert await here.say(client, question) == answer


async def test_a_full_buffer_holds_the_client_back_and_still_hears_real_time() -> None:
    async with shop(buffer_bytes=256) as here:
        client = here.connect()
        here.printer.set_trouble(switched_offline=True)
        await client.stream.write(b"x" * 19 + b"\n" + b"y" * 280)
        await here.settled()
        assert here.printer.waiting_bytes == 300
        assert await here.say(client, b"\x10\x04\x01") == b"\x1e"
        writing = asyncio.create_task(client.stream.write(b"z" * 10_000))
        await here.settled()
        assert not writing.done()
        assert here.printer.waiting_bytes == 256 + 256
        assert here.printer.current() == []
        here.printer.set_trouble()
        await here.settled()
        assert writing.done()
        assert here.printer.current()[0] == "x" * 19
        assert here.printer.received_bytes == 300 + 3 + 10_000


async def test_a_client_that_is_cut_off_at_a_full_buffer_leaves_the_printer_free() -> None:
    async with shop(buffer_bytes=256) as here:
        client = here.connect()
        here.printer.set_trouble(switched_offline=True)
        writing = asyncio.create_task(client.stream.write(b"z" * 10_000))
        await here.settled()
        here.printer.hang_up()
        await here.settled()
        with pytest.raises(DeviceUnreachable):
            await writing
        assert client.ended
        assert await here.say(here.connect(), b"") == b""
        assert here.printer.connections == 2


async def test_printing_takes_its_time() -> None:
    async with shop(speed_mm_s=100) as here:
        client = here.connect()
        await here.say(client, b"a\nb\nc\n" + b"\x1dr\x01")
        assert here.printer.current() == ["a"]
        assert await here.say(client, b"\x10\x04\x01") == b"\x16"
        await here.clock.advance(0.04)
        assert here.printer.current() == ["a", "b"]
        client.heard.clear()
        await here.clock.advance(0.1)
        assert here.printer.current() == ["a", "b", "c"]
        assert bytes(client.heard) == b"\x00"


async def test_paper_lasts_so_many_lines_and_the_rest_waits_for_a_new_roll() -> None:
    async with shop() as here:
        client = here.connect()
        await here.say(client, ENABLE)
        here.printer.paper_lasts(2)
        assert await here.say(client, b"a\nb\nc\n\x1dV\x00") == b"\x1c\x00\x0f\x0f"
        assert here.printer.current() == ["a", "b"]
        here.printer.paper = "ok"  # type: ignore[assignment]  # the setter takes its word
        await here.settled()
        assert here.printer.receipts() == ["a\nb\nc"]


async def test_what_is_in_the_buffer_comes_out_after_the_client_left() -> None:
    async with shop(speed_mm_s=100) as here:
        client = here.connect()
        here.printer.paper = "out"  # type: ignore[assignment]  # the setter takes its word
        await here.say(client, b"a\nb\n\x1dV\x00")
        await client.stream.close()
        await here.settled()
        assert client.ended
        assert here.printer.receipts() == []
        here.printer.paper = "ok"  # type: ignore[assignment]  # the setter takes its word
        assert here.printer.receipts() == ["a\nb"]


async def test_one_client_at_a_time() -> None:
    async with shop() as here:
        first, second = here.connect(), here.connect()
        assert await here.say(second, b"\x10\x04\x01") == b""
        assert await here.say(first, b"\x10\x04\x01") == b"\x16"
        second.heard.clear()
        await first.stream.close()
        await here.settled()
        assert bytes(second.heard) == b"\x16"
        await second.pipe.cut()
        await here.settled()
        assert all(task.done() for task in here.tasks)


async def test_a_client_that_says_nothing_is_hung_up_on() -> None:
    async with shop(idle_close_s=30) as here:
        client = here.connect()
        await here.clock.advance(29)
        assert not client.ended
        await here.say(client, b"\x00")
        await here.clock.advance(29)
        assert not client.ended
        await here.clock.advance(2)
        assert client.ended


async def test_power_cycle_forgets_what_was_not_printed() -> None:
    async with shop() as here:
        client = here.connect()
        assert await here.say(client, ENABLE) == WELL
        here.printer.cover_open = True
        await here.say(client, b"\x1bE\x01a\nb\n\x10")
        here.printer.power_cycle()
        await here.settled()
        assert client.ended
        assert here.printer.waiting_bytes == 0
        here.printer.power_cycle()
        here.printer.cover_open = False
        again = here.connect()
        assert await here.say(again, b"\x04\x01c\n") == b""
        assert here.printer.current() == ["c"]


async def test_drop_after_so_many_bytes() -> None:
    async with shop() as here:
        client = here.connect()
        here.printer.drop_after(4)
        await here.say(client, b"a\nb\nc\n")
        assert client.ended
        assert here.printer.received_bytes == 4
        assert here.printer.current() == ["a", "b"]


@pytest.mark.parametrize(("command", "lines"), [(b"\x10\x05\x02", []), (b"\x10\x05\x01", ["a"])])
async def test_recovery_from_a_jammed_cutter(command: bytes, lines: list[str]) -> None:
    async with shop() as here:
        client = here.connect()
        await here.say(client, ENABLE)
        here.printer.set_trouble(cutter_jammed=True)
        await here.say(client, b"a\n")
        assert await here.say(client, command) == WELL
        assert here.printer.current() == lines
        assert await here.say(client, command) == b""


async def test_pulses_behind_data_and_at_once() -> None:
    async with shop(drawer_pin=5) as here:
        client = here.connect()
        await here.say(client, b"\x1bp\x00\x32\x64")
        assert not here.printer.drawer_open  # another pin
        await here.say(client, b"\x1bp\x01\x32\x64")
        assert here.printer.drawer_open
        here.printer.close_drawer()
        here.printer.drawer_locked = True
        assert here.printer.drawer_locked
        await here.say(client, b"\x10\x14\x01\x01\x02")
        assert not here.printer.drawer_open
        here.printer.drawer_locked = False
        here.printer.set_trouble(broken=True)
        await here.say(client, b"\x10\x14\x01\x01\x02\x1bp\x01\x32\x64")
        assert not here.printer.drawer_open
        assert [(pulse.pin, pulse.on_ms, pulse.now) for pulse in here.printer.pulses] == [
            (2, 100, False),
            (5, 100, False),
            (5, 200, True),
        ]


async def test_a_client_that_does_not_read_costs_only_its_own_answers() -> None:
    async with shop() as here:
        pipe = memory_pipe()
        attending = asyncio.create_task(here.printer.attend(pipe.far))
        here.tasks.append(attending)
        await pipe.near.write(ENABLE)
        for n in range(4_000):
            here.printer.cover_open = bool(n % 2)
        await here.settled()
        await pipe.cut()
        await here.settled()
        assert attending.done()
