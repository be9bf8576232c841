"""A box restored from an older copy: one history out of two, nothing lost, nothing twice."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge.contract.cash_events import NoSale
from edge.contract.coupon_events import CouponPresented
from edge.contract.envelope import Origin
from edge.contract.errors import Refused
from edge.contract.event_registry import Event
from edge.contract.fiscal_events import FiscalStarted
from edge.contract.replication import Head, MendedProof
from edge.contract.sale_events import (
    CashTendered,
    LineAdded,
    ReceiptPrinted,
    SaleAbandoned,
    SaleCompleted,
    SaleOpened,
    SaleParked,
    SaleResumed,
)
from edge.contract.system_events import BoxStarted, GenerationOpened, TillEnrolled
from edge.ledger import mending
from edge.ledger.branch_merging import content_of, other_id
from edge.ledger.integrity import verify
from edge.ledger.mending import mended_here
from edge.ledger.mending_stage import STAGE
from edge.ledger.records import CommandReply, OpenJob, Record, Recorded, Repeated, WaitingLetter
from tests.ledger.ledger_at import cash_sale, ledger_at
from tests.ledger.two_branches import BOX, Branches, Step, common_of, rows, sealed, table

STARTED = BoxStarted(version="1", sqlite="3", clean=False)


def sale(name: str, number: int, till: str = "till-1", price: int = 129) -> Step:
    events = cash_sale(name, number, price=price)
    done = events[-1]
    assert isinstance(done, SaleCompleted)
    receipt = f"{till}-{number:06d}"
    return till, (*events[:-1], SaleCompleted(**{**fields(done), "receipt": receipt}))


def fields(event: Event) -> dict[str, Any]:
    return {name: getattr(event, name) for name in event.__struct_fields__}


def opened(name: str, till: str = "till-1") -> Step:
    return till, cash_sale(name, 1)[:3]


def finished(name: str, number: int, till: str = "till-1", price: int = 129) -> Step:
    """The end of a sale that was opened with `opened`."""
    return till, sale(name, number, till, price)[1][3:]


def done_sales(path: Path) -> list[tuple[str, str, int]]:
    """Sale, receipt and total of every completion, in the order of the chain."""
    found = []
    for each in sealed(path):
        event = each.event()
        if isinstance(event, SaleCompleted):
            found.append((event.sale, event.receipt, event.total_minor))
    return found


@pytest.fixture
def branches(tmp_path: Path) -> Branches:
    return Branches(tmp_path)


async def test_a_box_that_sold_nothing_gets_what_it_lost(branches: Branches) -> None:
    await branches.common(sale("a", 1), sale("b", 2))
    await branches.office_has(sale("c", 3), sale("d", 4))
    await branches.stage()
    done = await branches.mend()
    assert done is not None
    assert (done.report.sales_back, done.report.sales_again) == (2, 0)
    assert done_sales(branches.path) == done_sales(branches.lost)
    theirs = rows(branches.lost)
    assert rows(branches.path)[: len(theirs)] == theirs
    new = sealed(branches.path)[len(theirs) :]
    assert [(each.gen, each.seq, each.type) for each in new] == [
        (2, len(theirs) + 1, "generation_opened"),
        (2, len(theirs) + 2, "history_mended"),
    ]
    assert new[0].event() == GenerationOpened(
        parent_gen=1,
        parent_seq=len(theirs),
        parent_hash=theirs[-1][1].hex(),
        source="head office",
    )
    verdict = verify(branches.path)
    assert (verdict.whole, verdict.gen, verdict.accepted_seq) == (True, 2, len(theirs))


async def test_what_the_copy_sold_follows_behind_what_head_office_has(branches: Branches) -> None:
    await branches.common(sale("a", 1), ("till-2", (NoSale(job="j1", reason="change"),)))
    await branches.office_has(sale("b", 2), sale("c", 3))
    await branches.copy_goes_on(
        ("", (STARTED,)), sale("x", 2), sale("y", 3), sale("z", 1, "till-2")
    )
    old = rows(branches.box)
    await branches.stage()
    done = await branches.mend()
    assert done is not None
    assert [name for name, _, _ in done_sales(branches.path)] == ["a", "b", "c", "x", "y", "z"]
    report = done.report
    assert (report.sales_back, report.sales_again, report.sales_known) == (2, 3, 0)
    # both gave 2 and 3 of till-1: the paper of each says so, and so does the ledger
    assert report.receipts_twice == ("till-1-000002", "till-1-000003")
    assert sealed(branches.path)[-1].event() == report
    assert verify(branches.path).whole
    # no number is given a third time, nor one that any branch gave
    assert table(branches.path, "SELECT till, receipts FROM till ORDER BY till") == [
        ("till-1", 5),
        ("till-2", 1),
    ]
    # set aside whole, as it was
    (aside,) = branches.aside()
    assert report.set_aside == f"set-aside/{aside.name}"
    assert rows(aside) == old
    assert verify(aside).whole
    assert mended_here(branches.path, BOX) == done
    assert mended_here(branches.path, "cd" * 32) is None
    assert not (branches.box / STAGE).exists()


async def test_an_event_that_is_written_again_says_where_it_stood(branches: Branches) -> None:
    await branches.common(sale("a", 1))
    await branches.office_has(sale("b", 2))
    await branches.copy_goes_on(sale("x", 2))
    old = rows(branches.box)
    await branches.stage()
    await branches.mend()
    again = [each for each in sealed(branches.path) if each.origin is not None]
    before = [each for each in sealed(branches.aside()[0]) if each.seq > 6]
    assert len(again) == len(before) == 6
    for new, was in zip(again, before, strict=True):
        assert new.origin == Origin(1, was.seq, old[was.seq - 1][1].hex())
        assert (new.type, new.day, new.at, new.till, new.actor, bytes(new.data)) == (
            *(was.type, was.day, was.at, was.till, was.actor),
            bytes(was.data),
        )
        assert new.gen == 2


async def test_a_sale_that_both_completed_alike_stands_once(branches: Branches) -> None:
    await branches.common(opened("a"))
    await branches.office_has(finished("a", 1), sale("b", 2))
    await branches.copy_goes_on(
        finished("a", 1),
        ("till-1", (ReceiptPrinted(sale="a", evidence="confirmed"),)),
        sale("x", 2),
    )
    await branches.stage()
    done = await branches.mend()
    assert done is not None
    assert [name for name, _, _ in done_sales(branches.path)] == ["a", "b", "x"]
    assert (done.report.sales_known, done.report.sales_again) == (1, 1)
    kinds = Counter(each.type for each in sealed(branches.path))
    assert (kinds["receipt_printed"], kinds["cash_tendered"]) == (1, 3)
    assert verify(branches.path).whole


async def test_a_sale_that_both_ended_otherwise_stands_under_two_ids(branches: Branches) -> None:
    await branches.common(sale("a", 1), opened("s"))
    fork_hash = rows(branches.box)[-1][1]
    await branches.office_has(finished("s", 2))
    more = LineAdded(
        sale="s",
        line="9",
        sku="109",
        name="Cake",
        quantity=1000,
        price_minor=300,
        amount_minor=300,
        tax="B",
        rate_ppm=70_000,
    )
    await branches.copy_goes_on(("till-1", (more,)), finished("s", 2, price=229), sale("y", 3))
    first = next(each for each in sealed(branches.path) if b"Cake" in bytes(each.data))
    await branches.stage()
    done = await branches.mend()
    assert done is not None
    other = other_id("s", fork_hash, content_of(first, bytes(first.data)))
    assert done_sales(branches.path) == [
        ("a", "till-1-000001", 387),
        ("s", "till-1-000002", 387),
        (other, "till-1-000002", 687),
        ("y", "till-1-000003", 387),
    ]
    report = done.report
    assert (report.sales_doubtful, report.sales_again, report.sales_known) == (1, 1, 0)
    whole = [
        each
        for each in sealed(branches.path)
        if each.origin is not None and each.origin.sale == "s"
    ]
    assert [each.type for each in whole] == [
        *("sale_opened", "line_added", "line_added"),
        *("line_added", "line_added", "cash_tendered", "sale_completed"),
    ]
    assert all(f'"sale":"{other}"'.encode() in bytes(each.data) for each in whole)
    assert verify(branches.path).whole


async def test_an_open_basket_that_head_office_knows_better_is_dropped(branches: Branches) -> None:
    await branches.common(opened("s"))
    await branches.office_has(finished("s", 1))
    await branches.copy_goes_on(("till-1", (SaleAbandoned(sale="s"),)), sale("x", 1))
    await branches.stage()
    done = await branches.mend()
    assert done is not None
    assert [name for name, _, _ in done_sales(branches.path)] == ["s", "x"]
    assert (done.report.events_known, done.report.sales_known) == (1, 0)
    assert verify(branches.path).whole


async def test_a_sale_that_only_the_copy_finished_keeps_its_id(branches: Branches) -> None:
    await branches.common(
        opened("s"), ("till-1", (SaleParked(sale="s", label="Anna"),)), opened("t", "till-2")
    )
    await branches.office_has(sale("b", 1))
    await branches.copy_goes_on(
        ("till-3", (SaleResumed(sale="s"),)),
        finished("s", 1, "till-3"),
        finished("t", 1, "till-2"),
    )
    await branches.stage()
    done = await branches.mend()
    assert done is not None
    assert sorted(name for name, _, _ in done_sales(branches.path)) == ["b", "s", "t"]
    assert (done.report.sales_again, done.report.sales_doubtful) == (2, 0)
    assert table(branches.path, "SELECT * FROM parked") == []
    assert verify(branches.path).whole


async def test_a_sale_that_was_open_when_the_box_was_lost_is_parked(branches: Branches) -> None:
    await branches.common(sale("a", 1))
    await branches.office_has(opened("lost"))
    await branches.copy_goes_on(sale("x", 2), opened("now"))
    await branches.stage()
    await branches.mend()
    ((parked, _, seq),) = table(branches.path, "SELECT * FROM parked")
    assert parked == "lost"
    assert sealed(branches.path)[seq - 1].event() == SaleParked(sale="lost", label="restored")
    ((open_seq,),) = table(branches.path, "SELECT open_seq FROM till")
    assert sealed(branches.path)[open_seq - 1].event() == SaleOpened(sale="now", currency="EUR")
    assert verify(branches.path).whole


async def test_a_doubtful_sale_does_not_push_another_off_its_till(branches: Branches) -> None:
    """Its first part happened at a till that has a sale of its own open by now."""
    await branches.common(
        opened("s"), ("till-1", (SaleParked(sale="s"),)), opened("mine", "till-1")
    )
    await branches.office_has(("till-2", (SaleResumed(sale="s"),)), finished("s", 1, "till-2"))
    await branches.copy_goes_on(
        ("till-2", (SaleResumed(sale="s"),)),
        finished("s", 1, "till-2", price=200),
        finished("mine", 1, "till-1"),
    )
    await branches.stage()
    done = await branches.mend()
    assert done is not None
    names = [name for name, _, _ in done_sales(branches.path)]
    assert (names[0], names[2], done.report.sales_doubtful) == ("s", "mine", 1)
    assert table(branches.path, "SELECT * FROM parked") == []
    assert verify(branches.path).whole


async def test_one_coupon_used_up_in_both_stays_with_the_first(branches: Branches) -> None:
    def with_coupon(name: str, number: int) -> Step:
        till, events = sale(name, number)
        coupon = CouponPresented(sale=name, code="ONCE", campaign="k", name="Off", single_use=True)
        done = events[-1]
        used = SaleCompleted(**{**fields(done), "coupons": ("ONCE",)})
        return till, (*events[:-1], coupon, used)

    await branches.common(sale("a", 1))
    await branches.office_has(with_coupon("b", 2))
    await branches.copy_goes_on(with_coupon("x", 2))
    await branches.stage()
    await branches.mend()
    assert table(branches.path, "SELECT sale, receipt FROM coupon") == [("b", "till-1-000002")]
    assert verify(branches.path).whole


async def test_what_is_told_of_ended_sales_is_told_once(branches: Branches) -> None:
    printed = ReceiptPrinted(sale="a", evidence="confirmed")
    await branches.common(sale("a", 1))
    branches.clock.now += 10_000
    now = branches.clock.now
    await branches.office_has(("till-1", (printed,)))
    branches.clock.now = now - 1_000
    # at the very same instant it is the same event, wherever it stands
    await branches.copy_goes_on(
        ("", (STARTED,)),
        ("till-1", (printed,)),
        ("till-1", (ReceiptPrinted(sale="a", evidence="unknown", copy=1),)),
    )
    await branches.stage()
    done = await branches.mend()
    assert done is not None
    assert (done.report.events_known, done.report.events_again) == (1, 2)


async def test_a_security_device_is_told_where_its_sale_is_now(branches: Branches) -> None:
    def signed(name: str, number: int, opened_seq: int) -> Step:
        till, events = sale(name, number)
        started = FiscalStarted(
            sale=name, client="c", transaction=number, started_at=5, opened_seq=opened_seq
        )
        return till, (events[0], started, *events[1:])

    await branches.common(sale("a", 1))
    await branches.office_has(sale("b", 2), sale("c", 3))
    await branches.copy_goes_on(signed("x", 2, 7))
    await branches.stage()
    await branches.mend()
    ((at,),) = table(branches.path, "SELECT opened_seq FROM fiscal WHERE sale = 'x'")
    assert sealed(branches.path)[at - 1].event() == SaleOpened(sale="x", currency="EUR")


async def test_answers_jobs_and_letters_go_along(branches: Branches) -> None:
    async def command(box: Any, name: str, number: int) -> Any:
        async with ledger_at(box / "ledger.db") as ledger:
            return await ledger.record(
                Record(
                    sale(name, number)[1],
                    "till-1",
                    jobs=(
                        OpenJob(
                            f"job-{name}", "PrintReceipt", "till-1", name, "p", 0, 9, b'{"a":1}'
                        ),
                    ),
                    reply=CommandReply(f"command-{name}", b"f", b"answer " + name.encode()),
                    letters=(WaitingLetter(f"ref-{name}", "r", 5, "a@b.example", "s"),),
                )
            )

    await command(branches.lost, "a", 1)
    await branches.common(sale("b", 2))
    await command(branches.lost, "c", 3)
    await command(branches.box, "x", 3)
    await branches.stage()
    await branches.mend()
    async with ledger_at(branches.path, gen=2) as ledger:
        for name in ("a", "x"):
            again = Record(
                sale(name, 9)[1], reply=CommandReply(f"command-{name}", b"f", b"another")
            )
            assert await ledger.record(again) == Repeated(b"answer " + name.encode())
        # an id names one sale, whichever branch it is of
        for name in ("a", "b", "c", "x"):
            with pytest.raises(Refused, match="names another sale"):
                await ledger.record(Record((SaleOpened(sale=name, currency="EUR"),), "till-9"))
        assert {job.job_id for job in await ledger.open_jobs()} == {"job-a", "job-x"}
        assert isinstance(await ledger.record(Record(sale("new", 6)[1], "till-1")), Recorded)
    letters = table(branches.path, "SELECT ref FROM letter ORDER BY n")
    assert letters == [("ref-a",), ("ref-x",)]
    assert verify(branches.path).whole


async def test_till_that_both_enrolled_and_what_follows_is_whole(branches: Branches) -> None:
    till = TillEnrolled(till="till-1", label="Counter", secret_sha256="ab" * 32)
    await branches.common(sale("a", 1))
    await branches.office_has(("", (till,)))
    await branches.copy_goes_on(("", (till,)))
    await branches.stage()
    await branches.mend()
    assert verify(branches.path).whole


async def test_restored_once_more_from_the_same_copy(branches: Branches, tmp_path: Path) -> None:
    """The copy of before comes back with all it sold then: nothing of it counts twice."""
    await branches.common(sale("a", 1), opened("s"))
    await branches.office_has(finished("s", 2))
    await branches.copy_goes_on(finished("s", 2, price=200), sale("x", 3))
    second = tmp_path / "second.db"
    second.write_bytes(branches.path.read_bytes())
    await branches.stage()
    await branches.mend()
    wanted = done_sales(branches.path)
    again = Branches(_folder(tmp_path))
    (again.lost / "ledger.db").write_bytes(branches.path.read_bytes())
    (again.box / "ledger.db").write_bytes(second.read_bytes())
    await again.copy_goes_on(sale("y", 4))
    await again.stage(gen=3)
    done = await again.mend()
    assert done is not None
    assert done_sales(again.path) == [*wanted, ("y", "till-1-000004", 387)]
    assert (done.report.sales_known, done.report.sales_again) == (2, 1)
    assert verify(again.path).whole


async def test_money_that_moved_otherwise_each_time_is_looked_at_each_time(
    branches: Branches, tmp_path: Path
) -> None:
    """One copy is put back twice, and twice somebody begins to pay for the sale it has open."""
    await branches.common(opened("s"))
    copy = branches.path.read_bytes()
    await branches.office_has(finished("s", 1))
    await branches.copy_goes_on(("till-1", (CashTendered(sale="s", tender="1", amount_minor=437),)))
    await branches.stage()
    await branches.mend()
    again = Branches(_folder(tmp_path))
    again.clock.now = branches.clock.now + 60_000
    (again.lost / "ledger.db").write_bytes(branches.path.read_bytes())
    (again.box / "ledger.db").write_bytes(copy)
    await again.copy_goes_on(("till-1", (CashTendered(sale="s", tender="1", amount_minor=500),)))
    await again.stage(gen=3)
    done = await again.mend()
    assert done is not None
    assert (done.report.sales_doubtful, done.report.sales_known) == (1, 0)
    paid = [
        (event.sale, event.amount_minor)
        for each in sealed(again.path)
        if isinstance(event := each.event(), CashTendered)
    ]
    assert [minor for _, minor in paid] == [437, 437, 500]
    assert len({name for name, _ in paid}) == 3
    assert verify(again.path).whole


@pytest.mark.parametrize("ends_otherwise", [False, True])
async def test_an_open_sale_may_end_otherwise_each_time_its_copy_is_put_back(
    branches: Branches, tmp_path: Path, ends_otherwise: bool
) -> None:
    """The machine found it: both ends got one id, and head office knew what to do with neither."""
    await branches.common(opened("s"))
    copy = branches.path.read_bytes()
    await branches.office_has(finished("s", 1))
    await branches.copy_goes_on(finished("s", 1, price=200))
    first_end = branches.path.read_bytes()
    await branches.stage()
    await branches.mend()
    again = Branches(_folder(tmp_path))
    again.clock.now = branches.clock.now + 60_000
    (again.lost / "ledger.db").write_bytes(branches.path.read_bytes())
    (again.box / "ledger.db").write_bytes(copy if ends_otherwise else first_end)
    third = finished("s", 1, price=300) if ends_otherwise else sale("x", 2)
    await again.copy_goes_on(third)
    await again.stage(gen=3)
    done = await again.mend()
    assert done is not None
    found = done_sales(again.path)
    assert len({name for name, *_ in found}) == len(found) == 3
    totals = [total for _, _, total in found]
    assert totals == ([387, 600, 900] if ends_otherwise else [387, 600, 387])
    assert (done.report.sales_doubtful, done.report.sales_known) == (
        (1, 0) if ends_otherwise else (0, 1)
    )
    assert verify(again.path).whole


async def test_an_end_that_came_before_under_another_id_stands_once(
    branches: Branches, tmp_path: Path
) -> None:
    """The copy is put back twice, and its till completes the open sale twice alike."""
    await branches.common(opened("s"))
    copy = branches.path.read_bytes()
    await branches.office_has(finished("s", 1))
    await branches.copy_goes_on(finished("s", 1, price=200))
    await branches.stage()
    await branches.mend()
    again = Branches(_folder(tmp_path))
    again.clock.now = branches.clock.now + 60_000
    (again.lost / "ledger.db").write_bytes(branches.path.read_bytes())
    (again.box / "ledger.db").write_bytes(copy)
    await again.copy_goes_on(finished("s", 1, price=200), sale("x", 2))
    await again.stage(gen=3)
    done = await again.mend()
    assert done is not None
    assert [total for _, _, total in done_sales(again.path)] == [387, 600, 387]
    assert (done.report.sales_doubtful, done.report.sales_known) == (0, 1)
    assert verify(again.path).whole


async def test_a_doubtful_sale_that_went_on_since_is_known(
    branches: Branches, tmp_path: Path
) -> None:
    """Money had moved for it in the copy; it was completed under its other id, behind a mending."""
    paid = ("till-1", (CashTendered(sale="s", tender="1", amount_minor=437),))
    await branches.common(opened("s"))
    await branches.office_has(finished("s", 1))
    await branches.copy_goes_on(paid)
    copy = branches.path.read_bytes()
    await branches.stage()
    await branches.mend()
    (other,) = {
        event.sale for each in sealed(branches.path)
        if isinstance(event := each.event(), SaleOpened) and each.origin is not None
    }  # fmt: skip
    ended = sale(other, 2)[1][-1]
    await branches.record(branches.box, ("till-1", (ended,)), gen=2)
    again = Branches(_folder(tmp_path))
    (again.lost / "ledger.db").write_bytes(branches.path.read_bytes())
    (again.box / "ledger.db").write_bytes(copy)
    await again.stage(gen=3)
    done = await again.mend()
    assert done is not None
    assert done.report.sales_doubtful == 0
    assert [name for name, *_ in done_sales(again.path)] == ["s", other]
    assert verify(again.path).whole


def _folder(folder: Path) -> Path:
    made = folder / "again"
    made.mkdir()
    return made


# --- nothing by halves --------------------------------------------------------------------


async def prepared(branches: Branches) -> None:
    await branches.common(sale("a", 1), opened("s"))
    await branches.office_has(finished("s", 2), sale("b", 3))
    await branches.copy_goes_on(finished("s", 2, price=200), sale("x", 3), opened("now"))
    await branches.stage()


class KilledError(Exception):
    """The process ends here."""


STEPS = ("_sync_folder", "_remove", "_check_closed", "verify")


@pytest.mark.parametrize("at", range(12))
async def test_killed_between_any_two_steps_the_end_is_the_same(
    branches: Branches, at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    await prepared(branches)
    old = rows(branches.box)
    calls = 0
    with monkeypatch.context() as patched:
        for name in STEPS:
            real = getattr(mending, name)

            def step(*args: Any, real: Any = real) -> Any:
                nonlocal calls
                calls += 1
                if calls > at:
                    raise KilledError
                return real(*args)

            patched.setattr(mending, name, step)
        try:
            await branches.mend()
            killed = False
        except KilledError:
            killed = True
    assert killed == (calls > at)
    now = rows(branches.box)
    assert now == old or verify(branches.path).gen == 2
    await branches.mend()
    assert [name for name, _, _ in done_sales(branches.path)][-1] == "x"
    assert len(done_sales(branches.path)) == 5
    assert verify(branches.path).whole
    assert [rows(each) for each in branches.aside()] == [old]
    assert await branches.mend() is None
    left = {each.name.removesuffix("-wal").removesuffix("-shm") for each in branches.box.iterdir()}
    assert left == {"ledger.db", "set-aside"}


async def test_what_head_office_did_not_vouch_for_changes_nothing(branches: Branches) -> None:
    await prepared(branches)
    old = rows(branches.box)
    with closing(sqlite3.connect(branches.box / STAGE)) as connection, connection:
        connection.execute(
            "UPDATE event SET body = CAST(replace(body, 'till-1-000003', 'till-1-000007') AS BLOB)"
        )
    with pytest.raises(Refused, match="does not fit its hash") as refused:
        await branches.mend()
    assert refused.value.code == "history_unmendable"
    assert rows(branches.box) == old
    assert branches.aside() == []


async def test_a_branch_that_ends_too_early_changes_nothing(branches: Branches) -> None:
    await branches.common(sale("a", 1))
    await branches.office_has(sale("b", 2), sale("c", 3))
    await branches.stage(upto=-2)
    old = rows(branches.box)
    with pytest.raises(Refused, match="does not end as it said"):
        await branches.mend()
    assert rows(branches.box) == old


async def test_for_another_copy_than_it_was_fetched_for_it_is_fetched_anew(
    branches: Branches, tmp_path: Path
) -> None:
    await prepared(branches)
    other = Branches(_folder(tmp_path))
    await other.common(sale("q", 1), sale("r", 2))
    (other.box / "ledger.db").replace(branches.path)
    assert await branches.mend() is None
    assert [name for name, _, _ in done_sales(branches.path)] == ["q", "r"]
    assert branches.aside() == []
    assert not (branches.box / STAGE).exists()


async def test_a_ledger_that_somebody_has_open_waits(branches: Branches) -> None:
    await prepared(branches)
    old = rows(branches.box)
    with closing(sqlite3.connect(branches.path)) as connection:
        connection.execute("BEGIN")
        connection.execute("SELECT * FROM event").fetchone()
        async with ledger_at(branches.path) as ledger:
            await ledger.record(Record((NoSale(job="j", reason="r"),)))
        with pytest.raises(Refused, match="open"):
            await branches.mend()
    assert rows(branches.box)[: len(old)] == old
    assert await branches.mend() is not None


async def test_a_disk_without_room_is_said_before_anything_is_written(branches: Branches) -> None:
    await prepared(branches)
    old = rows(branches.box)
    with pytest.raises(Refused, match="MiB are free") as refused:
        await branches.mend(free=100_000)
    assert refused.value.code == "no_room_to_mend"
    assert rows(branches.box) == old
    assert not (branches.box / "ledger.db.mended").exists()
    assert await branches.mend() is not None


async def test_without_a_generation_nothing_happens(branches: Branches) -> None:
    assert await branches.mend() is None
    await branches.common(sale("a", 1))
    await branches.office_has(sale("b", 2))
    await branches.stage()
    with closing(sqlite3.connect(branches.box / STAGE)) as connection, connection:
        connection.execute("UPDATE fork SET given = NULL")
    old = rows(branches.box)
    assert await branches.mend() is None
    assert rows(branches.box) == old
    assert (branches.box / STAGE).exists()


async def test_what_head_office_signed_is_kept_as_the_proof_for_second_copies(
    branches: Branches,
) -> None:
    await branches.common(sale("a", 1))
    await branches.office_has(sale("b", 2))
    await branches.copy_goes_on(sale("x", 2))
    fork, own = common_of(rows(branches.lost), rows(branches.box)), rows(branches.box)
    office = rows(branches.lost)
    await branches.stage()
    done = await branches.mend()
    assert done is not None
    assert done.proof == MendedProof(
        gen=2,
        parent=Head(1, len(office), office[-1][1].hex()),
        at=5,
        signature="",
        fork_seq=fork,
        fork_hash=own[fork - 1][1].hex(),
        branch=Head(1, len(own), own[-1][1].hex()),
    )
    known = mended_here(branches.path, BOX)
    assert known is not None
    assert known.proof == done.proof
    # an older version kept the report alone: nothing can be proved then
    with closing(sqlite3.connect(branches.path)) as ledger, ledger:
        ledger.execute("UPDATE mended SET report = ?", (msgspec.json.encode(done.report),))
    older = mended_here(branches.path, BOX)
    assert older is not None
    assert (older.report, older.given, older.proof) == (done.report, None, None)
