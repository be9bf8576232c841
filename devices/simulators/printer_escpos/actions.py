"""What a script can do to the simulated printer, and what a person would see of it."""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from devices.scripted_actions import Action, Actions, NoArguments
from devices.simulators.printer_escpos.mechanics import Paper
from devices.simulators.printer_escpos.peer import PrinterPeer


class PaperLastsArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """After how many more lines the paper is out."""

    lines: Annotated[int, Meta(ge=1, le=100_000)]


class TroubleArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything at once: what is not named is well again."""

    cutter_jammed: bool = False
    broken: bool = False
    hot: bool = False
    switched_offline: bool = False


class DropAfterArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """After how many more bytes the connection is closed."""

    bytes: Annotated[int, Meta(ge=1, le=10_000_000)]


class LockArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether the key is turned."""

    locked: bool = True


def _paper(printer: PrinterPeer, paper: Paper) -> None:
    printer.paper = paper


def _cover(printer: PrinterPeer, *, is_open: bool) -> None:
    printer.cover_open = is_open


def _paper_lasts(printer: PrinterPeer, args: PaperLastsArgs) -> None:
    printer.paper_lasts(args.lines)


def _trouble(printer: PrinterPeer, args: TroubleArgs) -> None:
    printer.set_trouble(**msgspec.structs.asdict(args))


def _drop_after(printer: PrinterPeer, args: DropAfterArgs) -> None:
    printer.drop_after(args.bytes)


def _lock(printer: PrinterPeer, args: LockArgs) -> None:
    printer.drawer_locked = args.locked


def shows(printer: PrinterPeer) -> dict[str, Any]:
    """Return what lies under the printer, hangs out of it, and how it is."""
    return {
        "receipts": printer.receipts(),
        "hanging": printer.current(),
        "paper": printer.paper.value,
        "cover": "open" if printer.cover_open else "closed",
        "drawer": "open" if printer.drawer_open else "closed",
        "pulses": len(printer.pulses),
        "unknown_commands": printer.unknown_commands,
        "waiting_bytes": printer.waiting_bytes,
    }


ACTIONS: Final[Actions] = {
    "paper_ok": Action("Put a full roll in.", NoArguments, lambda p, _: _paper(p, Paper.OK)),
    "paper_near_end": Action(
        "Let the roll be near its end.", NoArguments, lambda p, _: _paper(p, Paper.NEAR_END)
    ),
    "paper_out": Action("Take the paper out.", NoArguments, lambda p, _: _paper(p, Paper.OUT)),
    "paper_lasts": Action(
        "Let the paper run out after so many more lines: in the middle of a receipt.",
        PaperLastsArgs,
        _paper_lasts,
    ),
    "cover_open": Action("Open the cover.", NoArguments, lambda p, _: _cover(p, is_open=True)),
    "cover_closed": Action("Close the cover.", NoArguments, lambda p, _: _cover(p, is_open=False)),
    "trouble": Action(
        "Jam the cutter, break it, overheat it or switch it offline; what is not named is well.",
        TroubleArgs,
        _trouble,
    ),
    "power_cycle": Action(
        "Switch it off and on: what was not printed is gone, the connection too.",
        NoArguments,
        lambda printer, _: printer.power_cycle(),
    ),
    "hang_up": Action(
        "Close the connection; what it was told it still prints.",
        NoArguments,
        lambda printer, _: printer.hang_up(),
    ),
    "drop_after": Action(
        "Take so many more bytes, then close the connection: a drop in the middle of a job.",
        DropAfterArgs,
        _drop_after,
    ),
    "drawer_close": Action(
        "Push the drawer shut.", NoArguments, lambda printer, _: printer.close_drawer()
    ),
    "drawer_open": Action(
        "Open the drawer with its key.", NoArguments, lambda printer, _: printer.open_drawer()
    ),
    "drawer_lock": Action(
        "Turn the drawer's key, so that a pulse does not open it, or turn it back.", LockArgs, _lock
    ),
}
