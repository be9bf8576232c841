"""Hears what a Star printer obeys the moment it arrives: ESC ACK SOH, CAN, FS, perhaps SUB and EM.

"Immediately executed not when taking out from the reception buffer, but when received" (3.3.13 and
3.3.16 of the specifications). Programs send dots as they are, so bytes inside a counted command are
data here: the ear keeps step with the stream by the lengths of its commands.
"""

from __future__ import annotations

from typing import Final, Protocol

from devices.simulators.printer_star.lengths import ESC, MORE, command_length

_CAN, _FS, _SUB, _EM = 0x18, 0x1C, 0x1A, 0x19
_STATUS_REQUEST: Final = b"\x1b\x06\x01"


class Reflexes(Protocol):
    """What the printer does at once."""

    def tell_status(self) -> None:
        """Send the status."""
        ...

    def cancel(self) -> None:
        """Forget the buffer and the modes."""
        ...

    def pulse_now(self, drawer: int) -> None:
        """Give a pulse to drawer 1 or 2."""
        ...


class Ear:
    """Listens to all bytes as they arrive; `second_at_once`: SUB and EM do not wait their turn."""

    def __init__(self, reflexes: Reflexes, *, second_at_once: bool) -> None:
        self._reflexes = reflexes
        self._second_at_once = second_at_once
        self._rest = b""
        self._inside = 0
        """Bytes of a counted command that have yet to come."""

    def reset(self) -> None:
        """Forget a command that has begun."""
        self._rest, self._inside = b"", 0

    def hear(self, data: bytes) -> bytes:
        """Act on what is complete; return what a printer puts in its buffer of it."""
        heard = self._rest + data
        kept_from = len(self._rest)
        self._rest = b""
        at = min(self._inside, len(heard))
        self._inside -= at
        while at < len(heard):
            byte = heard[at]
            if byte == ESC:
                length = command_length(heard, at)
                begun = heard[at : at + len(_STATUS_REQUEST)]
                if length == MORE or begun in {_STATUS_REQUEST[:1], _STATUS_REQUEST[:2]}:
                    self._rest = heard[at:]
                    break
                if begun == _STATUS_REQUEST:
                    self._reflexes.tell_status()
                length = max(1, length)
                self._inside = max(0, at + length - len(heard))
                at += length
                continue
            at += 1
            if byte == _CAN:
                self._reflexes.cancel()
                kept_from = at
            elif byte == _FS:
                self._reflexes.pulse_now(1)
            elif byte in (_SUB, _EM) and self._second_at_once:
                self._reflexes.pulse_now(2)
        return heard[kept_from:]
