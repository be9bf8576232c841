"""Tills in the states that a refusal may meet: each story is told to a fresh till."""

from __future__ import annotations

from collections.abc import Callable

from edge.contract.till_commands import CancelCard
from edge.engine.cart import EMPTY
from tests.engine.shop_in_memory import CHEESE_742_G, DEAR, MILK, ROLL
from tests.engine.till_in_memory import TillInMemory

Story = Callable[[TillInMemory], object]


def paying(till: TillInMemory) -> None:
    till.add(DEAR)
    till.card(1_000)


def in_doubt(till: TillInMemory) -> None:
    paying(till)
    till.lose()


def done(till: TillInMemory) -> None:
    till.add(ROLL)
    till.cash(45)


def part_paid(till: TillInMemory) -> None:
    till.add(ROLL)
    till.cash(5)


def card_charged(till: TillInMemory) -> None:
    till.add(MILK)
    till.card(29)
    till.approve()


def voided(till: TillInMemory) -> None:
    till.add(ROLL)
    till.void("1")


def open_sale(till: TillInMemory) -> None:
    till.add(ROLL)


def idle(till: TillInMemory) -> None:
    assert till.cart == EMPTY


def weighed_by_label(till: TillInMemory) -> None:
    till.add(CHEESE_742_G)


def cancel(till: TillInMemory) -> object:
    return till.do(CancelCard(command_id="command-x"))
