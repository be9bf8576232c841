"""What happens to the box, its tills and its people, beside the sales."""

from __future__ import annotations

from typing import ClassVar

from edge.contract.event_registry import Event, declare


@declare
class BoxStarted(Event, frozen=True):
    """The ledger was opened for writing. `clean` is false when the last run just ended."""

    TYPE: ClassVar[str] = "box_started"

    version: str
    sqlite: str
    clean: bool


@declare
class GenerationOpened(Event, frozen=True):
    """A box goes on with a history that another one began: the first event of its generation.

    The parent is the event before it, with its generation and the chain's hash (hexadecimal);
    `source` says what the history was read from.
    """

    TYPE: ClassVar[str] = "generation_opened"

    parent_gen: int
    parent_seq: int
    parent_hash: str
    source: str


@declare
class HistoryMended(Event, frozen=True):
    """A box that was restored from an older copy took up what it had lost, and kept what it did.

    Both histories are the same up to `fork_seq` (`fork_hash`, hexadecimal). From there head
    office's was taken over; the box's own, up to `branch_seq` of generation `branch_gen`, was set
    aside whole in the file `set_aside`, and what head office's lacks of it was written again
    behind it. Completed sales: `sales_back` came from head office, `sales_again` were written
    again, `sales_known` are in both and stand once, `sales_doubtful` went on in both with another
    end: written again too, under another id, and a person has to look at them. Of
    `receipts_twice` both gave the number to another sale.
    """

    TYPE: ClassVar[str] = "history_mended"

    fork_seq: int
    fork_hash: str
    branch_gen: int
    branch_seq: int
    branch_hash: str
    set_aside: str
    events_back: int = 0
    events_again: int = 0
    events_known: int = 0
    sales_back: int = 0
    sales_again: int = 0
    sales_known: int = 0
    sales_doubtful: int = 0
    receipts_twice: tuple[str, ...] = ()


@declare
class SurvivorSalvaged(Event, frozen=True):
    """What a box had sold late, that is, unknown to the one in its place, was taken from its disk.

    Its history and this one are the same up to `fork_seq` (`fork_hash`, hexadecimal). Up to its end
    at `branch_seq` of generation `branch_gen` it is kept whole in the file `set_aside`, and what
    this one lacked of it was written again, each event with its origin. Completed sales:
    `sales_again` were written again, `sales_known` were here already, `sales_doubtful` went on in
    both with another end: written again under another id, and a person has to look at them. Of
    `receipts_twice` both gave the number to another sale.
    """

    TYPE: ClassVar[str] = "survivor_salvaged"

    fork_seq: int
    fork_hash: str
    branch_gen: int
    branch_seq: int
    branch_hash: str
    set_aside: str
    events_again: int = 0
    events_known: int = 0
    sales_again: int = 0
    sales_known: int = 0
    sales_doubtful: int = 0
    receipts_twice: tuple[str, ...] = ()


@declare
class BoxStopped(Event, frozen=True):
    """The ledger was closed in good order."""

    TYPE: ClassVar[str] = "box_stopped"


@declare
class ClockStepped(Event, frozen=True):
    """The wall clock jumped against the monotonic one. Order is by seq, never by time."""

    TYPE: ClassVar[str] = "clock_stepped"

    by_ms: int


@declare
class ReferenceApplied(Event, frozen=True):
    """A feed from head office was taken in up to a cursor."""

    TYPE: ClassVar[str] = "reference_applied"

    feed: str
    cursor: int


@declare
class TillEnrolled(Event, frozen=True):
    """A person admitted a device as a till. The secret itself is known to the till alone."""

    TYPE: ClassVar[str] = "till_enrolled"

    till: str
    label: str
    secret_sha256: str


@declare
class CashierSignedIn(Event, frozen=True):
    """A PIN was right. `stale_staff_list` marks a list older than the limit."""

    TYPE: ClassVar[str] = "cashier_signed_in"

    cashier: str
    stale_staff_list: bool = False


@declare
class CashierSignedOut(Event, frozen=True):
    """A cashier left the till, or was signed out by the idle lock."""

    TYPE: ClassVar[str] = "cashier_signed_out"

    cashier: str
    reason: str = "signed_out"


@declare
class SignInLocked(Event, frozen=True):
    """Too many wrong PINs: this person (or this till) waits until the hour is over."""

    TYPE: ClassVar[str] = "sign_in_locked"

    cashier: str
    scope: str


@declare
class PanRefused(Event, frozen=True):
    """A free text looked like a card number and was not kept. `field` says where it was typed."""

    TYPE: ClassVar[str] = "pan_refused"

    field: str


@declare
class ApprovalGiven(Event, frozen=True):
    """A second person allowed a cashier something, with a PIN. The event it was for names them."""

    TYPE: ClassVar[str] = "approval_given"

    permission: str
    approver: str
    cashier: str
