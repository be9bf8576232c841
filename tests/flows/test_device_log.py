"""The live log of a device: what came, what was asked, what was answered, and nobody's data."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge.contract.device_limits import (
    LOG_ENTRIES_PER_DEVICE_MAX,
    LOGGED_DEVICES_MAX,
)
from edge.contract.device_messages import (
    BarcodeScanned,
    DeviceEvent,
    Job,
    JobError,
    JobResult,
    JobStatus,
)
from edge.contract.device_states import DeviceState, DriverState
from edge.contract.device_topics import HostTopics
from edge.contract.wire import encode
from edge.flows.device_log import DeviceLog, NotedBus
from edge.runtime.bus import BusMessage, BusUnavailable
from edge.runtime.memory_bus import MemoryBroker
from edge.runtime.system_clock import SystemClock
from tests.flows.fake_host import until, until_view
from tests.flows.wall import wall

TOPICS = HostTopics("shop", "box").device("printer-1")
CARD = "4111111111111111"


def made() -> DeviceLog:
    return DeviceLog(SystemClock(), lambda: None)


def told(log: DeviceLog, device: str = "printer-1") -> list[tuple[str, ...]]:
    return [
        tuple(
            str(part) for part in (e.what, e.name, e.value, e.count or "", e.code, e.words) if part
        )
        for e in log.view("box", device).entries
    ]


def state(**given: Any) -> BusMessage:
    return BusMessage(TOPICS.state, encode(DeviceState(DriverState.READY, "b", 1, 0, **given)))


def answer(status: JobStatus, error: JobError | None = None, result: Any = None) -> BusMessage:
    return BusMessage(TOPICS.result, encode(JobResult("job-000001", status, 1, result, error)))


def job(kind: str = "print_receipt", args: bytes = b"{}") -> bytes:
    return encode(Job("job-000001", kind, msgspec.Raw(args), 1, "once"))


def test_what_was_asked_and_answered_is_told_with_its_kind() -> None:
    log = made()
    log.sent(TOPICS.job, job())
    log.take(answer(JobStatus.ACCEPTED, JobError("waits", "No paper.")))
    log.take(answer(JobStatus.DONE, result={"evidence": "confirmed"}))
    assert told(log) == [
        ("asked", "print_receipt"),
        ("answered", "print_receipt", "accepted", "waits", "No paper."),
        ("answered", "print_receipt", "done"),
    ]


def test_only_what_changed_of_a_state_is_told() -> None:
    log = made()
    log.take(BusMessage(TOPICS.availability, b"online"))
    log.take(BusMessage(TOPICS.availability, b"online", retained=True))
    log.take(state(paper="ok", weight="stable", weight_g=1))
    log.take(state(paper="ok", weight="stable", weight_g=742))
    log.take(state(paper="out", cover="open", health="No paper."))
    log.take(BusMessage(TOPICS.availability, b"offline"))
    assert told(log) == [
        ("there",),
        ("state", "ready"),
        ("paper", "ok"),
        ("state", "ready", "No paper."),
        ("paper", "out"),
        ("cover", "open"),
        ("gone",),
    ]


def test_what_is_delivered_twice_is_told_once() -> None:
    log = made()
    scan = encode(DeviceEvent("scan-0001", 1, 1, 2, msgspec.Raw(encode(BarcodeScanned("5601")))))
    for _ in range(2):
        log.take(answer(JobStatus.ACCEPTED, JobError("waits", "No paper.")))
        log.take(BusMessage(TOPICS.event("scan"), scan))
        log.take(answer(JobStatus.DONE))
    assert [line[0] for line in told(log)] == ["answered", "scan", "answered"]
    log.take(answer(JobStatus.ACCEPTED, JobError("waits", "The cover is open.")))
    assert len(told(log)) == 4


def test_nobodys_data_is_in_it() -> None:
    log = made()
    log.sent(TOPICS.job, job(args=encode({"document": f"Marta {CARD}"})))
    scan = DeviceEvent("scan-0001", 1, 1, 2, msgspec.Raw(encode(BarcodeScanned("CUSTOMER-77"))))
    log.take(BusMessage(TOPICS.event("scan"), encode(scan)))
    log.take(answer(JobStatus.DONE, result={"lines": [CARD, "Marta"]}))
    log.take(state(health=f"The terminal says 4111 1111-1111 1111 of {CARD}."))
    assert told(log)[1] == ("scan", "11")
    kept = encode(log.view("box", "printer-1"))
    for secret in (b"4111", b"1111", b"Marta", b"CUSTOMER"):
        assert secret not in kept, secret
    assert b"(card number)" in kept


def test_it_is_bounded_and_takes_no_harm() -> None:
    log = made()
    for number in range(5 * LOG_ENTRIES_PER_DEVICE_MAX):
        log.take(state(health=f"{number} " + "x" * 5_000))
    view = log.view("box", "printer-1")
    assert (len(view.entries), view.noted) == (
        LOG_ENTRIES_PER_DEVICE_MAX, 5 * LOG_ENTRIES_PER_DEVICE_MAX,
    )  # fmt: skip
    assert max(len(entry.words) for entry in view.entries) == 200
    for number in range(2 * LOGGED_DEVICES_MAX):
        topics = HostTopics("shop", "box").device(f"d-{number}")
        log.take(BusMessage(topics.availability, b"online"))
    assert sum(log.noted("box", f"d-{n}") for n in range(2 * LOGGED_DEVICES_MAX)) == (
        LOGGED_DEVICES_MAX - 1
    )
    for garbage in (b"", b"{", b"\xff\x00", b"[]", b'{"id":1}'):
        for leaf in (TOPICS.state, TOPICS.result, TOPICS.event("scan")):
            log.take(BusMessage(leaf, garbage))
        log.sent(TOPICS.job, garbage)
    log.take(BusMessage("somebody/else", b"x"))
    log.take(BusMessage(TOPICS.event("scan"), b"{}", retained=True))
    assert log.view("box", "printer-1").noted == view.noted
    assert log.dropped == 15


async def test_what_the_broker_did_not_take_is_said_and_the_bus_is_a_bus() -> None:
    log = made()
    bus = NotedBus(MemoryBroker().connect("edge"), log)
    with pytest.raises(BusUnavailable):
        await bus.publish(TOPICS.job, job())
    with pytest.raises(BusUnavailable):
        await bus.publish(TOPICS.state, b"no job")
    assert told(log) == [
        ("asked", "print_receipt"),
        ("answered", "print_receipt", "failed", "bus_unavailable"),
    ]
    running = asyncio.create_task(bus.run())
    await until(lambda: bus.connected, what="connected")
    greeted: list[str] = []

    async def greet() -> None:
        greeted.append("hello")

    bus.on_connect(greet)
    bus.on_lost(lambda: greeted.append("lost"))
    heard = bus.subscribe([TOPICS.job])
    await bus.publish(TOPICS.job, job())
    async for message in heard:
        assert message.topic == TOPICS.job
        break
    assert told(log)[2:] == [("asked", "print_receipt")]
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_the_wall_shows_the_log_of_a_device_live(tmp_path: Path) -> None:
    async with wall(tmp_path) as on:
        before = (await on.device("printer-1"))["noted"]
        await on.wish("/printer-1/tests", test="test_page")
        await until_view(
            lambda: on.device("printer-1"),
            lambda card: card["noted"] >= before + 2,
            what="the wall says that there is news",
        )
        status, view = await on.box.call("GET", "/api/v1/technician/devices/printer-1/log")
        assert status == 200, view
        assert [(e["what"], e.get("name"), e.get("value")) for e in view["entries"]][-2:] == [
            ("asked", "print_receipt", None),
            ("answered", "print_receipt", "done"),
        ]
        assert view["entries"][-1]["at"] > 1_700_000_000_000
        status, refusal = await on.box.call("GET", "/api/v1/technician/devices/none-1/log")
        assert (status, refusal["code"]) == (404, "device_unknown")
