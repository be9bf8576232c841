"""A box as the replicator meets it: a history, signed frames, and what it was told.

Written from the contract in the opposite role. The events inside its frames are random
bytes and the payload is not even compressed: whoever tries to read them would fail.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
from typing import Any

import msgspec
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.contract.feed_snapshots import SnapshotStanding
from edge.contract.ratchet import RatchetGiven, RatchetShown
from edge.contract.reference_data import FeedPage
from edge.contract.replication import (
    Ack,
    FeedTaken,
    FrameHeader,
    Head,
    Kept,
    LinkReport,
    MendedProof,
    Proof,
    ReplicaStatus,
    ack_bytes,
    keeper_proof_bytes,
    kept_bytes,
    proof_bytes,
)
from edge.contract.wire import encode
from edge.runtime.keys import SigningKey, VerifyingKey

STORE = "musterstadt"
NUMBER = 7
TOKEN = "a-token-of-this-box"
AT = "/internal/v1/replica"


def chain(previous: bytes, body: bytes) -> bytes:
    """The hash behind an event."""
    return hashlib.sha256(previous + body).digest()


class FakeEdge:
    """Serves `/internal/v1/replica`; `stop()` kills it with all its connections."""

    def __init__(self, office_key: VerifyingKey, *, seed: int = 1) -> None:
        self.chance = random.Random(seed)
        self.key = SigningKey(Ed25519PrivateKey.generate())
        self.office_key = office_key
        self.port = 0
        self.events: list[bytes] = []
        self.hashes: list[bytes] = [bytes(32)]
        self.frame_events = 1
        self.cursors: dict[str, int] = {}
        self.feed_version = 0
        self.acks: list[Ack] = []
        self.pages: list[FeedPage] = []
        self.links: list[LinkReport] = []
        self.kept: list[Kept] = []
        self.keeper_links: list[LinkReport] = []
        """What was said of lines to second copies: never of that to head office."""
        self.asked_after: list[int] = []
        self.lines_asked: list[str] = []
        self.polls_waiting = 0
        self.refuse_keys: set[str] = set()
        self.standings: list[SnapshotStanding] | None = None
        """What is answered to each call about a snapshot; None as with `digest`."""
        self.snapshot_calls: list[tuple[str, bytes]] = []
        self.steps_held = asyncio.Event()
        self.steps_held.set()
        self.feeds_held = asyncio.Event()
        self.feeds_held.set()
        self.calls = 0
        self.die_at_call: int | None = None
        self.wrong_tokens = 0
        self.never_waits = False
        self.digest: bytes | None = None
        """What is said ahead of frames; empty for nothing, None for an edge that knows no such."""
        self.books: list[tuple[str, bytes]] | None = None
        """What is said of price books, the newest last, with its state; None as with `digest`."""
        self.books_asked: list[str] = []
        self.give = self.frame_behind
        self.letters: dict[int, str] = {}
        self.letters_kept = 0
        self.knows_letters = True
        self.tokens: RatchetShown | None = None
        """What it shows; None for an edge that keeps no tokens."""
        self.tokens_kept: list[str] = []
        self.tokens_refused = False
        self.mended: MendedProof | None = None
        self._news = asyncio.Event()
        self._runner: web.AppRunner | None = None

    # --- what happens in the shop ---------------------------------------------------------

    def sell(self, count: int) -> None:
        for _ in range(count):
            body = self.chance.randbytes(self.chance.randint(40, 400))
            self.events.append(body)
            self.hashes.append(chain(self.hashes[-1], body))
        news, self._news = self._news, asyncio.Event()
        news.set()

    def forget(self, seq: int) -> None:
        """A restore from an old copy: events behind `seq` are gone."""
        del self.events[seq:], self.hashes[seq + 1 :]

    @property
    def accepted_seq(self) -> int:
        return max((ack.accepted.seq for ack in self.acks), default=0)

    def head_at(self, seq: int) -> Head:
        return Head(1, seq, self.hashes[seq].hex())

    # --- its process ----------------------------------------------------------------------

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        app = web.Application(client_max_size=2**21)
        app.router.add_get(f"{AT}/status", self._status)
        app.router.add_get(f"{AT}/frame", self._frame)
        app.router.add_post(f"{AT}/ack", self._ack)
        app.router.add_post(f"{AT}/kept", self._kept)
        if self.digest is not None:
            app.router.add_get(f"{AT}/digest", self._digest)
        if self.books is not None:
            app.router.add_get(f"{AT}/books", self._books)
        app.router.add_post(f"{AT}/feed", self._feed)
        if self.tokens is not None:
            app.router.add_post(f"{AT}/ratchet", self._ratchet)
        if self.standings is not None:
            app.router.add_post(f"{AT}/snapshot", self._snapshot)
            app.router.add_post(f"{AT}/snapshot/{{what}}", self._snapshot)
        app.router.add_post(f"{AT}/proof", self._proof)
        app.router.add_post(f"{AT}/link", self._link)
        if self.knows_letters:
            app.router.add_get(f"{AT}/letter", self._letter)
            app.router.add_post(f"{AT}/letters-taken", self._letters_taken)
        app.middlewares.append(self._gate)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        self._runner = runner
        self.port = runner.addresses[0][1]

    async def stop(self) -> None:
        if self._runner is not None:
            runner, self._runner = self._runner, None
            self._news.set()
            await runner.cleanup()
            self._news = asyncio.Event()

    @web.middleware
    async def _gate(self, request: web.Request, handler: Any) -> web.StreamResponse:
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            self.wrong_tokens += 1
            return refusal(401, "service_token_wrong", "This address is for programs of this box.")
        self.calls += 1
        if self.die_at_call is not None and self.calls >= self.die_at_call:
            return abort(request)
        answer: web.StreamResponse = await handler(request)
        return answer

    # --- the calls ------------------------------------------------------------------------

    async def _status(self, _: web.Request) -> web.Response:
        status = ReplicaStatus(
            STORE,
            NUMBER,
            self.key.public.hex,
            self.head_at(len(self.events)),
            self.head_at(min(self.accepted_seq, len(self.events))),
            self.cursors,
            self.feed_version,
            ratchet=self.tokens,
            mended=self.mended,
        )
        return json(status)

    async def _frame(self, request: web.Request) -> web.Response:
        after = int(request.query["after"])
        assert 0 < float(request.query["wait_s"]) <= 25
        assert int(request.query["max_raw"]) == 262_144
        self.asked_after.append(after)
        self.lines_asked.append(request.query.get("line", ""))
        self.polls_waiting += 1
        try:
            while len(self.events) <= after:
                if self.never_waits:
                    return web.Response(status=204)
                await self._news.wait()
                if self._runner is None:
                    return abort(request)
        finally:
            self.polls_waiting -= 1
        return web.Response(body=self.give(after), content_type="application/octet-stream")

    def frame_behind(self, after: int) -> bytes:
        bodies = self.events[after : after + self.frame_events]
        payload = b"".join(len(body).to_bytes(4, "big") + body for body in bodies)
        last_hash = self.hashes[after + len(bodies)]
        header = FrameHeader(NUMBER, 1, after + 1, len(bodies), 0, len(payload), last_hash).pack()
        return header + payload + self.key.sign(header + hashlib.sha256(payload).digest())

    async def _digest(self, _: web.Request) -> web.Response:
        if not self.digest:
            return web.Response(status=204)
        return web.Response(body=self.digest, content_type="application/json")

    async def _books(self, request: web.Request) -> web.Response:
        assert self.books is not None
        self.books_asked.append(request.query["known"])
        if not self.books or self.books[-1][0] == request.query["known"]:
            await asyncio.sleep(0.02)
            return web.Response(status=204)
        state, held = self.books[-1]
        body = b'{"state":"%s","held":%s}' % (state.encode(), held)
        return web.Response(body=body, content_type="application/json")

    async def _ack(self, request: web.Request) -> web.Response:
        ack = msgspec.json.decode(await request.read(), type=Ack)
        signed = ack_bytes(ack.store, ack.accepted, ack.settled_seq, ack.at)
        self.office_key.verify(bytes.fromhex(ack.signature), signed)
        seq = ack.accepted.seq
        if seq >= len(self.hashes) or self.hashes[seq].hex() != ack.accepted.hash:
            return refusal(409, "replica_fork", f"Head office has another event {seq}.")
        self.acks.append(ack)
        return web.Response(status=204)

    async def _kept(self, request: web.Request) -> web.Response:
        word = msgspec.json.decode(await request.read(), type=Kept)
        signed = kept_bytes(word.store, word.keeper, word.kept, word.at)
        VerifyingKey.from_hex(word.keeper).verify(bytes.fromhex(word.signature), signed)
        seq = word.kept.seq
        if seq >= len(self.hashes) or self.hashes[seq].hex() != word.kept.hash:
            return refusal(409, "replica_fork", f"The second copy has another event {seq}.")
        self.kept.append(word)
        return web.Response(status=204)

    async def _ratchet(self, request: web.Request) -> web.Response:
        token = msgspec.json.decode(await request.read(), type=RatchetGiven).token
        if self.tokens_refused:
            return refusal(503, "file_not_written", "The file cannot be written.")
        self.tokens_kept.append(token)
        self.tokens = RatchetShown(token, token)
        return web.Response(status=204)

    async def _feed(self, request: web.Request) -> web.Response:
        try:
            page = msgspec.json.decode(await request.read(), type=FeedPage)
        except msgspec.ValidationError as error:
            return refusal(422, "wrong_shape", str(error))
        await self.feeds_held.wait()
        if any(item.key in self.refuse_keys for item in page.items):
            return refusal(422, "feed_unusable", "The page cannot be applied.")
        self.pages.append(page)
        self.cursors[page.feed] = max(self.cursors.get(page.feed, 0), page.next)
        return json(FeedTaken(page.feed, self.cursors[page.feed]))

    async def _snapshot(self, request: web.Request) -> web.Response:
        assert self.standings is not None
        what = request.match_info.get("what", "offer")
        self.snapshot_calls.append((what, await request.read()))
        if what == "step":
            await self.steps_held.wait()
        if not self.standings:
            return refusal(422, "snapshot_malformed", "A part of the snapshot is none.")
        return json(self.standings.pop(0))

    def write(self, *refs: str) -> None:
        """A person asks for receipts by e-mail."""
        for ref in refs:
            self.letters_kept += 1
            self.letters[self.letters_kept] = ref
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def _letter(self, request: web.Request) -> web.Response:
        after = int(request.query["after"])
        assert float(request.query["wait_s"]) == 25
        while not any(n > after for n in self.letters):
            if self.never_waits:
                return web.Response(status=204)
            await self._news.wait()
            if self._runner is None:
                return abort(request)
        n = min(n for n in self.letters if n > after)
        letter = {"ref": self.letters[n], "address": "a@b.co", "what": ["nobody", "reads", "here"]}
        return json({"n": n, "letter": letter})

    async def _letters_taken(self, request: web.Request) -> web.Response:
        refs = msgspec.json.decode(await request.read())["refs"]
        self.letters = {n: ref for n, ref in self.letters.items() if ref not in refs}
        return web.Response(status=204)

    async def _proof(self, request: web.Request) -> web.Response:
        wish = msgspec.json.decode(await request.read())
        public, keeper = self.key.public.hex, wish.get("keeper")
        signed = (
            keeper_proof_bytes(STORE, wish["nonce"], public, keeper)
            if keeper
            else proof_bytes(STORE, wish["nonce"], public)
        )
        return json(Proof(self.key.sign(signed).hex()))

    async def _link(self, request: web.Request) -> web.Response:
        report = msgspec.json.decode(await request.read(), type=LinkReport)
        (self.keeper_links if report.keeper else self.links).append(report)
        return web.Response(status=204)


def json(message: object) -> web.Response:
    return web.Response(body=encode(message), content_type="application/json")


def refusal(status: int, code: str, message: str) -> web.Response:
    body = {"code": code, "message": message, "advice": "Look at the settings.", "params": {}}
    return web.json_response(body, status=status)


def abort(request: web.Request) -> web.Response:
    """Cut the caller off; what is returned goes nowhere."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)
