"""One session with head office, or a second copy: who we are, then frames up, and what comes down.

Nothing is remembered from one session to the next: the other end says where it stands, and
the upload goes on from there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Final, TypeVar

from edge.contract.book_readiness import BOOKS_READY
from edge.contract.digest import DIGEST
from edge.contract.errors import ProtocolViolation, ReplicaFork, TillboxError
from edge.contract.feed_snapshots import SNAPSHOTS
from edge.contract.history_mending import MENDING
from edge.contract.instant import Clock
from edge.contract.limits import (
    LINK_DENIED_RETRY_MS,
    LINK_SILENCE_S_MAX,
)
from edge.contract.line_class import LINE, LineClass, LineSaid
from edge.contract.ratchet import RATCHET, RatchetKept
from edge.contract.receipt_letter import LETTER
from edge.contract.replication import (
    BUDGET,
    FEED_REFUSED,
    Ack,
    Budget,
    Challenge,
    Denied,
    Head,
    Hello,
    Kept,
    LetterTaken,
    LinkReport,
    ReplicaStatus,
    Resend,
    Welcome,
)
from edge.runtime.backoff import Backoff
from edge.runtime.structured_log import Log
from sync.replicator.books import BookReports
from sync.replicator.edge_client import EdgeClient
from sync.replicator.handover import AckHandover, PageHandover
from sync.replicator.letters import LetterUpload
from sync.replicator.line_use import LineMeter
from sync.replicator.office_link import (
    BundleCarried,
    FeedCarried,
    OfficeLink,
    SnapshotCarried,
    Unheard,
)
from sync.replicator.snapshots import FeedHandover, SnapshotHandover
from sync.replicator.troubles import (
    EdgeRefused,
    EdgeUnreachable,
    PeerDenied,
)
from sync.replicator.upload import Upload

W = TypeVar("W", Challenge, Welcome)

REPORT_EVERY_S: Final = LINK_SILENCE_S_MAX / 2
"""An edge that was restarted knows of no line until it is told."""
_HEARS: Final = (BUDGET, SNAPSHOTS)
_UNHEARD_MAX: Final = 16
"""Kinds of messages of a newer head office that are named in the log."""


@dataclass
class Session:
    """A session over an open line to its peer; `run` ends only by an error.

    What goes up and what comes down share nothing but the line: what head office sends is
    read at once, and tasks of their own hand pages and acknowledgements to edge.
    `up_since_ms` is when head office welcomed this box (monotonic), None before;
    `advances` counts how often it accepted something; `mends` says that it can give a box back
    what that lost. `meter` counts what goes over the line.
    """

    edge: EdgeClient
    office: OfficeLink
    status: ReplicaStatus
    resend_pause: Backoff
    clock: Clock
    log: Log
    meter: LineMeter | None = None
    up_since_ms: int | None = None
    mends: bool = False
    _upload: Upload | None = None
    _fork: ReplicaFork | None = None
    _unheard: set[str] = field(default_factory=set)

    @property
    def advances(self) -> int:
        """How often head office accepted something new."""
        return 0 if self._upload is None else self._upload.advances

    async def run(self) -> None:
        """Greet, then carry both ways until something breaks. Raises TillboxError."""
        welcome = await self._greet()
        hears = self._heard_beside_frames(welcome.hears)
        self._fork = await self._fork_at(welcome.head)
        if self._fork is not None and self.mends:
            raise self._fork
        self.up_since_ms = self.clock.monotonic_ms()
        self.log.info("link_up", store=self.status.store, **self._their_head(welcome.head))
        pages = PageHandover(self.edge, self.office, self.log, tells_refusals=FEED_REFUSED in hears)
        snapshots = SnapshotHandover(self.edge, self.office, self.log)
        feeds = FeedHandover(pages, snapshots)
        acks = AckHandover(self.edge)
        letters = LetterUpload(self.edge, self.office, self.clock, self.log)
        try:
            async with asyncio.TaskGroup() as tasks:
                upload = self._upload = Upload(
                    self.edge,
                    self.office,
                    tasks,
                    welcome.store_number,
                    self.resend_pause,
                    self.clock,
                    self.office.peer,
                    self._line,
                )
                for name, work in (
                    ("report", self._report(upload, tells_line=LINE in hears)),
                    ("pages", pages.run()),
                    ("snapshots", snapshots.run()),
                    ("acknowledgements", self._hand_acks(acks, upload)),
                    ("hear", self._hear(upload, feeds, acks, letters)),
                ):
                    # the group owns its tasks
                    _ = tasks.create_task(work, name=name)
                if welcome.ratchet and self._fork is None and RATCHET in self._hears():
                    _ = tasks.create_task(self._keep_token(welcome.ratchet), name="ratchet")
                if LETTER in hears and self._fork is None:
                    _ = tasks.create_task(letters.run(), name="letters")
                if BOOKS_READY in hears:
                    books = BookReports(self.edge, self.office, self.clock, self.log)
                    _ = tasks.create_task(books.run(), name="price books")
                if self._fork is None:
                    # a second copy has no turns to give: its word holds nothing up
                    budget = None if self.edge.keeper else welcome.budget
                    upload.begin(welcome.head.seq, budget=budget)
                else:
                    await self._end_later(self._fork)
        except BaseExceptionGroup as errors:
            raise worst(errors) from None

    # --- greeting -------------------------------------------------------------------------

    async def _greet(self) -> Welcome:
        try:
            async with self.clock.timeout(LINK_SILENCE_S_MAX):
                challenge = await self._expect(Challenge)
                self.mends = MENDING in challenge.hears
                proof = await self.edge.prove(challenge.nonce)
                mine = self.status
                hello = Hello(
                    mine.store,
                    mine.box,
                    mine.head,
                    {} if self.edge.keeper else mine.cursors,
                    self.clock.now_ms(),
                    version("tillbox"),
                    challenge.nonce,
                    0 if self.edge.keeper else mine.feed_version,
                    self._hears(),
                    _word(self.meter),
                    None if self.edge.keeper else mine.ratchet,
                    mended=mine.mended if self.edge.keeper else None,
                )
                await self.office.say(hello)
                await self.office.say(proof)
                if DIGEST in self._heard_beside_frames(challenge.hears):
                    await self._say_digest()
                return await self._expect(Welcome)
        except TimeoutError:
            peer = self.office.peer
            raise peer.unreachable(
                f"{peer.code}_silent",
                f"{peer.name} did not greet within {LINK_SILENCE_S_MAX:g} s.",
            ) from None

    def _hears(self) -> tuple[str, ...]:
        """Return what the other end may send: a token only where the box keeps one."""
        if self.edge.keeper:
            return ()
        return _HEARS if self.status.ratchet is None else (*_HEARS, RATCHET)

    def _heard_beside_frames(self, hears: tuple[str, ...]) -> tuple[str, ...]:
        """Return what the other end is told beside frames: a second copy nothing, if it says so."""
        return () if self.edge.keeper else hears

    async def _say_digest(self) -> None:
        """Say what waits in a few numbers; a box that cannot is no reason to send nothing."""
        try:
            digest = await self.edge.digest()
        except (EdgeRefused, EdgeUnreachable) as error:
            self.log.warning("no_digest", code=error.code, reason=str(error))
            return
        if digest is not None:
            await self.office.pass_on(digest)

    async def _expect(self, kind: type[W]) -> W:
        while True:
            word = await self.office.next()
            if isinstance(word, kind):
                return word
            if isinstance(word, Denied):
                raise self._denial(word)
            if not isinstance(word, Unheard):
                raise self._out_of_turn(word, f"{kind.__name__} is due")

    async def _fork_at(self, office: Head) -> ReplicaFork | None:
        """Compare the other end's head with what is known of this box's history."""
        name, code = self.office.peer.name, self.office.peer.code
        if office.seq > self.status.head.seq:
            self.status = await self.edge.status()
        mine = self.status
        if office.seq > mine.head.seq:
            return ReplicaFork(
                f"box_behind_{code}",
                f"{name} has {office.seq} events of store {mine.store}, this box only "
                f"{mine.head.seq}.",
                advice="Selling goes on. Call head office: this box was restored from an old "
                "copy, or another one took its place.",
            )
        for known in (mine.head, mine.accepted):
            if office.seq == known.seq and office.hash != known.hash:
                return ReplicaFork(
                    "replica_fork",
                    f"{name} has another event {office.seq} than this box.",
                    advice="Selling goes on. Call head office: two boxes may share one identity, "
                    "or this one was restored from an old copy.",
                )
        return None

    # --- both ways ------------------------------------------------------------------------

    async def _hear(
        self, upload: Upload, feeds: FeedHandover, acks: AckHandover, letters: LetterUpload
    ) -> None:
        while True:
            word = await self.office.next()
            if isinstance(word, Ack | Kept):
                head = word.accepted if isinstance(word, Ack) else word.kept
                if upload.accepted(head.seq):
                    acks.put(word)
            elif isinstance(word, FeedCarried | SnapshotCarried | BundleCarried):
                await feeds.put(word)
            elif isinstance(word, LetterTaken):
                letters.taken(word)
            elif isinstance(word, Budget):
                upload.allow(word.frames)
            elif isinstance(word, Resend):
                self.log.warning("resend", reason=word.reason, **self._their_head(word.head))
                upload.go_back(word.head.seq)
            elif isinstance(word, Denied):
                raise self._denial(word)
            elif isinstance(word, Unheard):
                self._note_unheard(word.msg)
            else:
                raise self._out_of_turn(word, "the greeting is over")

    async def _keep_token(self, token: str) -> None:
        """Have the box keep a token; one that cannot sells and replicates all the same."""
        try:
            await self.edge.take_ratchet(token)
        except (EdgeRefused, EdgeUnreachable) as error:
            self.log.warning("ratchet_not_kept", code=error.code, reason=str(error))
            return
        await self.office.say(RatchetKept(token))

    async def _hand_acks(self, acks: AckHandover, upload: Upload) -> None:
        try:
            await acks.run()
        except ReplicaFork as fork:
            if self.mends:
                raise
            self._fork = fork
            upload.stop()
            await self._end_later(fork)

    async def _report(self, upload: Upload, *, tells_line: bool) -> None:
        """Tell edge how the link is, again and again: it may have been restarted."""
        said = self._line()
        while True:
            upload.check_moving()
            if self.meter is not None:
                self.meter.saw(self.office.wire_bytes())
            if tells_line and self._line() is not said:
                said = self._line()
                self.log.warning("line_class", line=said)
                await self.office.say(LineSaid(said))
            await self.edge.report(link_report(self._fork, self.meter))
            await self.clock.sleep(REPORT_EVERY_S)

    def _line(self) -> LineClass:
        return LineClass.OPEN if self.meter is None else self.meter.line

    async def _end_later(self, fork: ReplicaFork) -> None:
        """Send nothing more; prices still come down until it is time to look again."""
        self.log.error("replica_fork", code=fork.code, reason=str(fork))
        await self.edge.report(link_report(fork, self.meter))
        await self.clock.sleep(LINK_DENIED_RETRY_MS / 1000)
        raise fork

    def _note_unheard(self, kind: str) -> None:
        if kind not in self._unheard and len(self._unheard) < _UNHEARD_MAX:
            self._unheard.add(kind)
            event = f"{self.office.peer.code}_message_unknown"
            self.log.warning(event, kind=kind)

    def _their_head(self, head: Head) -> dict[str, int]:
        return {f"{self.office.peer.code}_head": head.seq}

    def _denial(self, word: Denied) -> PeerDenied:
        return self.office.peer.denied(word.code, word.message)

    def _out_of_turn(self, word: object, why: str) -> ProtocolViolation:
        peer = self.office.peer
        return ProtocolViolation(
            f"{peer.code}_out_of_turn", f"{peer.name} sent {type(word).__name__} though {why}."
        )


def link_report(trouble: TillboxError | None, meter: LineMeter | None = None) -> LinkReport:
    """Return what edge is told: `up`, or `down` with words; and what the line costs."""
    state, reason = ("up", "") if trouble is None else ("down", str(trouble))
    code = trouble.code if isinstance(trouble, PeerDenied) else ""
    if meter is None:
        return LinkReport(state, reason, code=code)
    return LinkReport(state, reason, line=_word(meter), use=meter.use, code=code)


def _word(meter: LineMeter | None) -> str:
    """Return the line's class as it is said: nothing of a line that costs nothing."""
    return "" if meter is None or meter.line is LineClass.OPEN else meter.line


def worst(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return a defect among errors that came together, or else the first of them."""
    flat = list(_flat(errors))
    return next((error for error in flat if not isinstance(error, TillboxError)), flat[0])


def _flat(errors: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in errors.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _flat(error)
        else:
            yield error
