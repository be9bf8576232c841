"""What a script can do to the simulated label printer, and what a person would see of it."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from devices.scripted_actions import Action, Actions, NoArguments
from devices.simulators.labels_zpl.printer import SimulatedLabelPrinter


class TroubleArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of these at once: what is not named is well again."""

    paper_out: bool = False
    head_open: bool = False
    ribbon_out: bool = False
    paused: bool = False
    hot: bool = False
    cold: bool = False


class AnswersArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When it answers `~HS`."""

    when: Literal["always", "when_well", "never"]


class CountArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """So many more."""

    count: Annotated[int, Meta(ge=0, le=1_000_000)]


def _trouble(printer: SimulatedLabelPrinter, args: TroubleArgs) -> None:
    printer.set(**msgspec.structs.asdict(args))


def _answers(printer: SimulatedLabelPrinter, args: AnswersArgs) -> None:
    printer.answers = args.when


def _roll_lasts(printer: SimulatedLabelPrinter, args: CountArgs) -> None:
    printer.roll_lasts(args.count)


def _drop_after(printer: SimulatedLabelPrinter, args: CountArgs) -> None:
    printer.drop_after(args.count)


def shows(printer: SimulatedLabelPrinter) -> dict[str, Any]:
    """Return what lies in its tray, and whether it stands still."""
    return {
        "printed": len(printer.printed),
        "waiting": printer.labels_waiting,
        "stopped": printer.stopped,
        "asked": printer.asked,
    }


ACTIONS: Final[Actions] = {
    "trouble": Action(
        "Let labels or ribbon be out, the head open, or printing stopped.", TroubleArgs, _trouble
    ),
    "answers": Action(
        "Answer questions always, only while it is well, or never.", AnswersArgs, _answers
    ),
    "roll_lasts": Action("Let the labels run out after so many more.", CountArgs, _roll_lasts),
    "drop_after": Action("Take so many more bytes, then hang up.", CountArgs, _drop_after),
    "power_cycle": Action(
        "Switch it off and on: what was not printed is gone.",
        NoArguments,
        lambda printer, _: printer.power_cycle(),
    ),
}
