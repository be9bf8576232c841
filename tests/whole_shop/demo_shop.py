"""The whole shop as real processes, and a client that does what people do there."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
from yarl import URL

from tests.brokers import find_free_port

READY_S = 90
DEADLINE_S = 45
_EVENTS = "SELECT body FROM event ORDER BY seq"


@dataclass
class Shop:
    """A running demo. `ready` is what its ready file says."""

    ready: dict[str, Any]
    client: aiohttp.ClientSession
    process: subprocess.Popen[bytes]
    folder: Path
    goods: list[dict[str, Any]] = field(default_factory=list)

    # --- the till -------------------------------------------------------------------------

    async def command(
        self, wanted: str, /, *, command_id: str = "", **fields: Any
    ) -> tuple[int, dict[str, Any]]:
        """Give a command once; raises aiohttp.ClientError when the answer is lost."""
        body = {"command_id": command_id or str(uuid.uuid4()), "type": wanted, **fields}
        async with self.client.post(
            f"{self.ready['edge_api']}/api/v1/tills/{self.ready['till']}/commands",
            json=body,
            headers=self.ready["session"],
        ) as response:
            return response.status, await response.json()

    async def insist(
        self, wanted: str, /, *, command_id: str = "", **fields: Any
    ) -> tuple[int, dict[str, Any]]:
        """Give a command as a till does: the same id again until there is an answer."""
        command_id = command_id or str(uuid.uuid4())

        async def attempt() -> tuple[int, dict[str, Any]] | None:
            try:
                status, body = await self.command(wanted, command_id=command_id, **fields)
            except (aiohttp.ClientError, TimeoutError):
                return None
            return None if status == 503 else (status, body)

        return await eventually(attempt, what=f"an answer to {wanted}")

    async def answered(self, ask: Callable[[], Awaitable[Any]], *, what: str) -> Any:
        """Ask until the box answers: it may be starting anew."""

        async def attempt() -> Any:
            try:
                return await ask()
            except (aiohttp.ClientError, TimeoutError):
                return None

        return await eventually(attempt, what=what)

    async def view(self) -> dict[str, Any]:
        """Return the till's view, once the box answers."""

        async def attempt() -> dict[str, Any] | None:
            try:
                async with self.client.get(
                    f"{self.ready['edge_api']}/api/v1/tills/{self.ready['till']}/view",
                    headers=self.ready["session"],
                ) as response:
                    return await response.json() if response.status == 200 else None
            except (aiohttp.ClientError, TimeoutError):
                return None

        return await eventually(attempt, what="the till's view")

    async def until_view(
        self, condition: Callable[[dict[str, Any]], bool], *, what: str
    ) -> dict[str, Any]:
        """Wait until the till's view fulfils a condition."""
        seen: dict[str, Any] = {}

        async def attempt() -> dict[str, Any] | None:
            nonlocal seen
            seen = await self.view()
            return seen if condition(seen) else None

        try:
            return await eventually(attempt, what=what)
        except AssertionError as error:
            shown = {**seen, "devices": [d for d in seen.get("devices", []) if not d["well"]]}
            raise AssertionError(f"{error}; last seen: {json.dumps(shown)[:3000]}") from None

    async def until_well(self) -> None:
        """Wait until the devices are ready and the till is free."""
        await self.until_view(
            lambda view: (
                all(device["well"] for device in view["devices"])
                and view["state"] in {"idle", "done"}
            ),
            what="the shop is well and free",
        )

    async def until_quiet(self) -> None:
        """Wait until no receipt, drawer or payment of an earlier sale is under way."""

        async def attempt() -> bool | None:
            try:
                async with self.client.get(f"{self.ready['edge_api']}/metrics") as response:
                    return "\ntillbox_device_jobs_open 0\n" in await response.text() or None
            except (aiohttp.ClientError, TimeoutError):
                return None

        await eventually(attempt, what="every device job is settled")

    async def until_devices_well(self) -> None:
        """Wait until the till says that all its devices are ready."""
        await self.until_view(
            lambda view: all(device["well"] for device in view["devices"]),
            what="the devices are well",
        )

    async def clear(self) -> None:
        """Bring the till to an empty basket, whatever a test left."""
        view = await self.view()
        if view["state"] in {"paying", "in_doubt"}:
            view = await self.until_view(
                lambda v: v["state"] not in {"paying", "in_doubt"}, what="the payment ends"
            )
        if view["state"] == "open":
            if any(tender["state"] == "approved" for tender in view["tenders"]):
                await self.insist("take_cash", amount_minor=view["due_minor"])
            else:
                await self.insist("abandon")

    async def make_well(self) -> None:
        """Give the shop paper, cables, a line and a shut drawer, and the till an empty basket."""
        await self.counter("POST", "printer", {"paper": "ok"})
        await self.counter("POST", "terminal", {"next": "approve"})
        await self.counter("POST", "link", {"up": True})
        await self.counter("POST", "scale", {"grams": 0})
        await self.counter("POST", "drawer/close")  # left open for a minute it is not well
        for device in ("scanner", "printer", "terminal", "scale"):
            await self.counter("POST", "cables", {"device": device, "plugged": True})
        await self.clear()
        await self.until_well()
        await self.until_quiet()

    # --- the counter and head office ------------------------------------------------------

    async def counter(self, method: str, path: str, body: Any = None) -> Any:
        """Call the counter's API, once it answers."""

        async def attempt() -> Any:
            try:
                async with self.client.request(
                    method, f"{self.ready['counter_api']}/counter/api/{path}", json=body
                ) as response:
                    answer = await response.json()
                    assert response.status < 300, answer
                    return answer
            except (aiohttp.ClientError, TimeoutError):
                return None

        return await eventually(attempt, what=f"the counter's {path}")

    async def scan(self, code: str) -> None:
        """Hold an article before the scanner."""
        await self.counter("POST", "scan", {"code": code})

    async def until_scanner_held(self) -> None:
        """Wait until the box holds the scanner's port."""

        async def attempt() -> bool | None:
            return True if (await self.counter("GET", "scanner"))["connected"] else None

        await eventually(attempt, what="the box holds the scanner's port")

    async def papers(self) -> list[str]:
        """Return the receipts that came out, newest last."""
        answer = await self.counter("GET", "paper")
        return answer["receipts"] if isinstance(answer, dict) else answer

    async def booked(self) -> list[dict[str, Any]]:
        """Return what the acquirer has booked."""
        answer = await self.counter("GET", "terminal")
        return [row for row in answer["booked"] if row["state"] == "booked"]

    async def office_digest(self) -> dict[str, Any]:
        """Return what the box said ahead of its frames, as head office keeps it."""
        path = f"{self.ready['office_api']}/api/v1/stores/{self.ready['store']}/digest"
        async with self.client.get(path, headers=self.ready["office_session"]) as response:
            assert response.status == 200, await response.text()
            digest: dict[str, Any] = await response.json()
            return digest

    async def office_sales(self) -> list[dict[str, Any]]:
        """Return all sales that head office has, in its order."""
        sales: list[dict[str, Any]] = []
        after: Any = 0
        while True:

            async def attempt(after: Any = after) -> Any:
                try:
                    async with self.client.get(
                        f"{self.ready['office_api']}/api/v1/sales",
                        params={"store": self.ready["store"], "after": after},
                        headers=self.ready["office_session"],
                    ) as response:
                        return await response.json() if response.status == 200 else None
                except (aiohttp.ClientError, TimeoutError):
                    return None

            page = await eventually(attempt, what="head office's sales")
            sales += page["sales"]
            if not page["sales"] or page["next"] in {None, after}:
                return sales
            after = page["next"]

    async def until_office_has(self, sale_id: str) -> dict[str, Any]:
        """Wait until head office shows a sale; it must be there once."""

        async def attempt() -> dict[str, Any] | None:
            found = [sale for sale in await self.office_sales() if sale["sale_id"] == sale_id]
            assert len(found) <= 1, found
            return found[0] if found else None

        return await eventually(attempt, what=f"head office has {sale_id}")

    # --- violence -------------------------------------------------------------------------

    def pids(self) -> dict[str, int]:
        """Return the running processes by name."""
        pids: dict[str, int] = json.loads(Path(self.ready["pids_file"]).read_text())
        return pids

    def kill(self, name: str) -> int:
        """Kill a process without a word; the demo starts it again."""
        pid = self.pids()[name]
        os.kill(pid, signal.SIGKILL)
        return pid

    async def kill_and_wait(self, name: str) -> None:
        """Kill a process and wait until the demo has started it again."""
        await self.until_restarted(name, self.kill(name))

    def pause(self, name: str) -> None:
        """Let a process do nothing any more: what is sent to it waits unread."""
        os.kill(self.pids()[name], signal.SIGSTOP)

    def go_on(self, name: str) -> None:
        """Let a paused process do what it would have done."""
        os.kill(self.pids()[name], signal.SIGCONT)

    async def until_restarted(self, name: str, old: int) -> None:
        """Wait until a killed process has a successor."""

        async def attempt() -> bool | None:
            return True if self.pids().get(name, old) != old else None

        await eventually(attempt, what=f"{name} is started again")

    # --- proof ----------------------------------------------------------------------------

    def ledger_events(self) -> list[dict[str, Any]]:
        """Return every event of the ledger, in order, as the file has them."""
        with closing(sqlite3.connect(f"file:{self.ready['ledger']}?mode=ro", uri=True)) as ledger:
            return [json.loads(body) for (body,) in ledger.execute(_EVENTS)]

    def box_key(self) -> str:
        """Return the public key of the box, as `tillbox edge key` prints it."""
        config = next(self.folder.rglob("config/edge.toml"))
        asked = [sys.executable, "-m", "edge.cli", "edge", "--config", str(config), "key"]
        return subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()

    async def receipt(self, text: str) -> dict[str, Any]:
        """Return what the box says of a receipt: its number, or the text of its code."""
        place = URL(self.ready["edge_api"]) / "api/v1/receipts"
        path = f"{place}/{quote(text, safe='')}"
        async with self.client.get(
            URL(path, encoded=True), headers=self.ready["session"]
        ) as response:
            assert response.status == 200, await response.text()
            found: dict[str, Any] = await response.json()
            return found

    def verify(self) -> dict[str, Any]:
        """Return the verdict of `tillbox ledger verify`."""
        done = subprocess.run(
            [sys.executable, "-m", "edge.cli", "ledger", "verify", self.ready["ledger"], "--json"],
            capture_output=True,
            text=True,
            check=False,
        )
        verdict: dict[str, Any] = json.loads(done.stdout)
        return verdict

    def logs(self) -> str:
        """Return the ends of all logs, for a failed start."""
        return "\n".join(
            f"--- {path.name}\n{path.read_text(errors='replace')[-1500:]}"
            for path in sorted((self.folder / "log").glob("*.log"))
        )


async def eventually(attempt: Callable[[], Awaitable[Any]], *, what: str) -> Any:
    """Return the first answer that is not None; fail naming what never came."""
    loop = asyncio.get_running_loop()
    end = loop.time() + DEADLINE_S
    while loop.time() < end:
        answer = await attempt()
        if answer is not None:
            return answer
        await asyncio.sleep(0.03)
    raise AssertionError(f"never: {what}")


@asynccontextmanager
async def demo_shop(folder: Path, *arguments: str) -> AsyncIterator[Shop]:
    """Run `tillbox demo` until the block is left."""
    ready_file = folder / "ready.json"
    data = folder / "demo"
    log = (folder / "demo.log").open("wb")
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "edge.cli", "demo", "--no-browser"),
            *("--data", str(data), "--ready-file", str(ready_file)),
            *("--port", str(find_free_port()), "--office-port", str(find_free_port())),
            *arguments,
        ],
        stdout=log,
        stderr=log,
    )
    try:
        end = asyncio.get_running_loop().time() + READY_S
        while not ready_file.exists():
            said = (folder / "demo.log").read_text(errors="replace")[-3000:]
            running = process.poll() is None and asyncio.get_running_loop().time() < end
            assert running, said + _logs(data)
            await asyncio.sleep(0.05)
        ready = json.loads(ready_file.read_text())
        timeout = aiohttp.ClientTimeout(total=10)
        async with aiohttp.ClientSession(
            timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()
        ) as client:
            shop = Shop(ready, client, process, data)
            shop.goods = (await shop.counter("GET", "goods"))["goods"]
            yield shop
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        log.close()


def _logs(data: Path) -> str:
    return "\n".join(
        f"--- {path.name}\n{path.read_text(errors='replace')[-1500:]}"
        for path in sorted((data / "log").glob("*.log"))
    )
