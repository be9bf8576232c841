"""What all simulated scales have: a platter with goods on it, and a line that can be bad.

A concrete one says what its scale answers, written from the wire facts; nothing here knows a
driver. The faults are those that a scale, its cable or a hand can have.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import msgspec

from devices.driver import SimulatorPorts
from devices.transports.byte_stream import ByteStream
from edge.contract.errors import DeviceUnreachable

_HOST_BYTES_MAX: Final = 256
_SEED: Final = 20_261_127
_UNDER_ZERO_G: Final = -30
_POUNDS: Final = "lb"


class ScaleFault(StrEnum):
    """What is wrong, as long as `SimulatedPlatter.fault` says so."""

    NONE = "none"
    MOTION = "motion"
    """A hand leans on it: it never comes to rest."""
    OVERLOAD = "overload"
    UNDER_ZERO = "under_zero"
    STALE_VALUE = "stale_value"
    """It goes on saying, as still, what it saw when the fault began."""
    WRONG_UNIT = "wrong_unit"
    SILENT = "silent"
    HALF_MESSAGE = "half_message"
    ONE_BYTE_AT_A_TIME = "one_byte_at_a_time"
    GARBAGE = "garbage"
    WRONG_CHECKSUM = "wrong_checksum"
    """One bit is another; on lines without a check byte what a parity error leaves."""
    SLOW = "slow"
    """Each byte takes as long as on a line of 600 baud."""
    LATE_ANSWER = "late_answer"
    """It answers when nobody waits any more."""
    DUPLICATE = "duplicate"


class PlatterSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`capacity_g`: more is too much. `settle_ms`: how long goods sway after a hand was there.

    `fault`: what is wrong from the beginning. `late_ms`: how long a late answer takes.
    """

    capacity_g: int = 15_000
    settle_ms: int = 0
    unit: str = "kg"
    fault: ScaleFault = ScaleFault.NONE
    late_ms: int = 700


@dataclass(frozen=True)
class Seen:
    """What the scale's own eyes see: its weighing cell, after what is wrong with it."""

    grams: int
    still: bool
    overloaded: bool
    unit: str


class SimulatedPlatter(ABC):
    """Keeps its load over connections. `damage` changes the weights that it sends."""

    def __init__(self, settings: PlatterSettings, ports: SimulatorPorts) -> None:
        self._settings = settings
        self._clock = ports.clock
        self._log = ports.log
        self._chance = random.Random(_SEED)  # noqa: S311 - seeded noise, not a secret
        self._sways_until_ms = 0
        self._fault = settings.fault
        self._stale: Seen | None = None
        self.grams = 0
        self.swaying = False
        self.unit = settings.unit
        self.asked = 0
        self.damage: Callable[[bytes], bytes] = lambda block: block

    # --- what a person does with it -------------------------------------------------------

    def put(self, grams: int, *, swaying: bool = False) -> None:
        """Let so much lie on it (below zero: it was zeroed with goods on); 0 takes all off."""
        self.grams = grams
        self.swaying = swaying
        self._sways_until_ms = self._clock.monotonic_ms() + self._settings.settle_ms

    @property
    def fault(self) -> ScaleFault:
        """What is wrong with it."""
        return self._fault

    @fault.setter
    def fault(self, fault: ScaleFault) -> None:
        self._fault = ScaleFault.NONE
        self._stale = self.seen if fault is ScaleFault.STALE_VALUE else None
        self._fault = fault

    # --- what it sees ---------------------------------------------------------------------

    @property
    def still(self) -> bool:
        """Whether what lies on it has come to rest."""
        return not self.swaying and self._clock.monotonic_ms() >= self._sways_until_ms

    @property
    def overloaded(self) -> bool:
        """Whether there is more on it than it can weigh."""
        return self.grams > self._settings.capacity_g

    @property
    def seen(self) -> Seen:
        """What it would tell now."""
        if self._stale is not None:
            return self._stale
        fault = self._fault
        return Seen(
            _UNDER_ZERO_G if fault is ScaleFault.UNDER_ZERO else self.grams,
            self.still and fault is not ScaleFault.MOTION,
            self.overloaded or fault is ScaleFault.OVERLOAD,
            _POUNDS if fault is ScaleFault.WRONG_UNIT else self.unit,
        )

    # --- the line -------------------------------------------------------------------------

    @abstractmethod
    def answer(self, byte: int) -> bytes:
        """Take one byte of the host and return what it makes the scale say, often nothing."""

    async def attend(self, stream: ByteStream) -> None:
        """Answer one connection until its other end is gone."""
        try:
            while data := await stream.read(_HOST_BYTES_MAX):
                await self.hear(stream, data)
        except DeviceUnreachable:
            self._log.debug("cable_out")
        finally:
            await stream.close()

    async def hear(self, stream: ByteStream, data: bytes) -> None:
        """Answer bytes of the host."""
        for byte in data:
            answer = self.answer(byte)
            if answer:
                await self.say(stream, answer)

    async def say(self, stream: ByteStream, message: bytes) -> None:
        """Send a message, or what the fault makes of it."""
        match self._fault:
            case ScaleFault.SILENT:
                return
            case ScaleFault.HALF_MESSAGE:
                message = message[: len(message) // 2]
            case ScaleFault.GARBAGE:
                message = self._chance.randbytes(len(message))
            case ScaleFault.WRONG_CHECKSUM:
                message = self.spoil(message)
            case ScaleFault.DUPLICATE:
                message += message
            case ScaleFault.LATE_ANSWER:
                await self._clock.sleep(self._settings.late_ms / 1000)
            case _:
                pass
        pause_s = {ScaleFault.ONE_BYTE_AT_A_TIME: 0.001, ScaleFault.SLOW: 0.017}.get(self._fault)
        if pause_s is None:
            if message:
                await stream.write(message)
            return
        for byte in message:
            await self._clock.sleep(pause_s)
            await stream.write(bytes((byte,)))

    def spoil(self, message: bytes) -> bytes:
        """Return a message with one bit changed, somewhere between its first and last byte."""
        at = len(message) // 2
        return message[:at] + bytes((message[at] ^ 0x40,)) + message[at + 1 :]
