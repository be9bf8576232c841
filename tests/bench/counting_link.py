"""The line to head office as a counter of bytes: what goes up, as TCP payload."""

from __future__ import annotations

import contextlib
import socket
import threading

from tests.bench.processes import free_port


class CountingLink:
    """Forwards `port` to `office_port` from its own threads; `up_bytes` is what went up.

    Opened at the first use of `port`; ends with the process or with `close`.
    """

    def __init__(self) -> None:
        self.office_port = free_port()
        self.up_bytes = 0
        self._listener: socket.socket | None = None

    @property
    def port(self) -> int:
        """Where the shop's end is."""
        if self._listener is None:
            self._listener = socket.create_server(("127.0.0.1", 0))
            threading.Thread(target=self._accept, daemon=True, name="link").start()
        port: int = self._listener.getsockname()[1]
        return port

    def close(self) -> None:
        """Take no more connections."""
        if self._listener is not None:
            # close() alone leaves a thread in accept()
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()

    def _accept(self) -> None:
        assert self._listener is not None
        while True:
            try:
                shop, _ = self._listener.accept()
                office = socket.create_connection(("127.0.0.1", self.office_port))
            except OSError:
                if self._listener.fileno() < 0:
                    return
                with contextlib.suppress(OSError, UnboundLocalError):
                    shop.close()
                continue
            for each in (shop, office):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._carry, args=(shop, office, True), daemon=True).start()
            threading.Thread(target=self._carry, args=(office, shop, False), daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket, up: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(262_144):
                if up:
                    self.up_bytes += len(data)
                target.sendall(data)
        for each in (source, target):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
