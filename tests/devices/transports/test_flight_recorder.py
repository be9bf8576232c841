from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.transports.flight_recorder import FlightRecorder, RecordedStream
from devices.transports.memory_pipe import PipeVariant, memory_pipe
from edge.contract.errors import DeviceUnreachable
from tests.devices.virtual_clock import VirtualClock


@given(st.lists(st.binary(max_size=400), max_size=60), st.integers(100, 2_000))
def test_it_never_holds_more_than_its_bound_and_keeps_the_newest(
    pieces: list[bytes], bytes_max: int
) -> None:
    recorder = FlightRecorder(VirtualClock(), bytes_max)
    for piece in pieces:
        recorder.record("in", piece)
        assert recorder.size_bytes <= bytes_max
        assert recorder.entries()[-1].data == piece[-(bytes_max - 64) :]


async def test_a_stream_is_written_down_with_its_times() -> None:
    clock = VirtualClock()
    recorder = FlightRecorder(clock)
    pipe = memory_pipe()
    stream = RecordedStream(pipe.near, recorder, clock)
    await stream.write(b"\x10\x04\x01")
    await clock.advance(0.25)
    await pipe.far.write(b"\x12")
    assert await stream.read(10) == b"\x12"
    recorder.note("over")
    await stream.close()
    entries = recorder.entries()
    assert [(e.way, e.data) for e in entries] == [
        ("out", b"\x10\x04\x01"),
        ("in", b"\x12"),
        ("note", b"over"),
    ]
    assert entries[1].at_ms - entries[0].at_ms == 250


async def test_how_a_write_ended_that_was_not_done_at_once_is_noted() -> None:
    clock = VirtualClock()
    recorder = FlightRecorder(clock)
    pipe = memory_pipe(PipeVariant(bytes_per_s=100, clock=clock))
    stream = RecordedStream(pipe.near, recorder, clock)
    async with clock.running():
        await stream.write(b"1")  # 10 ms: nothing worth a note
        await stream.write(b"12")
        with pytest.raises(TimeoutError):
            async with clock.timeout(1):
                await stream.write(b"x" * 1_000)
        await pipe.cut()
        with pytest.raises(DeviceUnreachable):
            await stream.write(b"3")
    notes = [entry.data for entry in recorder.entries() if entry.way == "note"]
    assert notes == [b"written", b"write broken off", b"write failed"]
    outs = [entry.at_ms for entry in recorder.entries() if entry.way == "out"]
    assert outs == sorted(outs)
