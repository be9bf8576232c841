"""The line on which a box that was restored from an older copy gets back what it lost.

`edge.contract.history_mending` says how both speak. Nothing of the store's history changes here:
what is there is read, and at last the box is given a generation of its own to go on in, so that
no other copy of it can go on in an older one.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import msgspec
from aiohttp import WSMessage, WSMsgType, web

from edge.contract.errors import Refused
from edge.contract.history_mending import (
    FrameAsked,
    GenerationAsked,
    GenerationGiven,
    HashAsked,
    HashSaid,
    MendingAsked,
    MendingSaid,
    Standing,
    generation_bytes,
)
from edge.contract.identity import Ids
from edge.contract.instant import Clock
from edge.contract.limits import (
    FRAME_BODY_BYTES_MAX,
    SESSION_HELLO_S_MAX,
    SOCKET_HEARTBEAT_S,
    SOCKET_SEND_S_MAX,
)
from edge.contract.mending_limits import (
    GENERATIONS_AHEAD_MAX,
    MENDING_TWIN_LOOKS,
    MENDINGS_AT_ONCE_MAX,
)
from edge.contract.ratchet import BOX_TWICE, RatchetShown
from edge.contract.replication import Challenge, Denied, Head, Hello, Proof
from edge.runtime.frame_codec import Dictionaries
from edge.runtime.keys import SigningKey
from edge.runtime.structured_log import Log
from sync.appending.denial import DeniedError, out_of_turn
from sync.appending.event_store import EventStore, EventStoreAway
from sync.appending.ingest import Ingest
from sync.office.admission import Admission
from sync.office.ratchets import Copied
from sync.office.session import BoxSessions
from sync.office.store_directory import RegisteredStore, StoreDirectory

_LOOK_S: Final = 0.25
_DECODER: Final = msgspec.json.Decoder(MendingAsked)


@dataclass
class HistoryMending:
    """Serves `MENDING_PATH`."""

    directory: StoreDirectory
    events: EventStore
    key: SigningKey
    dictionaries: Dictionaries
    admission: Admission
    boxes: BoxSessions
    clock: Clock
    ids: Ids
    log: Log
    _open: int = 0

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Hold a box's line until it has what it needs. Raises Refused (503) for too many."""
        if self._open >= MENDINGS_AT_ONCE_MAX:
            raise Refused(
                "busy",
                f"{MENDINGS_AT_ONCE_MAX} boxes get their history back at this moment.",
                advice="The box comes again by itself.",
                status=503,
            )
        self._open += 1
        socket = web.WebSocketResponse(
            heartbeat=SOCKET_HEARTBEAT_S, max_msg_size=FRAME_BODY_BYTES_MAX, compress=False
        )
        try:
            await socket.prepare(request)
            await self._answer(socket)
        finally:
            self._open -= 1
        return socket

    async def _answer(self, socket: web.WebSocketResponse) -> None:
        try:
            await self._talk(socket)
        except DeniedError as error:
            self.log.warning("mending_denied", code=error.code, reason=error.message)
            await self._deny(socket, error)
        except EventStoreAway as error:
            await self._deny(socket, DeniedError("busy", str(error)))
        except (ConnectionError, TimeoutError):
            await socket.close()

    async def confirm(self, request: web.Request) -> web.Response:
        """Let the next box of a store have its lost history, on a person's word."""
        slug = request.match_info["store"]
        await self.directory.confirm_box(slug)
        self.log.warning("box_confirmed", store=slug)
        return web.Response(status=204)

    async def _talk(self, socket: web.WebSocketResponse) -> None:
        store, hello = await self._identify(socket)
        log = self.log.bind(store=store.slug)
        ingest = Ingest(store.box, self.events, self.dictionaries)
        log.info("mending_begun")
        # what this box said ahead of its frames is of a history that is another one than here
        await self.directory.forget_digest(store.number)
        await self._send(socket, await self._standing(store))
        async for message in socket:
            asked = _decoded(message)
            if isinstance(asked, HashAsked):
                found = await ingest.hash_at(asked.seq)
                await self._send(socket, HashSaid(asked.seq, "" if found is None else found.hex()))
            elif isinstance(asked, FrameAsked):
                await self._send_frame(socket, store, asked.seq)
            elif isinstance(asked, GenerationAsked):
                given = await self._give(store, asked, hello)
                if isinstance(given, GenerationGiven):
                    log.warning("generation_given", gen=given.gen, behind=given.parent.seq)
                await self._send(socket, given)
            else:
                out_of_turn()

    async def _identify(self, socket: web.WebSocketResponse) -> tuple[RegisteredStore, Hello]:
        """Return whose box it is, and what it says of itself. Raises DeniedError."""
        nonce = self.ids.secret()
        await self._send(socket, Challenge(nonce))
        try:
            async with self.clock.timeout(SESSION_HELLO_S_MAX):
                hello = _decoded(await socket.receive())
                proof = _decoded(await socket.receive())
        except TimeoutError:
            raise DeniedError(
                "too_slow", f"The box did not introduce itself within {SESSION_HELLO_S_MAX:g} s."
            ) from None
        if not isinstance(hello, Hello) or not isinstance(proof, Proof):
            out_of_turn()
        return await self.admission.identify(hello, proof, nonce), hello

    async def _standing(self, store: RegisteredStore) -> Standing:
        known = await self.directory.by_slug(store.slug) or store
        head = await self.events.head(store.number, known.gen)
        if not head.seq:
            # before its first event a store is in any generation: the one that is given changes
            # nothing of where it goes on
            head = Head(0, 0, head.hash)
        return Standing(store.number, head, known.gen)

    async def _send_frame(
        self, socket: web.WebSocketResponse, store: RegisteredStore, seq: int
    ) -> None:
        found = await self.events.frame_at(store.number, store.gen, seq)
        if found is None:
            raise DeniedError("no_such_event", f"Store {store.slug} has no event {seq} here.")
        async with self.clock.timeout(SOCKET_SEND_S_MAX):
            await socket.send_bytes(found[1].body)

    async def _give(
        self, store: RegisteredStore, asked: GenerationAsked, hello: Hello
    ) -> GenerationGiven | Standing:
        """Give the next generation behind head office's head, when the box has all up to there.

        It is behind the one that the box is in, too: a head office that was restored may not know
        of that.
        """
        ratchets, shown = self.directory.ratchets, hello.ratchet
        seen = (await ratchets.look(store.number, shown)).copied is Copied.TWICE
        if seen or await ratchets.is_twice(store.number):
            raise await self.admission.twice(store, shown)
        await self._refuse_twin(store, shown)
        standing = await self._standing(store)
        if standing.head != asked.parent:
            return standing
        used = max(standing.head.gen, min(hello.head.gen, standing.gen + GENERATIONS_AHEAD_MAX))
        try:
            gen = await self.directory.open_generation(store, used, shown)
        except Refused as refused:
            words = f"{refused.message} {refused.advice}"
            raise await self.admission.refusal(store, BOX_TWICE, words) from None
        # who was let in meanwhile, in the generation before, is let go again
        await self.boxes.let_go(store.slug)
        standing = await self._standing(store)
        if standing.head != asked.parent:
            return standing
        at = self.clock.now_ms()
        signed = generation_bytes(store.slug, gen, asked.parent, store.box_key, at)
        return GenerationGiven(store.slug, gen, asked.parent, at, self.key.sign(signed).hex())

    async def _refuse_twin(self, store: RegisteredStore, shown: RatchetShown | None) -> None:
        """Raise DeniedError while another box with this key is at work: two copies are alive.

        A session that this very box had is gone by the first look; another box, whose session it
        may have ended by coming, is back before the last one.
        """
        for _ in range(MENDING_TWIN_LOOKS):
            await self.clock.sleep(_LOOK_S)
            if store.slug in self.boxes.connected:
                break
        else:
            return
        raise await self.admission.twice(
            store,
            shown,
            f"Two boxes of store {store.slug} are at work with one key: while one is connected, "
            "the other asks to go on with its history.",
        )

    async def _send(self, socket: web.WebSocketResponse, message: MendingSaid) -> None:
        async with self.clock.timeout(SOCKET_SEND_S_MAX):
            await socket.send_frame(msgspec.json.encode(message), WSMsgType.TEXT)

    async def _deny(self, socket: web.WebSocketResponse, error: DeniedError) -> None:
        with suppress(ConnectionError, TimeoutError):
            await self._send(socket, Denied(error.code, error.message))
        await socket.close()


def _decoded(message: WSMessage) -> MendingAsked:
    if message.type in {WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR}:
        raise ConnectionResetError("the box went away")
    if message.type is not WSMsgType.TEXT:
        out_of_turn()
    try:
        asked: MendingAsked = _DECODER.decode(message.data)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise DeniedError("message_malformed", f"The message is refused: {error}.") from None
    return asked
