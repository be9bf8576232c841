"""What a printer's status means for people: words, advice, and the fields of its state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from devices.protocols.escpos_status import PrinterStatus


@dataclass(frozen=True)
class Trouble:
    """Why a printer does not print. `stops`: a receipt under way is broken off by it."""

    code: str
    health: str
    advice: str
    stops: bool


_FAULT: Final = Trouble(
    "printer_fault",
    "The receipt printer reports a fault.",
    "Switch it off and on. If that does not help, it needs service.",
    stops=True,
)
_CUTTER: Final = Trouble(
    "cutter_jammed",
    "The cutter of the receipt printer is jammed.",
    "Open the cover, take out loose paper, close it, and switch the printer off and on.",
    stops=True,
)
_COVER: Final = Trouble(
    "cover_open",
    "The cover of the receipt printer is open.",
    "Close the cover until it clicks.",
    stops=True,
)
_PAPER: Final = Trouble(
    "no_paper",
    "The receipt printer has no paper.",
    "Put in a new roll and close the cover.",
    stops=True,
)
_RECOVERING: Final = Trouble(
    "printer_hot",
    "The receipt printer is cooling down.",
    "Wait a minute: it goes on by itself.",
    stops=False,
)
_OFFLINE: Final = Trouble(
    "printer_offline",
    "The receipt printer is offline.",
    "Press its feed or online button; if that does not help, switch it off and on.",
    stops=False,
)
NEAR_END: Final = "The paper roll is nearly used up."
NEAR_END_ADVICE: Final = "Have a new roll ready."
NOT_KNOWN: Final = "The receipt printer does not report its state."


def trouble_of(status: PrinterStatus) -> Trouble | None:
    """Return what keeps the printer from printing, the gravest first; None when it prints."""
    for present, trouble in (
        (status.fault, _FAULT),
        (status.cutter_error, _CUTTER),
        (status.cover_open, _COVER),
        (status.paper_out, _PAPER),
        (status.recovering, _RECOVERING),
        (status.offline, _OFFLINE),
    ):
        if present:
            return trouble
    return None


def fields_of(status: PrinterStatus, drawer_open_level: str) -> dict[str, str]:
    """Return `paper`, `cover` and `drawer` of the reported state; empty is not known."""
    paper = {None: "", False: "ok", True: "near_end"}[status.paper_near_end]
    cover = {None: "", False: "closed", True: "open"}[status.cover_open]
    drawer = ""
    if drawer_open_level and status.drawer_high is not None:
        is_open = status.drawer_high == (drawer_open_level == "high")
        drawer = "open" if is_open else "closed"
    return {"paper": "out" if status.paper_out else paper, "cover": cover, "drawer": drawer}
