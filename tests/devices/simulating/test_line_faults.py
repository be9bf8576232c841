from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from devices.scripted_actions import read_play
from devices.simulating.line_faults import LINE_ACTIONS, LineFaults
from edge.contract.errors import DeviceUnreachable
from tests.devices.virtual_clock import VirtualClock


class Wire:
    """The far side of the line: what got out, piece by piece, and when."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.pieces: list[bytes] = []
        self.at_ms: list[int] = []
        self.closed = False

    async def read(self, max_bytes: int) -> bytes:
        return b"heard"[:max_bytes]

    async def write(self, data: bytes) -> None:
        self.pieces.append(data)
        self.at_ms.append(self.clock.monotonic_ms())

    async def close(self) -> None:
        self.closed = True


class Line:
    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.wire = Wire(self.clock)
        self.tasks: list[asyncio.Task[None]] = []
        self.cable: list[tuple[bool, int]] = []
        self.faults = LineFaults(self.clock, self.spawn)
        self.faults.plug = self.plug
        self.faults.begun(self.wire)
        self.stream = self.faults.wrap(self.wire)

    def spawn(self, _name: str, work: Coroutine[Any, Any, None]) -> object:
        self.tasks.append(asyncio.create_task(work))
        return None

    async def plug(self, plugged: bool) -> None:
        self.cable.append((plugged, self.clock.monotonic_ms()))

    async def play(self, name: str, **args: Any) -> None:
        await read_play(LINE_ACTIONS, name, args).on(self.faults)


@pytest.mark.parametrize(
    ("action", "args", "said", "out"),
    [
        ("line_mend", {}, [b"abcd"], [b"abcd"]),
        ("line_half", {}, [b"abcd", b"efgh"], [b"ab", b"efgh"]),
        ("line_half", {"messages": 2}, [b"abcd", b"efg", b"h"], [b"ab", b"e", b"h"]),
        ("line_half", {}, [b"a", b"b"], [b"b"]),
        ("line_duplicate", {}, [b"ab", b"cd"], [b"abab", b"cd"]),
        ("line_damage", {}, [b"\x010\x03", b"0"], [b"\x014\x03", b"0"]),
        ("line_damage", {}, [b"", b"0"], [b"0"]),
        ("line_silent", {}, [b"ab", b"cd"], []),
        ("line_byte_by_byte", {}, [b"abc"], [b"a", b"b", b"c"]),
        ("line_slow", {"bytes_per_s": 40}, [b"abcd"], [b"ab", b"cd"]),
        ("line_slow", {"bytes_per_s": 10}, [b"abc"], [b"a", b"b", b"c"]),
    ],
)
async def test_a_fault_spoils_what_the_device_says_in_its_own_way(
    action: str, args: dict[str, Any], said: list[bytes], out: list[bytes]
) -> None:
    line = Line()
    await line.play(action, **args)
    async with line.clock.running():
        for each in said:
            await line.stream.write(each)
    assert line.wire.pieces == out


async def test_a_slow_line_takes_the_time_that_its_speed_says_and_a_late_one_its_delay() -> None:
    line = Line()
    async with line.clock.running():
        await line.play("line_slow", bytes_per_s=10)
        await line.stream.write(b"12345")
        assert line.clock.monotonic_ms() == 500
        await line.play("line_slow", bytes_per_s=0)
        await line.play("line_late", ms=2_000)
        await line.stream.write(b"late")
    assert line.wire.at_ms[-1] == 2_500


async def test_single_bytes_have_gaps_between_them_and_a_speed_if_there_is_one() -> None:
    line = Line()
    async with line.clock.running():
        await line.play("line_byte_by_byte")
        await line.stream.write(b"abc")
        assert line.wire.at_ms == [0, 1, 2]
        await line.play("line_slow", bytes_per_s=100)
        await line.stream.write(b"de")
    assert line.wire.at_ms[3:] == [3, 13]


async def test_mending_ends_every_fault_and_reading_never_suffers() -> None:
    line = Line()
    for action in ("line_silent", "line_half", "line_damage", "line_duplicate", "line_late"):
        await line.play(action)
    await line.play("line_slow")
    await line.play("line_byte_by_byte")
    assert await line.stream.read(3) == b"hea"
    await line.play("line_mend")
    await line.stream.write(b"whole")
    assert line.wire.pieces == [b"whole"]
    await line.stream.close()
    assert line.wire.closed


async def test_the_same_seed_is_the_same_noise_and_it_suffers_no_fault_itself() -> None:
    line = Line()
    await line.play("line_silent")
    await line.play("line_garbage", bytes=9, seed=4)
    await line.play("line_garbage", bytes=9, seed=4)
    await line.play("line_garbage", bytes=9, seed=5)
    first, second, third = line.wire.pieces
    assert len(first) == 9
    assert first == second != third
    line.faults.ended(line.wire)
    with pytest.raises(DeviceUnreachable, match="Nobody is connected"):
        await line.play("line_garbage")


async def test_a_cut_cable_comes_back_by_itself_or_stays_out() -> None:
    line = Line()
    async with line.clock.running():
        await line.play("line_cut", for_s=3)
        await asyncio.gather(*line.tasks)
        assert line.cable == [(False, 0), (True, 3_000)]
        await line.play("line_cut", for_s=0)
        await line.clock.sleep(60)
        assert line.cable[2:] == [(False, 3_000)]
        await line.play("line_plug_in")
    assert line.cable[-1] == (True, 63_000)
