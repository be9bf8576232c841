"""A printer breaks and the shop has another make: it is plugged in, named, and serves the till."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

from devices.driver import SimulatorPorts
from devices.simulators.printer_star import (
    SIMULATOR,
    SimulatedStarPrinter,
    SimulatedStarPrinterSettings,
)
from edge.runtime.structured_log import open_log
from tests.devices.test_hotplug import CLOCK, PrinterOnCable, counter, printer_on_cable
from tests.flows.fake_host import until


def star_on_cable() -> PrinterOnCable:
    ports = SimulatorPorts(CLOCK, open_log("printer", StringIO()))
    made = SIMULATOR.build(SimulatedStarPrinterSettings(network_card=True), ports)
    assert isinstance(made, SimulatedStarPrinter)
    return PrinterOnCable(made)


async def test_a_star_printer_takes_the_roles_of_another_make_by_its_address_alone(
    tmp_path: Path,
) -> None:
    broken, new = printer_on_cable(), star_on_cable()
    await broken.plug_in()
    async with counter(tmp_path) as on:
        try:
            device = await on.adopt(
                "printer_escpos", "till-2", ["printer", "drawer"], f"tcp://127.0.0.1:{broken.port}"
            )
            await until(lambda: on.serves("till-2", "printer"), what="it serves its till")
            await broken.pull()
            await until(lambda: on.state(device) == "lost", what="it is lost", seconds=20)
            await new.plug_in()
            status, answer = await on.box.call(
                "POST",
                f"/api/v1/technician/devices/{device}/replacement",
                {
                    "command_id": "wish-000100",
                    "host": "box",
                    "driver": "printer_star",
                    "settings": {"address": f"tcp://127.0.0.1:{new.port}"},
                },
            )
            assert (status, answer) == (200, {"device": device})
            await until(lambda: on.serves("till-2", "printer"), what="it is served", seconds=30)
            assert on.serves("till-2", "drawer")
            status, body = await on.test(device, "test_page")
            assert (status, body["outcome"]) == (200, "done")
            assert "TEST PAGE" in str(new.printer.receipts())
            assert broken.printer.receipts() == []
            card = next(each for each in (await on.wall())["devices"] if each["id"] == device)
            assert card["driver"] == "printer_star"
        finally:
            await broken.pull()
            await new.pull()
