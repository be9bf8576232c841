from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from edge.contract.card_desk_events import (
    CardAlarmSettled,
    CardAnsweredLate,
    CardPaymentResolved,
    CardReversalRequested,
)
from edge.contract.card_refund_events import (
    CardRefundApproved,
    CardRefundDeclined,
    CardRefundRequested,
)
from edge.contract.coupon_events import CouponPresented, CouponRemoved
from edge.contract.device_events import DeviceAdopted
from edge.contract.envelope import GENESIS, link_all, unseal
from edge.contract.errors import Refused, StorageFailed
from edge.contract.event_registry import Event
from edge.contract.fiscal_events import (
    FiscalClosed,
    FiscalMissed,
    FiscalSigned,
    FiscalStarted,
)
from edge.contract.limits import (
    COMMAND_REPLIES_KEPT,
    EVENT_BYTES_MAX,
    EVENTS_PER_COMMAND_MAX,
)
from edge.contract.receipt_events import GiftReceiptPrinted, ReceiptPresented, ReceiptReprinted
from edge.contract.return_events import CashReturned, LineReturned, RefundPart, TenderReturned
from edge.contract.sale_events import LineVoided, SaleAbandoned, SaleOpened, SaleParked, SaleResumed
from edge.contract.system_events import BoxStopped, TillEnrolled
from edge.contract.terminal_day_events import TerminalDayAsked, TerminalDayEnded
from edge.contract.tip_events import TipReturned, TipSet
from edge.contract.training_events import TrainingBegan, TrainingEnded
from edge.ledger.projections import PROJECTED_TABLES, rebuild
from edge.ledger.records import CommandReply, OpenJob, Record, Recorded, Repeated
from edge.ledger.replay import past_events
from tests.ledger.ledger_at import AT, cash_sale, ledger_at


def job(number: int = 0) -> OpenJob:
    return OpenJob(f"job-00000{number}", "print_receipt", "till-1", "s", "printer-1", 0, AT, b"{}")


def reply(command_id: str, body: bytes = b"view", meaning: bytes = b"m") -> CommandReply:
    return CommandReply(command_id, meaning, body)


async def test_a_record_takes_the_next_seqs_and_is_chained(tmp_path: Path) -> None:
    async with ledger_at(tmp_path / "ledger.db") as ledger:
        first = await ledger.record(Record(cash_sale("a", 1), "till-1", "marta"))
        second = await ledger.record(Record((BoxStopped(),)))
        assert first == Recorded(1, 6)
        assert second == Recorded(7, 7)
        assert isinstance(second, Recorded)
        assert second.last_hash == (await ledger.head()).hash
        last, bodies = await ledger.events_after(0, raw_max=1_000_000, count_max=100)
        assert last == link_all(GENESIS, bodies) == (await ledger.head()).hash
        assert [unseal(body).seq for body in bodies] == list(range(1, 8))
        envelope = unseal(bodies[0])
        assert (envelope.store, envelope.gen, envelope.till, envelope.actor) == (
            1,
            1,
            "till-1",
            "marta",
        )
        assert (envelope.at, envelope.day) == (AT, "2026-11-18")


async def test_records_of_many_callers_share_commits_and_stay_gap_free(tmp_path: Path) -> None:
    async with ledger_at(tmp_path / "ledger.db") as ledger:
        outcomes = await asyncio.gather(
            *(ledger.record(Record(cash_sale(f"s{n}", n), f"till-{n}")) for n in range(40))
        )
        counts = ledger._file.counts
        assert counts.commits < 12
    taken = sorted(
        (outcome.first_seq, outcome.last_seq)
        for outcome in outcomes
        if isinstance(outcome, Recorded)
    )
    assert [first for first, _ in taken] == list(range(1, 240, 6))


async def test_a_repeated_command_writes_nothing_and_gets_the_first_answer(tmp_path: Path) -> None:
    async with ledger_at(tmp_path / "ledger.db") as ledger:
        sale = cash_sale("a", 1)
        await ledger.record(Record(sale, "till-1", "marta", reply=reply("command-1")))
        again = await ledger.record(
            Record(sale, "till-1", "marta", (job(),), reply=reply("command-1", b"other view"))
        )
        assert again == Repeated(b"view")
        assert (await ledger.head()).seq == 6
        assert await ledger.open_jobs() == []
        assert await ledger.find_reply(reply("command-1")) == b"view"
        assert await ledger.find_reply(reply("command-2")) is None


async def test_the_same_command_id_with_another_meaning_is_refused(tmp_path: Path) -> None:
    async with ledger_at(tmp_path / "ledger.db") as ledger:
        await ledger.record(Record((BoxStopped(),), reply=reply("command-1")))
        other = reply("command-1", meaning=b"n")
        with pytest.raises(Refused, match="another command") as refusal:
            await ledger.record(Record((BoxStopped(),), reply=other))
        assert refusal.value.code == "command_id_reused"
        with pytest.raises(Refused, match="another command"):
            await ledger.find_reply(other)
        assert (await ledger.head()).seq == 1


async def test_an_event_is_as_large_as_the_limit_and_not_a_byte_larger(tmp_path: Path) -> None:
    async with ledger_at(tmp_path / "ledger.db") as ledger:
        await ledger.record(Record((SaleAbandoned(sale="x", reason="r"),), "till-1"))
        (probe,) = (await ledger.events_after(0, raw_max=1 << 20, count_max=9))[1]
        most = EVENT_BYTES_MAX - len(probe) + 1
        recorded = await ledger.record(
            Record((SaleAbandoned(sale="x", reason="r" * most),), "till-1")
        )
        assert isinstance(recorded, Recorded)
        assert recorded.last_hash == (await ledger.head()).hash
        with pytest.raises(Refused, match="is the limit"):
            await ledger.record(
                Record((SaleAbandoned(sale="x", reason="r" * (most + 1)),), "till-1")
            )
        assert (await ledger.head()).seq == 2


async def test_a_refused_record_leaves_nothing_and_its_neighbours_stand(tmp_path: Path) -> None:
    async with ledger_at(tmp_path / "ledger.db") as ledger:
        giant = SaleAbandoned(sale="x", reason="r" * EVENT_BYTES_MAX)
        outcomes = await asyncio.gather(
            ledger.record(Record(cash_sale("a", 1), "till-1")),
            ledger.record(Record((SaleOpened(sale="x", currency="EUR"), giant), "till-2")),
            ledger.record(Record(cash_sale("b", 1), "till-3")),
            return_exceptions=True,
        )
        assert isinstance(outcomes[1], Refused)
        assert outcomes[1].code == "event_too_large"
        assert (await ledger.head()).seq == 12
        assert {row.till for row in await ledger.tills()} == {"till-1", "till-3"}
        with pytest.raises(ValueError, match="events in one record"):
            await ledger.record(Record((BoxStopped(),) * (EVENTS_PER_COMMAND_MAX + 1)))
        await ledger.record(Record((BoxStopped(),) * EVENTS_PER_COMMAND_MAX))
        assert (await ledger.head()).seq == 12 + EVENTS_PER_COMMAND_MAX


async def test_jobs_come_and_go_with_the_events_that_cause_and_settle_them(tmp_path: Path) -> None:
    async with ledger_at(tmp_path / "ledger.db") as ledger:
        await ledger.record(Record((BoxStopped(),), jobs=(job(1), job(2))))
        assert await ledger.open_jobs() == [job(1), job(2)]
        await ledger.record(Record((BoxStopped(),), settled=("job-000001",)))
        assert await ledger.open_jobs() == [job(2)]


async def test_tills_know_their_receipts_and_their_open_sale(tmp_path: Path) -> None:
    async with ledger_at(tmp_path / "ledger.db") as ledger:
        await ledger.record(Record(cash_sale("a", 1), "till-1"))
        await ledger.record(Record((SaleOpened(sale="b", currency="EUR"),), "till-2"))
        await ledger.record(Record((SaleOpened(sale="c", currency="EUR"),), "till-1"))
        await ledger.record(Record((LineVoided(sale="c", line="1"),), "till-1"))
        rows = {row.till: row for row in await ledger.tills()}
        assert (rows["till-1"].receipts, rows["till-1"].open_seq, rows["till-1"].last_seq) == (
            1,
            8,
            1,
        )
        history = past_events(await ledger.sale_events(8))
        assert [(past.seq, type(past.event).__name__) for past in history] == [
            (8, "SaleOpened"),
            (9, "LineVoided"),
        ]
        await ledger.record(Record((SaleAbandoned(sale="c"),), "till-1"))
        rows = {row.till: row for row in await ledger.tills()}
        assert rows["till-1"].open_seq == 0
        assert rows["till-2"].open_seq == 7
        assert await ledger.sales_after(0) == 1
        assert await ledger.sales_after(6) == 0


def coming_back(sale: str, *lines: str, receipt: bool = True) -> tuple[Event, ...]:
    """Return goods of sale s0 that come back, and the cash given for them."""
    original = "s0" if receipt else ""
    returned = [
        LineReturned(
            sale=sale, line=line, sku="1", name="Milk", quantity=1_000, price_minor=129, tax="B",
            rate_ppm=70_000, net_minor=121, tax_minor=8, gross_minor=129, reason="sour",
            original_sale=original, original_line=line if receipt else "",
        )
        for line in lines
    ]  # fmt: skip
    parts = (RefundPart("s0", "1", 129),) if receipt else ()
    cash = CashReturned(sale=sale, tender="1", amount_minor=129, parts=parts)
    other = TenderReturned(
        sale=sale, tender="2", kind="voucher", amount_minor=1, reference="V", parts=parts
    )
    return (*returned, cash, other)


def card_refunds(sale: str) -> tuple[Event, ...]:
    """Return refunds to a card: one is asked for, one gave less, two were declined."""
    parts = (RefundPart("s0", "1", 5),)
    asked = [
        CardRefundRequested(
            sale=sale, refund=name, amount_minor=5, terminal="terminal-1", parts=parts
        )
        for name in ("asked", "given", "refused", "before", "again")
    ]
    given = CardRefundApproved(
        sale=sale, refund="given", amount_minor=4, parts=(RefundPart("s0", "1", 4),)
    )
    refused = CardRefundDeclined(sale=sale, refund="refused", reason="No.", code="05")
    before = [
        CardRefundDeclined(sale=sale, refund=name, reason="No.", code="already_reversed")
        for name in ("before", "again")
    ]
    return (*asked, given, refused, *before)


def settled_by_people(sale: str) -> tuple[Event, ...]:
    """Return what a desk did about cards: a reversal, evidence, a contradiction looked into."""
    reversal = CardReversalRequested(
        sale=sale, payment="p1", reversal="r1", amount_minor=5, terminal="terminal-1",
        receipt="0042", reason="printed twice",
    )  # fmt: skip
    seen = CardPaymentResolved(
        sale=sale, payment="p2", outcome="declined", amount_minor=0, source="slip", reason="No slip"
    )
    late = CardAnsweredLate(
        sale=sale, payment="p2", outcome="approved", amount_minor=5, differs=True
    )
    other = [msgspec.structs.replace(each, payment="p3") for each in (seen, late)]
    looked_into = CardAlarmSettled(sale=sale, payment="p3", reason="Given back in cash.")
    return (reversal, seen, late, *other, looked_into)


def tips(sale: str, original: str) -> tuple[Event, ...]:
    """A tip goes back."""
    back = TipReturned(
        sale=sale, original_sale=original, receipt=original, amount_minor=50, reason="mistyped"
    )
    return (back,)


def coupons(sale: str) -> tuple[Event, ...]:
    """Return coupons that a sale takes: two that may be used once, of which one is taken out."""
    return (
        CouponPresented(sale=sale, code="A-1", campaign="a", name="A", single_use=True),
        CouponPresented(sale=sale, code="A-2", campaign="a", name="A", single_use=True),
        CouponPresented(sale=sale, code="ALL", campaign="all", name="For all"),
        CouponRemoved(sale=sale, code="A-2"),
    )


def terminal_days(terminal: str) -> tuple[Event, ...]:
    """A day that was closed, and one that is asked for."""
    return (
        TerminalDayAsked(terminal=terminal, job="d1"),
        TerminalDayEnded(terminal=terminal, job="d1", outcome="closed", ledger_minor=5),
        TerminalDayAsked(terminal=terminal, job="d2"),
    )


def fiscal() -> tuple[Event, ...]:
    """Sales signed, missed, missed and signed later, begun, and closed."""

    def started(sale: str, transaction: int) -> FiscalStarted:
        return FiscalStarted(
            sale=sale, client="c", transaction=transaction, started_at=1, opened_seq=1
        )

    def signed(sale: str, transaction: int) -> FiscalSigned:
        return FiscalSigned(
            sale=sale,
            receipt="till-0-000001",
            client="c",
            transaction=transaction,
            counter=transaction,
            started_at=1,
            finished_at=2,
            process_type="Kassenbeleg-V1",
            process_data="Beleg^",
            signature="",
            serial="",
            public_key="",
            algorithm="",
            time_format="",
        )

    def missed(sale: str) -> FiscalMissed:
        return FiscalMissed(sale=sale, receipt="till-0-000001", reason="tse_down")

    return (
        *(started("s0", 1), signed("s0", 1)),
        *(missed("s1"), started("s1", 2), signed("s1", 2)),
        *(started("s2", 3), missed("s2")),
        missed("s3"),
        *(started("s4", 4), FiscalClosed(sale="s4", client="c", transaction=4)),
    )


async def test_projections_made_anew_from_events_are_the_same(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    async with ledger_at(path) as ledger:
        for number in range(5):
            await ledger.record(Record(cash_sale(f"s{number}", number + 1), f"till-{number % 2}"))
        for sale in ("aside", "back"):
            await ledger.record(Record((SaleOpened(sale=sale, currency="EUR"),), "till-0"))
            await ledger.record(Record((SaleParked(sale=sale),), "till-0"))
        await ledger.record(Record((SaleResumed(sale="back"),), "till-9"))
        assert await ledger.parked() == [31]
        await ledger.record(Record((SaleOpened(sale="open", currency="EUR"),), "till-1"))
        await ledger.record(
            Record((TillEnrolled(till="till-1", label="tablet", secret_sha256="ab"),), "till-1")
        )
        await ledger.record(Record(terminal_days("terminal-1"), "till-1"))
        assert await ledger.enrolments() == {"ab": "till-1"}
        await ledger.record(Record(coming_back("open", "1", "2"), "till-1"))
        await ledger.record(Record((LineVoided(sale="open", line="1"),), "till-1"))
        gone = (SaleOpened(sale="gone", currency="EUR"), *coming_back("gone", "1"))
        await ledger.record(Record((*gone, SaleAbandoned(sale="gone")), "till-5"))
        await ledger.record(Record(coming_back("back", "1", receipt=False), "till-9"))
        await ledger.record(Record(card_refunds("open"), "till-1"))
        await ledger.record(Record(coupons("open"), "till-1"))
        await ledger.record(Record(tips("open", "s1"), "till-1"))
        opened = SaleOpened(sale="regret", currency="EUR")
        kept = (opened, *tips("regret", "s2"), TipSet(sale="regret", amount_minor=0))
        await ledger.record(Record(kept, "till-6"))
        given_up = (*tips("regret", "s3"), SaleAbandoned(sale="regret"))
        await ledger.record(Record(given_up, "till-6"))
        for till in ("till-7", "till-8"):
            await ledger.record(Record((TrainingBegan(),), till))
        await ledger.record(Record((TrainingEnded(),), "till-8"))
        seq = (await ledger.record(Record(settled_by_people("open"), "till-1"))).last_seq
        again = (
            GiftReceiptPrinted(sale="s1", receipt="till-1-000002", copy=1),
            ReceiptReprinted(sale="s1", receipt="till-1-000002", copy=1),
            ReceiptReprinted(sale="s0", receipt="till-0-000001", copy=1),
            GiftReceiptPrinted(sale="s0", receipt="till-0-000001", copy=1),
            ReceiptReprinted(sale="s0", receipt="till-0-000001", copy=2),
            ReceiptPresented(
                sale="lost",
                receipt="till-0-000099",
                store=2,
                sale_gen=1,
                sale_seq=900,
                total_minor=387,
                currency="EUR",
                code="TILLBOX2:...",
            ),
            DeviceAdopted(
                device="scale-1", host="box", driver="scale_cas", bound_to="till-1",
                roles=("scale",),
            ),
        )  # fmt: skip
        await ledger.record(Record(again, "till-9"))
        await ledger.record(Record(fiscal()))
    with closing(sqlite3.connect(path)) as connection:

        def tables() -> dict[str, list[tuple[object, ...]]]:
            return {
                table: sorted(connection.execute(f"SELECT * FROM {table}"))  # noqa: S608
                for table in PROJECTED_TABLES
            }

        before = tables()
        assert all(before.values())
        assert before["training"] == [("till-7",)]
        assert before["returned_tip"] == [("s1", "open")]
        assert before["coupon"] == [("A-1", "open", "")]
        assert before["card_desk"] == [
            ("p1", seq - 5, 0, 0), ("p2", 0, seq - 4, seq - 3), ("p3", 0, seq - 2, 0),
        ]  # fmt: skip
        assert before["returned_line"] == [("open", "2", "s0", "2", 1_000, 121, 8, 129)]
        assert before["refunded_tender"] == [
            ("open", "1", "s0", "1", 129), ("open", "2", "s0", "1", 129),
            ("open", "asked", "s0", "1", 5), ("open", "given", "s0", "1", 4),
        ]  # fmt: skip
        assert before["reversed_before"] == [("s0", "1")]
        assert before["reprinted"] == [("s0", 2, 1, 0), ("s1", 1, 1, 0)]
        rebuild(connection)
        assert tables() == before


async def test_events_are_cut_by_size_and_count_but_never_to_nothing(tmp_path: Path) -> None:
    async with ledger_at(tmp_path / "ledger.db") as ledger:
        await ledger.record(Record(cash_sale("a", 1), "till-1"))
        _, one = await ledger.events_after(0, raw_max=1, count_max=100)
        assert len(one) == 1
        _, three = await ledger.events_after(0, raw_max=1_000_000, count_max=3)
        size = sum(len(body) + 4 for body in three)  # each with its length on the wire
        for raw_max, taken in ((size, three), (size - 1, three[:2])):
            assert (await ledger.events_after(0, raw_max=raw_max, count_max=100))[1] == taken
        last, two = await ledger.events_after(1, raw_max=1_000_000, count_max=2)
        assert [unseal(body).seq for body in two] == [2, 3]
        assert last == await ledger.hash_at(3)
        last, none = await ledger.events_after(6, raw_max=1_000_000, count_max=2)
        assert (none, last) == ([], await ledger.hash_at(6))
        assert await ledger.hash_at(0) == GENESIS
        assert await ledger.hash_at(7) is None


async def test_a_restart_goes_on_behind_the_head_and_knows_how_it_ended(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    async with ledger_at(path) as ledger:
        assert ledger.opened_clean is True  # type: ignore[attr-defined]
        await ledger.record(Record(cash_sale("a", 1), "till-1"))
    async with ledger_at(path) as ledger:
        assert ledger.opened_clean is True  # type: ignore[attr-defined]
        assert await ledger.record(Record((BoxStopped(),))) == Recorded(7, 7)
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("SELECT clean FROM identity").fetchone() == (0,)


@pytest.mark.parametrize(
    ("other", "words"),
    [({"store": "elsewhere"}, "belongs to store"), ({"number": 2}, "belongs to store")],
)
async def test_a_ledger_of_another_store_is_refused(
    tmp_path: Path, other: dict[str, object], words: str
) -> None:
    path = tmp_path / "ledger.db"
    async with ledger_at(path):
        pass
    with pytest.raises(StorageFailed, match=words) as caught:
        async with ledger_at(path, **other):  # type: ignore[arg-type]
            pass
    assert caught.value.code == "foreign_ledger"


async def test_a_ledger_of_a_newer_generation_is_refused_an_older_one_taken(
    tmp_path: Path,
) -> None:
    path = tmp_path / "ledger.db"
    async with ledger_at(path, gen=1):
        pass
    async with ledger_at(path, gen=3) as ledger:
        await ledger.record(Record((BoxStopped(),)))
        _, bodies = await ledger.events_after(0, raw_max=1, count_max=1)
        assert unseal(bodies[0]).gen == 3
    with pytest.raises(StorageFailed, match="generation 3") as caught:
        async with ledger_at(path, gen=2):
            pass
    assert caught.value.code == "newer_generation"


async def test_the_acknowledgement_is_kept_with_the_next_commit_and_never_goes_back(
    tmp_path: Path,
) -> None:
    path = tmp_path / "ledger.db"
    async with ledger_at(path) as ledger:
        await ledger.record(Record(cash_sale("a", 1), "till-1"))
        ledger.keep_acknowledgement(6, b"signed 6")
        ledger.keep_acknowledgement(3, b"signed 3")
        assert await ledger.acknowledgement() == (0, None)
        await ledger.record(Record((BoxStopped(),)))
        assert await ledger.acknowledgement() == (6, b"signed 6")
        ledger.keep_acknowledgement(7, b"signed 7")
    async with ledger_at(path) as ledger:
        assert await ledger.acknowledgement() == (7, b"signed 7")


async def test_old_answers_are_forgotten_in_their_time(tmp_path: Path) -> None:
    async with ledger_at(tmp_path / "ledger.db") as ledger:
        await ledger.record(Record((BoxStopped(),), reply=reply("command-first")))
        # as if the till had given so many commands meanwhile
        await ledger._file.write(
            lambda db: db.execute(
                "INSERT INTO command_reply (n, command_id, fingerprint, last_seq, reply)"
                " VALUES (?, 'command-late', x'00', 1, x'00')",
                (COMMAND_REPLIES_KEPT + 1_999,),
            )
        )
        await ledger.record(Record((BoxStopped(),), reply=reply("command-next")))
        assert await ledger.find_reply(reply("command-first")) is None
        assert await ledger.find_reply(reply("command-next")) == b"view"


async def test_listeners_hear_what_is_on_disk_and_no_repeats(tmp_path: Path) -> None:
    heard: list[tuple[int, int]] = []
    async with ledger_at(tmp_path / "ledger.db") as ledger:
        ledger.listeners.append(
            lambda recorded, events: heard.append((recorded.last_seq, len(events)))
        )
        await ledger.record(Record(cash_sale("a", 1), reply=reply("command-1"), till="till-1"))
        await ledger.record(Record(cash_sale("a", 1), reply=reply("command-1"), till="till-1"))
    assert heard == [(6, 6)]
