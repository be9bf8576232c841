from __future__ import annotations

import pytest

from devices.host.hid_usage import usage_page
from tests.devices.plugged_in import BARCODE_REPORT, KEYBOARD_REPORT


@pytest.mark.parametrize(
    ("descriptor", "page"),
    [
        (BARCODE_REPORT, 0x8C),
        (KEYBOARD_REPORT, 0x01),
        (bytes.fromhex("06 8D 00 09 20 A1 01 C0"), 0x8D),  # two bytes: a weighing device
        (bytes.fromhex("07 8E 00 00 00 A1 01"), 0x8E),  # four bytes: a card reader
        (bytes.fromhex("FE 02 10 AA BB 05 8C A1 01"), 0x8C),  # a long item is stepped over
        (bytes.fromhex("05 01 A4 05 8C B4 A1 01"), 0x8C),  # Push and Pop are no collections
        (bytes.fromhex("05 8C 05 01 A1 01"), 0x01),  # the newest is in force
        (bytes.fromhex("09 05 A1 01"), 0),  # a usage of 5 is no usage page
        (b"", 0),
        (bytes.fromhex("05"), 0),
        (bytes.fromhex("06 8C"), 0),
        (bytes.fromhex("FE"), 0),
        (bytes.fromhex("FE FF 00"), 0),
        (bytes.fromhex("05 8C"), 0),  # it never comes to a collection
        (b"\x00" * 4096, 0),
    ],
)
def test_the_page_in_force_at_the_first_collection(descriptor: bytes, page: int) -> None:
    assert usage_page(descriptor) == page
