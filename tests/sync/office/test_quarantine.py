"""What stands aside is seen, taken again, repaired or left: once, in order, and nothing else.

Every test is of sales in `office.db` and of sales in PostgreSQL: they keep the same laws.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge.contract.attention_limits import REQUEUED_SALES_MAX
from edge.contract.sale_events import SaleOpened
from edge.contract.system_events import BoxStarted
from edge.runtime.frame_codec import shipped_dictionaries
from sync.office.sale_rebuilding import ROWS_OF_SALES
from tests.sync.office.aside import (
    act,
    arrive,
    aside,
    columns,
    command,
    count,
    data_of,
    forget_sales,
    keep_sale,
    no_room_for_acts,
    repair,
    rich_sale,
    set_aside,
    spoil,
    tables,
    take_out,
)
from tests.sync.office.busy_boxes import coupon_sale
from tests.sync.office.conftest import NewSales
from tests.sync.office.head_office import Box, Served, sale_events, serve
from tests.sync.office.sale_places import codes_in
from tests.sync.office.test_alarms import until
from tests.sync.office.test_digests import digest_of


@pytest.fixture
async def served(tmp_path: Path, box: Box, new_sales: NewSales) -> AsyncIterator[Served]:
    async with serve(tmp_path, box, **await new_sales()) as served:
        yield served


async def _frames(served: Served) -> list[Any]:
    return list(await served.office.projector.events.read(0, 0, frames_max=500))


async def test_what_stands_aside_says_why_and_what_it_is(served: Served, box: Box) -> None:
    box.sell("a")
    good = spoil(box, 2, {"sale": "a", "line": "1", "price_minor": "3,00"})
    box.bodies.append(b"\xff no JSON")
    await arrive(served, box)
    found = await aside(served)
    assert (found["count"], found["left"], found["next"]) == (2, 0, "")
    line, garbage = found["events"]
    assert "price_minor" not in data_of(good) or "cannot be read" in line["reason"]
    assert {key: line[key] for key in ("store", "gen", "seq", "type", "sale", "till", "actor")} == {
        "store": "harbour-street",
        "gen": 1,
        "seq": 2,
        "type": "line_added",
        "sale": "a",
        "till": "till-1",
        "actor": "marta",
    }
    assert line["fields"] == [
        {"name": "sale", "text": "a"},
        {"name": "line", "text": "1"},
        {"name": "price_minor", "text": "3,00"},
    ]
    assert line["data"] == {"sale": "a", "line": "1", "price_minor": "3,00"}
    assert (garbage["seq"], garbage["type"], garbage["data"]) == (5, "", None)
    assert garbage["raw"] == "\ufffd no JSON"
    assert not garbage["delivery"]
    assert (await aside(served, "?store=harbour-street"))["count"] == 2
    assert (await served.ask("GET", "/api/v1/quarantine?store=nowhere"))[0] == 404
    assert (await served.ask("GET", "/api/v1/quarantine?after=1"))[0] == 400
    assert (await served.ask("GET", "/api/v1/quarantine?left=1"))[0] == 400


async def test_a_repaired_opening_takes_its_whole_sale_along(served: Served, box: Box) -> None:
    box.sell("a")
    rich_sale(box, "s")
    good = spoil(box, 5, {"sale": "s", "currency": 978})
    await arrive(served, box)
    frames = await _frames(served)
    assert (await served.store())["quarantined"] == 12
    assert [sale["sale_id"] for sale in await served.sales()] == ["a"]
    status, done = await repair(served, 5, good)
    assert status == 200, done
    assert [each["seq"] for each in done["taken"]] == list(range(5, 17))
    assert (done["left"], done["next"]) == ([], 0)
    assert [sale["sale_id"] for sale in await served.sales()] == ["a", "s"]
    assert (await served.store())["quarantined"] == 0
    assert await _frames(served) == frames
    _, acts = await served.ask("GET", "/api/v1/acts?store=harbour-street")
    (one,) = acts["acts"]
    assert (one["what"], one["who"], one["seq"], one["reason"]) == (
        "repair",
        "head",
        5,
        "as on the slip",
    )
    assert msgspec.json.decode(one["before"])["data"] == {"sale": "s", "currency": 978}
    assert one["after"].encode() == good


async def test_one_of_many_is_taken_with_its_whole_sale_in_chain_order(
    served: Served, box: Box
) -> None:
    """As an older version left them: what stands aside fits by now."""
    rich_sale(box, "s")
    rich_sale(box, "t")
    await arrive(served, box)
    whole = await tables(served)

    await take_out(served, " WHERE sale = 's'")
    why = "sale s was never opened"
    await set_aside(served, *((1, 1, n, why, body, 5) for n, body in enumerate(box.bodies[:12], 1)))
    status, done = await act(served, "requeue", {"events": [{"gen": 1, "seq": 7}]})
    assert status == 200, done
    assert len(done["taken"]) == 12
    assert await tables(served) == whole
    assert await count(served, "quarantine") == 0
    # it comes behind what arrived meanwhile
    assert [sale["sale_id"] for sale in await served.sales()] == ["t", "s"]


async def test_a_sale_that_is_made_anew_keeps_its_place(served: Served, box: Box) -> None:
    rich_sale(box, "s")
    good = spoil(box, 2, keep_sale(box.bodies[1]))
    box.sell("t")
    await arrive(served, box)
    before = {sale["sale_id"]: sale["arrival"] for sale in await served.sales()}
    # the price by hand and the line's own reduction rest on it
    assert [each["seq"] for each in (await aside(served))["events"]] == [2, 6]
    status, done = await repair(served, 2, good)
    assert status == 200, done
    assert [each["seq"] for each in done["taken"]] == [2, 6]
    sales = await served.sales()
    assert {sale["sale_id"]: sale["arrival"] for sale in sales} == before
    assert [line["amount_minor"] for line in sales[0]["lines"]] == [400, 380, 0]


@pytest.mark.parametrize("seed", range(6))
async def test_repairs_in_any_order_end_as_if_nothing_had_been_wrong(
    tmp_path: Path, seed: int, new_sales: NewSales
) -> None:
    chance = random.Random(seed)
    box = Box()
    for sale in ("s", "t", "u"):
        rich_sale(box, sale)
    async with serve(tmp_path / "clean", box, **await new_sales()) as served:
        await arrive(served, box)
        whole = await tables(served)
    bad = sorted(chance.sample(range(1, len(box.bodies) + 1), chance.randrange(2, 9)))
    good = {seq: spoil(box, seq, keep_sale(box.bodies[seq - 1])) for seq in bad}
    troubled = await new_sales()
    async with serve(tmp_path / "troubled", box, **troubled) as served:
        async with served.session(box) as (line, _):
            await line.say(digest_of_good(box, good))
            cuts = sorted(chance.sample(range(1, len(box.bodies)), 9))
            for after, upto in itertools.pairwise((0, *cuts, len(box.bodies))):
                await line.upload(box.frame(after, upto))
        await served.until_projected(len(box.bodies))
        assert await tables(served) != whole
        waiting = list(bad)
        chance.shuffle(waiting)
        tries = 0
        while waiting:
            tries += 1
            assert tries < 200, f"seed {seed}: {waiting} of {bad} never fitted"
            seq = waiting.pop(0)
            status, answer = await repair(served, seq, good[seq])
            assert status in {200, 409}, (seed, answer)
            if status == 409:
                # what it rests on comes first, and nothing of it was kept
                assert answer["code"] == "still_does_not_fit", (seed, answer)
                waiting.append(seq)
        assert await tables(served) == whole, f"seed {seed}: {bad}"
        assert await count(served, "quarantine") == 0
        async with asyncio.timeout(20):
            while any(
                each["kind"] == "digest_differs" for each in (await served.store())["alarms"]
            ):
                await asyncio.sleep(0.01)
        assert await count(served, "digest_differing") == 0
        await forget_sales(served)
    # the next start makes the same of it, repairs and all
    async with serve(tmp_path / "troubled", box, **troubled) as served:
        await served.until_projected(len(box.bodies))
        assert await tables(served) == whole, f"seed {seed}: {bad}"


def digest_of_good(box: Box, good: dict[int, bytes]) -> Any:
    as_sold = [good.get(seq, body) for seq, body in enumerate(box.bodies, 1)]
    return digest_of(Box(bodies=as_sold))


async def test_what_still_does_not_fit_is_refused_in_words(served: Served, box: Box) -> None:
    box.sell("a")
    spoil(box, 1, {"sale": "a", "currency": 978})
    await arrive(served, box)
    before = await tables(served)
    status, refusal = await act(served, "requeue", {"events": [{"gen": 1, "seq": 3}]})
    assert (status, refusal["code"]) == (409, "still_does_not_fit")
    assert refusal["message"].startswith("Event 3 still stands aside. It does not fit: sale a was")
    assert "Event 1 of the same sale stands aside too" in refusal["advice"]
    status, refusal = await act(served, "requeue", {"events": [{"gen": 1, "seq": 1}]})
    assert (status, refusal["code"]) == (409, "still_does_not_fit")
    assert "cannot be read" in refusal["message"]
    assert refusal["advice"] == "Repair it, or leave it aside."
    for gen, seq in ((1, 9), (2, 1)):
        status, refusal = await act(served, "requeue", {"events": [{"gen": gen, "seq": seq}]})
        assert (status, refusal["code"]) == (404, "not_aside")
    assert (await act(served, "requeue", {}, store="nowhere"))[0] == 404
    assert await tables(served) == before
    assert await count(served, "quarantine") == 4
    assert await count(served, "person_act") == 0
    # of all of them it is no refusal: what fits is taken, what does not says why
    status, done = await act(served, "requeue", {})
    assert (status, done["taken"], len(done["left"])) == (200, [], 4)


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({"data": {"sale": "a"}}, "repair_unreadable"),
        ({"data": {"sale": "a", "line": "77"}, "type": "line_voided"}, "still_does_not_fit"),
        ({"type": "gift_card_sold"}, "repair_unknown_type"),
        ({"v": 9}, "repair_unknown_type"),
        ({"reason": "card 4111 1111 1111 1111"}, "card_number"),
        ({"seq": 3}, "not_aside"),
    ],
)
async def test_a_repair_that_does_not_fit_changes_nothing(
    served: Served, box: Box, wish: dict[str, Any], code: str
) -> None:
    box.sell("a")
    good = spoil(box, 2, {"sale": "a", "line": 1})
    await arrive(served, box)
    before = (await tables(served), await aside(served))
    sent = {"gen": 1, "seq": 2, "reason": "as on the slip", "data": data_of(good), **wish}
    status, refusal = await act(served, "repair", sent)
    assert (status >= 400, refusal["code"]) == (True, code), refusal
    assert (await tables(served), await aside(served)) == before
    assert await count(served, "repair") == await count(served, "person_act") == 0


async def test_a_card_number_in_a_repair_is_refused(served: Served, box: Box) -> None:
    box.sell("a")
    good = spoil(box, 2, {"sale": "a", "line": 1})
    await arrive(served, box)
    data = {**data_of(good), "name": "Roll 4111111111111111"}
    status, refusal = await act(served, "repair", {"gen": 1, "seq": 2, "reason": "x", "data": data})
    assert (status, refusal["code"]) == (409, "card_number")


async def test_what_stood_well_is_not_pushed_out(served: Served, box: Box) -> None:
    """With another line 1 in its place, the line that was voided would be none."""
    opened, line, cash, completed = sale_events("a")
    box.record(opened, line, cash, completed)
    good = spoil(box, 3, {"sale": "a", "tender": 1})
    await arrive(served, box)
    status, refusal = await act(
        served,
        "repair",
        {
            "gen": 1,
            "seq": 3,
            "reason": "x",
            "type": "sale_abandoned",
            "data": {"sale": "a"},
        },
    )
    assert (status, refusal["code"]) == (409, "pushes_out"), refusal
    assert "event 4 of the same sale would no longer fit" in refusal["message"]
    assert len(await served.sales()) == 1
    assert (await repair(served, 3, good))[0] == 200


async def test_a_repair_can_be_corrected_and_stays_in_its_sale(served: Served, box: Box) -> None:
    box.sell("a")
    box.sell("b")
    good = spoil(box, 2, {"sale": "a", "line": 1})
    await arrive(served, box)
    wrong = {**data_of(good), "name": "Bun"}
    assert (await repair(served, 2, good, data=wrong))[0] == 200
    assert (await served.sales())[0]["lines"][0]["name"] == "Bun"
    assert (await repair(served, 2, good))[0] == 200
    assert (await served.sales())[0]["lines"][0]["name"] == "Bread roll"
    status, refusal = await repair(served, 2, good, data={**data_of(good), "sale": "b"})
    assert (status, refusal["code"]) == (409, "repair_of_other_sale")
    _, acts = await served.ask("GET", "/api/v1/acts")
    assert [msgspec.json.decode(each["before"])["data"] for each in acts["acts"]] == [
        wrong,
        {"sale": "a", "line": 1},
    ]


async def test_of_bytes_that_say_nothing_all_has_to_be_said(served: Served, box: Box) -> None:
    opened, *others = sale_events("a")
    box.record(opened)
    good = box.bodies[0]
    box.bodies[0] = b"\xff torn"
    box.record(*others)
    await arrive(served, box)
    status, refusal = await repair(served, 1, good)
    assert (status, refusal["code"]) == (409, "repair_incomplete")
    plain = msgspec.json.decode(good)
    told = {name: plain[name] for name in ("type", "v", "day", "at", "till", "actor")}
    status, done = await repair(served, 1, good, **told)
    assert (status, len(done["taken"])) == (200, 4), done
    assert (await served.sales())[0]["sale_id"] == "a"


async def test_an_event_of_no_sale_is_taken_alone(served: Served, box: Box) -> None:
    box.record(BoxStarted(version="0.1.0", sqlite="3", clean=True))
    good = spoil(box, 1, {"version": 1})
    box.sell("a")
    await arrive(served, box)
    assert (await act(served, "requeue", {"events": [{"gen": 1, "seq": 1}]}))[0] == 409
    status, done = await repair(served, 1, good)
    assert (status, done["taken"]) == (200, [{"gen": 1, "seq": 1}])
    assert (await served.store())["quarantined"] == 0


async def test_a_command_is_done_once_and_answers_the_same(served: Served, box: Box) -> None:
    box.sell("a")
    good = spoil(box, 1, {"sale": "a", "currency": 978})
    await arrive(served, box)
    wish = {
        "command": command(),
        "gen": 1,
        "seq": 1,
        "reason": "as on the slip",
        "data": data_of(good),
    }
    path = "/api/v1/stores/harbour-street/quarantine"
    answers = await asyncio.gather(*(served.ask("POST", f"{path}/repair", wish) for _ in range(4)))
    assert [status for status, _ in answers] == [200] * 4
    assert all(answer == answers[0] for answer in answers)
    assert len(answers[0][1]["taken"]) == 4
    assert await count(served, "person_act") == 1
    for what, other in (
        ("repair", {**wish, "reason": "otherwise"}),
        ("requeue", {"command": wish["command"]}),
        ("leave", {"command": wish["command"], "gen": 1, "seq": 1, "reason": "x"}),
    ):
        status, refusal = await served.ask("POST", f"{path}/{what}", other)
        assert (status, refusal["code"]) == (409, "command_reused")


async def test_an_act_and_what_it_does_are_one_commit(served: Served, box: Box) -> None:
    box.sell("a")
    good = spoil(box, 1, {"sale": "a", "currency": 978})
    await arrive(served, box)
    before = (await tables(served), await aside(served))
    async with no_room_for_acts(served):
        status, _ = await repair(served, 1, good)
        assert status >= 500
        assert (await tables(served), await aside(served)) == before
        assert await count(served, "repair") == await count(served, "person_act") == 0
    assert (await repair(served, 1, good))[0] == 200


async def test_what_was_left_aside_counts_no_more_and_can_still_be_taken(
    served: Served, box: Box
) -> None:
    box.sell("a")
    good = spoil(box, 2, {"sale": "a", "line": 1})
    await arrive(served, box)
    wish = {"gen": 1, "seq": 2, "reason": "a test in the shop"}
    assert (await act(served, "leave", wish))[0] == 200
    assert (await served.store())["quarantined"] == 0
    found = await aside(served)
    assert (found["events"], found["count"], found["left"]) == ([], 0, 1)
    (event,) = (await aside(served, "?left=true"))["events"]
    assert (event["left_by"], event["left_reason"]) == ("head", "a test in the shop")
    status, refusal = await act(served, "leave", wish)
    assert (status, refusal["code"]) == (409, "left_aside_already")
    status, refusal = await act(served, "leave", {**wish, "seq": 3})
    assert (status, refusal["code"]) == (404, "not_aside")
    assert (await act(served, "leave", {**wish, "reason": ""}))[0] == 422
    assert (await repair(served, 2, good))[0] == 200
    assert await count(served, "left_aside") == await count(served, "quarantine") == 0
    _, acts = await served.ask("GET", "/api/v1/acts")
    assert [each["what"] for each in acts["acts"]] == ["repair", "leave"]


async def test_all_of_a_shop_goes_in_portions(served: Served, box: Box) -> None:
    sales = [f"s{number:03}" for number in range(REQUEUED_SALES_MAX + 3)]
    for sale in sales:
        box.sell(sale)
    await arrive(served, box)

    await take_out(served)
    why = "sale was never opened"
    await set_aside(served, *((1, 1, n, why, body, 5) for n, body in enumerate(box.bodies, 1)))
    first = await aside(served)
    assert (len(first["events"]), first["count"]) == (100, len(box.bodies))
    second = await aside(served, f"?after={first['next']}")
    assert second["events"][0]["seq"] == 101
    status, done = await act(served, "requeue", {})
    assert (status, len(done["taken"])) == (200, 4 * REQUEUED_SALES_MAX)
    assert done["next"] == 4 * (REQUEUED_SALES_MAX - 1) + 1
    status, done = await act(served, "requeue", {"after": done["next"]})
    assert (status, len(done["taken"]), done["next"]) == (200, 12, 0)
    assert await count(served, "quarantine") == 0
    found = await served.sales()
    assert [sale["sale_id"] for sale in found] == sales[: len(found)]
    assert await count(served, "sale") == len(sales)


async def test_what_does_not_fit_does_not_keep_the_rest_of_a_shop_waiting(
    served: Served, box: Box
) -> None:
    for number in range(REQUEUED_SALES_MAX):
        box.sell(f"s{number:03}")
        spoil(box, 4 * number + 1, {"sale": f"s{number:03}", "currency": 978})
    box.sell("good")
    await arrive(served, box)
    whole = await tables(served)

    await take_out(served)
    good = range(4 * REQUEUED_SALES_MAX + 1, len(box.bodies) + 1)
    why = "sale was never opened"
    await set_aside(served, *((1, 1, seq, why, box.bodies[seq - 1], 5) for seq in good))
    status, done = await act(served, "requeue", {})
    assert (status, done["taken"], len(done["left"])) == (200, [], 4 * REQUEUED_SALES_MAX)
    status, done = await act(served, "requeue", {"after": done["next"]})
    assert (status, len(done["taken"]), done["next"]) == (200, 4, 0)
    assert await tables(served) == whole


async def test_a_delivery_that_can_be_opened_by_now_is_taken_event_by_event(
    served: Served, box: Box
) -> None:
    box.sell("a")
    good = spoil(box, 3, {"sale": "a", "tender": 1})
    box.record(SaleOpened(sale="open", currency="EUR"))
    served.office.projector.dictionaries = {}
    await arrive(served, box)
    (whole,) = (await aside(served))["events"]
    assert (whole["seq"], whole["delivery"], whole["data"]) == (1, True, None)
    # it cannot be opened here: the line to the box can, its dictionaries are another's
    served.office.projector.dictionaries = shipped_dictionaries()
    status, done = await act(served, "requeue", {"events": [{"gen": 1, "seq": 1}]})
    assert status == 200, done
    assert [each["seq"] for each in done["taken"]] == [1, 2, 4, 5]
    assert [each["seq"] for each in done["left"]] == [3]
    (left,) = (await aside(served))["events"]
    assert (left["seq"], left["delivery"]) == (3, False)
    assert (await repair(served, 3, good))[0] == 200
    assert await count(served, "quarantine") == 0
    assert (await served.sales())[0]["tenders"][0]["amount_minor"] == 500


async def test_an_open_sale_that_goes_on_meanwhile_loses_nothing(served: Served, box: Box) -> None:
    opened, line, cash, completed = sale_events("a")
    box.record(opened, line)
    good = spoil(box, 2, {"sale": "a", "line": 1})
    async with served.session(box) as (up, _):
        await up.upload(box.frame())
        await served.until_projected(2)
        box.record(cash)
        await up.upload(box.frame(2))
        repairing = asyncio.create_task(repair(served, 2, good))
        box.record(completed)
        await up.upload(box.frame(3))
        assert (await repairing)[0] == 200
    await served.until_projected(4)
    (sale,) = await served.sales()
    assert len(sale["lines"]) == len(sale["tenders"]) == 1
    assert await count(served, "quarantine") == 0


async def test_what_is_read_again_and_fits_is_let_out(served: Served, box: Box) -> None:
    box.sell("a")
    await arrive(served, box)

    # as an older version left it
    await set_aside(served, (1, 1, 2, "It cannot be read.", box.bodies[1], 5))
    served.office.projector.read_again()
    served.office.projector.news.set()
    async with asyncio.timeout(20):
        while await count(served, "quarantine"):
            await asyncio.sleep(0.01)


async def test_every_table_of_sales_is_made_anew(served: Served) -> None:
    there = await columns(served)
    assert {each for each in there if {"store", "sale"} <= set(there[each])} == set(ROWS_OF_SALES)


async def test_what_stands_aside_is_an_alarm_until_it_is_mended(served: Served, box: Box) -> None:
    box.sell("a")
    good = spoil(box, 1, {"sale": "a", "currency": 978})
    await arrive(served, box)
    case = await until(served, "quarantine", "open")
    assert (case["store"], case["count"]) == ("harbour-street", 1)
    assert case["words"] == (
        "4 events of store harbour-street are not in its sales: they do not fit what is there. "
        "The first is event 1."
    )
    assert case["advice"]
    assert (await repair(served, 1, good))[0] == 200
    case = await until(served, "quarantine", "closed")
    assert (case["closed_by"], case["closed_words"]) == ("", "")
    assert case["closed_at"] >= case["last_at"] >= case["opened_at"] > 0
    assert (await served.store())["alarms"] == []


async def test_what_was_left_aside_is_no_alarm_any_more(served: Served, box: Box) -> None:
    box.sell("a")
    spoil(box, 2, {"sale": "a", "line": 1})
    await arrive(served, box)
    await until(served, "quarantine", "open")
    await act(served, "leave", {"gen": 1, "seq": 2, "reason": "seen"})
    await until(served, "quarantine", "closed")


async def test_a_coupon_of_a_sale_that_is_made_anew_is_told_to_all_stores(
    served: Served, box: Box
) -> None:
    box.record(*coupon_sale("c", "ONCE"))
    good = spoil(box, 1, {"sale": "c", "currency": 978})
    await arrive(served, box)
    assert await codes_in(served.office.file) == []
    assert (await repair(served, 1, good))[0] == 200
    ((code, _),) = await codes_in(served.office.file)
    assert code == "ONCE"
    # corrected, it is the same use of it
    assert (await repair(served, 1, good))[0] == 200
    assert len(await codes_in(served.office.file)) == 1
