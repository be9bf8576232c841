"""What the simulated terminal does beside transactions, met with hand-written bytes."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from devices.simulators.terminal_zvt.acquirer import Acquirer
from devices.simulators.terminal_zvt.scripts import SimulatedTerminalSettings
from tests.devices.test_zvt_terminal_simulator import PAY, REFUND, REGISTER, REVERSE, bench


async def test_totals_and_the_end_of_a_day() -> None:
    async with bench(SimulatedTerminalSettings(network_ms=0)) as made:
        till = made.till()
        await made.talk(till, REGISTER)
        for command in (PAY, PAY, REFUND):
            await made.talk(till, command)
        asked = await made.talk(till, "0610 03 000000")
        assert [unit[:4] for unit in asked] == ["8000", "040f", "060f"]
        parts = "60f0f5f3" + "00010003" + "03" + "000000000100"
        assert "2700" + "04000000000100" in asked[1]
        assert asked[1].endswith(parts + "00" * 42)
        assert "0b" not in asked[1][10:24], "an open batch has no trace"
        ended = await made.talk(till, "0650 03 000000")
        assert [unit[:4] for unit in ended] == ["8000", "04ff", "040f", "06d3", "060f"]
        assert ended[1] == "04ff010f"
        assert "04000000000100" + "0b000004" in ended[2]
        assert ended[2].endswith(parts + "00" * 42)
        assert "1f070103" in ended[3]
        assert made.terminal.closed() == [{"count": 3, "sum_minor": 100, "first": 1, "last": 3}]
        again = await made.talk(till, "0610 03 000000")
        assert again[1].endswith("60f0f5f3" + "00" * 53)
        # what was handed in cannot be reversed any more
        assert (await made.talk(till, REVERSE))[-1] == "061e01b5"


async def test_a_batch_survives_the_process(tmp_path: Path) -> None:
    path = str(tmp_path / "journal")
    books = Acquirer(path)
    books.book(100, 1, "0042")
    books.book(30, 2, "0042", kind="refund")
    batch = books.close_batch(3)
    assert (batch.count, batch.sum_minor, batch.first, batch.last, batch.trace) == (2, 70, 1, 2, 3)
    books.book(5, 4, "0042")
    again = Acquirer(path)
    assert again.closed == (batch,)
    assert again.open_batch(9) == books.open_batch(9)
    assert (again.handed_in_receipt, again.open_batch(9).first) == (2, 3)
    assert again.repeatable("forgets") == again.last
    again.close_batch(10)
    assert again.repeatable("forgets") is None
    assert again.repeatable("keeps") == again.last


@pytest.mark.parametrize(
    ("after", "told"), [("keeps", "87" + "0001"), ("forgets", ""), ("names", "60f0f5f3")]
)
async def test_what_is_named_as_the_last_thing_after_an_end_of_day(after: str, told: str) -> None:
    settings = msgspec.convert({"after_end_of_day": after}, SimulatedTerminalSettings)
    async with bench(settings) as made:
        till = made.till()
        for command in (REGISTER, PAY, "0650 03 000000"):
            await made.talk(till, command)
        said = await made.talk(till, "0620 05 000000 03 03")
        assert [unit[:4] for unit in said] == ["8000", *(["040f"] if told else []), "060f"]
        assert told in said[-2]


@pytest.mark.parametrize(
    ("command", "shown", "left"), [("0670 00", "c9", "01"), ("0693 03 000000", "ca", "02")]
)
async def test_it_serves_itself_and_wants_that_no_more(command: str, shown: str, left: str) -> None:
    async with bench(SimulatedTerminalSettings(status_byte=3)) as made:
        till = made.till()
        assert (await made.talk(till, REGISTER))[-1].startswith("060f0c1903")
        said = await made.talk(till, command)
        assert [unit[:4] for unit in said] == ["8000", "04ff", "06d3", "060f"]
        assert said[1] == "04ff01" + shown
        assert said[-1] == f"060f0719{left}2952000042"


async def test_a_terminal_that_was_set_free_does_not_know_the_till() -> None:
    async with bench() as made:
        till = made.till()
        await made.talk(till, REGISTER)
        await till.write(bytes.fromhex("0602 00"))
        assert await made.hear(till) == "800000"
        for command in (PAY, "0650 03 000000"):
            assert await made.talk(till, command) == ["846b00"]
