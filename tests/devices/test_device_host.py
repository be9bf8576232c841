from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from devices.host.device_host import DeviceHost
from edge.contract.device_messages import BarcodeScanned, DeviceEvent, Job, JobKind, JobStatus
from edge.contract.device_states import (
    OFFLINE,
    ONLINE,
    DeviceMeta,
    DeviceStatistics,
    HostConfig,
    WantedDevice,
)
from edge.contract.instant import Clock
from edge.contract.limits import (
    MQTT_PAYLOAD_BYTES_MAX,
)
from edge.runtime.bus import BusMessage
from edge.runtime.memory_bus import MemoryBroker
from edge.runtime.system_clock import SystemClock
from tests.devices.host_bench import TOPICS, HostBench, ScannerOnTcp, until
from tests.devices.queue_desk import payload

SCANNER = TOPICS.device("scanner-1")
EAN = "9521234567892"


def job(job_id: str = "job-00001", kind: JobKind = JobKind.CHECK_HEALTH) -> bytes:
    return payload(kind, job_id, SystemClock().now_ms() + 30_000)


@pytest.fixture
async def scanner() -> AsyncIterator[ScannerOnTcp]:
    made = ScannerOnTcp(SystemClock())
    await made.open()
    yield made
    await made.close()


@pytest.fixture
def bench(tmp_path: Path) -> HostBench:
    return HostBench(tmp_path / "devices.db", MemoryBroker())


async def ready(bench: HostBench, scanner: ScannerOnTcp) -> None:
    await bench.edge.configure(scanner.wanted())
    await until(lambda: bench.edge.state_is("scanner-1", "ready"))
    await until(lambda: scanner.simulator._stream is not None)


async def test_a_wanted_device_is_born_and_its_scan_reaches_edge(
    bench: HostBench, scanner: ScannerOnTcp
) -> None:
    async with bench.running() as host:
        await ready(bench, scanner)
        assert host.devices == ("scanner-1",)
        assert bench.edge.last(TOPICS.availability) == ONLINE
        assert bench.edge.last(SCANNER.availability) == ONLINE
        meta = msgspec.json.decode(bench.edge.last(SCANNER.meta) or b"", type=DeviceMeta)
        assert (meta.device_class, meta.driver) == ("scanner", "scanner_serial")
        before = SystemClock().now_ms()
        await scanner.simulator.scan(EAN)
        await scanner.simulator.scan(EAN)
        await until(lambda: len(bench.edge.all(SCANNER.event("scan"))) == 2)
        first, second = (
            msgspec.json.decode(raw, type=DeviceEvent)
            for raw in bench.edge.all(SCANNER.event("scan"))
        )
        assert msgspec.json.decode(first.data, type=BarcodeScanned) == BarcodeScanned(EAN)
        assert first.id != second.id
        assert (first.seq, second.seq) == (1, 2)
        assert first.expires_at == first.ts + 5_000
        assert before <= first.ts
    assert bench.edge.last(TOPICS.availability) in (ONLINE, OFFLINE)


async def test_a_clean_stop_says_goodbye(bench: HostBench, scanner: ScannerOnTcp) -> None:
    async with bench.running():
        await ready(bench, scanner)
        seen = bench.edge
    retained = {topic: m.payload for topic, m in bench.broker._retained.items()}
    assert retained[TOPICS.availability] == OFFLINE
    assert b'"stopped"' in retained[SCANNER.state]
    assert seen is bench.edge


async def test_only_what_changed_is_restarted(bench: HostBench, scanner: ScannerOnTcp) -> None:
    async with bench.running() as host:
        other = scanner.wanted("scanner-2")
        await bench.edge.configure(scanner.wanted(), other)
        await until(lambda: bench.edge.state_is("scanner-1", "ready"))
        await until(lambda: bench.edge.state_is("scanner-2", "ready"))
        boots = {name: bench.edge.state(name) for name in host.devices}
        await bench.edge.configure(scanner.wanted(aim=False), other)
        await until(
            lambda: (
                (now := bench.edge.state("scanner-1"))
                and boots["scanner-1"]
                and now.boot != boots["scanner-1"].boot
                and now.state == "ready"
            )
        )
        assert bench.edge.state("scanner-2") == boots["scanner-2"]
        await bench.edge.configure(other)
        await until(lambda: bench.edge.last(SCANNER.availability) == OFFLINE)
        assert host.devices == ("scanner-2",)
        assert bench.edge.state_is("scanner-1", "stopped")
        await bench.edge.configure()
        await until(lambda: host.devices == ())


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (WantedDevice("x-1", "no_such"), "There is no driver 'no_such'. Choose one of:"),
        (WantedDevice("x-1", "scanner_serial"), "missing required field `address`"),
        (WantedDevice("x-1", "scanner_serial", {"address": 7}), "Expected `str`, got `int`"),
        (WantedDevice("x-1", "scanner_serial", {"adress": "x"}), "It takes: address, prefix"),
        (WantedDevice("x-1", "scanner_serial", {"address": "usb:1"}), "no printer at USB"),
        (WantedDevice("scanner-1", "scanner_serial", {}), "scanner-1 stands in it twice"),
    ],
)
async def test_a_bad_device_is_told_in_words_and_the_good_ones_run_on(
    bench: HostBench, scanner: ScannerOnTcp, wanted: WantedDevice, words: str
) -> None:
    async with bench.running() as host:
        await ready(bench, scanner)
        boot = bench.edge.state("scanner-1")
        await bench.edge.configure(scanner.wanted(), wanted)
        info = await until(lambda: (i := bench.edge.info()) and i.config_error and i)
        assert wanted.id in info.config_error
        assert words in info.config_error
        assert bench.edge.state("scanner-1") == boot
        assert host.devices == ("scanner-1",)
        await bench.edge.configure(scanner.wanted())
        await until(lambda: (i := bench.edge.info()) and not i.config_error)


async def test_settings_that_became_bad_leave_the_device_as_it_ran(
    bench: HostBench, scanner: ScannerOnTcp
) -> None:
    async with bench.running() as host:
        await ready(bench, scanner)
        await bench.edge.configure(scanner.wanted(aim="perhaps"))
        await until(lambda: (i := bench.edge.info()) and i.config_error)
        assert host.devices == ("scanner-1",)
        assert bench.edge.state_is("scanner-1", "ready")


@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b"[]",
        b'{"devices": 7}',
        b'{"devices": [], "devices": []}',
        b'{"devices": [{"id": "Not An Id", "driver": "scanner_serial"}]}',
        b'{"devices": [], "v": 2}',
        b"\xff\xfe",
        b"[" * 50_000,
        msgspec.json.encode(
            HostConfig(tuple(WantedDevice(f"d-{n}", "scanner_serial") for n in range(65)))
        ),
    ],
)
async def test_a_garbled_configuration_changes_nothing(
    bench: HostBench, scanner: ScannerOnTcp, raw: bytes
) -> None:
    async with bench.running() as host:
        await ready(bench, scanner)
        await bench.edge.configure_raw(raw)
        await until(lambda: (i := bench.edge.info()) and i.config_error)
        assert host.devices == ("scanner-1",)


async def test_a_cleared_configuration_changes_nothing(
    bench: HostBench, scanner: ScannerOnTcp
) -> None:
    async with bench.running() as host:
        await ready(bench, scanner)
        await bench.edge.configure_raw(b"")
        await bench.edge.send("scanner-1", job())
        await until(lambda: bench.edge.results("scanner-1"))
        assert host.devices == ("scanner-1",)


async def test_a_job_is_answered_and_a_repeat_gets_the_same(
    bench: HostBench, scanner: ScannerOnTcp
) -> None:
    async with bench.running():
        await ready(bench, scanner)
        await bench.edge.send("scanner-1", job())
        (result,) = await until(lambda: bench.edge.results("scanner-1"))
        assert (result.id, result.status) == ("job-00001", JobStatus.DONE)
        assert result.correlation == "c-job-00001"
        assert result.result == {"health": "connected"}
        await bench.edge.send("scanner-1", job("job-00002", JobKind.KICK_DRAWER))
        await until(lambda: len(bench.edge.results("scanner-1")) == 2)
        refused = bench.edge.results("scanner-1")[1]
        assert refused.status is JobStatus.FAILED
        assert refused.error is not None
        assert refused.error.code == "kind_unknown"


async def test_foreign_garbled_and_retained_messages_are_counted_and_dropped(
    bench: HostBench, scanner: ScannerOnTcp
) -> None:
    async with bench.running() as host:
        await ready(bench, scanner)
        for topic, data, retained in (
            ("tillbox/v2/store-1/host/host-1/dev/scanner-1/job", job(), False),
            ("tillbox/v1/store-2/host/host-1/dev/scanner-1/job", job(), False),
            ("tillbox/v1/store-1/host/host-2/dev/scanner-1/job", job(), False),
            (SCANNER.state, b"{}", False),
            (SCANNER.job, b"no job", False),
            (SCANNER.job, b" " * (MQTT_PAYLOAD_BYTES_MAX + 1), False),
            (SCANNER.job, job(), True),
        ):
            await host.take(BusMessage(topic, data, retained))
        assert host.counts == {
            "foreign": 4, "garbled": 2, "retained_job": 1, "no_such_device": 0,
        }  # fmt: skip
        assert bench.edge.results("scanner-1") == []
        assert bench.log_text.getvalue().count("message_dropped") == 3  # once for each reason


async def test_a_job_for_nobody_is_answered_for_certain(
    bench: HostBench, scanner: ScannerOnTcp
) -> None:
    async with bench.running():
        await ready(bench, scanner)
        await bench.edge.send("printer-9", job())
        (result,) = await until(lambda: bench.edge.results("printer-9"))
        assert result.status is JobStatus.FAILED
        assert result.error is not None
        assert result.error.code == "device_not_configured"


async def test_jobs_on_record_are_answered_even_when_their_device_is_gone(
    bench: HostBench, scanner: ScannerOnTcp
) -> None:
    async with bench.running() as host:
        journal = host._journal
        await journal.begin("job-00007", "printer-9", JobKind.PRINT_RECEIPT)
        await bench.edge.send("printer-9", job("job-00007", JobKind.PRINT_RECEIPT))
        (result,) = await until(lambda: bench.edge.results("printer-9"))
        assert result.status is JobStatus.UNKNOWN
    bench.edge.seen.clear()
    again = HostBench(bench.database, bench.broker)
    async with again.running():
        (told,) = await until(lambda: again.edge.results("printer-9"))  # at birth, unasked
        assert (told.id, told.status) == ("job-00007", JobStatus.UNKNOWN)
        await again.edge.send("printer-9", job("job-00007", JobKind.PRINT_RECEIPT))
        await until(lambda: len(again.edge.results("printer-9")) == 2)
        assert again.edge.results("printer-9")[1].error == told.error


async def test_each_connection_is_a_birth(bench: HostBench, scanner: ScannerOnTcp) -> None:
    async with bench.running() as host:
        await ready(bench, scanner)
        boot = bench.edge.state("scanner-1")
        bench.edge.seen.clear()
        bench.broker.drop("host-1")
        await until(lambda: bench.edge.last(TOPICS.availability) == ONLINE)
        assert bench.edge.all(TOPICS.availability)[0] == OFFLINE  # the last will
        await until(lambda: bench.edge.last(SCANNER.state) is not None)
        assert bench.edge.state("scanner-1") == boot  # told again, not restarted
        assert bench.edge.last(SCANNER.availability) == ONLINE
        assert bench.edge.last(SCANNER.meta) is not None
        assert bench.edge.info() is not None
        assert host.devices == ("scanner-1",)


async def test_results_wait_for_the_broker_and_old_scans_do_not(
    tmp_path: Path, scanner: ScannerOnTcp
) -> None:
    class SteppingClock(SystemClock):
        step_ms = 0

        def now_ms(self) -> int:
            return super().now_ms() + self.step_ms

    clock = SteppingClock()
    bench = HostBench(tmp_path / "devices.db", MemoryBroker(), clock)
    async with bench.running() as host:
        await ready(bench, scanner)
        device = host._devices["scanner-1"]
        bench.broker.stop()
        host._devices["scanner-1"].take(_decoded(job()))
        await until(lambda: device.outbox._results)
        await scanner.simulator.scan(EAN)
        await until(lambda: device.outbox._events)
        clock.step_ms = 5_001
        bench.broker.start()
        (result,) = await until(lambda: bench.edge.results("scanner-1"))
        assert result.status is JobStatus.DONE
        assert device.outbox.dropped_events == 1
        assert bench.edge.all(SCANNER.event("scan")) == []
        clock.step_ms = 0
        await scanner.simulator.scan(EAN)
        await until(lambda: bench.edge.all(SCANNER.event("scan")))


def _decoded(raw: bytes) -> Job:
    return msgspec.json.decode(raw, type=Job)


async def test_statistics_are_published_when_they_change(
    tmp_path: Path, scanner: ScannerOnTcp
) -> None:
    class MinuteBell(SystemClock):
        """Sleeps of a minute end when the test rings."""

        def __init__(self) -> None:
            self.ring = asyncio.Event()

        async def sleep(self, seconds: float) -> None:
            if seconds < 60:
                await super().sleep(seconds)
                return
            await self.ring.wait()
            self.ring.clear()

    clock: Clock = MinuteBell()
    assert isinstance(clock, MinuteBell)
    bench = HostBench(tmp_path / "devices.db", MemoryBroker(), clock)
    async with bench.running():
        await ready(bench, scanner)
        await scanner.simulator.scan(EAN)
        await scanner.simulator.type_bytes(b"\x00\r")
        await bench.edge.send("scanner-1", job("job-00001", JobKind.KICK_DRAWER))
        await until(lambda: bench.edge.results("scanner-1"))
        await until(lambda: bench.edge.all(SCANNER.event("scan")))
        clock.ring.set()
        raw = await until(lambda: bench.edge.last(SCANNER.stats))
        counts = msgspec.json.decode(raw, type=DeviceStatistics).counts
        assert counts == {"GoodScanCount": 1, "ScanErrorCount": 1, "Refused.kind_unknown": 1}
        clock.ring.set()
        await until(lambda: not clock.ring.is_set())
        bench.broker.stop()
        await scanner.simulator.scan(EAN)
        clock.ring.set()
        await until(lambda: not clock.ring.is_set())
        assert len(bench.edge.all(SCANNER.stats)) == 1


async def test_a_host_that_comes_back_takes_up_its_retained_configuration(
    bench: HostBench, scanner: ScannerOnTcp
) -> None:
    async with bench.running():
        await ready(bench, scanner)
    again = HostBench(bench.database, bench.broker)
    async with again.running() as host:
        await until(lambda: host.devices == ("scanner-1",))
        await until(lambda: again.edge.state_is("scanner-1", "ready"))


async def test_after_the_goodbye_nothing_is_taken(bench: HostBench) -> None:
    held: DeviceHost | None = None
    async with bench.running() as host:
        held = host
    assert held is not None
    assert held.devices == ()
