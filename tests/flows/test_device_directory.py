from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
from msgspec import UNSET

from edge.contract.device_adoption import BoundDevice
from edge.contract.device_states import (
    ONLINE,
    DeviceClass,
    DeviceMeta,
    DeviceState,
    DriverState,
    HostConfig,
    HostInfo,
)
from edge.contract.device_topics import HostTopics
from edge.contract.wire import encode
from edge.flows.device_directory import DeviceDirectory
from edge.runtime.memory_bus import MemoryBroker, MemoryBus
from edge.runtime.structured_log import open_log
from tests.flows.box import DEVICES
from tests.flows.fake_host import STORE, until

HOST = HostTopics(STORE, "box")
PRINTER = HOST.device("printer-1")


@dataclass
class Shop:
    directory: DeviceDirectory
    host: MemoryBus
    told: io.StringIO
    changed: list[str] = field(default_factory=list)
    back: list[str] = field(default_factory=list)

    async def say(self, topic: str, payload: bytes) -> None:
        """Publish, and return once the directory has taken all of it."""
        await self.host.publish(topic, payload)
        before = self.directory.dropped
        await self.host.publish(HostTopics(STORE, "marker").availability, ONLINE)  # a stranger
        await until(lambda: self.directory.dropped > before, what="all was taken")
        self.directory.dropped -= 1

    async def informed(self, boot: str, error: str = "") -> None:
        await self.say(HOST.info, encode(HostInfo("0.1.0", boot, config_error=error)))

    async def report(self, state: DriverState, **more: Any) -> None:
        await self.say(PRINTER.availability, ONLINE)
        await self.say(PRINTER.state, encode(DeviceState(state, "boot-1", 1, 0, **more)))

    def lines(self, event: str) -> list[dict[str, Any]]:
        every = [json.loads(line) for line in self.told.getvalue().splitlines()]
        return [line for line in every if line["event"] == event]

    def printer(self) -> tuple[bool, str, str, str]:
        view = next(each for each in self.directory.views("till-1") if each.role == "printer")
        return view.well, view.code, view.words, view.advice


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    broker = MemoryBroker()
    edge, host = broker.connect("edge"), broker.connect("box")
    told = io.StringIO()
    changed: list[str] = []
    back: list[str] = []
    directory = DeviceDirectory(
        STORE, DEVICES, edge, open_log("edge", told), changed.append, back.append
    )
    running = [asyncio.create_task(work()) for work in (edge.run, host.run, directory.run)]
    await until(lambda: edge.connected and host.connected, what="both are connected")
    try:
        yield Shop(directory, host, told, changed, back)
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def test_a_configuration_that_a_host_refuses_is_told_once_for_each_reason(
    shop: Shop,
) -> None:
    for reason in ("no driver scales", "no driver scales", "", "no driver scales", "port taken"):
        await shop.informed("boot-1", reason)
    assert [line["reason"] for line in shop.lines("host_config_refused")] == [
        "no driver scales",
        "no driver scales",
        "port taken",
    ]


async def test_a_host_that_started_anew_unseen_gets_its_jobs_again(shop: Shop) -> None:
    await shop.informed("boot-1")
    await shop.informed("boot-1")
    assert shop.back == []
    await shop.informed("boot-2")
    assert shop.back == ["box"]


@pytest.mark.parametrize(
    ("topic", "payload", "event"),
    [
        (HostTopics(STORE, "another").availability, ONLINE, ""),
        (HOST.device("unknown-1").availability, ONLINE, ""),
        (HostTopics(STORE, "another").device("printer-1").availability, ONLINE, ""),
        (HostTopics(STORE, "B O X").availability, ONLINE, ""),
        (HOST.info, b"{", "host_info_garbled"),
        (HOST.info, b'{"boot":7}', "host_info_garbled"),
        (HOST.info, b'{"boot":"\xff"}', "host_info_garbled"),
        (HOST.info, b'{"more":' + b"[" * 50_000, "host_info_garbled"),
        (PRINTER.state, b"\xff", "device_state_garbled"),
        (PRINTER.state, b'{"state":"\xff"}', "device_state_garbled"),
        (PRINTER.state, b'{"state":"dancing"}', "device_state_garbled"),
    ],
)
async def test_what_is_foreign_or_garbled_is_counted_and_changes_nothing(
    shop: Shop, topic: str, payload: bytes, event: str
) -> None:
    await shop.say(HOST.availability, ONLINE)
    await shop.report(DriverState.READY)
    shop.changed.clear()
    shop.back.clear()
    before = shop.directory.views("till-1")
    await shop.say(topic, payload)
    assert shop.directory.dropped == 1
    assert shop.directory.views("till-1") == before
    assert (shop.changed, shop.back) == ([], [])
    assert len(shop.lines(event)) == (1 if event else 0)


async def test_a_host_that_goes_and_comes_is_told_to_its_tills_once(shop: Shop) -> None:
    await shop.say(HOST.availability, ONLINE)
    assert (shop.changed, shop.back) == (["till-1"], ["box"])
    await shop.say(HOST.availability, ONLINE)
    # what was sent while the broker was gone is lost: each birth counts, but looks the same
    assert (shop.changed, shop.back) == (["till-1"], ["box", "box"])
    await shop.say(HOST.availability, b"offline")
    assert (shop.changed, shop.back) == (["till-1", "till-1"], ["box", "box"])
    assert len(shop.lines("host_online")) == len(shop.lines("host_offline")) == 1


async def test_how_a_device_is_in_words(shop: Shop) -> None:
    assert shop.printer() == (
        False,
        "host_offline",
        "The printer of till 1 is not reachable: its service is not running.",
        "It starts again by itself within seconds. Selling goes on.",
    )
    await shop.say(HOST.availability, ONLINE)
    assert shop.printer()[:3] == (False, "connecting", "The printer of till 1 is being looked for.")
    await shop.say(PRINTER.availability, ONLINE)
    assert shop.printer()[1] == "connecting"
    await shop.report(DriverState.ATTENTION, health="It has no paper.", advice="Put paper in.")
    assert shop.printer() == (False, "attention", "It has no paper.", "Put paper in.")
    await shop.report(DriverState.LOST)
    assert shop.printer() == (False, "lost", "The printer of till 1 is lost.", "")
    await shop.report(DriverState.READY, advice="not needed")
    assert shop.printer() == (True, "", "", "")
    await shop.say(PRINTER.availability, b"offline")
    assert shop.printer()[:2] == (False, "ready")


def test_bindings_know_their_own_devices_only() -> None:
    directory = DeviceDirectory(
        STORE,
        DEVICES,
        MemoryBroker().connect("edge"),
        open_log("edge", io.StringIO()),
        lambda _till: None,
        lambda _host: None,
    )
    binding = directory.binding("till-1", "drawer")
    assert binding is not None
    assert (binding.device, binding.host) == ("printer-1", "box")
    assert directory.binding("till-2", "drawer") is None
    assert directory.binding("till-1", "scale") is None
    assert directory.served_till("box", "printer-1", "printer") == "till-1"
    assert directory.served_till("box", "printer-1", "scanner") is None
    assert directory.served_till("another", "printer-1", "printer") is None
    assert directory.host_of("printer-1") == "box"
    assert directory.host_of("unknown-1") is None


async def test_what_a_driver_says_that_it_can_do_is_known_once_it_said_so(shop: Shop) -> None:
    assert not shop.directory.can("terminal-1", "reverse")
    assert not shop.directory.can("", "reverse")
    terminal = HOST.device("terminal-1")
    meta = DeviceMeta(DeviceClass.TERMINAL, "terminal_zvt", capabilities=("refund", "reverse"))
    shop.changed.clear()
    await shop.say(terminal.meta, encode(meta))
    assert shop.directory.can("terminal-1", "reverse")
    assert not shop.directory.can("terminal-1", "weigh")
    assert shop.changed == [], "no screen shows it"
    await shop.say(terminal.meta, b"not json")
    assert shop.lines("device_meta_garbled")[0]["who"] == "terminal-1"
    assert shop.directory.can("terminal-1", "reverse"), "what was said stands"
    await shop.say(HOST.device("stranger-1").meta, encode(meta))
    assert not shop.directory.can("stranger-1", "reverse")


async def test_who_lost_its_last_device_while_the_broker_was_away_hears_it_afterwards() -> None:
    broker = MemoryBroker()
    edge = broker.connect("edge")
    told: list[str] = []
    log = open_log("edge", io.StringIO())
    directory = DeviceDirectory(STORE, DEVICES, edge, log, told.append, lambda _host: None)
    moved = [msgspec.structs.replace(DEVICES[0], host="attic", till="till-2")]
    await directory.assign(moved)  # nobody hears it: there is no connection
    assert sorted(told) == ["till-1", "till-2"]
    running = asyncio.create_task(edge.run())
    await until(lambda: edge.connected, what="it is connected")
    await directory.greet()
    config = {
        host: msgspec.json.decode(
            broker._retained[HostTopics(STORE, host).config].payload, type=HostConfig
        ).devices
        for host in ("attic", "box")
    }
    assert [each.id for each in config["attic"]] == ["scanner-1"]
    assert config["box"] == ()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_scale_that_weighs_at_a_price_is_told_to_its_till_and_no_other_device_is(
    shop: Shop,
) -> None:
    await shop.say(HOST.availability, ONLINE)
    scale = BoundDevice("scale-1", "box", "scale_dialog06", ("scale",), "till-1")
    await shop.directory.assign((*DEVICES, scale))
    topics = HOST.device("scale-1")
    await shop.say(topics.availability, ONLINE)
    await shop.say(topics.state, encode(DeviceState(DriverState.READY, "boot-1", 1, 0)))

    def said() -> list[str]:
        views = shop.directory.views("till-1")
        return [each.device_id for each in views if each.weighs_at_price is not UNSET]

    assert said() == []
    shop.changed.clear()
    meta = DeviceMeta(DeviceClass.SCALE, "scale_dialog06", capabilities=("weight_at_price",))
    for _ in range(2):
        await shop.say(topics.meta, encode(meta))
    assert shop.changed == ["till-1"], "said once, though told twice"
    assert said() == ["scale-1"]
    await shop.say(PRINTER.meta, encode(meta))  # nothing but a scale weighs
    await shop.report(DriverState.READY)
    assert said() == ["scale-1"]
    for other in (("live_weight",), ()):
        changed = msgspec.structs.replace(meta, capabilities=other)
        await shop.say(topics.meta, encode(changed))
        assert said() == []
