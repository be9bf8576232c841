"""A second device host over TLS, added as a technician adds it, with the commands' own words.

The demo's shop with a broker that `tillbox broker setup` made: the box's own programs come by
loopback, `till2` by TLS through a line that a test can cut. The scanner and the terminal hang
at till2, the printer with its drawer and the scale at the box.
"""

from __future__ import annotations

import asyncio
import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from edge.contract.device_topics import HostTopics
from edge.contract.home_assistant import ShownTopics
from edge.runtime.mqtt_bus import MqttBus, MqttSettings
from edge.runtime.structured_log import open_log
from edge.runtime.system_clock import SystemClock
from edge.runtime.tls_contexts import client_context
from tests.brokers import find_free_port, mosquitto_program
from tests.flows.home_assistant_reader import UNAVAILABLE
from tests.flows.listening_home import home_assistant
from tests.runtime.raw_mqtt import raw_client
from tests.whole_shop.demo_shop import Shop, demo_shop, eventually
from tests.whole_shop.lines import Carrier, Line

pytestmark = [
    pytest.mark.whole_shop,
    pytest.mark.timeout(300),
    pytest.mark.asyncio(loop_scope="module"),
]

MOVED = {"scanner-1", "terminal-1"}
SHOWN = ShownTopics("harbour-street")


def tillbox(*words: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edge.cli", *map(str, words)],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


def told(words: str, start: str) -> list[str]:
    """Return the lines of a command's answer that a person types: `tillbox …`."""
    return [line.strip() for line in words.splitlines() if line.strip().startswith(start)]


@dataclass
class TwoHosts:
    """The shop, and the other machine with its line to the broker."""

    shop: Shop
    broker: Path
    there: Path
    line: Line
    embedded: bool
    process: subprocess.Popen[bytes] | None = None

    def start_till2(self) -> None:
        with (self.there / "till2.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "edge.cli", "devices", "--config", str(self.config)],
                stdout=log,
                stderr=log,
            )

    def kill_till2(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    @property
    def config(self) -> Path:
        return self.there / "tillbox-till2" / "devices.toml"

    async def until_well(self, *, but: set[str] = frozenset()) -> dict[str, Any]:  # type: ignore[assignment]
        """Wait until every device is well, and those of `but` say that their host is gone."""

        def fits(view: dict[str, Any]) -> bool:
            return all(
                device["code"] == "host_offline"
                if device["device_id"] in but
                else device["well"] or device["code"] == "drawer_left_open"
                for device in view["devices"]
            )

        return await self.shop.until_view(fits, what=f"devices are well, but {but or 'none'}")

    async def sell_by_card(self) -> None:
        """Scan at till2, pay at till2's terminal, take the receipt from the box's printer."""
        papers = len(await self.shop.papers())
        booked = len(await self.shop.booked())
        await self.shop.until_scanner_held()
        await self.shop.scan(self.shop.goods[0]["code"])
        view = await self.shop.until_view(
            lambda v: v["state"] == "open" and len(v["lines"]) == 1, what="the line"
        )
        status, view = await self.shop.insist("pay_by_card", amount_minor=view["due_minor"])
        assert status == 200, view
        view = await self.shop.until_view(lambda v: v["state"] == "done", what="the sale is paid")
        await self.shop.until_view(
            lambda v: (v["receipt"] or {}).get("state") == "printed", what="the receipt"
        )
        assert len(await self.shop.papers()) == papers + 1
        assert len(await self.shop.booked()) == booked + 1
        await self.shop.until_office_has(view["sale_id"])

    async def sell_for_cash(self) -> None:
        papers = len(await self.shop.papers())
        status, view = await self.shop.insist("add_item", code=self.shop.goods[0]["code"])
        assert status == 200, view
        status, view = await self.shop.insist("take_cash", amount_minor=view["due_minor"])
        assert status == 200, view
        assert view["state"] == "done", view
        await self.shop.until_view(
            lambda v: (v["receipt"] or {}).get("state") == "printed", what="the receipt"
        )
        assert len(await self.shop.papers()) == papers + 1


def _edit(path: Path, *changes: tuple[str, str]) -> None:
    text = path.read_text()
    for old, new in changes:
        assert old in text, (path, old)
        text = text.replace(old, new)
    path.write_text(text)


def _move_devices(path: Path) -> None:
    """Give till2 its devices in edge.toml, the fixed part of the shop."""
    parts = path.read_text().split("[[devices]]")
    for number, part in enumerate(parts):
        found = re.search(r'^id = "([^"]+)"', part, re.MULTILINE)
        if found and found[1] in MOVED:
            parts[number] = part.replace('host = "box"', 'host = "till2"')
    path.write_text("[[devices]]".join(parts))


async def _broker_listens(port: int) -> None:
    async def attempt() -> bool | None:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return None
        writer.close()
        return True

    await eventually(attempt, what="the broker listens")


@asynccontextmanager
async def two_hosts(folder: Path, *, embedded: bool) -> AsyncIterator[TwoHosts]:
    carrier = Carrier()
    async with AsyncExitStack() as stack:
        carrier.start()
        stack.callback(carrier.stop)
        arguments = ("--broker", "embedded" if embedded else "mosquitto")
        shop = await stack.enter_async_context(demo_shop(folder, *arguments))
        config = shop.folder / "config"
        loopback = json.loads((config / "ports.json").read_text())["broker"]
        tls = find_free_port()
        made = folder / "broker"
        # on the box
        done = tillbox(
            *("broker", "setup", "--folder", made, "--store", shop.ready["store"]),
            *("--name", "localhost", "--name", "127.0.0.1", "--address", "127.0.0.1"),
            *("--port", str(tls), "--loopback-port", str(loopback)),
            *(("--embedded",) if embedded else ()),
            cwd=folder,
        )
        assert done.returncode == 0, done.stderr
        assert str(made) in done.stdout
        secrets = shop.folder / "secrets"
        for name, user in (("edge", "edge"), ("devices", "box")):
            _edit(
                config / f"{name}.toml",
                (str(secrets / f"{user}.mqtt"), str(made / f"{user}.mqtt")),
            )
        _move_devices(config / "edge.toml")
        if embedded:
            _replace_by(config / "broker.toml", made / "broker.toml", made)
        else:
            (shop.folder / "broker" / "mosquitto.conf").write_text(
                (made / "mosquitto.conf").read_text()
            )
        for name in ("broker", "edge", "devices"):
            await shop.kill_and_wait(name)
        await _broker_listens(tls)
        # the second host: what the box says is done there, word by word
        done = tillbox("broker", "add-host", "till2", "--folder", made, cwd=folder)
        assert done.returncode == 0, done.stderr
        if not embedded:
            os.kill(shop.pids()["broker"], signal.SIGHUP)
        there = folder / "the other machine"
        there.mkdir()
        (folder / "till2.join").rename(there / "till2.join")
        join, run = told(done.stdout, "tillbox devices")
        done = tillbox(*join.split()[1:], cwd=there)
        assert done.returncode == 0, done.stderr
        assert run in done.stdout.replace(f"{there}/", "")
        line = Line(carrier, tls)
        line.open()
        found = TwoHosts(shop, made, there, line, embedded)
        _edit(found.config, (f"port = {tls}", f"port = {line.port}"))
        found.start_till2()
        stack.callback(found.kill_till2)
        yield found


def _replace_by(path: Path, made: Path, folder: Path) -> None:
    """Take over a settings file whose paths are relative to its own folder."""
    text = made.read_text()
    for name in ("passwords", "broker.pem", "broker.key"):
        text = text.replace(f'"{name}"', json.dumps(str(folder / name)))
    path.write_text(text)


@pytest_asyncio.fixture(
    scope="module",
    loop_scope="module",
    params=[pytest.param("mosquitto", marks=pytest.mark.mosquitto), "embedded"],
)
async def hosts(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[TwoHosts]:
    if request.param == "mosquitto" and mosquitto_program() is None:
        pytest.skip("Mosquitto is not installed (Debian: apt install mosquitto)")
    folder = tmp_path_factory.mktemp("two-hosts")
    async with two_hosts(folder, embedded=request.param == "embedded") as found:
        yield found


async def test_both_hosts_serve_one_sale(hosts: TwoHosts) -> None:
    await hosts.until_well()
    await hosts.sell_by_card()


async def test_a_killed_host_is_said_and_is_back_without_a_person(hosts: TwoHosts) -> None:
    await hosts.until_well()
    hosts.kill_till2()
    await hosts.until_well(but=MOVED)
    await hosts.sell_for_cash()
    hosts.start_till2()
    await hosts.until_well()
    await hosts.sell_by_card()


@pytest.mark.parametrize("how", ["reset", "silent"])
async def test_a_cut_line_is_said_and_the_roles_are_back(hosts: TwoHosts, how: str) -> None:
    await hosts.until_well()
    if how == "silent":
        hosts.line.hold("out")
        hosts.line.hold("back")
        await hosts.until_well(but=MOVED)
        await hosts.sell_for_cash()
        hosts.line.cut()
        hosts.line.flow()
    else:
        hosts.line.cut()
    await hosts.until_well()
    await hosts.sell_by_card()


async def test_a_payment_goes_on_over_a_cut_of_the_line(hosts: TwoHosts) -> None:
    await hosts.until_well()
    booked = len(await hosts.shop.booked())
    status, view = await hosts.shop.insist("add_item", code=hosts.shop.goods[0]["code"])
    assert status == 200, view
    hosts.line.hold("back")
    hosts.line.hold("out")
    status, view = await hosts.shop.insist("pay_by_card", amount_minor=view["due_minor"])
    assert status == 200, view
    hosts.line.cut()
    await hosts.shop.until_view(
        lambda v: v["state"] in {"done", "open"}, what="the payment is definite"
    )
    view = await hosts.shop.view()
    paid = view["state"] == "done"
    assert len(await hosts.shop.booked()) == booked + paid, "charged once, or not at all"
    await hosts.shop.clear()
    await hosts.until_well()


# --- credentials --------------------------------------------------------------------------


async def test_a_neighbours_credentials_reach_nobody_elses(hosts: TwoHosts) -> None:
    """till2's own password, over TLS, and everything that is not its own."""
    await hosts.until_well()
    store = hosts.shop.ready["store"]
    password = (hosts.there / "tillbox-till2" / "broker.password").read_text()
    tls = client_context(hosts.there / "tillbox-till2" / "shop-ca.pem")
    box = HostTopics(store, "box")
    hosts.kill_till2()  # two under one name would throw each other off
    # as the box: the name of another is no way in, and the box stays where it is
    async with raw_client(hosts.line.target_port, tls) as thief:
        if await thief.connect("box", "till2", password) == 0:
            await thief.subscribe(box.all_jobs)
            await hosts.sell_for_cash()
            assert await thief.settle() == [], "not one job of the box's printer"
    # as itself: others' configuration, jobs and states
    async with raw_client(hosts.line.target_port, tls) as thief:
        assert await thief.connect("till2", "till2", password) == 0
        for wanted in ("#", "tillbox/#", box.config, box.all_jobs, f"{box.prefix}/#"):
            await thief.subscribe(wanted)
        await thief.publish(box.config, b'{"devices":[],"v":1}', retain=True)
        await thief.publish(box.availability, b"offline", retain=True)
        await thief.publish(box.device("printer-1").availability, b"offline", retain=True)
        await thief.publish(f"{HostTopics(store, 'till2').config}", b"{}", retain=True)
        await hosts.sell_for_cash()
        own = HostTopics(store, "till2").prefix + "/"
        assert [topic for topic, _ in await thief.settle() if not topic.startswith(own)] == []
    hosts.start_till2()
    await hosts.until_well()
    await hosts.sell_by_card()


async def until_refused(hosts: TwoHosts) -> None:
    """Wait until the host says what to do about its credentials."""

    async def said() -> bool | None:
        lines = (hosts.there / "till2.log").read_text().splitlines()
        lost = [json.loads(line) for line in lines if '"bus_lost"' in line]
        return True if lost and lost[-1]["code"] == "broker_refuses_password" else None

    await eventually(said, what="the host says what to do")


async def add_again(hosts: TwoHosts) -> list[str]:
    """Make new credentials; return the words with which they are taken."""
    folder = hosts.broker.parent
    done = tillbox("broker", "add-host", "till2", "--folder", hosts.broker, cwd=folder)
    assert done.returncode == 0, done.stderr
    if "Start the broker anew" in done.stdout:
        await hosts.shop.kill_and_wait("broker")
    elif not hosts.embedded:
        os.kill(hosts.shop.pids()["broker"], signal.SIGHUP)
    (folder / "till2.join").rename(hosts.there / "till2.join")
    join, _ = told(done.stdout, "tillbox devices")
    return join.split()[1:]


async def join_again(hosts: TwoHosts, words: list[str]) -> None:
    await _broker_listens(hosts.line.target_port)
    done = tillbox(*words, cwd=hosts.there)
    assert done.returncode == 0, done.stderr
    _edit(hosts.config, (f"port = {hosts.line.target_port}", f"port = {hosts.line.port}"))
    hosts.start_till2()
    await hosts.until_well()
    await hosts.sell_by_card()


async def test_new_credentials_end_the_old_ones_and_the_host_joins_again(hosts: TwoHosts) -> None:
    await hosts.until_well()
    words = await add_again(hosts)
    await hosts.until_well(but=MOVED)
    await until_refused(hosts)
    hosts.kill_till2()
    assert words[-1] == "--again"
    done = tillbox(*words[:-1], cwd=hosts.there)
    assert done.returncode == 2, "it has joined already"
    assert "--again" in done.stderr
    await join_again(hosts, words)


async def test_a_host_that_was_carried_away_is_let_in_no_more(hosts: TwoHosts) -> None:
    await hosts.until_well()
    done = tillbox("broker", "remove-host", "till2", "--folder", hosts.broker, cwd=hosts.there)
    assert done.returncode == 0, done.stderr
    assert "Start the broker anew" in done.stdout
    await hosts.shop.kill_and_wait("broker")
    await hosts.until_well(but=MOVED)
    await until_refused(hosts)
    await hosts.sell_for_cash()
    # another machine takes its name: nothing has to be said anew at the technician's page
    hosts.kill_till2()
    await join_again(hosts, [*await add_again(hosts), "--again"])


# --- Home Assistant -----------------------------------------------------------------------


@dataclass
class FromOutside:
    """The broker as Home Assistant reaches it: over TLS, with what the command printed."""

    hosts: TwoHosts

    def connect(self, user: str) -> MqttBus:
        settings = MqttSettings(
            user,
            self.hosts.broker / f"{user}.mqtt",
            "localhost",
            self.hosts.line.target_port,
            "3.1.1" if self.hosts.embedded else "5",
            self.hosts.broker / "shop-ca.pem",
        )
        return MqttBus(settings, None, SystemClock(), open_log(user, io.StringIO()))


async def _broker_again(hosts: TwoHosts) -> None:
    """Do what the box said: read the files again, or start anew."""
    if hosts.embedded:
        config = hosts.shop.folder / "config" / "broker.toml"
        _replace_by(config, hosts.broker / "broker.toml", hosts.broker)
        await hosts.shop.kill_and_wait("broker")
        await _broker_listens(hosts.line.target_port)
    else:
        os.kill(hosts.shop.pids()["broker"], signal.SIGHUP)


async def test_home_assistant_sees_both_hosts_from_outside(hosts: TwoHosts) -> None:
    await hosts.until_well()
    box, there = "printer-1", "terminal-1"
    done = tillbox("broker", "add-home-assistant", "--folder", hosts.broker, cwd=hosts.there)
    assert done.returncode == 0, done.stderr
    await _broker_again(hosts)
    edge = hosts.shop.folder / "config" / "edge.toml"
    before = edge.read_text()
    edge.write_text(f"{before}\n[home_assistant]\n")
    await hosts.shop.kill_and_wait("edge")

    def name(device: str, entity: str) -> str:
        return f"tillbox_harbour-street_{device}_{entity}"

    async with home_assistant(FromOutside(hosts)) as home:
        for device in (box, there, "scanner-1", "scale-1"):
            await home.until_state(name(device, "problem"), "off")
            await home.until_state(name(device, "connected"), "on")
        await hosts.until_well()
        await hosts.sell_by_card()
        hosts.kill_till2()
        await home.until_state(name(there, "problem"), UNAVAILABLE)
        await home.until_state(name(there, "connected"), "off")
        assert home.reader.state(name(box, "problem")) == "off"
        hosts.start_till2()
        await home.until_state(name(there, "problem"), "off")
        # edge ends without a goodbye: its last will says that nobody keeps this true
        hosts.shop.pause("edge")
        hosts.shop.kill("edge")
        await home.until(
            lambda: home.reader.newest[SHOWN.availability] == b"offline", what="the last will"
        )
        await home.until_state(name(box, "problem"), "off")
        edge.write_text(f"{before}\n[home_assistant]\nenabled = false\n")
        await hosts.shop.kill_and_wait("edge")
        await home.until(lambda: not home.reader.devices(), what="all is taken away")
    edge.write_text(before)
    await hosts.shop.kill_and_wait("edge")
    done = tillbox("broker", "remove-home-assistant", "--folder", hosts.broker, cwd=hosts.there)
    assert done.returncode == 0, done.stderr
    await _broker_again(hosts)
    await hosts.until_well()
    await hosts.sell_by_card()
