"""A shop as processes whose disk is put back to an older copy: box, `sync` and head office.

Nobody starts what was stopped or killed: a test does. There is no broker and no hardware; cash
sales need neither.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sqlite3
import subprocess
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from edge.demo.command import introduce_box_and_office, load_shop
from edge.demo.layout import DemoLayout
from edge.demo.processes import tillbox
from edge.demo.walk_in import WalkIn
from edge.runtime.frame_codec import open_frame, shipped_dictionaries
from edge.runtime.keys import load_key
from edge.runtime.system_clock import SystemClock
from edge.salvaging import COMMAND as SALVAGE
from tests.brokers import find_free_port
from tests.whole_shop.demo_shop import eventually

CODES = ("9520000079192", "9520000158385")
CASHIER = ("marta", "4711")


@dataclass
class Done:
    """A sale of which a till was told that it is done."""

    sale: str
    receipt: str
    total_minor: int


@dataclass
class ForkShop:
    """`done` is what the tills were told, in order."""

    layout: DemoLayout
    client: aiohttp.ClientSession
    session: dict[str, str] = field(default_factory=dict)
    office_session: dict[str, str] = field(default_factory=dict)
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    done: list[Done] = field(default_factory=list)
    office_of: DemoLayout | None = None
    """Whose head office it is, where that is another shop's."""

    @property
    def edge(self) -> str:
        return f"http://127.0.0.1:{self.layout.till_port}"

    @property
    def office(self) -> str:
        return f"http://127.0.0.1:{self.layout.office_port}"

    @property
    def ledger(self) -> Path:
        return self.layout.ledger

    # --- processes ------------------------------------------------------------------------

    def start(self, name: str) -> None:
        with (self.layout.root / "log" / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                tillbox(name, "--config", str(self.layout.config(name))), stdout=log, stderr=log
            )

    def stop(self, name: str, how: signal.Signals = signal.SIGTERM) -> None:
        process = self.running.pop(name)
        process.send_signal(how)
        process.wait(60)

    async def answers(self, url: str) -> None:
        async def attempt() -> bool | None:
            try:
                async with self.client.get(f"{url}/health"):
                    return True
            except aiohttp.ClientError:
                return None

        await eventually(attempt, what=f"{url} answers")

    async def box_up(self) -> None:
        self.start("edge")
        await self.answers(self.edge)

    # --- disks ----------------------------------------------------------------------------

    def copy_disk(self, name: str) -> None:
        """Copy the ledger of the running box, as a backup or an image does."""
        folder = self.layout.root / "copies"
        folder.mkdir(exist_ok=True)
        with (
            closing(sqlite3.connect(f"file:{self.ledger}?mode=ro", uri=True)) as there,
            closing(sqlite3.connect(folder / name)) as copy,
        ):
            there.backup(copy)
        if self.ratchet.exists():
            (folder / f"{name}.ratchet").write_bytes(self.ratchet.read_bytes())

    @property
    def ratchet(self) -> Path:
        """What lies beside the ledger."""
        return self.ledger.with_name("ratchet")

    def put_back(self, name: str, *, whole: bool = False) -> None:
        """Lose the disk, and put a copy in its place: of the ledger alone, or of the whole box."""
        for path in self.ledger.parent.glob("ledger.db*"):
            path.unlink()
        copies = self.layout.root / "copies"
        self.ledger.write_bytes((copies / name).read_bytes())
        if whole:
            self.ratchet.unlink(missing_ok=True)
            if (beside := copies / f"{name}.ratchet").exists():
                self.ratchet.write_bytes(beside.read_bytes())
                self.ratchet.chmod(0o600)

    def clone(self, name: str) -> ForkShop:
        """Return the same box once more, with a copy of its ledger and the same key."""
        layout = DemoLayout(
            self.layout.root / "clone",
            find_free_port(),
            self.layout.office_port,
            embedded_broker=True,
        )
        for each in ("config", "log", "edge"):
            (layout.root / each).mkdir(parents=True)
        old, new = self.layout.till_port, layout.till_port
        for each in ("edge", "sync"):
            text = self.layout.config(each).read_text("utf-8").replace(str(old), str(new))
            layout.config(each).write_text(
                text.replace(str(self.layout.root / "edge"), str(layout.root / "edge")), "utf-8"
            )
        for path in ("reference.db", "site.db"):
            with (
                closing(sqlite3.connect(self.ledger.with_name(path))) as there,
                closing(sqlite3.connect(layout.ledger.with_name(path))) as copy,
            ):
                there.backup(copy)
        copied = self.layout.root / "copies" / name
        layout.ledger.write_bytes(copied.read_bytes())
        beside = copied.with_name(f"{name}.ratchet")
        layout.ledger.with_name("ratchet").write_bytes(beside.read_bytes())
        session = {**self.session, "Origin": f"http://127.0.0.1:{new}"}
        return ForkShop(layout, self.client, session, self.office_session, office_of=self.layout)

    # --- people ---------------------------------------------------------------------------

    async def command(self, wanted: str, till: str = "till-1", **given: Any) -> dict[str, Any]:
        """Give a command as a till does: with the same id until there is an answer."""
        body = {"command_id": str(uuid.uuid4()), "type": wanted, **given}

        async def attempt() -> tuple[int, dict[str, Any]] | None:
            try:
                async with self.client.post(
                    f"{self.edge}/api/v1/tills/{till}/commands", json=body, headers=self.session
                ) as response:
                    if response.status == 401:
                        await self.sign_in()
                        return None
                    return (
                        None
                        if response.status == 503
                        else (
                            response.status,
                            await response.json(),
                        )
                    )
            except (aiohttp.ClientError, TimeoutError):
                return None

        status, view = await eventually(attempt, what=f"an answer to {wanted}")
        assert status == 200, view
        found: dict[str, Any] = view
        return found

    async def sign_in(self) -> None:
        cashier, pin = CASHIER
        async with self.client.post(
            f"{self.edge}/api/v1/session",
            json={"cashier": cashier, "pin": pin},
            headers=self.session,
        ) as response:
            assert response.status == 200, await response.text()
            own = {name: morsel.value for name, morsel in response.cookies.items()}
        cookies = dict(part.split("=", 1) for part in self.session["Cookie"].split("; "))
        self.session["Cookie"] = "; ".join(f"{k}={v}" for k, v in (cookies | own).items())

    async def open_sale(self, lines: int) -> dict[str, Any]:
        view = await self.view()
        if view["state"] == "done":
            await self.command("next_sale")
        for line in range(lines):
            view = await self.command("add_item", code=CODES[line % len(CODES)])
        return view

    async def pay(self) -> Done:
        view = await self.view()
        view = await self.command("take_cash", amount_minor=view["due_minor"])
        assert view["state"] == "done", view
        done = Done(view["sale_id"], view["receipt_number"], view["total_minor"])
        self.done.append(done)
        return done

    async def sell(self, lines: int) -> Done:
        await self.open_sale(lines)
        return await self.pay()

    async def view(self) -> dict[str, Any]:
        async def attempt() -> dict[str, Any] | None:
            try:
                async with self.client.get(
                    f"{self.edge}/api/v1/tills/till-1/view", headers=self.session
                ) as response:
                    if response.status == 401:
                        await self.sign_in()
                        return None
                    return await response.json() if response.status == 200 else None
            except (aiohttp.ClientError, TimeoutError):
                return None

        found: dict[str, Any] = await eventually(attempt, what="the till's view")
        return found

    async def health(self, name: str) -> dict[str, Any] | None:
        async with self.client.get(f"{self.edge}/health") as response:
            items = (await response.json())["items"]
        return next((item for item in items if item["name"] == name), None)

    # --- proof ----------------------------------------------------------------------------

    async def ask_office(self, path: str) -> Any:
        async with self.client.get(f"{self.office}{path}", headers=self.office_session) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    async def store(self) -> dict[str, Any]:
        found: dict[str, Any] = (await self.ask_office("/api/v1/stores"))["stores"][0]
        return found

    @property
    def _office_db(self) -> Path:
        return (self.office_of or self.layout).root / "office" / "office.db"

    async def office_sales(self) -> Counter[tuple[str, str, int]]:
        """Return every completed sale that head office shows."""
        with closing(sqlite3.connect(f"file:{self._office_db}?mode=ro", uri=True)) as office:
            return Counter(
                office.execute(
                    "SELECT sale, receipt, total_minor FROM sale WHERE arrival IS NOT NULL"
                ).fetchall()
            )

    def confirm_box(self) -> str:
        """Confirm the box as a person of head office does, and return what that was answered."""
        asked = [
            *("office", "confirm-box", "--store", "harbour-street", "--url", self.office),
            *("--user", "demo", "--password-file", str(self.layout.secret("office.password"))),
        ]
        done = subprocess.run(tillbox(*asked), capture_output=True, text=True, check=True)
        return done.stdout

    async def salvage(self, survivor: Path) -> None:
        """Take up what another box sold late, while this one is stopped."""
        given = argparse.Namespace(config=self.layout.config("edge"), ledger=survivor)
        assert await asyncio.to_thread(SALVAGE.run, given) == 0

    def keep(self, *words: str) -> str:
        """Run a command of the second copy, and return what it says."""
        asked = ["keep", "--config", str(self.layout.config("keep")), *words]
        done = subprocess.run(tillbox(*asked), capture_output=True, text=True, check=True)
        return done.stdout

    def kept_head(self) -> tuple[int, bytes] | None:
        """Return up to where the second copy has the box's history, and the hash there."""
        path = self.layout.root / "keep" / "keep.db"
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as kept:
            row: tuple[int, bytes] | None = kept.execute("SELECT seq, hash FROM head").fetchone()
        return row

    def box_hash(self, seq: int) -> bytes:
        with closing(sqlite3.connect(f"file:{self.ledger}?mode=ro", uri=True)) as ledger:
            row = ledger.execute("SELECT hash FROM event WHERE seq = ?", (seq,)).fetchone()
        return b"" if row is None else bytes(row[0])

    def bodies_of(self, frame: bytes) -> tuple[bytes, ...]:
        """Return the events of a frame of this box."""
        key = load_key(self.layout.secret("box.key"))
        words = shipped_dictionaries()
        return open_frame(frame, verify=key.public.verify, dictionaries=words).bodies

    def box_events(self, path: Path | None = None) -> list[dict[str, Any]]:
        with closing(sqlite3.connect(f"file:{path or self.ledger}?mode=ro", uri=True)) as ledger:
            rows = ledger.execute("SELECT body FROM event ORDER BY seq").fetchall()
        return [json.loads(body) for (body,) in rows]

    def box_sales(self) -> Counter[tuple[str, str, int]]:
        return Counter(
            (each["data"]["sale"], each["data"]["receipt"], each["data"]["total_minor"])
            for each in self.box_events()
            if each["type"] == "sale_completed"
        )

    def told(self) -> Counter[tuple[str, str, int]]:
        return Counter((each.sale, each.receipt, each.total_minor) for each in self.done)

    async def until_in_step(self) -> None:
        """Wait until head office has all up to the newest sale of the box, and shows it.

        What no sale hurries waits for company, longer than a test does.
        """

        async def attempt() -> bool | None:
            last = max(
                (each["seq"] for each in self.box_events() if each["type"] == "sale_completed"),
                default=0,
            )
            return True if (await self.store())["projected_seq"] >= last else None

        try:
            await eventually(attempt, what="head office has everything")
        except AssertionError as error:
            raise AssertionError(f"{error}: {await self.store()}\n{self.logs()}") from None

    def verify(self, path: Path | None = None) -> dict[str, Any]:
        done = subprocess.run(
            [*tillbox("ledger", "verify", str(path or self.ledger), "--json")],
            capture_output=True,
            text=True,
            check=False,
        )
        verdict: dict[str, Any] = json.loads(done.stdout)
        return verdict

    def logs(self) -> str:
        return "\n".join(
            f"--- {path.name}\n{path.read_text(errors='replace')[-2500:]}"
            for path in sorted((self.layout.root / "log").glob("*.log"))
        )


@asynccontextmanager
async def fork_shop(folder: Path) -> AsyncIterator[ForkShop]:
    """Run a shop with goods, people and an enrolled till."""
    layout = DemoLayout(folder, find_free_port(), find_free_port(), embedded_broker=True)
    layout.prepare()
    introduce_box_and_office(layout)
    # the demo's line goes through its counter, which is not here
    sync = layout.config("sync")
    sync.write_text(
        sync.read_text().replace(f":{layout.ports['link']}", f":{layout.office_port}"), "utf-8"
    )
    async with aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=20), cookie_jar=aiohttp.DummyCookieJar()
    ) as client:
        shop = ForkShop(layout, client)
        walk_in = WalkIn(client, SystemClock())
        try:
            for name in ("office", "edge", "sync"):
                shop.start(name)
            await shop.answers(shop.office)
            await asyncio.to_thread(load_shop, layout, shop.office)
            await shop.answers(shop.edge)
            await _goods_are_here(shop)
            token = layout.secret("service.token").read_text()
            code = await walk_in.enrolment_code(shop.edge, token, "till-1")
            shop.session = await walk_in.till_session(
                shop.edge, code, *CASHIER, layout.secret("session.json")
            )
            password = layout.secret("office.password").read_text()
            shop.office_session = await walk_in.office_session(shop.office, "demo", password)
            yield shop
        finally:
            for name in list(shop.running):
                shop.stop(name)


async def _goods_are_here(shop: ForkShop) -> None:
    async def attempt() -> bool | None:
        item = await shop.health("reference")
        return True if item and item["well"] else None

    await eventually(attempt, what="the shop's data are here")
