"""Head office as a box meets it: one WebSocket, checks every frame, keeps what fits.

Written from the contract in the opposite role. Events are read from the plain payload of
`tests.sync.fake_edge`.
"""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from dataclasses import dataclass
from typing import TypeVar

import msgspec
from aiohttp import WSMsgType, web
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.contract.feed_snapshots import SnapshotHeld
from edge.contract.line_class import LineSaid
from edge.contract.ratchet import RATCHET, RatchetKept
from edge.contract.reference_data import FeedPage
from edge.contract.replication import (
    HEADER_BYTES,
    SIGNATURE_BYTES,
    Ack,
    BoxMessage,
    Challenge,
    Denied,
    FeedDown,
    FeedRefused,
    FeedTaken,
    Head,
    Hello,
    LetterTaken,
    LetterUp,
    Proof,
    Resend,
    Welcome,
    ack_bytes,
    parse_header,
    proof_bytes,
)
from edge.contract.wire import encode
from edge.runtime.keys import SigningKey, VerifyingKey
from tests.sync.fake_edge import NUMBER, chain

T = TypeVar("T", Hello, Proof)


class CutError(Exception):
    """The connection is cut here, on purpose."""


@dataclass
class Line:
    """One connection: its socket, and how many messages have passed in both directions."""

    socket: web.WebSocketResponse
    request: web.Request
    messages: int = 0
    cut_at: int | None = None

    def count(self) -> None:
        self.messages += 1
        if self.cut_at is not None and self.messages >= self.cut_at:
            self.cut()
            raise CutError

    def cut(self) -> None:
        assert self.request.transport is not None
        self.request.transport.abort()

    async def say(self, message: object) -> None:
        """Send a message, a text or bytes as they are; None are bytes without any."""
        if message is None or isinstance(message, bytes):
            await self.socket.send_bytes(message or b"")
        else:
            text = message if isinstance(message, str) else encode(message).decode()
            await self.socket.send_str(text)
        self.count()


class FakeOffice:
    """Serves `/sync/v1/session`. What it does with frames is switched by attributes."""

    def __init__(self) -> None:
        self.key = SigningKey(Ed25519PrivateKey.generate())
        self.port = 0
        self.events: list[bytes] = []
        self.hashes: list[bytes] = [bytes(32)]
        self.duplicates = 0
        self.gaps = 0
        self.hellos: list[Hello] = []
        self.sessions_max = 0
        self.taken: list[FeedTaken] = []
        self.refused: list[FeedRefused] = []
        self.held: list[SnapshotHeld] = []
        self.hears: tuple[str, ...] = ()
        self.budget: int | None = None
        self.hears_at_once: tuple[str, ...] = ()
        self.digests: list[bytes] = []
        self.waits_for_digest = False
        self.books: list[bytes] = []
        self.letters: dict[str, bytes] = {}
        self.letters_came: list[str] = []
        self.letters_unanswered = 0
        self.lines: list[Line] = []
        self.cut_plan: list[int] = []
        """The n-th connection is cut at this message; behind the plan none is."""
        self.acks_held = asyncio.Event()
        self.acks_held.set()
        self.frames_unanswered = 0
        self.frames_unanswered_max = 0
        self.die_before_ack_of: int | None = None
        self.deny: Denied | None = None
        self.first_words: list[object] = []
        self.after_welcome: list[object] = []
        self.reject_once: set[int] = set()
        self.foreign_ack = False
        self.silent = False
        self.tls: ssl.SSLContext | None = None
        self.queries: list[dict[str, str]] = []
        self.lines_said: list[LineSaid] = []
        self.tokens: list[str] = []
        """Given one a session, to boxes that hear of such; an office of before has none."""
        self.tokens_kept: list[str] = []
        self.token_for_all = ""
        """Given to every box, whatever that hears."""
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    @property
    def head(self) -> Head:
        return Head(1, len(self.events), self.hashes[-1].hex())

    def lose(self, seq: int) -> None:
        """A restore from an old copy: events behind `seq` are gone."""
        del self.events[seq:], self.hashes[seq + 1 :]

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get("/sync/v1/session", self._session)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", self.port, ssl_context=self.tls, reuse_address=True)
        await site.start()
        self._runner = runner
        self.port = runner.addresses[0][1]

    async def stop(self) -> None:
        if self._runner is not None:
            runner, self._runner = self._runner, None
            for line in self.lines:
                line.cut()
            await runner.cleanup()

    async def send(self, message: object) -> None:
        """Say something on the newest line."""
        await self.lines[-1].say(message)

    async def send_page(self, page: FeedPage) -> None:
        await self.send(FeedDown(page))

    def ack(self, accepted: Head | None = None) -> Ack:
        at = accepted or self.head
        store = self.hellos[-1].store
        signature = self.key.sign(ack_bytes(store, at, 0, 1)).hex()
        return Ack(store, at, 0, 1, signature)

    # --- a session ------------------------------------------------------------------------

    async def _session(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(compress=False, max_msg_size=2**20)
        await socket.prepare(request)
        line = Line(socket, request)
        self.queries.append(dict(request.query))
        if self.cut_plan:
            line.cut_at = self.cut_plan.pop(0)
        self.lines.append(line)
        self.sessions_max = max(self.sessions_max, len(self.lines))
        try:
            await self._talk(line)
        except (CutError, ConnectionError):
            pass
        finally:
            self.lines.remove(line)
        return socket

    async def _talk(self, line: Line) -> None:
        for word in self.first_words:
            await line.say(word)
        if self.silent:
            await line.socket.receive()
            return
        nonce = f"nonce-{len(self.hellos)}"
        await line.say(Challenge(nonce, self.hears_at_once))
        hello = await self._hear(line, Hello)
        proof = await self._hear(line, Proof)
        if hello is None or proof is None:
            return
        if self.waits_for_digest:
            # it comes with the introduction, before anything is answered
            digest = await line.socket.receive()
            assert digest.type is WSMsgType.TEXT
            line.count()
            self.digests.append(digest.data.encode())
        assert hello.nonce == nonce
        box = VerifyingKey.from_hex(hello.box)
        box.verify(bytes.fromhex(proof.signature), proof_bytes(hello.store, nonce, hello.box))
        self.hellos.append(hello)
        if self.deny is not None:
            await line.say(self.deny)
            await line.socket.close()
            return
        token = self.tokens.pop(0) if self.tokens and RATCHET in hello.hears else ""
        token = self.token_for_all or token
        await line.say(Welcome(NUMBER, self.head, 0, 1, (0, 1), self.hears, self.budget, token))
        for word in self.after_welcome:
            await line.say(word)
        answers: list[asyncio.Task[None]] = []
        try:
            await self._take_frames(line, box, answers)
        finally:
            for answer in answers:
                answer.cancel()
            await asyncio.gather(*answers, return_exceptions=True)

    async def _hear(self, line: Line, kind: type[T]) -> T | None:
        message = await line.socket.receive()
        if message.type is not WSMsgType.TEXT:
            return None
        line.count()
        word = msgspec.json.decode(message.data, type=BoxMessage)
        assert isinstance(word, kind), word
        return word

    async def _take_frames(
        self, line: Line, box: VerifyingKey, answers: list[asyncio.Task[None]]
    ) -> None:
        self.frames_unanswered = 0
        async for message in line.socket:
            line.count()
            if message.type is WSMsgType.TEXT and message.data.startswith('{"msg":"books_ready"'):
                assert "books_ready" in self.hears, "it was not asked for price books"
                self.books.append(message.data.encode())
                continue
            if message.type is WSMsgType.TEXT:
                word = msgspec.json.decode(message.data, type=BoxMessage)
                if isinstance(word, RatchetKept):
                    self.tokens_kept.append(word.token)
                    continue
                assert isinstance(
                    word, FeedTaken | FeedRefused | SnapshotHeld | LetterUp | LineSaid
                ), word
                if isinstance(word, LineSaid):
                    self.lines_said.append(word)
                elif isinstance(word, SnapshotHeld):
                    self.held.append(word)
                elif isinstance(word, LetterUp):
                    await self._take_letter(line, word)
                elif isinstance(word, FeedTaken):
                    self.taken.append(word)
                else:
                    self.refused.append(word)
                continue
            self.frames_unanswered += 1
            self.frames_unanswered_max = max(self.frames_unanswered_max, self.frames_unanswered)
            reply = self._store(message.data, box, line)
            answers.append(asyncio.create_task(self._answer(line, reply)))

    async def _take_letter(self, line: Line, word: LetterUp) -> None:
        assert "letter" in self.hears, "it was not asked for letters"
        self.letters_came.append(word.ref)
        self.letters.setdefault(word.ref, bytes(word.letter))
        if self.letters_unanswered:
            self.letters_unanswered -= 1
        else:
            await line.say(LetterTaken(word.ref))

    async def _answer(self, line: Line, reply: object) -> None:
        await self.acks_held.wait()
        self.frames_unanswered -= 1
        await line.say(reply)

    def _store(self, frame: bytes, box: VerifyingKey, line: Line) -> object:
        header = parse_header(frame)
        payload = frame[HEADER_BYTES:-SIGNATURE_BYTES]
        signed = frame[:HEADER_BYTES] + hashlib.sha256(payload).digest()
        box.verify(frame[-SIGNATURE_BYTES:], signed)
        if header.first_seq in self.reject_once:
            self.reject_once.remove(header.first_seq)
            return Resend(self.head, "it is not liked today")
        if header.last_seq <= len(self.events):
            self.duplicates += 1
            return self.ack()
        if header.first_seq != len(self.events) + 1:
            self.gaps += 1
            return Resend(self.head, f"have {len(self.events)}")
        while payload:
            size = int.from_bytes(payload[:4], "big")
            body, payload = payload[4 : 4 + size], payload[4 + size :]
            self.events.append(body)
            self.hashes.append(chain(self.hashes[-1], body))
        assert self.hashes[-1] == header.last_hash
        if self.die_before_ack_of is not None and header.last_seq >= self.die_before_ack_of:
            self.die_before_ack_of = None
            line.cut()
            raise CutError
        if self.foreign_ack:
            return self.ack(Head(1, len(self.events), "ab" * 32))
        return self.ack()
