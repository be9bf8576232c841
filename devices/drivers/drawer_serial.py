"""Cash drawers on a serial port of their own: APG SerialPRO II 484A.

A character opens it, at any speed from 600 to 19,200 baud; what it says it says by a modem
line. It lives on DTR and RTS, which the port keeps on while it is open, unless it has a power
supply of its own.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta
from typing_extensions import override

from devices.driver import DriverPorts, DriverSpec, Rung
from devices.lined_drawer import LinedDrawer
from devices.protocols.drawer_power import DrawerCharge
from devices.transports.addresses import connector_to
from devices.transports.byte_stream import ByteStream
from devices.transports.signal_lines import SignalLines
from edge.contract.device_limits import (
    DRAWER_OPENS_MS_MAX,
)
from edge.contract.device_messages import JobKind
from edge.contract.device_states import DeviceClass
from edge.contract.errors import DeviceUnreachable


class DrawerSerialSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`address` as in `devices.transports.addresses`, e.g. `serial:///dev/ttyUSB0?baud=9600`.

    `open_with`: the opening characters in hex, as the DIP switches under the drawer say;
    `sensor`: the modem line of the drawer's switch; `drawer_open_level`: what that line is
    while the drawer is open (`high` is on); empty: learnt when a kick opens it.
    `own_power`: it has a power supply, so nothing needs to charge.
    """

    address: str
    open_with: Annotated[str, Meta(pattern=r"^([0-9a-f]{2}){1,4}$")] = "07"
    sensor: Literal["cts", "ri", "none"] = "cts"
    drawer_open_level: Literal["", "low", "high"] = ""
    own_power: bool = False


class DrawerSerial(LinedDrawer):
    """Sends the opening characters once the drawer is charged."""

    def __init__(self, settings: DrawerSerialSettings, ports: DriverPorts) -> None:
        sensor = "" if settings.sensor == "none" else settings.sensor
        super().__init__(ports, sensor, settings.drawer_open_level)
        self._open_with = bytes.fromhex(settings.open_with)
        self._charge = DrawerCharge(external=settings.own_power)

    @override
    async def begin(self, lines: SignalLines | None) -> None:
        if lines is not None:
            await lines.drive("dtr", on=True)
            await lines.drive("rts", on=True)
        self._charge.connected(self.ports.clock.monotonic_ms())

    @override
    def wait_ms(self) -> int:
        return self._charge.wait_ms(self.ports.clock.monotonic_ms())

    @override
    async def kick(self, stream: ByteStream, lines: SignalLines | None) -> None:
        self._charge.kicked(self.ports.clock.monotonic_ms())
        try:
            async with self.ports.clock.timeout(DRAWER_OPENS_MS_MAX / 1000):
                await stream.write(self._open_with)
        except TimeoutError:
            await stream.close()
            raise DeviceUnreachable(
                "drawer_takes_nothing",
                f"{self.ports.device} takes no data.",
                advice="Check its cable.",
            ) from None


DRIVER: Final = DriverSpec(
    name="drawer_serial",
    device_class=DeviceClass.DRAWER,
    settings=DrawerSerialSettings,
    example=DrawerSerialSettings(address="serial:///dev/ttyUSB0?baud=9600"),
    connector=lambda settings, clock: connector_to(settings.address, clock, modem_lines=True),
    build=DrawerSerial,
    job_kinds=frozenset({JobKind.KICK_DRAWER, JobKind.CHECK_HEALTH}),
    model="APG SerialPRO II 484A",
    capabilities=("drawer", "drawer_sensor"),
    rung=Rung.SIMULATED,
)
