"""Drawers that were left open, from the device's report to the till's words and the metrics."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge.contract.device_states import ONLINE, DeviceState, DriverState
from edge.contract.device_topics import HostTopics
from edge.contract.limits import (
    DRAWER_OPEN_S,
)
from edge.contract.wire import encode
from edge.flows.device_directory import DeviceDirectory
from edge.flows.open_drawers import OpenDrawers
from edge.runtime.memory_bus import MemoryBroker, MemoryBus
from edge.runtime.structured_log import open_log
from edge.settings import DeviceSettings
from tests.devices.virtual_clock import VirtualClock
from tests.flows.box import MILK, selling_box
from tests.flows.fake_host import STORE, fake_host, until, until_view

HOST = HostTopics(STORE, "box")
DEVICES = (
    DeviceSettings("printer-1", "box", "printer_escpos", ("printer", "drawer"), "till-1"),
    DeviceSettings("drawer-2", "box", "drawer_serial", ("drawer",), "till-2"),
    DeviceSettings("scanner-2", "box", "scanner_serial", ("scanner",), "till-2"),
)


@dataclass
class Shop:
    directory: DeviceDirectory
    drawers: OpenDrawers
    host: MemoryBus
    clock: VirtualClock
    text: io.StringIO
    changed: list[str] = field(default_factory=list)

    async def report(
        self, device: str, drawer: str, state: DriverState = DriverState.READY, **more: Any
    ) -> None:
        topics = HOST.device(device)
        await self.say(topics.availability, ONLINE)
        await self.say(topics.state, encode(DeviceState(state, "b", 1, 0, drawer=drawer, **more)))

    async def say(self, topic: str, payload: bytes) -> None:
        """Publish, and return once the directory has taken it."""
        await self.host.publish(topic, payload)
        before = self.directory.dropped
        await self.host.publish(HostTopics(STORE, "marker").availability, ONLINE)  # a stranger
        await until(lambda: self.directory.dropped > before, what="all was taken")

    async def stand(self, seconds: float) -> None:
        """Let time pass, looking as the box does."""
        for _ in range(round(seconds)):
            self.drawers.look()
            await self.clock.advance(1)
        self.drawers.look()

    def drawer(self, till: str) -> tuple[bool, str, str]:
        view = next(each for each in self.directory.views(till) if each.role == "drawer")
        return view.well, view.code, f"{view.words} {view.advice}".strip()

    def told(self, event: str) -> list[dict[str, Any]]:
        every = [json.loads(line) for line in self.text.getvalue().splitlines()]
        return [line for line in every if line["event"] == event]


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    broker, clock, text = MemoryBroker(), VirtualClock(), io.StringIO()
    edge, host = broker.connect("edge"), broker.connect("box")
    changed: list[str] = []
    log = open_log("edge", text)
    directory = DeviceDirectory(STORE, DEVICES, edge, log, changed.append, lambda _host: None)
    running = [asyncio.create_task(work()) for work in (edge.run, host.run, directory.run)]
    await until(lambda: edge.connected and host.connected, what="both are connected")
    made = Shop(directory, OpenDrawers(directory, clock, log, 60), host, clock, text, changed)
    await made.say(HOST.availability, ONLINE)
    try:
        yield made
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


WELL = (True, "", "")


@pytest.mark.parametrize(("device", "till"), [("printer-1", "till-1"), ("drawer-2", "till-2")])
async def test_a_drawer_left_open_is_said_until_it_is_shut(
    shop: Shop, device: str, till: str
) -> None:
    await shop.report("printer-1", "closed")
    await shop.report("drawer-2", "closed")
    await shop.report(device, "open")
    await shop.stand(59)
    assert shop.drawer(till) == WELL
    shop.changed.clear()
    await shop.stand(1)
    words = f"The drawer of {till.replace('-', ' ')} was left open. Shut it."
    assert shop.drawer(till) == (False, "drawer_left_open", words)
    assert shop.changed == [till], "this till is told, and no other"
    other = "till-2" if till == "till-1" else "till-1"
    assert shop.drawer(other) == WELL
    assert shop.drawers.left_open == 1
    await shop.stand(500)
    assert shop.changed == [till], "it is told once"
    await shop.report(device, "closed")
    await shop.stand(1)
    assert shop.drawer(till) == WELL
    assert shop.drawers.left_open == 0
    (left,), (shut,) = shop.told("drawer_left_open"), shop.told("drawer_shut")
    assert (left["device"], left["till"], left["open_ms"]) == (device, till, 60_000)
    assert shut["open_ms"] == 560_000


async def test_each_opening_has_its_own_minute(shop: Shop) -> None:
    for _ in range(5):
        await shop.report("drawer-2", "open")
        await shop.stand(40)
        await shop.report("drawer-2", "closed")
        await shop.stand(1)
    assert shop.told("drawer_left_open") == []
    assert shop.told("drawer_shut") == [], "nobody was told of it"


async def test_the_printer_itself_stays_well(shop: Shop) -> None:
    await shop.report("printer-1", "open")
    await shop.stand(60)
    printer = next(each for each in shop.directory.views("till-1") if each.role == "printer")
    assert printer.well
    assert not shop.drawer("till-1")[0]


async def test_an_open_drawer_matters_more_than_paper_where_the_drawer_is_shown(
    shop: Shop,
) -> None:
    await shop.report("printer-1", "open", DriverState.ATTENTION, health="It has no paper.")
    assert shop.drawer("till-1")[1:] == ("attention", "It has no paper.")
    await shop.stand(60)
    assert shop.drawer("till-1")[1] == "drawer_left_open"


@pytest.mark.parametrize("drawer", ["", "closed"])
async def test_what_is_shut_or_has_no_sensor_is_never_said(shop: Shop, drawer: str) -> None:
    await shop.report("drawer-2", drawer)
    await shop.stand(300)
    assert shop.told("drawer_left_open") == []


@pytest.mark.parametrize("gone", ["device", "host", "broker"])
async def test_a_drawer_that_nobody_hears_of_is_not_known_to_be_open(shop: Shop, gone: str) -> None:
    await shop.report("drawer-2", "open")
    await shop.stand(60)
    assert shop.drawers.left_open == 1
    if gone == "device":
        await shop.say(HOST.device("drawer-2").availability, b"offline")
    elif gone == "host":
        await shop.say(HOST.availability, b"offline")
    else:
        shop.directory.forget_hosts()
    await shop.stand(1)
    assert shop.drawers.left_open == 0
    await shop.say(HOST.availability, ONLINE)
    await shop.report("drawer-2", "open")
    await shop.stand(59)
    assert shop.drawers.left_open == 0, "its minute begins anew"
    await shop.stand(1)
    assert shop.drawers.left_open == 1


async def test_who_wants_no_alarm_has_none(shop: Shop) -> None:
    shop.drawers.open_s = 0
    await shop.report("drawer-2", "open")
    await asyncio.wait_for(shop.drawers.run(), 5)
    assert shop.drawers.left_open == 0


async def test_in_a_box_the_till_shows_it_and_the_metrics_count_it(tmp_path: Path) -> None:
    async with (
        selling_box(tmp_path, drawer_open_s=1) as box,
        fake_host(box.broker) as host,
    ):
        await box.command("add_item", code=MILK)
        await host.report("printer-1", DriverState.READY, drawer="open")

        def drawer(view: Any) -> Any:
            return next(each for each in view["devices"] if each["role"] == "drawer")

        view = await until_view(
            box.view, lambda view: drawer(view)["code"] == "drawer_left_open", what="it is said"
        )
        assert view["state"] == "open", "the sale goes on"
        assert (await box.command("add_item", code=MILK))[0] == 200
        _, metrics = await box.call("GET", "/metrics", headers=box.service)
        assert "tillbox_drawers_left_open 1\n" in metrics.decode()
        await host.report("printer-1", DriverState.READY, drawer="closed")
        await until_view(box.view, lambda view: drawer(view)["well"], what="it is over")
        _, metrics = await box.call("GET", "/metrics", headers=box.service)
        assert "tillbox_drawers_left_open 0\n" in metrics.decode()


def test_the_setting_has_a_default_and_bounds(tmp_path: Path) -> None:
    from edge.settings import EdgeSettings  # noqa: PLC0415 - of this test alone
    from tests.flows.box import settings_in  # noqa: PLC0415

    assert settings_in(tmp_path).drawer_open_s == DRAWER_OPEN_S == 60
    given = msgspec.to_builtins(settings_in(tmp_path), enc_hook=str)
    for wrong in (-1, 3_601):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(
                given | {"drawer_open_s": wrong}, EdgeSettings, dec_hook=lambda _type, value: value
            )


async def test_a_drawer_that_is_given_up_is_left_open_no_more_and_begins_anew(shop: Shop) -> None:
    await shop.report("drawer-2", "open")
    await shop.stand(61)
    assert shop.drawers.left_open == 1
    await shop.directory.assign([each for each in DEVICES if each.id != "drawer-2"])
    assert shop.drawers.left_open == 0
    await shop.stand(1)
    await shop.directory.assign(DEVICES)
    await shop.report("drawer-2", "open")
    await shop.stand(59)
    assert shop.drawers.left_open == 0, "the minute of the one before is not its own"
    await shop.stand(1)
    assert shop.drawers.left_open == 1
