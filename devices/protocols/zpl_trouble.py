"""What a label printer's status means to a person: what is wrong, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from devices.protocols.zpl_status import HostStatus


@dataclass(frozen=True)
class LabelTrouble:
    """Why nothing comes out now. `code` for programs, the rest for people."""

    code: str
    health: str
    advice: str


SILENT: Final = LabelTrouble(
    "label_printer_silent",
    "The label printer does not answer: it may be out of labels, or its head is open.",
    "Look at its lights: put labels in, close the head, or switch it on.",
)
_HEAD: Final = LabelTrouble(
    "label_head_open", "The label printer's head is open.", "Close the head."
)
_PAPER: Final = LabelTrouble(
    "labels_out", "The label printer is out of labels.", "Put a new roll in and press its feed key."
)
_RIBBON: Final = LabelTrouble(
    "label_ribbon_out", "The label printer is out of ribbon.", "Put a new ribbon in."
)
_HOT: Final = LabelTrouble(
    "label_head_hot",
    "The label printer's head is too hot.",
    "Wait until it has cooled down; it goes on by itself.",
)
_COLD: Final = LabelTrouble(
    "label_head_cold",
    "The label printer's head is too cold.",
    "Wait until it has warmed up, or put the printer in a warmer place.",
)
_TAKE: Final = LabelTrouble(
    "label_waits", "A label waits to be taken off.", "Take the label; the next one follows."
)
_PAUSE: Final = LabelTrouble(
    "label_printer_paused", "The label printer is paused.", "Press its pause key."
)


def trouble_of(status: HostStatus) -> LabelTrouble | None:
    """Return what is wrong, the cause before what follows from it; None when all is well."""
    seen = (
        (status.head_open, _HEAD),
        (status.paper_out, _PAPER),
        (status.ribbon_out, _RIBBON),
        (status.too_hot, _HOT),
        (status.too_cold, _COLD),
        (status.label_waits, _TAKE),
        (status.paused, _PAUSE),  # most troubles pause the printer too
    )
    return next((trouble for is_so, trouble in seen if is_so), None)
