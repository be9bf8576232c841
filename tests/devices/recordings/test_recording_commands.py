"""A scale is lost on a real socket: its recording is listed, played, and plays the same."""

from __future__ import annotations

import argparse
import asyncio
import io
from pathlib import Path

import msgspec
import pytest

from devices.driver import SimulatorPorts
from devices.main import COMMAND
from devices.recordings.recording_folder import RecordingFolder
from devices.simulators.scale_cas import SimulatedScale, SimulatedScaleSettings
from devices.transports.asyncio_stream import AsyncioStream
from edge.contract.device_messages import JobKind, RecordingOutcome
from edge.contract.device_states import WantedDevice
from edge.runtime.memory_bus import MemoryBroker
from edge.runtime.structured_log import open_log
from edge.runtime.system_clock import SystemClock
from tests.devices.host_bench import HostBench, until
from tests.devices.queue_desk import payload


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    COMMAND.configure(parser)
    return COMMAND.run(parser.parse_args(words))


async def lose_a_scale(folder: Path) -> None:
    """Run a host whose scale weighs, is asked for a recording, and is switched off."""
    clock = SystemClock()
    bench = HostBench(folder / "devices.db", MemoryBroker(), clock)
    scale = SimulatedScale(
        SimulatedScaleSettings(), SimulatorPorts(clock, open_log("test", io.StringIO()))
    )
    scale.put(1_250)
    live: list[asyncio.StreamWriter] = []

    async def attend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        live.append(writer)
        await scale.attend(AsyncioStream(reader, writer, clock, "till"))

    server = await asyncio.start_server(attend, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    address = {"address": f"tcp://127.0.0.1:{port}"}
    async with bench.running():
        await bench.edge.configure(WantedDevice("scale-1", "scale_cas", address))
        await until(lambda: bench.edge.state_is("scale-1", "ready"))
        deadline = clock.now_ms() + 4_000
        await bench.edge.send("scale-1", payload(JobKind.WEIGH, "weigh-0001", deadline))
        await until(lambda: bench.edge.results("scale-1"))
        await bench.edge.send("scale-1", payload(JobKind.SAVE_RECORDING, "save-00001", deadline))
        await until(lambda: len(bench.edge.results("scale-1")) == 2)
        outcome = msgspec.convert(bench.edge.results("scale-1")[-1].result, RecordingOutcome)
        assert (folder / "recordings" / outcome.file).stat().st_size == outcome.size_bytes
        server.close()
        for writer in live:
            writer.transport.abort()
        await until(lambda: bench.edge.state_is("scale-1", "lost"))
        await until(lambda: len(RecordingFolder(folder / "recordings").stored()) == 2)


async def test_a_lost_scale_leaves_a_recording_that_plays_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await lose_a_scale(tmp_path)
    assert await asyncio.to_thread(run, "recordings", "--folder", str(tmp_path / "recordings")) == 0
    asked, lost = capsys.readouterr().out.splitlines()
    assert "scale-1 (scale_cas)" in asked
    assert "lost: " in lost
    for line in (asked, lost):
        path = line.split("  ")[0]
        status = await asyncio.to_thread(run, "replay", path)
        said = capsys.readouterr().out
        assert status == 0, said
        assert "The driver wrote the same" in said.splitlines()[-1]
        assert 'result weigh-0001 done {"weight_g":1250' in said
    assert 'state="lost"' in said

    changed = tmp_path / "changed.jsonl"
    text = Path(path).read_text()
    assert '"data":"EQ=="' in text
    changed.write_text(text.replace('"data":"EQ=="', '"data":"Eg=="', 1))
    assert await asyncio.to_thread(run, "replay", "--bytes", str(changed)) == 1
    said = capsys.readouterr().out
    assert "then: 12" in said
    assert "> 05" in said

    assert await asyncio.to_thread(run, "replay", "--read", path) == 0
    said = capsys.readouterr().out
    assert "  out   05\n" in said
    assert "job   {" in said


def test_the_folder_is_found_by_the_settings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "devices.toml"
    text = (
        'store = "s"\nhost = "h"\ndatabase = "data/devices.db"\n'
        '[broker]\nuser = "h"\npassword_file = "password"\n'
    )
    config.write_text(text)
    assert run("recordings", "--config", str(config)) == 0
    assert f"no recordings in {tmp_path / 'data' / 'recordings'}" in capsys.readouterr().out
    config.write_text('recordings = "elsewhere"\n' + text)
    assert run("recordings", "--config", str(config)) == 0
    assert f"no recordings in {tmp_path / 'elsewhere'}" in capsys.readouterr().out
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a.20260101.lost.jsonl").write_text("nonsense")
    assert run("recordings", "--config", str(config)) == 0
    assert "no heading" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("recordings", "--config", "none.toml"), "none.toml cannot be read"),
        (("replay", "none.jsonl"), "none.jsonl cannot be read"),
        (("replay", __file__), "is no recording"),
        ((), "--config FILE.toml is missing"),
    ],
)
def test_what_cannot_be_done_is_told_in_words(
    words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*words) == 2
    told = capsys.readouterr()
    assert said in told.err
    assert "Traceback" not in told.err


def test_a_recording_of_a_driver_that_is_not_there_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(
        '{"tillbox_recording":1,"device":"a","driver":"scale_psychic","settings":{},'
        '"at_ms":1,"reason":"asked"}\n'
    )
    assert run("replay", str(path)) == 2
    assert "Choose one of" in capsys.readouterr().err
