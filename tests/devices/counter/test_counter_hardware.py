"""The counter's hardware with real drivers: a real host, on the bus, over serial line and TCP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge.contract.device_messages import (
    BarcodeScanned,
    DeviceEvent,
    JobKind,
    JobResult,
    JobStatus,
    KickDrawerArgs,
    PrintReceiptArgs,
    WeighArgs,
)
from edge.contract.device_states import WantedDevice
from edge.contract.receipt_document import QrBlock, ReceiptDocument, RowBlock
from edge.contract.terminal_messages import (
    AuthorisePaymentArgs,
    InquirePaymentArgs,
    RefundPaymentArgs,
    ReversePaymentArgs,
)
from edge.runtime.memory_bus import MemoryBroker
from edge.runtime.system_clock import SystemClock
from tests.devices.counter.running_counter import (
    MILK,
    CounterClient,
    running_counter,
    settings_in,
)
from tests.devices.host_bench import TOPICS, HostBench, until
from tests.devices.queue_desk import payload

DEVICES = ("scanner-1", "printer-1", "terminal-1", "scale-1")


class Shop:
    """A counter and the host that drives it."""

    def __init__(self, folder: Path, counter: CounterClient, bench: HostBench) -> None:
        self.folder = folder
        self.counter = counter
        self.bench = bench
        self.edge = bench.edge

    async def connect(self) -> None:
        counter = self.counter
        await self.edge.configure(
            WantedDevice(
                "scanner-1", "scanner_serial", {"address": f"serial://{self.folder / 'scanner'}"}
            ),
            WantedDevice(
                "printer-1", "printer_escpos", {"address": f"tcp://127.0.0.1:{counter.printer}"}
            ),
            WantedDevice(
                "terminal-1", "terminal_zvt", {"address": f"tcp://127.0.0.1:{counter.terminal}"}
            ),
            WantedDevice("scale-1", "scale_cas", {"address": f"tcp://127.0.0.1:{counter.scale}"}),
        )
        for device in DEVICES:
            await until(lambda device=device: self.edge.state_is(device, "ready"), within_s=15)
        async with asyncio.timeout(10):
            while not (await counter.get("scanner"))["connected"]:
                await asyncio.sleep(0.01)

    def scans(self) -> list[str]:
        topic = TOPICS.device("scanner-1").event("scan")
        events = [msgspec.json.decode(raw, type=DeviceEvent) for raw in self.edge.all(topic)]
        return [msgspec.json.decode(event.data, type=BarcodeScanned).text for event in events]

    async def do(
        self, device: str, kind: JobKind, job: str, args: msgspec.Struct, within_s: float = 20
    ) -> JobResult:
        deadline = SystemClock().now_ms() + 60_000
        sent = payload(kind, job, deadline, args=msgspec.to_builtins(args))
        await self.edge.send(device, sent)

        def answer() -> JobResult | None:
            ended = [
                result
                for result in self.edge.results(device)
                if result.id == job and result.status is not JobStatus.ACCEPTED
            ]
            return ended[-1] if ended else None

        found = await until(answer, within_s=within_s)
        assert found is not None
        return found

    async def pay(self, job: str, amount_minor: int) -> JobResult:
        args = AuthorisePaymentArgs(f"pay-{job}", amount_minor, "EUR")
        return await self.do("terminal-1", JobKind.AUTHORISE_PAYMENT, job, args)

    async def refund(self, job: str, amount_minor: int) -> JobResult:
        args = RefundPaymentArgs(f"pay-{job}", amount_minor, "EUR")
        return await self.do("terminal-1", JobKind.REFUND_PAYMENT, job, args)

    async def reverse(self, job: str, amount_minor: int, receipt: str) -> JobResult:
        args = ReversePaymentArgs(f"pay-{job}", amount_minor, "EUR", receipt)
        return await self.do("terminal-1", JobKind.REVERSE_PAYMENT, job, args)

    async def inquire(self, job: str, about: str, amount_minor: int) -> JobResult:
        args = InquirePaymentArgs(f"pay-{about}", about, amount_minor, "EUR")
        return await self.do("terminal-1", JobKind.INQUIRE_PAYMENT, job, args)


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    bench = HostBench(tmp_path / "devices.db", MemoryBroker())
    async with running_counter(settings_in(tmp_path)) as counter, bench.running():
        made = Shop(tmp_path, counter, bench)
        await made.connect()
        yield made


async def test_a_scan_on_the_counter_reaches_edge(shop: Shop) -> None:
    await shop.counter.post("scan", {"code": MILK})
    await until(lambda: shop.scans() == [MILK])
    await shop.counter.post("weigh", {"plu": "101", "weight_g": 742})
    await until(lambda: shop.scans() == [MILK, "2100101007422"])


async def test_goods_on_the_counter_are_weighed(shop: Shop) -> None:
    await shop.counter.post("scale", {"grams": 742})
    weighed = await shop.do("scale-1", JobKind.WEIGH, "weigh-0001", WeighArgs())
    assert weighed.status is JobStatus.DONE
    assert weighed.result["weight_g"] == 742
    await shop.counter.post("scale", {"grams": 742, "stable": False})
    moving = await shop.do("scale-1", JobKind.WEIGH, "weigh-0002", WeighArgs())
    assert moving.status is JobStatus.FAILED
    assert moving.error is not None
    assert moving.error.code == "scale_unstable"
    assert "Wait until the scale is still" in moving.error.advice


async def test_a_scanner_cable_that_was_out_works_again(shop: Shop) -> None:
    await shop.counter.post("cables", {"device": "scanner", "plugged": False})
    assert not (shop.folder / "scanner").exists()
    said = await shop.counter.post("scan", {"code": MILK}, status=503)
    assert said["code"] == "scanner_not_connected"
    await until(lambda: shop.edge.state_is("scanner-1", "lost"), within_s=15)
    await shop.counter.post("cables", {"device": "scanner", "plugged": True})
    await until(lambda: shop.edge.state_is("scanner-1", "ready"), within_s=20)
    async with asyncio.timeout(10):
        while not (await shop.counter.get("scanner"))["connected"]:
            await asyncio.sleep(0.01)
    await shop.counter.post("scan", {"code": MILK})
    await until(lambda: shop.scans() == [MILK])


async def test_a_receipt_comes_out_and_the_drawer_opens(shop: Shop) -> None:
    document = ReceiptDocument(
        "Receipt", (RowBlock("Whole milk 1 l", "1.29"), QrBlock("https://example.com/r/1"))
    )
    printed = await shop.do(
        "printer-1", JobKind.PRINT_RECEIPT, "print-0001", PrintReceiptArgs(document)
    )
    assert printed.status is JobStatus.DONE
    [text] = (await shop.counter.get("paper"))["receipts"]
    assert "Whole milk 1 l" in text
    [slip] = (await shop.counter.get("slips"))["slips"]
    assert [line["text"].strip() for line in slip["lines"] if line.get("mark") == "qr"] == [
        "[QR] https://example.com/r/1"
    ]
    kicked = await shop.do("printer-1", JobKind.KICK_DRAWER, "kick-00001", KickDrawerArgs())
    assert kicked.status is JobStatus.DONE
    drawer = await shop.counter.get("drawer")
    assert (drawer["pulses"], drawer["open"]) == (1, True)
    assert 0 < drawer["opened_at"] <= SystemClock().now_ms()
    await until(lambda: drawer_told(shop) == "open")
    assert await shop.counter.post("drawer/close") == {"pulses": 1, "open": False, "opened_at": 0}
    await until(lambda: drawer_told(shop) == "closed")


def drawer_told(shop: Shop) -> str:
    state = shop.edge.state("printer-1")
    return "" if state is None else state.drawer


async def test_no_paper_is_told_and_the_receipt_waits(shop: Shop) -> None:
    await shop.counter.post("printer", {"paper": "out"})
    await until(lambda: shop.edge.state_is("printer-1", "attention"), within_s=15)
    args = PrintReceiptArgs(ReceiptDocument("Receipt", (RowBlock("Apples", "2.14"),)))
    job = asyncio.create_task(shop.do("printer-1", JobKind.PRINT_RECEIPT, "print-0002", args))
    await until(lambda: bool(shop.edge.results("printer-1")))
    assert (await shop.counter.get("paper"))["receipts"] == []
    await shop.counter.post("printer", {"paper": "ok"})
    assert (await job).status is JobStatus.DONE
    [text] = (await shop.counter.get("paper"))["receipts"]
    assert "Apples" in text


@pytest.mark.parametrize(
    ("script", "outcome", "booked"),
    [("approve", "approved", [1500]), ("decline", "declined", []), ("abort", "cancelled", [])],
)
async def test_payments_by_themselves(
    shop: Shop, script: str, outcome: str, booked: list[int]
) -> None:
    await shop.counter.post("terminal", {"next": script})
    result = await shop.pay("auth-00001", 1500)
    assert result.status is JobStatus.DONE
    assert outcome_of(result) == outcome
    terminal = await shop.counter.get("terminal")
    assert [each["amount_minor"] for each in terminal["booked"]] == booked
    assert terminal["next"] == "approve"


def outcome_of(result: JobResult) -> Any:
    assert isinstance(result.result, dict)
    return result.result["outcome"]


@pytest.mark.parametrize(
    ("script", "outcome", "booked"),
    [("cut_after_approval", "approved", [990]), ("cut_before_result", "declined", [])],
)
async def test_a_cut_leaves_the_payment_unknown_until_it_is_asked_about(
    shop: Shop, script: str, outcome: str, booked: list[int]
) -> None:
    await shop.counter.post("terminal", {"next": script})
    assert (await shop.pay("auth-00002", 990)).status is JobStatus.UNKNOWN
    answer = await shop.inquire("inquire-01", "auth-00002", 990)
    while answer.status is not JobStatus.DONE:
        answer = await shop.inquire(f"inquire-{answer.ts}", "auth-00002", 990)
    assert outcome_of(answer) == outcome
    terminal = await shop.counter.get("terminal")
    assert [each["amount_minor"] for each in terminal["booked"]] == booked


@pytest.mark.parametrize(
    ("key", "outcome"), [("approve", "approved"), ("decline", "declined"), ("stop", "cancelled")]
)
async def test_a_person_presses(shop: Shop, key: str, outcome: str) -> None:
    await shop.counter.post("terminal", {"next": "ask"})
    paying = asyncio.create_task(shop.pay("auth-00003", 777))
    async with asyncio.timeout(10):
        while (await shop.counter.get("terminal"))["asked_minor"] != 777:
            await asyncio.sleep(0.01)
    assert "7.77" in (await shop.counter.get("terminal"))["display"]
    assert not paying.done()
    await shop.counter.post("terminal/press", {"key": key})
    assert outcome_of(await paying) == outcome
    assert (await shop.counter.get("terminal"))["next"] == "ask"


async def test_refunds_and_reversals_stand_in_the_acquirers_books(shop: Shop) -> None:
    for number, amount in enumerate((2000, 500), 1):
        assert outcome_of(await shop.pay(f"auth-0020{number}", amount)) == "approved"
    assert outcome_of(await shop.refund("back-00001", 700)) == "approved"
    undone = await shop.reverse("undo-00001", 500, "0002")
    assert outcome_of(undone) == "approved"
    assert undone.result["receipt"] == "0004"
    twice = await shop.reverse("undo-00002", 500, "0002")
    assert (outcome_of(twice), twice.result["code"]) == ("declined", "already_reversed")
    assert twice.result["advice"].startswith("The customer has the money back already")
    terminal = await shop.counter.get("terminal")
    rows = [
        (each["kind"], each["amount_minor"], each["state"], each["of"])
        for each in terminal["booked"]
    ]
    assert rows == [
        ("payment", 2000, "booked", ""),
        ("payment", 500, "reversed", ""),
        ("refund", 700, "booked", ""),
        ("reversal", 500, "booked", "0002"),
    ]
    assert terminal["balance_minor"] == 1300


@pytest.mark.parametrize(
    ("script", "outcome", "balance"),
    [("cut_after_approval", "approved", -990), ("cut_before_result", "declined", 0)],
)
async def test_a_cut_leaves_a_refund_unknown_until_it_is_asked_about(
    shop: Shop, script: str, outcome: str, balance: int
) -> None:
    await shop.counter.post("terminal", {"next": script})
    assert (await shop.refund("back-00002", 990)).status is JobStatus.UNKNOWN
    answer = await shop.inquire("inquire-02", "back-00002", 990)
    while answer.status is not JobStatus.DONE:
        answer = await shop.inquire(f"inquire-{answer.ts}", "back-00002", 990)
    assert outcome_of(answer) == outcome
    assert (await shop.counter.get("terminal"))["balance_minor"] == balance
    await shop.refund("back-00002", 990)  # a repeat moves no money, and is told how it ended

    def told_again() -> bool:
        last = [each for each in shop.edge.results("terminal-1") if each.id == "back-00002"][-1]
        return last.status is JobStatus.DONE and outcome_of(last) == outcome

    await until(told_again)
    assert (await shop.counter.get("terminal"))["balance_minor"] == balance


async def test_a_person_gives_back(shop: Shop) -> None:
    await shop.counter.post("terminal", {"next": "ask"})
    going = asyncio.create_task(shop.refund("back-00003", 777))
    async with asyncio.timeout(10):
        while (await shop.counter.get("terminal"))["asked_minor"] != 777:
            await asyncio.sleep(0.01)
    asked = await shop.counter.get("terminal")
    assert (asked["asked_kind"], asked["display"]) == ("refund", "Refund to card: 7.77")
    await shop.counter.post("terminal/press", {"key": "approve"})
    assert outcome_of(await going) == "approved"


async def test_a_restarted_counter_keeps_what_was_booked(tmp_path: Path) -> None:
    for number in (1, 2):
        bench = HostBench(tmp_path / "devices.db", MemoryBroker())
        async with running_counter(settings_in(tmp_path)) as counter, bench.running():
            shop = Shop(tmp_path, counter, bench)
            await shop.connect()
            await shop.pay(f"auth-0100{number}", 100 * number)
            await shop.counter.post("scan", {"code": MILK})
            await until(lambda shop=shop: shop.scans() == [MILK])
            booked = (await counter.get("terminal"))["booked"]
            assert [each["amount_minor"] for each in booked] == [100, 200][:number]
            assert [each["receipt"] for each in booked] == ["0001", "0002"][:number]
            assert {each["state"] for each in booked} == {"booked"}
