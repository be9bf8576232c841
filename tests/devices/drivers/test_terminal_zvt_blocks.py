"""ZVT's blocks on a serial line, one after the other: answers, repeats, damage, silence."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from devices.drivers.terminal_zvt.blocks import BlockStream
from devices.transports.byte_stream import ByteStream
from devices.transports.memory_pipe import memory_pipe
from edge.contract.errors import DeviceUnreachable, ProtocolViolation
from tests.devices.driver_ports import KeptPorts
from tests.devices.virtual_clock import VirtualClock

YES = "1002 8000 00 1003 F51F"
BUSY = "1002 849C 00 1003 C341"
ASK = bytes.fromhex("05 01 03 123456")
ASK_BLOCK = "1002 0501 03 123456 1003 E043"
DIAGNOSE = bytes.fromhex("06 70 00")
DIAGNOSE_BLOCK = "1002 0670 00 1003 D9F9"


# --- one block after the other ---------------------------------------------------------------


class Line:
    """The far end of the line in the test's own hands."""

    def __init__(self, clock: VirtualClock) -> None:
        pipe = memory_pipe()
        self.clock = clock
        self.far: ByteStream = pipe.far
        self.ports = KeptPorts(self._none, clock)
        self.till = BlockStream(pipe.near, self.ports)

    async def _none(self) -> ByteStream:
        raise AssertionError("the line is open already")

    async def say(self, data: str) -> None:
        await self.far.write(bytes.fromhex(data))

    async def hear(self, within_s: float = 60.0) -> str:
        """Return what comes until the line is silent for a tenth of a second; "" for nothing."""
        got = b""
        try:
            async with self.clock.timeout(within_s):
                got = await self.far.read(4096)
            while True:
                async with self.clock.timeout(0.1):
                    got += await self.far.read(4096)
        except TimeoutError:
            return got.hex()


def text(data: str) -> str:
    return bytes.fromhex(data).hex()


@asynccontextmanager
async def line() -> AsyncIterator[Line]:
    clock = VirtualClock()
    async with clock.running():
        yield Line(clock)


async def test_a_unit_leaves_as_a_block_and_has_arrived_with_its_06() -> None:
    async with line() as pt:
        sending = asyncio.create_task(pt.till.write(ASK))
        assert await pt.hear() == text(ASK_BLOCK)
        assert not sending.done()
        await pt.say("06")
        await sending
        assert pt.ports.counts == {}


async def test_a_block_is_answered_at_once_and_given_as_its_unit() -> None:
    async with line() as pt:
        reading = asyncio.create_task(pt.till.read(4096))
        await pt.say(YES)
        assert await pt.hear() == "06"
        assert await reading == b"\x80\0\0"


async def test_15_has_a_block_sent_again_twice_and_then_the_line_counts_as_broken() -> None:
    async with line() as pt:
        sending = asyncio.create_task(pt.till.write(ASK))
        for _ in range(3):
            assert await pt.hear() == text(ASK_BLOCK)
            await pt.say("15")
        with pytest.raises(DeviceUnreachable, match="sent 3 times"):
            await sending
        assert await pt.hear(20) == ""
        assert pt.ports.counts == {"BlockRepeatCount": 2}


async def test_a_block_that_nobody_answers_is_sent_again_after_t2() -> None:
    async with line() as pt:
        began_ms = pt.clock.monotonic_ms()
        sending = asyncio.create_task(pt.till.write(ASK))
        for times in range(3):
            assert await pt.hear() == text(ASK_BLOCK)
            assert pt.clock.monotonic_ms() - began_ms == 5_000 * times + 100
        with pytest.raises(DeviceUnreachable, match="did not take a message"):
            await sending
        assert pt.clock.monotonic_ms() - began_ms == 15_000


@pytest.mark.parametrize(
    "spoilt",
    [
        pytest.param("1002 8000 00 1003 F51E", id="wrong checksum"),
        pytest.param("1002 8000 00 1003", id="no checksum"),
        pytest.param("1002 80", id="broken off"),
        pytest.param("1002 80 1007 00 06", id="a 10 that means nothing"),
    ],
)
async def test_a_damaged_block_is_asked_for_again(spoilt: str) -> None:
    async with line() as pt:
        reading = asyncio.create_task(pt.till.read(4096))
        await pt.say(spoilt)
        assert await pt.hear() == "15"
        await pt.say(YES)
        assert await pt.hear() == "06"
        assert await reading == b"\x80\0\0"
        assert pt.ports.counts == {"BlockErrorCount": 1}


async def test_a_block_that_stops_for_t1_is_asked_for_again_and_one_that_goes_on_is_not() -> None:
    async with line() as pt:
        reading = asyncio.create_task(pt.till.read(4096))
        for part in ("1002 80", "00 00 10", "03 F5"):
            await pt.say(part)
            assert await pt.hear(0.15) == ""
        await pt.say("1F")
        assert await pt.hear() == "06"
        assert await reading == b"\x80\0\0"
        reading = asyncio.create_task(pt.till.read(4096))
        await pt.say("1002 84")
        assert await pt.hear(0.15) == ""
        assert await pt.hear(0.1) == "15"
        reading.cancel()


async def test_a_repeated_block_is_answered_and_passed_on_to_nobody() -> None:
    async with line() as pt:
        for _ in range(3):
            reading = asyncio.create_task(pt.till.read(4096))
            await pt.say(BUSY)
            assert await pt.hear() == "06"
            if pt.ports.counts:
                await pt.clock.sleep(4.0)
                assert not reading.done()
                reading.cancel()
            else:
                assert await reading == b"\x84\x9c\0"
                pt.ports.count("seen")
        assert pt.ports.counts["BlockAgainCount"] == 2


async def test_the_same_words_again_are_no_repeat_once_ours_arrived_or_time_has_passed() -> None:
    async with line() as pt:
        for again in (False, True):
            reading = asyncio.create_task(pt.till.read(4096))
            await pt.say(BUSY)
            assert await pt.hear() == "06"
            assert await reading == b"\x84\x9c\0"
            sending = asyncio.create_task(pt.till.write(DIAGNOSE))
            assert await pt.hear() == text(DIAGNOSE_BLOCK)
            await pt.say("06")
            await sending
            if again:
                break
        reading = asyncio.create_task(pt.till.read(4096))
        await pt.say(BUSY)
        assert await pt.hear() == "06"
        assert await reading == b"\x84\x9c\0"
        await pt.clock.sleep(6.5)
        reading = asyncio.create_task(pt.till.read(4096))
        await pt.say(BUSY)
        assert await pt.hear() == "06"
        assert await reading == b"\x84\x9c\0"
        assert "BlockAgainCount" not in pt.ports.counts


async def test_an_answer_says_that_the_command_arrived_whose_06_was_lost() -> None:
    async with line() as pt:
        sending = asyncio.create_task(pt.till.write(ASK))
        assert await pt.hear() == text(ASK_BLOCK)
        await pt.say(YES)
        assert await pt.hear() == "06"
        await sending
        assert await pt.till.read(4096) == b"\x80\0\0"
        assert await pt.hear(20) == "", "a command that is carried out was sent again"


async def test_a_message_of_the_terminals_own_is_no_answer_to_a_command() -> None:
    async with line() as pt:
        sending = asyncio.create_task(pt.till.write(bytes.fromhex("06 B0 00")))
        sent = await pt.hear()
        await pt.say("1002 0670 00 1003 D9F9")
        assert await pt.hear() == "06"
        assert await pt.hear() == sent
        await pt.say("06")
        await sending


@pytest.mark.parametrize(
    ("wire", "error"),
    [
        ("1002 060F 05 00 1003 4782", "does not hold one message"),
        ("1002 8000 00 8000 00 1003 E899", "does not hold one message"),
        ("1002 474554 1003 51F8", "starts no message"),
    ],
)
async def test_a_block_holds_one_message(wire: str, error: str) -> None:
    async with line() as pt:
        await pt.say(wire)
        with pytest.raises(ProtocolViolation, match=error):
            await pt.till.read(4096)


async def test_a_flood_of_blocks_is_no_terminal() -> None:
    async with line() as pt:
        await pt.far.write(bytes.fromhex(YES + BUSY) * 40)
        with pytest.raises(ProtocolViolation, match="without waiting"):
            await pt.till.read(4096)


async def test_two_tasks_share_the_line() -> None:
    async with line() as pt:
        reading = asyncio.create_task(pt.till.read(4096))
        await pt.clock.sleep(1.0)
        sending = asyncio.create_task(pt.till.write(ASK))
        assert await pt.hear() == text(ASK_BLOCK)
        await pt.say("06" + YES)
        assert await pt.hear() == "06"
        await sending
        assert await reading == b"\x80\0\0"
        # whoever reads goes away in the middle: another takes the line over
        reading = asyncio.create_task(pt.till.read(4096))
        await pt.clock.sleep(1.0)
        sending = asyncio.create_task(pt.till.write(ASK))
        assert await pt.hear() == text(ASK_BLOCK)
        reading.cancel()
        await pt.say("06")
        await sending


async def test_the_line_is_listened_to_until_nothing_of_old_comes_any_more() -> None:
    async with line() as pt:
        began_ms = pt.clock.monotonic_ms()
        settling = asyncio.create_task(pt.till.settle(6_000))
        for wait_s in (0.5, 5.0, 5.5):
            await pt.clock.sleep(wait_s)
            await pt.say(YES)
            assert await pt.hear() == "06"
        await settling
        assert pt.clock.monotonic_ms() - began_ms >= 11_000 + 6_000
        reading = asyncio.create_task(pt.till.read(4096))
        await pt.clock.sleep(3.0)
        assert not reading.done()
        reading.cancel()
        assert pt.ports.counts["UnexpectedMessageCount"] >= 1


async def test_a_line_that_is_never_silent_has_something_else_on_it() -> None:
    async with line() as pt:
        settling = asyncio.create_task(pt.till.settle(6_000))
        while not settling.done():
            await pt.say("02 30 30 31 32 03")
            await pt.clock.sleep(0.5)
        with pytest.raises(DeviceUnreachable, match="never silent"):
            await settling


async def test_the_end_of_the_line_ends_what_waits_on_it() -> None:
    async with line() as pt:
        reading = asyncio.create_task(pt.till.read(4096))
        sending = asyncio.create_task(pt.till.write(ASK))
        await pt.hear()
        await pt.far.close()
        assert await reading == b""
        with pytest.raises(DeviceUnreachable, match="ended"):
            await sending
