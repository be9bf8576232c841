"""Hears the commands that a printer acts on the moment they arrive, wherever they stand."""

from __future__ import annotations

from typing import Final, Protocol

from devices.simulators.printer_escpos.mechanics import PINS

_DLE: Final = 0x10
_LENGTHS: Final = {0x04: 3, 0x05: 3, 0x14: 5}
"""EOT n, ENQ n, DC4 1 m t."""
_CLEAR: Final = 2
"""`n` of DLE ENQ: the buffer is cleared too."""
_STEP_MS: Final = 100
_STEPS_MAX: Final = 8


class Answer(Protocol):
    """Answers DLE EOT."""

    def __call__(self, kind: int) -> None:
        """Answer `kind`, 1 to 4."""


class Recover(Protocol):
    """Acts on DLE ENQ."""

    def __call__(self, *, clear: bool) -> None:
        """Go on after an error, with or without what was in the buffer."""


class PulseNow(Protocol):
    """Acts on DLE DC4 1."""

    def __call__(self, pin: int, on_ms: int) -> None:
        """Give a pulse."""


class RealTimeEar:
    """Listens to all bytes, data of pictures included, as a printer's interrupt does."""

    def __init__(self, status: Answer, recover: Recover, pulse: PulseNow) -> None:
        self._answer = status
        self._recover = recover
        self._pulse = pulse
        self._rest = b""

    def reset(self) -> None:
        """Forget a command that has begun."""
        self._rest = b""

    def hear(self, data: bytes) -> None:
        """Act on what is complete; keep what has begun."""
        heard = self._rest + data
        at = heard.find(_DLE)
        while at >= 0:
            if at + 1 == len(heard):
                break
            length = _LENGTHS.get(heard[at + 1], 1)
            if at + length > len(heard):
                break
            self._act(heard[at : at + length])
            at = heard.find(_DLE, at + length)
        self._rest = heard[at:] if at >= 0 else b""

    def _act(self, command: bytes) -> None:
        match tuple(command[1:]):
            case (0x04, 1 | 2 | 3 | 4 as kind):
                self._answer(kind)
            case (0x05, 1 | 2 as how):
                self._recover(clear=how == _CLEAR)
            case (0x14, 1, 0 | 1 as connector, steps) if 1 <= steps <= _STEPS_MAX:
                self._pulse(PINS[connector], steps * _STEP_MS)
            case _:
                pass
