"""Recordings are saved by a key of the wall: where they lie is said, and they come along."""

from __future__ import annotations

import asyncio
import base64
import zlib
from pathlib import Path
from typing import Any

import pytest

from edge.contract.device_limits import (
    RECORDING_BYTES_MAX,
)
from edge.contract.device_messages import Job, JobError, JobResult, JobStatus
from edge.contract.device_states import DriverState
from edge.runtime.memory_bus import MemoryBroker
from tests.flows.fake_host import done, until
from tests.flows.wall import Wall, wall

CONTENT = '{"tillbox_recording":1}\n{"at_ms":1,"way":"in","data":"AQ=="}\n'


def outcome(content: str = CONTENT, **changed: Any) -> dict[str, Any]:
    packed = base64.b64encode(zlib.compress(content.encode(), 9)).decode()
    return {"file": "printer-1.X.asked.jsonl", "size_bytes": 66, "bundle": packed, **changed}


async def save(on: Wall, device: str = "printer-1", job: str = "save-000001") -> tuple[int, Any]:
    return await on.wish(f"/{device}/recordings", command_id=job)


async def test_a_recording_is_saved_also_of_a_lost_device_and_comes_along(tmp_path: Path) -> None:
    async with wall(tmp_path) as on:
        await on.host.report("printer-1", DriverState.LOST, health="Gone.")
        on.host.answers["save_recording"] = done(outcome())
        await on.until_device("printer-1", "it is lost", state="lost", records=True)
        status, body = await save(on)
        assert (status, body) == (
            200,
            {
                "outcome": "done", "host": "box", "file": "printer-1.X.asked.jsonl",
                "size_bytes": 66, "content": CONTENT, "code": "", "words": "", "advice": "",
            },
        )  # fmt: skip
        (job,) = on.host.of_kind("save_recording")
        assert job.id == "save-000001"
        assert '"recording_asked"' in on.box.log.getvalue()


async def test_one_too_large_to_be_sent_is_fetched_where_it_lies(tmp_path: Path) -> None:
    async with wall(tmp_path) as on:
        on.host.answers["save_recording"] = done(outcome(bundle=""))
        _, body = await save(on)
        assert (body["outcome"], body["content"]) == ("done", "")
        assert body["file"] == "printer-1.X.asked.jsonl"


@pytest.mark.parametrize(
    "result",
    [
        {"file": 1},
        outcome(bundle="not base64"),
        outcome(bundle=base64.b64encode(b"not zlib").decode()),
        outcome(bundle=base64.b64encode(zlib.compress(b"cut off" * 99)[:-5]).decode()),
        outcome("\u00e9"),
        outcome(bundle=base64.b64encode(zlib.compress(bytes(RECORDING_BYTES_MAX + 1), 9)).decode()),
    ],
    ids=["shape", "base64", "zlib", "cut", "not ascii", "bomb"],
)
async def test_an_answer_that_is_none_is_said(tmp_path: Path, result: dict[str, Any]) -> None:
    async with wall(tmp_path) as on:
        on.host.answers["save_recording"] = done(result)
        status, body = await save(on)
        assert (status, body["outcome"], body["code"]) == (200, "failed", "recording_garbled")
        assert body["content"] == ""


async def test_what_its_machine_says_no_to_is_said_in_its_words(tmp_path: Path) -> None:
    def refuse(job: Job) -> JobResult:
        error = JobError("recording_not_kept", "It could not be written: no space.", "Make room.")
        return JobResult(job.id, JobStatus.FAILED, 1, error=error)

    async with wall(tmp_path) as on:
        on.host.answers["save_recording"] = refuse
        _, body = await save(on)
        assert (body["outcome"], body["code"]) == ("failed", "recording_not_kept")
        assert (body["words"], body["advice"]) == (
            "It could not be written: no space.", "Make room.",
        )  # fmt: skip


async def test_a_stranger_and_another_device_answer_for_nobody(tmp_path: Path) -> None:
    async with wall(tmp_path) as on:
        saving = asyncio.create_task(save(on))
        await until(lambda: bool(on.host.of_kind("save_recording")), what="it is asked")
        await on.host.answer("scanner-1", "save-000001", JobStatus.DONE, outcome("{}"))
        topic = on.host.topics.device("printer-1").result
        await on.say(topic, b"\xff", retain=False)
        await on.host.answer("printer-1", "save-000001", JobStatus.ACCEPTED)
        await on.host.answer("printer-1", "save-000001", JobStatus.DONE, outcome())
        assert (await saving)[1]["content"] == CONTENT


async def test_whose_machine_is_away_is_told_where_the_recordings_lie(tmp_path: Path) -> None:
    broker = MemoryBroker()
    async with wall(tmp_path, broker=broker) as on:
        await on.host.offline()
        await on.until_device("printer-1", "it is gone", records=False)
        status, refusal = await save(on)
        assert (status, refusal["code"]) == (409, "recording_out_of_reach")
        assert refusal["params"] == {"device": "printer-1", "host": "box"}
        status, refusal = await save(on, "printer-9")
        assert (status, refusal["code"]) == (404, "device_unknown")
        assert on.host.of_kind("save_recording") == []
        await on.box.call("DELETE", "/api/v1/technician/session")
        assert (await save(on))[0] == 401
