"""How the simulated terminal is set up, and what can be made to happen with it."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

import msgspec

from edge.contract.errors import Refused


class Script(StrEnum):
    """What the next payment, refund or reversal does."""

    APPROVE = "approve"
    PARTIAL = "partial"
    """Half the amount is approved."""
    DECLINE = "decline"
    ABORT = "abort"
    """The customer presses the stop key (Cancel)."""
    BUSY = "busy"
    """The terminal is at something else."""
    UNREACHABLE = "unreachable"
    """The terminal does not get through to its host."""
    SILENT = "silent"
    """The request is never looked at, and there is no answer; nothing is booked."""
    LATE = "late"
    """Approved only after the till has stopped waiting."""
    CUT_BEFORE_RESULT = "cut_before_result"
    """The cable is out before the network answered; the terminal gives up, nothing is booked."""
    CUT_AFTER_APPROVAL = "cut_after_approval"
    """Booked, and the cable is out before the answer leaves."""
    APPROVE_AFTER_CUT = "approve_after_cut"
    """The cable is out, the customer goes on, and it is booked all the same."""


class Point(StrEnum):
    """Where `cut_at` pulls the cable and `stall_at` waits, in the order of a transaction."""

    UNREAD = "unread"
    """The request has arrived and the terminal does not know of it yet."""
    REQUEST = "request"
    BEFORE_BOOKING = "before_booking"
    BOOKED = "booked"
    HALF_TOLD = "half_told"
    """In the middle of the answer."""
    TOLD = "told"
    STATUS = "status"
    STATUS_TOLD = "status_told"
    """In the middle of the answer what became of a transaction."""
    DIAGNOSIS = "diagnosis"
    ABORT = "abort"


class Spoil(StrEnum):
    """What is wrong with the next answer to a payment, refund or reversal."""

    SEAL = "seal"
    """The HMAC is another."""
    PADDING = "padding"
    KEY_VERSION = "key_version"
    """Sealed with a key that is newer than the till's."""
    SERVICE_ID = "service_id"
    """It answers another request."""
    TWICE = "twice"
    NO_JSON = "no_json"
    IN_CLEAR = "in_clear"
    """It says what it says, and is not sealed."""
    HTTP_ERROR = "http_error"
    KEY_REFUSED = "key_refused"
    OWN_MESSAGE = "own_message"
    """A DisplayRequest stands in its place."""
    NO_RESULT = "no_result"
    EMPTY = "empty"


class SimulatedAdyenSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the terminal is set up; by default as a driver on trial expects it.

    `journal`: the file of what was booked, "" for memory. `refunds`, `reversals`: whether it
    offers them. `customer_ms`, `network_ms`: how long card and network take; `late_ms`: how long
    an approval that comes late. `mode`: `ask` waits for `decide`.
    """

    journal: str = ""
    poi_id: str = "S1F2-000158213605014"
    key_identifier: str = "tillbox-trial"
    key_version: int = 1
    passphrase: str = "the simulated terminal's own"  # noqa: S105 - the key of trials, no real one
    currency: str = "EUR"
    refunds: bool = True
    reversals: bool = True
    mode: Literal["automatic", "ask"] = "automatic"
    customer_ms: int = 300
    network_ms: int = 300
    late_ms: int = 130_000
    patience_ms: int = 60_000


def script_named(name: str) -> Script:
    """Return a script; raises Refused naming those there are."""
    try:
        return Script(name)
    except ValueError:
        raise Refused(
            "script_unknown",
            f"The terminal does not know {name[:40]!r}.",
            advice=f"Choose one of: {', '.join(Script)}.",
            status=422,
        ) from None
