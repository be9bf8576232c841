"""What the box says ahead of its frames, out of its ledger: only what head office lacks."""

from __future__ import annotations

from pathlib import Path

import msgspec

from edge.contract.digest import Digest, DigestArticle, DigestTaking
from edge.flows.digests import Digests
from edge.flows.link_state import LinkState
from edge.ledger.records import Record
from edge.runtime.system_clock import SystemClock
from tests.flows.box import MILK, selling_box
from tests.ledger.ledger_at import cash_sale, ledger_at


async def test_the_sums_of_what_head_office_lacks(tmp_path: Path) -> None:
    clock = SystemClock()
    async with ledger_at(tmp_path / "ledger.db") as ledger:
        link = LinkState(ledger, clock, lambda: None)
        made = Digests(ledger, link).made
        assert await made() is None
        seqs = []
        for number in range(1, 21):
            step = cash_sale(f"sale-{number}", number)
            # two steps: what is acknowledged may end in the middle of a sale
            await ledger.record(Record(step[:2], f"till-{number}"))
            await ledger.record(Record(step[2:], f"till-{number}"))
            seqs.append((await ledger.head()).seq)
        head = (await ledger.head()).seq
        for accepted, sales in ((0, 20), (seqs[9], 10), (seqs[9] + 2, 10), (seqs[9] - 1, 11)):
            link.accepted_seq = accepted
            digest = await made()
            assert digest is not None
            assert (digest.after, digest.upto, digest.sales, digest.whole) == (
                accepted,
                head,
                sales,
                True,
            )
            assert [each.amount_minor for each in digest.takings] == [387 * sales]
            assert digest.articles == tuple(
                DigestArticle(f"10{line}", 1000 * sales) for line in range(3)
            )
        link.accepted_seq = head
        assert await made() is None


async def test_a_backlog_is_read_in_pieces(tmp_path: Path) -> None:
    clock = SystemClock()
    async with ledger_at(tmp_path / "ledger.db") as ledger:
        for number in range(1, 31):
            await ledger.record(Record(cash_sale(f"sale-{number}", number), "till-1"))
        digest = await Digests(ledger, LinkState(ledger, clock, lambda: None), 2_000).made()
        assert digest is not None
        assert digest.takings == (DigestTaking(digest.takings[0].day, "EUR", "cash", 387 * 30),)


async def test_over_the_api_of_a_box(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        status, _ = await box.call("GET", "/internal/v1/replica/digest", headers=box.service)
        assert status == 204
        await box.command("add_item", code=MILK)
        await box.command("take_cash", amount_minor=200)
        status, body = await box.call("GET", "/internal/v1/replica/digest", headers=box.service)
        assert status == 200
        digest = msgspec.convert(body, Digest)
        assert (digest.sales, [each.amount_minor for each in digest.takings]) == (1, [129])
        assert (await box.call("GET", "/internal/v1/replica/digest"))[0] == 401
