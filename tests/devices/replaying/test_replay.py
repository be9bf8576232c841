"""What a driver wrote is written again when its recording is played, and a difference is seen."""

from __future__ import annotations

import io
from dataclasses import replace

import msgspec
import pytest

from devices import driver_catalogue
from devices.driver import Replay
from devices.protocols.escpos_encoder import EscposEncoder
from devices.recordings.bundle import Bundle, pack, unpack
from devices.replaying.comparison import is_written
from devices.replaying.replay import RecordingReplay, Verdict
from devices.transports.byte_stream import ByteStream
from devices.transports.flight_recorder import FlightEntry
from devices.transports.memory_pipe import PipeVariant
from edge.contract.errors import Refused
from edge.runtime.structured_log import open_log
from tests.devices.conformance import DriverBench
from tests.devices.replaying.recorded_life import Life, is_cut, record, works

EscposEncoder.load()  # the clock of a recording must not jump while a thread imports

PLAYABLE = tuple(
    name
    for name in driver_catalogue.driver_names()
    if driver_catalogue.driver(name).replay is not Replay.READ_ONLY
)
VARIANTS = (
    PipeVariant("whole"),
    PipeVariant("one_byte_at_a_time", chunk_bytes=1),
    PipeVariant("slow", bytes_per_s=960),
)


async def play(bundle: Bundle, *, show_bytes: bool = False) -> tuple[Verdict, list[str]]:
    said: list[str] = []
    replay = RecordingReplay(unpack(pack(bundle), "a.jsonl"), said.append, show_bytes=show_bytes)
    return await replay.run(open_log("test", io.StringIO())), said


@pytest.mark.parametrize("life", [works, is_cut], ids=lambda life: life.__name__)
@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
@pytest.mark.parametrize("name", PLAYABLE)
async def test_a_driver_writes_the_same_bytes_as_then(
    name: str, variant: PipeVariant, life: Life
) -> None:
    bundle, bench = await record(name, life, variant)
    verdict, said = await play(bundle)
    assert verdict.same, "\n".join(said)
    written = [e.data for e in bundle.entries if is_written(e.way, e.data)]
    assert verdict.recorded == len(b"".join(written))
    # it went through the same states, and every job ended as it did
    states = [line.split("state=")[1].split()[0].strip('"') for line in said if "state=" in line]
    assert [state for at, state in enumerate(states) if not at or states[at - 1] != state] == [
        move for move in bench.ports.moves if move != "stopped"
    ]
    assert "(then:" not in "\n".join(said)
    results = [line for line in said if "  result " in line]
    assert len(results) == sum(entry.way == "end" for entry in bundle.entries)


async def test_events_and_results_are_told_as_they_happened() -> None:
    async def scans(bench: DriverBench) -> None:
        await bench.until_serving()
        await bench.clock.sleep(2)
        await bench.simulator.scan("9521234567892")
        await bench.clock.sleep(1)

    bundle, _ = await record("scanner_serial", scans)
    verdict, said = await play(bundle, show_bytes=True)
    assert verdict.same
    assert verdict.recorded == 0
    (event,) = [line for line in said if " event " in line]
    assert event.split()[0] == "+2.050"
    assert '"9521234567892"' in event
    assert any("< 39 35 32 31" in line for line in said)
    assert "nothing to compare" in said[-1]


async def test_a_machine_that_was_slow_plays_as_slowly_as_it_was() -> None:
    # the scale says nothing for five questions; the machine took a third longer for everything
    async def answers_late(bench: DriverBench) -> None:
        simulator = bench.simulator
        asked = 0

        async def mute_at_first(stream: ByteStream) -> None:
            nonlocal asked
            while asked < 4 and (data := await stream.read(100)):
                asked += len(data)
            await simulator.attend(stream)

        bench.far_end = mute_at_first
        await bench.until_serving()
        await bench.clock.sleep(3)

    bundle, _ = await record("scale_cas", answers_late)
    first = bundle.entries[0].at_ms
    slowly = [
        msgspec.structs.replace(entry, at_ms=first + round((entry.at_ms - first) * 1.3))
        for entry in bundle.entries
    ]
    verdict, said = await play(with_entries(bundle, slowly))
    assert verdict.same, "\n".join(said)
    assert verdict.recorded > 20


# --- differences --------------------------------------------------------------------------


def with_entries(bundle: Bundle, entries: list[FlightEntry]) -> Bundle:
    return replace(bundle, entries=tuple(entries))


async def test_another_byte_is_found_with_its_place() -> None:
    bundle, _ = await record("scale_cas", works)
    entries = list(bundle.entries)
    outs = [at for at, entry in enumerate(entries) if entry.way == "out"]
    at = outs[20]
    entries[at] = msgspec.structs.replace(entries[at], data=b"\x07")
    verdict, said = await play(with_entries(bundle, entries))
    assert verdict.difference is not None
    assert (verdict.difference.offset, verdict.difference.then[:1]) == (20, b"\x07")
    assert "byte 21 is the first" in said[-1]


async def test_a_device_that_says_something_else_makes_the_driver_write_something_else() -> None:
    bundle, _ = await record("scale_cas", works)
    entries = [
        msgspec.structs.replace(entry, data=b"\x15") if entry.data == b"\x06" else entry
        for entry in bundle.entries
    ]
    verdict, _ = await play(with_entries(bundle, entries))
    assert not verdict.same


async def test_a_line_that_is_driven_otherwise_is_a_difference_too() -> None:
    bundle, _ = await record("drawer_gpio", works)
    entries = [
        msgspec.structs.replace(entry, data=b"line pulse OFF")
        if entry.data == b"line pulse off"
        else entry
        for entry in bundle.entries
    ]
    assert with_entries(bundle, entries) != bundle
    verdict, _ = await play(with_entries(bundle, entries))
    assert not verdict.same
    verdict, said = await play(bundle, show_bytes=True)
    assert verdict.same
    assert any("- line pulse on" in line for line in said)


async def test_what_the_driver_does_not_write_is_missed() -> None:
    bundle, _ = await record("scale_cas", works)
    entries = list(bundle.entries)
    more = FlightEntry(entries[-1].at_ms, "out", b"\x11\x22")
    verdict, said = await play(with_entries(bundle, [*entries, more]))
    assert verdict.difference is not None
    assert verdict.difference.offset == verdict.recorded - 2
    assert verdict.difference.now in {b"", b"\x05"}
    assert "then: 11 22" in said[-1]


async def test_a_job_that_ends_otherwise_is_told() -> None:
    bundle, _ = await record("scale_cas", works)
    entries = [
        msgspec.structs.replace(
            entry,
            data=entry.data.replace(b'"status":"done"', b'"status":"failed","code":"dropped"'),
        )
        for entry in bundle.entries
    ]
    _, said = await play(with_entries(bundle, entries))
    assert sum("(then: failed dropped)" in line for line in said) == 2


async def test_a_driver_that_fails_is_no_same_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    bundle, _ = await record("scanner_serial", works)
    spec = driver_catalogue.driver("scanner_serial")

    class Fails(spec.build):  # type: ignore[misc,name-defined]
        async def serve(self, _stream: object) -> None:
            raise ArithmeticError("seven")

    monkeypatch.setattr(driver_catalogue, "driver", lambda _name: replace(spec, build=Fails))
    verdict, said = await play(bundle)
    assert not verdict.same
    assert "ArithmeticError: seven" in "\n".join(said)


# --- what cannot be played as it was ------------------------------------------------------


async def test_a_recording_from_the_middle_is_compared_from_what_was_written_first() -> None:
    bundle, _ = await record("scale_cas", works, bytes_max=8_000)
    assert bundle.entries[0].data != b"connected"
    verdict, said = await play(bundle)
    assert verdict.same
    assert verdict.recorded > 20
    assert "in the middle of a connection" in said[1]


async def test_a_recording_from_the_middle_of_a_device_that_only_speaks() -> None:
    bundle, _ = await record("scanner_serial", works)
    entries = [FlightEntry(e.at_ms, "in", b"123\r") for e in bundle.entries if e.way == "note"]
    _, said = await play(with_entries(bundle, entries))
    assert any(" event scan " in line for line in said)


async def test_a_fresh_connection_is_begun_with_when_nothing_was_said_before_it() -> None:
    bundle, _ = await record("scale_cas", works)
    early = FlightEntry(bundle.entries[0].at_ms - 5_000, "note", b"tried in vain")
    verdict, said = await play(with_entries(bundle, [early, *bundle.entries]))
    assert verdict.same
    assert "1 entries before the first connection" in said[1]


async def test_a_terminals_recording_says_what_is_blank_and_holds_no_card() -> None:
    bundle, _ = await record("terminal_zvt", works)
    content = pack(bundle)
    flight = b"".join(entry.data for entry in bundle.entries)
    assert b"0042" not in flight
    assert b"Beleg" not in flight
    assert bytes.fromhex("0600") in flight
    assert bytes.fromhex("060006000000") not in flight
    assert b"0042" not in content
    verdict, said = await play(bundle)
    assert verdict.same
    assert "Card data, receipts and passwords were blanked" in said[1]


async def test_a_recording_in_which_nothing_was_said_is_refused() -> None:
    bundle, _ = await record("scale_cas", works)
    notes = [FlightEntry(1, "note", b"disconnected")]
    with pytest.raises(Refused, match="Nothing was said"):
        RecordingReplay(with_entries(bundle, notes), print, show_bytes=False)


@pytest.mark.parametrize("change", [{"replay": Replay.READ_ONLY}, {"replay": Replay.WHOLE}])
async def test_a_recording_that_is_only_for_people_is_refused(
    change: dict[str, Replay], monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle, _ = await record("terminal_zvt", works)
    spec = replace(driver_catalogue.driver("terminal_zvt"), **change)
    monkeypatch.setattr(driver_catalogue, "driver", lambda _name: spec)
    with pytest.raises(Refused, match="cannot be played"):
        await play(bundle)


async def test_settings_of_another_release_are_refused() -> None:
    bundle, _ = await record("scale_cas", works)
    heading = msgspec.structs.replace(bundle.heading, settings={"colour": "red"})
    with pytest.raises(Refused, match="settings do not fit"):
        await play(replace(bundle, heading=heading))


async def test_a_job_that_cannot_be_read_is_passed_over() -> None:
    bundle, _ = await record("scale_cas", works)
    entries = [
        msgspec.structs.replace(entry, data=entry.data[5:])
        if entry.way in {"job", "end"}
        else entry
        for entry in bundle.entries
    ]
    _, said = await play(with_entries(bundle, entries))
    assert any("cannot be read is passed over" in line for line in said)
