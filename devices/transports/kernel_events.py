"""The kernel's own news of hardware, over netlink (netlink(7), `NETLINK_KOBJECT_UEVENT`).

No library: a socket of the standard library and two checks. Any process of the machine's root,
and in a namespace of its own any user, may send to the group: so a message counts only from
netlink's port 0, where the kernel sits, with credentials of process 0 that the kernel itself
has attached (`SO_PASSCRED`, unix(7)).
"""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
from collections.abc import Callable, Iterable
from typing import Any, Final, Protocol

_UEVENTS: Final = 15
"""NETLINK_KOBJECT_UEVENT of `linux/netlink.h`; the socket module has no name for it."""
_KERNEL_GROUP: Final = 1
"""Group 2 is udev's, who repeats each event there when its rules are done."""
_CREDENTIALS: Final = struct.Struct("iII")
"""`struct ucred`: process, user, group."""
_MESSAGE_BYTES_MAX: Final = 8_192
_MESSAGES_AT_ONCE_MAX: Final = 64
"""Read before the loop has its turn again: a hub with ten devices sends about a hundred."""


class UeventSocket(Protocol):
    """What is asked of the socket; a test has one of its own."""

    def fileno(self) -> int:
        """Return its descriptor."""
        ...

    def recvmsg(
        self, bufsize: int, ancbufsize: int, /
    ) -> tuple[bytes, list[tuple[int, int, bytes]], int, Any]:
        """Return message, attached data, flags and the sender's address; raises OSError."""
        ...

    def close(self) -> None:
        """Give the descriptor back."""
        ...


def open_netlink() -> UeventSocket:
    """Return a socket that hears the kernel; raises OSError where that is not allowed."""
    sock = socket.socket(
        socket.AF_NETLINK, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, _UEVENTS
    )
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        sock.bind((0, _KERNEL_GROUP))
    except OSError:
        sock.close()
        raise
    return sock


class KernelEvents:
    """Hands each message of the kernel's to `heard`; without it None: some were lost.

    `open` and `close`; messages of anybody else are counted in `forged` and dropped.
    """

    def __init__(
        self,
        heard: Callable[[bytes | None], None],
        open_socket: Callable[[], UeventSocket] = open_netlink,
    ) -> None:
        self._heard = heard
        self._open_socket = open_socket
        self._socket: UeventSocket | None = None
        self.forged = 0

    def open(self) -> None:
        """Begin to listen; raises OSError where this process may not."""
        opened = self._open_socket()
        self._socket = opened
        asyncio.get_running_loop().add_reader(opened.fileno(), self._read)

    def close(self) -> None:
        """Stop listening. Twice does no harm."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket = None

    def _read(self) -> None:
        for _ in range(_MESSAGES_AT_ONCE_MAX):
            if self._socket is None:
                return
            try:
                message, attached, _, sender = self._socket.recvmsg(
                    _MESSAGE_BYTES_MAX, socket.CMSG_SPACE(_CREDENTIALS.size)
                )
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                self._heard(None)
                if error.errno != errno.ENOBUFS:  # ENOBUFS: more came than the socket holds
                    self.close()
                    return
            else:
                if is_from_kernel(attached, sender):
                    self._heard(message)
                else:
                    self.forged += 1


def is_from_kernel(attached: Iterable[tuple[int, int, bytes]], sender: object) -> bool:
    """Say whether the kernel itself sent a message.

    `attached` is the ancillary data of `recvmsg`, `sender` its address: port and group.
    """
    if not isinstance(sender, tuple) or sender[:1] != (0,):
        return False
    processes = [
        _CREDENTIALS.unpack(data)[0]
        for level, kind, data in attached
        if (level, kind, len(data))
        == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS, _CREDENTIALS.size)
    ]
    return processes == [0]
