"""A device's recordings: made when it is lost, and when somebody asks over the bus."""

from __future__ import annotations

import asyncio
import base64
import io
import random
import zlib
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import msgspec
import pytest

from devices.driver import DeviceJob
from devices.host.device_recordings import DeviceRecordings
from devices.host.recorded_driver import RecordedDriver
from devices.job_router.incoming_jobs import read_job
from devices.recordings.bundle import RecordedEnd, RecordedJob, unpack
from devices.recordings.recording_folder import RecordingFolder, read_recording
from devices.transports.flight_recorder import FlightRecorder
from edge.contract.device_messages import JobKind, JobResult, JobStatus, KickDrawerArgs
from edge.contract.device_states import WantedDevice
from edge.contract.errors import DeviceUnreachable
from edge.runtime.structured_log import open_log
from tests.devices.queue_desk import ScriptedDriver, payload
from tests.devices.virtual_clock import VirtualClock

WANTED = WantedDevice("scale-1", "scale_cas", {"address": "tcp://192.0.2.1:1"})


class Bench:
    def __init__(self, folder: RecordingFolder | None) -> None:
        self.clock = VirtualClock()
        self.recorder = FlightRecorder(self.clock)
        self.answers: list[JobResult] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.log_text = io.StringIO()
        self.recordings = DeviceRecordings(
            WANTED,
            self.recorder,
            folder,
            version="1.2.3",
            clock=self.clock,
            log=open_log("test", self.log_text),
            spawn=self.spawn,
            answer=self.answers.append,
        )

    def spawn(self, _name: str, work: Coroutine[Any, Any, None]) -> object:
        self.tasks.append(asyncio.create_task(work))
        return None

    async def lost(self, words: str = "It does not answer.") -> None:
        self.recordings.lost(words)
        await asyncio.gather(*self.tasks)

    async def ask(self, job_id: str = "job-00001", in_ms: int = 5_000, **changes: Any) -> JobResult:
        job = read_job(
            payload(JobKind.SAVE_RECORDING, job_id, self.clock.now_ms() + in_ms, **changes)
        )
        assert job is not None
        self.recordings.take(job)
        await asyncio.gather(*self.tasks)
        return self.answers[-1]


async def test_a_lost_device_leaves_a_recording_with_what_led_to_it(tmp_path: Path) -> None:
    bench = Bench(RecordingFolder(tmp_path))
    bench.recorder.record("out", b"\x05")
    await bench.lost()
    (stored,) = RecordingFolder(tmp_path).stored()
    assert stored.bundle is not None
    heading = stored.bundle.heading
    assert (heading.device, heading.driver, heading.settings) == (
        "scale-1",
        "scale_cas",
        WANTED.settings,
    )
    assert (heading.reason, heading.words, heading.version) == (
        "lost",
        "It does not answer.",
        "1.2.3",
    )
    assert stored.bundle.entries == bench.recorder.entries()
    assert '"recording_kept"' in bench.log_text.getvalue()


async def test_a_device_with_a_loose_plug_does_not_wear_the_card_out(tmp_path: Path) -> None:
    bench = Bench(RecordingFolder(tmp_path))
    bench.recorder.record("in", b"\x05")
    for _ in range(30):
        await bench.lost()
        await bench.clock.advance(30)
    assert len(RecordingFolder(tmp_path).stored()) == 2


async def test_a_device_that_never_said_anything_leaves_none(tmp_path: Path) -> None:
    bench = Bench(RecordingFolder(tmp_path))
    bench.recorder.note("connected")
    await bench.lost()
    assert RecordingFolder(tmp_path).stored() == ()
    await Bench(None).lost()


@pytest.mark.parametrize("note", ["line pulse on", "lines on: none"])
async def test_a_device_of_signal_lines_leaves_one_too(tmp_path: Path, note: str) -> None:
    bench = Bench(RecordingFolder(tmp_path))
    bench.recorder.note(note)
    await bench.lost()
    assert len(RecordingFolder(tmp_path).stored()) == 1


async def test_a_full_disk_is_told_in_the_log_and_stops_nobody(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    bench = Bench(RecordingFolder(tmp_path / "file" / "folder"))
    bench.recorder.record("out", b"\x05")
    await bench.lost()
    assert '"recording_not_kept"' in bench.log_text.getvalue()
    result = await bench.ask()
    assert result.status is JobStatus.FAILED
    assert result.error is not None
    assert result.error.code == "recording_not_kept"
    assert result.error.advice


async def test_who_asks_is_sent_the_recording_that_is_kept(tmp_path: Path) -> None:
    bench = Bench(RecordingFolder(tmp_path))
    for number in range(400):
        bench.recorder.record("out", bytes([number % 256]) * 40)
    result = await bench.ask()
    assert (result.status, result.correlation) == (JobStatus.DONE, "c-job-00001")
    path = tmp_path / result.result.file
    content = path.read_bytes()
    assert result.result.size_bytes == len(content)
    assert zlib.decompress(base64.b64decode(result.result.bundle)) == content
    assert read_recording(path).entries == bench.recorder.entries()
    assert read_recording(path).heading.reason == "asked"


async def test_asking_twice_with_one_job_makes_one_recording(tmp_path: Path) -> None:
    bench = Bench(RecordingFolder(tmp_path))
    first = await bench.ask()
    await bench.clock.advance(1)
    again = await bench.ask(correlation="another")
    assert msgspec.structs.replace(again, correlation=first.correlation) == first
    assert again.correlation == "another"
    assert len(list(tmp_path.iterdir())) == 1
    await bench.ask("job-00002")
    assert len(list(tmp_path.iterdir())) == 2


async def test_without_a_folder_it_is_sent_all_the_same() -> None:
    bench = Bench(None)
    bench.recorder.record("out", b"\x05")
    result = await bench.ask()
    assert result.result.file == ""
    bundle = unpack(zlib.decompress(base64.b64decode(result.result.bundle)), "sent")
    assert bundle.entries == bench.recorder.entries()


async def test_the_largest_recording_there_can_be_fits_into_an_answer() -> None:
    bench = Bench(None)
    chance = random.Random(7)
    for _ in range(3_000):
        bench.recorder.record("out", chance.randbytes(chance.choice((1, 40, 4_000))))
    result = await bench.ask()
    assert 0 < len(result.result.bundle) < 196_608


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"v": 2}, "version_unknown"),
        ({"delivery": "at_most_once"}, "delivery_wrong"),
        ({"in_ms": -1}, "expired"),
        ({"args": 7}, "args_invalid"),
    ],
)
async def test_what_is_no_such_job_is_refused(changes: dict[str, Any], code: str) -> None:
    result = await Bench(None).ask(**changes)
    assert result.status is JobStatus.FAILED
    assert result.error is not None
    assert result.error.code == code


# --- the jobs in a recording --------------------------------------------------------------


def kick() -> DeviceJob:
    return DeviceJob("kick-00001", JobKind.KICK_DRAWER, KickDrawerArgs("sale"), 99)


async def test_a_job_and_its_end_stand_in_the_recording_without_what_it_brought() -> None:
    clock = VirtualClock()
    recorder, inner = FlightRecorder(clock), ScriptedDriver(clock)
    driver = RecordedDriver(inner, recorder)
    assert driver.state is inner.state
    inner.returns("kick-00001", lambda job: job.done(clock.now_ms(), {"receipt": "4111"}))
    result = await driver.perform(kick())
    assert result.result == {"receipt": "4111"}
    job, end = recorder.entries()
    recorded = msgspec.json.decode(job.data, type=RecordedJob)
    assert (job.way, recorded.id, recorded.kind, recorded.deadline) == (
        "job",
        "kick-00001",
        JobKind.KICK_DRAWER,
        99,
    )
    assert msgspec.json.decode(recorded.args, type=KickDrawerArgs) == KickDrawerArgs("sale")
    assert (end.way, msgspec.json.decode(end.data)) == (
        "end",
        {"id": "kick-00001", "status": "done"},
    )


async def test_how_a_job_failed_stands_in_the_recording() -> None:
    clock = VirtualClock()
    recorder, inner = FlightRecorder(clock), ScriptedDriver(clock)
    driver = RecordedDriver(inner, recorder)
    inner.raises("kick-00001", DeviceUnreachable("cable_out", "Out."), RuntimeError("defect"))
    for _ in range(2):
        with pytest.raises((DeviceUnreachable, RuntimeError)):
            await driver.perform(kick())
    inner.returns("kick-00001", lambda job: job.failed(1, "drawer_stuck", "It is stuck."))
    await driver.perform(kick())
    inner.holds("kick-00001")
    held = asyncio.create_task(driver.perform(kick()))
    await asyncio.sleep(0)
    held.cancel()
    with pytest.raises(asyncio.CancelledError):
        await held
    ends = [
        msgspec.json.decode(entry.data, type=RecordedEnd)
        for entry in recorder.entries()
        if entry.way == "end"
    ]
    assert [(end.status, end.code) for end in ends] == [
        ("raised", "cable_out"),
        ("raised", "RuntimeError"),
        ("failed", "drawer_stuck"),
        ("raised", "CancelledError"),
    ]
