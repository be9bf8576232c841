"""`tillbox edge` killed (SIGKILL) at each step of the end of a terminal's day.

Broker, box, device host and terminal are processes. Afterwards the terminal ended its day at most
once for each wish, what it handed in is in the ledger and agrees with it, and the next day ends.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from devices.simulators.terminal_zvt.scripts import Point
from edge.ledger.integrity import verify
from tests.devices.broker import MOSQUITTO
from tests.whole_shop.day_shop import DayShop, day_shop
from tests.whole_shop.demo_shop import eventually
from tests.whole_shop.dying_edge import Step

pytestmark = [
    pytest.mark.whole_shop,
    pytest.mark.mosquitto,
    pytest.mark.skipif(MOSQUITTO is None, reason="Mosquitto is not installed"),
    pytest.mark.timeout(240),
]

STALL_S = 1.5
POINTS = [point for point in Point if not point.value.startswith("re")]
SOME = [Point.ACKNOWLEDGED, Point.BOOKED, Point.COMPLETED]
AT_THE_TERMINAL = POINTS if "TILLBOX_STORM" in os.environ else SOME
"""All of them in `make storm`, those around the booking in every check."""
NOTHING = {"outcome": "", "state": ""}


def ends(shop: DayShop) -> list[dict[str, Any]]:
    return [
        event["data"] for event in shop.ledger_events() if event["type"] == "terminal_day_ended"
    ]


def handed_in(shop: DayShop) -> list[int]:
    """What the terminal itself closed, day by day."""
    return [batch["sum_minor"] for batch in shop.terminal.shows()["closed"]]


async def die_at(shop: DayShop, step: Step | Point, wish: str, *, with_host: bool) -> None:
    """Let the box be killed at a step of the end of the day, and its device host with it."""
    if isinstance(step, Step):
        shop.stop_edge()
        shop.start_edge(step)
        await shop.sign_in()
        await shop.until_ready()
    else:
        shop.terminal.play("stall_at", point=step.value, seconds=STALL_S)
    ending = asyncio.create_task(shop.end_day(wish))
    if isinstance(step, Step):
        await eventually(lambda: gone(shop), what="the box is dead")
        shop.dead()
    else:
        await eventually(lambda: stalled(shop), what="the terminal is at it")
        shop.kill_edge()
        if with_host:
            shop.kill_host()
    await asyncio.gather(ending, return_exceptions=True)


async def gone(shop: DayShop) -> bool | None:
    assert shop.edge is not None
    return None if shop.edge.poll() is None else True


async def stalled(shop: DayShop) -> bool | None:
    return None if shop.terminal.shows()["stall_at"] else True


@pytest.mark.parametrize(
    ("part", "with_host"),
    [(list(Step), False), (AT_THE_TERMINAL, False), (AT_THE_TERMINAL, True)],
    ids=["in the box", "at the terminal", "box and host"],
)
async def test_a_day_ends_once_and_agrees_whenever_the_box_is_killed(
    tmp_path: Path, part: list[Step | Point], with_host: bool
) -> None:
    async with day_shop(tmp_path) as shop:
        outcomes: dict[str, str] = {}
        for number, step in enumerate(part):
            wish = f"day-killed-{number:02d}"
            await shop.pay()
            before, held = handed_in(shop), 129
            await die_at(shop, step, wish, with_host=with_host)
            shop.start_edge()
            await shop.sign_in()
            if step is Step.WISHED:
                wall = await shop.until(
                    "/api/v1/technician/devices", lambda _wall: True, what="the wall"
                )
                day = wall["devices"][0]["day"] or NOTHING
                assert (day["outcome"], day["state"]) == ("", ""), "nothing of it is on disk"
                outcomes[step] = "never wished"
            else:
                day = await shop.day(
                    lambda day, wish=wish: day["job"] == wish and not day["state"],
                    what=f"how it ended is known after a kill at {step}",
                )
                outcomes[step] = day["outcome"]
                assert day["outcome"] in {"closed", "not_closed"}, step
                assert day["ledger_minor"] == held, step
                assert day["difference_minor"] == 0, step
                closed = [held] if day["outcome"] == "closed" else []
                assert handed_in(shop) == [*before, *closed], step
                # the same wish again ends no other day
                assert await shop.end_day(wish) == day, step
                assert handed_in(shop) == [*before, *closed], step
            await shop.until_ready()
            if outcomes[step] != "closed":
                day = await shop.end_day(f"day-again-{number:03d}")
                assert (day["outcome"], day["difference_minor"]) == ("closed", 0), step
                assert handed_in(shop) == [*before, held], step
        # and the next one, of several payments
        await shop.pay()
        await shop.pay()
        day = await shop.end_day("day-after-all")
        assert (day["outcome"], day["amount_minor"], day["difference_minor"]) == ("closed", 258, 0)
        shop.stop_edge()
        told = [each["amount_minor"] for each in ends(shop) if each["outcome"] == "closed"]
        assert told == handed_in(shop), "nothing that was handed in is missing in the ledger"
        kinds = Counter(event["type"] for event in shop.ledger_events())
        assert kinds["terminal_day_asked"] == kinds["terminal_day_ended"]
        assert verify(tmp_path / "edge/ledger.db").whole
    check(outcomes, with_host=with_host)


def check(outcomes: dict[str, str], *, with_host: bool) -> None:
    """The kills lie on both sides of the terminal's closing."""
    if Step.SENT in outcomes:
        assert outcomes == {
            "wished": "never wished",
            "recorded": "not_closed",
            "sent": "closed",
            "answered": "closed",
            "ended": "closed",
        }
    elif with_host:
        assert outcomes[Point.COMPLETED] == outcomes[Point.BOOKED] == "closed"
    else:
        # a terminal that takes its time with the command may be given up by the host: not begun
        assert outcomes.pop(Point.COMMAND, "closed") in {"closed", "not_closed"}
        assert set(outcomes.values()) == {"closed"}, "the host goes on while the box is dead"


async def test_what_a_terminal_cannot_say_is_in_doubt_through_kills_until_a_person_settles_it(
    tmp_path: Path,
) -> None:
    async with day_shop(tmp_path, totals="") as shop:
        await shop.pay()
        shop.terminal.play("cut_after_approval")
        shop.terminal.play("stall_at", point="booked", seconds=STALL_S)
        ending = asyncio.create_task(shop.end_day("day-in-doubt"))
        await eventually(lambda: stalled(shop), what="the terminal is at it")
        shop.kill_edge()
        await asyncio.gather(ending, return_exceptions=True)
        for _ in range(2):
            shop.start_edge()
            await shop.sign_in()
            day = await shop.day(lambda day: day["state"] == "in_doubt", what="it is in doubt")
            assert day["job"] == "day-in-doubt"
            assert "look at its slip and settle it" in day["advice"]
            assert ends(shop) == []
            shop.kill_edge()
        shop.start_edge()
        await shop.sign_in()
        await shop.until_ready()
        await shop.day(
            lambda day: day["state"] == "in_doubt" and "cannot say" in day["words"],
            what="the terminal was asked and cannot say",
        )
        await shop.pay()  # it holds up nobody
        settled = {
            "command_id": "settle-killed",
            "outcome": "closed",
            "amount_minor": 129,
            "reason": "Its slip says 1.29.",
        }
        path = "/api/v1/technician/devices/terminal-1/end-of-day/settlement"
        status, day = await shop.call("POST", path, settled)
        assert (status, day["outcome"], day["difference_minor"]) == (200, "closed", 0)
        shop.kill_edge()  # right behind it
        shop.start_edge()
        await shop.sign_in()
        await shop.until_ready()
        status, again = await shop.call("POST", path, settled)
        assert (status, again) == (200, day)
        day = await shop.end_day("day-after-all")
        assert (day["outcome"], day["amount_minor"], day["difference_minor"]) == ("closed", 129, 0)
        assert handed_in(shop) == [129, 129]
        shop.stop_edge()
        assert [each.get("resolved_by", "") for each in ends(shop)] == ["person", ""]
        assert verify(tmp_path / "edge/ledger.db").whole
