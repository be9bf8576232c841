"""What the box knows of its line to head office, and how many sales wait for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edge.contract.event_registry import Event
from edge.contract.instant import Clock
from edge.contract.line_class import LineClass, LineUse, line_class
from edge.contract.sale_events import SaleCompleted
from edge.contract.till_protocol import LinkView
from edge.ledger.event_log import Ledger
from edge.ledger.records import Recorded


@dataclass
class LinkState:
    """The link as tills show it. `changed` is called when it does.

    `reason` is what `sync` last said of why it is down, empty when it is up or nothing was said.
    `code` is that of head office's denial, where it denied this box.
    `line` is the line's class, and `use` what went over it this month, where that is counted.
    """

    ledger: Ledger
    clock: Clock
    changed: Callable[[], None]
    state: str = "never"
    since: int = 0
    accepted_seq: int = 0
    reason: str = ""
    line: LineClass = LineClass.OPEN
    use: LineUse | None = None
    code: str = ""
    _waiting: int = 0

    async def open(self) -> None:
        """Read from the ledger what head office has accepted."""
        self.accepted_seq, _ = await self.ledger.acknowledgement()
        self._head_seq = (await self.ledger.head()).seq
        await self._read_waiting()
        self.since = self.clock.now_ms()
        self.state = "down" if self.accepted_seq else "never"
        self.ledger.listeners.append(self._recorded)

    @property
    def view(self) -> LinkView:
        """The link for the screens."""
        return LinkView(self.state, self._waiting, self.since)

    def report(
        self,
        state: str,
        reason: str = "",
        line: str = "",
        use: LineUse | None = None,
        code: str = "",
    ) -> None:
        """Take what `sync` says of the link: `up` or `down`, why, and what it costs."""
        self.reason, self.code = reason, code
        self.line, self.use = line_class(line), use
        if state != self.state:
            self.state = state
            self.since = self.clock.now_ms()
            self.changed()

    async def accepted(self, seq: int) -> None:
        """Take that head office has everything up to a seq."""
        if seq <= self.accepted_seq:
            return
        self.accepted_seq = seq
        before = self._waiting
        await self._read_waiting()
        if before != self._waiting:
            self.changed()

    @property
    def lag_events(self) -> int:
        """How many events head office has not."""
        return max(0, self._head_seq - self.accepted_seq)

    @property
    def lag_s(self) -> float:
        """How old the oldest of them is; 0 for none."""
        return max(0, self.clock.now_ms() - self._oldest_at) / 1000 if self._oldest_at else 0.0

    @property
    def feed_age_s(self) -> float:
        """For how long head office may have news that are not here: 0 while the line is up."""
        return 0.0 if self.state == "up" else max(0, self.clock.now_ms() - self.since) / 1000

    async def _read_waiting(self) -> None:
        seq = self.accepted_seq
        self._waiting, self.exposed_minor, oldest = await self.ledger.waiting_after(seq)
        if seq == self.accepted_seq:  # nothing newer was read meanwhile
            self._oldest_at = oldest

    def _recorded(self, recorded: Recorded, events: tuple[Event, ...]) -> None:
        # the till that completed shows it with its own view; the others see it when told next
        self._head_seq = max(self._head_seq, recorded.last_seq)
        self._oldest_at = self._oldest_at or self.clock.now_ms()
        completed = [event for event in events if isinstance(event, SaleCompleted)]
        self._waiting += len(completed)
        self.exposed_minor += sum(event.total_minor for event in completed)
