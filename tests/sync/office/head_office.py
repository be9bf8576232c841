"""A head office on a free loopback port, and boxes that talk to it over a real socket."""

from __future__ import annotations

import asyncio
import contextlib
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from aiohttp import ClientSession, ClientWebSocketResponse, DummyCookieJar, WSMsgType
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.contract.envelope import GENESIS, link_all, seal
from edge.contract.event_registry import Event
from edge.contract.replication import (
    Ack,
    BoxMessage,
    Challenge,
    Denied,
    FeedDown,
    FeedTaken,
    Head,
    Hello,
    OfficeMessage,
    Welcome,
    proof_bytes,
)
from edge.contract.replication import Proof as BoxProof
from edge.contract.sale_events import CashTendered, LineAdded, SaleCompleted, SaleOpened, TaxTotal
from edge.runtime.frame_codec import encode_frame, shipped_dictionaries
from edge.runtime.http_sessions import cookie_header
from edge.runtime.keys import SigningKey, create_key, load_key
from edge.runtime.pin_hash import load_pepper
from edge.runtime.structured_log import open_log
from sync.office.gate import OFFICE_COOKIE
from sync.office.people import BOUND_TO
from sync.office.server import Office, running_office
from sync.office.settings import MailSettings, OfficeSettings, WebSettings
from sync.office.store_directory import RegisteredStore

M = TypeVar("M")
AT = 1_795_000_000_000
_DECODER = msgspec.json.Decoder(OfficeMessage)
DICTIONARIES = shipped_dictionaries()


def new_key() -> SigningKey:
    return SigningKey(Ed25519PrivateKey.generate())


@dataclass
class Box:
    """A box's ledger in memory: events, chain, and frames of any stretch of it."""

    store: str = "harbour-street"
    number: int = 1
    gen: int = 1
    key: SigningKey = field(default_factory=new_key)
    bodies: list[bytes] = field(default_factory=list)

    @property
    def head(self) -> Head:
        return Head(self.gen, len(self.bodies), link_all(GENESIS, self.bodies).hex())

    def record(self, *events: Event, actor: str = "marta") -> None:
        for event in events:
            seq = len(self.bodies) + 1
            self.bodies.append(
                seal(
                    event,
                    store=self.number,
                    gen=self.gen,
                    seq=seq,
                    day="2026-11-18",
                    at=AT + seq,
                    till="till-1",
                    actor=actor,
                )
            )

    def sell(self, sale: str, total_minor: int = 300) -> None:
        self.record(*sale_events(sale, total_minor))

    def frame(self, after: int = 0, upto: int | None = None, **changed: Any) -> bytes:
        upto = len(self.bodies) if upto is None else upto
        values: dict[str, Any] = {
            "store": self.number,
            "gen": self.gen,
            "first_seq": after + 1,
            "last_hash": link_all(GENESIS, self.bodies[:upto]),
            "bodies": self.bodies[after:upto],
            "sign": self.key.sign,
            "dictionary": DICTIONARIES[1],
        }
        return encode_frame(**{**values, **changed})


def sale_events(sale: str, total_minor: int = 300) -> tuple[Event, ...]:
    return (
        SaleOpened(sale=sale, currency="EUR"),
        LineAdded(
            sale=sale,
            line="1",
            sku="100001",
            name="Bread roll",
            quantity=1000,
            price_minor=total_minor,
            amount_minor=total_minor,
            tax="reduced",
            rate_ppm=0,
        ),
        CashTendered(sale=sale, tender="1", amount_minor=total_minor + 200),
        SaleCompleted(
            sale=sale,
            receipt=f"till-1-{sale}",
            total_minor=total_minor,
            change_minor=200,
            taxes=(
                TaxTotal(
                    tax="reduced",
                    rate_ppm=0,
                    net_minor=total_minor,
                    tax_minor=0,
                    gross_minor=total_minor,
                ),
            ),
        ),
    )


@dataclass
class Line:
    """The box's end of a session."""

    socket: ClientWebSocketResponse[bool]
    heard: list[Any] = field(default_factory=list)

    async def say(self, message: BoxMessage) -> None:
        await self.socket.send_str(msgspec.json.encode(message).decode())

    async def next(self) -> Any:
        """Return the next message of head office; None once the line is closed."""
        async with asyncio.timeout(20):
            message = await self.socket.receive()
        if message.type is not WSMsgType.TEXT:
            return None
        self.heard.append(_DECODER.decode(message.data))
        return self.heard[-1]

    async def hear(self, shape: type[M]) -> M:
        """Return the next message of a kind, taking every feed page on the way."""
        while True:
            message = await self.next()
            if isinstance(message, shape):
                return message
            assert isinstance(message, FeedDown), f"{message} where {shape.__name__} was expected"
            await self.say(FeedTaken(message.page.feed, message.page.next))

    async def send(self, *frames: bytes) -> None:
        for frame in frames:
            await self.socket.send_bytes(frame)

    async def upload(self, frame: bytes) -> Ack:
        await self.send(frame)
        return await self.hear(Ack)


@dataclass
class Served:
    """A running head office with one registered store and one person signed in."""

    office: Office
    settings: OfficeSettings
    key: SigningKey
    http: ClientSession
    cookie: str
    log: io.StringIO

    @property
    def url(self) -> str:
        return self.office.web.origin

    async def add(self, box: Box) -> None:
        await self.office.directory.add(
            RegisteredStore(box.number, box.store, box.store.title(), box.key.public.hex, box.gen)
        )

    @contextlib.asynccontextmanager
    async def raw_line(self) -> AsyncIterator[Line]:
        async with self.http.ws_connect(f"{self.url}/sync/v1/session") as socket:
            yield Line(socket)

    @contextlib.asynccontextmanager
    async def line(
        self, sender: Box, *, cursors: dict[str, int] | None = None, **changed: Any
    ) -> AsyncIterator[Line]:
        """A session up to (not with) head office's answer to Hello and Proof."""
        async with self.raw_line() as line:
            challenge = await line.hear(Challenge)
            public = sender.key.public.hex
            values: dict[str, Any] = {
                "store": sender.store,
                "box": public,
                "head": sender.head,
                "cursors": cursors or {},
                "clock": AT,
                "version": "0.1.0",
                "nonce": challenge.nonce,
            }
            signer = changed.pop("signer", sender.key)
            await line.say(Hello(**{**values, **changed}))
            signature = signer.sign(proof_bytes(sender.store, challenge.nonce, public))
            await line.say(BoxProof(signature.hex()))
            yield line

    @contextlib.asynccontextmanager
    async def session(self, box: Box, **changed: Any) -> AsyncIterator[tuple[Line, Welcome]]:
        async with self.line(box, **changed) as line:
            welcome = await line.hear(Welcome)
            if welcome.head.seq:
                # told again: the one before may have been lost with its line
                assert (await line.hear(Ack)).accepted == welcome.head
            yield line, welcome

    async def denied(self, box: Box, *frames: bytes) -> Denied:
        """Send frames in a session of its own and return how head office refuses them."""
        async with self.session(box) as (line, _):
            await line.send(*frames)
            refusal = await line.hear(Denied)
            assert await line.next() is None
        return refusal

    async def ask(
        self, method: str, path: str, body: object = None, *, signed_in: bool = True
    ) -> tuple[int, Any]:
        headers = {"Origin": self.url}
        if signed_in:
            headers["Cookie"] = cookie_header({OFFICE_COOKIE: self.cookie})
        data = None
        if body is not None:
            data = io.BytesIO(body if isinstance(body, bytes) else msgspec.json.encode(body))
            headers["Content-Type"] = "application/json"
        async with self.http.request(method, self.url + path, data=data, headers=headers) as answer:
            content = await answer.read()
            is_json = answer.content_type == "application/json"
            return answer.status, msgspec.json.decode(content) if content and is_json else content

    async def sales(self, query: str = "") -> list[dict[str, Any]]:
        status, body = await self.ask("GET", f"/api/v1/sales{query}")
        assert status == 200, body
        sales: list[dict[str, Any]] = body["sales"]
        return sales

    async def store(self, slug: str = "harbour-street") -> dict[str, Any]:
        _, body = await self.ask("GET", "/api/v1/stores")
        return next(store for store in body["stores"] if store["slug"] == slug)

    async def until_projected(self, seq: int, slug: str = "harbour-street") -> None:
        async with asyncio.timeout(20):
            while (await self.store(slug))["projected_seq"] < seq:
                await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def serve(
    folder: Path, *boxes: Box, mail: MailSettings | None = None, **more: Any
) -> AsyncIterator[Served]:
    """Run head office in a folder; `more` are further settings of it."""
    folder.mkdir(exist_ok=True)
    key_file = folder / "office.key"
    if not key_file.exists():
        create_key(key_file)
    load_pepper(folder / "pepper")
    settings = OfficeSettings(
        data_dir=folder,
        pepper_file=folder / "pepper",
        signing_key_file=key_file,
        web=WebSettings(port=0),
        mail=mail,
        **more,
    )
    log = io.StringIO()
    async with (
        running_office(settings, open_log("office", log)) as office,
        ClientSession(cookie_jar=DummyCookieJar()) as http,
    ):
        cookie = await office.people.sessions.open("head", BOUND_TO)
        served = Served(office, settings, load_key(key_file), http, cookie, log)
        for box in boxes:
            await served.add(box)
        yield served
