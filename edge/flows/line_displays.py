"""Customer displays of two lines: what a till's says now, sent when it says something else.

A display follows the till's view as a screen does: it is handed views and never waited for. What
is sent is in no ledger and nobody asks what became of it; an older text that did not get there is
worth nothing. It is sent anew when the display comes (back), when its host does, or when its last
text was not shown. One that is adopted, moved to another till or given up is followed at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import msgspec

from edge.contract.device_messages import (
    DELIVERY,
    Job,
    JobKind,
    JobResult,
    JobStatus,
    ShowLinesArgs,
)
from edge.contract.device_states import DriverState
from edge.contract.device_topics import HostTopics, ParsedTopic
from edge.contract.identity import Ids
from edge.contract.instant import Clock
from edge.contract.limits import (
    LINE_DISPLAY_RETRY_MS,
    SHOW_LINES_AGE_MS_MAX,
)
from edge.contract.till_protocol import TillView
from edge.contract.wire import encode
from edge.engine.line_display import Lines, display_lines
from edge.flows.customer_displays import CustomerDisplays
from edge.flows.device_directory import Binding, DeviceDirectory
from edge.flows.till import Till
from edge.reference.store import ReferenceStore
from edge.runtime.bus import Bus, BusUnavailable
from edge.runtime.structured_log import Log
from edge.runtime.supervisor import Supervisor

ROLE: Final = "display"
_VIEW: Final = msgspec.json.Decoder(TillView)
_SHOWN: Final = frozenset({JobStatus.ACCEPTED, JobStatus.DONE})
_SUPERSEDED: Final = "superseded"


@dataclass(eq=False)
class _Face:
    """One till's display: a `Screen` of the till that keeps the newest view alone."""

    till: Till
    bound: Binding
    stirred: asyncio.Event = field(default_factory=asyncio.Event)
    newest: bytes = b""
    looked_at: bytes = b""
    sent: Lines | None = None
    """What it was told last; None when it has to be told again."""
    sent_job: str = ""
    again: bool = False
    """It did not show what it was told: it is told again, and not at once."""
    gone: bool = False
    """It is no display of this till any more."""

    def show(self, view: bytes) -> None:
        """Take the newest view; one that was not looked at yet is dropped."""
        self.newest = view
        self.stirred.set()

    def tell_anew(self) -> None:
        """Have it told again what it says now."""
        self.sent, self.looked_at = None, b""
        self.stirred.set()


@dataclass
class LineDisplays:
    """The line displays of a store's tills. `displays` knows what customers may see."""

    store: str
    bus: Bus
    directory: DeviceDirectory
    displays: CustomerDisplays
    reference: ReferenceStore
    clock: Clock
    ids: Ids
    log: Log
    tasks: Supervisor
    _tills: tuple[Till, ...] = ()
    _faces: dict[str, _Face] = field(default_factory=dict)
    """By device."""

    def open(self, tills: Iterable[Till]) -> None:
        """Follow these tills with the displays that they have, and will have."""
        self._tills = tuple(tills)
        self.follow()

    def follow(self) -> None:
        """Let displays that are bound now follow their tills, and all others no more.

        Each has tasks of its own: a till without a display costs nothing.
        """
        found = ((till, self.directory.binding(till.id, ROLE)) for till in self._tills)
        bound = {binding.device: (till, binding) for till, binding in found if binding is not None}
        for device, face in list(self._faces.items()):
            if device not in bound or bound[device][1] != face.bound:
                self._let_go(self._faces.pop(device))
        for device, (till, binding) in bound.items():
            if device not in self._faces:
                self._faces[device] = self._take_on(till, binding)

    def _take_on(self, till: Till, binding: Binding) -> _Face:
        face = _Face(till, binding)
        till.screens.add(face)
        _ = self.tasks.start(f"lines of {binding.device}", lambda: self._run(face))
        return face

    def _let_go(self, face: _Face) -> None:
        face.till.screens.discard(face)
        face.gone = True
        face.stirred.set()

    def host_back(self, host: str) -> None:
        """Tell the displays of a host again: they may have been dark meanwhile."""
        for face in self._faces.values():
            if face.bound.host == host:
                face.tell_anew()

    async def greet(self) -> None:
        """Tell all displays again after a new connection to the broker."""
        for face in self._faces.values():
            face.tell_anew()

    async def _run(self, face: _Face) -> None:
        """Send a display what is new, until it is let go."""
        while not face.gone:
            face.stirred.clear()
            await self._bring(face)
            wait_s = LINE_DISPLAY_RETRY_MS / 1000 if face.again else None
            try:
                async with self.clock.timeout(wait_s):
                    await face.stirred.wait()
            except TimeoutError:
                face.tell_anew()

    async def _bring(self, face: _Face) -> None:
        if face.newest is face.looked_at or not self.reference.has_store:
            return
        face.looked_at = face.newest
        view = _VIEW.decode(face.newest)
        if not any(
            each.device_id == face.bound.device and each.state == DriverState.READY
            for each in view.devices
        ):
            face.sent, face.again = None, False  # told again when it is back
            return
        lines = self._lines(view)
        if lines == face.sent and not face.again:
            return
        face.sent, face.sent_job, face.again = lines, self.ids.new(), False
        try:
            await self._publish(face, lines)
        except BusUnavailable:
            face.sent = None  # the greeting after the next connection stirs

    def _lines(self, view: TillView) -> Lines:
        store = self.reference.store
        customer = self.reference.customer(view.customer.number) if view.customer else None
        language = customer.language if customer and customer.language else store.receipt_language
        return display_lines(self.displays.shown(view), store.name, language)

    async def _publish(self, face: _Face, lines: Lines) -> None:
        kind = JobKind.SHOW_LINES
        deadline = self.clock.now_ms() + SHOW_LINES_AGE_MS_MAX
        args = msgspec.Raw(encode(ShowLinesArgs(lines)))
        job = Job(face.sent_job, kind, args, deadline, DELIVERY[kind])
        topics = HostTopics(self.store, face.bound.host).device(face.bound.device)
        await self.bus.publish(topics.job, encode(job))

    # --- what became of it ----------------------------------------------------------------

    def hear(self, topic: ParsedTopic, result: JobResult) -> None:
        """Hear of a text that a display did not show: it is told again."""
        face = self._faces.get(topic.device)
        if face is None or topic.host != face.bound.host:
            return
        code = result.error.code if result.error else ""
        if result.id != face.sent_job or result.status in _SHOWN or code == _SUPERSEDED:
            return
        self.log.info("lines_not_shown", device=face.bound.device, reason=code)
        face.again = True
        face.stirred.set()
