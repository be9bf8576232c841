"""Events that stand aside, as head office answers them, and what people wish for them."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from edge.contract.attention_limits import REQUEUED_SALES_MAX
from edge.contract.identity import CommandId
from edge.contract.limits import REASON_CHARS_MAX

Reason = Annotated[str, Meta(min_length=1, max_length=REASON_CHARS_MAX)]
Number = Annotated[int, Meta(ge=1, le=2**63 - 1)]
Time = Annotated[int, Meta(ge=0, le=2**53)]


class EventPlace(msgspec.Struct, frozen=True, forbid_unknown_fields=True, order=True):
    """Which event of a store: its generation and its number."""

    gen: Number
    seq: Number


class Requeue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Read these events again, each with its whole sale; none named: all behind event `after`."""

    command: CommandId
    events: Annotated[tuple[EventPlace, ...], Meta(max_length=REQUEUED_SALES_MAX)] = ()
    after: Annotated[int, Meta(ge=0, le=2**63 - 1)] = 0


class LeaveAside(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An event was seen, and nothing is to be done about it."""

    command: CommandId
    gen: Number
    seq: Number
    reason: Reason


class Repair(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the sales shall read in place of an event: its `data`, whole, and why.

    The other fields are needed only where the event itself cannot be read at all.
    """

    command: CommandId
    gen: Number
    seq: Number
    reason: Reason
    data: msgspec.Raw
    type: Annotated[str, Meta(pattern=r"^[a-z0-9_]{1,80}$(?!\n)")] | UnsetType = UNSET
    v: Annotated[int, Meta(ge=1, le=1000)] | UnsetType = UNSET
    day: Annotated[str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$(?!\n)")] | UnsetType = UNSET
    at: Time | UnsetType = UNSET
    till: Annotated[str, Meta(max_length=40)] | UnsetType = UNSET
    actor: Annotated[str, Meta(max_length=40)] | UnsetType = UNSET


class LeftEvent(msgspec.Struct, frozen=True):
    """An event that still does not fit, and why."""

    gen: int
    seq: int
    reason: str


class ActDone(msgspec.Struct, frozen=True):
    """What an act did: events that the sales show from now on, and those that still do not fit.

    `next` is the `after` of the next command, which goes on with what is left: one does not keep
    the shops waiting. 0 at the end.
    """

    taken: tuple[EventPlace, ...] = ()
    left: tuple[LeftEvent, ...] = ()
    next: int = 0


class FieldBody(msgspec.Struct, frozen=True):
    """A field of an event: its name, and what it says, as text."""

    name: str
    text: str


class AsideBody(msgspec.Struct, frozen=True):
    """An event that stands aside. `came_at` is when that was found, `reason` why.

    `type`, `v`, `day`, `at`, `till`, `actor`, `sale` and `fields` are what can be made out of it;
    `data` is what it says as JSON, null where that cannot be read. `raw` is the beginning of its
    bytes as text where it cannot. `delivery`: it is a whole frame that cannot be opened.

    `left_by` saw it at `left_at` and left it aside for `left_reason`; empty for nobody so far.
    """

    store: str
    gen: int
    seq: int
    came_at: int
    reason: str
    type: str
    v: int
    day: str
    at: int
    till: str
    actor: str
    sale: str
    fields: tuple[FieldBody, ...]
    data: msgspec.Raw
    raw: str
    delivery: bool
    left_by: str
    left_at: int
    left_reason: str


class QuarantineBody(msgspec.Struct, frozen=True):
    """A page of events that stand aside, by store and number; `next` is empty at the end.

    `count` is how many there are that nobody has left aside, `left` how many somebody has.
    """

    events: tuple[AsideBody, ...]
    next: str
    count: int
    left: int
