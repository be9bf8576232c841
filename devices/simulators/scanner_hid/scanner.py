"""The scanner: what a person does with it, and the reports that it sends."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from devices.driver import SimulatorPorts
from devices.scripted_actions import Action, Actions, NoArguments
from devices.simulators.scanner_hid.kernel_keyboard import (
    CODE_OF,
    REPEAT_AFTER_MS,
    REPEAT_EVERY_MS,
    KernelKeyboard,
    events_lost,
)
from devices.simulators.scanner_hid.national_charts import ALT, ALTGR, CTRL, SHIFT, strokes_of
from devices.simulators.scanner_serial import (
    SYMBOLOGY_TO_AIM,
    ScanArgs,
    TypeArgs,
    symbology_of,
)
from devices.transports.byte_stream import ByteStream
from edge.contract.errors import DeviceUnreachable, Refused

_HOST_BYTES_MAX: Final = 256
_ENTER, _TAB, _KP_ENTER = 0x28, 0x2B, 0x58
_RIGHT_BRACKET: Final = 0x30
_KEYPAD_DIGITS: Final = dict(zip("1234567890", range(0x59, 0x63), strict=True))


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


class SimulatedHidScanner:
    """Types into the connection that is open; what is scanned without one is gone."""

    def __init__(self, settings: SimulatedHidScannerSettings, ports: SimulatorPorts) -> None:
        self._settings = settings
        self._clock = ports.clock
        self._log = ports.log
        self._stream: ByteStream | None = None
        self._nodes = [KernelKeyboard() for _ in range(settings.keyboards)]
        self._strokes = strokes_of(settings.layout)
        self.scanned = 0
        """How many labels were read so far."""

    @property
    def connected(self) -> bool:
        """Whether somebody holds the connection open."""
        return self._stream is not None

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

    # --- what a person does with it ---

    async def scan(self, code: str, symbology: str = "") -> None:
        """Read a label; without `symbology` it is told by the digits, as the symbol would be.

        Raises DeviceUnreachable when no cable is in, Refused for a sign that cannot be typed.
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
        self.scanned += 1

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
        if sign not in self._strokes:
            raise _untypable(sign, f"a {self._settings.layout} keyboard")
        (held, usage), *_ = self._strokes[sign]
        await self._send(self._nodes[0].report(_report(held, usage), self._clock.now_ms()))
        waited_ms = REPEAT_AFTER_MS
        while waited_ms <= ms:
            step_ms = REPEAT_AFTER_MS if waited_ms == REPEAT_AFTER_MS else REPEAT_EVERY_MS
            await self._clock.sleep(step_ms / 1000)
            await self._send(self._nodes[0].repeat(self._clock.now_ms()))
            waited_ms += REPEAT_EVERY_MS
        await self._send(self._nodes[0].report(_report(), self._clock.now_ms()))

    async def stick(self, held: int) -> None:
        """Let a modifier get stuck: down, and never up."""
        await self._send(self._nodes[0].report(_report(held), self._clock.now_ms()))
        self._nodes[0] = KernelKeyboard()

    async def lose_events(self) -> None:
        """Let the kernel's buffer run over: it says so where events are missing."""
        await self._send(events_lost(self._clock.now_ms()))

    async def type_bytes(self, data: bytes) -> None:
        """Send bytes as they are: what no kernel would."""
        await self._send(data)

    # --- reports ---

    def _reports(self, sign: str) -> Iterator[bytes]:
        if self._settings.alt_codes != "no":
            yield from _alt_code(_number(sign, self._settings.alt_codes))
        elif sign == "\x1d":
            yield from _press(CTRL, _RIGHT_BRACKET)
        elif ord(sign) < ord(" "):
            yield from _press(CTRL, 0x04 + ord(sign) - 1)  # Ctrl+A is 1
        else:
            if sign not in self._strokes:
                raise _untypable(sign, f"a {self._settings.layout} keyboard")
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
    if page == "unicode":
        return f"{ord(sign)}"
    try:
        return f"0{sign.encode('cp1252')[0]:03}"
    except UnicodeEncodeError:
        raise _untypable(sign, "an ALT code of Windows") from None


def _untypable(sign: str, what: str) -> Refused:
    return Refused(
        "sign_untypable",
        f"The sign {sign!r} cannot be typed by {what}.",
        advice="Choose another layout, or alt_codes=unicode.",
    )


def _alt_code(number: str) -> Iterator[bytes]:
    yield _report(ALT)
    for digit in number:
        yield _report(ALT, _KEYPAD_DIGITS[digit])
        yield _report(ALT)
    yield _report()


# --- for scripts --------------------------------------------------------------------------


class TextArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Signs that are typed as they are."""

    text: Annotated[str, Meta(min_length=1)]


class PressArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A key by its usage of HID page 7, with the modifier bits of a boot report."""

    usage: Annotated[int, Meta(ge=0x04, le=0x64)]
    held: Annotated[int, Meta(ge=0, le=0xFF)] = 0


class HoldArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A key that stays down."""

    sign: Annotated[str, Meta(min_length=1, max_length=1)]
    ms: Annotated[int, Meta(ge=0, le=60_000)] = 1_000


class StickArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A modifier that gets stuck."""

    key: Literal["ctrl", "shift", "alt", "altgr"]


_MODIFIER: Final = {"ctrl": CTRL, "shift": SHIFT, "alt": ALT, "altgr": ALTGR}


async def _scan(scanner: SimulatedHidScanner, args: ScanArgs) -> None:
    await scanner.scan(args.text, args.symbology)


async def _type(scanner: SimulatedHidScanner, args: TextArgs) -> None:
    await scanner.type_text(args.text)


async def _press_key(scanner: SimulatedHidScanner, args: PressArgs) -> None:
    if args.usage not in CODE_OF:
        raise Refused("usage_unknown", f"No key of this keyboard has the usage {args.usage}.")
    await scanner.press(args.usage, args.held)


async def _hold(scanner: SimulatedHidScanner, args: HoldArgs) -> None:
    await scanner.hold(args.sign, args.ms)


async def _stick(scanner: SimulatedHidScanner, args: StickArgs) -> None:
    await scanner.stick(_MODIFIER[args.key])


async def _lose(scanner: SimulatedHidScanner, args: NoArguments) -> None:
    del args
    await scanner.lose_events()


async def _send(scanner: SimulatedHidScanner, args: TypeArgs) -> None:
    await scanner.type_bytes(bytes.fromhex(args.hex))


def shows(scanner: SimulatedHidScanner) -> dict[str, Any]:
    """Return what a script may look at."""
    return {"connected": scanner.connected, "scanned": scanner.scanned}


ACTIONS: Final[Actions] = {
    "scan": Action("Read a label and type it as the scanner is set.", ScanArgs, _scan),
    "type": Action("Type signs without an end: half a code, noise.", TextArgs, _type),
    "press": Action("Press one key by its HID usage, and let it go.", PressArgs, _press_key),
    "hold": Action("Keep a key down, which the kernel repeats.", HoldArgs, _hold),
    "stick": Action("Let a modifier key get stuck.", StickArgs, _stick),
    "lose_events": Action("Let the kernel say that it threw events away.", NoArguments, _lose),
    "send": Action("Send bytes as they are: what no kernel sends.", TypeArgs, _send),
}
