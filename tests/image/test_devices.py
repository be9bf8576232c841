"""A shop's devices at the USB of the machine: scanner, payment terminal, receipt printer."""

from __future__ import annotations

import re

import pytest

from tests.image.conftest import SCANNER_DEVICE, Box
from tests.image.guest import until
from tests.image.till_client import ARTICLE, ARTICLE_NAME

pytestmark = [pytest.mark.image, pytest.mark.timeout(1_800)]


def scan(box: Box, code: str) -> None:
    """Type a code as a scanner in keyboard mode does, Enter behind it."""
    for key in [*code, "ret"]:
        keys = [{"type": "qcode", "data": key}]
        box.guest.qmp("send-key", keys=keys, **{"hold-time": 20})


def until_well(box: Box, device: str, *, well: bool = True) -> None:
    """Wait until the till shows a device as well, or as lost."""
    try:
        box.till.until_view(
            lambda view: any(
                each["device_id"] == device and each["well"] is well for each in view["devices"]
            ),
            what=f"{device} is {'well' if well else 'lost'}",
        )
    except AssertionError:
        print(box.guest.told("journalctl -b --no-pager -u tillbox-devices | tail -n 40"))
        raise


def scan_into_the_basket(box: Box) -> dict[str, object]:
    scan(box, ARTICLE)
    view = box.till.until_view(
        lambda view: view["state"] == "open" and view["lines"], what="the scanned article"
    )
    assert len(view["lines"]) == 1
    return view


def test_a_scan_a_card_and_a_receipt(box: Box) -> None:
    for device in ("scanner-1", "terminal-1", "printer-1"):
        until_well(box, device)
    view = scan_into_the_basket(box)
    sale = view["sale_id"]
    box.till.done("pay_by_card", amount_minor=view["due_minor"])
    box.till.until_view(lambda view: view["state"] == "done", what="the card is approved")
    papers = until(lambda: box.printer.shown()["receipts"], what="a receipt is cut off")
    paper = str(papers[-1])
    print(paper)
    assert ARTICLE_NAME in paper
    assert re.search(r"4[.,]20", paper)
    booked = [each for each in box.terminal.shown()["booked"] if each["state"] == "booked"]
    assert [each["amount_minor"] for each in booked] == [420]
    until(lambda: sale in box.office.sales(), what="head office has the sale")


def test_a_scanner_that_is_pulled_and_put_back_scans_on(box: Box) -> None:
    until_well(box, "scanner-1")
    box.guest.qmp("device_del", id="scanner")
    until_well(box, "scanner-1", well=False)
    box.guest.qmp("device_add", **SCANNER_DEVICE)
    until_well(box, "scanner-1")
    view = scan_into_the_basket(box)
    while view["state"] != "done":
        view = box.till.done("take_cash", amount_minor=view["due_minor"])


def test_a_printer_that_is_pulled_and_put_back_prints_on(box: Box) -> None:
    until_well(box, "printer-1")
    box.usb_printer.unplug()
    until_well(box, "printer-1", well=False)
    sale = box.till.sell_for_cash(ARTICLE)
    before = len(box.usb_printer.written)
    box.usb_printer.plug_in()
    until_well(box, "printer-1")
    until(lambda: len(box.usb_printer.written) > before + 200, what="the receipt that waited")
    until(lambda: sale in box.office.sales(), what="head office has the sale")
