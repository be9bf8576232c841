"""News from the kernel and from the network: whatever comes, what is believed is well-formed."""

from __future__ import annotations

from random import Random

from devices.protocols.kernel_uevent import may_be_a_device, read_uevent
from devices.protocols.service_text import plain, read_service_text
from edge.contract.device_limits import FOUND_TEXT_CHARS_MAX, SERVICE_KEYS_MAX
from tests.devices.fuzzing.hostile import Play, some_bytes, some_text

_UEVENTS = (
    b"add@/devices/x\0ACTION=add\0DEVPATH=/devices/x\0SUBSYSTEM=usb\0SEQNUM=1\0",
    b"remove@/devices/y\0ACTION=remove\0DEVPATH=/devices/y\0SUBSYSTEM=hidraw\0SEQNUM=2\0",
    b"libudev\0\xfe\xed\xca\xfe\x28\x00\x00\x00ACTION=add\0DEVPATH=/x\0SUBSYSTEM=usb\0SEQNUM=1\0",
)


def uevents() -> Play:
    def play(chance: Random) -> None:
        data = some_bytes(chance, _UEVENTS)
        event = read_uevent(data)
        if event is not None:
            assert data.startswith(f"{event.action}@{event.devpath}\0".encode())
            assert data.endswith(b"\0")
            assert b"SEQNUM=" in data
            assert may_be_a_device(event) in {True, False}

    return play


_RECORDS = (
    b"\x09txtvers=1\x11ty=EPSON TM-m30II\x0dusb_MFG=EPSON",
    b"\x07Color=T\x08Duplex=F\x04rp=x\x05empty\x00\x03=no",
)


def service_texts() -> Play:
    def shown(text: str) -> bool:
        return len(text) <= FOUND_TEXT_CHARS_MAX and text.isprintable() and text == text.strip()

    def play(chance: Random) -> None:
        keys = read_service_text(some_bytes(chance, _RECORDS))
        assert len(keys) <= SERVICE_KEYS_MAX
        assert all(shown(value) for value in keys.values())
        assert all(key and key == key.lower() and key.isascii() for key in keys)
        assert shown(plain(some_text(chance)))

    return play
