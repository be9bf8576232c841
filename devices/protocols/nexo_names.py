"""How requests and transactions are named on the nexo wire, and when they were.

Source: Adyen Terminal API (a ServiceID has at most 10 letters and digits and is not used again
for 48 hours; times are ISO 8601 in UTC).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final
from uuid import UUID

_LETTERS: Final = "0123456789ABCDEFGHJKLMNPQRSTVWXYZ"
_CHARS: Final = 10
_SECONDS_START: Final = 6
_SECONDS_DIGITS: Final = 10


def service_id_of(unique_id: str) -> str:
    """Return the ServiceID that a UUID of version 7 makes: 50 of its bits of chance."""
    number = UUID(unique_id).int
    letters = []
    for _ in range(_CHARS):
        number, place = divmod(number, len(_LETTERS))
        letters.append(_LETTERS[place])
    return "".join(letters)


def timestamp(at_ms: int) -> str:
    """Return an instant (ms since 1970 UTC) as nexo writes it: `2019-05-08T14:25:15.000Z`."""
    at = datetime.fromtimestamp(at_ms // 1000, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at_ms % 1000:03d}Z"


def time_in(transaction_id: str) -> str:
    """Return the time that an Adyen TransactionID tells itself, or empty.

    `4r7i001557325515012.8815573255107661` (tender reference, PSP reference) was made at
    `2019-05-08T14:25:15.000Z`: seven signs in stand the seconds since 1970.
    """
    tender = transaction_id.partition(".")[0]
    seconds = tender[_SECONDS_START : _SECONDS_START + _SECONDS_DIGITS]
    if len(seconds) != _SECONDS_DIGITS or not (seconds.isascii() and seconds.isdecimal()):
        return ""
    return timestamp(int(seconds) * 1000)
