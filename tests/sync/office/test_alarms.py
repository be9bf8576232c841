"""Alarms from their beginning to their end: pushed, taken on, over by themselves or closed."""

from __future__ import annotations

import asyncio
import contextlib
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge.contract.attention_limits import ALARM_SETTLED_MS, OFFICE_DISK_FREE_BYTES_MIN
from edge.contract.book_readiness import BooksHeld
from edge.contract.limits import BOOK_CLOCK_OFF_MS_MAX
from edge.runtime.database_file import DatabaseFile
from edge.runtime.http_sessions import cookie_header
from edge.runtime.structured_log import open_log
from edge.runtime.system_clock import SystemClock
from sync.office import alarm_advice
from sync.office.alarm_cases import AlarmDesk
from sync.office.attention_watch import AttentionWatch
from sync.office.database import MIGRATIONS, office_database
from sync.office.gate import OFFICE_COOKIE
from sync.office.replication_standing import ReplicationStanding
from sync.office.sales import Sales
from sync.office.sqlite_aside import SqliteAside
from sync.office.sqlite_sales import SqliteSales
from tests.sync.office.aside import arrive, command, count
from tests.sync.office.head_office import Box, Served, new_key
from tests.sync.office.test_replication_standing import nothing_exposed
from tests.virtual_time import FakeClock


async def alarms(served: Served, query: str = "") -> list[dict[str, Any]]:
    status, body = await served.ask("GET", f"/api/v1/alarms{query}")
    assert status == 200, body
    found: list[dict[str, Any]] = body["alarms"]
    return found


async def until(served: Served, kind: str, state: str) -> dict[str, Any]:
    """Return the newest alarm of a kind, once it is in a state."""
    async with asyncio.timeout(20):
        while True:
            found = [each for each in await alarms(served) if each["kind"] == kind]
            if found and found[0]["state"] == state:
                return found[0]
            await asyncio.sleep(0.01)


async def say(served: Served, n: int, what: str, **wish: Any) -> tuple[int, Any]:
    return await served.ask(
        "POST", f"/api/v1/alarms/{n}/{what}", {"command": command(), "words": "", **wish}
    )


async def test_a_person_sees_to_an_alarm_and_closes_it(served: Served) -> None:
    directory = served.office.directory
    await directory.alarm(1, "fork", "Two histories.")
    await directory.alarm(1, "fork", "Two histories, again.")
    (case,) = await alarms(served)
    assert (case["state"], case["count"], case["words"]) == ("open", 2, "Two histories, again.")
    n = case["n"]
    status, seen = await say(served, n, "acknowledge", words="Calling the shop")
    assert (status, seen["state"], seen["acknowledged_by"], seen["note"]) == (
        200,
        "acknowledged",
        "head",
        "Calling the shop",
    )
    status, refusal = await say(served, n, "acknowledge")
    assert (status, refusal["code"]) == (409, "alarm_acknowledged")
    # it goes on happening: it is the same alarm, and stays taken on
    await directory.alarm(1, "fork", "Two histories, still.")
    (case,) = await alarms(served, "?state=acknowledged")
    assert (case["n"], case["count"], case["words"]) == (n, 3, "Two histories, still.")
    assert (await say(served, n, "close"))[1]["code"] == "reason_missing"
    wish = {"command": command(), "words": "One box was switched off"}
    for _ in range(2):
        status, closed = await say(served, n, "close", **wish)
        assert (status, closed["state"], closed["closed_by"], closed["closed_words"]) == (
            200,
            "closed",
            "head",
            "One box was switched off",
        )
    status, refusal = await say(served, n, "close", words="again")
    assert (status, refusal["code"]) == (409, "alarm_closed")
    assert (await say(served, n, "close", **{**wish, "words": "else"}))[1]["code"] == (
        "command_reused"
    )
    assert (await say(served, 99, "close", words="x"))[0] == 404
    assert (await served.store())["alarms"] == []
    await directory.alarm(1, "fork", "And another one.")
    assert [(each["n"] > n, each["state"]) for each in await alarms(served)] == [
        (True, "open"),
        (False, "closed"),
    ]
    _, acts = await served.ask("GET", "/api/v1/acts")
    assert [(each["what"], each["who"], each["reason"]) for each in acts["acts"]] == [
        ("close_alarm", "head", "One box was switched off"),
        ("acknowledge_alarm", "head", "Calling the shop"),
    ]


async def test_alarms_are_asked_for_by_store_and_state(served: Served) -> None:
    await served.add(Box("hill-road", 2))
    for number, kind in ((1, "fork"), (2, "behind"), (0, "of_its_own")):
        await served.office.directory.alarm(number, kind, "Words.")
    assert [each["store"] for each in await alarms(served)] == ["", "hill-road", "harbour-street"]
    assert [each["kind"] for each in await alarms(served, "?store=hill-road")] == ["behind"]
    assert [each["kind"] for each in await alarms(served, "?store=-")] == ["of_its_own"]
    assert await alarms(served, "?state=closed") == []
    for query, status in (("?state=over", 400), ("?store=nowhere", 404), ("?before=x", 400)):
        assert (await served.ask("GET", f"/api/v1/alarms{query}"))[0] == status


async def test_what_an_older_version_knew_is_taken_over(tmp_path: Path) -> None:
    older = DatabaseFile(tmp_path / "office.db", MIGRATIONS[:13])
    await older.open()

    def fill(connection: Any) -> None:
        connection.execute("INSERT INTO alarm VALUES (1, 'fork', 'Words.', 5, 9, 3)")
        for number, verdict in ((1, "differs"), (2, "agrees")):
            values = (number, 4, 8, 5, verdict, b"{}")
            connection.execute("INSERT INTO digest VALUES (?, ?, ?, ?, ?, ?)", values)

    await older.write(fill)
    await older.close()
    file = office_database(tmp_path / "office.db")
    await file.open()
    clock = FakeClock()
    (case,) = (await AlarmDesk(file, clock, open_log("office", io.StringIO())).standing()).alarms
    assert (case.kind, case.opened_at, case.last_at, case.count) == ("fork", 5, 9, 3)
    rows = await file.read(
        lambda connection: connection.execute("SELECT * FROM digest_differing").fetchall()
    )
    assert rows == [(1, 4, 8, b"{}")]
    await file.close()


async def test_a_case_follows_whoever_writes_an_alarm(served: Served) -> None:
    def direct(connection: Any) -> None:
        connection.execute("INSERT INTO alarm VALUES (1, 'x', 'Words.', 5, 5, 1)")
        connection.execute("UPDATE alarm SET count = 2, last_at = 7 WHERE kind = 'x'")

    await served.office.file.write(direct)
    (case,) = await alarms(served)
    assert (case["opened_at"], case["last_at"], case["count"]) == (5, 7, 2)
    await served.office.file.write(
        lambda connection: connection.execute("DELETE FROM alarm WHERE kind = 'x'")
    )
    (case,) = await alarms(served)
    assert (case["state"], case["closed_at"]) == ("closed", 7)


def test_every_kind_of_alarm_has_a_next_step() -> None:
    kinds = {
        "fork",
        "behind",
        "signature_wrong",
        "frame_of_other_store",
        "frame_of_other_generation",
        "feed_out_of_reach",
        "feed_ahead",
        "feed_refused",
        "digest_differs",
        "receipt_of_lost_sale",
        "returned_more_than_sold",
        "mail_failed",
        "book_not_ready",
        "quarantine",
        "clock_off",
        "disk_full",
        "wrong_key",
        "history_mended",
        "box_copied",
        "box_twice",
        "late_survivor",
        "survivor_salvaged",
    }
    advice = {alarm_advice.advice_for(kind) for kind in kinds}
    assert len(advice) == len(kinds)
    assert alarm_advice.advice_for("of a later version") not in advice


# --- pushed -------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def stream(served: Served) -> AsyncIterator[Any]:
    headers = {"Origin": served.url, "Cookie": cookie_header({OFFICE_COOKIE: served.cookie})}
    async with served.http.get(f"{served.url}/api/v1/events", headers=headers) as answer:

        async def next_of(*wanted: str) -> tuple[str, Any]:
            async with asyncio.timeout(20):
                while True:
                    block = (await answer.content.readuntil(b"\n\n")).decode()
                    fields = dict(
                        line.split(": ", 1) for line in block.splitlines() if ": " in line
                    )
                    if fields.get("event") in wanted:
                        assert "id" not in fields
                        return fields["event"], msgspec.json.decode(fields["data"])

        yield next_of


async def test_every_step_of_an_alarm_is_pushed(served: Served) -> None:
    directory = served.office.directory
    await directory.alarm(1, "fork", "Two histories.")
    async with stream(served) as next_of:
        _, standing = await next_of("alarms")
        (case,) = standing["alarms"]
        assert (case["kind"], case["state"]) == ("fork", "open")
        await directory.alarm(1, "behind", "An old copy.")
        _, began = await next_of("alarm")
        assert (began["kind"], began["state"], began["store"]) == (
            "behind",
            "open",
            "harbour-street",
        )
        assert began["advice"]
        _, standing = await next_of("alarms")
        assert [each["kind"] for each in standing["alarms"]] == ["behind", "fork"]
        await say(served, case["n"], "acknowledge")
        _, seen = await next_of("alarm")
        assert (seen["n"], seen["state"], seen["acknowledged_by"]) == (
            case["n"],
            "acknowledged",
            "head",
        )
        await directory.withdraw(1, "fork")
        _, over = await next_of("alarm")
        assert (over["n"], over["state"], over["closed_by"]) == (case["n"], "closed", "")


# --- found by looking ---------------------------------------------------------------------


@pytest.fixture
async def watch(served: Served) -> AttentionWatch:
    """A look of its own, with a clock by hand, beside the one of the running head office."""
    office, clock = served.office, FakeClock()
    sales = Sales(
        SqliteSales(office.file),
        office.directory,
        office.projector.events,
        office.feeds,
        lambda: office.boxes.connected,
        nothing_exposed,
        clock,
    )
    log = office.projector.log
    return AttentionWatch(
        office.file,
        office.directory,
        AlarmDesk(office.file, clock, log),
        ReplicationStanding(office.file, office.feeds, sales, dict, clock),
        lambda: office.boxes.connected,
        lambda slug: bool(office.boxes.refusals(slug)),
        lambda: OFFICE_DISK_FREE_BYTES_MIN,
        clock,
        log,
        SqliteAside(office.file),
    )


def later(watch: AttentionWatch, ms: int) -> None:
    assert isinstance(watch.clock, FakeClock)
    watch.clock.elapsed_ms += ms


async def kinds(served: Served) -> list[str]:
    return sorted(each["kind"] for each in (await served.store())["alarms"])


async def _old_alarm(served: Served, kind: str, at: int) -> None:
    await served.office.file.write(
        lambda connection: connection.execute(
            "INSERT INTO alarm VALUES (1, ?, 'Words.', ?, ?, 1)", (kind, at, at)
        )
    )


@pytest.mark.parametrize("kind", ["fork", "behind", "signature_wrong", "wrong_key"])
async def test_a_box_that_was_let_in_and_is_in_step_ends_what_was_wrong(
    served: Served, box: Box, watch: AttentionWatch, kind: str
) -> None:
    await _old_alarm(served, kind, watch.clock.now_ms() - 1000)
    box.sell("a")
    await watch.look()
    assert await kinds(served) == [kind]
    async with served.session(box) as (line, _):
        watch.noticed()
        later(watch, ALARM_SETTLED_MS)
        await watch.look()
        # let in, but its first frame may still show another history
        assert await kinds(served) == [kind]
        await line.upload(box.frame())
        await served.until_projected(4)
        later(watch, -1)
        await watch.look()
        assert await kinds(served) == [kind]
        later(watch, 1)
        await watch.look()
        assert await kinds(served) == []


async def test_what_happens_again_after_the_box_was_let_in_is_not_over(
    served: Served, box: Box, watch: AttentionWatch
) -> None:
    async with served.session(box):
        watch.noticed()
        later(watch, 1)
        await _old_alarm(served, "fork", watch.clock.now_ms())
        later(watch, 10 * ALARM_SETTLED_MS)
        await watch.look()
        assert await kinds(served) == ["fork"]


async def test_a_forking_box_does_not_end_its_alarm(served: Served, box: Box) -> None:
    box.sell("a")
    await arrive(served, box)
    other = Box(key=box.key)
    other.sell("b")
    async with served.line(other) as line:
        assert (await line.next()).code == "fork"
    case = await until(served, "fork", "open")
    assert "other event 4" in case["words"] or "another event 4" in case["words"]


async def test_clocks_that_are_off_are_told_until_they_are_right(
    served: Served, watch: AttentionWatch
) -> None:
    async def told(clock: int, came_at: int) -> None:
        body = msgspec.json.encode(BooksHeld((), 1, 1, clock))
        await served.office.file.write(
            lambda connection: connection.execute(
                "INSERT OR REPLACE INTO books_held VALUES (1, ?, 1, 1, ?)", (came_at, body)
            )
        )

    await told(1_000_000 + BOOK_CLOCK_OFF_MS_MAX, 1_000_000)
    await watch.look()
    assert await kinds(served) == []
    await told(2_000_000 - 90_000, 2_000_000)
    await watch.look()
    (alarm,) = (await served.store())["alarms"]
    assert (alarm["kind"], alarm["count"]) == ("clock_off", 1)
    assert "is 90 s behind" in alarm["words"]
    await watch.look()
    assert (await served.store())["alarms"][0]["count"] == 1
    soon = SystemClock().now_ms() + 1000
    await told(soon, soon)
    await watch.look()
    assert await kinds(served) == []


async def test_a_disk_that_gets_full_is_an_alarm_of_head_office(
    served: Served, watch: AttentionWatch
) -> None:
    watch.free_bytes = lambda: OFFICE_DISK_FREE_BYTES_MIN - 1
    await watch.look()
    await watch.look()
    (case,) = [each for each in await alarms(served, "?store=-") if each["kind"] == "disk_full"]
    assert (case["store"], case["state"], case["count"]) == ("", "open", 1)
    assert "1023 MiB are free" in case["words"]
    watch.free_bytes = lambda: OFFICE_DISK_FREE_BYTES_MIN
    await watch.look()
    assert (await alarms(served, "?store=-"))[0]["state"] == "closed"


async def test_a_box_with_another_key_is_told_once_a_minute(served: Served, box: Box) -> None:
    stranger = Box(key=new_key())
    for _ in range(3):
        async with served.line(stranger) as line:
            assert (await line.next()).code == "box_not_registered"
    (alarm,) = (await served.store())["alarms"]
    assert (alarm["kind"], alarm["count"]) == ("wrong_key", 1)
    assert stranger.key.public.hex[:16] in alarm["words"]
    unknown = Box("nowhere", 9)
    async with served.line(unknown) as line:
        assert (await line.next()).code == "box_not_registered"
    assert await count(served, "alarm") == 1


async def test_alarms_that_are_over_are_kept_and_not_for_ever(
    served: Served, watch: AttentionWatch
) -> None:
    for number in range(5):
        await served.office.directory.alarm(1, "fork", f"{number}")
        await served.office.directory.withdraw(1, "fork")
    await served.office.directory.alarm(1, "behind", "still")
    watch.alarms.closed_kept_max = 2
    await watch.alarms.trim()
    assert [each["words"] for each in await alarms(served)] == ["still", "4", "3"]
    newest = await watch.alarms.newest_step()
    await served.office.directory.withdraw(1, "behind")
    assert await watch.alarms.newest_step() == newest + 1
