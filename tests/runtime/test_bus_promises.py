"""What a bus promises, over memory, the embedded broker and Mosquitto alike.

Not promised, and therefore carried by ids and answers in the contract: exactly one delivery
(amqtt and overlapping filters repeat), retained messages only once, QoS 1 over a broken
connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from edge.contract.device_topics import DeviceTopics, HostTopics, every_device
from edge.contract.errors import Refused
from edge.contract.limits import (
    MQTT_PAYLOAD_BYTES_MAX,
)
from edge.runtime.bus import BusUnavailable, LastWill, Subscription
from tests.brokers import STORE, Mosquitto
from tests.runtime.shop_brokers import (
    MemoryShop,
    ShopBroker,
    embedded_shop,
    mosquitto_shop,
    next_of,
    running,
    until,
)

HOST = HostTopics(STORE, "host-1")
PRINTER = DeviceTopics(STORE, "host-1", "printer")
WILL = LastWill(HOST.availability, b"offline")


@asynccontextmanager
async def open_shop(kind: str, request: pytest.FixtureRequest) -> AsyncIterator[ShopBroker]:
    folder: Path = request.getfixturevalue("tmp_path") / "passwords"
    if kind == "memory":
        yield MemoryShop()
    elif kind == "embedded":
        async with embedded_shop(folder) as shop:
            yield shop
    else:
        broker: Mosquitto = request.getfixturevalue("mosquitto")
        async with mosquitto_shop(folder, broker) as wire:
            yield wire


@pytest.fixture(
    params=["memory", "embedded", pytest.param("mosquitto", marks=pytest.mark.mosquitto)]
)
async def shop(request: pytest.FixtureRequest) -> AsyncIterator[ShopBroker]:
    async with open_shop(request.param, request) as opened:
        yield opened


async def collect(subscription: Subscription, last: bytes) -> list[bytes]:
    found = []
    while True:
        message = await next_of(subscription)
        found.append(message.payload)
        if message.payload == last:
            return found


async def test_what_one_says_another_hears_in_order(shop: ShopBroker) -> None:
    async with running(shop.bus("edge")) as edge, running(shop.bus("host-1")) as host:
        events = edge.subscribe([every_device(STORE, "event/+")])
        await edge.publish(PRINTER.job, b"the subscription stands")
        for number in range(50):
            await host.publish(PRINTER.event("scan"), b"%d" % number)
        heard = await collect(events, b"49")
        assert heard == [b"%d" % number for number in range(50)]
        assert events.dropped == 0


async def test_a_filter_gets_only_what_it_stands_for(shop: ShopBroker) -> None:
    async with running(shop.bus("edge")) as edge, running(shop.bus("host-1")) as host:
        results = edge.subscribe([every_device(STORE, "result")])
        await edge.publish(PRINTER.job, b"the subscription stands")
        await host.publish(PRINTER.event("scan"), b"an event")
        await host.publish(PRINTER.state, b"a state")
        await host.publish(PRINTER.result, b"a result")
        message = await next_of(results)
        assert (message.topic, message.payload, message.retained) == (
            PRINTER.result,
            b"a result",
            False,
        )


async def test_retained_state_reaches_who_comes_later_and_says_so(shop: ShopBroker) -> None:
    async with running(shop.bus("host-1")) as host:
        await host.publish(PRINTER.state, b"old", retain=True)
        await host.publish(PRINTER.state, b"new", retain=True)
    async with running(shop.bus("edge")) as edge:
        message = await next_of(edge.subscribe([every_device(STORE, "state")]))
        assert (message.payload, message.retained) == (b"new", True)


async def test_an_empty_retained_message_takes_the_old_one_away(shop: ShopBroker) -> None:
    async with running(shop.bus("host-1")) as host, running(shop.bus("edge")) as edge:
        await host.publish(PRINTER.state, b"old", retain=True)
        await host.publish(PRINTER.state, b"", retain=True)
        await host.publish(PRINTER.meta, b"here", retain=True)
        both = edge.subscribe([every_device(STORE, "+")])
        message = await next_of(both)
        assert (message.topic, message.payload) == (PRINTER.meta, b"here")


async def test_a_job_retained_by_mistake_is_marked_for_who_comes_later(shop: ShopBroker) -> None:
    async with running(shop.bus("edge")) as edge:
        await edge.publish(PRINTER.job, b"retained job", retain=True)
        async with running(shop.bus("host-1")) as host:
            message = await next_of(host.subscribe([HOST.all_jobs]))
            assert (message.payload, message.retained) == (b"retained job", True)


async def test_the_last_will_is_said_after_a_cut_and_kept(shop: ShopBroker) -> None:
    async with running(shop.bus("edge")) as edge:
        seen = edge.subscribe([HOST.availability])
        await edge.publish(PRINTER.job, b"the subscription stands")
        host = shop.bus("host-1", WILL)

        async def greet() -> None:
            await host.publish(HOST.availability, b"online", retain=True)

        host.on_connect(greet)
        async with running(host):
            assert await collect(seen, b"online") == [b"online"]
            await shop.cut("host-1")
            # the will first, then the greeting of the next connection
            assert (await collect(seen, b"online"))[0] == b"offline"


async def test_no_last_will_after_a_goodbye(shop: ShopBroker) -> None:
    async with running(shop.bus("edge")) as edge:
        seen = edge.subscribe([HOST.availability, HOST.info])
        await edge.publish(PRINTER.job, b"the subscription stands")
        async with running(shop.bus("host-1", WILL)) as host:
            await host.publish(HOST.availability, b"online", retain=True)
        async with running(shop.bus("host-1")) as again:
            await again.publish(HOST.info, b"back")
        assert await collect(seen, b"back") == [b"online", b"back"]


async def test_a_lost_broker_refuses_and_comes_back_with_greeting_and_subscriptions(
    shop: ShopBroker,
) -> None:
    edge, host = shop.bus("edge"), shop.bus("host-1")
    jobs = host.subscribe([HOST.all_jobs])
    greeted: list[bool] = []

    async def greet() -> None:
        greeted.append(host.connected)
        await host.publish(HOST.availability, b"online", retain=True)

    host.on_connect(greet)
    async with running(edge), running(host):
        await until(lambda: greeted == [True])
        await shop.stop()
        await until(lambda: not edge.connected and not host.connected)
        with pytest.raises(BusUnavailable):
            await edge.publish(PRINTER.job, b"into the void")
        await shop.start()
        await until(lambda: len(greeted) == 2 and edge.connected)
        await edge.publish(PRINTER.job, b"after")
        assert (await next_of(jobs)).payload == b"after"
    assert greeted == [True, True]


async def test_a_lost_connection_is_told_once_and_a_next_one_again(shop: ShopBroker) -> None:
    host = shop.bus("host-1")
    lost: list[bool] = []
    host.on_lost(lambda: lost.append(host.connected))
    async with running(host):
        for times in (1, 2):
            await shop.stop()
            await until(lambda times=times: len(lost) == times)
            await shop.start()
            await until(lambda: host.connected)
    assert not any(lost), "it still called itself connected"


async def test_a_publish_that_waits_is_told_when_the_connection_is_lost(shop: ShopBroker) -> None:
    async with running(shop.bus("host-1")) as host:

        async def talk() -> None:
            while True:
                await host.publish(PRINTER.event("scan"), bytes(200_000))

        talking = asyncio.create_task(talk())
        await asyncio.sleep(0)
        await shop.cut("host-1")
        with pytest.raises(BusUnavailable):
            async with asyncio.timeout(20):
                await talking


async def test_greeting_comes_after_the_subscriptions(shop: ShopBroker) -> None:
    host = shop.bus("edge")
    heard = host.subscribe([PRINTER.job])

    async def greet() -> None:
        await host.publish(PRINTER.job, b"to myself")

    host.on_connect(greet)
    async with running(host):
        assert (await next_of(heard)).payload == b"to myself"


async def test_a_subscription_made_while_connected_hears_what_is_said_after_it(
    shop: ShopBroker,
) -> None:
    async with running(shop.bus("edge")) as edge:
        for number in range(5):
            heard = edge.subscribe([PRINTER.job])
            await edge.publish(PRINTER.job, b"%d" % number)
            assert (await next_of(heard)).payload == b"%d" % number
            heard.close()


async def test_a_closed_subscription_ends_and_hears_nothing(shop: ShopBroker) -> None:
    async with running(shop.bus("edge")) as edge:
        closed, kept = edge.subscribe([PRINTER.job]), edge.subscribe([PRINTER.job])
        closed.close()
        closed.close()
        await edge.publish(PRINTER.job, b"one")
        assert (await next_of(kept)).payload == b"one"
        assert [message async for message in closed] == []


async def test_a_full_subscription_drops_the_newest_and_counts(shop: ShopBroker) -> None:
    async with running(shop.bus("edge")) as edge:
        narrow = edge.subscribe([PRINTER.job], queue_max=3)
        wide = edge.subscribe([PRINTER.job])
        for number in range(10):
            await edge.publish(PRINTER.job, b"%d" % number)
        assert await collect(wide, b"9") == [b"%d" % number for number in range(10)]
        assert narrow.dropped == 7
        assert await collect(narrow, b"2") == [b"0", b"1", b"2"]


async def test_the_largest_payload_passes_and_one_more_byte_is_refused(shop: ShopBroker) -> None:
    async with running(shop.bus("edge")) as edge:
        heard = edge.subscribe([PRINTER.job])
        await edge.publish(PRINTER.job, b"x" * MQTT_PAYLOAD_BYTES_MAX)
        assert len((await next_of(heard)).payload) == MQTT_PAYLOAD_BYTES_MAX
        with pytest.raises(Refused, match="the limit is 262144"):
            await edge.publish(PRINTER.job, b"x" * (MQTT_PAYLOAD_BYTES_MAX + 1))


@pytest.mark.parametrize("topic", ["", "a/+", "#", "a\0b", "$SYS/x"])
async def test_a_topic_that_is_none_is_a_defect(shop: ShopBroker, topic: str) -> None:
    async with running(shop.bus("edge")) as edge:
        with pytest.raises(ValueError, match="not a topic"):
            await edge.publish(topic, b"")
    with pytest.raises(ValueError, match="QoS 2"):
        await edge.publish("a", b"", qos=2)
    with pytest.raises(ValueError, match="not a topic filter"):
        edge.subscribe(["a/b+"])


async def test_a_bus_that_does_not_run_refuses(shop: ShopBroker) -> None:
    bus = shop.bus("edge")
    assert not bus.connected
    with pytest.raises(BusUnavailable):
        await bus.publish(PRINTER.job, b"")


async def test_qos_0_and_expiry_are_taken_everywhere(shop: ShopBroker) -> None:
    async with running(shop.bus("edge")) as edge:
        heard = edge.subscribe([PRINTER.job])
        await edge.publish(PRINTER.job, b"zero", qos=0)
        await edge.publish(PRINTER.job, b"one", expiry_s=30)
        assert await collect(heard, b"one") == [b"zero", b"one"]
