from __future__ import annotations

from dataclasses import replace

import pytest
from typing_extensions import override

from devices import driver_catalogue
from devices.driver import DeviceJob, DriverSpec
from devices.drivers.scanner_serial import DRIVER, ScannerSerial, ScannerSerialSettings
from devices.protocols.escpos_encoder import EscposEncoder
from devices.simulators.scanner_serial import SIMULATOR
from devices.transports.byte_stream import ByteStream
from devices.transports.memory_pipe import PipeVariant
from edge.contract.device_messages import JobResult
from edge.contract.errors import SettingsInvalid
from tests.devices import conformance
from tests.devices.conformance import CHECKS, VARIANTS, Check, DriverBench

EscposEncoder.load()  # the clock must not jump while a thread imports

NAMES = driver_catalogue.driver_names()


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
@pytest.mark.parametrize("name", NAMES)
async def test_a_driver_keeps_its_promises(name: str, variant: PipeVariant, check: Check) -> None:
    await check(
        DriverBench(driver_catalogue.driver(name), driver_catalogue.simulator(name), variant)
    )


def test_every_driver_has_its_simulator_and_its_example_can_be_used() -> None:
    assert driver_catalogue.simulator_names() == NAMES
    for name in NAMES:
        spec = driver_catalogue.driver(name)
        assert isinstance(spec.example, spec.settings)
        assert spec.job_kinds


@pytest.mark.parametrize("find", [driver_catalogue.driver, driver_catalogue.simulator])
def test_an_unknown_name_is_answered_with_those_there_are(find: object) -> None:
    assert callable(find)
    with pytest.raises(SettingsInvalid, match="scanner_serial"):
        find("../scanner")


# --- the checks see faults ---------------------------------------------------------------


class DiesOfGarbage(ScannerSerial):
    @override
    async def serve(self, stream: ByteStream) -> None:
        self.ready()
        while data := await stream.read(100):
            data.decode("ascii")


class NeverReady(ScannerSerial):
    @override
    async def serve(self, stream: ByteStream) -> None:
        while await stream.read(100):
            pass


class IgnoresTheCut(ScannerSerial):
    @override
    async def run(self) -> None:
        self._live.clear()
        stream = await self.ports.connect()
        self._stream = stream
        self._life.move(self._life.state.CONNECTING)
        self.ports.report(state="connecting")
        self.ready()
        try:
            await self.ports.clock.sleep(10**9)
        finally:
            self._life.move(self._life.state.STOPPED)
            self.ports.report(state="stopped")


class FailsItsJobs(ScannerSerial):
    @override
    async def perform(self, job: DeviceJob) -> JobResult:
        raise RuntimeError(job.id)


class SkipsStates(ScannerSerial):
    @override
    def ready(self, **changes: str) -> None:
        self.ports.report(state="configured")
        super().ready(**changes)


def planted(driver: type[ScannerSerial]) -> DriverSpec[ScannerSerialSettings]:
    return replace(DRIVER, build=driver)


@pytest.mark.parametrize(
    ("driver", "check"),
    [
        (DiesOfGarbage, conformance.survives_garbage),
        (NeverReady, conformance.opens),
        (IgnoresTheCut, conformance.comes_back_after_a_cut),
        (FailsItsJobs, conformance.answers_each_job_once),
        (SkipsStates, conformance.opens),
    ],
)
async def test_a_planted_fault_is_seen(driver: type[ScannerSerial], check: Check) -> None:
    with pytest.raises(AssertionError):
        await check(DriverBench(planted(driver), SIMULATOR, PipeVariant()))
