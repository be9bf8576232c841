"""The text of an announced service: keys and values that say what a device is.

Source: RFC 6763 (DNS-Based Service Discovery), 6.1 to 6.5: strings of one length byte and up to
255 bytes, each `key=value` or `key`; a string that begins with `=` is left out, of a key that
comes twice the first counts, case does not matter, and the rest of a broken record says nothing.
"""

from __future__ import annotations

from edge.contract.device_limits import (
    FOUND_TEXT_CHARS_MAX,
    SERVICE_KEYS_MAX,
    SERVICE_TEXT_BYTES_MAX,
)


def read_service_text(record: bytes) -> dict[str, str]:
    """Return the keys in small letters with their values, as `plain` texts.

    Of a record that is too long, or has too many keys, what comes first is read.
    """
    keys: dict[str, str] = {}
    record = record[:SERVICE_TEXT_BYTES_MAX]
    at = 0
    while at < len(record) and len(keys) < SERVICE_KEYS_MAX:
        end = at + 1 + record[at]
        if end > len(record):
            break
        raw_key, _, value = record[at + 1 : end].partition(b"=")
        at = end
        if raw_key and raw_key.isascii() and raw_key.decode().isprintable():
            keys.setdefault(raw_key.decode().lower(), plain(value))
    return keys


def plain(text: bytes | str) -> str:
    """Return what a stranger says of itself as one line that can be shown: bounded, printable.

    Signs that are not printable (controls, marks that turn the direction of writing, line ends)
    are spaces, and what is no UTF-8 is U+FFFD.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8", errors="replace")
    text = text[: 2 * FOUND_TEXT_CHARS_MAX]
    shown = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return shown[:FOUND_TEXT_CHARS_MAX].rstrip()
