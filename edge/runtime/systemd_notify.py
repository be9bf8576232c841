"""Words to systemd (sd_notify(3)): ready, status, watchdog, stopping; nothing without it."""

from __future__ import annotations

import os
import socket
from typing import Final

SOCKET_VARIABLE: Final = "NOTIFY_SOCKET"


def notify(state: str, *, address: str | None = None) -> bool:
    """Send `READY=1`, `STATUS=…`, `WATCHDOG=1` or `STOPPING=1`; say whether it was sent.

    The address is systemd's own from the environment unless given: a path, or a name that
    begins with `@` in the abstract namespace. Without one, or when nobody takes the datagram,
    nothing happens: a service is no worse for not being watched.
    """
    target = os.environ.get(SOCKET_VARIABLE, "") if address is None else address
    if target.startswith("@"):
        target = "\0" + target[1:]
    elif not target.startswith("/"):
        return False
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            # a full socket must not hold up the loop
            sender.setblocking(False)
            sender.sendto(state.encode(), target)
    except OSError:
        return False
    return True
