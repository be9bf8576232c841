"""A support bundle has what helps and nobody's data: secrets are planted, and searched for."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import re
import zipfile
import zlib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from devices.recordings.bundle import Bundle as FileOfHost
from devices.recordings.bundle import Heading, RecordedEnd, RecordedJob, pack
from devices.transports.flight_recorder import CONNECTED, END, IN, JOB, NOTE, OUT, FlightEntry
from edge.contract.device_limits import (
    BUNDLES_MADE_MAX,
)
from edge.contract.device_messages import Job, JobKind, JobResult, JobStatus
from edge.contract.device_states import DriverState
from edge.engine.redaction import Redactor
from edge.flows import support_bundle
from edge.flows.support_bundle import SupportBundles
from tests.flows.box import MILK, PIN, SUPERVISOR_PIN, TOKEN
from tests.flows.fake_host import until
from tests.flows.wall import PRINTER_2, Wall, wall

PATH = "/api/v1/technician/support-bundle"
CARD = "4111111111111111"


def recording(*entries: tuple[str, str]) -> dict[str, Any]:
    lines: list[dict[str, Any]] = [{"tillbox_recording": 1, "settings": {"password": "zvtsecret"}}]
    lines += [
        {"at_ms": 1, "way": way, "data": base64.b64encode(data.encode()).decode()}
        for way, data in entries
    ]
    content = "\n".join(map(json.dumps, lines)).encode()
    packed = base64.b64encode(zlib.compress(content)).decode()
    return {"file": "f.jsonl", "size_bytes": len(content), "bundle": packed}


async def bundle(on: Wall) -> tuple[dict[str, bytes], str]:
    async with on.box.client.post(
        on.box.origin + PATH, headers={"Origin": on.box.origin}
    ) as answer:
        content = await answer.read()
        assert answer.status == 200, content
        assert answer.content_type == "application/zip"
        name = answer.headers["Content-Disposition"]
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        assert packed.testzip() is None
        return {each: packed.read(each) for each in packed.namelist()}, name


async def test_it_has_what_helps(tmp_path: Path) -> None:
    async with wall(tmp_path) as on:
        on.host.answers["save_recording"] = lambda job: JobResult(
            job.id, JobStatus.DONE, 1, recording(("in", "\x12"))
        )
        await on.wish("/printer-1/tests", test="test_page")
        files, name = await bundle(on)
        assert re.fullmatch(
            r'attachment; filename="tillbox-support-harbour-street-\d{8}-\d{6}\.zip"', name
        )
        assert set(files) == {
            "README.txt", "versions.json", "health.json", "wall.json", "metrics.txt", "log.jsonl",
            *(f"devices/{device}-1/{file}.jsonl"
              for device in ("printer", "scanner", "terminal") for file in ("log", "recording")),
        }  # fmt: skip
        versions = json.loads(files["versions.json"])
        assert versions["box"]["version"] == "0.1.0"
        assert versions["hosts"][0]["version"] == "0.1.0"
        assert {"name": "scale_cas", "class": "scale", "rung": ""} in versions["hosts"][0][
            "drivers"
        ]
        assert {part["name"] for part in json.loads(files["health.json"])} >= {"disk", "clock"}
        printer = next(
            each for each in json.loads(files["wall.json"])["devices"] if each["id"] == "printer-1"
        )
        assert (printer["state"], printer["driver"]) == ("ready", "printer_escpos")
        assert b"tillbox_ledger_commits" in files["metrics.txt"]
        assert '"support_bundle_asked"' in files["log.jsonl"].decode()
        assert b'"name":"print_receipt"' in files["devices/printer-1/log.jsonl"]
        assert b'"data":"Eg=="' in files["devices/printer-1/recording.jsonl"]
        assert b"Not here" not in files["README.txt"]


async def test_nobodys_data_is_in_it(tmp_path: Path) -> None:
    planted = ("in", f"Served by Jan {CARD} CUSTOMER-77"), ("out", "Jan Kowalski")

    async with wall(tmp_path) as on:
        on.host.answers["save_recording"] = lambda job: JobResult(
            job.id, JobStatus.DONE, 1, recording(*planted)
        )
        status, body = await on.wish(**{**PRINTER_2, "name": "Zofia"})  # type: ignore[arg-type]
        assert status == 200, body
        await on.box.call("POST", "/api/v1/technician/session", {"cashier": "sofia", "pin": "1111"})
        await on.box.command("add_item", code=MILK)
        await on.host.scan("CUSTOMER-77", on.box.edge.selling.clock.now_ms())
        await on.host.report(
            "terminal-1", DriverState.ATTENTION, health=f"Marta holds {CARD}.", advice=f"{CARD}"
        )
        cookies = [morsel.value for morsel in on.box.client.cookie_jar]
        on.box.edge.log.error(
            "planted", reason=f"{TOKEN} {cookies[0]} of Sofia, {CARD}", by="marta", pin=PIN
        )
        await on.until_device("terminal-1", "it was heard", state="attention")
        files, _ = await bundle(on)
        pepper = (tmp_path / "pepper").read_bytes()
        key = (tmp_path / "box.key").read_bytes()
    everything = b"\n".join(files.values())
    assert b'"planted"' in everything
    assert b"(card number)" in everything
    words = (
        "Marta",
        "Sofia",
        "Jo\u00e3o",
        "Kowalski",
        "Zofia",
        "CUSTOMER",
        CARD,
        TOKEN,
        "zvtsecret",
        *cookies,
    )
    for secret in (*(word.encode() for word in words), pepper.strip(), key.strip()):
        assert secret.lower() not in everything.lower(), secret
        assert base64.b64encode(secret)[:-4] not in everything, secret
    for pin in (PIN, SUPERVISOR_PIN):
        assert re.search(rf"(?<![\d.]){pin}(?!\d)".encode(), everything) is None


async def test_what_is_missing_is_said(tmp_path: Path) -> None:
    def answer(job: Job) -> JobResult | None:
        if len(on.host.of_kind("save_recording")) == 1:
            return JobResult(job.id, JobStatus.DONE, 1, {**recording(), "bundle": ""})
        return JobResult(job.id, JobStatus.DONE, 1, {"nonsense": True})

    async with wall(tmp_path) as on:
        on.host.answers["save_recording"] = answer
        files, _ = await bundle(on)
        about = files["README.txt"].decode()
        assert "It lies on box as f.jsonl." in about
        assert "answer cannot be read" in about
        await on.host.offline()
        await on.until_device("printer-1", "it is gone", records=False)
        files, _ = await bundle(on)
        assert (
            "printer-1: no recording. Its machine does not answer." in files["README.txt"].decode()
        )
        assert "devices/printer-1/recording.jsonl" not in files


async def test_it_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(support_bundle, "BUNDLE_BYTES_MAX", 3_000)
    async with wall(tmp_path) as on:
        on.host.answers["save_recording"] = lambda job: JobResult(
            job.id, JobStatus.DONE, 1, recording()
        )
        files, _ = await bundle(on)
        assert sum(map(len, files.values())) < 3_000 + len(files["README.txt"])
        assert "wall.json: over the limit" in files["README.txt"].decode()


async def test_only_a_few_are_made_at_once_and_only_for_who_may(tmp_path: Path) -> None:
    async with wall(tmp_path) as on:
        making = [asyncio.create_task(bundle(on)) for _ in range(BUNDLES_MADE_MAX)]
        wanted = 3 * BUNDLES_MADE_MAX
        await until(lambda: len(on.host.of_kind("save_recording")) == wanted, what="asked")
        status, refusal = await on.box.call("POST", PATH)
        assert (status, refusal["code"]) == (409, "busy")
        for device, job in on.host.jobs:
            await on.host.answer(device, job.id, JobStatus.DONE, recording())
        for task in making:
            await task
        await on.box.call("DELETE", "/api/v1/technician/session")
        assert (await on.box.call("POST", PATH))[0] == 401


def test_what_hosts_write_is_what_is_cleaned() -> None:
    """The form of a recording is the hosts': the box reads it without knowing their code."""
    job = RecordedJob("job-1", JobKind.PRINT_RECEIPT, msgspec.Raw(b'{"document":"Jan"}'), 1)
    entries = (
        FlightEntry(1, NOTE, CONNECTED),
        FlightEntry(2, JOB, msgspec.json.encode(job)),
        FlightEntry(3, OUT, b"Served by Jan"),
        FlightEntry(4, IN, b"\x12"),
        FlightEntry(5, END, msgspec.json.encode(RecordedEnd("job-1", "done"))),
    )
    settings = {"address": "tcp://192.0.2.7:9100", "password_file": "p"}
    heading = Heading(1, "printer-1", "printer_escpos", settings, 1, "asked", "", "0.1.0")
    content = pack(FileOfHost(heading, entries)).decode()
    lines = list(map(json.loads, Redactor(()).recording(content, "printer")))
    assert lines[0]["settings"] == settings
    assert [line["way"] for line in lines[1:]] == ["note", "job", "out", "in", "end"]
    assert lines[2] == {"at_ms": 2, "way": "job", "id": "job-1", "kind": "print_receipt"}
    assert (lines[3]["bytes"], lines[4]["data"]) == (13, "Eg==")
    assert "Jan" not in json.dumps(lines)


def test_a_bundle_reads_no_file_of_the_box() -> None:
    source = Path(support_bundle.__file__).read_text("utf-8")
    assert SupportBundles.__module__ == "edge.flows.support_bundle"
    assert not re.search(r"\bopen\(|read_text|read_bytes|Path\b", source)
