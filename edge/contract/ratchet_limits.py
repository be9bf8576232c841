"""Limits of the tokens by which a copy of a box is known, each with its reason."""

from __future__ import annotations

from typing import Final

RATCHET_CHARS_MAX: Final = 64
"""Head office makes 43 characters; a longer one is not of ours, and a box keeps it on disk."""
RATCHETS_OLD_KEPT_MAX: Final = 400
"""Old tokens that head office remembers of a store, some 120 B each: a year of sessions that end
once a day, days of a line that breaks each quarter of an hour. A copy older than that has lost
events, which the chain shows without any token."""
RATCHET_FILE_BYTES_MAX: Final = 256
"""What is read of the file beside the ledger: more than a token is another file."""
