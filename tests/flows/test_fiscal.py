"""Sales at the security device: signed, marked when it fails, taken up after a restart.

Every signature is checked from the receipt's QR code by a script that knows nothing of Tillbox.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from edge.contract.device_messages import Job, PrintReceiptArgs
from edge.contract.device_states import DriverState
from edge.contract.reference_data import Feed, FeedItem, FeedPage
from edge.contract.wire import encode
from edge.flows.fiscal_desk import FiscalDesk
from edge.runtime.simulated_tse import SimulatedTse
from edge.settings import TseSettings
from tests.flows.box import MILK, PROFILE, Box, selling_box
from tests.flows.fake_host import FakeHost, fake_host, until
from tests.flows.test_promotions import events
from tests.runtime.tse_check import check

SHOP = msgspec.structs.replace(PROFILE, fiscal="de_tse")


async def switch(box: Box, profile: object = SHOP) -> None:
    """Let head office send the store anew."""
    head = await box.call("GET", "/internal/v1/replica/head", headers=box.service)
    cursor = 100 + len(events(box)) if head else 100
    page = FeedPage(Feed.CONFIG, (FeedItem("store", cursor, msgspec.Raw(encode(profile))),), cursor)
    status, taken = await box.call("POST", "/internal/v1/replica/feed", page, headers=box.service)
    assert status == 200, taken


def fiscal(box: Box) -> FiscalDesk:
    return box.edge.fiscal


def tse(box: Box) -> SimulatedTse:
    return cast("SimulatedTse", fiscal(box).tse)


def told(box: Box, kind: str) -> list[Any]:
    return [event["data"] for event in events(box) if event["type"] == kind]


@asynccontextmanager
async def german_box(folder: Path, **changes: Any) -> AsyncIterator[tuple[Box, FakeHost]]:
    settings = {"tse": TseSettings("simulated", folder / "tse"), **changes}
    async with selling_box(folder, **settings) as box, fake_host(box.broker) as host:
        fiscal(box).retry_ms = 50
        await switch(box)
        yield box, host


async def sell(box: Box, host: FakeHost) -> list[str]:
    """Sell milk for cash; return what the receipt says, line by line."""
    printed = len(host.of_kind("print_receipt"))
    status, _ = await box.command("add_item", code=MILK)
    assert status == 200
    status, view = await box.command("take_cash", amount_minor=500)
    assert (status, view["state"]) == (200, "done"), view
    await until(lambda: len(host.of_kind("print_receipt")) > printed, what="the receipt comes")
    return lines(host.of_kind("print_receipt")[printed])


def lines(job: Job) -> list[str]:
    document = msgspec.json.decode(job.args, type=PrintReceiptArgs).document
    return [
        " ".join(str(value) for value in msgspec.structs.astuple(block))
        for block in document.blocks
    ]


def code(receipt: list[str]) -> str:
    (found,) = [line.split(" TSE ")[0] for line in receipt if line.startswith("V0;")]
    return found


MARKED = "TSE ausgefallen"


def is_marked(receipt: list[str]) -> bool:
    german = any(MARKED in line for line in receipt)
    assert german == any("security device (TSE) has failed" in line for line in receipt)
    return german


# --- while it works ----------------------------------------------------------------------


async def test_a_sale_is_signed_and_its_receipt_proves_it(tmp_path: Path) -> None:
    async with german_box(tmp_path) as (box, host):
        receipt = await sell(box, host)
        field = check(code(receipt))
        assert field["client"] == "harbour-street-till-1"
        assert field["data"] == "Beleg^0.00_1.29_0.00_0.00_0.00^1.29:Bar"
        assert not is_marked(receipt)
        (started,), (signed,) = told(box, "fiscal_started"), told(box, "fiscal_signed")
        assert started["sale"] == signed["sale"] == told(box, "sale_completed")[0]["sale"]
        assert signed["signature"] == field["sig"]
        assert f"TSE-Signatur {field['sig']} start normal False" in receipt
        codes = [line for line in receipt if line.startswith(("V0;", "TILLBOX2:"))]
        assert codes[0].startswith("V0;"), "before the shop's own code, which stands last"
        assert await tse(box).open_transactions() == ()
        second = check(code(await sell(box, host)))
        assert int(second["transaction"]) == int(field["transaction"]) + 1
        status, health = await box.call("GET", "/health")
        assert status == 200
        assert "Sales are signed by the security device." in str(health)


async def test_it_is_started_when_the_sale_opens(tmp_path: Path) -> None:
    async with german_box(tmp_path) as (box, _):
        await box.command("add_item", code=MILK)
        await until(lambda: told(box, "fiscal_started") != [], what="it is started")
        assert told(box, "sale_completed") == []
        assert len(await tse(box).open_transactions()) == 1


async def test_a_sale_given_up_is_ended_as_such(tmp_path: Path) -> None:
    async with german_box(tmp_path) as (box, _):
        await box.command("add_item", code=MILK)
        await box.command("abandon")
        await until(lambda: told(box, "fiscal_signed") != [], what="it is ended")
        (signed,) = told(box, "fiscal_signed")
        assert signed["process_data"].startswith("AVBelegabbruch^")
        assert "receipt" not in signed or signed["receipt"] == ""
        assert await tse(box).open_transactions() == ()


async def test_a_copy_has_the_signature_of_its_sale_and_signs_nothing(tmp_path: Path) -> None:
    async with german_box(tmp_path) as (box, host):
        first = code(await sell(box, host))
        before = len(host.of_kind("print_receipt"))
        status, _ = await box.command("reprint_receipt", receipt="till-1-000001")
        assert status == 200
        await until(lambda: len(host.of_kind("print_receipt")) > before, what="the copy comes")
        assert code(lines(host.of_kind("print_receipt")[-1])) == first
        assert len(told(box, "fiscal_signed")) == 1


async def test_a_copy_of_what_was_sold_before_is_neither_signed_nor_marked(tmp_path: Path) -> None:
    async with german_box(tmp_path) as (box, host):
        await switch(box, PROFILE)
        await sell(box, host)
        await switch(box, SHOP)
        status, _ = await box.command("reprint_receipt", receipt="till-1-000001")
        assert status == 200
        await until(lambda: len(host.of_kind("print_receipt")) > 1, what="the copy comes")
        copy = lines(host.of_kind("print_receipt")[-1])
        assert not any("TSE" in line or line.startswith("V0;") for line in copy)
        assert told(box, "fiscal_signed") == told(box, "fiscal_missed") == []


async def test_a_copy_keeps_its_signature_when_head_office_wants_no_more(tmp_path: Path) -> None:
    async with german_box(tmp_path) as (box, host):
        first = code(await sell(box, host))
    async with german_box(tmp_path, tse=None) as (box, host):
        await switch(box, PROFILE)
        status, _ = await box.command("reprint_receipt", receipt="till-1-000001")
        assert status == 200
        await until(lambda: host.of_kind("print_receipt") != [], what="the copy comes")
        assert code(lines(host.of_kind("print_receipt")[-1])) == first
        assert not any(line.startswith("V0;") for line in await sell(box, host))


@pytest.mark.parametrize("wanted", ["", "no device either"])
async def test_without_a_word_from_head_office_nothing_is_signed_or_marked(
    tmp_path: Path, wanted: str
) -> None:
    device = {} if wanted else {"tse": TseSettings("simulated", tmp_path / "tse")}
    async with selling_box(tmp_path, **device) as box, fake_host(box.broker) as host:
        receipt = await sell(box, host)
        assert not any("TSE" in line or line.startswith("V0;") for line in receipt)
        assert [e["type"] for e in events(box) if e["type"].startswith("fiscal")] == []
        assert "tse" not in [
            item["name"] for item in (await box.call("GET", "/health"))[1]["items"]
        ]


# --- while it does not -------------------------------------------------------------------


async def fail(box: Box, how: str) -> None:
    device = tse(box)
    if how == "slow":
        device.delay_ms = 60_000
        fiscal(box).answer_ms = fiscal(box).receipt_wait_ms = 100
    else:
        setattr(device, how, True)


def mend(box: Box) -> None:
    device = tse(box)
    device.delay_ms, device.down, device.full = 0, False, False
    fiscal(box).answer_ms = 5_000


@pytest.mark.parametrize("how", ["down", "full", "slow"])
@pytest.mark.parametrize("when", ["before the sale", "inside the sale"])
async def test_an_outage_marks_the_receipt_and_stops_nothing(
    tmp_path: Path, how: str, when: str
) -> None:
    async with german_box(tmp_path) as (box, host):
        if when == "inside the sale":
            await box.command("add_item", code=MILK)
            await until(lambda: told(box, "fiscal_started") != [], what="it is started")
        await fail(box, how)
        receipt = await sell(box, host)
        assert is_marked(receipt)
        assert not any(line.startswith("V0;") for line in receipt)
        assert any(line.startswith("TILLBOX2:") for line in receipt), "the shop's own code stays"
        (missed,) = told(box, "fiscal_missed")
        assert missed["reason"] == f"tse_{how}"
        assert missed["receipt"] == "till-1-000001"
        assert is_marked(await sell(box, host))
        assert fiscal(box).state == "marked"
        health = str((await box.call("GET", "/health"))[1])
        assert "Sales without a signature since: 2." in health
        _, metrics = await box.call("GET", "/metrics", headers=box.service)
        assert "tillbox_fiscal_marked 2\n" in metrics.decode()
        await asyncio.sleep(0.3)
        assert fiscal(box).state == "marked", "it is asked again, and has not mended itself"
        mend(box)
        if how == "full":
            await asyncio.sleep(0.1)  # it says that it is mended when it is to sign
        else:
            await until(lambda: fiscal(box).state == "ok", what="it is back")
        check(code(await sell(box, host)))
        assert fiscal(box).state == "ok"
        assert box.log.getvalue().count('"tse_failed"') == 1, "told once"
        await until(lambda: fiscal(box)._held == {}, what="what stood open is ended")
        assert await tse(box).open_transactions() == ()
        if when == "inside the sale":
            late = [each for each in told(box, "fiscal_signed") if each["sale"] == missed["sale"]]
            assert len(late) == 1, "its transaction was ended once the device was back"


@pytest.mark.parametrize("busy", [False, True])
async def test_a_device_that_was_never_set_up_marks_every_receipt(
    tmp_path: Path, busy: bool
) -> None:
    async with german_box(tmp_path, tse=None) as (box, host):
        if busy:  # a box with so much to do that the receipt's wait ends first
            fiscal(box).receipt_wait_ms = 0
        assert is_marked(await sell(box, host))
        assert [each["reason"] for each in told(box, "fiscal_missed")] == ["tse_missing"]
        assert "Name one in the settings" in str((await box.call("GET", "/health"))[1])


async def test_a_tax_rate_that_the_scheme_lacks_is_marked_and_said(tmp_path: Path) -> None:
    rates = tuple(msgspec.structs.replace(rule, rate_ppm=230_000) for rule in SHOP.taxes)
    async with german_box(tmp_path) as (box, host):
        await switch(box, msgspec.structs.replace(SHOP, taxes=rates))
        assert is_marked(await sell(box, host))
        assert [each["reason"] for each in told(box, "fiscal_missed")] == ["tax_rate"]
        assert "fiscal_rate_unknown" in box.log.getvalue()


async def test_a_slow_device_delays_no_sale_and_no_drawer(tmp_path: Path) -> None:
    async with german_box(tmp_path) as (box, host):
        tse(box).delay_ms = 60_000
        await box.command("add_item", code=MILK)
        _, view = await box.command("take_cash", amount_minor=200)
        assert view["state"] == "done"
        await until(lambda: len(host.of_kind("kick_drawer")) == 1, what="the drawer opens")
        assert host.of_kind("print_receipt") == [], "only the receipt waits"
        _, view = await box.command("add_item", code=MILK)
        assert view["state"] == "open", "and the next customer does not"
        tse(box).delay_ms = 0


@pytest.mark.parametrize("how", ["down", "full", "slow"])
async def test_a_device_that_failed_is_left_alone_for_a_while(tmp_path: Path, how: str) -> None:
    async with german_box(tmp_path) as (box, host):
        await sell(box, host)
        fiscal(box).retry_ms = 600_000
        await fail(box, how)
        assert is_marked(await sell(box, host))
        asked = tse(box).asked
        for _ in range(3):
            assert is_marked(await sell(box, host))
        assert tse(box).asked == asked, "one that is slow costs one answer, not one a sale"
        assert fiscal(box).marked == 4


async def test_a_signature_that_comes_too_late_for_the_receipt_is_kept(tmp_path: Path) -> None:
    async with german_box(tmp_path) as (box, host):
        fiscal(box).receipt_wait_ms = 50
        tse(box).delay_ms = 400
        assert is_marked(await sell(box, host))
        await until(lambda: told(box, "fiscal_signed") != [], what="it came late")
        assert [each["reason"] for each in told(box, "fiscal_missed")] == ["tse_slow"]


async def test_a_device_that_is_known_to_be_down_is_not_called_slow(tmp_path: Path) -> None:
    async with german_box(tmp_path) as (box, host):
        fiscal(box).retry_ms = 600_000
        await fail(box, "down")
        assert is_marked(await sell(box, host))
        fiscal(box).receipt_wait_ms = 0
        assert is_marked(await sell(box, host))
        assert [each["reason"] for each in told(box, "fiscal_missed")] == ["tse_down"] * 2


async def test_more_sales_than_can_wait_are_marked(tmp_path: Path) -> None:
    from edge.runtime.bounded_queue import BoundedQueue  # noqa: PLC0415 - of this test alone

    async with german_box(tmp_path) as (box, host):
        fiscal(box)._queue = BoundedQueue(0)
        assert is_marked(await sell(box, host))
        assert [each["reason"] for each in told(box, "fiscal_missed")] == ["tse_busy"]


# --- over a restart ----------------------------------------------------------------------


async def test_an_open_sale_keeps_its_transaction_over_a_restart(tmp_path: Path) -> None:
    async with german_box(tmp_path) as (box, _):
        await box.command("add_item", code=MILK)
        await until(lambda: told(box, "fiscal_started") != [], what="it is started")
    async with german_box(tmp_path) as (box, host):
        field = check(code(await sell(box, host)))
        assert field["transaction"] == "1"
        assert field["data"].startswith("Beleg^0.00_2.58_")
        assert len(told(box, "fiscal_started")) == 1


@pytest.mark.parametrize("ended", ["completed", "abandoned"])
async def test_what_ended_while_the_device_was_down_is_ended_after_a_restart(
    tmp_path: Path, ended: str
) -> None:
    async with german_box(tmp_path) as (box, host):
        await box.command("add_item", code=MILK)
        await until(lambda: told(box, "fiscal_started") != [], what="it is started")
        await fail(box, "down")
        if ended == "completed":
            assert is_marked(await sell(box, host))
        else:
            await box.command("abandon")
            await asyncio.sleep(0.05)
        assert told(box, "fiscal_signed") == []
    async with german_box(tmp_path) as (box, host):
        await until(lambda: told(box, "fiscal_signed") != [], what="it is ended")
        (signed,) = told(box, "fiscal_signed")
        kind = "Beleg" if ended == "completed" else "AVBelegabbruch"
        assert signed["process_data"].split("^")[0] == kind
        assert await tse(box).open_transactions() == ()


async def test_a_transaction_that_the_ledger_does_not_know_is_ended_and_said(
    tmp_path: Path,
) -> None:
    async with german_box(tmp_path) as (box, _):
        await tse(box).start("harbour-street-till-1")  # killed before the ledger knew it
        await tse(box).start("another-shop-till-1")
    async with german_box(tmp_path) as (box, _):
        await until(lambda: told(box, "fiscal_signed") != [], what="it is ended")
        (left,) = await tse(box).open_transactions()
        assert left.client == "another-shop-till-1", "not ours to end"
        assert "fiscal_stray_ended" in box.log.getvalue()


async def test_a_device_that_lost_a_transaction_signs_the_sale_in_a_new_one(
    tmp_path: Path,
) -> None:
    async with german_box(tmp_path) as (box, host):
        await box.command("add_item", code=MILK)
        await until(lambda: told(box, "fiscal_started") != [], what="it is started")
        await tse(box).finish("harbour-street-till-1", 1, "Kassenbeleg-V1", "elsewhere")
        assert check(code(await sell(box, host)))["transaction"] == "2"
        assert [each["transaction"] for each in told(box, "fiscal_closed")] == [1]


async def test_a_receipt_that_waited_over_a_restart_is_signed(tmp_path: Path) -> None:
    async with german_box(tmp_path) as (box, host):
        await host.offline()
        tse(box).delay_ms = 60_000
        await box.command("add_item", code=MILK)
        await box.command("take_cash", amount_minor=200)
    async with german_box(tmp_path) as (box, host):
        await host.report("printer-1", DriverState.READY)
        await until(lambda: host.of_kind("print_receipt") != [], what="the receipt comes")
        assert check(code(lines(host.of_kind("print_receipt")[-1])))["transaction"] == "1"
