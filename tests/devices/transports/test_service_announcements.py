"""The listener against printers and liars of another make, on loopback alone."""

from __future__ import annotations

import asyncio
import io
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from ipaddress import IPv4Interface

import pytest

from devices.transports.network_interfaces import NetworkInterfaces
from devices.transports.service_announcements import Announcement, ServiceListener
from edge.contract.device_limits import NETWORK_RECORDS_MAX, NETWORK_SERVICES_MAX
from edge.contract.instant import Clock
from edge.runtime.structured_log import open_log
from edge.runtime.system_clock import SystemClock
from tests.devices.host_bench import until
from tests.devices.simulated_network import Service, SimulatedNetwork, alone_on_loopback, answer

pytest.importorskip("zeroconf", reason="tillbox[discovery] is not installed")

RAW, IPP = "_pdl-datastream._tcp", "_ipp._tcp"
TM = Service(
    RAW, b"EPSON TM-m30II (8F2A01)", "127.0.0.7", 9100,
    (b"txtvers=1", b"ty=EPSON TM-m30II", b"usb_MFG=EPSON"), b"TM-m30II-8F2A01",
)  # fmt: skip


class HurriedClock(SystemClock):
    """Real time, but who would sleep for long does so briefly: sockets are at work meanwhile."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(min(seconds, 0.05))


class Ears:
    """A running listener, and what it said."""

    def __init__(self, kinds: tuple[str, ...] = (RAW, IPP), clock: Clock | None = None) -> None:
        self.news = 0
        self.log_text = io.StringIO()
        self.clock = clock or HurriedClock()
        self.interfaces = NetworkInterfaces(["127.0.0.1"])
        log = open_log("test", self.log_text)
        self.listener = ServiceListener(kinds, self.interfaces, self.clock, log)

    def tell(self) -> None:
        self.news += 1

    def heard(self) -> list[tuple[str, str, int]]:
        return [(each.name, each.address, each.port) for each in self.listener.heard()]


@pytest.fixture(autouse=True)
def lock() -> Iterator[None]:
    with alone_on_loopback():
        yield


@pytest.fixture
async def network() -> AsyncIterator[SimulatedNetwork]:
    made = SimulatedNetwork()
    made.open()
    yield made
    made.close()


@pytest.fixture
async def ears(network: SimulatedNetwork) -> AsyncIterator[Ears]:
    made = Ears()
    task = asyncio.create_task(made.listener.run(made.tell))
    # both kinds were asked for: the library listens
    await until(lambda: {f"{RAW}.local. PTR", f"{IPP}.local. PTR"} <= set(network.asked))
    yield made
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled(), task


async def test_a_printer_that_is_there_answers_and_is_heard(network: SimulatedNetwork) -> None:
    network.services.append(TM)
    ears = Ears()
    task = asyncio.create_task(ears.listener.run(ears.tell))
    (heard,) = await until(ears.listener.heard)
    assert heard == Announcement(
        RAW,
        "EPSON TM-m30II (8F2A01)",
        "tm-m30ii-8f2a01.local",
        "127.0.0.7",
        9100,
        b"\x09txtvers=1\x11ty=EPSON TM-m30II\x0dusb_MFG=EPSON",
    )
    assert ears.news == 1
    task.cancel()


async def test_one_that_is_switched_on_announces_itself_and_says_goodbye(
    ears: Ears, network: SimulatedNetwork
) -> None:
    network.announce(TM)
    await until(lambda: ears.heard() == [("EPSON TM-m30II (8F2A01)", "127.0.0.7", 9100)])
    network.goodbye(TM)
    await until(lambda: ears.heard() == [])
    assert ears.news == 2


async def test_what_was_not_told_at_once_is_asked_for(
    ears: Ears, network: SimulatedNetwork
) -> None:
    shy = Service(RAW, b"Shy", "127.0.0.8", host=b"shy", records="")
    network.services.append(shy)
    network.announce(shy)
    await until(lambda: ears.heard() == [("Shy", "127.0.0.8", 9100)])
    assert any(each.startswith("Shy.") for each in network.asked)


async def test_another_address_and_another_text_take_the_place_of_the_old(
    ears: Ears, network: SimulatedNetwork
) -> None:
    network.announce(TM)
    await until(ears.heard)
    await asyncio.sleep(1.1)  # RFC 6762, 10.2: what is younger than a second is not flushed
    moved = Service(RAW, TM.name, "127.0.0.70", 9100, (b"ty=Other",), TM.host)
    network.announce(moved)
    await until(lambda: ears.heard() == [("EPSON TM-m30II (8F2A01)", "127.0.0.70", 9100)])
    assert ears.listener.heard()[0].text == b"\x08ty=Other"


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "192.0.2.7", "10.0.0.1", "224.0.0.251", "0.0.0.0",  # noqa: S104 - announced
     "127.0.0.1", "127.0.0.0", "127.255.255.255", "255.255.255.255", "169.254.1.1"],
)  # fmt: skip
async def test_an_address_that_cannot_be_a_neighbour_is_not_shown(
    ears: Ears, network: SimulatedNetwork, address: str
) -> None:
    network.announce(Service(RAW, b"Liar", address, host=b"liar"))
    network.announce(TM)
    await until(lambda: ears.heard() == [("EPSON TM-m30II (8F2A01)", "127.0.0.7", 9100)])


async def test_of_a_liar_s_addresses_the_neighbour_counts(
    ears: Ears, network: SimulatedNetwork
) -> None:
    far = Service(RAW, b"Two", "203.0.113.9", host=b"two")
    near = Service(RAW, b"Two", "127.0.0.9", host=b"two")
    network.say(
        answer([far.record(kind, 120) for kind in ("PTR", "SRV", "A")] + [near.record("A", 120)])
    )
    await until(lambda: ears.heard() == [("Two", "127.0.0.9", 9100)])


async def test_names_with_control_characters_and_ruins_are_heard_and_stop_nothing(
    ears: Ears, network: SimulatedNetwork
) -> None:
    names = [
        b"\x1b[2J\x00\x07bell",
        b"B\xfcro \xff\xfe",
        b"A" * 63,
        "\u202edrawkcab".encode(),
        b"a.b.c",
    ]
    for number, name in enumerate(names):
        network.announce(Service(RAW, name, f"127.0.1.{number + 1}", host=b"h%d" % number))
    await until(lambda: len(ears.heard()) == len(names))
    assert ears.heard()[0][0] == "\x1b[2J\x00\x07bell"  # cleaned by who shows it


@pytest.mark.parametrize("records", ["", "SRV", "SRV TXT"])
async def test_names_that_cannot_be_asked_about_stop_nothing(
    ears: Ears, network: SimulatedNetwork, records: str
) -> None:
    names = [
        b"\x1b\x00",
        b"\xff" * 63,
        b"." * 63,
        b"_sub",
        b"_tcp",
        b" ",
        b"--",
        b"a" * 63,
        b"\xc3",
    ]
    for name in names:
        network.announce(Service(RAW, name, "127.0.0.9", host=b"ok", records=records))
        network.announce(Service(RAW, b"Ok " + name[:9], "127.0.0.9", host=name, records=records))
    await asyncio.sleep(0.3)  # all were asked about as far as that can be done
    network.asked.clear()
    network.services.append(TM)  # does not speak by itself
    await until(lambda: TM.name.decode() in {each[0] for each in ears.heard()})
    assert f"{RAW}.local. PTR" in network.asked  # the library's own questions go on
    assert ears.log_text.getvalue().count("network_name_unusable") == 1
    assert "network_not_heard" not in ears.log_text.getvalue()


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"\x00" * 11,
        b"\x00\x00\x84\x00" + b"\xff" * 8,  # 65,535 of everything
        b"\x00\x00\x84\x00\x00\x00\x00\x01\x00\x00\x00\x00\xc0\x0c" + bytes(10),  # points at itself
        b"\x00\x00\x84\x00\x00\x00\x00\x01\x00\x00\x00\x00\xff" + b"A" * 255 + bytes(11),
        b"\x00\x00\x84\x00\x00\x00\x00\x01\x00\x00\x00\x00" + b"\x3f" * 4_000,
        bytes(60_000),
    ],
)
async def test_a_packet_that_is_none_stops_nothing(
    ears: Ears, network: SimulatedNetwork, packet: bytes
) -> None:
    network.say(packet)
    network.announce(TM)
    await until(ears.heard)


async def test_a_text_of_64_kilobytes_never_arrives_and_its_printer_is_shown_without(
    ears: Ears, network: SimulatedNetwork
) -> None:
    huge = Service(RAW, b"Huge", "127.0.0.9", 9100, (b"x" * 255,) * 250, b"huge", "SRV A")
    network.announce(huge)
    network.say(answer([huge.record("TXT", 120)]))
    await until(ears.heard)
    assert ears.listener.heard()[0].text == b""


async def test_no_kind_of_service_takes_another_s_room(
    ears: Ears, network: SimulatedNetwork
) -> None:
    crowd = [
        Service(IPP, b"Copy %d" % n, f"127.0.2.{n + 1}", 631, host=b"copy%d" % n)
        for n in range(NETWORK_SERVICES_MAX + 20)
    ]
    for each in crowd:
        network.announce(each)
        await asyncio.sleep(0)
    network.announce(TM)
    await until(lambda: len(ears.heard()) == NETWORK_SERVICES_MAX + 1)
    assert ears.heard()[0] == ("EPSON TM-m30II (8F2A01)", "127.0.0.7", 9100)
    await until(lambda: "network_crowded" in ears.log_text.getvalue())
    network.goodbye(*crowd[:10])
    await until(lambda: len(ears.heard()) == NETWORK_SERVICES_MAX - 9)
    assert ears.log_text.getvalue().count("network_crowded") == 1


async def test_a_flood_is_left_alone_for_a_minute_and_what_was_known_stays(
    ears: Ears, network: SimulatedNetwork
) -> None:
    network.announce(TM)
    await until(ears.heard)
    assert isinstance(ears.clock, HurriedClock)
    told = 0
    while "network_floods" not in ears.log_text.getvalue():
        records = [
            Service(RAW, b"F%d" % n, "8.8.8.8", host=b"f%d" % n).record("A", 120)
            for n in range(told, told + 100)
        ]
        network.say(answer(records))
        told += 100
        assert told < 4 * NETWORK_RECORDS_MAX
        await asyncio.sleep(0.001)
    assert 60.0 in ears.clock.slept
    assert ears.heard() == [("EPSON TM-m30II (8F2A01)", "127.0.0.7", 9100)]
    # the minute is a short one here: it listens again, and hears
    network.asked.clear()
    await until(lambda: f"{RAW}.local. PTR" in network.asked)
    late = Service(RAW, b"Late", "127.0.0.99", host=b"late")
    network.services.append(late)
    network.announce(late)
    await until(lambda: ("Late", "127.0.0.99", 9100) in ears.heard())
    assert ears.log_text.getvalue().count("network_floods") == 1


async def test_names_that_nobody_answers_for_hold_nobody_up(
    ears: Ears, network: SimulatedNetwork
) -> None:
    network.silent = True
    for n in range(NETWORK_SERVICES_MAX):
        network.announce(Service(IPP, b"Nobody %d" % n, "127.0.3.1", 631, records=""))
    network.announce(TM)
    await until(ears.heard)


async def test_a_machine_whose_addresses_change_listens_anew(network: SimulatedNetwork) -> None:
    class Moving(NetworkInterfaces):
        here: tuple[IPv4Interface, ...] = ()

        def now(self) -> tuple[IPv4Interface, ...]:
            return self.here

    ears, moving = Ears(), Moving()
    log = open_log("test", ears.log_text)
    ears.listener = ServiceListener((RAW,), moving, ears.clock, log)
    task = asyncio.create_task(ears.listener.run(ears.tell))
    await asyncio.sleep(0.2)
    assert network.asked == []
    moving.here = (IPv4Interface("127.0.0.1/24"),)
    network.services.append(TM)
    await until(ears.heard)
    # a narrower network than before: this one is a neighbour no more
    moving.here = (IPv4Interface("127.0.0.1/30"),)
    network.services.append(Service(RAW, b"Wake", "127.0.0.2", host=b"wake"))
    network.announce(network.services[-1])
    await until(lambda: [each[1] for each in ears.heard()] == ["127.0.0.2"])
    task.cancel()


async def test_after_an_hour_it_listens_anew_and_loses_nothing_meanwhile(
    network: SimulatedNetwork,
) -> None:
    class Hour(HurriedClock):
        later_ms = 0

        def monotonic_ms(self) -> int:
            return super().monotonic_ms() + self.later_ms

        async def sleep(self, seconds: float) -> None:
            self.slept.append(seconds)
            await asyncio.sleep(min(seconds, 0.5))  # the library asks within a tenth of a second

    clock = Hour()
    ears = Ears(clock=clock)
    task = asyncio.create_task(ears.listener.run(ears.tell))
    network.services.append(TM)
    await until(ears.heard)
    clock.later_ms = 3_600_001
    network.asked.clear()
    network.announce(Service(IPP, b"Wake", "8.8.8.8", host=b"wake"))
    await until(lambda: f"{RAW}.local. PTR" in network.asked and 3.0 in clock.slept)
    network.services.append(Service(RAW, b"New", "127.0.0.8", host=b"new"))
    network.announce(network.services[-1])
    await until(lambda: len(ears.heard()) == 2)
    assert ears.news == 2  # the one that was known was never gone
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


# when an address is not there the library leaves its other socket to the garbage collector
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_an_address_that_is_not_this_machine_s_is_said_and_tried_again() -> None:
    class Wrong(NetworkInterfaces):
        def now(self) -> tuple[IPv4Interface, ...]:
            return (IPv4Interface("203.0.113.77/24"),)

    ears = Ears()
    log = open_log("test", ears.log_text)
    ears.listener = ServiceListener((RAW,), Wrong(), ears.clock, log)
    task = asyncio.create_task(ears.listener.run(ears.tell))
    assert isinstance(ears.clock, HurriedClock)
    slept = ears.clock.slept
    await until(lambda: slept.count(30.0) >= 3)
    assert ears.log_text.getvalue().count("network_not_heard") == 1
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def test_loopback_is_listened_to_only_when_it_is_named() -> None:
    assert all(not each.is_loopback for each in NetworkInterfaces().now())
    assert NetworkInterfaces(["127.0.0.1"]).now() == (IPv4Interface("127.0.0.1/8"),)
    assert NetworkInterfaces(["203.0.113.77"]).now() == ()


def without_library(script: str) -> str:
    hide = "import sys; sys.modules['zeroconf'] = None; sys.modules['ifaddr'] = None; "
    done = subprocess.run(
        [sys.executable, "-c", hide + script], capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.mark.parametrize("wanted", [True, False])
def test_without_the_library_the_host_says_what_to_do_and_runs(wanted: bool) -> None:
    said = without_library(
        "from devices.main import _network_listener as listener; "
        "from devices.settings import NetworkSettings; "
        "from edge.runtime.structured_log import open_log; "
        "from edge.runtime.system_clock import SystemClock; "
        f"print(listener(NetworkSettings(find={wanted}), SystemClock(), open_log('t')))"
    )
    assert said.startswith("(None, '")
    assert ("Install tillbox[discovery]" in said) is wanted
