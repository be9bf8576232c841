"""What people settled of a card counts at head office as it does on the till, and once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from edge.contract.card_desk_events import (
    CardAnsweredLate,
    CardPaymentResolved,
    CardRefundResolved,
    CardReversalApproved,
    CardReversalRequested,
)
from edge.contract.card_refund_events import CardRefundRequested, CardRefundUnknown
from edge.contract.payment_events import CardPaymentRequested, CardPaymentUnknown
from tests.sync.office.head_office import Box, Served, sale_events, serve
from tests.sync.office.test_projector import _arrive


@pytest.fixture
def box() -> Box:
    return Box()


@pytest.fixture
async def served(tmp_path: Path, box: Box) -> AsyncIterator[Served]:
    async with serve(tmp_path, box) as served:
        yield served


def resolved(payment: str, outcome: str, amount: int) -> CardPaymentResolved:
    return CardPaymentResolved(
        sale="s", payment=payment, outcome=outcome, amount_minor=amount, source="slip", reason="x"
    )


def taken_back(payment: str, amount: int) -> CardReversalApproved:
    return CardReversalApproved(
        sale="s", payment=payment, reversal=f"v-{payment}", amount_minor=amount, asked_minor=100
    )


async def test_each_payment_stands_as_people_settled_it(served: Served, box: Box) -> None:
    opened, line, cash, completed = sale_events("s", 300)
    box.record(opened, line)
    for payment in ("p1", "p2", "p3", "p4"):
        box.record(
            CardPaymentRequested(sale="s", payment=payment, amount_minor=100, terminal="t"),
            CardPaymentUnknown(sale="s", payment=payment, reason="cut"),
        )
    box.record(resolved("p1", "approved", 100))
    box.record(resolved("p2", "declined", 0))
    box.record(
        CardReversalRequested(
            sale="s", payment="p3", reversal="v-p3", amount_minor=100, terminal="t", receipt="1",
            reason="x",
        ),
        taken_back("p3", 100),
        taken_back("p4", 999),
    )  # fmt: skip
    # what terminals say afterwards changes nothing
    late = {"sale": "s", "amount_minor": 100, "outcome": "approved"}
    box.record(
        CardAnsweredLate(payment="p1", differs=False, **late),  # type: ignore[arg-type]
        CardAnsweredLate(payment="p2", differs=True, **late),  # type: ignore[arg-type]
    )
    box.record(cash, completed)
    (sale,) = await _arrive(served, box)
    assert [
        (tender["kind"], tender["amount_minor"], tender["state"]) for tender in sale["tenders"]
    ] == [
        ("card", 100, "approved"),
        ("card", 100, "declined"),
        ("card", 100, "declined"),
        ("card", 100, "unknown"),
        ("cash", 500, "taken"),
    ]


@pytest.mark.parametrize(("outcome", "state"), [("approved", "approved"), ("declined", "declined")])
async def test_a_refund_stands_as_people_settled_it(
    served: Served, box: Box, outcome: str, state: str
) -> None:
    opened, line, cash, completed = sale_events("s", 300)
    box.record(
        opened,
        line,
        CardRefundRequested(sale="s", refund="r", amount_minor=100, terminal="t"),
        CardRefundUnknown(sale="s", refund="r", reason="cut"),
        CardRefundResolved(
            sale="s", refund="r", outcome=outcome, amount_minor=100, source="portal", reason="x"
        ),
        cash,
        completed,
    )
    (sale,) = await _arrive(served, box)
    tender = sale["tenders"][0]
    assert (tender["kind"], tender["amount_minor"], tender["state"]) == ("card", -100, state)
