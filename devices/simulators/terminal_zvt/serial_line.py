"""The terminal's end of a serial line: blocks, their answers, and how they go wrong.

Written from the standard's words by itself: it shares nothing with the driver's blocks. The
checksum is worked out as the standard names it (CRC-XModem), with every byte and the result
turned around, which is what is seen on real lines.
"""

from __future__ import annotations

import binascii
from typing import Final

from typing_extensions import override

from devices.simulators.terminal_zvt.wire import Heard, LineLost, TillLine
from edge.contract.errors import DeviceUnreachable

_YES: Final = b"\x06"
_NO: Final = b"\x15"
_OPEN: Final = b"\x10\x02"
_DLE: Final = 0x10
_ETX: Final = 0x03
_T1_S: Final = 0.2
_T2_S: Final = 5.0
_TIMES: Final = 3
"""A block is sent so often: once, and repeated twice."""
_READ_BYTES: Final = 4_096
_BLOCK_BYTES_MAX: Final = 8_192
_TURNED: Final = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def check_value(unit: bytes) -> bytes:
    """Return the two bytes that end a block: of the unit and the 03 behind it."""
    crc = binascii.crc_hqx((unit + bytes([_ETX])).translate(_TURNED), 0)
    high, low = crc.to_bytes(2, "big")
    return bytes([_TURNED[high], _TURNED[low]])


def in_block(unit: bytes) -> bytes:
    """Return a unit as it goes over the line."""
    doubled = b"".join(bytes([byte, byte]) if byte == _DLE else bytes([byte]) for byte in unit)
    return _OPEN + doubled + bytes([_DLE, _ETX]) + check_value(unit)


class SerialTillLine(TillLine):
    """Speaks to a till over a line that no connection begins or ends.

    A till that cannot be reached ends a dialogue (LineLost), not the line: `mend` goes on.
    """

    _last = b""
    """The block heard last, as it was on the line."""
    _repeat_until_ms = 0.0
    _spoke_since = True
    _ended = False

    @override
    async def say(self, command: str, data: bytes = b"") -> None:
        if self.lost:
            raise LineLost
        unit = self.unit(command, data)
        manners = self._manners
        if manners.delay_ms:
            await self._clock.sleep(manners.delay_ms / 1000)
        for _ in range(_TIMES):
            block = in_block(unit)
            if manners.spoil_blocks:
                manners.spoil_blocks -= 1
                block = block[:-1] + bytes([block[-1] ^ 0xFF])
            await self._put([bytes([b]) for b in block] if manners.fragment else [block])
            if await self._taken(command):
                self._spoke_since = True
                return
        self.lost = True
        raise LineLost

    async def _taken(self, command: str) -> bool:
        """Wait for the till's 06. What it answers to a message answers the block as well."""
        until_ms = self._clock.monotonic_ms() + _T2_S * 1000
        manners = self._manners
        deaf = manners.miss_answers > 0
        manners.miss_answers -= deaf
        while (left_s := (until_ms - self._clock.monotonic_ms()) / 1000) > 0:
            piece = await self._piece(left_s)
            if piece is None or (deaf and manners.strict):
                continue  # it waits for 06 and sees nothing else
            if piece in (_YES, _NO):
                if not deaf:
                    return piece == _YES
                continue
            heard = await self._accept(piece)
            if heard is None:
                continue
            self._inbox.append(heard)
            answers = heard.command[:2] in ("80", "84")
            if answers != (command[:2] in ("80", "84")):
                return True
        return False

    @override
    async def hear(self, within_s: float | None) -> Heard | None:
        if self._inbox:
            return self._inbox.pop(0)
        until_ms = None if within_s is None else self._clock.monotonic_ms() + within_s * 1000
        while True:
            left_s = None if until_ms is None else (until_ms - self._clock.monotonic_ms()) / 1000
            if left_s is not None and left_s <= 0:
                return None
            piece = await self._piece(left_s)
            if piece is not None and piece not in (_YES, _NO):
                heard = await self._accept(piece)
                if heard is not None:
                    return heard

    @override
    async def ignore(self, seconds: float) -> None:
        until_ms = self._clock.monotonic_ms() + seconds * 1000
        while (left_s := (until_ms - self._clock.monotonic_ms()) / 1000) > 0:
            await self._read(left_s)
            self._held = b""

    @override
    def mend(self) -> bool:
        self.lost = self._ended
        return not self._ended

    @override
    async def pull(self) -> None:
        self._ended = True
        await super().pull()

    async def _accept(self, block: bytes) -> Heard | None:
        """Answer a block of the till; return its unit unless it is damaged or a repeat."""
        manners = self._manners
        unit = _unit_in(block)
        if unit is None or manners.refuse_blocks:
            manners.refuse_blocks = max(0, manners.refuse_blocks - (unit is not None))
            await self._put([_NO])
            return None
        now_ms = self._clock.monotonic_ms()
        repeat = block == self._last and not self._spoke_since and now_ms < self._repeat_until_ms
        self._last, self._spoke_since = block, False
        self._repeat_until_ms = now_ms + (_T2_S + 1) * 1000
        if manners.mute_answers:
            manners.mute_answers -= 1
        else:
            await self._put([_YES])
        if repeat:
            manners.repeats_heard += 1
            return None
        return self.whole_unit(unit)

    async def _piece(self, within_s: float | None) -> bytes | None:
        """Return 06, 15, or what stands from 10 02 to the end of a block; None: nothing came."""
        while True:
            piece = self._cut_off()
            if piece is not None:
                return piece
            if self._held:
                if not await self._read(_T1_S):
                    begun, self._held = self._held, b""
                    if begun.startswith(_OPEN):
                        await self._put([_NO])
                    return None
            elif not await self._read(within_s):
                return None

    async def _read(self, within_s: float | None) -> bool:
        try:
            async with self._clock.timeout(within_s):
                data = b"" if self._ended else await self._stream.read(_READ_BYTES)
        except TimeoutError:
            return False
        except DeviceUnreachable:
            data = b""
        if not data:
            self._ended = self.lost = True
            raise LineLost
        self._held += data
        return True

    def _cut_off(self) -> bytes | None:
        held = self._held
        if held[:1] in (_YES, _NO):
            self._held = held[1:]
            return held[:1]
        start = held.find(_OPEN)
        if start > 0:
            self._held = held = held[start:]
        if start < 0:
            return None
        end = _end_of_block(held)
        if not end:
            if len(held) > _BLOCK_BYTES_MAX:
                self._held = b""
            return None
        self._held = held[end:]
        return held[:end]


def _end_of_block(held: bytes) -> int:
    """Return where the block ends that begins here; 0: not yet."""
    at = len(_OPEN)
    while at + 1 < len(held):
        if held[at] != _DLE:
            at += 1
        elif held[at + 1] == _ETX:
            return at + 4 if at + 4 <= len(held) else 0
        else:
            at += 2
    return 0


def _unit_in(block: bytes) -> bytes | None:
    """Return what a block carries, or None when it is damaged."""
    parts = block[len(_OPEN) : -4].split(bytes([_DLE, _DLE]))
    unit = bytes([_DLE]).join(parts)
    return unit if check_value(unit) == block[-2:] else None
