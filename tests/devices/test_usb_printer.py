"""A printer at its device file: host, driver, the kernel's file, and a simulated printer."""

from __future__ import annotations

import os
import pty
import tty
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from devices import driver_catalogue
from devices.driver import SimulatorPorts
from devices.simulators.printer_escpos.peer import PrinterPeer
from devices.transports.usb_printer import UsbPrinterStream
from edge.contract.device_messages import JobKind, JobStatus, PrintReceiptArgs
from edge.contract.device_states import WantedDevice
from edge.contract.receipt_document import ReceiptDocument, TextBlock
from edge.contract.wire import encode
from edge.runtime.memory_bus import MemoryBroker
from edge.runtime.supervisor import Supervisor
from tests.devices.host_bench import HostBench, until
from tests.devices.queue_desk import payload

DOCUMENT = ReceiptDocument("Receipt 1", (TextBlock("Corner Shop"), TextBlock("Tea 1.00")))


class Plug:
    """The place of `/dev/usb/lp0`: a pseudo-terminal that a simulated printer is plugged into."""

    def __init__(self, bench: HostBench, place: Path, driver: str) -> None:
        self._bench = bench
        self._driver = driver
        self.place = place
        spec = driver_catalogue.simulator(driver)
        printer = spec.build(spec.settings(), SimulatorPorts(bench.clock, bench.log))
        assert isinstance(printer, PrinterPeer)
        self.printer = printer

    @asynccontextmanager
    async def plugged_in(self) -> AsyncIterator[None]:
        theirs, ours = pty.openpty()
        tty.setraw(ours)
        os.set_blocking(theirs, False)
        self.place.symlink_to(os.ttyname(ours))
        stream = UsbPrinterStream(theirs, "the printer", self._bench.clock)
        async with Supervisor(self._bench.clock, self._bench.log, stop_s=1.0) as tasks:
            tasks.spawn("printer", self.printer.attend(stream))
            try:
                yield
            finally:
                self.place.unlink()
                await stream.close()
                os.close(ours)

    @property
    def wanted(self) -> WantedDevice:
        return WantedDevice("printer-1", self._driver, {"address": f"usb://{self.place}"})


def job(bench: HostBench, job_id: str) -> bytes:
    deadline = bench.clock.now_ms() + 60_000
    return payload(JobKind.PRINT_RECEIPT, job_id, deadline, args=PrintReceiptArgs(DOCUMENT))


@pytest.mark.parametrize("driver", ["printer_escpos", "printer_star"])
async def test_a_receipt_is_printed_with_evidence_and_the_printer_comes_back(
    tmp_path: Path, driver: str
) -> None:
    bench = HostBench(tmp_path / "devices.db", MemoryBroker())
    plug = Plug(bench, tmp_path / "lp0", driver)
    async with bench.running():
        async with plug.plugged_in():
            await bench.edge.configure(plug.wanted)
            await until(lambda: bench.edge.state_is("printer-1", "ready"))
            await bench.edge.send("printer-1", job(bench, "job-00001"))
            await until(lambda: len(plug.printer.receipts()) == 1)
            assert "Tea 1.00" in plug.printer.receipts()[0]
            done = await until(
                lambda: [
                    each
                    for each in bench.edge.results("printer-1")
                    if each.status is JobStatus.DONE
                ]
            )
            assert encode(done[0].result) == b'{"evidence":"confirmed"}'
        await until(lambda: bench.edge.state_is("printer-1", "lost"))
        state = bench.edge.state("printer-1")
        assert state is not None
        assert "plugged in" in state.advice
        async with plug.plugged_in():
            await until(lambda: bench.edge.state_is("printer-1", "ready"))
            await bench.edge.send("printer-1", job(bench, "job-00002"))
            await until(lambda: len(plug.printer.receipts()) == 2)
