"""Customer displays of two rows of 20 signs that speak CD5220, on their own cable."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from devices.display_writer import DisplayWriter
from devices.driver import DriverPorts, DriverSpec, Rung
from devices.protocols.display_cd5220 import FONTS, Cd5220
from devices.protocols.display_text import DisplayText
from devices.transports.addresses import connector_to
from edge.contract.device_messages import JobKind
from edge.contract.device_states import DeviceClass


class DisplayCd5220Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`address` as in `devices.transports.addresses`; these displays leave the works at 9600 8N1.

    `code_page`: whose signs the display has; the font of the same name is chosen by ESC c,
    unless `choose_font` is off: makers differ in what their fonts hold.
    """

    address: str
    code_page: Literal["cp437", "cp852", "cp866"] = "cp437"
    choose_font: bool = True
    brightness: Annotated[int, Meta(ge=1, le=4)] = 4


def build(settings: DisplayCd5220Settings, ports: DriverPorts) -> DisplayWriter:
    """Return the driver of one display."""
    font = FONTS[settings.code_page] if settings.choose_font else b""
    return DisplayWriter(Cd5220(font, settings.brightness), DisplayText(settings.code_page), ports)


DRIVER: Final = DriverSpec(
    name="display_cd5220",
    device_class=DeviceClass.DISPLAY,
    settings=DisplayCd5220Settings,
    example=DisplayCd5220Settings(address="serial:///dev/ttyUSB0?baud=9600"),
    connector=lambda settings, clock: connector_to(settings.address, clock),
    build=build,
    job_kinds=frozenset({JobKind.SHOW_LINES, JobKind.CHECK_HEALTH}),
    model="customer displays that speak CD5220",
    capabilities=("two_rows_of_20",),
    rung=Rung.SIMULATED,
)
