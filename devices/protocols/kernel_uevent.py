"""What the kernel says when hardware comes and goes: one datagram of texts that end with NUL.

Source: the kernel's `lib/kobject_uevent.c`: `ACTION@DEVPATH`, then `KEY=VALUE` each, among them
`ACTION`, `DEVPATH`, `SUBSYSTEM` and `SEQNUM`; 2,048 bytes (`UEVENT_BUFFER_SIZE`) and 64 keys
(`UEVENT_NUM_ENVP`) at most, behind the head. udev's own messages to its listeners begin with
`libudev` and NUL (`src/libsystemd/sd-device/device-monitor.c`): they come from user space and are
none of the kernel's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

UEVENT_BYTES_MAX: Final = 8_192
"""The kernel's 2,048 bytes of keys and a head with the longest path there is, 4,096."""
KEYS_MAX: Final = 64
_SUBSYSTEMS: Final = frozenset({"usb", "usbmisc", "tty", "input", "hidraw"})
"""Where devices of a shop hang: `devices.host.device_finder` reads these and no others."""
_ACTIONS: Final = frozenset({"add", "remove", "change", "move", "bind", "unbind"})


@dataclass(frozen=True)
class KernelUevent:
    """One event: what happened, to which device of `/sys`, and of which subsystem."""

    action: str
    devpath: str
    subsystem: str


def read_uevent(message: bytes) -> KernelUevent | None:
    """Return what a datagram says; None for one that the kernel would not send."""
    if len(message) > UEVENT_BYTES_MAX or not message.endswith(b"\0"):
        return None
    try:
        head, *pairs = message[:-1].decode("utf-8").split("\0")
    except UnicodeDecodeError:
        return None
    action, _, devpath = head.partition("@")
    keys = _keys(pairs)
    if (keys.get("ACTION"), keys.get("DEVPATH")) != (action, devpath) or "SEQNUM" not in keys:
        return None
    if action not in _ACTIONS or not devpath.startswith("/"):
        return None
    return KernelUevent(action, devpath, keys.get("SUBSYSTEM", ""))


def _keys(pairs: list[str]) -> dict[str, str]:
    """Return the keys with their values; none where one is malformed, doubled or too many."""
    keys: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not (key and equals) or key in keys or len(keys) == KEYS_MAX:
            return {}
        keys[key] = value
    return keys


def may_be_a_device(event: KernelUevent) -> bool:
    """Say whether something that a shop plugs in may have come, gone or changed by this."""
    return event.subsystem in _SUBSYSTEMS
