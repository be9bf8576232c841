"""Customer displays of two rows of 20 signs that speak Epson's ESC/POS, on their own cable.

One that hangs on a receipt printer is written to by `printer_escpos`, its capability
`pole_display`: two writers on one cable would cut into each other's commands.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from devices.display_writer import DisplayWriter
from devices.driver import DriverPorts, DriverSpec, Rung
from devices.protocols.display_escpos import DisplayPage, EscposDisplay
from devices.protocols.display_text import DisplayText
from devices.transports.addresses import connector_to
from edge.contract.device_messages import JobKind
from edge.contract.device_states import DeviceClass


class DisplayEscposSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`address` as in `devices.transports.addresses`; see the display's switches for its speed.

    `code_page_number`: the maker's own `n` of ESC t, where it is not Epson's.
    """

    address: str
    code_page: DisplayPage = "cp437"
    code_page_number: Annotated[int, Meta(ge=0, le=255)] | None = None
    brightness: Annotated[int, Meta(ge=1, le=4)] = 4


def build(settings: DisplayEscposSettings, ports: DriverPorts) -> DisplayWriter:
    """Return the driver of one display."""
    text = DisplayText(settings.code_page, settings.code_page_number)
    return DisplayWriter(EscposDisplay(text.select, settings.brightness), text, ports)


DRIVER: Final = DriverSpec(
    name="display_escpos",
    device_class=DeviceClass.DISPLAY,
    settings=DisplayEscposSettings,
    example=DisplayEscposSettings(address="serial:///dev/ttyUSB0?baud=9600"),
    connector=lambda settings, clock: connector_to(settings.address, clock),
    build=build,
    job_kinds=frozenset({JobKind.SHOW_LINES, JobKind.CHECK_HEALTH}),
    model="customer displays that speak ESC/POS (Epson DM-D and its kin)",
    capabilities=("two_rows_of_20",),
    rung=Rung.SIMULATED,
)
