"""What every store of sales keeps to, whatever it is made of.

A law is given a way to keep sales, and compares rows: what the tables hold is what was folded.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec

from edge.contract.price_events import (
    LineReduction,
    PricesReduced,
    Reduction,
)
from edge.contract.receipt_events import ReceiptPresented
from edge.contract.system_events import HistoryMended, SurvivorSalvaged
from tests.sync.office.busy_boxes import busy_box, came_back, coupon_sale, put_in
from tests.sync.office.head_office import AT, Box, sale_events
from tests.sync.office.kept_sales import Keeping, keeping, without

Law = Callable[[Keeping], Awaitable[None]]


# --- what is kept -------------------------------------------------------------------------


async def a_sale_is_kept_with_all_its_parts(kept: Keeping) -> None:
    box = Box("shop-1", 1)
    box.sell("s", 300)
    rows = await kept.all(box)
    assert [row[:2] for row in rows["sale"]] == [(1, "s")]
    (line,) = rows["sale_line"]
    assert line[:6] == (1, "s", 2, "1", "100001", "Bread roll")
    assert rows["tender"] == [(1, "s", 3, "1", "cash", 500, "taken", "", "", "")]
    assert rows["sale_tax"] == [(1, "s", "reduced", 0, 300, 0, 300)]
    assert rows["projected"] == [(1, 4)]
    assert rows["cursor"] == [(kept.place.events.partition_of(1), 1)]


async def frames_cut_anywhere_come_to_the_same(kept: Keeping) -> None:
    whole, cut = busy_box(1), busy_box(2)
    # the same events of two stores, once in one frame and once in many
    cut.bodies = [
        msgspec.json.encode({**msgspec.json.decode(body, type=dict), "store": 2})
        for body in whole.bodies
    ]
    await kept.arrive(whole)
    await kept.arrive(cut, frames=23)
    await kept.settle()
    rows = await kept.place.rows()
    tables = without(rows, "cursor", "alarm", "quarantine", "used_code", "parked")
    assert len(rows["sale"]) > 80
    for name, found in tables.items():
        here, there = ([row for row in found if row[0] == each] for each in (1, 2))
        assert [_bare(name, row) for row in here] == [_bare(name, row) for row in there], name


def _bare(name: str, row: tuple[Any, ...]) -> tuple[Any, ...]:
    """A row without its store, and of a sale without its place in the order of arrival."""
    return row[1:15] + row[16:] if name == "sale" else row[1:]


async def what_is_read_again_changes_nothing(kept: Keeping) -> None:
    boxes = [busy_box(1), busy_box(2, seed=9)]
    before = await kept.all(*boxes)
    codes = await kept.place.codes()
    assert len(codes) > 10
    assert len(before["sale"]) > 100
    kept.projector.read_again()
    assert await kept.settle() == 2
    assert await kept.place.rows() == before
    assert await kept.place.codes() == codes


async def a_new_worker_goes_on_where_the_last_one_was(kept: Keeping) -> None:
    box = busy_box(1)
    await kept.all(box)
    again = await keeping(kept.place)
    again.heads = kept.heads
    assert await again.settle() == 0
    box.sell("after")
    await again.arrive(box)
    assert await again.settle() == 1
    assert (1, "after") in [row[:2] for row in (await kept.place.rows())["sale"]]


async def arrivals_count_completions_without_a_gap(kept: Keeping) -> None:
    rows = await kept.all(busy_box(1), busy_box(2, seed=3), busy_box(3, seed=4))
    arrivals = [row[15] for row in rows["sale"] if row[15] is not None]
    assert sorted(arrivals) == list(range(1, len(arrivals) + 1))
    for store in (1, 2, 3):
        # within a store they are in the order of its events
        ended = sorted((row[14], row[15]) for row in rows["sale"] if row[0] == store and row[15])
        assert [each for _, each in ended] == sorted(each for _, each in ended)


# --- what does not fit --------------------------------------------------------------------


_POISON: Final[tuple[tuple[dict[str, Any], str], ...]] = (
    ({"data": {"sale": 7}}, "cannot be read"),
    ({"data": None}, "cannot be read"),
    ({"seq": 99}, "its place is event 6"),
    ({"store": 2}, "its place is event 6"),
    ({"type": "line_voided", "data": {"sale": "o", "line": "77"}}, "no line 77"),
    ({"type": "line_voided", "data": {"sale": "a", "line": "1"}}, "was completed by event 4"),
    ({"type": "sale_abandoned", "data": {"sale": "never"}}, "was never opened"),
    (
        {"type": "card_payment_declined", "data": {"sale": "o", "payment": "p", "reason": ""}},
        "no card payment p",
    ),
    (
        {"type": "cash_tendered", "data": {"sale": "o", "tender": "2", "amount_minor": 2**63}},
        "does not fit",
    ),
    (
        {"type": "cash_returned", "data": {"sale": "o", "tender": "2", "amount_minor": -(2**63)}},
        "does not fit",
    ),
    ({"at": 2**70}, "does not fit"),
    ({"type": "note_set", "data": {"sale": "o", "text": "a\0b"}}, "has a NUL"),
    ({"till": "till\0", "type": "note_set", "data": {"sale": "o", "text": ""}}, "has a NUL"),
    ({"data": {"sale": "x" * 5_000, "currency": "EUR"}}, "longer than"),
    ({"type": "unheard\0of"}, "has a NUL"),
)


async def a_poison_event_steps_aside_alone(kept: Keeping) -> None:
    for number, (changed, reason) in enumerate(_POISON, 10):
        box = Box(f"shop-{number}", number)
        box.sell("a")
        put_in(box, seq=5, type="sale_opened", data={"sale": "o", "currency": "EUR"})
        put_in(box, **{**changed, **({"store": number + 1} if "store" in changed else {})})
        box.sell("b")
        rows = await kept.all(box)
        ((*place, told, body),) = [row for row in rows["quarantine"] if row[0] == number]
        assert place == [number, 1, 6], changed
        assert reason in told, (changed, told)
        assert body == box.bodies[5]
        assert [row[1] for row in rows["sale"] if row[0] == number] == ["a", "b", "o"], changed
        # nothing of it is left on the sale that it names, completed or open
        (line,) = [row for row in rows["sale_line"] if row[:2] == (number, "a")]
        assert line == (number, "a", 2, *line[3:12], False, 0, False, "", 0, "scanned", False)
        (head,) = [row for row in rows["sale"] if row[:2] == (number, "o")]
        assert head[2:] == ("till-1", "marta", "EUR", True, AT + 5, "open", *head[8:])
        for table in ("sale_line", "tender", "sale_tax", "line_detail"):
            assert [row for row in rows[table] if row[:2] == (number, "o")] == [], changed
        assert (number, 10) in rows["projected"]


async def bytes_that_are_no_frame_or_no_event_step_aside(kept: Keeping) -> None:
    box = Box("shop-1", 1)
    box.sell("a")
    box.bodies.append(b"\xff no JSON")
    box.sell("b")
    rows = await kept.all(box)
    assert [row[1] for row in rows["sale"]] == ["a", "b"]
    assert [row[:3] for row in rows["quarantine"]] == [(1, 1, 5)]


async def absurd_amounts_step_aside_and_the_rest_adds_up(kept: Keeping) -> None:
    box = Box("shop-1", 1)
    for sale in ("x", "y"):
        box.sell(sale, 2**62)
    opened, line, *_ = sale_events("r")
    huge = Reduction("promotion", "p", "P", tuple(LineReduction("1", 2**62) for _ in range(3)))
    box.record(opened, line, PricesReduced(sale="r", reductions=(huge,)))
    box.sell("z")
    rows = await kept.all(box)
    assert [row[2] for row in rows["quarantine"]] == [4, 8, 11]
    assert [row[1] for row in rows["sale"] if row[15]] == ["z"]
    assert rows["sale_reduction"] == []


async def unknown_types_are_parked_and_read_once_known(kept: Keeping) -> None:
    box = Box("shop-1", 1)
    box.sell("a")
    put_in(box, type="gift_card_sold_later", data={"card": "1"})
    put_in(box, type="sale_opened", v=9, data={"sale": "later"})
    box.sell("b")
    rows = await kept.all(box)
    assert [row[1:5] for row in rows["parked"]] == [
        (1, 5, "gift_card_sold_later", 1),
        (1, 6, "sale_opened", 9),
    ]
    assert rows["quarantine"] == []
    before = without(rows, "parked", "projected")
    await kept.place.make_parked(1, 10, "sale_completed", 1)
    await kept.place.take_sales()
    again = await keeping(kept.place)
    assert await again.settle() == 1
    rows = await kept.place.rows()
    assert [row[2] for row in rows["parked"]] == [5, 6]
    for name in ("sale_line", "tender", "sale_tax", "cursor"):
        assert rows[name] == before[name]


# --- over all sales -----------------------------------------------------------------------


async def more_back_than_was_sold_is_told_whichever_came_first(kept: Keeping) -> None:
    seller, taker, other = (Box(f"shop-{number}", number) for number in (1, 2, 3))
    seller.sell("s")
    taker.record(*came_back("t", "s", 1000))
    other.record(*came_back("u", "s", 1000))
    rows = await kept.all(seller, taker)
    assert rows["alarm"] == []
    rows = await kept.all(other)
    (alarm,) = rows["alarm"]
    assert alarm[:2] == (3, "returned_more_than_sold")
    assert "Of Bread roll on receipt till-1-s of shop-1 2 came back and 1 were sold" in alarm[2]
    assert "shop-2,shop-3" in alarm[2]
    # one partition and one batch, the seller last: the sale itself tells of it, once
    late, first, second = (Box(f"shop-{number}", number) for number in (4, 7, 10))
    late.sell("late")
    first.record(*came_back("v", "late", 1000))
    second.record(*came_back("w", "late", 1000))
    rows = await kept.all(first, second, late)
    told = [row for row in rows["alarm"] if row[0] == 4]
    assert [(row[1], row[5]) for row in told] == [("returned_more_than_sold", 1)]
    # the seller long there, two that took back in one batch: the second was too many
    known, third, fourth = (Box(f"shop-{number}", number) for number in (13, 16, 19))
    known.sell("known")
    await kept.all(known)
    third.record(*came_back("y", "known", 1000))
    fourth.record(*came_back("z", "known", 1000))
    rows = await kept.all(third, fourth)
    assert [row[0] for row in rows["alarm"]] == [3, 4, 19]
    kept.projector.read_again()
    await kept.settle()
    assert (await kept.place.rows())["alarm"] == rows["alarm"]


async def a_receipt_of_a_sale_that_is_not_here_is_told(kept: Keeping) -> None:
    box = Box("shop-1", 1)

    def shown(sale: str) -> ReceiptPresented:
        return ReceiptPresented(
            sale=sale,
            receipt=f"r-{sale}",
            store=1,
            sale_gen=1,
            sale_seq=4,
            total_minor=300,
            currency="EUR",
            code="code",
        )

    box.sell("here")
    box.record(shown("here"))
    rows = await kept.all(box)
    assert rows["alarm"] == []
    box.record(shown("lost"))
    box.sell("lost")
    box.record(shown("lost"))
    rows = await kept.all(box)
    ((store, kind, words, first_at, last_at, count),) = rows["alarm"]
    assert (store, kind, count) == (1, "receipt_of_lost_sale", 1)
    assert first_at == last_at == AT + 6
    assert "Receipt r-lost of store 1 was shown here" in words


async def a_history_that_was_mended_is_told(kept: Keeping) -> None:
    box = Box("shop-1", 1)
    box.sell("here")
    mended = HistoryMended(
        fork_seq=2,
        fork_hash="ab" * 32,
        branch_gen=1,
        branch_seq=9,
        branch_hash="cd" * 32,
        set_aside="set-aside/x.db",
        sales_again=3,
    )
    box.record(mended)
    rows = await kept.all(box)
    ((store, kind, words, first_at, last_at, count),) = rows["alarm"]
    assert (store, kind, count) == (1, "history_mended", 1)
    assert first_at == last_at == AT + 5
    assert "were added: 3;" in words
    kept.projector.read_again()
    await kept.settle()
    assert (await kept.place.rows())["alarm"] == rows["alarm"]


async def sales_that_came_late_are_told(kept: Keeping) -> None:
    box = Box("shop-1", 1, gen=2)
    box.sell("here")
    late = SurvivorSalvaged(
        fork_seq=2,
        fork_hash="ab" * 32,
        branch_gen=1,
        branch_seq=9,
        branch_hash="cd" * 32,
        set_aside="set-aside/late.db",
        sales_again=3,
        sales_doubtful=1,
        receipts_twice=("till-1-000007",),
    )
    box.record(late)
    rows = await kept.all(box)
    ((store, kind, words, first_at, _, count),) = rows["alarm"]
    assert (store, kind, count, first_at) == (1, "survivor_salvaged", 1, AT + 5)
    for said in ("generation 1 had sold late", "added: 3;", "otherwise: 1", "000007", "late.db"):
        assert said in words


async def the_first_use_of_a_code_is_told_to_all(kept: Keeping) -> None:
    boxes = [Box(f"shop-{number}", number) for number in (1, 2)]
    for box in boxes:
        box.record(*coupon_sale(f"c-{box.number}", "ONCE"))
    await kept.all(*boxes)
    ((code, value),) = await kept.place.codes()
    assert code == "ONCE"
    assert msgspec.json.decode(value)["store"] == "shop-1"
    rows = await kept.place.rows()
    assert [(row[0], row[2], row[6] > 0) for row in rows["coupon_use"]] == [
        (1, "ONCE", True),
        (2, "ONCE", True),
    ]


LAWS: Final[tuple[Law, ...]] = (
    a_history_that_was_mended_is_told,
    a_sale_is_kept_with_all_its_parts,
    frames_cut_anywhere_come_to_the_same,
    what_is_read_again_changes_nothing,
    a_new_worker_goes_on_where_the_last_one_was,
    arrivals_count_completions_without_a_gap,
    a_poison_event_steps_aside_alone,
    bytes_that_are_no_frame_or_no_event_step_aside,
    absurd_amounts_step_aside_and_the_rest_adds_up,
    unknown_types_are_parked_and_read_once_known,
    more_back_than_was_sold_is_told_whichever_came_first,
    a_receipt_of_a_sale_that_is_not_here_is_told,
    the_first_use_of_a_code_is_told_to_all,
)
