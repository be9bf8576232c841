"""The simulated label printer: what it makes of ZPL, and what it answers."""

from __future__ import annotations

import asyncio
import io
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from devices.driver import SimulatorPorts
from devices.simulators.labels_zpl import (
    SIMULATOR,
    Field,
    SimulatedLabelPrinter,
    SimulatedLabelPrinterSettings,
)
from devices.transports.memory_pipe import MemoryPipe, PipeVariant, memory_pipe
from edge.contract.errors import DeviceUnreachable
from edge.runtime.structured_log import open_log
from tests.devices.virtual_clock import VirtualClock

HELLO = b"^XA^CI28^FO50,40^A0N,30^FDHello^FS^XZ"
"""As the guide's first example writes a label."""
ANSWER = (
    b"\x02030,0,0,0304,000,0,0,0,000,0,0,0\x03\r\n"
    b"\x02000,0,0,0,0,2,4,0,00000000,1,000\x03\r\n"
    b"\x021234,0\x03\r\n"
)


class Bench:
    def __init__(
        self, pipe: MemoryPipe, printer: SimulatedLabelPrinter, clock: VirtualClock
    ) -> None:
        self.pipe = pipe
        self.printer = printer
        self.clock = clock
        self.heard = b""

    async def say(self, data: bytes) -> None:
        await self.pipe.near.write(data)
        await self.clock.sleep(0.05)

    async def listen(self) -> None:
        try:
            while data := await self.pipe.near.read(4_096):
                self.heard += data
        except DeviceUnreachable:
            return

    def answers(self) -> bytes:
        heard, self.heard = self.heard, b""
        return heard


@asynccontextmanager
async def running(chunk_bytes: int = 4_096, **settings: Any) -> AsyncIterator[Bench]:
    clock = VirtualClock()
    printer = SIMULATOR.build(
        SimulatedLabelPrinterSettings(**settings),
        SimulatorPorts(clock, open_log("test", io.StringIO())),
    )
    assert isinstance(printer, SimulatedLabelPrinter)
    pipe = memory_pipe(PipeVariant(chunk_bytes=chunk_bytes))
    bench = Bench(pipe, printer, clock)
    async with clock.running():
        tasks = [
            asyncio.create_task(printer.attend(pipe.far)),
            asyncio.create_task(bench.listen()),
        ]
        yield bench
        await pipe.near.close()
        await asyncio.gather(*tasks)


@pytest.mark.parametrize("chunk", [1, 4_096])
async def test_a_label_is_kept_as_what_stands_on_it(chunk: int) -> None:
    async with running(chunk) as bench:
        await bench.say(
            b"noise^XA^CI28^PW560^LL304^LH0,0^FO16,20^A0N,30^FH_^FD_5EXZ \xe2\x82\xac_7E^FS\r\n"
            b"^FO9,8^BY3^BEN,50,Y,N^FD952000000001^FS^FO1,2^B8N,40,Y,N^FD9638507^FS"
            b"^FO3,4^BCN,60,Y,N,N^FD>;1234^FS^PQ2^XZ"
        )
        assert len(bench.printer.printed) == 2
        label = bench.printer.printed[0]
        assert (label.width_dots, label.length_dots, label.copies) == (560, 304, 2)
        assert label.texts() == ["^XZ €~"]
        assert label.fields[0] == Field("text", "^XZ €~", 16, 20, 30)
        assert label.barcodes() == [
            ("EAN-13", "9520000000011"),
            ("EAN-8", "96385074"),
            ("Code 128", "1234"),
        ]
        assert (label.fields[1].module, label.fields[1].high) == (3, 50)
        assert label.commands[:3] == ("^CI", "^PW", "^LL")


async def test_text_without_an_escape_or_a_charset_is_what_it_is() -> None:
    async with running() as bench:
        await bench.say(b"^XA^FO1,1^A0N,30^FD_5E\x81^FS^ZZ9^XZ")
        (label,) = bench.printer.printed
        assert label.texts() == ["_5Eü"]
        assert "^ZZ" in label.commands


@pytest.mark.parametrize("chunk", [1, 4_096])
async def test_a_question_is_answered_wherever_it_stands(chunk: int) -> None:
    async with running(chunk) as bench:
        await bench.say(b"~HS\r\n")
        assert bench.answers() == ANSWER
        await bench.say(b"^XA^FO1,1^A0N,30^FDhalf~HS")
        assert bench.answers() == ANSWER.replace(b",000,0,0,0,000", b",000,0,0,1,000")
        assert (bench.printer.asked, bench.printer.asked_inside_a_label) == (2, 1)
        await bench.say(b"~JX" + HELLO)
        assert bench.printer.forgotten_formats == 1
        assert [label.texts() for label in bench.printer.printed] == [["Hello"]]


@pytest.mark.parametrize(
    ("fault", "strings"),
    [
        ("paper_out", (b"030,1,0", b"000,0,0,0,0")),
        ("paused", (b"030,0,1", b"000,0,0,0,0")),
        ("head_open", (b"030,0,0", b"000,0,1,0,0")),
        ("ribbon_out", (b"030,0,0", b"000,0,0,1,0")),
        ("hot", (b"000,0,0,1\x03", b"000,0,0,0,0")),
        ("cold", (b"000,0,1,0\x03", b"000,0,0,0,0")),
    ],
)
async def test_a_fault_stops_it_and_is_said(fault: str, strings: tuple[bytes, bytes]) -> None:
    async with running() as bench:
        bench.printer.set(**{fault: True})
        await bench.say(b"^XA^FDa^FS^PQ3^XZ" + HELLO + b"~HS")
        answer = bench.answers()
        for part in (*strings, b",001,0,0,0,000", b",00000003,"):
            assert part in answer
        assert bench.printer.printed == []
        bench.printer.set()
        await bench.say(b"~HS")
        assert bench.answers() == ANSWER
        assert len(bench.printer.printed) == 4


async def test_labels_take_their_time_and_run_out() -> None:
    async with running(label_ms=1_000) as bench:
        bench.printer.roll_lasts(2)
        await bench.say(b"^XA^FDa^FS^PQ5^XZ")
        await bench.clock.sleep(1)
        await bench.say(b"~HS")
        assert b",00000004,1" in bench.answers()
        await bench.clock.sleep(5)
        assert len(bench.printer.printed) == 2
        await bench.say(b"~HS")
        assert b"030,1,0" in bench.answers()
        await bench.say(b"~JA")
        bench.printer.set()
        await bench.clock.sleep(5)
        assert len(bench.printer.printed) == 2
        await bench.say(HELLO)
        bench.printer.power_cycle()
        await bench.clock.sleep(5)
        assert len(bench.printer.printed) == 2
        with pytest.raises(DeviceUnreachable):
            await bench.say(HELLO)


async def test_some_models_say_nothing_in_trouble_and_some_never_do() -> None:
    async with running(answers="when_well") as bench:
        bench.printer.set(head_open=True)
        await bench.say(b"~HS")
        assert bench.answers() == b""
        bench.printer.set(paused=True)
        await bench.say(b"~HS")
        assert b"030,0,1" in bench.answers()
        bench.printer.answers = "never"
        await bench.say(b"~HS")
        assert bench.answers() == b""
        bench.printer.answers, bench.printer.damage = "always", lambda answer: answer[:30]
        await bench.say(b"~HS")
        assert len(bench.answers()) == 30


async def test_a_full_buffer_takes_nothing_from_the_line() -> None:
    async with running(formats_max=2) as bench:
        bench.printer.set(paused=True)
        for _ in range(8):
            await bench.say(HELLO * 8)

        async def say_much() -> None:
            async with bench.clock.timeout(5):
                for _ in range(200):
                    await bench.say(HELLO * 8)

        with pytest.raises(TimeoutError):
            await say_much()
        bench.printer.set()
        await bench.clock.sleep(60)
        assert len(bench.printer.printed) > 64


async def test_it_hangs_up_in_the_middle_when_told_to() -> None:
    async with running() as bench:
        bench.printer.drop_after(len(HELLO) + 3)
        await bench.pipe.near.write(HELLO * 2)
        await bench.clock.sleep(0.1)
        assert len(bench.printer.printed) == 1


async def test_garbage_is_lived_through() -> None:
    chance = random.Random(20_261_127)
    async with running() as bench:
        for _ in range(100):
            await bench.say(chance.randbytes(200))
        await bench.say(b"~JX~JA" + HELLO)
        assert bench.printer.printed[-1].texts() == ["Hello"]
