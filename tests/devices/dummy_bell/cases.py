from __future__ import annotations

from devices import driver_catalogue
from devices.transports.memory_pipe import PipeVariant
from tests.devices.conformance import DriverBench


async def test_the_bell_rings() -> None:
    spec, simulator = (
        driver_catalogue.driver("dummy_bell"),
        driver_catalogue.simulator("dummy_bell"),
    )
    bench = DriverBench(spec, simulator, PipeVariant())
    async with bench.running():
        await bench.until_serving()
        await bench.simulator.ring()
        await bench.until(lambda: bool(bench.ports.events), 1, "ring")
    ((kind, data, _),) = bench.ports.events
    assert (kind, data.text) == ("scan", "bell")
