"""What a host says of what is plugged in, and what it is told of devices that it cannot run."""

from __future__ import annotations

from pathlib import Path

import pytest

from devices.host.device_finder import FolderFinder
from edge.contract.device_states import WantedDevice
from edge.runtime.memory_bus import MemoryBroker
from tests.devices.host_bench import HostBench, until
from tests.devices.plugged_in import PluggedIn

LINK = "serial:///dev/serial/by-id/usb-Symbol_X-if00"


@pytest.fixture
def machine(tmp_path: Path) -> PluggedIn:
    return PluggedIn(tmp_path / "machine")


@pytest.fixture
def bench(tmp_path: Path, machine: PluggedIn) -> HostBench:
    return HostBench(tmp_path / "devices.db", MemoryBroker(), finder=FolderFinder(machine.root))


def addresses(bench: HostBench) -> list[str] | None:
    info = bench.edge.info()
    return None if info is None else [device.address for device in info.found]


async def test_what_is_plugged_in_is_reported_until_it_is_adopted_or_pulled(
    bench: HostBench, machine: PluggedIn
) -> None:
    async with bench.running() as host:
        await host.look()
        await until(lambda: addresses(bench) == [])
        usb = machine.usb("1-1", "05e0:1701", product="Scanner")
        machine.serial(usb, "ttyACM0", "usb-Symbol_X-if00")
        await host.look()
        await until(lambda: addresses(bench) == [LINK])
        info = bench.edge.info()
        assert info is not None
        (found,) = info.found
        assert found.driver == "scanner_serial"
        assert "printer_escpos" in found.drivers
        # adopted under its other name, it is found no more; released, it is again
        await bench.edge.configure(
            WantedDevice("s-1", "scanner_serial", {"address": "serial:///dev/ttyACM0"})
        )
        await until(lambda: addresses(bench) == [])
        await bench.edge.configure()
        await until(lambda: addresses(bench) == [LINK])
        machine.pull(usb)
        await host.look()
        await until(lambda: addresses(bench) == [])
        assert bench.log_text.getvalue().count("device_found") == 2


async def test_a_look_that_sees_the_same_again_says_nothing(
    bench: HostBench, machine: PluggedIn
) -> None:
    machine.serial(machine.usb("1-1", "05e0:1701"), "ttyACM0", "usb-Symbol_X-if00")
    async with bench.running() as host:
        await host.look()
        await until(lambda: addresses(bench) == [LINK])
        said = len(bench.edge.seen)
        await host.look()
        await host.look()
        await bench.edge.configure()  # the same as before: nothing
        await until(lambda: len(bench.edge.seen) > said)
        assert [m.topic.rpartition("/")[2] for m in bench.edge.seen[said:]] == ["config"]


async def test_the_host_offers_its_drivers_at_its_birth(bench: HostBench) -> None:
    async with bench.running():
        info = await until(bench.edge.info)
        offers = {offer.name: offer for offer in info.drivers}
        assert offers["scanner_serial"].device_class == "scanner"
        assert [each.name for each in offers["scanner_serial"].settings if each.required] == [
            "address"
        ]
        assert "drawer" in offers["printer_escpos"].capabilities


async def test_why_a_device_cannot_run_is_said_by_device(bench: HostBench) -> None:
    async with bench.running():
        await bench.edge.configure(
            WantedDevice("a-1", "no_such"),
            WantedDevice("b-1", "scanner_serial", {"address": "usb:1"}),
        )
        info = await until(lambda: (i := bench.edge.info()) and i.unfit and i)
        assert [each.device for each in info.unfit] == ["a-1", "b-1"]
        assert "There is no driver 'no_such'" in info.unfit[0].words
        assert all(each.words in info.config_error for each in info.unfit)
        await bench.edge.configure()
        await until(lambda: (i := bench.edge.info()) and i.unfit == ())


async def test_a_host_runs_its_looks_by_the_clock_and_notices_by_itself(
    bench: HostBench, machine: PluggedIn
) -> None:
    machine.printer(machine.usb("1-1", "04b8:0e15", product="TM-T20II"), "lp0")
    async with bench.running() as host:
        looking = host._around.tasks.start("discovery", host.run_discovery)
        await until(lambda: addresses(bench) == ["usb:04b8:0e15"])
        looking.cancel()


async def test_why_the_network_is_not_searched_stands_in_the_report(tmp_path: Path) -> None:
    bench = HostBench(tmp_path / "devices.db", MemoryBroker(), network_trouble="No ears. Get some.")
    async with bench.running():
        await until(lambda: (i := bench.edge.info()) and i.network_trouble == "No ears. Get some.")
