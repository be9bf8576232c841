"""A printer without a connection: bytes go in, paper, pulses and answers are kept."""

from __future__ import annotations

from devices.simulators.printer_escpos.interpreter import Interpreter
from devices.simulators.printer_escpos.real_time import RealTimeEar
from devices.simulators.printer_escpos.roll import PaperLine, Roll


class Desk:
    def __init__(self, columns: int = 42) -> None:
        self._columns = columns
        self.roll = Roll()
        self.pulses: list[tuple[int, int, int]] = []
        self.real_time: list[tuple[str, int]] = []
        self.answers: list[tuple[str, bytes]] = []
        self.interpreter = Interpreter(self)
        self._buffer = bytearray()
        self._ear = RealTimeEar(
            lambda kind: self.real_time.append(("status", kind)),
            lambda *, clear: self.real_time.append(("recover", int(clear))),
            self._pulse_now,
        )

    def _pulse_now(self, pin: int, on_ms: int) -> None:
        assert 100 <= on_ms <= 800
        self.real_time.append(("pulse", pin))

    @property
    def columns(self) -> int:
        return self._columns

    def feed(self, data: bytes, chunk_bytes: int = 0) -> Desk:
        step = chunk_bytes or max(1, len(data))
        for at in range(0, len(data), step):
            self._ear.hear(data[at : at + step])
            self._buffer += data[at : at + step]
            while self._buffer and (used := self.interpreter.step(self._buffer)):
                del self._buffer[:used]
        return self

    @property
    def waiting(self) -> bytes:
        """Bytes of a command that is not complete."""
        return bytes(self._buffer)

    @property
    def lines(self) -> list[str]:
        return [line.text for line in self.roll.current]

    @property
    def receipts(self) -> list[str]:
        return [receipt.text for receipt in self.roll.receipts]

    def print_line(self, line: PaperLine, dots: int) -> None:
        assert dots >= 0
        self.roll.add(line)

    def cut(self, how: str) -> None:
        self.roll.cut(how)

    def pulse(self, pin: int, on_ms: int, off_ms: int) -> None:
        self.pulses.append((pin, on_ms, off_ms))

    def answer(self, kind: str, argument: bytes) -> None:
        self.answers.append((kind, argument))
