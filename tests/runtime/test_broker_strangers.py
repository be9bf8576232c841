"""Strangers and neighbours on the broker: what they say and ask reaches nobody.

Deliveries are counted, never acknowledgements: Mosquitto grants a subscription that its
ACL will not serve, and acknowledges a publication that it drops.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from edge.contract.device_topics import DeviceTopics, HostTopics
from edge.contract.home_assistant import BIRTH, DISCOVERY, ShownTopics, discovery_topic
from edge.contract.limits import (
    MQTT_CONNECTIONS_MAX,
    MQTT_PAYLOAD_BYTES_MAX,
)
from edge.runtime.broker_access import BrokerAccess
from tests.brokers import READER, STORE, USERS, Mosquitto, tls_door
from tests.runtime.raw_mqtt import connect_packet, field_of, packet, raw_client
from tests.runtime.shop_brokers import (
    EmbeddedShop,
    WireShop,
    embedded_shop,
    mosquitto_shop,
    next_of,
    running,
    until,
)

VICTIM = HostTopics(STORE, "host-1")
PRINTER = DeviceTopics(STORE, "host-1", "printer")
OWN = DeviceTopics(STORE, "host-2", "printer")
THIEF = ("host-2", "host-2", USERS["host-2"])


@pytest.fixture(
    params=[
        "embedded",
        "embedded_tls",
        pytest.param("mosquitto", marks=pytest.mark.mosquitto),
        pytest.param("mosquitto_tls", marks=pytest.mark.mosquitto),
    ]
)
async def shop(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[WireShop]:
    """The shop's own programs come by loopback, strangers and other machines by TLS, if any."""
    if request.param.startswith("embedded"):
        tls = tls_door(tmp_path) if request.param == "embedded_tls" else None
        async with embedded_shop(tmp_path / "shop", tls) as opened:
            yield opened
    else:
        broker: Mosquitto = request.getfixturevalue(request.param)
        async with mosquitto_shop(tmp_path / "shop", broker) as wire:
            yield wire


@pytest.fixture
async def embedded(tmp_path: Path) -> AsyncIterator[EmbeddedShop]:
    async with embedded_shop(tmp_path / "shop") as opened:
        yield opened


@pytest.mark.parametrize(
    ("client_id", "user", "password"),
    [
        ("edge", None, None),
        ("", None, None),
        ("edge", "edge", "wrong"),
        ("edge", "edge", ""),
        ("nobody", "nobody", "edge's own"),
        ("edge", "", ""),
        ("edge", "edge:$7$", "x"),
    ],
)
async def test_a_stranger_is_denied_and_the_victim_stays(
    shop: WireShop, client_id: str, user: str | None, password: str | None
) -> None:
    async with running(shop.bus("edge")) as edge:
        heard = edge.subscribe([PRINTER.result])
        await edge.publish(PRINTER.job, b"the subscription stands")
        async with shop.outside() as stranger:
            assert await stranger.connect(client_id, user, password) != 0
        async with running(shop.bus("host-1")) as host:
            await host.publish(PRINTER.result, b"heard")
            assert (await next_of(heard)).payload == b"heard"
        assert edge.connected


async def test_who_has_his_own_password_takes_nobodys_place(shop: WireShop) -> None:
    async with running(shop.bus("host-1")) as victim, running(shop.bus("edge")) as edge:
        jobs = victim.subscribe([VICTIM.all_jobs])
        await victim.publish(PRINTER.state, b"the subscription stands")
        async with shop.outside() as thief:
            if await thief.connect("host-1", "host-2", USERS["host-2"]) == 0:
                await thief.subscribe(VICTIM.all_jobs)
            await edge.publish(PRINTER.job, b"for host-1")
            assert (await next_of(jobs)).payload == b"for host-1"
            assert thief.heard == []
        assert "bus_lost" not in shop.log_text.getvalue()


async def test_what_a_neighbour_says_in_anothers_name_is_heard_by_nobody(shop: WireShop) -> None:
    async with running(shop.bus("edge")) as edge, running(shop.bus("host-1")) as victim:
        everything = edge.subscribe([f"tillbox/v1/{STORE}/#"])
        jobs = victim.subscribe([VICTIM.all_jobs, VICTIM.config])
        await victim.publish(PRINTER.state, b"victim ready")
        await edge.publish(PRINTER.job, b"edge ready")
        assert (await next_of(jobs)).payload == b"edge ready"
        async with shop.outside() as thief:
            assert await thief.connect(*THIEF) == 0
            for topic in (
                PRINTER.job,
                VICTIM.config,
                PRINTER.state,
                PRINTER.event("scan"),
                PRINTER.result,
                VICTIM.availability,
                OWN.job,
                HostTopics(STORE, "host-2").config,
                f"tillbox/v1/{STORE}/host/host-2/dev/printer/other",
                "elsewhere",
            ):
                await thief.publish(topic, b"forged", retain=True)
            await thief.publish(OWN.result, b"honest")
        await edge.publish(PRINTER.job, b"the end")
        assert (await next_of(jobs)).payload == b"the end"
        seen = {b"victim ready", b"edge ready", b"the end"}
        while (message := await next_of(everything)).payload != b"the end":
            assert message.payload in seen | {b"honest"}
        late = victim.subscribe([VICTIM.all_jobs, VICTIM.config])
        await edge.publish(PRINTER.job, b"and no forgery was retained")
        assert (await next_of(late)).payload == b"and no forgery was retained"


async def test_a_neighbour_hears_only_his_own(shop: WireShop) -> None:
    async with (
        running(shop.bus("edge")) as edge,
        running(shop.bus("host-1")) as host,
        shop.outside() as thief,
    ):
        await host.publish(PRINTER.state, b"secret", retain=True)
        assert await thief.connect(*THIEF) == 0
        for wanted in ("#", "tillbox/#", "+/+/+/+/+/+/+/+", PRINTER.job, VICTIM.config):
            await thief.subscribe(wanted)
        await thief.subscribe(f"tillbox/v1/{STORE}/host/+/dev/+/job")
        await thief.subscribe(HostTopics(STORE, "host-2").all_jobs)
        await edge.publish(PRINTER.job, b"secret")
        await edge.publish(VICTIM.config, b"secret", retain=True)
        await host.publish(PRINTER.event("scan"), b"secret")
        await edge.publish(OWN.job, b"his own")
        await thief.hear((OWN.job, b"his own"))
        assert {payload for _, payload in thief.heard} == {b"his own"}


async def test_a_newcomer_is_sent_nothing_that_he_did_not_ask_for(shop: WireShop) -> None:
    async with running(shop.bus("edge")) as edge, running(shop.bus("host-1")) as host:
        states = edge.subscribe([f"tillbox/v1/{STORE}/#"])
        await host.publish(PRINTER.state, b"secret", retain=True)
        await next_of(states)
        async with shop.outside() as newcomer:
            assert await newcomer.connect(*THIEF) == 0
            assert await newcomer.settle() == []
            await newcomer.publish(OWN.result, b"x")
            assert await newcomer.settle() == []


async def test_a_foreign_last_will_is_said_to_nobody(shop: WireShop) -> None:
    async with running(shop.bus("host-1")) as victim, running(shop.bus("edge")) as edge:
        jobs = victim.subscribe([VICTIM.all_jobs])
        await victim.publish(PRINTER.state, b"the subscription stands")
        async with shop.outside() as thief:
            await thief.connect(*THIEF, will=(PRINTER.job, b"forged"))
        async with shop.outside() as again:
            assert await again.connect(*THIEF) == 0
        await edge.publish(PRINTER.job, b"real")
        assert (await next_of(jobs)).payload == b"real"


async def test_an_oversized_message_is_dropped_and_the_rest_goes_on(shop: WireShop) -> None:
    async with running(shop.bus("edge")) as edge, running(shop.bus("host-1")) as host:
        heard = edge.subscribe([f"tillbox/v1/{STORE}/host/+/dev/+/result"])
        await edge.publish(PRINTER.job, b"the subscription stands")
        for size in (MQTT_PAYLOAD_BYTES_MAX + 1, 3 * MQTT_PAYLOAD_BYTES_MAX):
            async with shop.outside() as thief:
                assert await thief.connect(*THIEF) == 0
                head = field_of(OWN.result.encode()) + b"\x00\x09"
                thief.writer.write(packet(0x32, head + bytes(size)))
                try:
                    await thief.settle()
                except (OSError, asyncio.IncompleteReadError):
                    continue  # cut for it
        await host.publish(PRINTER.result, b"after")
        assert (await next_of(heard)).payload == b"after"


async def test_the_same_client_again_replaces_its_old_connection(shop: WireShop) -> None:
    async with shop.outside() as old, shop.outside() as new:
        assert await old.connect(*THIEF) == 0
        assert await new.connect(*THIEF) == 0
        with pytest.raises((OSError, asyncio.IncompleteReadError)):
            await old.settle()
        await new.subscribe(HostTopics(STORE, "host-2").all_jobs)
        async with running(shop.bus("edge")) as edge:
            await edge.publish(OWN.job, b"once")
        await new.hear((OWN.job, b"once"))
        assert new.heard == [(OWN.job, b"once")]


async def test_who_falls_silent_is_missed_and_his_last_will_said(shop: WireShop) -> None:
    host_2 = HostTopics(STORE, "host-2")
    async with running(shop.bus("edge")) as edge:
        heard = edge.subscribe([host_2.availability])
        await edge.publish(PRINTER.job, b"the subscription stands")
        async with shop.outside() as silent:
            will = (host_2.availability, b"offline")
            assert await silent.connect(*THIEF, will=will, keep_alive_s=1) == 0
            assert (await next_of(heard)).payload == b"offline"


# --- the embedded broker's gate -----------------------------------------------------------

LONG = "x" * 5_000


@pytest.mark.parametrize(
    "first",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x10\xff\xff\xff\xff\x7f",
        b"\x10\x02\x00\x04",
        packet(0x30, field_of(b"a") + b"payload"),
        packet(0x10, field_of(b"MQTT") + bytes([4, 0x03, 0, 0]) + field_of(b"id")),
        packet(0x10, field_of(b"MQTT") + bytes([4, 0x40, 0, 0]) + field_of(b"id") + field_of(b"p")),
        packet(0x10, field_of(b"MQTT") + bytes([4, 0x20, 0, 0]) + field_of(b"id")),
        packet(0x10, field_of(b"MQTT") + bytes([4, 0x1C, 0, 0]) + field_of(b"id") * 3),
        packet(0x10, field_of(b"MQTT") + bytes([4, 0x02, 0, 0]) + field_of(b"\xff")),
        packet(0x10, field_of(b"MQTT") + bytes([4, 0x02, 0, 0]) + field_of(b"a\0")),
        packet(0x10, field_of(b"MQTT") + bytes([4, 0x02, 0, 0]) + field_of(b"id") + b"more"),
        connect_packet(LONG, "edge", "x"),
        connect_packet("edge", "edge", USERS["edge"], level=5),
        b"\x10",
    ],
)
async def test_nonsense_at_the_door_gets_in_nowhere(embedded: EmbeddedShop, first: bytes) -> None:
    async with raw_client(embedded.port) as stranger:
        stranger.writer.write(first)
        stranger.writer.write_eof()
        answer = await stranger.reader.read()
        assert answer in {b"", b"\x20\x02\x00\x01"}
    async with running(embedded.bus("edge")) as edge:
        await edge.publish(PRINTER.job, b"the shop goes on")


async def test_nonsense_behind_the_door_ends_that_connection_only(embedded: EmbeddedShop) -> None:
    async with running(embedded.bus("edge")) as edge:
        for nonsense in (b"\xf0\x00", b"\x32\xff\xff\xff\xff\x7f", b"\x82\x02\x00\x01"):
            async with raw_client(embedded.port) as odd:
                assert await odd.connect(*THIEF) == 0
                odd.writer.write(nonsense)
                odd.writer.write_eof()
                await odd.reader.read()
        await edge.publish(PRINTER.job, b"the shop goes on")


async def test_too_many_at_the_door_wait_outside(embedded: EmbeddedShop) -> None:
    crowd = [
        await asyncio.open_connection("127.0.0.1", embedded.port)
        for _ in range(MQTT_CONNECTIONS_MAX)
    ]
    try:
        await asyncio.sleep(0)
        async with raw_client(embedded.port) as late:
            assert await late.reader.read() == b""
    finally:
        for _, writer in crowd:
            writer.transport.abort()
    assert f"over {MQTT_CONNECTIONS_MAX} connections" in embedded.log_text.getvalue()


async def test_who_says_nothing_at_the_door_is_sent_away(embedded: EmbeddedShop) -> None:
    async with raw_client(embedded.port) as silent:
        assert await silent.reader.read() == b""
    assert "no CONNECT in time" in embedded.log_text.getvalue()


async def test_a_password_file_that_broke_meanwhile_lets_nobody_in(embedded: EmbeddedShop) -> None:
    (embedded.folder / "passwords").chmod(0o644)
    async with raw_client(embedded.port) as known:
        assert await known.connect("edge", "edge", USERS["edge"]) == 5
    assert "others may read or change it" in embedded.log_text.getvalue()


async def test_a_flood_of_refusals_is_no_flood_of_lines(embedded: EmbeddedShop) -> None:
    for _ in range(20):
        async with raw_client(embedded.port) as stranger:
            assert await stranger.connect("edge", None, None) == 5
    lines = [line for line in embedded.log_text.getvalue().splitlines() if "broker_refused" in line]
    assert len(lines) == 5  # 1, 2, 4, 8, 16


async def test_who_takes_nothing_is_cut_and_others_are_served(embedded: EmbeddedShop) -> None:
    async with running(embedded.bus("edge")) as edge, running(embedded.bus("host-1")) as host:
        jobs = host.subscribe([VICTIM.all_jobs])
        await host.publish(PRINTER.state, b"the subscription stands")
        async with raw_client(embedded.port) as slow:
            assert await slow.connect(*THIEF) == 0
            await slow.subscribe(HostTopics(STORE, "host-2").all_jobs)
            slow.writer.transport.pause_reading()  # type: ignore[attr-defined]
            for _ in range(60):
                await edge.publish(OWN.job, bytes(MQTT_PAYLOAD_BYTES_MAX))
            await edge.publish(PRINTER.job, b"served")
            assert (await next_of(jobs)).payload == b"served"
            await until(lambda: "broker_client_cut" in embedded.log_text.getvalue())


# --- Home Assistant -----------------------------------------------------------------------

SHOWN = ShownTopics(STORE)
HOME = (READER, READER, USERS[READER])


async def test_home_assistant_hears_what_is_meant_for_it_and_nothing_of_sales(
    shop: WireShop,
) -> None:
    async with (
        running(shop.bus("edge")) as edge,
        running(shop.bus("host-1")) as host,
        shop.outside() as home,
    ):
        await host.publish(VICTIM.availability, b"online", retain=True)
        await host.publish(PRINTER.availability, b"online", retain=True)
        await host.publish(PRINTER.state, b"secret", retain=True)
        await host.publish(PRINTER.meta, b"secret", retain=True)
        await edge.publish(discovery_topic("tillbox_store-1_printer"), b"described", retain=True)
        assert await home.connect(*HOME) == 0
        for wanted in (
            "#",
            f"tillbox/v1/{STORE}/#",
            f"tillbox/v1/{STORE}/host/+/dev/+/state",
            f"tillbox/v1/{STORE}/host/+/dev/+/event/scan",
            f"{DISCOVERY}/+/+/config",
            f"{SHOWN.prefix}/#",
            VICTIM.availability,
            PRINTER.availability,
        ):
            await home.subscribe(wanted)
        await edge.publish(VICTIM.config, b"secret", retain=True)
        await edge.publish(PRINTER.job, b"secret")
        await host.publish(PRINTER.event("scan"), b"secret")
        await host.publish(PRINTER.result, b"secret")
        await host.publish(PRINTER.stats, b"secret")
        await edge.publish(SHOWN.device("printer"), b"shown", retain=True)
        await home.hear((SHOWN.device("printer"), b"shown"))
        assert set(home.heard) == {
            (discovery_topic("tillbox_store-1_printer"), b"described"),
            (VICTIM.availability, b"online"),
            (PRINTER.availability, b"online"),
            (SHOWN.device("printer"), b"shown"),
        }


async def test_home_assistant_commands_nothing_and_is_no_host(shop: WireShop) -> None:
    own = HostTopics(STORE, READER)
    async with running(shop.bus("edge")) as edge:
        everything = edge.subscribe([f"tillbox/v1/{STORE}/#", f"{DISCOVERY}/#"])
        await edge.publish(PRINTER.job, b"the subscription stands")
        assert (await next_of(everything)).payload == b"the subscription stands"
        async with shop.outside() as home:
            assert await home.connect(*HOME) == 0
            for topic in (
                PRINTER.job,
                PRINTER.state,
                VICTIM.config,
                own.availability,
                own.info,
                own.device("printer").event("scan"),
                own.device("printer").result,
                SHOWN.device("printer"),
                SHOWN.availability,
                discovery_topic("tillbox_store-1_printer"),
                f"{DISCOVERY}/other",
            ):
                await home.publish(topic, b"forged", retain=True)
            await home.publish(BIRTH, b"online")
            assert (await next_of(everything)).topic == BIRTH


async def test_only_edge_says_something_outside_the_shop(shop: WireShop) -> None:
    async with running(shop.bus("edge")) as edge:
        heard = edge.subscribe([f"{DISCOVERY}/#", PRINTER.job])
        await edge.publish(PRINTER.job, b"the subscription stands")
        assert (await next_of(heard)).payload == b"the subscription stands"
        async with shop.outside() as thief:
            assert await thief.connect(*THIEF) == 0
            await thief.publish(BIRTH, b"online", retain=True)
            await thief.publish(discovery_topic("tillbox_store-1_bell"), b"forged", retain=True)
            await thief.publish(SHOWN.device("printer"), b"forged", retain=True)
        await edge.publish("elsewhere/than/there", b"dropped")
        await edge.publish(discovery_topic("tillbox_store-1_printer"), b"described")
        assert (await next_of(heard)).payload == b"described"


def test_without_home_assistant_nobody_leaves_the_shop() -> None:
    access = BrokerAccess(STORE)
    assert DISCOVERY not in access.acl_file()
    assert not access.may_say("edge", discovery_topic("x"))
    assert not access.may_say("edge", SHOWN.availability)
    assert not access.may_hear("edge", f"{DISCOVERY}/#")
    assert not access.may_say(READER, BIRTH)
    assert not access.may_hear(READER, SHOWN.availability)
