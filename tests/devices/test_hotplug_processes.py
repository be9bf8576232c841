"""Simulated devices as processes of their own, killed below a running `tillbox devices`.

A box, Mosquitto, one `tillbox devices` and four `tillbox simulate`: after each kill, however it
comes, the devices are back in their roles and the till sells as before; nobody does anything.
"""

from __future__ import annotations

import asyncio
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from devices.simulators.terminal_zvt.acquirer import Acquirer
from edge.runtime.mqtt_bus import MqttBus
from edge.runtime.structured_log import open_log
from edge.runtime.system_clock import SystemClock
from edge.settings import StoreSettings
from tests.bench.processes import Program, python
from tests.devices.broker import MOSQUITTO, RealBroker, free_port
from tests.flows.box import MILK, PIN, Box, selling_box
from tests.flows.fake_host import until

TILL: Final = "till-1"
APPLES: Final = "102"
GRAMS: Final = 742
BACK_S: Final = 60.0

pytestmark = [
    pytest.mark.whole_shop,
    pytest.mark.mosquitto,
    pytest.mark.skipif(MOSQUITTO is None, reason="Mosquitto is not installed"),
    pytest.mark.timeout(300),
]


@dataclass
class Simulated:
    """One `tillbox simulate`, started again with the same words; steps are played by a pipe."""

    driver: str
    roles: list[str]
    place: list[str]
    address: str
    settings: list[str] = field(default_factory=list)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        words = python(
            "edge.cli", "simulate", self.driver, *self.place, "--script", "-", *self.settings
        )
        self.process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline().decode()
        assert line.startswith("ready "), f"{self.driver}: {line!r}"

    def play(self, action: str, **args: Any) -> None:
        assert self.process is not None
        assert self.process.stdin is not None
        self.process.stdin.write(msgspec.json.encode({"play": action, "args": args}) + b"\n")
        self.process.stdin.flush()

    def end(self, number: int) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            self.process.communicate(timeout=10)
            self.process = None


@dataclass
class RealBus:
    """Gives a box its bus on the real broker."""

    broker: RealBroker

    def connect(self, user: str) -> MqttBus:
        return MqttBus(self.broker.settings(user), None, SystemClock(), open_log("edge"))


@dataclass
class Till:
    """The till's side, and the devices below it."""

    box: Box
    simulated: dict[str, Simulated]
    journal: Path
    ids: dict[str, str] = field(default_factory=dict)
    sales: int = 0

    async def adopt_all(self) -> None:
        status, _ = await self.box.call(
            "POST", "/api/v1/technician/session", {"cashier": "tech", "pin": PIN}
        )
        assert status == 200
        async with asyncio.timeout(BACK_S):
            while True:
                _, wall = await self.box.call("GET", "/api/v1/technician/devices")
                if any(each["drivers"] for each in wall["hosts"]):
                    break
                await asyncio.sleep(0.05)
        for name, each in self.simulated.items():
            body = {
                "command_id": f"adopt-{name}",
                "host": "box",
                "driver": each.driver,
                "till": TILL,
                "roles": each.roles,
                "settings": {"address": each.address},
            }
            status, answer = await self.box.call("POST", "/api/v1/technician/devices", body)
            assert status == 200, answer
            self.ids[name] = answer["device"]

    def serves(self, name: str) -> bool:
        """Say whether every role of a device is filled and well."""
        directory = self.box.edge.dispatch.directory
        well = {view.role for view in directory.views(TILL) if view.well}
        return set(self.simulated[name].roles) <= well

    def state(self, name: str) -> str:
        directory = self.box.edge.dispatch.directory
        device = self.ids[name]
        return next(directory.view(each).state for each in directory.devices if each.id == device)

    async def all_back(self) -> None:
        for name in self.simulated:
            await until(lambda name=name: self.serves(name), what=f"{name} is back", seconds=BACK_S)

    def booked(self) -> int:
        """Count what the acquirer has and did not take back."""
        return sum(each.state == "booked" for each in Acquirer(str(self.journal)).transactions)

    async def view_until(self, what: str, true: Any) -> Any:
        seen: Any = None
        async with asyncio.timeout(BACK_S):
            while not true(seen := await self.box.view(TILL)):
                await asyncio.sleep(0.05)
        assert true(seen), what
        return seen

    async def sell(self) -> None:
        """Scan, weigh, pay by card and print: every role once."""
        scanner, scale = self.simulated["scanner"], self.simulated["scale"]
        before, printed = self.booked(), "the receipt is printed"
        self.sales += 1
        scale.play("put", grams=0)
        await self.view_until("nothing lies there", lambda view: _scale(view) == 0)
        scale.play("put", grams=GRAMS + self.sales)
        await self.view_until("goods lie there", lambda view: _scale(view) == GRAMS + self.sales)
        scanner.play("scan", text=MILK)
        await self.view_until("milk", lambda view: len(view["lines"]) == 1)
        status, answer = await self.box.command("weigh_item", code=APPLES)
        assert status == 200, answer
        view = await self.view_until("apples", lambda view: len(view["lines"]) == 2)
        assert [line["quantity"] for line in view["lines"]] == [1_000, GRAMS + self.sales]
        await self.pay(view)
        view = await self.view_until(
            printed, lambda view: (view["receipt"] or {}).get("state") == "printed"
        )
        assert view["state"] == "done"
        assert self.booked() == before + 1, "the card was charged once"

    async def pay(self, view: Any) -> None:
        status, answer = await self.box.command("pay_by_card", amount_minor=view["due_minor"])
        assert status == 200, answer


def _scale(view: Any) -> int:
    found = next(device for device in view["devices"] if device["role"] == "scale")
    return found["weight_g"] if found["weight"] == "stable" else -1


@asynccontextmanager
async def shop(folder: Path, customer_ms: int = 100) -> AsyncIterator[Till]:
    broker = RealBroker(folder, users=("edge", "box"))
    broker.start()
    printer, terminal = free_port(), free_port()
    journal = folder / "acquirer.jsonl"
    simulated = {
        "scanner": _on_line("scanner_serial", ["scanner"], folder / "scanner"),
        "scale": _on_line("scale_cas", ["scale"], folder / "scale"),
        "printer": _on_net("printer_escpos", ["printer", "drawer"], printer),
        "terminal": _on_net("terminal_zvt", ["terminal"], terminal),
    }
    simulated["terminal"].settings = [
        "--set", f"journal={journal}", "--set", f"customer_ms={customer_ms}",
    ]  # fmt: skip
    config = folder / "devices.toml"
    password = broker.settings("box").password_file
    config.write_text(
        f'store = "store-1"\nhost = "box"\ndatabase = "devices.db"\nlook_in = "{folder}"\n'
        f'[broker]\nuser = "box"\npassword_file = "{password}"\nport = {broker.port}\n'
    )
    program = Program(
        "devices",
        python("edge.cli", "devices", "--config", str(config)),
        folder / "devices.log",
    )
    bus: Any = RealBus(broker)
    try:
        for each in simulated.values():
            each.start()
        program.start()
        async with selling_box(
            folder, broker=bus, devices=(), store=StoreSettings("store-1", 1)
        ) as box:
            till = Till(box, simulated, journal)
            await till.adopt_all()
            await till.all_back()
            yield till
    finally:
        program.stop()
        for each in simulated.values():
            each.end(signal.SIGKILL)
        broker.stop()
    assert "Traceback" not in program.log.read_text()
    assert '"level":"error"' not in program.log.read_text()


def _on_line(driver: str, roles: list[str], link: Path) -> Simulated:
    return Simulated(driver, roles, ["--pty", str(link)], f"serial://{link}")


def _on_net(driver: str, roles: list[str], port: int) -> Simulated:
    return Simulated(driver, roles, ["--tcp", f"127.0.0.1:{port}"], f"tcp://127.0.0.1:{port}")


async def test_simulators_that_are_killed_and_started_again_are_back_in_their_roles(
    tmp_path: Path,
) -> None:
    async with shop(tmp_path) as till:
        await till.sell()
        for number in (signal.SIGKILL, signal.SIGTERM):
            for each in till.simulated.values():
                each.end(number)
            for name in till.simulated:
                await until(
                    lambda name=name: till.state(name) == "lost",  # type: ignore[misc]
                    what=f"{name} is lost",
                    seconds=BACK_S,
                )
                assert not till.serves(name)
            for each in till.simulated.values():
                each.start()
            await till.all_back()
            await till.sell()


async def test_a_terminal_killed_in_a_payment_settles_it_and_charges_once(tmp_path: Path) -> None:
    async with shop(tmp_path, customer_ms=8_000) as till:
        scanner, terminal = till.simulated["scanner"], till.simulated["terminal"]
        scanner.play("scan", text=MILK)
        view = await till.view_until("milk", lambda view: len(view["lines"]) == 1)
        await till.pay(view)
        await asyncio.sleep(1.0)  # the terminal waits for a card
        terminal.end(signal.SIGKILL)
        await until(lambda: till.state("terminal") == "lost", what="it is lost", seconds=BACK_S)
        terminal.start()
        await till.all_back()
        view = await till.view_until("settled", lambda view: view["state"] == "open")
        assert (view["doubt"], till.booked()) == (None, 0)
        await till.pay(view)
        view = await till.view_until("paid", lambda view: view["state"] == "done")
        assert till.booked() == 1
