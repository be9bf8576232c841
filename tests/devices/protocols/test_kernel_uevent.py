"""Messages as `lib/kobject_uevent.c` makes them, and those that somebody else would send."""

from __future__ import annotations

import pytest

from devices.protocols.kernel_uevent import (
    KEYS_MAX,
    UEVENT_BYTES_MAX,
    KernelUevent,
    may_be_a_device,
    read_uevent,
)

SCANNER = (
    b"add@/devices/pci0000:00/0000:00:14.0/usb1/1-2/1-2:1.0/0003:05E0:1200.0004/hidraw/hidraw3\0"
    b"ACTION=add\0"
    b"DEVPATH=/devices/pci0000:00/0000:00:14.0/usb1/1-2/1-2:1.0/0003:05E0:1200.0004/hidraw/"
    b"hidraw3\0"
    b"SUBSYSTEM=hidraw\0MAJOR=240\0MINOR=3\0DEVNAME=hidraw3\0SEQNUM=4711\0"
)
SEEN = (  # of a real kernel, 6.18, after `echo change > /sys/class/tty/tty28/uevent`
    b"change@/devices/virtual/tty/tty28\0ACTION=change\0DEVPATH=/devices/virtual/tty/tty28\0"
    b"SUBSYSTEM=tty\0SYNTH_UUID=0\0MAJOR=4\0MINOR=28\0DEVNAME=tty28\0SEQNUM=820\0"
)
UDEV = (  # magic, header 40 bytes, properties: what udevd sends its own listeners
    b"libudev\0\xfe\xed\xca\xfe\x28\x00\x00\x00\x28\x00\x00\x00\x2a\x00\x00\x00"
    b"\x05\x9c\x3b\x8f\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
    b"ACTION=add\0DEVPATH=/devices/x\0SUBSYSTEM=usb\0SEQNUM=1\0"
)


def plain(head: bytes = b"add@/devices/x", *keys: bytes) -> bytes:
    keys = keys or (b"ACTION=add", b"DEVPATH=/devices/x", b"SUBSYSTEM=usb", b"SEQNUM=1")
    return b"".join(part + b"\0" for part in (head, *keys))


@pytest.mark.parametrize(
    ("message", "event"),
    [
        (SEEN, KernelUevent("change", "/devices/virtual/tty/tty28", "tty")),
        (plain(), KernelUevent("add", "/devices/x", "usb")),
        (
            plain(b"remove@/module/x", b"ACTION=remove", b"DEVPATH=/module/x", b"SEQNUM=2"),
            KernelUevent("remove", "/module/x", ""),
        ),
        (  # a value may hold what separates
            plain(b"add@/a@b", b"ACTION=add", b"DEVPATH=/a@b", b"MODALIAS=x=y@z", b"SEQNUM=2"),
            KernelUevent("add", "/a@b", ""),
        ),
    ],
)
def test_what_the_kernel_sends_is_read(message: bytes, event: KernelUevent) -> None:
    assert read_uevent(message) == event


def test_a_scanner_that_is_plugged_in_may_be_a_device_of_a_shop() -> None:
    event = read_uevent(SCANNER)
    assert event is not None
    assert (event.action, event.devpath[-15:]) == ("add", "/hidraw/hidraw3")
    assert may_be_a_device(event)


@pytest.mark.parametrize(
    ("subsystem", "counts"),
    [
        *((name, True) for name in ("usb", "usbmisc", "tty", "input", "hidraw")),
        *((name, False) for name in ("net", "block", "power_supply", "mem", "", "usbx")),
    ],
)
def test_only_what_a_shop_plugs_in_counts(subsystem: str, counts: bool) -> None:
    assert may_be_a_device(KernelUevent("add", "/devices/x", subsystem)) is counts


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\0",
        UDEV,
        UDEV.replace(b"libudev", b"LIBUDEV"),
        SEEN[:-1],  # cut off
        plain(b"add/devices/x"),
        plain(b"remove@/devices/x"),  # the head says another action
        plain(b"add@/devices/y"),  # and another device
        plain(b"explode@/devices/x", b"ACTION=explode", b"DEVPATH=/devices/x", b"SEQNUM=1"),
        plain(b"add@devices/x", b"ACTION=add", b"DEVPATH=devices/x", b"SEQNUM=1"),
        plain(b"add@/devices/x", b"ACTION=add", b"DEVPATH=/devices/x"),  # no number
        plain(b"add@/devices/x", b"ACTION=add", b"ACTION=add", b"DEVPATH=/devices/x", b"SEQNUM=1"),
        plain() + b"NOVALUE\0",
        plain() + b"=x\0",
        plain() + b"\0",
        plain() + b"DEVNAME=\xff\xfe\0",
        plain() + b"".join(b"K%d=1\0" % n for n in range(KEYS_MAX)),
        plain() + b"X=" + b"A" * UEVENT_BYTES_MAX + b"\0",
    ],
)
def test_what_no_kernel_sends_is_refused(message: bytes) -> None:
    assert read_uevent(message) is None


def test_a_message_as_large_as_the_kernel_makes_is_taken_and_one_byte_more_is_not() -> None:
    room = UEVENT_BYTES_MAX - len(plain()) - len(b"X=\0")
    assert read_uevent(plain() + b"X=" + b"A" * room + b"\0") is not None
    assert read_uevent(plain() + b"X=" + b"A" * (room + 1) + b"\0") is None


def test_every_message_that_is_cut_off_is_refused_or_another_whole_one() -> None:
    for end in range(len(SEEN)):
        event = read_uevent(SEEN[:end])
        assert event is None  # SEQNUM comes last: without it nothing counts
