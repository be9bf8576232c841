"""The end of a terminal's day: once, inquired when unknown, compared with the ledger, told."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import msgspec

from edge.contract.device_messages import Job, JobKind, JobStatus
from edge.contract.device_states import DriverState
from edge.contract.till_protocol import TillState
from edge.flows.card_desk import CardDesk
from edge.flows.job_dispatch import JobDispatch
from edge.flows.terminal_day_board import TerminalDayBoard
from edge.flows.terminal_days import TerminalDays
from edge.ledger.integrity import verify
from edge.ledger.records import OpenJob
from edge.runtime.ids import SystemIds
from edge.runtime.structured_log import open_log
from edge.runtime.supervisor import Supervisor
from edge.runtime.system_clock import SystemClock
from tests.flows.box import MILK, Box
from tests.flows.fake_host import FakeHost, done, until, until_view
from tests.flows.test_paying_by_card import APPROVED, ask
from tests.flows.test_promotions import events
from tests.flows.test_selling import event_types
from tests.flows.wall import OFFERS, Wall, wall

ENDING = (
    *(offer for offer in OFFERS if offer.name != "terminal_zvt"),
    *(
        msgspec.structs.replace(
            offer, job_kinds=(*offer.job_kinds, JobKind.END_OF_DAY, JobKind.INQUIRE_END_OF_DAY)
        )
        for offer in OFFERS
        if offer.name == "terminal_zvt"
    ),
)
CANNOT_SAY = {"outcome": "unknown", "code": "terminal_cannot_say", "reason": "Look at its slip."}
STILL_OPEN = {"outcome": "not_closed", "code": "still_open", "reason": "It still holds it."}


def closed(amount_minor: int) -> dict[str, Any]:
    return {"outcome": "closed", "totals": {"amount_minor": amount_minor}, "trace": "000012"}


@asynccontextmanager
async def day_wall(folder: Path, **options: Any) -> AsyncIterator[Wall]:
    async with wall(folder, **options) as on:
        await on.inform(drivers=ENDING)
        await on.until_device("terminal-1", "its day can be ended", ends_day=True)
        yield on


async def end(on: Wall, command_id: str = "day-000001") -> tuple[int, Any]:
    return await on.wish("/terminal-1/end-of-day", command_id=command_id)


async def buy(box: Box, host: FakeHost) -> None:
    """Sell milk to a card, with a receipt."""
    job = await ask(box, host)
    await host.answer("terminal-1", job.id, JobStatus.DONE, APPROVED)
    await until_view(box.view, lambda view: view["state"] == TillState.DONE, what="it is paid")
    host.jobs.clear()


def last_end(box: Box) -> dict[str, Any]:
    return [event for event in events(box) if event["type"] == "terminal_day_ended"][-1]["data"]


async def test_a_day_that_agrees_is_said_and_ended_once(tmp_path: Path) -> None:
    async with day_wall(tmp_path) as on:
        await buy(on.box, on.host)
        on.host.answers["end_of_day"] = done(closed(129))
        status, day = await end(on)
        assert status == 200, day
        assert {
            "state": "", "outcome": "closed", "told": True, "amount_minor": 129,
            "ledger_minor": 129, "difference_minor": 0, "code": "day_agrees", "currency": "EUR",
            "job": "day-000001", "advice": "",
        }.items() <= day.items()  # fmt: skip
        assert day["schemes"] == [{"scheme": "Debit", "ledger_count": 1, "ledger_minor": 129}]
        assert await end(on) == (200, day)
        assert [job.id for job in on.host.of_kind("end_of_day")] == ["day-000001"]
        assert event_types(on.box).count("terminal_day_asked") == 1
        assert (await on.device("terminal-1"))["day"] == day
        assert (await on.device("printer-1"))["day"] is None
        status, refusal = await on.wish("/printer-1/end-of-day", command_id="day-000001")
        assert (status, refusal["code"]) == (409, "command_id_reused")
        on.host.answers["end_of_day"] = done({"outcome": "closed"})
        _, day = await end(on, "day-000002")
        assert (day["ledger_minor"], day["code"]) == (0, "day_empty")  # the next day begins at 0
    assert verify(tmp_path / "edge" / "ledger.db").whole


async def test_a_difference_is_told_wherever_people_look_until_a_day_agrees(
    tmp_path: Path,
) -> None:
    async with day_wall(tmp_path) as on:
        await buy(on.box, on.host)
        on.host.answers["end_of_day"] = done(closed(629))
        _, day = await end(on)
        assert (day["difference_minor"], day["code"]) == (500, "day_more")
        assert "6.29, 5.00 more than the 1.29" in day["words"]
        assert last_end(on.box)["difference_minor"] == 500
        assert '"terminal_day_differs"' in on.box.log.getvalue()
        await told(on.box, differing=1, words="another sum than the ledger has: terminal-1")
    async with day_wall(tmp_path) as on:  # it follows from the ledger
        await told(on.box, differing=1, words="another sum than the ledger has: terminal-1")
        assert (await on.device("terminal-1"))["day"] == day
        on.host.answers["end_of_day"] = done(closed(0))
        _, day = await end(on, "day-000002")
        assert (day["difference_minor"], day["code"]) == (0, "day_agrees")
        await told(on.box, differing=0, words="hand in what the ledger has")


async def told(box: Box, *, differing: int, words: str) -> None:
    _, health = await box.call("GET", "/health")
    (item,) = [each for each in health["items"] if each["name"] == "terminal_days"]
    assert words in item["words"]
    assert item["well"] is not bool(differing)
    _, text = await box.call("GET", "/metrics")
    assert f"tillbox_terminal_days_differing {differing}" in text.decode()


async def test_no_day_ends_while_a_card_is_open_or_in_doubt(tmp_path: Path) -> None:
    async with day_wall(tmp_path) as on:
        job = await ask(on.box, on.host)
        status, refusal = await end(on)
        assert (status, refusal["code"]) == (409, "card_open_at_terminal")
        await on.host.answer("terminal-1", job.id, JobStatus.UNKNOWN, code="cut", detail="Cut.")
        await until_view(on.box.view, lambda view: view["state"] == "in_doubt", what="doubt")
        status, refusal = await end(on)
        assert (status, refusal["code"]) == (409, "card_open_at_terminal")
        assert on.host.of_kind("end_of_day") == []
        assert "terminal_day_asked" not in event_types(on.box)
        await on.host.answer("terminal-1", job.id, JobStatus.DONE, APPROVED)
        await until_view(on.box.view, lambda view: view["state"] == "done", what="it is paid")
        on.host.answers["end_of_day"] = done(closed(129))
        assert (await end(on))[1]["code"] == "day_agrees"  # the same wish, now that it can be


async def test_no_card_is_asked_for_while_a_day_ends(tmp_path: Path) -> None:
    async with day_wall(tmp_path) as on:
        ending = asyncio.create_task(end(on))
        await until(lambda: bool(on.host.of_kind("end_of_day")), what="it is asked")
        await on.until_device("terminal-1", "it is shown", ends_day=True)
        assert (await on.device("terminal-1"))["day"]["state"] == "asked"
        status, refusal = await end(on, "day-000002")
        assert (status, refusal["code"]) == (409, "day_under_way")
        status, refusal = await settle(on, outcome="closed", reason="No patience.")
        assert (status, refusal["code"]) == (409, "day_under_way")
        await on.box.command("add_item", code=MILK)
        status, refusal = await on.box.command("pay_by_card", amount_minor=129)
        assert (status, refusal["code"]) == (409, "terminal_ends_day")
        await on.host.answer("terminal-1", "day-000001", JobStatus.DONE, closed(0))
        assert (await ending)[1]["code"] == "day_agrees"
        status, _ = await on.box.command("pay_by_card", amount_minor=129)
        assert status == 200


async def test_a_card_that_was_decided_first_is_asked_for_and_the_day_refused(
    tmp_path: Path,
) -> None:
    async with day_wall(tmp_path) as on:
        await on.box.command("add_item", code=MILK)
        (status, _), (refused, refusal) = await asyncio.gather(
            on.box.command("pay_by_card", amount_minor=129), end(on)
        )
        types = event_types(on.box)
        # whichever came first: never both
        assert (status, refused) in {(200, 409), (409, 200)}, refusal
        assert ("card_payment_requested" in types) != ("terminal_day_asked" in types)


async def settle(on: Wall, command_id: str = "settle-0001", **wish: Any) -> tuple[int, Any]:
    return await on.wish("/terminal-1/end-of-day/settlement", command_id=command_id, **wish)


async def test_an_unknown_end_is_only_inquired(tmp_path: Path) -> None:
    async with day_wall(tmp_path) as on:
        await buy(on.box, on.host)
        asked: list[Job] = []
        on.host.answers["inquire_end_of_day"] = asked.append  # type: ignore[assignment]
        ending = asyncio.create_task(end(on))
        await until(lambda: bool(on.host.of_kind("end_of_day")), what="it is asked")
        await on.host.answer("terminal-1", "day-000001", JobStatus.UNKNOWN, code="c", detail="Cut.")
        await until(lambda: bool(asked), what="it is inquired")
        day = (await on.device("terminal-1"))["day"]
        assert (day["state"], day["code"]) == ("in_doubt", "day_in_doubt")
        assert "Cut." in day["words"]
        await on.host.offline()
        await on.host.online()
        await until(lambda: len(asked) == 2, what="it is inquired at a host that came back")
        lost = {"outcome": "closed", "totals": {"amount_minor": 129}, "inferred": True}
        await on.host.answer("terminal-1", asked[0].id, JobStatus.DONE, lost)
        _, day = await ending
        assert (day["outcome"], day["code"], day["inferred"]) == ("closed", "day_agrees", True)
        assert last_end(on.box)["resolved_by"] == "inquiry"
        assert len(on.host.of_kind("end_of_day")) == 1


async def test_a_restart_only_inquires(tmp_path: Path) -> None:
    async with day_wall(tmp_path) as on:
        ending = asyncio.create_task(end(on))
        await until(lambda: bool(on.host.of_kind("end_of_day")), what="it is asked")
        ending.cancel()
    async with day_wall(tmp_path) as on:
        await on.host.offline()
        on.host.answers["inquire_end_of_day"] = done(STILL_OPEN)
        await on.host.online()
        await until(lambda: "terminal_day_ended" in event_types(on.box), what="it is known")
        assert on.host.of_kind("end_of_day") == []
        day = (await on.device("terminal-1"))["day"]
        assert (day["outcome"], day["code"]) == ("not_closed", "day_not_closed")
        assert "It still holds it." in day["words"]
        assert await on.box.edge.ledger.open_jobs() == []
        assert await end(on) == (200, day)  # the same wish is not asked for again
        assert on.host.of_kind("end_of_day") == []


async def test_what_was_not_begun_is_no_doubt(tmp_path: Path) -> None:
    async with day_wall(tmp_path) as on:
        ending = asyncio.create_task(end(on))
        await until(lambda: bool(on.host.of_kind("end_of_day")), what="it is asked")
        await on.host.answer(
            "terminal-1", "day-000001", JobStatus.FAILED, code="expired", detail="It was too late."
        )
        _, day = await ending
        assert (day["outcome"], day["code"]) == ("not_closed", "day_not_closed")
        assert on.host.of_kind("inquire_end_of_day") == []


async def test_a_terminal_that_cannot_say_holds_up_nobody_and_a_person_settles_it(
    tmp_path: Path,
) -> None:
    async with day_wall(tmp_path) as on:
        await buy(on.box, on.host)
        on.host.answers["inquire_end_of_day"] = done(CANNOT_SAY)
        ending = asyncio.create_task(end(on))
        await until(lambda: bool(on.host.of_kind("end_of_day")), what="it is asked")
        await on.host.answer("terminal-1", "day-000001", JobStatus.UNKNOWN, code="c", detail="Cut.")
        await until_view(
            lambda: on.device("terminal-1"),
            lambda card: "Look at its slip" in card["day"]["words"],
            what="it cannot say",
        )
        # its first answer comes once more, and unsays nothing; then it is silent
        del on.host.answers["inquire_end_of_day"]
        await on.host.answer("terminal-1", "day-000001", JobStatus.UNKNOWN, code="c", detail="Cut.")
        await until_view(
            lambda: on.device("terminal-1"),
            lambda card: "Cut." in card["day"]["words"],
            what="it is heard",
        )
        await on.box.command("next_sale")
        await buy(on.box, on.host)  # behind the end of day: the next one's
        status, refusal = await settle(on, outcome="closed", reason=" ")
        assert (status, refusal["code"]) == (409, "reason_needed")
        wish = {"outcome": "closed", "reason": "Its slip says so.", "amount_minor": 129}
        status, day = await settle(on, **wish)
        assert (status, day["code"], day["ledger_minor"]) == (200, "day_agrees", 129)
        assert await settle(on, **wish) == (200, day)
        _ = await ending
        ended = last_end(on.box)
        assert (ended["resolved_by"], ended["reason"]) == ("person", "Its slip says so.")
        status, refusal = await settle(on, "settle-0002", **wish)
        assert (status, refusal["code"]) == (409, "no_day_in_doubt")
        on.host.answers["end_of_day"] = done(closed(129))
        _, day = await end(on, "day-000002")
        assert (day["code"], day["ledger_minor"]) == ("day_agrees", 129)


async def test_who_has_no_day_to_end_is_told(tmp_path: Path) -> None:
    async with wall(tmp_path) as on:
        for device, status, code in (
            ("terminal-9", 404, "device_unknown"),
            ("printer-1", 409, "no_day_to_end"),
            ("terminal-1", 409, "no_day_to_end"),  # its driver cannot
        ):
            got = await on.wish(f"/{device}/end-of-day")
            assert (got[0], got[1]["code"]) == (status, code)
        await on.inform(drivers=ENDING)
        await on.until_device("terminal-1", "its day can be ended", ends_day=True)
        await on.host.offline()
        await on.until_device("terminal-1", "it is gone", ends_day=False)
        status, refusal = await end(on)
        assert (status, refusal["code"]) == (409, "host_offline")
        await on.box.call("DELETE", "/api/v1/technician/session")
        assert (await end(on))[0] == 401


class SentJobs:
    """A dispatch with the broker there: it keeps the kinds of what is sent."""

    def __init__(self, clock: SystemClock, tasks: Supervisor) -> None:
        self.clock, self.tasks = clock, tasks
        self.log = open_log("edge", io.StringIO())
        self.kinds: list[str] = []

    async def send(self, job: OpenJob) -> bool:
        self.kinds.append(job.kind)
        return True

    def watch(self, _: OpenJob) -> None:
        """Hear of it."""

    def answers_for(self, _: str, __: OpenJob) -> None:
        """Hear of it."""


async def test_what_is_resumed_is_never_sent_even_with_the_broker_there() -> None:
    clock = SystemClock()
    async with Supervisor(clock, open_log("edge", io.StringIO())) as tasks:
        sent = SentJobs(clock, tasks)
        nobody: Any = None
        dispatch = cast("JobDispatch", sent)
        board = TerminalDayBoard(lambda: "EUR")
        days = TerminalDays(
            nobody, nobody, nobody, dispatch, {}, CardDesk(), board, SystemIds(clock)
        )
        days.resume(OpenJob("day-000001", JobKind.END_OF_DAY, "till-1", "", "t-1", 0, 0, b"{}"))
        await until(lambda: bool(sent.kinds), what="it is asked about")
        assert sent.kinds == [JobKind.INQUIRE_END_OF_DAY]


async def test_a_terminal_that_owes_the_end_of_its_day_is_neither_replaced_nor_given_up(
    tmp_path: Path,
) -> None:
    """Another in its place would be asked about a day that is not its own."""
    async with wall(tmp_path, devices=()) as on:
        await on.inform(drivers=ENDING)
        adopted = {
            "host": "box",
            "driver": "terminal_zvt",
            "till": "till-1",
            "roles": ["terminal"],
            "settings": {"address": "tcp://192.0.2.8:20007"},
        }
        status, body = await on.wish(**adopted)
        assert status == 200, body
        await on.host.report("terminal-1", DriverState.READY)
        await on.until_device("terminal-1", "its day can be ended", ends_day=True, state="ready")
        ending = asyncio.create_task(end(on))
        await until(lambda: bool(on.host.of_kind("end_of_day")), what="it is asked")
        other = {"settings": {"address": "tcp://192.0.2.9:20007"}}
        new = {"host": "box", "driver": "terminal_zvt", **other}
        for path, wish in (("replacement", new), ("release", {"reason": "It is old."})):
            status, body = await on.wish(f"/terminal-1/{path}", **wish)
            assert (status, body["code"]) == (409, "day_under_way")
            assert "settle that first" in body["advice"]
        assert "device_released" not in event_types(on.box)
        await on.host.answer("terminal-1", "day-000001", JobStatus.DONE, closed(0))
        _, day = await ending
        assert day["outcome"] == "closed"
        status, _ = await on.wish("/terminal-1/replacement", **new)
        assert status == 200
        status, _ = await on.wish("/terminal-1/release", reason="It is old.")
        assert status == 200
