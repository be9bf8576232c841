"""What the machine says of itself: how warm it is, how long it is up, whether its clock is set.

Linux alone says all of it; elsewhere, and where the process may not look, it is not known.
"""

from __future__ import annotations

import ctypes
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_THERMAL: Final = "sys/class/thermal"
_UPTIME: Final = "proc/uptime"
_SYNCHRONISED: Final = "run/systemd/timesync/synchronized"
_MILLI: Final = 1_000
_CELSIUS_PLAUSIBLE: Final = range(-30, 130)
"""A zone that is not wired says 0 or thousands."""
_STATUS_WORD: Final = 5
"""Where `status` stands in C's `struct timex`, counted in longs: modes, offset, freq, maxerror,
esterror come before it (adjtimex(2))."""
_TIMEX_LONGS: Final = 64
_NOT_SET: Final = 0x40
"""STA_UNSYNC: nobody has set this clock for hours."""


@dataclass(frozen=True)
class MachineReading:
    """`celsius`: the hottest zone; None, as for all three, when it is not known."""

    celsius: int | None
    up_s: int | None
    clock_set: bool | None


@dataclass(frozen=True)
class Machine:
    """`root` is the folder that `sys`, `proc` and `run` are below; tests have their own."""

    root: Path = Path("/")

    def read(self) -> MachineReading:
        """Read everything; costs some small files."""
        return MachineReading(self._celsius(), self._up_s(), self._clock_set())

    @property
    def system(self) -> str:
        """Return which operating system this is, on which kind of processor."""
        release = ""
        try:
            release = platform.freedesktop_os_release().get("PRETTY_NAME", "")
        except OSError:
            release = platform.system()
        return f"{release}, {platform.release()}, {platform.machine()}"

    def _celsius(self) -> int | None:
        found = []
        for zone in sorted((self.root / _THERMAL).glob("thermal_zone*/temp")):
            try:
                degrees = int(zone.read_text("ascii")) // _MILLI
            except (OSError, ValueError):
                continue  # a zone that is switched off refuses to be read
            if degrees in _CELSIUS_PLAUSIBLE and degrees:
                found.append(degrees)
        return max(found, default=None)

    def _up_s(self) -> int | None:
        try:
            return int(float((self.root / _UPTIME).read_text("ascii").split()[0]))
        except (OSError, ValueError, IndexError):
            return None

    def _clock_set(self) -> bool | None:
        if (self.root / _SYNCHRONISED).exists():
            return True  # systemd-timesyncd says so, also where the kernel may not be asked
        return kernel_says_set()


def kernel_says_set() -> bool | None:
    """Return whether a time server, a receiver or whatever it was has set the kernel's clock."""
    words = (ctypes.c_long * _TIMEX_LONGS)()
    try:
        adjtimex = ctypes.CDLL(None).adjtimex
    except (AttributeError, OSError, TypeError):
        return None
    if adjtimex(ctypes.byref(words)) < 0:
        return None  # not allowed here
    status = ctypes.cast(ctypes.byref(words, _STATUS_WORD * ctypes.sizeof(ctypes.c_long)),
                         ctypes.POINTER(ctypes.c_int)).contents.value  # fmt: skip
    return not status & _NOT_SET
