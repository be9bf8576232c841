"""Cash drawers whose coil hangs on a pin: a relay or transistor at a GPIO chip, 12 or 24 V.

The pulse is at least as long as a latch needs and never as long as a coil burns; between two
pulses the coil rests. The pin is off when it is opened and whenever it is given back.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta
from typing_extensions import override

from devices.driver import DriverPorts, DriverSpec, Rung
from devices.lined_drawer import LinedDrawer
from devices.protocols.drawer_power import CoilRest, pulse_ms
from devices.transports.byte_stream import ByteStream, Connector
from devices.transports.gpio_lines import PULSE, SENSOR, GpioPins, gpio_connector
from devices.transports.signal_lines import SignalLines
from edge.contract.device_limits import (
    DRAWER_PULSE_MS_MAX,
    DRAWER_PULSE_MS_MIN,
)
from edge.contract.device_messages import JobKind
from edge.contract.device_states import DeviceClass
from edge.contract.errors import DeviceUnreachable, SettingsInvalid
from edge.contract.instant import Clock

_Line = Annotated[int, Meta(ge=0, le=1023)]


class DrawerGpioSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`chip`: the kernel's device, e.g. `/dev/gpiochip0`; `pulse_pin`, `sensor_pin`: its lines.

    `pulse_on`: the level that switches the coil on; `pulse_ms`: how long. `sensor_pull`: the
    chip's own resistor at the switch; `drawer_open_level`: what the switch shows while the
    drawer is open; empty: learnt when a kick opens it.
    """

    chip: str
    pulse_pin: _Line
    sensor_pin: _Line | None = None
    pulse_on: Literal["high", "low"] = "high"
    pulse_ms: Annotated[int, Meta(ge=DRAWER_PULSE_MS_MIN, le=DRAWER_PULSE_MS_MAX)] = 200
    sensor_pull: Literal["up", "down", "none"] = "up"
    drawer_open_level: Literal["", "low", "high"] = ""


class DrawerGpio(LinedDrawer):
    """Pulses a coil."""

    def __init__(self, settings: DrawerGpioSettings, ports: DriverPorts) -> None:
        sensor = "" if settings.sensor_pin is None else SENSOR
        super().__init__(ports, sensor, settings.drawer_open_level)
        self._pulse_ms = pulse_ms(settings.pulse_ms)
        self._rest = CoilRest()

    @override
    async def begin(self, lines: SignalLines | None) -> None:
        if lines is None:
            raise DeviceUnreachable(
                "no_pins",
                f"{self.ports.device} has no pins to pulse.",
                advice="Check its settings.",
            )
        await lines.drive(PULSE, on=False)

    @override
    def wait_ms(self) -> int:
        return self._rest.wait_ms(self.ports.clock.monotonic_ms())

    @override
    async def kick(self, stream: ByteStream, lines: SignalLines | None) -> None:
        if lines is None:
            raise DeviceUnreachable("drawer_lost", f"{self.ports.device} is gone.")
        clock = self.ports.clock
        began_ms = clock.monotonic_ms()
        try:
            await lines.drive(PULSE, on=True)
            await clock.sleep(self._pulse_ms / 1000)
        finally:
            # also when the job is cancelled: a coil that stays on burns
            await self._off(stream, lines)
            on_ms = clock.monotonic_ms() - began_ms
            self._rest.pulsed(on_ms, clock.monotonic_ms())
            if on_ms > DRAWER_PULSE_MS_MAX:
                self.ports.count("DrawerLongPulseCount")
                self.ports.log.error("drawer_pulse_too_long", on_ms=on_ms)

    async def _off(self, stream: ByteStream, lines: SignalLines) -> None:
        try:
            await lines.drive(PULSE, on=False)
        except DeviceUnreachable:
            await stream.close()  # gives the pin back to the kernel, off
            raise


def _connector(settings: DrawerGpioSettings, clock: Clock) -> Connector:
    """Return how to connect; raises SettingsInvalid for what cannot be wired."""
    if not settings.chip.startswith("/dev/"):
        raise SettingsInvalid(
            "chip_invalid",
            f"The chip {settings.chip[:80]!r} is no device.",
            advice="Write /dev/gpiochip0, or another of `ls /dev/gpiochip*`.",
        )
    if settings.sensor_pin == settings.pulse_pin:
        raise SettingsInvalid(
            "pins_equal",
            f"The pin {settings.pulse_pin} cannot pulse and feel at once.",
            advice="Give the sensor a pin of its own, or leave sensor_pin out.",
        )
    pins = GpioPins(
        settings.chip,
        settings.pulse_pin,
        settings.sensor_pin,
        settings.pulse_on,
        settings.sensor_pull,
    )
    return gpio_connector(pins, clock)


DRIVER: Final = DriverSpec(
    name="drawer_gpio",
    device_class=DeviceClass.DRAWER,
    settings=DrawerGpioSettings,
    example=DrawerGpioSettings(chip="/dev/gpiochip0", pulse_pin=17, sensor_pin=27),
    connector=_connector,
    build=DrawerGpio,
    job_kinds=frozenset({JobKind.KICK_DRAWER, JobKind.CHECK_HEALTH}),
    model="a 12 or 24 V drawer behind a relay or transistor at a GPIO pin",
    capabilities=("drawer", "drawer_sensor"),
    rung=Rung.SIMULATED,
)
