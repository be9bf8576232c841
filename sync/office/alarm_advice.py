"""The next step for each kind of alarm, for people who look at a list of them."""

from __future__ import annotations

from typing import Final

QUARANTINE: Final = "quarantine"
CLOCK_OFF: Final = "clock_off"
DISK_FULL: Final = "disk_full"
WRONG_KEY: Final = "wrong_key"
LATE_SURVIVOR: Final = "late_survivor"

_ADVICE: Final = {
    "fork": "Find out whether the box was restored from a copy or two boxes share one identity. "
    "Nothing was lost here; let one of them go on.",
    "behind": "The box was restored from an old copy. Call your technician before it sells more.",
    "signature_wrong": "Find out what sends in this shop's name: its box, or something else.",
    "frame_of_other_store": "Check the store number in the settings of the shop's box.",
    "frame_of_other_generation": "A box that was replaced is still running. Switch it off.",
    "feed_out_of_reach": "The box's reference data are damaged: let it fetch them anew.",
    "feed_ahead": "Head office was restored from a copy: look what it lacks since then.",
    "feed_refused": "Correct the item that it names, or update the box.",
    "digest_differs": "Look at what stands aside of this shop; when that is mended, this ends.",
    "receipt_of_lost_sale": "Ask that shop whether its box was exchanged or restored.",
    "returned_more_than_sold": "Look at these returns and at who approved them.",
    "mail_failed": "Ask the customer for another address, or print the receipt.",
    "book_not_ready": "Look at the price books: what the shop lacks is named there.",
    "history_mended": "Look at the sales that it names, then close this. A second copy in that "
    "shop is begun anew in an empty folder.",
    "survivor_salvaged": "These sales count on their own days: look at what was closed already, "
    "then close this.",
    "box_twice": "Both go on selling, and nothing is lost. Find out which of the two is the shop's "
    "box and switch the other off; then `tillbox office confirm-box`.",
    "box_copied": "It goes on by itself in a generation of its own. If nobody restored this box, "
    "look for a second one with its key, and switch that off.",
    LATE_SURVIVOR: "Switch it off and keep its disk: what it sold late is taken from there with "
    "`tillbox salvage` at the shop's box.",
    QUARANTINE: "Look at each event that stands aside: read it again, repair it, or leave it.",
    CLOCK_OFF: "Set the clock of the box, and see that it finds its time server.",
    DISK_FULL: "Make room on the disk of head office, or give it a larger one.",
    WRONG_KEY: "Was the box exchanged? Then let the new one take its place: `tillbox office "
    "replace-box`. If not, find out who calls in this shop's name.",
}
_ELSE: Final = "Read what it says, see to it, and close it."


def advice_for(kind: str) -> str:
    """Return what a person should do about an alarm of a kind."""
    return _ADVICE.get(kind, _ELSE)
