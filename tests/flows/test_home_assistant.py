"""A box tells Home Assistant of its devices: over a broker in memory, and over a real Mosquitto."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge.contract.device_states import (
    OFFLINE,
    DeviceClass,
    DeviceMeta,
    DriverState,
)
from edge.contract.home_assistant import BIRTH, ShownTopics, discovery_topic, object_id
from edge.contract.wire import encode
from edge.flows.home_assistant import last_will
from edge.runtime.broker_access import BrokerAccess
from edge.runtime.bus import LastWill
from edge.runtime.memory_bus import MemoryBroker
from edge.runtime.mosquitto_files import MosquittoListener, write_mosquitto_files
from edge.runtime.mqtt_bus import MqttBus, MqttSettings
from edge.runtime.structured_log import open_log
from edge.runtime.system_clock import SystemClock
from edge.settings import HomeAssistantSettings
from tests.brokers import Mosquitto, find_free_port, mosquitto_program, write_password
from tests.flows.box import DEVICES, bare_box, settings_in
from tests.flows.fake_host import STORE, until
from tests.flows.home_assistant_reader import UNAVAILABLE, UNKNOWN, Reader
from tests.flows.listening_home import home_assistant
from tests.flows.wall import PRINTER_2, Wall, wall

ON = HomeAssistantSettings()
OFF = HomeAssistantSettings(enabled=False)
READER = "homeassistant"
SHOWN = ShownTopics(STORE)
PRINTER = "tillbox_harbour-street_printer-1"


@dataclass
class ShopMosquitto(Mosquitto):
    """Mosquitto with the users and rules of the flows' store; hands out buses as the memory one."""

    def start(self) -> None:
        self.port = self.port or find_free_port()
        listener = MosquittoListener(port=self.port)
        access = BrokerAccess(STORE, home_assistant_user=READER)
        conf = write_mosquitto_files(self.folder, access, self.users, listener)
        self.launch(conf)

    def connect(self, user: str, will: LastWill | None = None) -> MqttBus:
        settings = MqttSettings(
            user, write_password(self.folder, user, self.users[user]), port=self.port
        )
        return MqttBus(settings, will, SystemClock(), open_log(user, io.StringIO()))


@pytest.fixture(params=["memory", pytest.param("mosquitto", marks=pytest.mark.mosquitto)])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    if request.param == "memory":
        yield MemoryBroker()
        return
    program = mosquitto_program()
    if program is None:
        pytest.skip("Mosquitto is not installed (Debian: apt install mosquitto)")
    folder = tmp_path / "mosquitto"
    folder.mkdir()
    users = {name: f"{name}'s own" for name in ("edge", "box", READER)}
    made = ShopMosquitto(folder, program, users=users)
    made.start()
    yield made
    made.stop()


@asynccontextmanager
async def shop(
    folder: Path, broker: Any, setting: HomeAssistantSettings | None = ON, **changes: Any
) -> AsyncIterator[Wall]:
    async with wall(folder, broker=broker, home_assistant=setting, **changes) as on:
        yield on


async def test_each_device_is_described_as_documented_and_shown_as_it_is(
    tmp_path: Path, broker: Any
) -> None:
    async with shop(tmp_path, broker) as on, home_assistant(broker) as home:
        await home.until(lambda: len(home.reader.devices()) == 3, what="three devices")
        assert home.reader.devices() == {
            "tillbox_harbour-street_scanner-1": "Scanner of till-1",
            PRINTER: "Printer of till-1",
            "tillbox_harbour-street_terminal-1": "Terminal of till-1",
        }
        await home.until_state(f"{PRINTER}_connected", "on")
        await home.until_state(f"{PRINTER}_problem", "off")
        await home.until_state(f"{PRINTER}_health", "Well.")
        await home.until_state(f"{PRINTER}_advice", UNKNOWN)
        await home.until_state(f"{PRINTER}_state", "ready")
        await home.until_state(f"{PRINTER}_paper", UNKNOWN)
        await home.until_state(f"{PRINTER}_cover", UNKNOWN)
        await home.until_state(f"{PRINTER}_drawer", UNKNOWN)
        await on.host.report(
            "printer-1",
            DriverState.ATTENTION,
            health="The paper is out.",
            advice="Put a new roll in.",
            paper="out",
            cover="open",
            drawer="closed",
            jobs_waiting=2,
        )
        await home.until_state(f"{PRINTER}_problem", "on")
        for name, state in {
            "connected": "on",
            "health": "The paper is out.",
            "advice": "Put a new roll in.",
            "state": "attention",
            "paper": "out",
            "paper_out": "on",
            "cover": "on",
            "drawer": "off",
            "jobs_waiting": "2",
        }.items():
            assert home.reader.state(f"{PRINTER}_{name}") == state, name
        await on.host.report("printer-1", DriverState.READY, paper="near_end", drawer="open")
        await home.until_state(f"{PRINTER}_problem", "off")
        await home.until_state(f"{PRINTER}_paper", "near_end")
        await home.until_state(f"{PRINTER}_paper_out", "off")
        await home.until_state(f"{PRINTER}_drawer", "on")
        with pytest.raises(KeyError):
            home.reader.state("tillbox_harbour-street_scanner-1_paper")
        assert not [topic for topic in home.reader.newest if topic.endswith("/state")]


async def test_a_device_is_available_while_its_host_and_it_and_the_box_are(
    tmp_path: Path, broker: Any
) -> None:
    async with home_assistant(broker) as home:
        async with shop(tmp_path, broker) as on:
            await home.until_state(f"{PRINTER}_problem", "off")
            seen = home.reader.state(f"{PRINTER}_last_seen")
            await on.host.offline()
            await home.until_state(f"{PRINTER}_problem", UNAVAILABLE)
            await home.until_state(f"{PRINTER}_connected", "off")
            await home.until(
                lambda: home.reader.state(f"{PRINTER}_last_seen") > seen, what="seen until then"
            )
            await on.host.online()
            await home.until_state(f"{PRINTER}_problem", "off")
            await home.until_state(f"{PRINTER}_connected", "on")
            topic = on.host.topics.device("printer-1").availability
            await on.host.bus.publish(topic, OFFLINE, retain=True)
            await home.until_state(f"{PRINTER}_problem", UNAVAILABLE)
            await home.until_state(f"{PRINTER}_connected", "off")
            await home.until_state("tillbox_harbour-street_terminal-1_problem", "off")
            await on.host.bus.publish(topic, b"online", retain=True)
            await home.until_state(f"{PRINTER}_problem", "off")
        # the box said goodbye: what it kept true may be true no more
        await home.until_state(f"{PRINTER}_problem", UNAVAILABLE)
        await home.until_state(f"{PRINTER}_connected", UNAVAILABLE)
        assert home.reader.state(f"{PRINTER}_last_seen") not in {UNAVAILABLE, UNKNOWN}


async def test_a_device_is_there_when_adopted_and_gone_when_given_up(
    tmp_path: Path, broker: Any
) -> None:
    name = object_id(STORE, "printer-2")
    async with shop(tmp_path, broker) as on, home_assistant(broker) as home:
        status, _ = await on.wish(**PRINTER_2)
        assert status == 200
        await home.until(lambda: home.reader.devices().get(name) == "Bar", what="adopted")
        await home.until_state(f"{name}_problem", UNAVAILABLE)
        await home.until_state(f"{name}_connected", "off")
        await on.host.report("printer-2", DriverState.READY)
        await home.until_state(f"{name}_problem", "off")
        await home.until_state(f"{name}_drawer", UNKNOWN)
        status, _ = await on.wish("/printer-2/binding", till="till-2", roles=["printer"], name="B")
        assert status == 200
        await home.until(lambda: home.reader.devices()[name] == "B", what="its new name")
        with pytest.raises(KeyError):
            home.reader.state(f"{name}_drawer")
        status, _ = await on.wish("/printer-2/release")
        assert status == 200
        await home.until(lambda: name not in home.reader.devices(), what="given up")
        await home.until(
            lambda: home.reader.newest[SHOWN.device("printer-2")] == b"", what="nothing is kept"
        )
    async with home_assistant(broker) as late:
        await late.until(lambda: len(late.reader.devices()) == 3, what="the others are retained")
        assert name not in late.reader.devices()


async def test_what_a_device_says_it_is_stands_in_its_entry(tmp_path: Path, broker: Any) -> None:
    async with shop(tmp_path, broker) as on, home_assistant(broker) as home:
        meta = DeviceMeta(DeviceClass.PRINTER, "printer_escpos", "TM-T20", "X1", "2.0")
        topic = on.host.topics.device("printer-1").meta
        await on.host.bus.publish(topic, encode(meta), retain=True)
        place = discovery_topic(PRINTER)
        await home.until(
            lambda: home.reader.descriptions[place]["device"].get("model") == "TM-T20",
            what="its model",
        )
        device = home.reader.descriptions[place]["device"]
        assert (device["serial_number"], device["sw_version"]) == ("X1", "2.0")
        assert device["suggested_area"] == "Till 1"


async def test_home_assistant_that_starts_is_told_again_and_not_again_and_again(
    tmp_path: Path, broker: Any
) -> None:
    async with shop(tmp_path, broker), home_assistant(broker) as home:
        await home.until(lambda: len(home.reader.devices()) == 3, what="three devices")
        before = len(home.described)
        await home.bus.publish(BIRTH, b"online")
        await home.until(lambda: len(home.described) == before + 3, what="all of them again")
        for _ in range(20):
            await home.bus.publish(BIRTH, b"online")
        await asyncio.sleep(1.5)
        assert len(home.described) == before + 3, "no more than every ten seconds"
        await home.bus.publish(BIRTH, b"offline")


async def test_a_box_that_starts_anew_takes_away_what_it_has_no_more(
    tmp_path: Path, broker: Any
) -> None:
    async with home_assistant(broker) as home:
        async with shop(tmp_path, broker):
            await home.until(lambda: len(home.reader.devices()) == 3, what="three devices")
        foreign = "homeassistant/device/tillbox_harbour-street-2_printer-9/config"
        others = discovery_topic("zigbee_lamp")
        speaker = broker.connect("edge")
        task = asyncio.create_task(speaker.run())
        await until(lambda: speaker.connected, what="another program")
        body = msgspec.json.encode(home.reader.descriptions[discovery_topic(PRINTER)])
        for topic in (foreign, others):
            await speaker.publish(topic, body, retain=True)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await home.until(lambda: len(home.reader.descriptions) == 5, what="others' devices too")
        fewer = tuple(device for device in DEVICES if device.id != "printer-1")
        async with shop(tmp_path, broker, devices=fewer):
            await home.until(
                lambda: discovery_topic(PRINTER) not in home.reader.descriptions, what="it is gone"
            )
            await home.until_state("tillbox_harbour-street_terminal-1_problem", "off")
        assert {foreign, others} <= home.reader.descriptions.keys()
        assert len(home.reader.descriptions) == 4


async def test_when_a_device_was_last_seen_outlives_a_start_of_the_box(
    tmp_path: Path, broker: Any
) -> None:
    async with home_assistant(broker) as home:
        async with shop(tmp_path, broker) as on:
            await home.until_state(f"{PRINTER}_connected", "on")
            await on.host.report("printer-1", DriverState.LOST)
            await home.until_state(f"{PRINTER}_state", "lost")
            seen = home.reader.state(f"{PRINTER}_last_seen")
            assert seen not in {UNAVAILABLE, UNKNOWN}
        told = len(home.described)
        async with bare_box(tmp_path, broker=broker, home_assistant=ON):
            await home.until(lambda: len(home.described) == told + 3, what="all is told again")
            await home.until_state(f"{PRINTER}_state", "lost")
            await home.until(lambda: home.reader.newest[SHOWN.availability] == b"online", what="on")
            assert home.reader.state(f"{PRINTER}_last_seen") == seen


async def test_switched_off_all_is_taken_away_and_nothing_more_is_said(
    tmp_path: Path, broker: Any
) -> None:
    async with home_assistant(broker) as home:
        async with shop(tmp_path, broker):
            await home.until(lambda: len(home.reader.devices()) == 3, what="three devices")
        async with shop(tmp_path, broker, OFF) as on:
            await home.until(lambda: not home.reader.devices(), what="all are gone")
            await home.until(
                lambda: not any(home.reader.newest[SHOWN.device(d.id)] for d in DEVICES),
                what="nothing is kept",
            )
            assert home.reader.newest[SHOWN.availability] == b""
            await on.host.report("printer-1", DriverState.ATTENTION)
            await asyncio.sleep(1)
        assert not home.reader.devices()
        assert home.reader.newest[SHOWN.availability] == b""


async def test_without_the_setting_nothing_is_said_at_all(tmp_path: Path, broker: Any) -> None:
    async with home_assistant(broker) as home, shop(tmp_path, broker, None) as on:
        await on.host.report("printer-1", DriverState.ATTENTION)
        await on.until_device("printer-1", "the box has heard", state="attention")
        await asyncio.sleep(1)
        assert home.described == []
        assert not [topic for topic in home.reader.newest if topic.startswith(SHOWN.prefix)]


@pytest.mark.mosquitto
@pytest.mark.parametrize("broker", ["mosquitto"], indirect=True)
async def test_all_is_said_again_to_a_broker_that_started_anew(tmp_path: Path, broker: Any) -> None:
    async with shop(tmp_path, broker), home_assistant(broker) as home:
        await home.until(lambda: len(home.reader.devices()) == 3, what="three devices")
        await asyncio.to_thread(broker.stop)
        home.reader = Reader()
        await asyncio.to_thread(broker.start)
        await home.until(lambda: len(home.reader.devices()) == 3, what="three devices again")
        await home.until(
            lambda: home.reader.newest[SHOWN.availability] == b"online", what="edge is there"
        )


@pytest.mark.mosquitto
@pytest.mark.parametrize("broker", ["mosquitto"], indirect=True)
async def test_a_broker_that_passes_nothing_on_is_told_in_words(
    tmp_path: Path, broker: Any
) -> None:
    await asyncio.to_thread(broker.stop)
    listener = MosquittoListener(port=broker.port)
    conf = write_mosquitto_files(broker.folder, BrokerAccess(STORE), broker.users, listener)
    await asyncio.to_thread(broker.launch, conf)
    async with shop(tmp_path, broker) as on:
        await until(
            lambda: "home_assistant_not_allowed" in on.box.log.getvalue(), what="words", seconds=20
        )
        assert "tillbox broker add-home-assistant" in on.box.log.getvalue()


def test_the_last_will_is_there_only_when_something_is_shown(tmp_path: Path) -> None:
    assert last_will(settings_in(tmp_path)) is None
    assert last_will(settings_in(tmp_path, home_assistant=OFF)) is None
    will = last_will(settings_in(tmp_path, home_assistant=ON))
    assert will == LastWill("tillbox/v1/harbour-street/shown/availability", b"offline")
