"""How a receipt printer is set up, and how the settings lead to it."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from devices.protocols.display_escpos import DisplayPage
from devices.protocols.escpos_encoder import PaperFormat
from devices.protocols.escpos_text import EPSON_PAGES
from devices.transports.addresses import connector_to
from devices.transports.byte_stream import Connector
from edge.contract.errors import SettingsInvalid
from edge.contract.instant import Clock


class PrinterEscposSettings(PaperFormat, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`address` as in `devices.transports.addresses`, e.g. `tcp://192.0.2.7:9100`.

    `evidence`: what is asked for behind a receipt: `process_id` (Epson; GS r besides, for
    printers without it), `status` (GS r) or `none`. `drawer_open_level`: what the sensor
    shows while the drawer is open; empty: learnt when a kick opens it, and right for a
    drawer without a sensor. `pole_display`: a customer display hangs on the printer; leave it
    off where none does, for some printers put on paper what is meant for it. `pole_page` is the
    display's own code page.
    """

    address: str
    evidence: Literal["process_id", "status", "none"] = "process_id"
    drawer_pin: Literal[2, 5] = 2
    drawer_on_ms: Annotated[int, Meta(ge=50, le=500)] = 100
    drawer_off_ms: Annotated[int, Meta(ge=50, le=500)] = 200
    drawer_open_level: Literal["", "low", "high"] = ""
    pole_display: bool = False
    pole_page: DisplayPage = "cp437"
    pole_brightness: Annotated[int, Meta(ge=1, le=4)] = 4


def connector(settings: PrinterEscposSettings, clock: Clock) -> Connector:
    """Return how to connect; raises SettingsInvalid for an address or a code page that is none."""
    pages = (settings.code_page, *settings.other_code_pages, *settings.code_page_numbers)
    for page in pages:
        if page not in EPSON_PAGES:
            raise SettingsInvalid(
                "code_page_unknown",
                f"There is no code page {page[:40]!r}.",
                advice=f"Choose from: {', '.join(EPSON_PAGES)}.",
            )
    return connector_to(settings.address, clock)
