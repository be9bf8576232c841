"""Events reach head office in order, once, whatever breaks on the way."""

from __future__ import annotations

import pytest

from edge.contract.limits import (
    FRAMES_IN_FLIGHT_MAX,
)
from tests.sync.replicator.shop import Shop, until
from tests.sync.tcp_cutter import TcpCutter


@pytest.mark.parametrize("frame_events", [1, 3, 64])
async def test_500_events_arrive_in_order_once(shop: Shop, frame_events: int) -> None:
    shop.edge.frame_events = frame_events
    shop.edge.sell(300)
    async with shop.replicating():
        await until(lambda: len(shop.office.events) >= 150)
        shop.edge.sell(200)
        await until(lambda: shop.in_step)
    assert (shop.office.duplicates, shop.office.gaps) == (0, 0)
    assert len(shop.office.hellos) == 1
    assert shop.office.sessions_max == 1


async def test_a_new_sale_goes_up_while_the_line_is_idle(shop: Shop) -> None:
    async with shop.replicating():
        await until(lambda: shop.edge.polls_waiting == 1)
        for count in (1, 2, 3):
            shop.edge.sell(1)
            await until(lambda count=count: shop.edge.accepted_seq == count)  # type: ignore[misc]  # mypy infers no type for a default of a lambda
    assert shop.edge.asked_after == [0, 1, 2, 3]


async def test_the_upload_follows_a_head_that_went_back(shop: Shop) -> None:
    """Head office was restored from yesterday: the box's own memory is not asked."""
    shop.edge.sell(40)
    async with shop.replicating():
        await until(lambda: shop.in_step)
        shop.office.lose(15)
        shop.office.lines[-1].cut()
        await until(lambda: shop.in_step)
    assert shop.edge.asked_after.count(15) == 2
    assert shop.office.gaps == 0


async def test_a_replicator_that_was_restarted_begins_where_head_office_is(shop: Shop) -> None:
    shop.edge.sell(10)
    async with shop.replicating():
        await until(lambda: shop.in_step)
    shop.edge.sell(5)
    async with shop.replicating():
        await until(lambda: shop.in_step)
    assert shop.office.duplicates == 0
    assert shop.office.hellos[-1].head.seq == 15


async def test_cut_at_every_message(shop: Shop) -> None:
    """Connection n is cut at its n-th message, whichever way that one goes."""
    plan = list(range(1, 40))
    shop.office.cut_plan = plan.copy()
    shop.edge.sell(60)
    async with shop.replicating():
        for _ in plan:
            left = len(shop.office.cut_plan)
            if not left:
                break
            shop.edge.sell(10)
            await until(lambda left=left: len(shop.office.cut_plan) < left)  # type: ignore[misc]  # as above
        await until(lambda: not shop.office.cut_plan and shop.in_step)
    assert shop.office.gaps == 0


@pytest.mark.parametrize("step", [61, 173])
async def test_cut_anywhere_in_the_bytes(shop: Shop, step: int) -> None:
    """Connection n is cut after n times `step` bytes: in the greeting, in a frame, in an ack."""
    cutter = TcpCutter(shop.office.port, iter(range(step, 60 * step, step)))
    await cutter.start()
    shop.edge.sell(100)
    try:
        async with shop.replicating(office_port=cutter.port):
            await until(lambda: shop.in_step, within_s=25)
    finally:
        await cutter.stop()
    assert cutter.cuts > 5
    assert shop.office.gaps == 0


@pytest.mark.parametrize("call", range(1, 16))
async def test_edge_dies_at_any_call(shop: Shop, call: int) -> None:
    shop.edge.sell(6)
    shop.edge.die_at_call = call
    async with shop.replicating():
        await until(lambda: shop.edge.calls >= call)
        await shop.edge.stop()
        await until(lambda: bool(shop.lines("link_down")))
        shop.edge.die_at_call = None
        shop.edge.sell(4)
        await shop.edge.start()
        await until(lambda: shop.in_step)
        await until(lambda: shop.link == "up")
    assert shop.office.gaps == 0


async def test_office_dies_between_frame_and_acknowledgement(shop: Shop) -> None:
    shop.edge.sell(10)
    shop.office.die_before_ack_of = 4
    async with shop.replicating():
        await until(lambda: shop.in_step)
    assert len(shop.office.hellos) == 2
    assert shop.office.gaps == 0


async def test_office_forgets_what_it_did_not_acknowledge(shop: Shop) -> None:
    """All that may be under way was and none was kept: all of it comes again."""
    shop.office.acks_held.clear()
    shop.edge.sell(10)
    async with shop.replicating():
        await until(lambda: len(shop.office.events) == FRAMES_IN_FLIGHT_MAX)
        shop.office.lose(0)
        shop.office.lines[-1].cut()
        shop.office.acks_held.set()
        await until(lambda: shop.in_step)


async def test_office_is_gone_for_a_while(shop: Shop) -> None:
    shop.edge.sell(5)
    async with shop.replicating():
        await until(lambda: shop.in_step)
        await shop.office.stop()
        await until(lambda: shop.link == "down")
        shop.edge.sell(20)
        tries = len(shop.clock.slept)
        await until(lambda: len(shop.clock.slept) > tries + 3)
        await shop.office.start()
        await until(lambda: shop.in_step)
        await until(lambda: shop.link == "up")
    downs = shop.lines("link_down")
    assert len({line["reason"] for line in downs}) == len(downs), "each trouble is logged once"


async def test_resend_goes_back_and_loses_nothing(shop: Shop) -> None:
    shop.office.reject_once = {3, 7}
    shop.edge.sell(30)
    async with shop.replicating():
        await until(lambda: shop.in_step)
    assert len(shop.office.hellos) == 1, "a resend does not end the session"
    assert len(shop.lines("resend")) >= 2


async def test_resend_wakes_a_poll_that_waits(shop: Shop) -> None:
    shop.edge.sell(5)
    async with shop.replicating():
        await until(lambda: shop.in_step and shop.edge.polls_waiting == 1)
        shop.office.lose(2)
        await shop.office.send({"msg": "resend", "head": shop.office.head, "reason": "lost some"})
        await until(lambda: shop.in_step)
    assert len(shop.office.hellos) == 1


async def test_no_more_frames_under_way_than_allowed(shop: Shop) -> None:
    shop.office.acks_held.clear()
    shop.edge.sell(50)
    async with shop.replicating():
        await until(lambda: shop.office.frames_unanswered == FRAMES_IN_FLIGHT_MAX)
        asked = len(shop.edge.asked_after)
        links = len(shop.edge.links)
        await until(lambda: len(shop.edge.links) > links + 2)
        assert len(shop.edge.asked_after) == asked == FRAMES_IN_FLIGHT_MAX
        shop.office.acks_held.set()
        await until(lambda: shop.in_step)
    assert shop.office.frames_unanswered_max == FRAMES_IN_FLIGHT_MAX


async def test_an_edge_that_never_waits_is_not_asked_without_end(shop: Shop) -> None:
    shop.edge.never_waits = True
    async with shop.replicating():
        await until(lambda: shop.clock.slept.count(0.25) >= 3)
    assert len(shop.edge.asked_after) <= shop.clock.slept.count(0.25) + 1


async def test_resend_empties_a_full_window(shop: Shop) -> None:
    """None of the four frames under way was kept, and none will be acknowledged."""
    shop.office.acks_held.clear()
    shop.office.reject_once = {1}
    shop.edge.sell(10)
    async with shop.replicating():
        await until(lambda: shop.office.frames_unanswered == FRAMES_IN_FLIGHT_MAX)
        shop.office.acks_held.set()
        await until(lambda: shop.in_step)
    assert len(shop.office.hellos) == 1
    assert shop.office.gaps == FRAMES_IN_FLIGHT_MAX - 1
