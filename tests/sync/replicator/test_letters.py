"""Receipts by e-mail go up beside the frames: each arrives, whatever breaks, and is then erased."""

from __future__ import annotations

import json

import pytest

from edge.contract.replication import LetterTaken
from tests.sync.replicator.shop import Shop, until
from tests.sync.tcp_cutter import TcpCutter

REFS = tuple(f"letter-{number:04d}" for number in range(1, 6))


def came(shop: Shop) -> bool:
    """Whether head office has every letter, and the box none any more."""
    return set(shop.office.letters) == set(REFS) and not shop.edge.letters


@pytest.fixture
def hearing(shop: Shop) -> Shop:
    shop.office.hears = ("letter",)
    return shop


async def test_letters_arrive_as_they_are_each_once(hearing: Shop) -> None:
    hearing.edge.write(*REFS[:2])
    async with hearing.replicating():
        await until(lambda: len(hearing.office.letters) == 2)
        hearing.edge.sell(3)
        hearing.edge.write(*REFS[2:])
        await until(lambda: came(hearing) and hearing.in_step)
    assert hearing.office.letters_came == list(REFS)
    assert json.loads(hearing.office.letters[REFS[0]]) == {
        "ref": REFS[0],
        "address": "a@b.co",
        "what": ["nobody", "reads", "here"],
    }


async def test_an_older_head_office_is_sent_none_and_the_box_keeps_them(shop: Shop) -> None:
    shop.edge.write(*REFS)
    shop.edge.sell(3)
    async with shop.replicating():
        await until(lambda: shop.in_step)
    assert shop.office.letters_came == []
    assert len(shop.edge.letters) == len(REFS)
    shop.office.hears = ("feed_refused", "letter")  # it was updated, days later
    async with shop.replicating():
        await until(lambda: came(shop))


async def test_an_older_box_knows_of_no_letters_and_replicates_all_the_same(hearing: Shop) -> None:
    hearing.edge.knows_letters = False
    await hearing.edge.stop()
    await hearing.edge.start()
    async with hearing.replicating():
        await until(lambda: bool(hearing.lines("letters_refused")))
        hearing.edge.sell(3)
        await until(lambda: hearing.in_step)
    assert len(hearing.office.hellos) == 1


async def test_cut_at_every_message(hearing: Shop) -> None:
    """Connection n is cut at its n-th message: before, at and behind each letter and answer."""
    plan = list(range(1, 16))
    hearing.office.cut_plan = plan.copy()
    async with hearing.replicating():
        for turn in plan:
            if not hearing.office.cut_plan:
                break
            left = len(hearing.office.cut_plan)
            if turn <= len(REFS):
                hearing.edge.write(REFS[turn - 1])
            hearing.edge.sell(5)
            await until(lambda left=left: len(hearing.office.cut_plan) < left)  # type: ignore[misc]  # mypy infers no type for a default of a lambda
        hearing.office.cut_plan = []
        await until(lambda: came(hearing) and hearing.in_step)


@pytest.mark.parametrize("step", [61, 173])
async def test_cut_anywhere_in_the_bytes(hearing: Shop, step: int) -> None:
    cutter = TcpCutter(hearing.office.port, iter(range(step, 30 * step, step)))
    await cutter.start()
    hearing.edge.write(*REFS)
    hearing.edge.sell(5)
    try:
        async with hearing.replicating(office_port=cutter.port):
            await until(lambda: came(hearing) and hearing.in_step, within_s=30)
    finally:
        await cutter.stop()


@pytest.mark.parametrize("call", range(4, 10))
async def test_the_box_is_killed_at_any_call(hearing: Shop, call: int) -> None:
    """Where the answer of head office is lost with it, the letter goes up again."""
    hearing.edge.write(*REFS)
    hearing.edge.die_at_call = call
    async with hearing.replicating():
        await until(lambda: hearing.edge.calls >= call)
        await hearing.edge.stop()
        hearing.edge.die_at_call = None
        await hearing.edge.start()
        await until(lambda: came(hearing))


async def test_a_letter_without_an_answer_is_sent_again_and_holds_nobody_up(
    hearing: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync.replicator.letters.LINK_ACK_S_MAX", 0.05)
    hearing.office.letters_unanswered = 1
    hearing.edge.never_waits = True
    hearing.edge.write(*REFS)
    async with hearing.replicating():
        await until(lambda: came(hearing))
        for number in range(40):  # what nobody waits for
            await hearing.office.send(LetterTaken(f"stranger-{number}"))
        hearing.edge.sell(3)
        await until(lambda: hearing.in_step)
    assert [line["ref"] for line in hearing.lines("letter_unanswered")] == [REFS[0]]
    assert hearing.office.letters_came.count(REFS[0]) == 2
    assert len(hearing.office.hellos) == 1
