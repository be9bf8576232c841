"""A scanner in keyboard mode in the other role, with the kernel that reads its reports.

The scanner sends boot reports of eight bytes (HID 1.11, appendix B: held keys as bits, a zero,
six usages) with the usages of the HID Usage Tables, page 7; the kernel makes events of what
changed in them (`drivers/hid/hid-input.c`), and repeats a key that stays down. The charts say
where each country's keyboard has its signs, in the order of the usages.
"""
# ruff: noqa: RUF001 - the acute accents are meant

from __future__ import annotations

import struct
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from devices.driver import SimulatorPorts, SimulatorSpec
from devices.scripted_actions import Action, NoArguments
from devices.simulators.scanner_serial import SYMBOLOGY_TO_AIM, ScanArgs, symbology_of
from devices.transports.byte_stream import ByteStream
from edge.contract.device_states import DeviceClass
from edge.contract.errors import DeviceUnreachable

_HOST_BYTES_MAX: Final = 256
_EVENT: Final = struct.Struct("<qqHHi")

# --- the kernel: usages to key codes ------------------------------------------------------

_LETTER_CODES: Final = (30, 48, 46, 32, 18, 33, 34, 35, 23, 36, 37, 38, 50,
                        49, 24, 25, 16, 19, 31, 20, 22, 47, 17, 45, 21, 44)  # fmt: skip
_FROM_1E: Final = (*range(2, 12), 28, 1, 14, 15, 57, 12, 13, 26, 27, 43, 43, 39, 40, 41, 51, 52, 53)
"""1 to 0, Enter, Escape, Backspace, Tab, space, - = [ ] \\ # ; ' ` , . / (31 and 32 both 43)."""
_KEYPAD_FROM_54: Final = (98, 55, 74, 78, 96, 79, 80, 81, 75, 76, 77, 71, 72, 73, 82, 83)
_LEFT_CTRL: Final = 0xE0
_MODIFIERS_FROM_E0: Final = (29, 42, 56, 125, 97, 54, 100, 126)

_CODE_OF: Final[dict[int, int]] = {
    **dict(enumerate(_LETTER_CODES, 0x04)),
    **dict(enumerate(_FROM_1E, 0x1E)),
    0x39: 58,
    **dict(enumerate((*range(59, 69), 87, 88), 0x3A)),
    0x4F: 106,
    0x50: 105,
    0x51: 108,
    0x52: 103,
    0x53: 69,
    **dict(enumerate(_KEYPAD_FROM_54, 0x54)),
    0x64: 86,
}
_EV_SYN, _EV_KEY, _EV_MSC = 0, 1, 4
_MSC_SCAN: Final = 4
_SYN_REPORT, _SYN_DROPPED = 0, 3
_UP, _DOWN, _REPEAT = 0, 1, 2
_REPEAT_AFTER_MS: Final = 250
_REPEAT_EVERY_MS: Final = 33

# --- the scanner: where signs are ---------------------------------------------------------

_CTRL, _SHIFT, _ALT, _ALTGR = 0x01, 0x02, 0x04, 0x40
_ENTER, _TAB, _KP_ENTER = 0x28, 0x2B, 0x58
_SPACE: Final = 0x2C
_RIGHT_BRACKET: Final = 0x30
_KEYPAD_DIGITS: Final = dict(zip("1234567890", range(0x59, 0x63), strict=True))
_USAGES: Final = (*range(0x04, 0x28), 0x2D, 0x2E, 0x2F, 0x30, 0x32, *range(0x33, 0x39), 0x64)
"""a to z, 1 to 0, - = [ ] # ; ' ` , . / and the key beside the left Shift."""

_A_Z: Final = "abcdefghijklmnopqrstuvwxyz"
_AZERTY: Final = "qbcdefghijkl,noparstuvzxyw"
_QWERTZ: Final = "abcdefghijklmnopqrstuvwxzy"
_NONE: Final = "\N{NO-BREAK SPACE}"
_THIRD_NONE: Final = _NONE * len(_USAGES)


def _some(*places: tuple[int, str]) -> str:
    """Write a level that has signs on few keys: usage and what it writes."""
    signs = dict(places)
    return "".join(signs.get(usage, _NONE) for usage in _USAGES)


_CHARTS: Final[dict[str, tuple[str, ...]]] = {
    "us": (
        _A_Z + "1234567890-=[]\\;'`,./\\",
        _A_Z.upper() + '!@#$%^&*()_+{}|:"~<>?|',
    ),
    "gb": (
        _A_Z + "1234567890-=[]#;'`,./\\",
        _A_Z.upper() + '!"£$%^&*()_+{}~:@¬<>?|',
        _some((0x21, "€"), (0x08, "é"), (0x18, "ú"), (0x0C, "í"), (0x12, "ó"), (0x04, "á")),
    ),
    "de": (
        _QWERTZ + "1234567890ß´ü+#öä^,.-<",
        _QWERTZ.upper() + "!\"§$%&/()=?`Ü*'ÖÄ°;:_>",
        _some(
            (0x14, "@"), (0x08, "€"), (0x10, "µ"), (0x1F, "²"), (0x20, "³"), (0x24, "{"),
            (0x25, "["), (0x26, "]"), (0x27, "}"), (0x2D, "\\"), (0x30, "~"), (0x64, "|"),
        ),
    ),
    "fr": (
        _AZERTY + "&é\"'(-è_çà)=^$*mù²;:!<",
        _AZERTY.upper().replace(",", "?") + "1234567890°+¨£µM%" + _NONE + "./§>",
        _some(
            (0x08, "€"), (0x1F, "~"), (0x20, "#"), (0x21, "{"), (0x22, "["), (0x23, "|"),
            (0x24, "`"), (0x25, "\\"), (0x26, _NONE), (0x27, "@"), (0x2D, "]"), (0x2E, "}"),
            (0x30, "¤"),
        ),
    ),
    "es": (
        _A_Z + "1234567890'¡`+çñ´º,.-<",
        _A_Z.upper() + '!"·$%&/()=?¿^*ÇÑ¨ª;:_>',
        _some(
            (0x35, "\\"), (0x1E, "|"), (0x1F, "@"), (0x20, "#"), (0x21, "~"), (0x08, "€"),
            (0x23, "¬"), (0x2F, "["), (0x30, "]"), (0x34, "{"), (0x32, "}"),
        ),
    ),
    "it": (
        _A_Z + "1234567890'ìè+ùòà\\,.-<",
        _A_Z.upper() + '!"£$%&/()=?^é*§ç°|;:_>',
        _some((0x08, "€"), (0x2F, "["), (0x30, "]"), (0x33, "@"), (0x34, "#")),
        _some((0x2F, "{"), (0x30, "}")),
    ),
    "pl": (
        _A_Z + "1234567890-=[]\\;'`,./\\",
        _A_Z.upper() + '!@#$%^&*()_+{}|:"~<>?|',
        _some(
            (0x04, "ą"), (0x06, "ć"), (0x08, "ę"), (0x0F, "ł"), (0x11, "ń"), (0x12, "ó"),
            (0x16, "ś"), (0x1B, "ź"), (0x1D, "ż"), (0x18, "€"),
        ),
        _some(
            (0x04, "Ą"), (0x06, "Ć"), (0x08, "Ę"), (0x0F, "Ł"), (0x11, "Ń"), (0x12, "Ó"),
            (0x16, "Ś"), (0x1B, "Ź"), (0x1D, "Ż"),
        ),
    ),
}  # fmt: skip
"""Levels: plain, Shift, AltGr, Shift with AltGr. A no-break space is a key that writes nothing.
French `^` on AltGr is left out: the dead one writes it too, as scanners do it."""

_DEAD_SIGNS: Final = {"de": "^´`", "fr": "^¨~`", "es": "`^´¨~", "pl": "~"}
_DEAD_OF_ACCENT: Final = {
    "\u0300": "`", "\u0301": "´", "\u0302": "^", "\u0303": "~", "\u0308": "¨"
}  # fmt: skip
_LEVELS: Final = (0, _SHIFT, _ALTGR, _ALTGR | _SHIFT)

Stroke = tuple[int, int]
"""Modifier bits and a usage."""


class SimulatedHidScannerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the scanner was set with its programming sheet.

    `alt_codes`: type everything as ALT codes: `no`, `cp1252` (four digits) or `unicode`.
    `gap_ms`: from one report to the next. `keyboards`: 2 types every other sign on the second
    of its event nodes.
    """

    layout: Literal["us", "de", "fr", "es", "it", "gb", "pl"] = "us"
    prefix: str = ""
    suffix: Literal["enter", "keypad_enter", "tab", "none"] = "enter"
    send_aim: bool = False
    alt_codes: Literal["no", "cp1252", "unicode"] = "no"
    gap_ms: Annotated[int, Meta(ge=0, le=10_000)] = 0
    keyboards: Annotated[int, Meta(ge=1, le=2)] = 1


class KernelKeyboard:
    """One event node: reports of a keyboard in, input events out."""

    def __init__(self) -> None:
        self._held = 0
        self._pressed: tuple[int, ...] = ()

    def report(self, report: bytes, at_ms: int) -> bytes:
        """Return the events of what changed since the report before, or nothing."""
        held, pressed = report[0], tuple(usage for usage in report[2:] if usage)
        changes: list[tuple[int, int]] = [
            (_LEFT_CTRL + bit, held >> bit & 1)
            for bit in range(8)
            if (held ^ self._held) >> bit & 1
        ]
        changes += [(usage, _UP) for usage in self._pressed if usage not in pressed]
        changes += [(usage, _DOWN) for usage in pressed if usage not in self._pressed]
        self._held, self._pressed = held, pressed
        events = [
            event
            for usage, value in changes
            for event in ((_EV_MSC, _MSC_SCAN, 0x70000 | usage), (_EV_KEY, _code(usage), value))
        ]
        return _packed(at_ms, [*events, (_EV_SYN, _SYN_REPORT, 0)]) if events else b""

    def repeat(self, at_ms: int) -> bytes:
        """Return the event of the key that is still down, as the kernel's timer makes it."""
        events = [(_EV_KEY, _code(usage), _REPEAT) for usage in self._pressed[-1:]]
        return _packed(at_ms, [*events, (_EV_SYN, _SYN_REPORT, 1)]) if events else b""


def _code(usage: int) -> int:
    if usage >= _LEFT_CTRL:
        return _MODIFIERS_FROM_E0[usage - _LEFT_CTRL]
    return _CODE_OF[usage]


def _packed(at_ms: int, events: Iterable[tuple[int, int, int]]) -> bytes:
    seconds, ms = divmod(at_ms, 1000)
    return b"".join(_EVENT.pack(seconds, ms * 1000, *event) for event in events)


class SimulatedHidScanner:
    """Types into the connection that is open; what is scanned without one is gone."""

    def __init__(self, settings: SimulatedHidScannerSettings, ports: SimulatorPorts) -> None:
        self._settings = settings
        self._clock = ports.clock
        self._log = ports.log
        self._stream: ByteStream | None = None
        self._nodes = [KernelKeyboard() for _ in range(settings.keyboards)]
        self._strokes = _strokes_of(settings.layout)

    async def attend(self, stream: ByteStream) -> None:
        """Hold the connection: a keyboard is told nothing but its lamps."""
        self._stream = stream
        self._nodes = [KernelKeyboard() for _ in self._nodes]
        try:
            while await stream.read(_HOST_BYTES_MAX):
                self._log.debug("lamps_ignored")
        except DeviceUnreachable:
            self._log.debug("cable_out")
        finally:
            if self._stream is stream:
                self._stream = None
            await stream.close()

    @property
    def connected(self) -> bool:
        """Whether somebody reads what it types."""
        return self._stream is not None

    # --- what a person does with it ---

    async def scan(self, code: str, symbology: str = "") -> None:
        """Read a label; without `symbology` it is told by the digits, as the symbol would be.

        Raises DeviceUnreachable when no cable is in, ValueError for a sign that the layout
        does not have.
        """
        settings = self._settings
        aim = SYMBOLOGY_TO_AIM[symbology or symbology_of(code)] if settings.send_aim else ""
        await self.type_text(f"{settings.prefix}{aim}{code}")
        match settings.suffix:
            case "enter":
                await self.press(_ENTER)
            case "keypad_enter":
                await self.press(_KP_ENTER)
            case "tab":
                await self.press(_TAB)
            case "none":
                pass

    async def type_text(self, text: str) -> None:
        """Type signs as they are, without a suffix: half a code, noise."""
        for number, sign in enumerate(text):
            node = self._nodes[number % len(self._nodes)]
            for report in self._reports(sign):
                await self._send(node.report(report, self._clock.now_ms()))

    async def press(self, usage: int, held: int = 0) -> None:
        """Press a key by its usage, with modifier bits; let go of all again."""
        for report in _press(held, usage):
            await self._send(self._nodes[0].report(report, self._clock.now_ms()))

    async def hold(self, sign: str, ms: int) -> None:
        """Keep a key down: the kernel repeats it."""
        (held, usage), *_ = self._strokes[sign]
        await self._send(self._nodes[0].report(_report(held, usage), self._clock.now_ms()))
        waited_ms = _REPEAT_AFTER_MS
        while waited_ms <= ms:
            step_ms = _REPEAT_AFTER_MS if waited_ms == _REPEAT_AFTER_MS else _REPEAT_EVERY_MS
            await self._clock.sleep(step_ms / 1000)
            await self._send(self._nodes[0].repeat(self._clock.now_ms()))
            waited_ms += _REPEAT_EVERY_MS
        await self._send(self._nodes[0].report(_report(), self._clock.now_ms()))

    async def stick(self, held: int) -> None:
        """Let a modifier get stuck: down, and never up."""
        await self._send(self._nodes[0].report(_report(held), self._clock.now_ms()))
        self._nodes[0] = KernelKeyboard()

    async def lose_events(self) -> None:
        """Let the kernel's buffer run over: it says so where events are missing."""
        at_ms = self._clock.now_ms()
        await self._send(_packed(at_ms, [(_EV_SYN, _SYN_DROPPED, 0), (_EV_SYN, _SYN_REPORT, 0)]))

    async def type_bytes(self, data: bytes) -> None:
        """Send bytes as they are: what no kernel would."""
        await self._send(data)

    # --- reports ---

    def _reports(self, sign: str) -> Iterator[bytes]:
        if self._settings.alt_codes != "no":
            yield from _alt_code(_number(sign, self._settings.alt_codes))
        elif sign == "\x1d":
            yield from _press(_CTRL, _RIGHT_BRACKET)
        elif ord(sign) < ord(" "):
            yield from _press(_CTRL, 0x04 + ord(sign) - 1)  # Ctrl+A is 1
        else:
            if sign not in self._strokes:
                raise ValueError(f"a {self._settings.layout} keyboard cannot type {sign!r}")
            for held, usage in self._strokes[sign]:
                yield from _press(held, usage)

    async def _send(self, events: bytes) -> None:
        if self._stream is None:
            raise DeviceUnreachable("scanner_not_connected", "The scanner's cable is out.")
        if events:
            await self._stream.write(events)
        if self._settings.gap_ms:
            await self._clock.sleep(self._settings.gap_ms / 1000)


def _report(held: int = 0, usage: int = 0) -> bytes:
    return bytes((held, 0, usage, 0, 0, 0, 0, 0))


def _press(held: int, usage: int) -> tuple[bytes, ...]:
    return (_report(held, usage), _report())


def _number(sign: str, page: str) -> str:
    return f"0{sign.encode('cp1252')[0]:03}" if page == "cp1252" else f"{ord(sign)}"


def _alt_code(number: str) -> Iterator[bytes]:
    yield _report(_ALT)
    for digit in number:
        yield _report(_ALT, _KEYPAD_DIGITS[digit])
        yield _report(_ALT)
    yield _report()


def _strokes_of(layout: str) -> dict[str, list[Stroke]]:
    """Return how each sign is typed: one key, or a dead key and another."""
    strokes: dict[str, list[Stroke]] = {" ": [(0, _SPACE)]}
    dead: dict[str, Stroke] = {}
    for held, chart in zip(_LEVELS, _CHARTS[layout], strict=False):
        for usage, sign in zip(_USAGES, chart, strict=True):
            if sign in _DEAD_SIGNS.get(layout, ""):
                dead[sign] = (held, usage)
                strokes[sign] = [(held, usage), (0, _SPACE)]
            elif sign != _NONE:
                strokes.setdefault(sign, [(held, usage)])
    if layout != "pl":  # where the tilde writes an ogonek
        for sign in map(chr, range(0xC0, 0x100)):
            parts = unicodedata.normalize("NFD", sign)
            if (mark := _DEAD_OF_ACCENT.get(parts[-1], "")) in dead:
                strokes.setdefault(sign, [dead[mark], *strokes[parts[0]]])
    return strokes


class TextArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Signs that are typed."""

    text: str


class HoldArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A key that stays down."""

    sign: Annotated[str, Meta(min_length=1, max_length=1)]
    ms: Annotated[int, Meta(ge=0, le=60_000)] = 1_000


class StickArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A modifier that gets stuck."""

    key: Literal["ctrl", "shift", "alt", "altgr"]


_MODIFIER: Final = {"ctrl": _CTRL, "shift": _SHIFT, "alt": _ALT, "altgr": _ALTGR}


async def _scan(scanner: SimulatedHidScanner, args: ScanArgs) -> None:
    await scanner.scan(args.text, args.symbology)


async def _type(scanner: SimulatedHidScanner, args: TextArgs) -> None:
    await scanner.type_text(args.text)


async def _hold(scanner: SimulatedHidScanner, args: HoldArgs) -> None:
    await scanner.hold(args.sign, args.ms)


async def _stick(scanner: SimulatedHidScanner, args: StickArgs) -> None:
    await scanner.stick(_MODIFIER[args.key])


def _shows(scanner: SimulatedHidScanner) -> dict[str, Any]:
    return {"connected": scanner.connected}


SIMULATOR: Final = SimulatorSpec(
    name="scanner_hid",
    device_class=DeviceClass.SCANNER,
    settings=SimulatedHidScannerSettings,
    build=SimulatedHidScanner,
    actions={
        "scan": Action("Read a label and type it as the scanner is set.", ScanArgs, _scan),
        "type": Action("Type signs without an end: half a code, noise.", TextArgs, _type),
        "hold": Action("Keep a key down, so that the kernel repeats it.", HoldArgs, _hold),
        "stick": Action("Let a modifier key get stuck.", StickArgs, _stick),
        "lose_events": Action(
            "Let the kernel's buffer run over, which it says.",
            NoArguments,
            lambda scanner, _: scanner.lose_events(),
        ),
    },
    shows=_shows,
)
