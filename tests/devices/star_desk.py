"""The simulated Star printer's interpreter without the printer around it: bytes in, paper out."""

from __future__ import annotations

from devices.simulators.printer_escpos.roll import PaperLine, Roll
from devices.simulators.printer_star.interpreter import StarInterpreter


class StarDesk:
    def __init__(self, columns: int = 48) -> None:
        self.columns = columns
        self.roll = Roll()
        self.answers: list[tuple[str, bytes]] = []
        self.pulses: list[tuple[int, int, int]] = []
        self.widths: list[tuple[int, int]] = []
        self.dots = 0
        self.interpreter = StarInterpreter(self)
        self._buffer = bytearray()

    @property
    def waiting(self) -> bytes:
        return bytes(self._buffer)

    def feed(self, data: bytes, chunk_bytes: int = 0) -> StarDesk:
        for at in range(0, len(data), chunk_bytes or len(data) or 1):
            self._buffer += data[at : at + (chunk_bytes or len(data))]
            while self._buffer and (used := self.interpreter.step(self._buffer)):
                del self._buffer[:used]
        return self

    def print_line(self, line: PaperLine, dots: int) -> None:
        self.roll.add(line)
        self.dots += dots

    def cut(self, how: str) -> None:
        self.roll.cut(how)

    def pulse(self, pin: int, on_ms: int, off_ms: int) -> None:
        self.pulses.append((pin, on_ms, off_ms))

    def pulse_width(self, on_ms: int, off_ms: int) -> None:
        self.widths.append((on_ms, off_ms))

    def answer(self, kind: str, argument: bytes) -> None:
        self.answers.append((kind, argument))
