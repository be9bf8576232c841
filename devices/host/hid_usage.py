"""What a HID device says it is: the usage page of its first collection, out of its descriptor.

Source: Device Class Definition for HID 1.11, 6.2.2 (short and long items, global Usage Page).
"""

from __future__ import annotations

from typing import Final

_LONG_ITEM: Final = 0xFE
_LONG_HEAD_BYTES: Final = 3
_TAG_AND_TYPE: Final = 0xFC
_USAGE_PAGE: Final = 0x04
"""Global item, tag 0: `05 nn`, `06 nn nn` or `07 nn nn nn nn`."""
_COLLECTION: Final = 0xA0
_SIZES: Final = (0, 1, 2, 4)


def usage_page(descriptor: bytes) -> int:
    """Return the usage page in force at the first collection; 0 where there is none."""
    page = 0
    at = 0
    while at < len(descriptor):
        head = descriptor[at]
        if head == _LONG_ITEM:
            if at + 1 >= len(descriptor):
                return 0
            at += _LONG_HEAD_BYTES + descriptor[at + 1]
            continue
        size = _SIZES[head & 0x03]
        value = descriptor[at + 1 : at + 1 + size]
        if len(value) < size:
            return 0
        if head & _TAG_AND_TYPE == _USAGE_PAGE:
            page = int.from_bytes(value, "little")
        elif head & _TAG_AND_TYPE == _COLLECTION:
            return page
        at += 1 + size
    return 0
