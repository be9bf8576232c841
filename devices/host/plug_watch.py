"""Hears from the kernel that something was plugged in or pulled, and has the host look at once.

Where the kernel's news cannot be had (a container may not open the socket, or gets none of the
machine's) the host looks every few seconds all the same.
"""

from __future__ import annotations

from collections.abc import Callable

from devices.protocols.kernel_uevent import may_be_a_device, read_uevent
from devices.transports.kernel_events import KernelEvents, UeventSocket, open_netlink
from edge.runtime.structured_log import Log


class PlugWatch:
    """Calls `news` for each event of the kernel by which a device may have come or gone."""

    def __init__(
        self,
        news: Callable[[], None],
        log: Log,
        open_socket: Callable[[], UeventSocket] = open_netlink,
    ) -> None:
        self._news = news
        self._log = log
        self._events = KernelEvents(self._take, open_socket)

    @property
    def forged(self) -> int:
        """How many messages were dropped because the kernel had not sent them."""
        return self._events.forged

    def open(self) -> None:
        """Begin to listen, or say once that this machine does not let us."""
        try:
            self._events.open()
        except OSError as error:
            self._log.info(
                "plugging_not_watched",
                detail=f"The kernel's news cannot be had here: {error.strerror}.",
                advice="Nothing to do: what is plugged in is looked for every few seconds.",
            )
        else:
            self._log.info("plugging_watched")

    def close(self) -> None:
        """Stop listening."""
        self._events.close()

    def _take(self, message: bytes | None) -> None:
        if message is None:
            self._news()  # some was lost: only a look can tell what it was
            return
        event = read_uevent(message)
        if event is not None and may_be_a_device(event):
            self._news()
