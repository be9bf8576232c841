"""What a ZPL printer makes of what it is told: commands, and labels made of them.

A command is `^` or `~` and two letters (`^A` takes its font as second one); what stands behind it
up to the next `^` or `~` is its parameters, ends of lines apart. Of the language as much as shelf
labels need is understood; every command of a label is kept by its name, known or not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Final

_PREFIXES: Final = re.compile(rb"[\^~]")
_NAME_BYTES: Final = 3
"""The prefix and two letters."""
_COMMAND_BYTES_MAX: Final = 16_384
_COMPLETE_AT_ONCE: Final = frozenset({b"~HS", b"~JX", b"~JA", b"^XA", b"^XZ", b"^FS"})
"""Commands without parameters: the next prefix is not waited for."""
_BARCODES: Final = {"BE": "EAN-13", "B8": "EAN-8", "BC": "Code 128"}
_UTF_8: Final = 28


@dataclass(frozen=True)
class Command:
    """One command: `name` with its prefix, and what stood behind it."""

    name: str
    parameters: bytes


class CommandReader:
    """Bytes in, commands out; what stands before the first prefix is dropped."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def clear(self) -> None:
        """Forget a command that has begun."""
        self._buffer.clear()

    def feed(self, data: bytes) -> list[Command]:
        """Take bytes and return the commands that are complete."""
        self._buffer += data
        found: list[Command] = []
        while (command := self._next()) is not None:
            found.append(command)
        return found

    def _next(self) -> Command | None:
        begin = _PREFIXES.search(self._buffer)
        if begin is None:
            self._buffer.clear()
            return None
        del self._buffer[: begin.start()]
        if len(self._buffer) < _NAME_BYTES:
            return None
        name = bytes(self._buffer[:_NAME_BYTES])
        if name in _COMPLETE_AT_ONCE:
            del self._buffer[:_NAME_BYTES]
            return Command(name.decode("ascii"), b"")
        end = _PREFIXES.search(self._buffer, 1)
        if end is None and len(self._buffer) <= _COMMAND_BYTES_MAX:
            return None
        length = end.start() if end else len(self._buffer)
        parameters = bytes(self._buffer[_NAME_BYTES:length])
        del self._buffer[:length]
        return Command(name.decode("latin-1"), re.sub(rb"[\r\n]", b"", parameters))


@dataclass(frozen=True)
class Field:
    """What stands on a label: `kind` is `text` or a bar code's name; places are in dots."""

    kind: str
    data: str
    x: int = 0
    y: int = 0
    high: int = 0
    module: int = 0


@dataclass(frozen=True)
class Label:
    """A label as it comes out. `commands` are all of its format, in order, by name."""

    fields: tuple[Field, ...] = ()
    width_dots: int = 0
    length_dots: int = 0
    copies: int = 1
    commands: tuple[str, ...] = ()

    def texts(self) -> list[str]:
        """Return its texts, top to bottom as they were sent."""
        return [each.data for each in self.fields if each.kind == "text"]

    def barcodes(self) -> list[tuple[str, str]]:
        """Return the kinds and the data of its bar codes, check digits worked out."""
        return [(each.kind, each.data) for each in self.fields if each.kind != "text"]


@dataclass
class Format:
    """A format in the making, from ^XA on."""

    label: Label = field(default_factory=Label)
    charset: int = 0
    _field: Field = Field("text", "")
    _data: bytes = b""
    _hex_sign: bytes = b""
    _module: int = 2

    def take(self, command: Command) -> None:
        """Obey one command."""
        self.label = replace(self.label, commands=(*self.label.commands, command.name))
        numbers = [int(each) for each in re.findall(rb"\d+", command.parameters)]
        match command.name:
            case "^FH":
                self._hex_sign = command.parameters[:1] or b"_"
            case "^FD":
                self._data = command.parameters
            case "^FS":
                self._end_field()
            case name if numbers:
                self._set(name, numbers)
            case _:
                pass

    def _set(self, name: str, numbers: list[int]) -> None:
        match name:
            case "^PW":
                self.label = replace(self.label, width_dots=numbers[0])
            case "^LL":
                self.label = replace(self.label, length_dots=numbers[0])
            case "^PQ":
                self.label = replace(self.label, copies=numbers[0])
            case "^CI":
                self.charset = numbers[0]
            case "^BY":
                self._module = numbers[0]
            case "^FO" if len(numbers) > 1:
                self._field = replace(self._field, x=numbers[0], y=numbers[1])
            case "^A0":
                self._field = replace(self._field, high=numbers[0])
            case "^BE" | "^B8" | "^BC":
                kind = _BARCODES[name[1:]]
                self._field = replace(self._field, kind=kind, high=numbers[0], module=self._module)
            case _:
                pass

    def _end_field(self) -> None:
        data = self._data
        if self._hex_sign:
            code = re.escape(self._hex_sign) + rb"([0-9A-Fa-f]{2})"
            data = re.sub(code, lambda found: bytes.fromhex(found[1].decode()), data)
        text = data.decode("utf-8" if self.charset == _UTF_8 else "cp850", "replace")
        if data:
            done = replace(self._field, data=_as_printed(self._field.kind, text))
            self.label = replace(self.label, fields=(*self.label.fields, done))
        self._field, self._data, self._hex_sign = Field("text", ""), b"", b""


def _as_printed(kind: str, data: str) -> str:
    """Return what a scanner reads of a field: check digits are the printer's work."""
    match kind:
        case "EAN-13":
            return _with_check_digit(data[-12:].rjust(12, "0"))
        case "EAN-8":
            return _with_check_digit(data[-7:].rjust(7, "0"))
        case "Code 128":
            return data.removeprefix(">;").removeprefix(">:")
        case _:
            return data


def _with_check_digit(digits: str) -> str:
    odd = sum(int(digit) for digit in digits[-1::-2])
    even = sum(int(digit) for digit in digits[-2::-2])
    return f"{digits}{-(3 * odd + even) % 10}"
