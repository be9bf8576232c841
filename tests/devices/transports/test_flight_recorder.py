from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from devices.transports.flight_recorder import FlightRecorder, RecordedStream, load_flight
from devices.transports.memory_pipe import memory_pipe
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


async def test_a_stream_is_written_down_and_the_bundle_read_back() -> None:
    clock = VirtualClock()
    recorder = FlightRecorder(clock)
    pipe = memory_pipe()
    stream = RecordedStream(pipe.near, recorder)
    await stream.write(b"\x10\x04\x01")
    await clock.advance(0.25)
    await pipe.far.write(b"\x12")
    assert await stream.read(10) == b"\x12"
    recorder.note("over")
    await stream.close()
    entries = list(load_flight(recorder.save()))
    assert [(e.way, e.data) for e in entries] == [
        ("out", b"\x10\x04\x01"),
        ("in", b"\x12"),
        ("note", b"over"),
    ]
    assert entries[1].at_ms - entries[0].at_ms == 250
