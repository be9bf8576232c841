"""From frames to sales: once each, bad events aside, unknown types parked until known."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge.contract.payment_events import (
    CardPaymentApproved,
    CardPaymentDeclined,
    CardPaymentRequested,
    CardPaymentUnknown,
    ForeignCashTendered,
    TenderTaken,
)
from edge.contract.price_events import LineReduction, PriceOverridden, PricesReduced, Reduction
from edge.contract.sale_events import LineVoided, SaleAbandoned, SaleOpened
from edge.contract.system_events import BoxStarted
from tests.bench.synthetic_sales import SyntheticShop
from tests.sync.office.head_office import Box, Served, sale_events, serve


async def _arrive(served: Served, box: Box) -> list[dict[str, Any]]:
    async with served.session(box) as (line, welcome):
        await line.upload(box.frame(welcome.head.seq))
    await served.until_projected(len(box.bodies))
    return await served.sales()


async def test_a_sale_as_it_was_on_the_till(served: Served, box: Box) -> None:
    box.record(BoxStarted(version="0.1.0", sqlite="3", clean=True))
    opened, line, cash, completed = sale_events("s", 300)
    second = msgspec.structs.replace(line, line="2", name="Roll, voided")  # type: ignore[type-var] # an event is a struct
    card = CardPaymentRequested(sale="s", payment="p1", amount_minor=100, terminal="t")
    box.record(opened, line, second, LineVoided(sale="s", line="2"))
    box.record(card, CardPaymentDeclined(sale="s", payment="p1", reason="no"))
    box.record(
        msgspec.structs.replace(card, payment="p2"),
        CardPaymentUnknown(sale="s", payment="p2", reason="cut"),
        CardPaymentApproved(
            sale="s", payment="p2", amount_minor=100, last4="0001", scheme="girocard"
        ),
    )
    box.record(cash, completed)
    (sale,) = await _arrive(served, box)
    assert {
        key: sale[key] for key in ("sale_id", "receipt_number", "store", "till", "cashier")
    } == {
        "sale_id": "s",
        "receipt_number": "till-1-s",
        "store": "harbour-street",
        "till": "till-1",
        "cashier": "marta",
    }
    assert (sale["total_minor"], sale["currency"], sale["change_minor"]) == (300, "EUR", 200)
    assert sale["seq"] == len(box.bodies)
    assert [
        (part["line_id"], part["name"], part["quantity"], part["amount_minor"], part["voided"])
        for part in sale["lines"]
    ] == [("1", "Bread roll", 1000, 300, False), ("2", "Roll, voided", 1000, 0, True)]
    assert [
        (part["kind"], part["amount_minor"], part["state"], part["last4"])
        for part in sale["tenders"]
    ] == [
        ("card", 100, "declined", ""),
        ("card", 100, "approved", "0001"),
        ("cash", 500, "taken", ""),
    ]
    assert [(tax["tax"], tax["gross_minor"]) for tax in sale["taxes"]] == [("reduced", 300)]


async def test_a_sale_that_a_terminal_completed_is_its_cashiers(served: Served, box: Box) -> None:
    *before, completed = sale_events("s", 300)
    box.record(*before)
    box.record(completed, actor="")
    (sale,) = await _arrive(served, box)
    assert sale["cashier"] == "marta"


async def test_open_and_abandoned_sales_are_not_shown(served: Served, box: Box) -> None:
    box.record(SaleOpened(sale="open", currency="EUR"))
    box.record(SaleOpened(sale="gone", currency="EUR"), SaleAbandoned(sale="gone"))
    box.sell("done")
    assert [sale["sale_id"] for sale in await _arrive(served, box)] == ["done"]


def _put_in(box: Box, **changed: Any) -> None:
    """Record an event whose canonical bytes are not as they should be."""
    box.record(SaleOpened(sale="x", currency="EUR"))
    plain = msgspec.json.decode(box.bodies[-1])
    box.bodies[-1] = msgspec.json.encode({**plain, **changed})


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"data": {"sale": 7}}, "cannot be read"),
        ({"data": None}, "cannot be read"),
        ({"seq": 99}, "its place is event 5"),
        ({"store": 2}, "its place is event 5"),
        ({"type": "line_voided", "data": {"sale": "a", "line": "77"}}, "no line 77"),
        (
            {
                "type": "price_overridden",
                "data": {
                    "sale": "a",
                    "line": "77",
                    "price_minor": 1,
                    "amount_minor": 1,
                    "reason": "x",
                },
            },
            "no line 77 to price",
        ),
        (
            {"type": "card_payment_declined", "data": {"sale": "a", "payment": "p", "reason": ""}},
            "no card payment p",
        ),
        (
            {
                "type": "cash_tendered",
                "data": {"sale": "a", "tender": "2", "amount_minor": 2**63},
            },
            "does not fit",
        ),
    ],
)
async def test_a_poison_event_steps_aside_and_the_others_go_on(
    served: Served, box: Box, changed: dict[str, Any], reason: str
) -> None:
    box.sell("a")
    _put_in(box, **changed)
    box.sell("b")
    assert [sale["sale_id"] for sale in await _arrive(served, box)] == ["a", "b"]
    store = await served.store()
    assert (store["quarantined"], store["parked"]) == (1, 0)
    rows = await served.office.file.read(
        lambda connection: connection.execute("SELECT seq, reason, body FROM quarantine").fetchall()
    )
    assert rows[0][0] == 5
    assert reason in rows[0][1]
    assert rows[0][2] == box.bodies[4]
    assert "event_quarantined" in served.log.getvalue()


async def test_an_absurd_total_steps_aside_and_the_takings_still_add_up(
    served: Served, box: Box
) -> None:
    for sale in ("x", "y"):
        box.sell(sale, 2**62)
    box.sell("z")
    assert "z" in [sale["sale_id"] for sale in await _arrive(served, box)]
    store = await served.store()
    assert store["quarantined"] == 2


async def test_bytes_that_are_no_event_step_aside(served: Served, box: Box) -> None:
    box.sell("a")
    box.bodies.append(b"\xff no JSON")
    box.sell("b")
    assert [sale["sale_id"] for sale in await _arrive(served, box)] == ["a", "b"]
    assert (await served.store())["quarantined"] == 1


async def test_an_unknown_type_is_parked(served: Served, box: Box) -> None:
    box.sell("a")
    _put_in(box, type="gift_card_sold", data={"card": "1"})
    _put_in(box, type="sale_opened", v=9, data={"sale": "later"})
    box.sell("b")
    assert [sale["sale_id"] for sale in await _arrive(served, box)] == ["a", "b"]
    store = await served.store()
    assert (store["quarantined"], store["parked"]) == (0, 2)


async def test_what_was_parked_is_read_once_its_type_is_known(tmp_path: Path) -> None:
    box = Box()
    box.sell("a")
    box.sell("b")
    async with serve(tmp_path, box) as served:
        assert len(await _arrive(served, box)) == 2

        def as_if_unknown(connection: Any) -> None:
            # as an older version would have left it: the sale's end parked, its row open
            connection.execute("INSERT INTO parked VALUES (1, 1, 8, 'sale_completed', 1, 1)")
            connection.execute("UPDATE sale SET arrival = NULL, state = 'open' WHERE sale = 'b'")

        await served.office.file.write(as_if_unknown)
        assert len(await served.sales()) == 1
    async with serve(tmp_path, box) as served:
        async with asyncio.timeout(20):
            while len(await served.sales()) < 2:
                await asyncio.sleep(0.005)
        assert [sale["sale_id"] for sale in await served.sales()] == ["a", "b"]
        assert (await served.store())["parked"] == 0


async def test_reading_everything_again_changes_nothing(served: Served, box: Box) -> None:
    shop = SyntheticShop(7)
    for _ in range(40):
        box.bodies += shop.sale()
    before = await _arrive(served, box)
    assert len(before) > 30
    projector = served.office.projector
    projector.read_again()
    assert await projector.step() == 1
    assert await served.sales() == before


async def test_sales_come_in_pages_in_the_order_of_arrival(served: Served, box: Box) -> None:
    for number in range(700):
        box.sell(f"{number:04d}")
    far = Box("far-away", 2)
    far.sell("far")
    await served.add(far)
    await _arrive(served, box)
    async with served.session(far) as (line, _):
        await line.upload(far.frame())
    await served.until_projected(4, "far-away")
    _, first = await served.ask("GET", "/api/v1/sales")
    _, rest = await served.ask("GET", f"/api/v1/sales?after={first['next']}")
    ids = [sale["sale_id"] for page in (first, rest) for sale in page["sales"]]
    assert len(first["sales"]) == 500
    assert ids == [*(f"{number:04d}" for number in range(700)), "far"]
    assert [sale["sale_id"] for sale in await served.sales("?store=far-away")] == ["far"]
    _, end = await served.ask("GET", f"/api/v1/sales?after={rest['next']}")
    assert end == {"sales": [], "next": rest["next"]}
    assert (await served.store())["projected_seq"] == 2_800


async def test_reductions_are_shown_on_their_lines_and_the_newest_count(
    served: Served, box: Box
) -> None:
    opened, line, cash, completed = sale_events("s", 300)
    tenth = Reduction("promotion", "tenth", "A tenth", (LineReduction("1", 30),))
    fixed = Reduction("promotion", "fixed", "One less", (LineReduction("1", 1),))
    box.record(opened, line, PricesReduced(sale="s", reductions=(tenth,)))
    box.record(PricesReduced(sale="s", reductions=(fixed, tenth)), cash, completed)
    (sale,) = await _arrive(served, box)
    (part,) = sale["lines"]
    assert (part["listed_minor"], part["amount_minor"]) == (300, 269)
    assert part["reductions"] == [
        {
            "source": "promotion",
            "id": "fixed",
            "name": "One less",
            "amount_minor": 1,
            "approver": "",
        },
        {
            "source": "promotion",
            "id": "tenth",
            "name": "A tenth",
            "amount_minor": 30,
            "approver": "",
        },
    ]


async def test_a_sale_without_reductions_has_none(served: Served, box: Box) -> None:
    opened, line, cash, completed = sale_events("s", 300)
    tenth = Reduction("promotion", "tenth", "A tenth", (LineReduction("1", 30),))
    box.record(opened, line, PricesReduced(sale="s", reductions=(tenth,)))
    box.record(PricesReduced(sale="s"), cash, completed)
    (sale,) = await _arrive(served, box)
    (part,) = sale["lines"]
    assert (part["listed_minor"], part["amount_minor"], part["reductions"]) == (300, 300, [])


async def test_an_overridden_price_is_the_price_of_its_line(served: Served, box: Box) -> None:
    opened, line, cash, completed = sale_events("s", 300)
    dear = msgspec.structs.replace(line, price_minor=900, amount_minor=900)  # type: ignore[type-var] # an event is a struct
    given = PriceOverridden(sale="s", line="1", price_minor=300, amount_minor=300, reason="shelf")
    box.record(opened, dear, given, cash, completed)
    (sale,) = await _arrive(served, box)
    (part,) = sale["lines"]
    assert (part["price_minor"], part["listed_minor"], part["amount_minor"]) == (300, 300, 300)


async def test_tenders_of_every_kind_are_shown_as_taken(served: Served, box: Box) -> None:
    opened, line, _, completed = sale_events("s", 300)
    card = TenderTaken(
        sale="s", tender="1", kind="gift_card", amount_minor=100, reference="GC-1", approver="pawel"
    )
    notes = ForeignCashTendered(
        sale="s", tender="2", currency="USD", foreign_minor=500, rate_ppm=850_000, amount_minor=425
    )
    box.record(opened, line, card, notes, completed)
    (sale,) = await _arrive(served, box)
    assert [(part["kind"], part["amount_minor"], part["state"]) for part in sale["tenders"]] == [
        ("gift_card", 100, "taken"),
        ("cash", 425, "taken"),
    ]
