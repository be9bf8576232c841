"""How a Star printer is set up, and how the settings lead to it."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from devices.protocols.star_encoder import StarPaperFormat
from devices.protocols.star_line import STAR_PAGES
from devices.transports.addresses import connector_to
from devices.transports.byte_stream import Connector
from edge.contract.errors import SettingsInvalid
from edge.contract.instant import Clock


class PrinterStarSettings(StarPaperFormat, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`address` as in `devices.transports.addresses`, e.g. `tcp://192.0.2.8:9100`.

    `evidence`: what is asked for behind a receipt: `marks` (ETB, which every model counts),
    `document` (ESC GS ETX, on models that know it: others print two signs) or `none`. `drawer`: the
    drive it hangs on; pulses of the second are always 200 ms. `drawer_open_level`: what the switch
    shows while the drawer is open, `high` is closed; empty: learnt when a kick opens it.
    """

    address: str
    evidence: Literal["marks", "document", "none"] = "marks"
    drawer: Literal[1, 2] = 1
    drawer_on_ms: Annotated[int, Meta(ge=50, le=500)] = 200
    drawer_off_ms: Annotated[int, Meta(ge=50, le=500)] = 200
    drawer_open_level: Literal["", "low", "high"] = ""


def connector(settings: PrinterStarSettings, clock: Clock) -> Connector:
    """Return how to connect; raises SettingsInvalid for an address or a code page that is none."""
    pages = (settings.code_page, *settings.other_code_pages, *settings.code_page_numbers)
    for page in pages:
        if page not in STAR_PAGES:
            raise SettingsInvalid(
                "code_page_unknown",
                f"There is no code page {page[:40]!r}.",
                advice=f"Choose from: {', '.join(STAR_PAGES)}.",
            )
    return connector_to(settings.address, clock)
