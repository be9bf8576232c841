"""What the box is told of the link, and what people read when it is down."""

from __future__ import annotations

import asyncio
import zlib

import pytest
from typing_extensions import override

from edge.contract.limits import (
    BACKOFF_MS_MAX,
    BACKOFF_MS_MIN,
    FRAMES_IN_FLIGHT_MAX,
    LINK_DENIED_RETRY_MS,
)
from edge.contract.reference_data import Feed, FeedPage
from edge.contract.replication import Denied, LinkReport
from edge.runtime.backoff import Backoff
from tests.sync.fake_edge import STORE
from tests.sync.replicator.shop import BriskClock, Shop, until
from tests.sync.tcp_cutter import TcpCutter


async def test_up_and_down_are_reported_with_words(shop: Shop) -> None:
    async with shop.replicating():
        await until(lambda: shop.edge.links[-1:] == [LinkReport("up")])
        await shop.office.stop()
        await until(lambda: shop.link == "down")
        await until(lambda: "cannot be reached" in shop.edge.links[-1].reason)
        await shop.office.start()
        await until(lambda: shop.edge.links[-1] == LinkReport("up"))


async def test_an_edge_that_was_restarted_is_told_again(shop: Shop) -> None:
    """Even when nothing else would have to be asked of it."""
    shop.office.acks_held.clear()
    shop.edge.sell(50)
    async with shop.replicating():
        await until(lambda: shop.office.frames_unanswered == FRAMES_IN_FLIGHT_MAX)
        await shop.edge.stop()
        shop.edge.links.clear()
        await shop.edge.start()
        await until(lambda: LinkReport("up") in shop.edge.links)


async def test_a_denial_is_logged_once_and_not_hurried(shop: Shop) -> None:
    shop.office.deny = Denied("store_closed", "This store is closed at head office.")
    async with shop.replicating():
        await until(lambda: len(shop.office.hellos) >= 3)
        shop.office.deny = None
        shop.edge.sell(2)
        await until(lambda: shop.in_step)
    told = shop.lines("link_down")
    assert [line["reason"] for line in told] == ["This store is closed at head office."]
    assert (
        LinkReport("down", "This store is closed at head office.", code="store_closed")
        in shop.edge.links
    )
    long = [slept for slept in shop.clock.slept if slept > BACKOFF_MS_MAX / 1000]
    assert len(long) >= 3
    assert all(slept <= LINK_DENIED_RETRY_MS / 1000 for slept in long)


async def test_denied_in_the_middle(shop: Shop) -> None:
    async with shop.replicating():
        await until(lambda: shop.edge.polls_waiting == 1)
        await shop.office.send(Denied("box_replaced", "Another box has taken over."))
        told = LinkReport("down", "Another box has taken over.", code="box_replaced")
        await until(lambda: told in shop.edge.links)


async def test_a_wrong_token_is_told_once(shop: Shop) -> None:
    async with shop.replicating(token="not-the-token"):
        await until(lambda: shop.edge.wrong_tokens >= 6)
    assert [line["code"] for line in shop.lines("link_down")] == ["service_token_wrong"]
    assert shop.office.hellos == []


async def test_a_box_behind_head_office_sends_nothing(shop: Shop) -> None:
    """It was restored from an old copy: its next events would take the place of others."""
    shop.edge.sell(20)
    async with shop.replicating():
        await until(lambda: shop.in_step)
    shop.edge.forget(12)
    shop.edge.acks.clear()
    shop.edge.asked_after.clear()
    async with shop.replicating():
        await until(lambda: len(shop.office.hellos) >= 3)
        shop.edge.sell(3)
    assert shop.edge.asked_after == []
    assert shop.lines("replica_fork")[0]["code"] == "box_behind_office"
    assert shop.link == "down"


class PatientClock(BriskClock):
    """Who waits for a person waits for ever."""

    @override
    async def sleep(self, seconds: float) -> None:
        if seconds > BACKOFF_MS_MAX / 1000:
            await asyncio.Event().wait()
        await super().sleep(seconds)


async def test_another_history_at_head_office_stops_the_upload_alone(shop: Shop) -> None:
    shop.clock = PatientClock()
    shop.office.foreign_ack = True
    shop.edge.sell(1)
    async with shop.replicating():
        await until(lambda: bool(shop.lines("replica_fork")) and shop.link == "down")
        shop.edge.sell(10)
        told = len(shop.edge.links)
        await until(lambda: len(shop.edge.links) > told + 2)
        await shop.office.send_page(FeedPage(Feed.PRICE, (), 1))
        await until(lambda: len(shop.office.taken) == 1)
    assert shop.edge.acks == []
    assert len(shop.office.events) == 1
    assert {link.state for link in shop.edge.links[told:]} == {"down"}


async def test_another_hash_in_the_welcome_stops_the_upload(shop: Shop) -> None:
    shop.edge.sell(3)
    shop.office.events = [b"other"] * 3
    shop.office.hashes = [bytes(32), b"1" * 32, b"2" * 32, b"3" * 32]
    async with shop.replicating():
        await until(lambda: bool(shop.lines("replica_fork")))
        await until(lambda: shop.link == "down")
    assert shop.edge.asked_after == []


@pytest.mark.parametrize(
    ("word", "code"),
    [
        ("not json", "office_message_malformed"),
        ('{"msg":"ack"}', "office_message_malformed"),
        ("[" * 100_000, "office_message_malformed"),
        ('{"msg":"challenge","nonce":"again"}', "office_out_of_turn"),
        (None, "office_message_binary"),
    ],
)
async def test_nonsense_ends_the_session_and_the_next_one_works(
    shop: Shop, word: str | None, code: str
) -> None:
    async with shop.replicating():
        await until(lambda: shop.edge.polls_waiting == 1)
        await shop.office.send(word)
        await until(lambda: [line["code"] for line in shop.lines("link_down")] == [code])
        shop.edge.sell(3)
        await until(lambda: shop.in_step)


async def test_a_welcome_before_the_challenge_is_refused(shop: Shop) -> None:
    shop.office.first_words = [{"msg": "feed", "page": {}}]
    async with shop.replicating():
        await until(lambda: bool(shop.lines("link_down")))
    assert shop.lines("link_down")[0]["code"] == "office_out_of_turn"


async def test_what_is_no_head_office_is_named(shop: Shop) -> None:
    """office_url leads to the box itself: an HTTP server without that address."""
    async with shop.replicating(office_port=shop.edge.port):
        await until(lambda: bool(shop.lines("link_down")))
    assert shop.lines("link_down")[0]["code"] == "office_refuses_line"


async def test_a_line_that_swallows_everything_is_noticed(shop: Shop) -> None:
    """Both ends live and no byte arrives: the probe finds it within the silence allowed."""
    cutter = TcpCutter(shop.office.port)
    await cutter.start()
    try:
        async with shop.replicating(office_port=cutter.port):
            await until(lambda: shop.edge.links[-1:] == [LinkReport("up")])
            cutter.swallowing = True
            shop.edge.sell(1)
            await until(lambda: shop.link == "down", within_s=25)
            cutter.swallowing = False
            cutter.cut()
            await until(lambda: shop.in_step)
    finally:
        await cutter.stop()


async def test_a_missing_greeting_of_the_link_is_not_waited_for_at_the_end(shop: Shop) -> None:
    """A replicator that is stopped while head office says nothing stops at once."""
    shop.office.silent = True
    async with shop.replicating():
        await until(lambda: bool(shop.office.lines))


async def test_the_waits_are_those_of_the_store(shop: Shop) -> None:
    """After a mass outage no two shops come back in one rhythm."""
    await shop.office.stop()
    async with shop.replicating():
        await until(lambda: len(shop.clock.slept) >= 5)
    waits = Backoff(BACKOFF_MS_MIN, BACKOFF_MS_MAX, zlib.crc32(STORE.encode()))
    assert shop.clock.slept[:5] == [waits.next_ms() / 1000 for _ in range(5)]


@pytest.mark.parametrize("code", ["closing", "replaced", "busy"])
async def test_a_denial_that_passes_by_itself_is_tried_again_soon(shop: Shop, code: str) -> None:
    shop.office.deny = Denied(code, "Not now.")
    async with shop.replicating():
        await until(lambda: len(shop.office.hellos) >= 3)
    assert max(shop.clock.slept) <= BACKOFF_MS_MAX / 1000
