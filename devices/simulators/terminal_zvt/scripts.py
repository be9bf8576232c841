"""How the simulated terminal is set up, and what can be made to happen with it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from edge.contract.errors import Refused


class Script(StrEnum):
    """What the next payment, refund or reversal does."""

    APPROVE = "approve"
    DECLINE = "decline"
    ABORT = "abort"
    """The customer presses the stop key (6C)."""
    SILENT = "silent"
    """No answer at all; nothing is booked."""
    CUT_BEFORE_RESULT = "cut_before_result"
    """The cable is out before the network answered; the terminal gives up, nothing is booked."""
    CUT_AFTER_APPROVAL = "cut_after_approval"
    """Booked, and the cable is out before the result reaches the till. A refund too: given."""
    APPROVE_AFTER_CUT = "approve_after_cut"
    """The cable is out, the customer goes on, and it is booked all the same."""


class Point(StrEnum):
    """Where `cut_at` pulls the cable and `stall_at` waits, in the order of a transaction."""

    COMMAND = "command"
    ACKNOWLEDGED = "acknowledged"
    BEFORE_BOOKING = "before_booking"
    BOOKED = "booked"
    TOLD = "told"
    """04 0F is out, its answer not awaited."""
    HEARD = "heard"
    PRINTED = "printed"
    COMPLETED = "completed"
    """06 0F is out."""
    REGISTER = "register"
    REPEAT = "repeat"
    REPEAT_TOLD = "repeat_told"


class SimulatedTerminalSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the terminal is set up.

    `journal`: the file of what was booked, "" for memory. `sync_receipt`: the newer rule
    (1F1F, no reversal by itself); False: it takes back what the till did not acknowledge,
    reversals only with `takes_back_reversals`. `refunds`, `reversals`: whether it offers them.
    `customer_ms`, `network_ms`: how long card and network take. `mode`: `ask` waits for
    `decide`. `line`: bare units as over TCP, or blocks as over a serial line. `status_byte`:
    what it asks for when it is registered (1 initialisation, 2 diagnosis). `totals`: whether
    06 10 is offered, and answered for an empty batch too. `ends_days`: whether 06 50 is.
    `after_end_of_day`: what 06 20 names then: the transaction before, nothing, or the end of
    day itself. `names_text_set`: whether blocks of text name their character set.
    `reservations`: whether it offers them; `capture_tells`: which amount it tells of a capture.
    `signs`: the customer signs instead of typing a PIN. `error_text`, `error_code`: how it names
    what went wrong when it declines (1F17, 1F16), in its status information or, with
    `error_told` "abort", in 06 1E alone.
    """

    journal: str = ""
    password: str = "000000"  # noqa: S105 - the factory value
    currency: str = "EUR"
    text_encoding: Literal["cp437", "latin-1", "iso8859-2", "iso8859-15", "zvt7", "utf-8"] = "cp437"
    sync_receipt: bool = True
    takes_back_reversals: bool = True
    refunds: bool = True
    reversals: bool = True
    mode: Literal["automatic", "ask"] = "automatic"
    customer_ms: int = 300
    network_ms: int = 300
    patience_s: float = 60.0
    answer_s: float = 5.0
    decline_code: int = 5
    line: Literal["tcp", "serial"] = "tcp"
    status_byte: int = 0
    totals: Literal["", "filled", "always"] = "always"
    ends_days: bool = True
    after_end_of_day: Literal["keeps", "forgets", "names"] = "keeps"
    names_text_set: bool = False
    reservations: bool = True
    capture_tells: Literal["charged", "released"] = "charged"
    signs: bool = False
    error_text: str = ""
    error_code: Annotated[str, Meta(pattern=r"^([0-9a-f]{2}){0,8}$")] = ""
    error_told: Literal["status", "abort"] = "status"


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
