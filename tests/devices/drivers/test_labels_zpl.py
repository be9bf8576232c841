"""Shelf labels at a ZPL printer: out and known to be, or waiting for a person, or unknown."""

from __future__ import annotations

import asyncio
import io
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from devices.driver import DeviceJob, SimulatorPorts
from devices.drivers.labels_zpl import DRIVER, LabelsZpl, LabelsZplSettings
from devices.simulators.labels_zpl import (
    SIMULATOR,
    SimulatedLabelPrinter,
    SimulatedLabelPrinterSettings,
)
from devices.transports.byte_stream import ByteStream
from devices.transports.memory_pipe import MemoryCable, PipeVariant
from edge.contract.device_limits import (
    LABEL_ANSWER_MS_MAX,
    LABEL_EVIDENCE_MS_MAX,
)
from edge.contract.device_messages import (
    CheckHealthArgs,
    JobKind,
    JobResult,
    JobStatus,
    LabelsOutcome,
    PrintLabelsArgs,
    ShelfLabel,
)
from edge.contract.device_states import DriverState
from edge.contract.errors import DeviceNeedsPerson, DeviceUnreachable, TillboxError
from edge.runtime.structured_log import open_log
from tests.devices.driver_ports import KeptPorts
from tests.devices.virtual_clock import VirtualClock

MILK = ShelfLabel("Whole milk 1 l", "1.29 EUR", "1.29 EUR/l", "9520000000011")
HOSTILE = ShelfLabel("^XZ~JA^XA^PQ99~HS", "^FS^XZ", "_5E~", "A^B~C")


class Piecewise:
    """A slow line: what is written goes out in pieces, and others could write in between.

    `fails_behind`: the line breaks right behind what is written next and has these bytes in it.
    """

    def __init__(self, stream: ByteStream, clock: VirtualClock, fails_behind: bytes) -> None:
        self._stream = stream
        self._clock = clock
        self._fails_behind = fails_behind

    async def read(self, max_bytes: int) -> bytes:
        return await self._stream.read(max_bytes)

    async def write(self, data: bytes) -> None:
        for start in range(0, len(data), 16):
            await self._stream.write(data[start : start + 16])
            await self._clock.sleep(0.016)
        if self._fails_behind and self._fails_behind in data:
            await self.close()
            raise DeviceUnreachable("cable_cut", "The cable was pulled while writing.")

    async def close(self) -> None:
        await self._stream.close()


class LabelBench:
    def __init__(
        self, variant: PipeVariant | None, printer: dict[str, Any], **settings: Any
    ) -> None:
        self.clock = VirtualClock()
        self.cable = MemoryCable(variant)
        self.piecewise = False
        self.fails_behind = b""
        self.ports = KeptPorts(self.connect, self.clock)
        self.driver = DRIVER.build(
            LabelsZplSettings(address="tcp://192.0.2.9:9100", **settings), self.ports
        )
        assert isinstance(self.driver, LabelsZpl)
        printer_made = SIMULATOR.build(
            SimulatedLabelPrinterSettings(**printer),
            SimulatorPorts(self.clock, open_log("test", io.StringIO(), level="debug")),
        )
        assert isinstance(printer_made, SimulatedLabelPrinter)
        self.printer = printer_made
        self.far_end: Callable[[ByteStream], Awaitable[None]] = self.printer.attend
        self._jobs = 0

    async def connect(self) -> ByteStream:
        stream = await self.cable.connect()
        if not self.piecewise:
            return stream
        return Piecewise(stream, self.clock, self.fails_behind)

    async def attend(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            while True:
                stream = await self.cable.accept()
                tasks.create_task(self.far_end(stream))  # type: ignore[arg-type]

    async def print(self, *labels: ShelfLabel) -> JobResult:
        return await self.do(JobKind.PRINT_LABELS, PrintLabelsArgs(labels))

    async def check(self) -> JobResult:
        return await self.do(JobKind.CHECK_HEALTH, CheckHealthArgs())

    async def do(self, kind: JobKind, args: Any) -> JobResult:
        self._jobs += 1
        job = DeviceJob(f"job-{self._jobs:05}", kind, args, self.clock.now_ms() + 60_000)
        return await self.driver.perform(job)

    async def until(self, true: Callable[[], object]) -> None:
        ends = self.clock.monotonic_ms() + 120_000
        while not true():
            assert self.clock.monotonic_ms() < ends, self.ports.states[-3:]
            await self.clock.sleep(0.02)

    async def in_state(self, state: DriverState) -> None:
        await self.until(lambda: self.driver.state is state)

    @property
    def shown(self) -> tuple[str, str, str]:
        state = self.ports.state
        return state["state"], state.get("paper", ""), state.get("cover", "")


@asynccontextmanager
async def running(
    variant: PipeVariant | None = None, printer: dict[str, Any] | None = None, **settings: Any
) -> AsyncIterator[LabelBench]:
    bench = LabelBench(variant, printer or {}, **settings)
    async with bench.clock.running():
        tasks = [asyncio.create_task(bench.driver.run()), asyncio.create_task(bench.attend())]
        try:
            yield bench
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


def outcome(result: JobResult) -> LabelsOutcome:
    assert result.status is JobStatus.DONE, result
    assert isinstance(result.result, LabelsOutcome)
    return result.result


def error(result: JobResult) -> tuple[str, str, str]:
    assert result.status is JobStatus.UNKNOWN, result
    assert result.error is not None
    return result.error.code, result.error.detail, result.error.advice


# --- printing ----------------------------------------------------------------------------


async def test_labels_come_out_and_are_confirmed() -> None:
    async with running() as bench:
        await bench.in_state(DriverState.READY)
        assert bench.shown == ("ready", "ok", "closed")
        bread = ShelfLabel("Bread roll", "0.45 EUR", copies=2)
        result = await bench.print(MILK, bread)
        assert outcome(result) == LabelsOutcome("confirmed", 3)
        first, second, third = bench.printer.printed
        assert first.texts() == ["Whole milk 1 l", "1.29 EUR", "1.29 EUR/l"]
        assert first.barcodes() == [("EAN-13", "9520000000011")]
        assert (first.width_dots, first.length_dots) == (560, 304)
        assert second == third
        assert (second.texts(), second.barcodes()) == (["Bread roll", "0.45 EUR"], [])


async def test_no_name_prints_anything_but_itself() -> None:
    async with running() as bench:
        await bench.in_state(DriverState.READY)
        assert outcome(await bench.print(HOSTILE, MILK)) == LabelsOutcome("confirmed", 2)
        hostile, milk = bench.printer.printed
        assert hostile.texts() == ["^XZ~JA^XA^PQ99~HS", "^FS^XZ", "_5E~", "A^B~C"]
        assert hostile.copies == 1
        assert set(hostile.commands) == {*milk.commands} - {"^BE", "^BY"}
        assert bench.printer.forgotten_formats == 0


@pytest.mark.parametrize(
    "variant",
    [None, PipeVariant("bytes", chunk_bytes=1), PipeVariant("chunks", chunk_bytes=7)],
    ids=["whole", "one_byte", "seven"],
)
async def test_a_question_never_stands_inside_a_label(variant: PipeVariant | None) -> None:
    async with running(variant, {"label_ms": 40, "formats_max": 3}) as bench:
        await bench.in_state(DriverState.READY)

        async def check() -> None:
            for _ in range(40):
                await bench.check()
                await bench.clock.sleep(0.013)

        labels = (MILK, HOSTILE, ShelfLabel("N" * 200, "1", "", "12345678")) * 10
        result, _ = await asyncio.gather(bench.print(*labels), check())
        assert outcome(result) == LabelsOutcome("confirmed", 30)
        assert bench.printer.asked > 40
        assert bench.printer.asked_inside_a_label == 0
        assert bench.printer.forgotten_formats == 0
        assert len(bench.printer.printed) == 30


async def test_a_question_never_stands_inside_a_label_on_a_slow_line() -> None:
    async with running() as bench:
        bench.piecewise = True
        await bench.in_state(DriverState.READY)
        result = await bench.print(*[MILK] * 20)
        assert outcome(result) == LabelsOutcome("confirmed", 20)
        assert bench.printer.asked > 10
        assert bench.printer.asked_inside_a_label == 0


async def test_nothing_is_sent_to_a_printer_that_waits_for_a_person() -> None:
    async with running() as bench:
        bench.piecewise = True
        await bench.in_state(DriverState.READY)
        bench.printer.roll_lasts(3)
        printing = asyncio.create_task(bench.print(*[MILK] * 30))
        await bench.in_state(DriverState.ATTENTION)
        await bench.clock.sleep(60)
        assert (len(bench.printer.printed), bench.printer.labels_waiting < 6) == (3, True)
        bench.printer.set()
        assert outcome(await printing) == LabelsOutcome("confirmed", 30)


async def test_a_label_that_may_have_got_there_is_not_sent_again() -> None:
    async with running() as bench:
        bench.piecewise, bench.fails_behind = True, b"^PQ1^XZ"
        await bench.in_state(DriverState.READY)
        code, detail, advice = error(await bench.print(MILK, MILK))
        assert (code, detail) == (
            "cable_cut",
            "The cable was pulled while writing. 0 of 2 labels were sent.",
        )
        assert advice == "Look which labels came out, and print the others again."
        assert len(bench.printer.printed) == 1


async def test_done_is_said_when_the_last_label_is_out_and_not_before() -> None:
    async with running(printer={"label_ms": 2_000}) as bench:
        await bench.in_state(DriverState.READY)
        printing = asyncio.create_task(bench.print(MILK, MILK, msgspec_copies(MILK, 3)))
        await bench.clock.sleep(9)
        assert not printing.done()
        assert outcome(await printing) == LabelsOutcome("confirmed", 5)
        assert len(bench.printer.printed) == 5


async def test_a_hundred_copies_take_their_time() -> None:
    async with running(printer={"label_ms": 2_000}) as bench:
        await bench.in_state(DriverState.READY)
        result = await bench.print(msgspec_copies(MILK, 100))
        assert outcome(result) == LabelsOutcome("confirmed", 100)


def msgspec_copies(label: ShelfLabel, copies: int) -> ShelfLabel:
    return ShelfLabel(label.name, label.price, label.unit_price, label.barcode, copies)


# --- trouble -----------------------------------------------------------------------------

TROUBLES = [
    ("paper_out", "The label printer is out of labels.", "Put a new roll in", ("out", "closed")),
    ("head_open", "The label printer's head is open.", "Close the head.", ("ok", "open")),
    ("paused", "The label printer is paused.", "Press its pause key.", ("ok", "closed")),
    ("ribbon_out", "The label printer is out of ribbon.", "Put a new ribbon", ("ok", "closed")),
    ("hot", "The label printer's head is too hot.", "Wait until", ("ok", "closed")),
]


@pytest.mark.parametrize(("fault", "health", "advice", "fields"), TROUBLES)
async def test_trouble_has_words_and_a_next_step_and_nothing_is_sent(
    fault: str, health: str, advice: str, fields: tuple[str, str]
) -> None:
    async with running() as bench:
        await bench.in_state(DriverState.READY)
        bench.printer.set(**{fault: True})
        await bench.in_state(DriverState.ATTENTION)
        assert bench.ports.state["health"] == health
        assert bench.ports.state["advice"].startswith(advice)
        assert bench.shown[1:] == fields
        with pytest.raises(DeviceNeedsPerson) as raised:
            await bench.print(MILK)
        assert raised.value.message == health
        checked: Any = (await bench.check()).result
        assert (checked["state"], checked["health"]) == ("attention", health)
        bench.printer.set()
        await bench.in_state(DriverState.READY)
        assert bench.ports.state["health"] == ""
        assert bench.printer.printed == []
        assert outcome(await bench.print(MILK)).evidence == "confirmed"


@pytest.mark.parametrize("answers", ["always", "when_well"])
async def test_labels_that_run_out_in_the_middle_go_on_with_a_new_roll(answers: str) -> None:
    async with running(printer={"label_ms": 500, "answers": answers}) as bench:
        await bench.in_state(DriverState.READY)
        bench.printer.roll_lasts(3)
        printing = asyncio.create_task(bench.print(*[MILK] * 6))
        await bench.in_state(DriverState.ATTENTION)
        await bench.clock.sleep(120)
        assert not printing.done()
        assert len(bench.printer.printed) == 3
        bench.printer.set()
        assert outcome(await printing) == LabelsOutcome("confirmed", 6)
        assert len(bench.printer.printed) == 6


async def test_what_nobody_helps_out_ends_unknown_in_words() -> None:
    async with running(printer={"label_ms": 500}) as bench:
        await bench.in_state(DriverState.READY)
        bench.printer.roll_lasts(1)
        began = bench.clock.monotonic_ms()
        code, detail, advice = error(await bench.print(MILK, MILK))
        assert code == "labels_out"
        assert detail == (
            "The label printer is out of labels. All labels were sent; some are missing."
        )
        assert advice == (
            "Put a new roll in and press its feed key. "
            "Look which labels came out, and print the others again."
        )
        assert bench.clock.monotonic_ms() - began >= LABEL_EVIDENCE_MS_MAX
        assert bench.ports.counts["BrokenOffLabelsCount"] == 1


async def test_a_printer_that_stands_still_without_a_reason_confirms_nothing() -> None:
    async with running(printer={"label_ms": 60_000}) as bench:
        await bench.in_state(DriverState.READY)
        assert outcome(await bench.print(MILK)) == LabelsOutcome("sent_unconfirmed", 1)
        assert bench.ports.counts["UnconfirmedLabelCount"] == 1


# --- silence -----------------------------------------------------------------------------


async def test_a_silent_printer_is_not_ready() -> None:
    async with running(printer={"answers": "never"}) as bench:
        await bench.in_state(DriverState.ATTENTION)
        assert "does not answer" in bench.ports.state["health"]
        assert bench.ports.state["advice"]
        assert bench.shown == ("attention", "", "")
        with pytest.raises(DeviceNeedsPerson) as raised:
            await bench.print(MILK)
        assert raised.value.code == "label_printer_silent"
        with pytest.raises(DeviceUnreachable):
            await bench.check()
        bench.printer.answers = "always"
        await bench.in_state(DriverState.READY)


async def test_one_answer_that_is_missing_is_no_trouble() -> None:
    async with running() as bench:
        await bench.in_state(DriverState.READY)
        bench.printer.answers = "never"
        asked = bench.printer.asked
        await bench.until(lambda: bench.printer.asked == asked + 1)
        await bench.clock.sleep(LABEL_ANSWER_MS_MAX / 1000 + 0.1)
        bench.printer.answers = "always"
        await bench.clock.sleep(10)
        assert bench.ports.moves == ["connecting", "ready"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda answer: answer[:40],
        lambda answer: answer[40:],
        lambda answer: answer.replace(b"\x03", b""),
        lambda answer: answer.replace(b"030,0", b"030,x"),
        lambda answer: b"\x02" * 50 + answer[1:9] * 50,
    ],
    ids=["first_half", "second_half", "no_ends", "garbled", "noise"],
)
async def test_half_an_answer_is_none_and_confirms_nothing(
    damage: Callable[[bytes], bytes],
) -> None:
    async with running() as bench:
        await bench.in_state(DriverState.READY)
        bench.printer.damage = damage
        await bench.in_state(DriverState.ATTENTION)
        assert bench.ports.counts["GarbageByteCount"] > 0
        bench.printer.damage = lambda answer: answer
        await bench.in_state(DriverState.READY)
        assert outcome(await bench.print(MILK)).evidence == "confirmed"


async def test_a_late_answer_to_an_old_question_confirms_nothing() -> None:
    async with running() as bench:
        await bench.in_state(DriverState.READY)
        answers: list[bytes] = []

        def late(answer: bytes) -> bytes:
            answers.append(answer)
            return answers[-2] if len(answers) > 1 else b""

        bench.printer.damage = late
        asked = bench.printer.asked
        await bench.until(lambda: bench.printer.asked > asked)
        printing = asyncio.create_task(bench.print(MILK))
        bench.printer.set(paused=True)
        await bench.clock.sleep(20)
        assert not printing.done()
        bench.printer.set()
        assert outcome(await printing).evidence == "confirmed"
        assert len(bench.printer.printed) == 1


async def test_a_printer_that_is_not_asked_is_never_confirmed() -> None:
    async with running(printer={"answers": "never"}, asks_status=False) as bench:
        await bench.in_state(DriverState.READY)
        assert outcome(await bench.print(MILK)) == LabelsOutcome("sent_unconfirmed", 1)
        await bench.until(lambda: len(bench.printer.printed) == 1)
        assert bench.printer.asked == 0
        checked: Any = (await bench.check()).result
        assert checked["health"] == ""


# --- cuts --------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 4, 40, 120, 223, 224, 225, 226, 300, 430])
async def test_a_cut_in_the_middle_is_unknown_and_the_next_labels_are_whole(count: int) -> None:
    """Whatever half a label the printer holds, nothing of it gets into the next one."""
    async with running() as bench:
        await bench.in_state(DriverState.READY)
        await bench.clock.sleep(0.5)
        bench.printer.drop_after(count)
        try:
            result = await bench.print(MILK, MILK, MILK)
        except DeviceUnreachable:
            assert bench.printer.printed == [], "sent back means that nothing came out"
        else:
            code, detail, _ = error(result)
            assert detail.startswith("The label printer was lost.") or "closed" in detail
            assert code
        came_out = len(bench.printer.printed)
        await bench.until(lambda: bench.printer.connections == 2)
        await bench.in_state(DriverState.READY)
        assert outcome(await bench.print(MILK)).evidence == "confirmed"
        assert len(bench.printer.printed) == came_out + 1
        for label in bench.printer.printed:
            assert label.texts() == ["Whole milk 1 l", "1.29 EUR", "1.29 EUR/l"]
        assert bench.printer.asked_inside_a_label == 0


async def test_a_printer_that_takes_nothing_is_unknown_and_closed() -> None:
    async def greet_and_stop(stream: ByteStream) -> None:
        answered = 0
        while answered < 1:
            if b"~HS" in await stream.read(4_096):
                answered += 1
                await stream.write(
                    b"\x02030,0,0,0304,000,0,0,0,000,0,0,0\x03\r\n"
                    b"\x02000,0,0,0,0,2,4,0,00000000,1,000\x03\r\n\x021234,0\x03\r\n"
                )
        await asyncio.Event().wait()

    async with running() as bench:
        bench.far_end = greet_and_stop
        await bench.in_state(DriverState.READY)
        code, detail, advice = error(await bench.print(*[MILK] * 60))
        assert code == "label_printer_takes_nothing"
        assert "of 60 labels were sent." in detail
        assert advice.startswith("Look at its lights; switch it off and on.")


async def test_a_seeded_storm_of_faults_never_merges_doubles_or_dies() -> None:
    """Whatever happens, each label that comes out is one that was sent, whole."""
    chance = random.Random(20_261_127)
    async with running(printer={"label_ms": 30}) as bench:
        faults = ("paper_out", "head_open", "paused", "ribbon_out", "hot")
        known = {
            ("Whole milk 1 l", "1.29 EUR", "1.29 EUR/l"),
            ("^XZ~JA^XA^PQ99~HS", "^FS^XZ", "_5E~", "A^B~C"),
        }
        asked = confirmed = 0

        async def disturb() -> None:
            while True:
                await bench.clock.sleep(chance.random() * 6)
                match chance.randrange(5):
                    case 0:
                        bench.printer.set(**{chance.choice(faults): True})
                        await bench.clock.sleep(chance.random() * 8)
                        bench.printer.set()
                    case 1:
                        bench.printer.drop_after(chance.randint(1, 900))
                    case 2:
                        bench.printer.answers = "never"
                        await bench.clock.sleep(chance.random() * 9)
                        bench.printer.answers = "always"
                    case 3:
                        bench.printer.power_cycle()
                    case _:
                        bench.printer.damage = lambda answer: answer[: chance.randint(0, 90)]
                        await bench.clock.sleep(chance.random() * 5)
                        bench.printer.damage = lambda answer: answer

        disturbing = asyncio.create_task(disturb())
        for _ in range(60):
            labels = [chance.choice((MILK, HOSTILE)) for _ in range(chance.randint(1, 6))]
            try:
                result = await bench.print(*labels)
            except TillboxError:
                await bench.clock.sleep(1)
                continue
            asked += len(labels)
            assert result.status in (JobStatus.DONE, JobStatus.UNKNOWN)
            if result.status is JobStatus.DONE and outcome(result).evidence == "confirmed":
                confirmed += 1
                newest = bench.printer.printed[-len(labels) :]
                assert [label.texts()[0] for label in newest] == [each.name for each in labels]
            assert len(bench.printer.printed) <= asked, "one came out twice"
        disturbing.cancel()
        assert 10 < confirmed < 60
        assert {tuple(label.texts()) for label in bench.printer.printed} == known
        assert bench.printer.asked_inside_a_label == 0
