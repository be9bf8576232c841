"""What a script can do to the simulated terminal, and what a person would see of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from devices.scripted_actions import Action, Actions, NoArguments
from devices.simulators.terminal_zvt.scripts import Point, Script
from devices.simulators.terminal_zvt.terminal import SimulatedTerminal


class PressArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A key at the terminal, or what becomes of the line when it is pressed."""

    key: Script


class PointArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A point of the dialogue."""

    point: Point


class StallArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A point of the dialogue, and how long it waits there."""

    point: Point
    seconds: Annotated[float, Meta(gt=0, le=3_600)]


class AskArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether it waits for a key."""

    on: bool = True


class MannersArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything at once: what is not named is as usual again."""

    delay_ms: Annotated[int, Meta(ge=0, le=600_000)] = 0
    fragment: bool = False
    coalesce: bool = False


def _next(script: Script) -> Callable[[SimulatedTerminal, NoArguments], None]:
    def play(terminal: SimulatedTerminal, _args: NoArguments) -> None:
        terminal.next_script = script

    return play


def _press(terminal: SimulatedTerminal, args: PressArgs) -> None:
    terminal.decide(args.key)


def _ask(terminal: SimulatedTerminal, args: AskArgs) -> None:
    terminal.mode = "ask" if args.on else "automatic"


def _cut_at(terminal: SimulatedTerminal, args: PointArgs) -> None:
    terminal.cut_at = args.point


def _stall_at(terminal: SimulatedTerminal, args: StallArgs) -> None:
    terminal.stall_at, terminal.stall_s = args.point, args.seconds


def _abort_instead(terminal: SimulatedTerminal, args: AskArgs) -> None:
    terminal.abort_instead_of_completion = args.on


def _manners(terminal: SimulatedTerminal, args: MannersArgs) -> None:
    terminal.manners.delay_ms = args.delay_ms
    terminal.manners.fragment = args.fragment
    terminal.manners.coalesce = args.coalesce


def shows(terminal: SimulatedTerminal) -> dict[str, Any]:
    """Return its display, what is under way, what the acquirer booked, and the days it closed.

    `stall_at` is where it will wait once; empty as soon as it does.
    """
    return {
        "display": terminal.display,
        "busy": terminal.busy,
        "asked_minor": terminal.pending_minor,
        "next": terminal.next_script,
        "booked": terminal.booked(),
        "balance_minor": terminal.balance_minor,
        "closed": terminal.closed(),
        "stall_at": terminal.stall_at or "",
    }


ACTIONS: Final[Actions] = {
    "approve": Action("Approve the next payment or refund.", NoArguments, _next(Script.APPROVE)),
    "decline": Action("Decline the next one.", NoArguments, _next(Script.DECLINE)),
    "stop_key": Action(
        "Let the customer press the stop key in the next one.", NoArguments, _next(Script.ABORT)
    ),
    "no_answer": Action(
        "Take the next command without a word; nothing is booked.",
        NoArguments,
        _next(Script.SILENT),
    ),
    "cut_before_result": Action(
        "Pull the cable before the network answered the next one; nothing is booked.",
        NoArguments,
        _next(Script.CUT_BEFORE_RESULT),
    ),
    "cut_after_approval": Action(
        "Book the next one and pull the cable before the till hears of it.",
        NoArguments,
        _next(Script.CUT_AFTER_APPROVAL),
    ),
    "approve_after_cut": Action(
        "Pull the cable in the next one and book it all the same.",
        NoArguments,
        _next(Script.APPROVE_AFTER_CUT),
    ),
    "ask": Action("Let payments wait for the action `press`, or go by themselves.", AskArgs, _ask),
    "press": Action("End the payment that waits (after `ask`).", PressArgs, _press),
    "cut_at": Action("Pull the cable once, at a point of the dialogue.", PointArgs, _cut_at),
    "stall_at": Action("Wait once, at a point of the dialogue.", StallArgs, _stall_at),
    "abort_instead_of_completion": Action(
        "Say 06 1E behind a booked payment instead of 06 0F, until told otherwise.",
        AskArgs,
        _abort_instead,
    ),
    "manners": Action(
        "Speak late, byte by byte, or with its 80 00 in one piece with what follows.",
        MannersArgs,
        _manners,
    ),
}
