"""What one till's bad devices cost another till: they must not be felt there."""

from __future__ import annotations

import socket
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from tests.bench.bench_run import BenchRun
from tests.bench.figures import Figure, quantile
from tests.bench.scan_benches import ScannerPlug
from tests.bench.shop import Shop, gtin, open_shop

_SCANS_PER_S: Final = 1_000
_BEAT_S: Final = 0.01
_TURNS: Final = 6
_NS_PER_MS: Final = 1e6


class MutePrinter:
    """A printer as a TCP peer that takes the connection and never reads or says anything."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]

    def close(self) -> None:
        """Pull the cable."""
        self._listener.close()


class Babbler:
    """Scans one code a thousand times a second for as long as it is let."""

    def __init__(self, plug: ScannerPlug) -> None:
        self._plug = plug
        self._going = threading.Event()
        self.scans = 0

    @contextmanager
    def babbling(self) -> Iterator[None]:
        """Babble for a block."""
        self._going.set()
        thread = threading.Thread(target=self._babble, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._going.clear()
            thread.join()

    def _babble(self) -> None:
        some = "\r".join([gtin(1)] * round(_SCANS_PER_S * _BEAT_S))
        due = time.monotonic()
        while self._going.is_set():
            self._plug.scan(some)
            self.scans += round(_SCANS_PER_S * _BEAT_S)
            due += _BEAT_S
            time.sleep(max(0.0, due - time.monotonic()))


def babbling_devices(run: BenchRun) -> Figure:
    """Sell at till 2 while till 1 has a babbling scanner and a mute printer, and while it has not.

    The floor is the same shop with the scanner silent, in turn; the printer never answers in
    either, and has a receipt to print.
    """
    plug, printer = ScannerPlug(), MutePrinter()
    folder = run.new_folder("babbling") / "shop"
    sales = max(20, run.rounds // 4)
    calm: list[int] = []
    loud: list[int] = []
    with open_shop(folder, tills=2, scanner_port=plug.port, printer_port=printer.port) as shop:
        plug.wait()
        babbler = Babbler(plug)
        _owe_a_receipt(shop)
        target = shop.target(2)
        till_2 = {**target, "connections": target["connections"][1:]}
        run.alternate([till_2], 20)
        for _ in range(_TURNS):
            calm += run.alternate([till_2], sales)[0]
            with babbler.babbling():
                loud += run.alternate([till_2], sales)[0]
            shop.command("till-1", "abandon")
    plug.close()
    printer.close()
    return Figure(
        value=quantile(loud, 0.99) / _NS_PER_MS,
        unit="ms sale p99",
        floor=quantile(calm, 0.99) / _NS_PER_MS,
        n=len(loud),
        goal=2.0,
        more={
            "p50_ms": statistics.median(loud) / _NS_PER_MS,
            "floor_p50_ms": statistics.median(calm) / _NS_PER_MS,
            "ratio_p50": statistics.median(loud) / statistics.median(calm),
            "scans": babbler.scans,
        },
    )


def _owe_a_receipt(shop: Shop) -> None:
    """Sell something at till 1, so that its printer has what it never prints."""
    shop.command("till-1", "add_item", code=gtin(2))
    shop.command("till-1", "take_cash", amount_minor=100_000)
