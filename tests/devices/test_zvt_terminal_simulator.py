"""The simulated terminal by itself, met with hand-written bytes."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from devices.driver import SimulatorPorts
from devices.driver_catalogue import simulator
from devices.simulators.terminal_zvt import SIMULATOR
from devices.simulators.terminal_zvt.acquirer import Acquirer
from devices.simulators.terminal_zvt.scripts import Point, SimulatedTerminalSettings
from devices.simulators.terminal_zvt.terminal import SimulatedTerminal
from devices.simulators.terminal_zvt.wire import thing, things, written
from devices.transports.byte_stream import ByteStream
from devices.transports.memory_pipe import memory_pipe
from edge.contract.errors import Refused
from edge.runtime.structured_log import open_log
from tests.devices.virtual_clock import VirtualClock
from tests.devices.zvt_shop import outcome_of, zvt_shop

REGISTER = "0600 0E 000000 BE 0978 06 06 26 04 0A 02 06D3"
REGISTER_LINES = "0600 08 000000 BE 0978 06 00"
PAY = "0601 0A 04 000000000100 49 0978"
REFUND = "0631 0D 000000 04 000000000100 49 0978"
REVERSE = "0630 06 000000 87 0001"


class Bench:
    """Tills with their hands on the bytes."""

    def __init__(self, terminal: SimulatedTerminal, clock: VirtualClock) -> None:
        self.terminal = terminal
        self.clock = clock
        self.tasks: list[asyncio.Task[None]] = []
        self._held: dict[ByteStream, bytes] = {}

    def till(self) -> ByteStream:
        pipe = memory_pipe()
        self.tasks.append(asyncio.create_task(self.terminal.attend(pipe.far)))
        self._held[pipe.near] = b""
        return pipe.near

    async def hear(self, till: ByteStream) -> str:
        """Return one unit as hexadecimal text, or "" at the end."""
        while True:
            held = self._held[till]
            start = 5 if held[2:3] == b"\xff" else 3
            if len(held) >= start:
                size = int.from_bytes(held[3:5], "little") if start == 5 else held[2]
                if len(held) >= start + size:
                    self._held[till] = held[start + size :]
                    return held[: start + size].hex()
            data = await till.read(4096)
            if not data:
                return ""
            self._held[till] += data

    async def talk(self, till: ByteStream, command: str, answer: str = "800000") -> list[str]:
        """Send a command; acknowledge everything; return what came up to 06 0F or 06 1E."""
        await till.write(bytes.fromhex(command))
        said = [await self.hear(till)]
        while said[-1] and said[-1][:2] != "84" and said[-1][:4] not in ("060f", "061e"):
            said.append(await self.hear(till))
            if said[-1]:
                await till.write(bytes.fromhex(answer if said[-1][:4] == "040f" else "800000"))
        return said


@asynccontextmanager
async def bench(settings: SimulatedTerminalSettings | None = None) -> AsyncIterator[Bench]:
    clock = VirtualClock()
    ports = SimulatorPorts(clock, open_log("counter", io.StringIO()))
    made = Bench(SIMULATOR.build(settings or SimulatedTerminalSettings(), ports), clock)
    async with clock.running():
        try:
            yield made
        finally:
            for task in made.tasks:
                task.cancel()
            await asyncio.gather(*made.tasks, return_exceptions=True)


def test_the_catalogue_finds_it() -> None:
    assert simulator("terminal_zvt") is SIMULATOR


@pytest.mark.parametrize(
    ("before", "command", "answer"),
    [
        ("", PAY, "846b00"),
        ("", "0600 06 123456 BE 0978", "848300"),
        ("", "0600 06 000000 BE 0756", "846f00"),
        (REGISTER, "0601 0A 04 000000000100 49 0756", "846f00"),
        (REGISTER, "0601 07 04 000000000000", "848300"),
        (REGISTER, "0601 02 99 01", "848300"),
        ("", REFUND, "846b00"),
        ("", REVERSE, "846b00"),
        (REGISTER, "0631 0D 123456 04 000000000100 49 0978", "848300"),
        (REGISTER, "0631 0D 000000 04 000000000100 49 0756", "846f00"),
        (REGISTER, "0631 0A 000000 04 000000000000", "848300"),
        (REGISTER, "0630 06 123456 87 0001", "848300"),
        (REGISTER, "0630 06 000000 87 FFFF", "848300"),
        (REGISTER, "0630 03 000000", "848300"),
        (REGISTER, "0620 05 123456 03 03", "848300"),
        (REGISTER, "0693 03 123456", "848300"),
        (REGISTER, "0650 03 123456", "848300"),
        (REGISTER, "0610 03 123456", "848300"),
        ("", "0650 03 000000", "846b00"),
        (REGISTER, "0691 03 000000", "848300"),
    ],
)
async def test_refusals(before: str, command: str, answer: str) -> None:
    async with bench() as made:
        till = made.till()
        if before:
            assert (await made.talk(till, before))[-1].startswith("060f")
        assert await made.talk(till, command) == [answer]
        assert made.terminal.booked() == []


@pytest.mark.parametrize(
    "register", ["0600 04 000000 BE", "0600 06 000000 BE 06 00", "0600 03 000000"]
)
async def test_short_registrations(register: str) -> None:
    async with bench() as made:
        assert (await made.talk(made.till(), register))[-1].startswith("060f")


async def test_garbage_changes_nothing() -> None:
    async with bench() as made:
        till = made.till()
        await till.write(b"GET / HTTP/1.1\r\n")
        await made.clock.sleep(1)
        await till.write(b"\x06\x01\xff\xff\xff")
        await made.clock.sleep(1)
        assert (await made.talk(till, REGISTER))[-1].startswith("060f")
        await till.write(bytes.fromhex("0600 FF 06 00 000000 BE"))
        await till.write(bytes.fromhex("0978"))
        assert await made.hear(till) == "800000"


async def test_lines_blocks_and_a_repeated_receipt() -> None:
    async with bench() as made:
        till = made.till()
        await made.talk(till, REGISTER)
        said = await made.talk(till, PAY)
        assert [unit[:4] for unit in said] == [
            "8000",
            "04ff",
            "04ff",
            "040f",
            "06d3",
            "06d3",
            "060f",
        ]
        await made.talk(till, REGISTER_LINES)
        said = await made.talk(till, "0620 05 000000 03 02")
        assert [unit[:4] for unit in said] == ["8000", "040f"] + ["06d1"] * 14 + ["060f"]
        said = await made.talk(till, "0620 05 000000 03 03")
        assert [unit[:4] for unit in said] == ["8000", "040f", "060f"]
        for command in ("0602 00", "06B0 00"):
            await till.write(bytes.fromhex(command))
            assert await made.hear(till) == "800000"


async def test_a_refund_and_a_reversal_are_transactions_of_their_own() -> None:
    async with bench() as made:
        till = made.till()
        await made.talk(till, REGISTER)
        for command in (PAY, PAY, REFUND):
            await made.talk(till, command)
        said = await made.talk(till, REVERSE)
        assert [unit[:4] for unit in said] == ["8000", "04ff", "04ff", "040f"] + ["06d3"] * 2 + [
            "060f"
        ]
        (status,) = [unit for unit in said if unit.startswith("040f")]
        assert "04000000000100" + "490978" in status
        assert "0b000004" + "870004" in status
        assert "37000001" in status
        kinds = [(each["kind"], each["state"], each["of"]) for each in made.terminal.booked()]
        assert kinds == [
            ("payment", "reversed", ""),
            ("payment", "booked", ""),
            ("refund", "booked", ""),
            ("reversal", "booked", "0001"),
        ]
        assert made.terminal.balance_minor == 0
        assert status in await made.talk(till, "0620 05 000000 03 03")


@pytest.mark.parametrize(
    ("before", "code"),
    [((), "b5"), ((PAY, REVERSE), "b4"), ((REFUND,), "b5"), ((PAY, PAY, REVERSE), "b4")],
)
async def test_what_cannot_be_reversed(before: tuple[str, ...], code: str) -> None:
    async with bench() as made:
        till = made.till()
        for command in (REGISTER, *before):
            await made.talk(till, command)
        books = made.terminal.booked()
        said = await made.talk(till, REVERSE)
        assert said[1].startswith(f"040f{len(said[1]) // 2 - 3:02x}27{code}")
        assert said[-1] == f"061e01{code}"
        assert made.terminal.booked() == books


@pytest.mark.parametrize("takes_back", [True, False])
@pytest.mark.parametrize(("command", "kind"), [(REFUND, "refund"), (REVERSE, "reversal")])
async def test_by_the_old_rule_money_that_went_back_unheard_comes_again(
    command: str, kind: str, takes_back: bool
) -> None:
    settings = SimulatedTerminalSettings(sync_receipt=False, takes_back_reversals=takes_back)
    async with bench(settings) as made:
        till = made.till()
        await made.talk(till, REGISTER)
        await made.talk(till, PAY)
        talking = asyncio.create_task(made.talk(till, command, "846600"))
        await made.clock.sleep(10.0)
        payment, back = made.terminal.booked()
        undone = takes_back or kind == "refund"
        assert back["state"] == ("reversed" if undone else "booked")
        assert payment["state"] == ("reversed" if not undone else "booked")
        assert made.terminal.balance_minor == (100 if undone else 0)
        talking.cancel()


@pytest.mark.parametrize(
    ("sync", "answer", "state"),
    [(True, "800000", "booked"), (True, "846600", "reversed"), (False, "846600", "reversed")],
)
async def test_a_till_that_refuses_the_result_undoes_it(
    sync: bool, answer: str, state: str
) -> None:
    async with bench(SimulatedTerminalSettings(sync_receipt=sync)) as made:
        till = made.till()
        await made.talk(till, REGISTER)
        talking = asyncio.create_task(made.talk(till, PAY, answer))
        await made.clock.sleep(10.0)
        assert [each["state"] for each in made.terminal.booked()] == [state]
        talking.cancel()


@pytest.mark.parametrize(("mirrored", "state"), [("0000", "reversed"), ("0001", "booked")])
async def test_a_receipt_number_that_is_one_behind_takes_the_last_payment_back(
    mirrored: str, state: str
) -> None:
    async with bench() as made:
        till = made.till()
        await made.talk(till, REGISTER)
        await made.talk(till, PAY)
        await made.talk(till, f"0601 0E 04 000000000200 06 05 1F1F 02 {mirrored}")
        assert [each["state"] for each in made.terminal.booked()] == [state, "booked"]


async def test_a_second_till_hears_that_the_terminal_is_busy_and_an_idle_one_is_replaced() -> None:
    async with bench(SimulatedTerminalSettings(customer_ms=5_000)) as made:
        first = made.till()
        await made.talk(first, REGISTER)
        paying = asyncio.create_task(made.talk(first, PAY))
        await made.clock.sleep(1.0)
        second = made.till()
        assert await made.talk(second, REGISTER) == ["849c00"]
        await first.write(bytes.fromhex("0501 00"))
        assert (await paying)[-1] == "849c00"
        await made.clock.sleep(60.0)  # it waits for each answer that does not come
        third = made.till()
        assert (await made.talk(third, REGISTER))[-1].startswith("060f")
        assert await made.hear(second) == ""


async def test_a_person_decides() -> None:
    settings = SimulatedTerminalSettings(mode="ask", patience_s=20.0)
    async with zvt_shop(settings) as shop:
        terminal = shop.terminal
        with pytest.raises(Refused, match="No payment waits"):
            terminal.decide("approve")
        for key, outcome in (("approve", "approved"), ("decline", "declined"), ("", "cancelled")):
            paying = asyncio.create_task(shop.driver.perform(shop.pay(1234)))
            await shop.clock.sleep(5.0)
            assert terminal.pending_minor == 1234
            assert terminal.display == "Insert card: 12.34"
            with pytest.raises(Refused, match="does not know"):
                terminal.decide("perhaps")
            if key:
                terminal.decide(key)
            assert outcome_of(await paying).outcome == outcome
        assert terminal.pending_minor is None
        assert shop.standing() == [1234]


async def test_the_next_script_counts_once() -> None:
    async with bench() as made:
        made.terminal.next_script = "decline"
        assert made.terminal.next_script == "decline"
        with pytest.raises(Refused, match="Choose one of: approve"):
            made.terminal.next_script = "explode"
        till = made.till()
        await made.talk(till, REGISTER)
        assert (await made.talk(till, PAY))[-1] == "061e0105"
        assert made.terminal.next_script == "approve"


async def test_a_silent_terminal_answers_the_next_connection() -> None:
    async with bench() as made:
        made.terminal.next_script = "silent"
        till = made.till()
        await made.talk(till, REGISTER)
        await till.write(bytes.fromhex(PAY))
        await made.clock.sleep(1.0)
        assert (await made.talk(made.till(), REGISTER))[-1].startswith("060f")
        assert await made.hear(till) == ""


@pytest.mark.parametrize("point", list(Point))
async def test_it_cuts_and_stalls_where_it_is_told(point: Point) -> None:
    async with bench() as made:
        till = made.till()
        made.terminal.cut_at = made.terminal.stall_at = point
        made.terminal.stall_s = 0.5
        said = ["x"]
        for command in (REGISTER, PAY, "0620 05 000000 03 03"):
            if said[-1]:
                said = await made.talk(till, command)
        if point is not Point.COMPLETED:
            assert said[-1] == ""
        assert made.terminal.cut_at is made.terminal.stall_at is None


async def test_slow_fragmented_and_coalesced_bytes_say_the_same() -> None:
    texts = []
    for delay_ms, fragment, coalesce in ((0, False, False), (20, True, False), (0, False, True)):
        async with bench() as made:
            made.terminal.manners.delay_ms = delay_ms
            made.terminal.manners.fragment = fragment
            made.terminal.manners.coalesce = coalesce
            till = made.till()
            texts.append([unit[:4] for unit in await made.talk(till, REGISTER)])
            texts[-1] += [unit[:4] for unit in await made.talk(till, PAY)]
            await till.write(bytes.fromhex("0602 00"))
            assert await made.hear(till) == "800000"
    assert texts[0] == texts[1] == texts[2]


def test_the_journal_survives_the_process(tmp_path: Path) -> None:
    path = str(tmp_path / "journal")
    first = Acquirer(path)
    assert first.last is None
    one = first.book(100, 1_795_000_000_000, "0042")
    first.book(200, 1_795_000_000_001, "0042")
    first.take_back(2)
    again = Acquirer(path)
    assert again.transactions == first.transactions
    assert again.last == one
    assert [each.state for each in again.transactions] == ["booked", "reversed"]
    three = again.book(300, 1_795_000_000_002, "0042")
    assert (three.receipt, three.trace, three.turnover) == (3, 4, 3)


def test_refunds_and_reversals_survive_the_process_and_old_journals_are_read(
    tmp_path: Path,
) -> None:
    path = tmp_path / "journal"
    old = (
        b'{"kind":"trace","trace":1}\n{"kind":"book","trace":1,"receipt":1,"transaction":'
        b'{"amount_minor":900,"receipt":1,"trace":1,"turnover":1,"when":5,"last4":"0042"}}\n'
    )
    path.write_bytes(old)
    books = Acquirer(str(path))
    (payment,) = books.transactions
    assert (payment.kind, payment.stands, books.balance_minor) == ("payment", True, 900)
    books.book(200, 6, "0042", kind="refund")
    assert books.balance_minor == 700
    undone = books.reverse(payment, 7)
    assert (undone.of, undone.of_trace, undone.receipt, undone.trace) == (1, 1, 3, 3)
    assert books.balance_minor == -200
    books.take_back(3)
    books.take_back(3)
    assert books.balance_minor == 700
    again = Acquirer(str(path))
    assert again.balance_minor == 700
    assert again.with_receipt(1) == books.transactions[0]
    assert again.with_receipt(9) is None
    assert again.book(1, 8, "0042").receipt == 4


@pytest.mark.parametrize("size", [0, 127, 128, 255, 256, 700])
def test_own_objects_have_every_length(size: int) -> None:
    data = thing("25", bytes(size))
    assert data[-size:] == bytes(size) or size == 0
    assert data[1:].startswith(bytes([size]) if size < 128 else b"\x81" if size < 256 else b"\x82")


def test_own_reading_and_writing() -> None:
    assert list(things(bytes.fromhex("1F1F 02 0042 07 00"))) == [("1f1f", b"\x00\x42"), ("07", b"")]
    assert list(things(b"\x1f")) == []
    assert written("Grüße", "zvt7") == b"Gr}~e"
    assert written("é", "cp437") == b"\x82"


def test_settings_are_checked() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"mode": "dream"}, SIMULATOR.settings)
