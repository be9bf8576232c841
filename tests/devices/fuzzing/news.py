"""News from the kernel and from the network: whatever comes, what is believed is well-formed."""

from __future__ import annotations

from random import Random

from devices.protocols.kernel_uevent import may_be_a_device, read_uevent
from tests.devices.fuzzing.hostile import Play, some_bytes

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
