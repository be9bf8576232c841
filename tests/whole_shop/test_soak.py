"""Twenty busy devices on one host for minutes: nothing lost, nothing doubled, no growth.

`make soak` takes ten minutes, a check thirty seconds (`TILLBOX_SOAK_S`). Each device says fifty
messages a second (`busy_counter`); `tillbox devices` and the broker are the real processes.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

import pytest

from edge.runtime.broker_passwords import password_file
from edge.runtime.mqtt_bus import MqttBus, MqttSettings
from edge.runtime.structured_log import Log, open_log
from edge.runtime.supervisor import Supervisor
from edge.runtime.system_clock import SystemClock
from tests.bench.processes import Program, cpu_s, pss_kib, python
from tests.bench.shop import until_listening
from tests.brokers import STORE, USERS, Mosquitto, find_free_port, write_password
from tests.devices.host_bench import until
from tests.whole_shop.busy_counter import DEVICES, HOST, PER_S, BusyCounter

SOAK_S: Final = float(os.environ.get("TILLBOX_SOAK_S", "30"))
EMBEDDED_S: Final = min(SOAK_S, 15.0)
"""The embedded broker is for the demo: it must lose nothing, and need not do so for hours."""
LAST_WORDS_S: Final = 20.0
FULL_S: Final = 60.0
"""By then every flight recorder is full: what grows later is a leak."""
GROWTH_KIB_MAX: Final = 1_024
"""Of the host once its recorders are full."""
FILLING_KIB_MAX: Final = 6_144
"""Of the host while they fill: 64 KiB each as accounted, more as Python keeps them."""
SAMPLES: Final = 60

pytestmark = [
    pytest.mark.whole_shop,
    pytest.mark.timeout(int(SOAK_S) + 120),
]


@dataclass
class Embedded:
    """The broker that comes with Tillbox, in a process of its own."""

    folder: Path
    port: int = 0
    protocol: str = "3.1.1"
    program: Program | None = None

    @property
    def process(self) -> subprocess.Popen[bytes] | None:
        return None if self.program is None else self.program.process

    def password_file(self, user: str) -> Path:
        return write_password(self.folder, user, USERS[user])

    def start(self) -> None:
        self.port = find_free_port()
        passwords = self.folder / "passwords"
        passwords.write_bytes(password_file(USERS))
        passwords.chmod(0o600)
        config = self.folder / "broker.toml"
        config.write_text(f'store = "{STORE}"\npassword_file = "{passwords}"\nport = {self.port}\n')
        words = python("edge.cli", "broker", "--config", str(config))
        self.program = Program("broker", words, self.folder / "broker.log")
        self.program.start()
        until_listening(self.port)

    def stop(self) -> None:
        if self.program is not None:
            self.program.stop()


SomeBroker = Mosquitto | Embedded


@pytest.fixture(params=[pytest.param("mosquitto", marks=pytest.mark.mosquitto), "embedded"])
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SomeBroker]:
    if request.param == "mosquitto":
        yield request.getfixturevalue("mosquitto")
        return
    made = Embedded(tmp_path)
    made.start()
    yield made
    made.stop()


@asynccontextmanager
async def edge_side(
    broker: SomeBroker, counter: BusyCounter, log: Log
) -> AsyncIterator[tuple[MqttBus, asyncio.Task[None]]]:
    """Be edge on the broker; the task listens."""
    settings = MqttSettings(
        user="edge",
        password_file=broker.password_file("edge"),
        port=broker.port,
        protocol=broker.protocol,
    )
    bus = MqttBus(settings, None, counter.clock, log)
    async with Supervisor(counter.clock, log, stop_s=3.0) as tasks:
        listening = tasks.start("edge", lambda: counter.listen(bus, STORE), restart=False)
        _ = tasks.start("edge's bus", bus.run)
        await until(lambda: bus.connected)
        yield bus, listening


def host(folder: Path, broker: SomeBroker) -> Program:
    config = folder / "devices.toml"
    config.write_text(
        f'store = "{STORE}"\nhost = "{HOST}"\ndatabase = "devices.db"\n[broker]\nuser = "{HOST}"\n'
        f'password_file = "{broker.password_file(HOST)}"\nport = {broker.port}\n'
        f'protocol = "{broker.protocol}"\n'
    )
    words = python("edge.cli", "devices", "--config", str(config))
    return Program("devices", words, folder / "devices.log")


async def test_nothing_is_lost_and_nothing_grows(tmp_path: Path, broker: SomeBroker) -> None:
    clock, log_text = SystemClock(), io.StringIO()
    seconds = SOAK_S if isinstance(broker, Mosquitto) else EMBEDDED_S
    counter = BusyCounter(clock)
    program = host(tmp_path, broker)
    async with (
        counter.open() as wanted,
        edge_side(broker, counter, open_log("test", log_text)) as (bus, listening),
    ):
        await counter.wish(bus, STORE, wanted)
        program.start()
        try:
            await until(lambda: counter.all_ready, within_s=30)
            assert broker.process is not None
            pids = {"devices": program.pid, "broker": broker.process.pid, "test": os.getpid()}
            busy = {name: cpu_s(pid) for name, pid in pids.items()}
            before = {device.name: device.messages for device in counter.devices.values()}
            sizes: list[tuple[float, int]] = []
            measuring = asyncio.create_task(measure(program.pid, seconds, sizes))
            await counter.be_busy(bus, STORE, seconds)
            measuring.cancel()
            busy = {name: 100 * (cpu_s(pid) - busy[name]) / seconds for name, pid in pids.items()}
            under_way = counter.under_way
            with contextlib.suppress(TimeoutError):  # what is missing then is told below
                await until(lambda: counter.all_heard, within_s=LAST_WORDS_S)
            await asyncio.sleep(0.5)  # what comes twice would come now
            said = {
                device.name: device.messages - before[device.name]
                for device in counter.devices.values()
            }
            assert not listening.done(), listening
        finally:
            process = program.process
            program.stop()
    grew, where, bound = growth(sizes, seconds)
    report(counter, said, busy, seconds)
    print(
        f"{under_way} messages were under way at the end\n"
        f"PSS of devices: {sizes[0][1]} KiB at first, {sizes[-1][1]} KiB at last; {grew:+.0f} KiB "
        f"{where} (bound {bound})"
    )
    assert counter.wrongs() == []
    assert not [words for words in log_text.getvalue().splitlines() if "dropped" in words]
    assert process is not None
    assert process.returncode == 0
    quiet = {name: count for name, count in said.items() if count < 0.99 * seconds * PER_S}
    assert not quiet, f"said less than {PER_S} messages a second: {quiet}"
    assert grew <= bound
    written = program.log.read_text()
    assert "Traceback" not in written
    assert '"level":"error"' not in written
    assert "device_babbles" not in written, "fifty a second is held back"


def report(
    counter: BusyCounter, said: dict[str, int], busy: dict[str, float], seconds: float
) -> None:
    shares = ", ".join(f"{name} {share:.1f} %" for name, share in busy.items())
    print(
        f"\nsoak: {sum(said.values())} messages of {DEVICES} devices in {seconds:.0f} s, "
        f"{min(said.values()) / seconds:.1f} to {max(said.values()) / seconds:.1f} a second each\n"
        f"CPU of one core: {shares}"
    )
    ends: Counter[str] = Counter()
    for device in counter.devices.values():
        ends.update(device.ends)
    scans = sum(device.heard for device in counter.devices.values())
    print(f"{scans} scans; {', '.join(f'{count} {end}' for end, count in sorted(ends.items()))}")


async def measure(pid: int, seconds: float, sizes: list[tuple[float, int]]) -> None:
    """Note the size of a process now and then, with when that was."""
    begun = asyncio.get_running_loop().time()
    while True:
        sizes.append((asyncio.get_running_loop().time() - begun, pss_kib(pid)))
        await asyncio.sleep(seconds / SAMPLES)


def growth(sizes: list[tuple[float, int]], seconds: float) -> tuple[float, str, int]:
    """Return by how many KiB it grew, over which time in words, and how many are allowed.

    The medians of the first and the last fifth of that time are compared.
    """
    long = seconds >= 2 * FULL_S
    begin = FULL_S if long else seconds * 0.2
    looked_at = [size for at, size in sizes if at >= begin]
    fifth = max(1, len(looked_at) // 5)
    grew = median(looked_at[-fifth:]) - median(looked_at[:fifth])
    if long:
        return grew, "once the flight recorders were full", GROWTH_KIB_MAX
    return grew, "while the flight recorders fill", FILLING_KIB_MAX
