"""Two pins of a GPIO chip through the kernel's character device, behind python-periphery.

The stream carries no bytes: it has lines (`lines_of`), the output `pulse` and, where one is
wired, the input `sensor`, on while the pin is electrically high.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from devices.transports.byte_stream import ByteStream, Connector
from devices.transports.signal_lines import SignalLines, looked_at
from edge.contract.errors import DeviceUnreachable
from edge.contract.instant import Clock

PULSE: Final = "pulse"
SENSOR: Final = "sensor"

_ADVICE: Final = {
    errno.ENOENT: "Check the name of the chip: `ls /dev/gpiochip*`.",
    errno.EACCES: "Let the service's user use the chip: add it to the group gpio.",
    errno.EBUSY: "Another program holds the pin: stop it, or choose another pin.",
    errno.EINVAL: "Check the numbers of the pins, and that the chip can pull them as set.",
    errno.ENOTTY: "Check the name of the chip: this is none.",
}


@dataclass(frozen=True)
class GpioPins:
    """`pulse` and `sensor` are line numbers of `chip`; no sensor is None.

    `pulse_on`: the level that switches the relay or transistor on, `high` or `low`;
    `sensor_pull`: `up`, `down` or `none`, the chip's own resistor at the sensor.
    """

    chip: str
    pulse: int
    sensor: int | None = None
    pulse_on: str = "high"
    sensor_pull: str = "up"


class Pin(Protocol):
    """One requested line, electrically: True is high."""

    def read(self) -> bool:
        """Return its level; raises OSError."""
        ...

    def write(self, value: bool) -> None:  # noqa: FBT001 - the library's signature
        """Set its level; raises OSError."""
        ...

    def close(self) -> None:
        """Give it back to the kernel."""
        ...


OpenPin = Callable[[str, int, str, str], Pin]
"""Opens (chip, line, direction, pull): direction `in`, `high` or `low` (an output that begins at
that level), pull `pull_up`, `pull_down`, `disable` or `default`. Raises OSError and LookupError."""


def gpio_connector(pins: GpioPins, clock: Clock, open_pin: OpenPin | None = None) -> Connector:
    """Return a connector to pins; the pulse is off from the first moment.

    `open_pin` opens one; python-periphery unless told otherwise.
    """

    async def connect() -> ByteStream:
        opener = open_pin or _periphery_opener()
        opened: list[Pin] = []
        try:
            rest = "low" if pins.pulse_on == "high" else "high"
            opened.append(opener(pins.chip, pins.pulse, rest, "default"))
            if pins.sensor is not None:
                pull = {"up": "pull_up", "down": "pull_down"}.get(pins.sensor_pull, "disable")
                opened.append(opener(pins.chip, pins.sensor, "in", pull))
        except (OSError, LookupError) as error:
            for pin in opened:
                pin.close()
            raise _not_open(pins, error) from error
        sensor = opened[1] if pins.sensor is not None else None
        return GpioStream(pins, opened[0], sensor, clock)

    return connect


def _not_open(pins: GpioPins, error: OSError | LookupError) -> DeviceUnreachable:
    code = error.errno or 0 if isinstance(error, OSError) else 0
    reason = (error.strerror if isinstance(error, OSError) else "") or str(error)
    return DeviceUnreachable(
        "pins_not_open",
        f"The pins at {pins.chip} cannot be used: {reason}.",
        advice=_ADVICE.get(code, "Check the chip, the pins and the settings."),
    )


def _periphery_opener() -> OpenPin:
    try:
        from periphery import CdevGPIO  # noqa: PLC0415 - part of the extra `hardware`
    except ImportError as error:
        raise DeviceUnreachable(
            "gpio_library_missing",
            "GPIO pins need the library python-periphery, which is not installed.",
            advice="Install tillbox[hardware], or Debian's python3-periphery.",
        ) from error

    def open_pin(chip: str, line: int, direction: str, pull: str) -> Pin:
        pin: Pin = CdevGPIO(chip, line, direction, bias=pull, label="tillbox")
        return pin

    return open_pin


class GpioStream:
    """Open pins as a `ByteStream` without bytes: reading waits until it is closed."""

    def __init__(self, pins: GpioPins, pulse: Pin, sensor: Pin | None, clock: Clock) -> None:
        self._closed = asyncio.Event()
        self._lines = _GpioLines(pins, pulse, sensor, clock)

    @property
    def lines(self) -> SignalLines:
        """The pins."""
        return self._lines

    async def read(self, max_bytes: int) -> bytes:
        """Return b"" once it is closed."""
        del max_bytes
        await self._closed.wait()
        return b""

    async def write(self, data: bytes) -> None:
        """Raise DeviceUnreachable: pins take no bytes."""
        del data
        raise DeviceUnreachable("no_bytes", "GPIO pins take no bytes.")

    async def close(self) -> None:
        """Switch the pulse off and give the pins back; see `ByteStream.close`."""
        self._closed.set()
        self._lines.release()


class _GpioLines:
    def __init__(self, pins: GpioPins, pulse: Pin, sensor: Pin | None, clock: Clock) -> None:
        self._chip = pins.chip
        self._on_level = pins.pulse_on == "high"
        self._pulse = pulse
        self._sensor = sensor
        self._clock = clock
        self._released = False

    async def levels(self) -> frozenset[str]:
        self._check()
        try:
            high = self._sensor is not None and self._sensor.read()
        except OSError as error:
            raise self._gone(error) from error
        return frozenset({SENSOR}) if high else frozenset()

    async def changed(self, since: frozenset[str]) -> frozenset[str]:
        return await looked_at(self.levels, since, self._clock)

    async def drive(self, line: str, *, on: bool) -> None:
        if line != PULSE:
            raise ValueError(f"no pin drives {line!r}")
        self._check()
        try:
            self._pulse.write(self._on_level == on)
        except OSError as error:
            raise self._gone(error) from error

    def release(self) -> None:
        if self._released:
            return
        self._released = True
        try:
            self._pulse.write(not self._on_level)
        except OSError:
            pass  # the chip is gone, and its coil with it
        finally:
            for pin in (self._pulse, self._sensor):
                if pin is not None:
                    pin.close()

    def _check(self) -> None:
        if self._released:
            raise DeviceUnreachable("stream_closed", f"The pins at {self._chip} are closed.")

    def _gone(self, error: OSError) -> DeviceUnreachable:
        return DeviceUnreachable(
            "pins_gone",
            f"The pins at {self._chip} do not work any more: {error.strerror or error}.",
            advice="Check the chip; start the box anew.",
        )
