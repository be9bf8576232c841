"""Sessions with boxes over WebSockets: who each is, frames up, and what its keeper adds to that.

Head office and the second copy in a shop take frames alike; what else is said is their visit's.
Both directions run on their own: nothing that comes up waits for what goes down, and the other
way round. A newer session of a store replaces the older one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, TypeVar

import msgspec
from aiohttp import WSMessage, WSMsgType, web

from edge.contract.errors import ProtocolViolation, Refused, ReplicaFork, TillboxError
from edge.contract.identity import Ids
from edge.contract.instant import Clock
from edge.contract.limits import (
    ADMISSIONS_AT_ONCE_MAX,
    FRAME_BODY_BYTES_MAX,
    FRAMES_IN_FLIGHT_MAX,
    FRAMES_PER_COMMIT_MAX,
    METERED_PING_S,
    SESSION_FRAMES_QUEUED_MAX,
    SESSION_HELLO_S_MAX,
    SESSIONS_GREETING_MAX,
    SOCKET_HEARTBEAT_S,
    SOCKET_SEND_S_MAX,
    STOP_S_MAX,
)
from edge.contract.line_class import METERED
from edge.contract.replication import (
    BoxMessage,
    Challenge,
    Denied,
    Hello,
    KeeperMessage,
    OfficeMessage,
    Proof,
    Resend,
)
from edge.runtime.bounded_queue import BoundedQueue, QueueClosed, QueueFull
from edge.runtime.frame_codec import Dictionaries
from edge.runtime.metrics import Counter
from edge.runtime.structured_log import Log
from edge.runtime.supervisor import Supervisor
from sync.appending.denial import DeniedError, out_of_turn
from sync.appending.event_store import EventStore, EventStoreAway
from sync.appending.ingest import Ingest, Rewind
from sync.appending.visits import Desk, Intake, Said, Visit

Shape = TypeVar("Shape", Hello, Proof)


@dataclass
class Session:
    """An admitted box. `done` is set once nothing of this session is written any more."""

    visit: Visit
    socket: web.WebSocketResponse
    ingest: Ingest
    frames: BoundedQueue[bytes]
    intake: Intake
    done: asyncio.Event = field(default_factory=asyncio.Event)
    ending: DeniedError | None = None


@dataclass
class FrameSessions:
    """Serves a session path, one session a store.

    `keeper` is who keeps the frames, in the middle of a sentence. `taken` are called after
    frames are durable, `changed` when a box comes or goes; `counter` counts frames by outcome.
    """

    keeper: str
    desk: Desk
    events: EventStore
    dictionaries: Dictionaries
    counter: Counter
    clock: Clock
    ids: Ids
    log: Log
    tasks: Supervisor
    taken: list[Callable[[], None]] = field(default_factory=list)
    changed: Callable[[], None] = lambda: None
    _sessions: dict[str, Session] = field(default_factory=dict)
    _greeting: int = 0
    _admitting: asyncio.Semaphore = field(
        default_factory=lambda: asyncio.Semaphore(ADMISSIONS_AT_ONCE_MAX)
    )

    @property
    def connected(self) -> set[str]:
        """The slugs of the stores whose boxes are there now."""
        return set(self._sessions)

    async def close(self) -> None:
        """End every session and wait until nothing of it is written any more."""
        words = f"{self.keeper[:1].upper()}{self.keeper[1:]} stops; come back soon."
        for session in list(self._sessions.values()):
            await self._end(session, DeniedError("closing", words))

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
        log = self.log.bind(remote=request.remote, store=session.visit.box.slug)
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
        seldom = request.query.get("line") == METERED
        socket = web.WebSocketResponse(
            heartbeat=METERED_PING_S if seldom else SOCKET_HEARTBEAT_S,
            max_msg_size=FRAME_BODY_BYTES_MAX,
            compress=False,
        )
        await socket.prepare(request)
        try:
            return socket, await self._admit(socket)
        except DeniedError as error:
            log = self.log.bind(remote=request.remote)
            log.warning("box_denied", code=error.code, reason=error.message)
            await self._deny(socket, error)
        except EventStoreAway as error:  # who keeps the frames tells the log, once
            await self._deny(socket, _busy(error))
        except (ConnectionError, TimeoutError):
            await socket.close()
        return socket, None

    async def _admit(self, socket: web.WebSocketResponse) -> Session:
        nonce = self.ids.secret()
        await self._send(socket, Challenge(nonce, self.desk.hears_at_once))
        try:
            async with self.clock.timeout(SESSION_HELLO_S_MAX):
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
        visit = await self.desk.identify(hello, proof, nonce)
        slug = visit.box.slug
        if (older := self._sessions.get(slug)) is not None:
            await self._end(
                older, DeniedError("replaced", "A newer session of this store is here.")
            )
        ingest = Ingest(visit.box, self.events, self.dictionaries, keeper=self.keeper)
        head = await ingest.open()
        await visit.admit(hello, ingest, head)
        if slug in self._sessions:
            raise DeniedError("replaced", "A newer session of this store is here.")
        frames = BoundedQueue[bytes](SESSION_FRAMES_QUEUED_MAX)
        session = Session(visit, socket, ingest, frames, visit.enter(hello, head))
        self._sessions[slug] = session
        visit.heard(hello.head.seq)
        try:
            await self._send(socket, await visit.welcome(head))
            if head.seq:
                # the line may have broken between the commit and its acknowledgement
                await self._send(socket, await visit.acknowledge(head))
        except BaseException:
            self._forget(session)
            raise
        return session

    async def _run(self, session: Session) -> None:
        """Read until the box goes; frames and what goes down have a task each."""
        name, visit = session.visit.box.slug, session.visit

        async def send(message: OfficeMessage | KeeperMessage | bytes) -> None:
            await self._send(session.socket, message)

        frames = self.tasks.spawn(
            f"frames of {name}", self._guarded(session, partial(self._frames, session))
        )
        down = [
            self.tasks.spawn(f"{what} of {name}", self._guarded(session, partial(work, send)))
            for what, work in visit.down().items()
        ]
        try:
            async for message in session.socket:
                visit.heard()
                if message.type is WSMsgType.BINARY:
                    self._queue(session, message.data)
                elif message.type is WSMsgType.TEXT:
                    await visit.hear(_decoded(message), send)
                else:
                    break
        finally:
            session.frames.close()
            for worker in down:
                worker.cancel()
            # what is being taken is finished: the next session begins behind it
            await asyncio.wait([frames, *down])
            self._forget(session)
        if session.ending is not None:
            raise session.ending

    def _queue(self, session: Session, frame: bytes) -> None:
        try:
            session.frames.put_nowait(frame)
            session.intake.came(frame)
        except QueueFull:
            raise DeniedError(
                "too_many_frames",
                f"More than {FRAMES_IN_FLIGHT_MAX} frames without waiting for an answer.",
            ) from None
        except QueueClosed:
            raise DeniedError("ending", "This session is over.") from None

    async def _guarded(
        self, session: Session, work: Callable[[], Coroutine[Any, Any, None]]
    ) -> None:
        """Run one direction; what ends it, ends the session in good order."""
        try:
            await work()  # called here: a task cancelled before its first step calls nothing
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
            async with self.clock.timeout(STOP_S_MAX / 2):
                await session.done.wait()
        except TimeoutError:
            self._forget(session)

    def _forget(self, session: Session) -> None:
        slug = session.visit.box.slug
        if self._sessions.get(slug) is session:
            del self._sessions[slug]
            self.changed()
        session.intake.leave()
        session.done.set()

    async def _frames(self, session: Session) -> None:
        while True:
            try:
                batch = await session.frames.get_batch(FRAMES_PER_COMMIT_MAX)
            except QueueClosed:
                return
            try:
                async with session.intake.room(batch):
                    taken = await session.ingest.take(batch)
            except (ProtocolViolation, ReplicaFork) as error:
                self.counter.add("refused")
                raise await session.visit.refusal(error.code, str(error)) from None
            except EventStoreAway:
                raise
            except TillboxError as error:
                raise DeniedError(error.code, str(error)) from None
            for listener in self.taken:
                listener()
            session.intake.taken(taken.head.seq, batch)
            if isinstance(taken, Rewind):
                self.counter.add("rewound")
                await self._send(session.socket, Resend(taken.head, taken.reason))
            else:
                self.counter.add("new", by=taken.frames)
                self.counter.add("repeated", by=len(batch) - taken.frames)
            if taken.head.seq:
                # behind a Resend too: if a person carried in all that the box has, it sends nothing
                # more that could be answered
                await self._send(session.socket, await session.visit.acknowledge(taken.head))

    # --- messages -------------------------------------------------------------------------

    async def _send(
        self, socket: web.WebSocketResponse, message: OfficeMessage | KeeperMessage | bytes
    ) -> None:
        kind = WSMsgType.BINARY if isinstance(message, bytes) else WSMsgType.TEXT
        content = message if isinstance(message, bytes) else msgspec.json.encode(message)
        async with self.clock.timeout(SOCKET_SEND_S_MAX):
            await socket.send_frame(content, kind)

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


def _decoded(message: WSMessage) -> Said:
    try:
        decoded: Said = _DECODER.decode(message.data)
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
