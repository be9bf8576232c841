"""One box at the other end of a WebSocket: who it is, frames up, feeds down.

Both directions run on their own: nothing that comes up waits for what goes down, and the
other way round. A newer session of a store replaces the older one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import msgspec
from aiohttp import WSMessage, WSMsgType, web

from edge.contract.book_readiness import BOOKS_READY, BooksHeld
from edge.contract.digest import DIGEST, Digest
from edge.contract.errors import ProtocolViolation, Refused, ReplicaFork, TillboxError
from edge.contract.history_mending import MENDING
from edge.contract.identity import Ids
from edge.contract.instant import Clock
from edge.contract.limits import (
    ADMISSIONS_AT_ONCE_MAX,
    BOX_KEYS_GATHERED_S,
    FEED_SEARCHES_AT_ONCE_MAX,
    FRAME_BODY_BYTES_MAX,
    FRAMES_IN_FLIGHT_MAX,
    FRAMES_PER_COMMIT_MAX,
    SESSION_FRAMES_QUEUED_MAX,
    SESSION_HELLO_S_MAX,
    SESSIONS_GREETING_MAX,
    SOCKET_HEARTBEAT_S,
    SOCKET_SEND_S_MAX,
    STOP_S_MAX,
)
from edge.contract.receipt_letter import LETTER
from edge.contract.reference_data import Feed
from edge.contract.replication import (
    BUDGET,
    FEED_REFUSED,
    Ack,
    BoxMessage,
    Budget,
    Challenge,
    Denied,
    FeedDown,
    FeedRefused,
    FeedTaken,
    Head,
    Hello,
    LetterTaken,
    LetterUp,
    OfficeMessage,
    Proof,
    Resend,
    Welcome,
    ack_bytes,
)
from edge.runtime.bounded_queue import BoundedQueue, QueueClosed, QueueFull
from edge.runtime.frame_codec import Dictionaries
from edge.runtime.keys import SigningKey
from edge.runtime.metrics import Counter, Metrics
from edge.runtime.structured_log import Log
from edge.runtime.supervisor import Supervisor
from sync.appending.event_store import EventStore, EventStoreAway
from sync.appending.ingest import Ingest, Rewind
from sync.office.admission import Admission
from sync.office.denial import DeniedError, out_of_turn
from sync.office.feed_push import FeedPush
from sync.office.feed_signing import FeedSigning
from sync.office.feeds import Feeds
from sync.office.price_books import PriceBooks
from sync.office.store_directory import RegisteredStore, StoreDirectory
from sync.office.upload_turns import Upload, UploadTurns

Shape = TypeVar("Shape", Hello, Proof)

TakeLetter = Callable[[int, str, bytes], Awaitable[None]]

_Said = Hello | Proof | Digest | FeedTaken | FeedRefused | LetterUp | BooksHeld

TakeDigest = Callable[[RegisteredStore, Digest], Awaitable[None]]

_HEARS: Final = (FEED_REFUSED, LETTER, BOOKS_READY)
_HEARS_AT_ONCE: Final = (DIGEST, MENDING)


@dataclass
class Session:
    """An admitted box. `done` is set once nothing of this session is written any more."""

    store: RegisteredStore
    socket: web.WebSocketResponse
    ingest: Ingest
    feeds: FeedPush
    frames: BoundedQueue[bytes]
    upload: Upload
    done: asyncio.Event = field(default_factory=asyncio.Event)
    ending: DeniedError | None = None


class BoxSessions:
    """Serves `/sync/v1/session`, one session a store.

    `taken` are called after frames are durable, `changed` when a box comes or goes.
    `take_letter` puts a receipt by e-mail on disk: store number, its `ref`, its bytes;
    `take_digest` what a box says ahead of its frames. `books` hears which price books it holds.
    """

    def __init__(
        self,
        directory: StoreDirectory,
        events: EventStore,
        feeds: Feeds,
        key: SigningKey,
        dictionaries: Dictionaries,
        clock: Clock,
        ids: Ids,
        log: Log,
        tasks: Supervisor,
        take_letter: TakeLetter,
        take_digest: TakeDigest,
        books: PriceBooks,
        turns: UploadTurns,
    ) -> None:
        self._directory = directory
        self._events = events
        self._feeds = feeds
        self._key = key
        self._dictionaries = dictionaries
        self._clock = clock
        self._ids = ids
        self._log = log
        self._admission = Admission(directory, feeds, clock, log)
        self._tasks = tasks
        self._take_letter = take_letter
        self._take_digest = take_digest
        self._books = books
        self._signing = FeedSigning(key, clock)
        self._turns = turns
        self._greeting = 0
        self._admitting = asyncio.Semaphore(ADMISSIONS_AT_ONCE_MAX)
        self._searches = asyncio.Semaphore(FEED_SEARCHES_AT_ONCE_MAX)
        self._box_keys_changed = asyncio.Event()
        self._sessions: dict[str, Session] = {}
        self.taken: list[Callable[[], None]] = []
        self.changed: Callable[[], None] = lambda: None
        self._frames_total = Counter(
            "tillbox_office_frames_total", "Frames that came, by what became of them", ("outcome",)
        )

    def open(self, metrics: Metrics) -> None:
        """Listen to the feeds and declare what is counted."""
        metrics.add(self._frames_total)
        self._feeds.listeners.append(self._feed_changed)
        _ = self._tasks.start("keys of boxes", self._tell_box_keys)

    @property
    def connected(self) -> set[str]:
        """The slugs of the stores whose boxes are there now."""
        return set(self._sessions)

    def refusals(self, slug: str) -> Mapping[tuple[Feed, str], str]:
        """Return which items the box of a store refuses in this session, and why."""
        session = self._sessions.get(slug)
        return {} if session is None else session.feeds.refusals

    async def close(self) -> None:
        """End every session and wait until nothing of it is written any more."""
        for session in list(self._sessions.values()):
            await self._end(session, DeniedError("closing", "Head office stops; come back soon."))

    async def box_replaced(self, slug: str) -> None:
        """End the session of a box whose place another one took."""
        if (session := self._sessions.get(slug)) is not None:
            await self._end(
                session,
                DeniedError("box_replaced", f"Another box took the place of this one in {slug}."),
            )

    def _feed_changed(self, feed: Feed) -> None:
        if feed is Feed.BOX_KEY:
            self._box_keys_changed.set()
            return
        for session in self._sessions.values():
            session.feeds.changed(feed)

    async def _tell_box_keys(self) -> None:
        """Send new keys down together: where all boxes are new, each is news for all others."""
        while True:
            await self._box_keys_changed.wait()
            self._box_keys_changed.clear()
            for session in self._sessions.values():
                session.feeds.changed(Feed.BOX_KEY)
            await self._clock.sleep(BOX_KEYS_GATHERED_S)

    # --- one session ----------------------------------------------------------------------

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Hold a box's socket until either side ends it. Raises Refused (503) for too many."""
        if self._greeting >= SESSIONS_GREETING_MAX:
            raise Refused(
                "busy",
                f"{SESSIONS_GREETING_MAX} boxes introduce themselves at this moment.",
                advice="The box comes again by itself.",
                status=503,
            )
        self._greeting += 1
        try:
            socket, session = await self._open(request)
        finally:
            self._greeting -= 1
        if session is None:
            return socket
        log = self._log.bind(remote=request.remote, store=session.store.slug)
        log.info("box_connected")
        self.changed()
        try:
            await self._run(session)
        except DeniedError as error:
            log.warning("box_denied", code=error.code, reason=error.message)
            await self._deny(socket, error)
        finally:
            log.info("box_gone")
        return socket

    async def _open(self, request: web.Request) -> tuple[web.WebSocketResponse, Session | None]:
        """Open a socket and let its box in; without a session, it is closed again."""
        socket = web.WebSocketResponse(
            heartbeat=SOCKET_HEARTBEAT_S, max_msg_size=FRAME_BODY_BYTES_MAX, compress=False
        )
        await socket.prepare(request)
        try:
            return socket, await self._admit(socket)
        except DeniedError as error:
            log = self._log.bind(remote=request.remote)
            log.warning("box_denied", code=error.code, reason=error.message)
            await self._deny(socket, error)
        except EventStoreAway as error:  # who keeps the frames tells the log, once
            await self._deny(socket, _busy(error))
        except (ConnectionError, TimeoutError):
            await socket.close()
        return socket, None

    async def _admit(self, socket: web.WebSocketResponse) -> Session:
        nonce = self._ids.secret()
        await self._send(socket, Challenge(nonce, _HEARS_AT_ONCE))
        try:
            async with self._clock.timeout(SESSION_HELLO_S_MAX):
                hello = _expect(await socket.receive(), Hello)
                proof = _expect(await socket.receive(), Proof)
        except TimeoutError:
            raise DeniedError(
                "too_slow", f"The box did not introduce itself within {SESSION_HELLO_S_MAX:g} s."
            ) from None
        async with self._admitting:
            return await self._let_in(socket, hello, proof, nonce)

    async def _let_in(
        self, socket: web.WebSocketResponse, hello: Hello, proof: Proof, nonce: str
    ) -> Session:
        store = await self._admission.identify(hello, proof, nonce)
        if (older := self._sessions.get(store.slug)) is not None:
            await self._end(
                older, DeniedError("replaced", "A newer session of this store is here.")
            )
        ingest = Ingest(store.box, self._events, self._dictionaries)
        head = await ingest.open()
        await self._admission.compare_heads(store, ingest, hello, head)
        await self._admission.publish_key(store)
        cursors = await self._admission.cursors(store, hello)
        await self._books.greeted(store, cursors)
        push = FeedPush(
            self._feeds,
            store.slug,
            cursors,
            self._clock,
            lambda slug, page: self._signing.sign(slug, page, hello.feed_version),
            self._searches,
        )
        if store.slug in self._sessions:
            raise DeniedError("replaced", "A newer session of this store is here.")
        upload = self._turns.enter(
            here=head.seq, upto=hello.head.seq, hears_budget=BUDGET in hello.hears
        )
        frames = BoundedQueue[bytes](SESSION_FRAMES_QUEUED_MAX)
        session = Session(store, socket, ingest, push, frames, upload)
        self._sessions[store.slug] = session
        self._directory.heard(store.number, hello.head.seq)
        try:
            settled = await self._events.settled(store.number)
            now = self._clock.now_ms()
            dictionaries = tuple(sorted(self._dictionaries))
            await self._send(
                socket,
                Welcome(
                    store.number, head, settled, now, dictionaries, _HEARS, session.upload.budget
                ),
            )
            if head.seq:
                # the line may have broken between the commit and its acknowledgement
                await self._send(socket, await self._ack(store, head))
        except BaseException:
            self._forget(session)
            raise
        return session

    async def _run(self, session: Session) -> None:
        """Read until the box goes; frames and feeds have a task each."""
        name = session.store.slug
        workers = [
            self._tasks.spawn(f"frames of {name}", self._guarded(session, self._frames)),
            self._tasks.spawn(f"feeds of {name}", self._guarded(session, self._push)),
        ]
        if session.upload.is_paced:
            pace = self._guarded(session, self._pace)
            workers.append(self._tasks.spawn(f"budget of {name}", pace))
        try:
            async for message in session.socket:
                self._directory.heard(session.store.number)
                if message.type is WSMsgType.BINARY:
                    self._queue(session, message.data)
                elif message.type is WSMsgType.TEXT:
                    await self._hear(session, _decoded(message))
                else:
                    break
        finally:
            session.frames.close()
            for worker in workers[1:]:
                worker.cancel()
            # what is being taken is finished: the next session begins behind it
            await asyncio.wait(workers)
            self._forget(session)
        if session.ending is not None:
            raise session.ending

    def _queue(self, session: Session, frame: bytes) -> None:
        try:
            session.frames.put_nowait(frame)
            self._turns.came(session.upload, frame)
        except QueueFull:
            raise DeniedError(
                "too_many_frames",
                f"More than {FRAMES_IN_FLIGHT_MAX} frames without waiting for an answer.",
            ) from None
        except QueueClosed:
            raise DeniedError("ending", "This session is over.") from None

    async def _guarded(
        self, session: Session, work: Callable[[Session], Coroutine[Any, Any, None]]
    ) -> None:
        """Run one direction; what ends it, ends the session in good order."""
        try:
            await work(session)  # called here: a task cancelled before its first step calls nothing
        except (DeniedError, EventStoreAway) as error:
            why = _busy(error) if isinstance(error, EventStoreAway) else error
            session.ending = session.ending or why
            session.frames.close()
            await self._deny(session.socket, why)
        except (ConnectionError, TimeoutError):
            await session.socket.close()
        except Exception:
            # a defect of ours: the box comes back, the supervisor tells it
            await session.socket.close()
            raise

    async def _end(self, session: Session, why: DeniedError) -> None:
        session.ending = session.ending or why
        session.frames.close()
        await self._deny(session.socket, why)
        try:
            async with self._clock.timeout(STOP_S_MAX / 2):
                await session.done.wait()
        except TimeoutError:
            self._forget(session)

    def _forget(self, session: Session) -> None:
        if self._sessions.get(session.store.slug) is session:
            del self._sessions[session.store.slug]
            self.changed()
        self._turns.leave(session.upload)
        session.done.set()

    # --- up -------------------------------------------------------------------------------

    async def _frames(self, session: Session) -> None:
        while True:
            try:
                batch = await session.frames.get_batch(FRAMES_PER_COMMIT_MAX)
            except QueueClosed:
                return
            try:
                async with self._turns.room(session.upload, batch):
                    taken = await session.ingest.take(batch)
            except (ProtocolViolation, ReplicaFork) as error:
                self._frames_total.add("refused")
                raise await self._admission.refusal(session.store, error.code, str(error)) from None
            except EventStoreAway:
                raise
            except TillboxError as error:
                raise DeniedError(error.code, str(error)) from None
            for listener in self.taken:
                listener()
            self._turns.taken(session.upload, taken.head.seq, sum(map(len, batch)))
            if isinstance(taken, Rewind):
                self._frames_total.add("rewound")
                await self._send(session.socket, Resend(taken.head, taken.reason))
                continue
            self._frames_total.add("new", by=taken.frames)
            self._frames_total.add("repeated", by=len(batch) - taken.frames)
            await self._send(session.socket, await self._ack(session.store, taken.head))

    async def _ack(self, store: RegisteredStore, head: Head) -> Ack:
        settled = await self._events.settled(store.number)
        at = self._clock.now_ms()
        signature = self._key.sign(ack_bytes(store.slug, head, settled, at)).hex()
        return Ack(store.slug, head, settled, at, signature)

    # --- down -----------------------------------------------------------------------------

    async def _push(self, session: Session) -> None:
        feeds = session.feeds
        while True:
            feeds.news.clear()
            async for page in feeds.due():
                await self._send(session.socket, FeedDown(page))
                if feeds.news.is_set():
                    break  # what is urgent may have come meanwhile
            await feeds.news.wait()

    async def _pace(self, session: Session) -> None:
        """Tell a box how much of its backlog it may send, until it is in step."""
        async for frames in session.upload.grants():
            await self._send(session.socket, Budget(frames))

    async def _hear(self, session: Session, message: _Said) -> None:
        if isinstance(message, FeedTaken):
            session.feeds.taken(message)
        elif isinstance(message, FeedRefused):
            words = session.feeds.refused(message)
            if words:
                await self._directory.alarm(session.store.number, "feed_refused", words)
                self._log.error("alarm", store=session.store.slug, code=message.code, reason=words)
        elif isinstance(message, LetterUp):
            await self._take_letter(session.store.number, message.ref, bytes(message.letter))
            await self._send(session.socket, LetterTaken(message.ref))
        elif isinstance(message, BooksHeld):
            await self._books.take(session.store, message)
        elif isinstance(message, Digest):
            await self._take_digest(session.store, message)
            self.changed()
        else:
            out_of_turn()

    # --- messages -------------------------------------------------------------------------

    async def _send(self, socket: web.WebSocketResponse, message: OfficeMessage) -> None:
        async with self._clock.timeout(SOCKET_SEND_S_MAX):
            await socket.send_frame(msgspec.json.encode(message), WSMsgType.TEXT)

    async def _deny(self, socket: web.WebSocketResponse, error: DeniedError) -> None:
        try:
            await self._send(socket, Denied(error.code, error.message))
            await socket.close()
        except (ConnectionError, TimeoutError):
            await socket.close()


def _busy(error: EventStoreAway) -> DeniedError:
    """Return what a box is told that shall come again by itself."""
    return DeniedError("busy", str(error))


_DECODER: Final = msgspec.json.Decoder(BoxMessage)


def _decoded(message: WSMessage) -> _Said:
    try:
        decoded: _Said = _DECODER.decode(message.data)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise DeniedError("message_malformed", f"The message is refused: {error}.") from None
    return decoded


def _expect(message: WSMessage, shape: type[Shape]) -> Shape:
    if message.type in {WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR}:
        raise ConnectionResetError("the box went away")
    if message.type is not WSMsgType.TEXT:
        out_of_turn()
    decoded = _decoded(message)
    if not isinstance(decoded, shape):
        out_of_turn()
    return decoded
