"""What only the bus over MQTT has: settings, TLS, brokers that misbehave, words in the log."""

from __future__ import annotations

import asyncio
import gc
import io
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge.contract.device_topics import DeviceTopics
from edge.contract.errors import SettingsInvalid
from edge.contract.limits import (
    MQTT_PAYLOAD_BYTES_MAX,
    MQTT_QUEUE_MAX,
)
from edge.runtime.broker_passwords import password_file
from edge.runtime.broker_settings import BrokerSettings
from edge.runtime.bus import BusMessage, BusUnavailable
from edge.runtime.certificates import issue_server_certificate, make_ca, write_ca
from edge.runtime.embedded_broker import serve
from edge.runtime.memory_bus import MemoryBroker
from edge.runtime.mqtt_bus import MqttBus, MqttSettings
from edge.runtime.structured_log import open_log
from edge.runtime.subscription_queue import SubscriptionQueue
from edge.runtime.system_clock import SystemClock
from tests.brokers import STORE, USERS, Mosquitto, find_free_port, mosquitto_program, write_password
from tests.runtime.shop_brokers import (
    EmbeddedShop,
    embedded_shop,
    listening,
    next_of,
    running,
    until,
)

PRINTER = DeviceTopics(STORE, "host-1", "printer")


class Kept:
    """Log lines that are kept."""

    def __init__(self) -> None:
        self.stream = io.StringIO()
        self.log = open_log("test", self.stream)

    def lines(self, event: str) -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in self.stream.getvalue().splitlines()]
        return [line for line in lines if line["event"] == event]


def make_bus(folder: Path, kept: Kept, **settings: Any) -> MqttBus:
    user = settings.pop("user", "edge")
    password = settings.pop("password", USERS["edge"])
    known = MqttSettings(user=user, password_file=write_password(folder, user, password))
    changed = msgspec.structs.replace(known, protocol="3.1.1")
    return MqttBus(msgspec.structs.replace(changed, **settings), None, SystemClock(), kept.log)


@asynccontextmanager
async def trying(bus: MqttBus) -> AsyncIterator[None]:
    """Run a bus that need not connect."""
    task = asyncio.create_task(bus.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.fixture
async def embedded(tmp_path: Path) -> AsyncIterator[EmbeddedShop]:
    async with embedded_shop(tmp_path / "shop") as opened:
        yield opened


# --- settings ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"host": "192.168.1.9"}, "without TLS"),
        ({"host": "box.local"}, "without TLS"),
        ({"protocol": "3.1"}, "It is 5 or 3.1.1"),
        ({"ca_file": Path("/nowhere.pem")}, "nowhere.pem"),
        ({"password_file": Path("/nowhere")}, "/nowhere cannot be read"),
    ],
)
async def test_settings_that_cannot_be_used(
    tmp_path: Path, settings: dict[str, Any], words: str
) -> None:
    with pytest.raises(SettingsInvalid, match=words):
        await make_bus(tmp_path, Kept(), **settings).run()


async def test_a_password_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = write_password(tmp_path, "edge", "x")
    path.chmod(0o644)
    with pytest.raises(SettingsInvalid, match="chmod 600"):
        await make_bus(tmp_path, Kept(), password_file=path, user="host-1").run()


# --- TLS -----------------------------------------------------------------------------------


@pytest.fixture
def authority(tmp_path: Path) -> tuple[Path, Path, Path, Path]:
    """Files: the CA, the broker's certificate and key, and the CA of somebody else."""
    clock = SystemClock()
    files = [tmp_path / name for name in ("ca.pem", "cert.pem", "key.pem", "other.pem")]
    ca = make_ca("Demo Shops", clock)
    write_ca(ca, files[0], tmp_path / "ca.key")
    write_ca(make_ca("Other Shops", clock), files[3], tmp_path / "other.key")
    made = issue_server_certificate(ca, names=["localhost"], ips=["127.0.0.1"], clock=clock)
    made.write(files[1], files[2])
    return files[0], files[1], files[2], files[3]


async def speaks_over_tls(tmp_path: Path, port: int, protocol: str, ca: Path, other: Path) -> None:
    kept = Kept()
    bus = make_bus(tmp_path, kept, port=port, protocol=protocol, ca_file=ca)
    async with running(bus):
        heard = bus.subscribe([PRINTER.job])
        await bus.publish(PRINTER.job, b"x" * 200_000)
        assert len((await next_of(heard)).payload) == 200_000
    for settings in ({"ca_file": other}, {"ca_file": None}):
        deaf = make_bus(tmp_path, kept, port=port, protocol=protocol, **settings)
        lost = len(kept.lines("bus_lost"))
        async with trying(deaf):
            await until(lambda before=lost: len(kept.lines("bus_lost")) > before)  # type: ignore[misc]
            assert not deaf.connected
    gc.collect()


# paho does not close the socket of a failed handshake: the collector does, and says so
PAHO_LEAVES_IT = pytest.mark.filterwarnings(
    "ignore:.*ssl.SSLSocket:pytest.PytestUnraisableExceptionWarning",
    "ignore:unclosed <ssl.SSLSocket:ResourceWarning",
)


@PAHO_LEAVES_IT
@pytest.mark.mosquitto
async def test_mosquitto_over_tls(tmp_path: Path, authority: tuple[Path, Path, Path, Path]) -> None:
    ca, certificate, key, other = authority
    program = mosquitto_program()
    if program is None:
        pytest.skip("Mosquitto is not installed (Debian: apt install mosquitto)")
    folder = tmp_path / "mosquitto"
    folder.mkdir()
    broker = Mosquitto(folder, program, certificate_file=certificate, key_file=key)
    await asyncio.to_thread(broker.start)
    try:
        await speaks_over_tls(tmp_path, broker.port, "5", ca, other)
    finally:
        await asyncio.to_thread(broker.stop)


@PAHO_LEAVES_IT
async def test_the_embedded_broker_over_tls(
    tmp_path: Path, authority: tuple[Path, Path, Path, Path]
) -> None:
    ca, certificate, key, other = authority
    passwords = tmp_path / "passwords"
    passwords.write_bytes(password_file(USERS))
    passwords.chmod(0o600)
    port, ending, kept = find_free_port(), asyncio.Event(), Kept()
    settings = BrokerSettings(
        STORE, passwords, port=port, certificate_file=certificate, key_file=key
    )
    task = asyncio.create_task(serve(settings, kept.log, ending))
    await until(lambda: task.done() or listening(port))
    try:
        await speaks_over_tls(tmp_path, port, "3.1.1", ca, other)
    finally:
        ending.set()
        await task


# --- brokers that misbehave ------------------------------------------------------------------


async def test_an_outage_is_told_once_and_its_end_once(
    embedded: EmbeddedShop, tmp_path: Path
) -> None:
    kept = Kept()
    bus = make_bus(tmp_path, kept, port=embedded.port)
    async with running(bus):
        await embedded.stop()
        await until(lambda: not bus.connected)
        await asyncio.sleep(1.5)  # several tries
        await embedded.start()
        await until(lambda: bus.connected)
        await bus.publish(PRINTER.job, b"")
    lost = [line["reason"] for line in kept.lines("bus_lost")]
    assert len(lost) == len(set(lost)) <= 2, "the loss, and that nobody listens"
    assert len(kept.lines("bus_connected")) == 2


@pytest.mark.parametrize("protocol", ["3.1.1", "5"])
async def test_a_wrong_password_is_told_in_words(
    embedded: EmbeddedShop, tmp_path: Path, protocol: str
) -> None:
    kept = Kept()
    bus = make_bus(tmp_path, kept, port=embedded.port, password="no", protocol=protocol)
    async with trying(bus):
        await until(lambda: bool(kept.lines("bus_lost")))
        assert not bus.connected
        with pytest.raises(BusUnavailable):
            await bus.publish(PRINTER.job, b"")
    assert kept.lines("bus_lost")[0]["user"] == "edge"


@asynccontextmanager
async def broker_that(*answers: bytes) -> AsyncIterator[int]:
    """A broker with an answer for each read, and then silence."""
    writers: list[asyncio.StreamWriter] = []

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        with suppress(OSError):
            for answer in answers:
                await reader.read(65_536)
                writer.write(answer)
            while await reader.read(65_536):
                pass
            writer.close()

    server = await asyncio.start_server(converse, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
        await asyncio.sleep(0)


CONNACK = b"\x20\x02\x00\x00"


async def test_a_broker_that_never_answers_is_given_up(tmp_path: Path) -> None:
    kept = Kept()
    async with broker_that() as port:
        bus = make_bus(tmp_path, kept, port=port)
        async with trying(bus):
            await until(lambda: bool(kept.lines("bus_lost")))
            assert "does not answer" in kept.lines("bus_lost")[0]["reason"]


async def test_stopping_while_connecting_leaves_nothing_behind(tmp_path: Path) -> None:
    async with broker_that() as port:
        task = asyncio.create_task(make_bus(tmp_path, Kept(), port=port).run())
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_a_broker_that_never_acknowledges_is_no_success(tmp_path: Path) -> None:
    async with broker_that(CONNACK) as port:
        bus = make_bus(tmp_path, Kept(), port=port)
        async with running(bus):
            with pytest.raises(BusUnavailable, match="did not acknowledge"):
                await bus.publish(PRINTER.job, b"")


async def test_who_waits_for_an_acknowledgement_learns_of_the_loss_at_once(tmp_path: Path) -> None:
    async with AsyncExitStack() as broker:
        port = await broker.enter_async_context(broker_that(CONNACK))
        bus = make_bus(tmp_path, Kept(), port=port)
        async with running(bus):
            waiting = asyncio.create_task(bus.publish(PRINTER.job, b""))
            await asyncio.sleep(0)
            await broker.aclose()
            await until(lambda: not bus.connected)
            for _ in range(10):
                await asyncio.sleep(0)
            assert waiting.done(), "not at the deadline of the acknowledgement"
            with pytest.raises(BusUnavailable):
                await waiting


async def test_a_filter_that_is_denied_is_told(embedded: EmbeddedShop) -> None:
    async with running(embedded.bus("host-1")) as host:
        host.subscribe(["#", PRINTER.job])
        await host.publish(PRINTER.state, b"the answer was seen")
    denied = [line for line in embedded.log_text.getvalue().splitlines() if "denied" in line]
    assert [json.loads(line)["filter"] for line in denied] == ["#"]


# --- greetings -------------------------------------------------------------------------------


async def test_a_defect_in_a_greeting_ends_the_run_with_it(embedded: EmbeddedShop) -> None:
    bus = embedded.bus("edge")

    async def greet() -> None:
        raise KeyError("in a greeting")

    bus.on_connect(greet)
    with pytest.raises(KeyError, match="in a greeting"):
        await bus.run()
    assert not bus.connected


@pytest.mark.parametrize("kind", ["memory", "embedded"])
async def test_a_greeting_that_finds_the_connection_lost_waits_for_the_next(
    embedded: EmbeddedShop, kind: str
) -> None:
    bus = MemoryBroker().connect("edge") if kind == "memory" else embedded.bus("edge")
    greeted: list[str] = []

    async def first() -> None:
        greeted.append("first")
        raise BusUnavailable("bus_unavailable", "lost meanwhile")

    async def second() -> None:
        greeted.append("second")

    bus.on_connect(first)
    bus.on_connect(second)
    async with running(bus):
        await until(lambda: bool(greeted))
        await bus.publish(PRINTER.job, b"still there")
        assert greeted == ["first"]


# --- limits ----------------------------------------------------------------------------------


async def test_all_subscriptions_together_have_a_limit(embedded: EmbeddedShop) -> None:
    bus = embedded.bus("edge")
    async with running(bus):
        filling = bus.subscribe(["x/y"], queue_max=MQTT_QUEUE_MAX * 2)
        for number in range(MQTT_QUEUE_MAX):
            filling.offer(BusMessage("x/y", b"%d" % number))
        heard = bus.subscribe([PRINTER.job])
        for _ in range(5):
            await bus.publish(PRINTER.job, b"one too many")
        await until(lambda: heard.dropped == 5)
        filling.close()
        await bus.publish(PRINTER.job, b"room again")
        assert (await next_of(heard)).payload == b"room again"
    told = [line for line in embedded.log_text.getvalue().splitlines() if "dropped" in line]
    assert len(told) == 3, "at 1, 2 and 4"


def test_a_delivery_over_the_limit_is_dropped_and_counted() -> None:
    closed: list[SubscriptionQueue] = []
    queue = SubscriptionQueue(["a", "a", "+"], 8, closed.append)
    assert queue.filters == ("a", "+")
    assert not queue.offer(BusMessage("a/b", b""))
    assert queue.offer(BusMessage("a", bytes(MQTT_PAYLOAD_BYTES_MAX + 1)))
    assert not queue.offer(BusMessage("a", b"fits"))
    assert queue.offer(BusMessage("a", b"no room"), room=False)
    assert (queue.dropped, len(queue)) == (2, 1)
    queue.close()
    assert not queue.offer(BusMessage("a", b"too late"))
    assert closed == [queue]


async def test_stopping_at_any_moment_of_a_subscription_ends(embedded: EmbeddedShop) -> None:
    # in Python 3.11 asyncio.wait_for swallows a cancellation that comes with the answer
    for turns in range(0, 120, 2):
        async with asyncio.timeout(20), running(embedded.bus("host-1")) as host:
            host.subscribe([PRINTER.job]).close()
            host.subscribe([PRINTER.job])
            for _ in range(turns):
                await asyncio.sleep(0)
        assert not host.connected


@pytest.mark.mosquitto
async def test_two_machines_under_one_name_are_told_so(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    given: dict[str, Any] = {"port": mosquitto.port, "protocol": "5", "user": "host-1"}
    given["password"] = USERS["host-1"]
    kept = Kept()
    async with (
        trying(make_bus(tmp_path, kept, **given)),
        trying(make_bus(tmp_path, Kept(), **given)),
    ):
        await until(lambda: bool(kept.lines("bus_lost")))
    said = kept.lines("bus_lost")[0]
    assert said["code"] == "broker_lost"
    assert "two programs come as host-1" in said["advice"]


async def test_trying_once_says_yes_or_why_not(embedded: EmbeddedShop, tmp_path: Path) -> None:
    await make_bus(tmp_path, Kept(), port=embedded.port).try_once()
    with pytest.raises(BusUnavailable, match="does not let edge in") as refused:
        await make_bus(tmp_path, Kept(), port=embedded.port, password="no").try_once()
    assert refused.value.code == "broker_refuses_password"
    assert "tillbox broker add-host" in refused.value.advice
