"""From the bytes of a scanner to the view on the till, with the real broker."""

from __future__ import annotations

import base64
import json
import os
import socket
import statistics
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from edge.contract.device_limits import EVENTS_PER_S_MAX
from tests.bench.bench_run import BenchRun, CpuMeter
from tests.bench.figures import Figure, quantile
from tests.bench.processes import BenchFailedError, Program, python
from tests.bench.shop import Shop, gtin, open_shop

_LINES_PER_SALE: Final = 8
_SHORT: Final = 126
_LONG: Final = 127
_WAIT_S: Final = 20.0
_PAUSE_S: Final = 1.2 / EVENTS_PER_S_MAX
"""Before each scan: a host takes more for a fault of the scanner, and drops some."""


class ScannerPlug:
    """A scanner as a TCP peer: whoever connects gets what is scanned."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(_WAIT_S)
        self.port: int = self._listener.getsockname()[1]
        self._line: socket.socket | None = None

    def wait(self) -> None:
        """Wait for the driver."""
        self._line, _ = self._listener.accept()
        self._line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def scan(self, code: str) -> None:
        """Type a code."""
        assert self._line is not None
        self._line.sendall(code.encode() + b"\r")

    def close(self) -> None:
        """Pull the cable."""
        self._listener.close()
        if self._line is not None:
            self._line.close()


class ScreenSocket:
    """The cheapest WebSocket client: text from the server, nothing to it."""

    def __init__(self, port: int, path: str, headers: str = "") -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.settimeout(_WAIT_S)
        key = base64.b64encode(os.urandom(16)).decode()
        self._socket.sendall(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            f"{headers}\r\n".encode()
        )
        self._data = b""
        while b"\r\n\r\n" not in self._data:
            self._read()
        head, _, self._data = self._data.partition(b"\r\n\r\n")
        if b" 101 " not in head:
            raise BenchFailedError(f"no socket: {head.decode()}{self._data.decode()}")

    def _read(self) -> None:
        more = self._socket.recv(262_144)
        if not more:
            raise BenchFailedError("the socket was closed")
        self._data += more

    def next(self) -> bytes:
        """Return the next message."""
        while True:
            head = 2
            if len(self._data) >= head:
                length = self._data[1] & 0x7F
                if length == _SHORT and len(self._data) >= (head := 4):
                    (length,) = struct.unpack_from(">H", self._data, 2)
                elif length == _LONG and len(self._data) >= (head := 10):
                    (length,) = struct.unpack_from(">Q", self._data, 2)
                if len(self._data) >= head + length:
                    kind = self._data[0] & 0x0F
                    message = self._data[head : head + length]
                    self._data = self._data[head + length :]
                    if kind == 1:
                        return message
                    continue  # a ping: this run is shorter than its patience
            self._read()

    def close(self) -> None:
        """Hang up."""
        self._socket.close()


def scan_to_view(run: BenchRun) -> Figure:
    """Time scans from their bytes to the view that has the line, in turn with the floor."""
    sales = max(5, run.rounds // 10)
    folder = run.new_folder("scan")
    plug = ScannerPlug()
    times: list[int] = []
    floors: list[int] = []
    with open_shop(folder / "shop", scanner_port=plug.port) as shop:
        plug.wait()
        shop.until_devices_well()
        screen = ScreenSocket(
            shop.port,
            "/api/v1/tills/till-1/socket?after=0",
            f"Origin: {shop.origin}\r\nCookie: {shop.sessions['till-1']}\r\n",
        )
        with floor_path(run) as (floor_plug, floor_screen):
            pids = [shop.programs["devices"].pid, shop.edge_pid]
            with CpuMeter(*pids) as meter:
                for _ in range(sales):
                    for number in range(1, _LINES_PER_SALE + 1):
                        time.sleep(_PAUSE_S)
                        times.append(_scan_ns(plug, screen, number))
                        begun = time.perf_counter_ns()
                        floor_plug.scan(gtin(number))
                        floor_screen.next()
                        floors.append(time.perf_counter_ns() - begun)
                    shop.command("till-1", "abandon")
        screen.close()
    plug.close()
    return Figure(
        value=statistics.median(times) / 1e6,
        unit="ms",
        floor=statistics.median(floors) / 1e6,
        n=len(times),
        cpu_us=meter.total_s / len(times) * 1e6,
        goal=2.0,
        more={
            "p99_ms": quantile(times, 0.99) / 1e6,
            "floor_p99_ms": quantile(floors, 0.99) / 1e6,
            "ratio_p99": quantile(times, 0.99) / quantile(floors, 0.99),
        },
    )


def _scan_ns(plug: ScannerPlug, screen: ScreenSocket, lines: int) -> int:
    begun = time.perf_counter_ns()
    plug.scan(gtin(lines))
    while True:
        message = screen.next()
        took = time.perf_counter_ns() - begun
        view = json.loads(message)
        if view["state"] == "open" and len(view["lines"]) == lines:
            return took
        if view["notice"] is not None:
            raise BenchFailedError(f"the scan was not taken: {view['notice']}")


@contextmanager
def floor_path(run: BenchRun) -> Iterator[tuple[ScannerPlug, ScreenSocket]]:
    """Run the floor with a broker of its own for a block."""
    folder = run.new_folder("scan-floor")
    broker = Shop(folder / "broker-only")
    module = "tests.bench.floors.scan_path"
    show = Program("show", [], folder / "show.log")
    publish = Program("publish", [], folder / "publish.log")
    plug = ScannerPlug()
    try:
        broker.start_broker_only()
        port = str(broker.broker_port)
        show.words = python(module, "show", port, str(broker.folder / "edge.mqtt"))
        show.start(talks=True)
        screen = ScreenSocket(int(show.read_line()), "/socket")
        publish.words = python(
            module, "publish", port, str(plug.port), str(broker.folder / "box.mqtt")
        )
        publish.start()
        plug.wait()
        plug.scan(gtin(1))
        screen.next()
        yield plug, screen
        screen.close()
    finally:
        plug.close()
        publish.stop()
        show.stop()
        broker.stop()
