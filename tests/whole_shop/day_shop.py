"""A shop as processes, each of them by itself: broker, box, device host and a simulated terminal.

Unlike the demo nobody starts what was killed again: a test does, and so says when.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from edge.contract.wire import encode
from tests.brokers import find_free_port
from tests.devices.broker import RealBroker
from tests.devices.test_main import Machine
from tests.flows.box import MILK, PIN, TOKEN, pages
from tests.whole_shop.demo_shop import eventually
from tests.whole_shop.dying_edge import DIE_AT, Step

PEPPER = bytes(range(32))
SETTINGS = """
data_dir = "edge"
tills = ["till-1"]

[store]
slug = "store-1"
number = 1

[secrets]
box_key_file = "box.key"
pepper_file = "pepper"
service_token_file = "service.token"

[broker]
user = "edge"
password_file = "{password}"
port = {broker_port}

[web]
port = {port}

[[devices]]
id = "terminal-1"
host = "host-1"
driver = "terminal_zvt"
roles = ["terminal"]
till = "till-1"
settings = {{ address = "{address}", answer_ms_max = 1000 }}
"""


class Terminal:
    """`tillbox simulate terminal_zvt`, played through its pipe."""

    def __init__(self, folder: Path, **settings: object) -> None:
        given = {"customer_ms": 20, "network_ms": 20, **settings}
        words = [f"{name}={json.dumps(value)}" for name, value in given.items()]
        asked = [*("simulate", "terminal_zvt", "--tcp", "127.0.0.1:0", "--script", "-")]
        for word in words:
            asked += ["--set", word]
        with (folder / "terminal.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "edge.cli", *asked],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        self.address = self._line("ready ")

    def _line(self, begins: str) -> str:
        assert self.process.stdout is not None
        while line := self.process.stdout.readline().decode():
            if line.startswith(begins):
                return line.removeprefix(begins).strip()
        raise AssertionError("the terminal ended")

    def play(self, action: str, **args: object) -> None:
        assert self.process.stdin is not None
        step = {"play": action, "args": args} if args else {"play": action}
        self.process.stdin.write(json.dumps(step).encode() + b"\n")
        self.process.stdin.flush()

    def shows(self) -> dict[str, Any]:
        self.play("show")
        shown: dict[str, Any] = json.loads(self._line("state "))
        return shown

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(20)
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()


@dataclass
class DayShop:
    """A till with a card terminal; `edge` is the box's process while it runs."""

    folder: Path
    terminal: Terminal
    machine: Machine
    port: int
    client: aiohttp.ClientSession
    edge: subprocess.Popen[bytes] | None = None
    numbers: dict[str, int] = field(default_factory=dict)

    # --- the box's process ----------------------------------------------------------------

    def start_edge(self, die_at: Step | None = None) -> None:
        with (self.folder / "edge.log").open("ab") as log:
            self.edge = subprocess.Popen(
                [
                    *(sys.executable, "-m", "tests.whole_shop.dying_edge", "edge"),
                    *("--config", str(self.folder / "edge.toml")),
                ],
                stderr=log,
                env={**os.environ, DIE_AT: die_at or ""},
            )

    def kill_edge(self) -> None:
        assert self.edge is not None
        self.edge.kill()
        self.dead()

    def kill_host(self) -> None:
        """Kill the device host too, and start it anew."""
        self.machine.end(signal.SIGKILL)
        self.machine.start()

    def dead(self) -> None:
        """See the box dead, by SIGKILL."""
        assert self.edge is not None
        assert self.edge.wait(30) == -signal.SIGKILL
        self.edge = None

    def stop_edge(self) -> None:
        if self.edge is not None:
            self.edge.terminate()
            self.edge.wait(30)
            self.edge = None

    # --- people ---------------------------------------------------------------------------

    def new_id(self, what: str) -> str:
        self.numbers[what] = self.numbers.get(what, 0) + 1
        return f"{what}-{self.numbers[what]:08d}"

    async def call(
        self, method: str, path: str, body: object = None, *, service: bool = False
    ) -> tuple[int, Any]:
        """Call the box once; raises ClientError while it is not there."""
        origin = f"http://localhost:{self.port}"
        headers = {"Origin": origin, "Content-Type": "application/json"}
        if service:
            headers["Authorization"] = f"Bearer {TOKEN}"
        data = None if body is None else encode(body)
        async with self.client.request(
            method, origin + path, data=data, headers=headers
        ) as response:
            content = await response.read()
            return response.status, json.loads(content) if content else None

    async def until(self, path: str, fits: Any, *, what: str) -> Any:
        """Ask for something until it fits."""

        async def attempt() -> Any:
            try:
                status, body = await self.call("GET", path)
            except aiohttp.ClientError:
                return None
            return body if status == 200 and fits(body) else None

        return await eventually(attempt, what=what)

    async def until_there(self) -> None:
        """Wait until the box answers, whatever it says of its health."""

        async def attempt() -> bool | None:
            try:
                _ = await self.call("GET", "/health")
            except aiohttp.ClientError:
                return None
            return True

        await eventually(attempt, what="the box answers")

    async def set_up(self) -> None:
        """Give the box its goods and people, and enrol its till."""
        await self.until_there()
        for page in pages(PEPPER):
            status, taken = await self.call("POST", "/internal/v1/replica/feed", page, service=True)
            assert status == 200, taken
        code = {"till": "till-1"}
        _, made = await self.call("POST", "/internal/v1/enrolment-codes", code, service=True)
        status, body = await self.call("POST", "/api/v1/enrol", {"code": made["code"]})
        assert status == 200, body

    async def sign_in(self) -> None:
        """Let a cashier sign in at the till, a technician at the wall; a start has none."""
        await self.until_there()
        for path, who in (("session", "marta"), ("technician/session", "tech")):
            status, body = await self.call("POST", f"/api/v1/{path}", {"cashier": who, "pin": PIN})
            assert status == 200, body

    async def until_ready(self) -> None:
        """Wait until the terminal is well and its day can be ended."""
        await self.until(
            "/api/v1/technician/devices",
            lambda wall: wall["devices"][0]["well"] and wall["devices"][0]["ends_day"],
            what="the terminal is ready",
        )

    async def pay(self) -> None:
        """Sell milk to a card."""
        for command in (
            {"type": "next_sale"},
            {"type": "add_item", "code": MILK},
            {"type": "pay_by_card", "amount_minor": 129},
        ):
            wish = {"command_id": self.new_id("command"), **command}
            status, view = await self.call("POST", "/api/v1/tills/till-1/commands", wish)
            assert status == 200 or command["type"] == "next_sale", view
        await self.until(
            "/api/v1/tills/till-1/view", lambda view: view["state"] == "done", what="it is paid"
        )

    async def end_day(self, wish: str) -> dict[str, Any]:
        """Wish the end of the terminal's day and return how it is after a moment."""
        path = "/api/v1/technician/devices/terminal-1/end-of-day"
        status, day = await self.call("POST", path, {"command_id": wish})
        assert status == 200, day
        found: dict[str, Any] = day
        return found

    async def day(self, fits: Any, *, what: str) -> dict[str, Any]:
        """Return how the terminal's day is, once it fits."""
        wall = await self.until(
            "/api/v1/technician/devices",
            lambda wall: wall["devices"][0]["day"] and fits(wall["devices"][0]["day"]),
            what=what,
        )
        found: dict[str, Any] = wall["devices"][0]["day"]
        return found

    # --- proof ----------------------------------------------------------------------------

    def ledger_events(self) -> list[dict[str, Any]]:
        path = self.folder / "edge/ledger.db"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as ledger:
            rows = ledger.execute("SELECT body FROM event ORDER BY seq").fetchall()
        return [json.loads(body) for (body,) in rows]


@asynccontextmanager
async def day_shop(folder: Path, **terminal: object) -> AsyncIterator[DayShop]:
    """Run a shop whose terminal is set up so, with its people signed in."""
    broker, simulated = RealBroker(folder), Terminal(folder, **terminal)
    port = find_free_port()
    (folder / "service.token").write_text(TOKEN)
    (folder / "pepper").write_bytes(PEPPER)
    (folder / "pepper").chmod(0o600)
    machine = Machine(folder, broker)
    given = broker.settings("edge")
    (folder / "edge.toml").write_text(
        SETTINGS.format(
            password=given.password_file,
            broker_port=given.port,
            port=port,
            address=simulated.address,
        )
    )
    jar = aiohttp.CookieJar(treat_as_secure_origin=[f"http://localhost:{port}"])
    async with aiohttp.ClientSession(cookie_jar=jar) as client:
        shop = DayShop(folder, simulated, machine, port, client)
        try:
            broker.start()
            machine.start()
            shop.start_edge()
            await shop.set_up()
            await shop.sign_in()
            await shop.until_ready()
            yield shop
        finally:
            shop.stop_edge()
            machine.close()
            simulated.stop()
            broker.stop()
