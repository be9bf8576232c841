"""Tokens of head office on their way to the box, and what becomes of a denial."""

from __future__ import annotations

import io
from typing import Any, cast

import msgspec
import pytest

from edge.contract.ratchet import RATCHET, RatchetShown
from edge.contract.replication import (
    Challenge,
    Denied,
    Head,
    LinkReport,
    Proof,
    ReplicaStatus,
)
from edge.runtime.backoff import Backoff
from edge.runtime.structured_log import Log
from edge.runtime.system_clock import SystemClock
from sync.replicator.session import Session, link_report
from sync.replicator.troubles import KEEPER, OfficeDenied, OfficeUnreachable
from tests.sync.replicator.shop import Shop, until


async def keeping(shop: Shop, tokens: RatchetShown) -> None:
    await shop.edge.stop()
    shop.edge.tokens = tokens
    await shop.edge.start()


async def test_a_token_is_kept_and_that_is_said_and_shown_the_next_time(shop: Shop) -> None:
    await keeping(shop, RatchetShown("old", "old"))
    shop.office.tokens = ["first", "second"]
    shop.edge.sell(2)
    async with shop.replicating():
        await until(lambda: shop.office.tokens_kept == ["first"] and shop.in_step)
        shop.office.lines[-1].cut()
        await until(lambda: shop.office.tokens_kept == ["first", "second"])
    assert shop.edge.tokens_kept == ["first", "second"]
    shown = [hello.ratchet for hello in shop.office.hellos]
    assert shown == [RatchetShown("old", "old"), RatchetShown("first", "first")]
    assert all(RATCHET in hello.hears for hello in shop.office.hellos)


async def test_with_a_head_office_of_before_nothing_is_kept_and_all_goes_up(shop: Shop) -> None:
    await keeping(shop, RatchetShown())
    shop.edge.sell(3)
    async with shop.replicating():
        await until(lambda: shop.in_step)
    assert (shop.edge.tokens_kept, shop.office.tokens_kept) == ([], [])


async def test_with_an_edge_that_keeps_none_head_office_is_not_told_of_any(shop: Shop) -> None:
    shop.office.tokens = ["first"]
    shop.edge.sell(3)
    async with shop.replicating():
        await until(lambda: shop.in_step)
    (hello,) = shop.office.hellos
    assert (hello.ratchet, RATCHET in hello.hears) == (None, False)
    assert shop.office.tokens == ["first"]


async def test_a_token_that_the_box_has_no_place_for_is_left_alone(shop: Shop) -> None:
    shop.office.token_for_all = "forced"
    shop.edge.sell(3)
    async with shop.replicating():
        await until(lambda: shop.in_step)
    assert (shop.office.tokens_kept, shop.lines("ratchet_not_kept")) == ([], [])


async def test_where_it_cannot_be_kept_all_goes_up_and_nothing_is_said(shop: Shop) -> None:
    await keeping(shop, RatchetShown("old", "old"))
    shop.edge.tokens_refused = True
    shop.office.tokens = ["first"]
    shop.edge.sell(3)
    async with shop.replicating():
        await until(lambda: shop.in_step and shop.lines("ratchet_not_kept") != [])
    assert (shop.office.tokens_kept, shop.edge.tokens) == ([], RatchetShown("old", "old"))


@pytest.mark.parametrize("code", ["box_twice", "box_replaced", "box_copied"])
async def test_edge_is_told_by_which_code_head_office_denied_it(shop: Shop, code: str) -> None:
    shop.office.deny = Denied(code, "Two of them.")
    async with shop.replicating():
        await until(lambda: shop.edge.links != [] and shop.edge.links[-1].code == code)
    assert shop.link == "down"


def test_what_is_no_denial_has_no_code_and_a_report_of_before_is_read() -> None:
    assert link_report(None).code == ""
    assert link_report(OfficeUnreachable("link_lost", "x")).code == ""
    assert link_report(OfficeDenied("box_twice", "x")).code == "box_twice"
    older = msgspec.json.decode(b'{"state":"up"}', type=LinkReport)
    assert older == LinkReport("up")
    assert msgspec.json.encode(LinkReport("up")) == b'{"state":"up"}'


class Introduced(Exception):
    """The box has said who it is."""


class SecondCopy:
    """The line to a second copy, up to the introduction."""

    peer = KEEPER

    def __init__(self) -> None:
        self.said: list[Any] = []

    async def next(self) -> Challenge:
        return Challenge("nonce")

    async def say(self, message: Any) -> None:
        self.said.append(message)
        if isinstance(message, Proof):
            raise Introduced


class Keeping:
    """An edge that is asked for a second copy."""

    keeper = "ab" * 32

    async def prove(self, nonce: str) -> Proof:
        return Proof(nonce)


async def test_a_second_copy_is_shown_no_token_and_asked_for_none() -> None:
    head = Head(1, 0, "0" * 64)
    status = ReplicaStatus("s", 1, "cd" * 32, head, head, {}, ratchet=RatchetShown("a", "a"))
    clock, line = SystemClock(), SecondCopy()
    log = Log(io.StringIO(), clock, {})
    session = Session(cast("Any", Keeping()), cast("Any", line), status, Backoff(1, 2), clock, log)
    with pytest.raises(Introduced):
        await session.run()
    hello = line.said[0]
    assert (hello.ratchet, hello.hears, hello.box) == (None, (), "cd" * 32)
