"""Sockets that systemd listens on for us (sd_listen_fds(3)): tills wait over a restart, unrefused.

A socket unit also gives a service that may bind to nothing below 1024 its port 443.
"""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import MutableMapping
from typing import Final

from edge.contract.errors import SettingsInvalid
from edge.contract.life_limits import INHERITED_SOCKETS_MAX

_FIRST: Final = 3
"""SD_LISTEN_FDS_START."""
_PID, _COUNT, _NAMES = "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"


def inherited_socket(
    name: str, environment: MutableMapping[str, str] = os.environ
) -> socket.socket | None:
    """Return the listening TCP socket that systemd named `name`, or None when it gave none.

    The words are taken from the environment: a child is not to believe that they are for it.
    Raises SettingsInvalid when what was handed over is another thing, or comes twice.
    """
    words = {key: environment.pop(key, "") for key in (_PID, _COUNT, _NAMES)}
    if words[_PID] != str(os.getpid()) or not words[_COUNT].isdecimal():
        return None
    count = int(words[_COUNT])
    if count > INHERITED_SOCKETS_MAX:
        raise _wrong(f"{count} sockets were handed over")
    names = words[_NAMES].split(":") if words[_NAMES] else [name] * count
    places = [_FIRST + place for place, each in enumerate(names[:count]) if each == name]
    if len(places) > 1:
        raise _wrong(f"{len(places)} sockets are named {name}")
    return _listening(places[0]) if places else None


def _listening(place: int) -> socket.socket:
    try:
        is_socket = stat.S_ISSOCK(os.fstat(place).st_mode)
    except OSError:
        is_socket = False
    if not is_socket:
        raise _wrong(f"number {place} is no socket")
    os.set_inheritable(place, False)
    given = socket.socket(fileno=place)
    tcp = given.family in (socket.AF_INET, socket.AF_INET6) and given.type == socket.SOCK_STREAM
    if not tcp or not given.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        given.detach()
        raise _wrong(f"number {place} is no TCP socket that listens")
    given.setblocking(False)
    return given


def _wrong(why: str) -> SettingsInvalid:
    return SettingsInvalid(
        "inherited_socket_wrong",
        f"What systemd handed over cannot be used: {why}.",
        advice="Its socket unit has one ListenStream=, a port or an address and a port.",
    )
