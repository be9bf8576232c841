"""Settings of `tillbox counter`: which simulated hardware stands where."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from edge.contract.errors import SettingsInvalid
from edge.runtime.settings_file import is_loopback

Port = Annotated[int, Meta(ge=0, le=65_535)]
"""0 takes a free one; the ready line of the log says which."""


class ScannerPlace(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`link`: the path where the scanner's serial port is found, stable over restarts."""

    link: Path


class PrinterPlace(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`port`: where the printer takes its data. `speed_mm_s` 0 prints at once."""

    port: Port
    columns: Annotated[int, Meta(ge=16, le=96)] = 42
    speed_mm_s: Annotated[int, Meta(ge=0, le=1_000)] = 0


class TerminalPlace(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`port`: where the terminal listens. `journal`: the file of what the acquirer booked.

    `customer_ms`, `network_ms`: how long card and card network take.
    """

    port: Port
    journal: Path
    currency: str = "EUR"
    customer_ms: Annotated[int, Meta(ge=0, le=60_000)] = 300
    network_ms: Annotated[int, Meta(ge=0, le=60_000)] = 300


class ScalePlace(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`port`: where the scale's serial line is reached. `settle_ms`: how long goods sway."""

    port: Port
    settle_ms: Annotated[int, Meta(ge=0, le=60_000)] = 600


class LinkPlace(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The line to head office: what comes to `port` goes on to the office."""

    port: Port
    office_port: Annotated[int, Meta(ge=1, le=65_535)]
    office_host: str = "127.0.0.1"


class CounterSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`goods`: a folder with articles.csv, prices.csv and, for weighed goods, store.json.

    `till_url`: where the page's button leads. The counter is reached from this machine only.
    """

    port: Port
    goods: Path
    scanner: ScannerPlace
    printer: PrinterPlace
    terminal: TerminalPlace
    link: LinkPlace
    scale: ScalePlace = ScalePlace(0)
    address: str = "127.0.0.1"
    till_url: str = ""


def check(settings: CounterSettings) -> None:
    """Raise SettingsInvalid for what no type can hold: addresses that others can reach."""
    for key, address in (
        ("address", settings.address),
        ("link.office_host", settings.link.office_host),
    ):
        if not is_loopback(address):
            raise SettingsInvalid(
                "counter_not_local",
                f"{key} is {address!r}: the counter is a toy bench without sign-in.",
                advice="Use 127.0.0.1, ::1 or localhost.",
            )
    if settings.till_url and not settings.till_url.startswith(("http://", "https://")):
        raise SettingsInvalid(
            "till_url_invalid",
            f"till_url is {settings.till_url[:200]!r}.",
            advice="Write the whole address of the till: http://127.0.0.1:8080/till/.",
        )
