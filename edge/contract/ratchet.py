"""A token that tells a box which was put back, or copied, from the one that head office knows.

Head office gives a fresh one with each session (in `Welcome`). The box keeps it in two places, in
the ledger's file and in a small file beside it, and says `RatchetKept` once both are on disk. From
then on the token before it is old, for good. Each `Hello` shows what lies in both places:

    both as head office gave them last       nothing was set back
    the ledger's is old, the other is not    the ledger alone was put back to an older copy
    both are old                             the whole box was put back, or it is a second box
    one that head office does not know       head office itself was put back: no fault of the box

A token that was given and of which nobody said that it is kept is given again, so that there are
never more than two that an honest box can show, whatever was lost on the way and wherever either
end died. A box writes the file first and the ledger behind it; head office takes a token as kept
when both places show it, or the box says so.

Only a box that says `RATCHET` among what it hears is given one; an older one shows none, and
nothing is expected of it. A second copy in the shop neither gives tokens nor is shown any.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from edge.contract.ratchet_limits import RATCHET_CHARS_MAX

RATCHET: Final = "ratchet"
"""What a box says that it hears when it can keep tokens."""
BOX_COPIED: Final = "box_copied"
"""Code of a denial: the history fits, but an old token says that this is a copy of the box."""
BOX_TWICE: Final = "box_twice"
"""Code of a denial: two boxes with one key are alive; a person has to say which one it is."""
BOX_REPLACED: Final = "box_replaced"
"""Code of a denial: this box was, and another one has taken its place."""

RatchetToken = Annotated[str, Meta(max_length=RATCHET_CHARS_MAX, pattern=r"^[A-Za-z0-9_-]*$(?!\n)")]
"""Text that head office made up; empty where there is none."""


class RatchetShown(msgspec.Struct, frozen=True):
    """What a box has: the token in its ledger, and the one in the file beside it."""

    ledger: RatchetToken = ""
    beside: RatchetToken = ""


class RatchetKept(msgspec.Struct, frozen=True, tag="ratchet_kept", tag_field="msg"):
    """The box has a token on disk in both places."""

    token: RatchetToken


# --- between sync and edge on one box ----------------------------------------------------


class RatchetGiven(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A token to be kept; the answer comes when it is on disk in both places."""

    token: Annotated[RatchetToken, Meta(min_length=1)]
