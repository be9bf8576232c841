"""A serial line to a ZVT terminal as a stream of units: blocks, answers, repeats.

Source: PA00P016, serial transport. Each block is answered by the other end at once, with 06
or 15; without an answer within T2, or with 15, it is sent again, twice at most, and then the
line counts as broken. That says nothing about money: a command that nobody answered may have
arrived all the same, and the driver asks about it.

Nothing on the wire says that a block is a repeat. It is one when it says the same as the
block before it, comes when a repeat would, and the terminal has taken nothing of ours since:
it is answered and passed on to nobody. When the terminal answers a command whose 06 was
lost, the answer is taken for the 06 too: a command that is being carried out is never sent
again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable
from typing import Final, TypeVar

from devices.driver import DriverPorts
from devices.protocols.zvt_apdu import ApduReader
from devices.protocols.zvt_blocks import ACK, NAK, Block, BlockReader, Mark, encode_block
from devices.transports.byte_stream import ByteStream
from edge.contract.device_limits import (
    TERMINAL_BLOCK_AGAIN_MS_MAX,
    TERMINAL_BLOCK_REPEATS_MAX,
    TERMINAL_SETTLE_MS_MAX,
    TERMINAL_T1_MS,
    TERMINAL_T2_MS,
    ZVT_MESSAGES_QUEUED_MAX,
)
from edge.contract.errors import DeviceUnreachable, ProtocolViolation

T = TypeVar("T")

_READ_BYTES_MAX: Final = 4_096
_ANSWERS: Final = frozenset({0x80, 0x84})
"""First bytes of units that answer another: they say that the other arrived."""
_ADVICE: Final = "Check the terminal's cable, its speed and that it is set to ZVT."


class BlockStream:
    """Implements `ByteStream` over one: `write` takes one unit, `read` gives units one by one.

    Whoever waits reads the line; others wait for what that one hears. So a unit can be sent
    while another task reads, and while nobody does.
    """

    def __init__(self, line: ByteStream, ports: DriverPorts) -> None:
        self._line = line
        self._ports = ports
        self._blocks = BlockReader()
        self._units: deque[bytes] = deque()
        self._reading = False
        self._heard = asyncio.Event()
        self._over = False
        self._sending = asyncio.Lock()
        self._writing = asyncio.Lock()
        self._last = b""
        self._last_ms = 0
        self._sent_since = True
        self._in_flight = b""
        self._answer: Mark | None = None

    async def settle(self, quiet_ms: int) -> None:
        """Wait until the line was silent for so long; what comes is answered and dropped.

        Returns at once when the line ends; raises DeviceUnreachable when it never is silent.
        """
        dropped = 0
        clock = self._ports.clock
        end_ms = clock.monotonic_ms() + TERMINAL_SETTLE_MS_MAX
        while await self._listen(quiet_ms) and not self._over:
            dropped += len(self._units)
            self._units.clear()
            if clock.monotonic_ms() > end_ms:
                raise DeviceUnreachable(
                    "terminal_line_noisy",
                    "The serial line to the payment terminal is never silent.",
                    advice=_ADVICE,
                )
        if dropped:
            self._ports.recorder.note(f"{dropped} units of an earlier dialogue were dropped")
            self._ports.count("UnexpectedMessageCount", dropped)

    async def read(self, max_bytes: int) -> bytes:
        """Return the next unit, or its first bytes; see `ByteStream.read`."""
        while not self._units:
            if self._over:
                return b""
            await self._listen()
        unit = self._units.popleft()
        if len(unit) > max_bytes:
            self._units.appendleft(unit[max_bytes:])
        return unit[:max_bytes]

    async def write(self, data: bytes) -> None:
        """Send one unit and return when it has arrived.

        Raises DeviceUnreachable when the terminal did not say so: it may have arrived.
        """
        block = encode_block(data)
        async with self._sending:
            self._in_flight = data
            try:
                for attempt in range(TERMINAL_BLOCK_REPEATS_MAX + 1):
                    if attempt:
                        self._ports.count("BlockRepeatCount")
                    self._answer = None
                    await self._put(block)
                    if await self._arrived():
                        self._sent_since = True
                        return
            finally:
                self._in_flight = b""
        raise DeviceUnreachable(
            "terminal_line_faulty",
            f"The payment terminal did not take a message, sent {TERMINAL_BLOCK_REPEATS_MAX + 1} "
            "times over its serial line.",
            advice=_ADVICE,
        )

    async def close(self) -> None:
        """Close the line; see `ByteStream.close`."""
        self._over = True
        await self._line.close()

    async def _arrived(self) -> bool:
        """Wait for the answer to the block that was sent; False: it is to be sent again."""
        end_ms = self._ports.clock.monotonic_ms() + TERMINAL_T2_MS
        while self._answer is None:
            left_ms = end_ms - self._ports.clock.monotonic_ms()
            if self._over:
                raise DeviceUnreachable(
                    "terminal_gone",
                    "The serial line to the payment terminal ended.",
                    advice=_ADVICE,
                )
            if left_ms <= 0:
                return False
            await self._listen(left_ms)
        return self._answer is Mark.TAKEN

    async def _listen(self, within_ms: int | None = None) -> bool:
        """Take in what comes next; False: nothing came in time."""
        if self._reading:
            heard = self._heard
            return await self._in_time(heard.wait(), within_ms) is not None
        self._reading = True
        try:
            return await self._hear(within_ms)
        finally:
            self._reading = False
            self._heard.set()
            self._heard = asyncio.Event()

    async def _hear(self, within_ms: int | None) -> bool:
        in_block = self._blocks.in_block
        if in_block:
            within_ms = min(within_ms or TERMINAL_T1_MS, TERMINAL_T1_MS)
        data = await self._in_time(self._line.read(_READ_BYTES_MAX), within_ms)
        if data is None and not in_block:
            return False
        told = self._blocks.break_off() if data is None else self._blocks.feed(data)
        self._over = self._over or data == b""
        answers = b"".join(self._take(each) for each in told)
        if answers:
            await self._put(answers)
        return True

    def _take(self, told: Block | Mark) -> bytes:
        """Take in a block or a mark; return the byte that answers it."""
        if isinstance(told, Block):
            self._take_block(told.unit)
            return ACK
        if told is Mark.DAMAGED:
            self._ports.count("BlockErrorCount")
            return NAK
        if self._in_flight and self._answer is None:
            self._answer = told
        return b""

    def _take_block(self, unit: bytes) -> None:
        now_ms = self._ports.clock.monotonic_ms()
        last_ms, self._last_ms = self._last_ms, now_ms
        soon = now_ms - last_ms <= TERMINAL_BLOCK_AGAIN_MS_MAX
        if unit == self._last and soon and not self._sent_since:
            self._ports.count("BlockAgainCount")
            if self._in_flight and self._answer is None:
                self._answer = Mark.AGAIN  # it saw nothing while it waited: ours neither
            return
        _check_unit(unit)
        if self._in_flight and _is_answer(unit) != _is_answer(self._in_flight):
            self._answer = Mark.TAKEN
        self._last, self._sent_since = unit, False
        if len(self._units) >= ZVT_MESSAGES_QUEUED_MAX:
            raise ProtocolViolation(
                "zvt_flood", "The payment terminal sends messages without waiting for answers."
            )
        self._units.append(unit)

    async def _put(self, data: bytes) -> None:
        async with self._writing:
            await self._line.write(data)

    async def _in_time(self, waiting: Awaitable[T], within_ms: int | None) -> T | None:
        try:
            async with self._ports.clock.timeout(within_ms and within_ms / 1000):
                return await waiting
        except TimeoutError:
            return None


def _is_answer(unit: bytes) -> bool:
    return unit[0] in _ANSWERS


def _check_unit(unit: bytes) -> None:
    """Raise ProtocolViolation unless a block holds one unit and nothing else."""
    reader = ApduReader()
    reader.feed(unit)
    if reader.next_apdu() is None or reader.pending_bytes:
        raise ProtocolViolation(
            "zvt_block_invalid",
            "The payment terminal sent a block that does not hold one message.",
            advice="Check that the terminal is set to ZVT on this line.",
        )
