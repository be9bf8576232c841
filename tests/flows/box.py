"""A box in this process: real files, real web server, a broker in memory, no hardware."""

from __future__ import annotations

import io
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from edge.contract.reference_data import (
    Article,
    Feed,
    FeedItem,
    FeedPage,
    ForeignCash,
    Price,
    QuickKeyPage,
    StaffMember,
    StoreProfile,
    TaxRule,
)
from edge.contract.wire import encode
from edge.main import Edge, running_edge
from edge.runtime.memory_bus import MemoryBroker
from edge.runtime.mqtt_bus import MqttSettings
from edge.runtime.pin_hash import PinHasher, load_pepper
from edge.runtime.static_files import StaticFiles
from edge.runtime.structured_log import open_log
from edge.settings import (
    DeviceSettings,
    EdgeSettings,
    SecretSettings,
    StoreSettings,
    WebSettings,
)

PIN = "2580"
SUPERVISOR_PIN = "9753"
_NUMBERS = itertools.count(1)
TOKEN = "token-of-the-service-in-a-test"
MILK = "9520000000011"

PROFILE = StoreProfile(
    name="Harbour Street",
    currency="EUR",
    time_zone="Europe/Lisbon",
    taxes=(TaxRule("A", "none", 0), TaxRule("B", "reduced", 70_000)),
    quick_key_pages=(QuickKeyPage("1", "Favourites"),),
    foreign_cash=(ForeignCash("USD", 850_000),),
)
ARTICLES = (
    (Article("100", "Whole milk 1 l", "B", (MILK,), key="1:1"), Price("100", 129)),
    (Article("101", "Bread roll", "B", ("9520000000028",), key="1:2"), Price("101", 45)),
    (Article("102", "Apples", "A", plu="4011", unit="kg"), Price("102", 289)),
    (Article("103", "Free sample", "A", ("9520000000035",)), Price("103", 0)),
    (Article("104", "Beer 0.5 l", "B", minimum_age=16), Price("104", 119)),
)
DEPARTMENT = Article("105", "Bakery, other", "B", key="1:3", open_price=True)
DEVICES = (
    DeviceSettings("scanner-1", "box", "scanner_serial", ("scanner",), "till-1"),
    DeviceSettings("printer-1", "box", "printer_escpos", ("printer", "drawer"), "till-1"),
    DeviceSettings("terminal-1", "box", "terminal_zvt", ("terminal",), "till-1"),
)


def settings_in(folder: Path, **changes: Any) -> EdgeSettings:
    """Return settings whose files are all in a folder."""
    token = folder / "service.token"
    token.write_text(TOKEN)
    given: dict[str, Any] = {
        "data_dir": folder / "edge",
        "store": StoreSettings("harbour-street", 1),
        "secrets": SecretSettings(folder / "box.key", folder / "pepper", token),
        "broker": MqttSettings("edge", folder / "unused"),
        "web": WebSettings(port=0),
        "tills": ("till-1", "till-2"),
        "devices": DEVICES,
        "watch_disk": False,
    }
    return EdgeSettings(**{**given, **changes})


def pages(pepper: bytes) -> list[FeedPage]:
    """Return the feeds of a small shop."""
    hasher = PinHasher(pepper, memory_kib=64, passes=1)
    staff = (
        StaffMember("marta", "Marta", "cashier", hasher.hash_pin(PIN)),
        StaffMember("sofia", "Sofia", "supervisor", hasher.hash_pin(SUPERVISOR_PIN)),
        StaffMember("joao", "João", "cashier", hasher.hash_pin(PIN), "pt"),
        StaffMember("tech", "Tech", "technician", hasher.hash_pin(PIN)),
        StaffMember("gone", "Gone", "cashier", hasher.hash_pin(PIN), active=False),
    )
    rows: list[tuple[Feed, list[tuple[str, Any]]]] = [
        (Feed.CONFIG, [("store", PROFILE)]),
        (Feed.STAFF, [(member.id, member) for member in staff]),
        (Feed.PRICE, [(price.sku, price) for _, price in ARTICLES]),
        (
            Feed.CATALOGUE,
            [(each.sku, each) for each in (*(article for article, _ in ARTICLES), DEPARTMENT)],
        ),
    ]
    return [
        FeedPage(
            feed,
            tuple(
                FeedItem(key, number, msgspec.Raw(encode(value)))
                for number, (key, value) in enumerate(items, 1)
            ),
            len(items),
        )
        for feed, items in rows
    ]


@dataclass
class Box:
    """A running box and an HTTP client of a till that is enrolled and signed in."""

    edge: Edge
    broker: MemoryBroker
    client: aiohttp.ClientSession
    log: io.StringIO
    service: dict[str, str] = field(default_factory=lambda: {"Authorization": f"Bearer {TOKEN}"})

    @property
    def origin(self) -> str:
        return self.edge.web.origin.replace("127.0.0.1", "localhost")

    async def call(
        self, method: str, path: str, body: object = None, **options: Any
    ) -> tuple[int, Any]:
        """Call an address and return status and decoded body."""
        headers = {"Origin": self.origin, **options.pop("headers", {})}
        data = options.pop("data", None)
        if body is not None:
            data = msgspec.json.encode(body)
        if data is not None:
            headers.setdefault("Content-Type", "application/json")
        async with self.client.request(
            method, self.origin + path, data=data, headers=headers, **options
        ) as response:
            content = await response.read()
            kind = response.content_type
            return response.status, (
                msgspec.json.decode(content) if kind == "application/json" and content else content
            )

    async def command(
        self, kind: str, *, till: str = "till-1", command_id: str = "", **fields: Any
    ) -> tuple[int, Any]:
        """Give a command with an id of its own."""
        body = {
            "command_id": command_id or f"command-{next(_NUMBERS):06d}",
            "type": kind,
            **fields,
        }
        return await self.call("POST", f"/api/v1/tills/{till}/commands", body)

    async def view(self, till: str = "till-1") -> Any:
        status, view = await self.call("GET", f"/api/v1/tills/{till}/view")
        assert status == 200, view
        return view

    async def feed(self) -> None:
        pepper = load_pepper(self.edge.settings.secrets.pepper_file)
        for page in pages(pepper):
            status, taken = await self.call(
                "POST", "/internal/v1/replica/feed", page, headers=self.service
            )
            assert status == 200, taken

    async def enrol(self, till: str = "till-1") -> None:
        status, body = await self.call(
            "POST", "/internal/v1/enrolment-codes", {"till": till}, headers=self.service
        )
        assert status == 200, body
        status, body = await self.call("POST", "/api/v1/enrol", {"code": body["code"]})
        assert status == 200, body

    async def sign_in(self, cashier: str = "marta", pin: str = PIN) -> tuple[int, Any]:
        return await self.call("POST", "/api/v1/session", {"cashier": cashier, "pin": pin})


@asynccontextmanager
async def bare_box(
    folder: Path,
    *,
    broker: MemoryBroker | None = None,
    screens: StaticFiles | None = None,
    **changes: Any,
) -> AsyncIterator[Box]:
    """Run a box that nobody has told anything yet; with real screens, or a page without words."""
    broker = broker or MemoryBroker()
    log = io.StringIO()
    page = screens or StaticFiles.load(_page(folder), prefix="till/")
    settings = settings_in(folder, **changes)
    jar = aiohttp.CookieJar(treat_as_secure_origin=["http://localhost"])
    async with (
        running_edge(settings, broker.connect("edge"), open_log("edge", log), page) as edge,
        aiohttp.ClientSession(cookie_jar=jar) as client,
    ):
        box = Box(edge, broker, client, log)
        client.cookie_jar._treat_as_secure_origin = [  # type: ignore[attr-defined]
            aiohttp.client.URL(box.origin).origin()
        ]
        yield box


@asynccontextmanager
async def selling_box(folder: Path, **changes: Any) -> AsyncIterator[Box]:
    """Run a box that has its shop data, with a till enrolled and Marta signed in."""
    async with bare_box(folder, **changes) as box:
        if not box.edge.access.reference.has_store:
            await box.feed()
        await box.enrol()
        status, body = await box.sign_in()
        assert status == 200, body
        yield box


def _page(folder: Path) -> Path:
    page = folder / "till"
    page.mkdir(exist_ok=True)
    (page / "index.html").write_text("<!doctype html><title>till</title>")
    return page
