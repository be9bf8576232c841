"""What a script can do to the simulated terminal, and what a person would see of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from devices.scripted_actions import Action, Actions, NoArguments
from devices.simulators.terminal_adyen.scripts import Point, Script, Spoil
from devices.simulators.terminal_adyen.terminal import SimulatedAdyenTerminal


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


class SpoilArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is wrong with an answer."""

    how: Spoil


class AskArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether it waits for a key."""

    on: bool = True


class OnlineArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether its own line to the card network is there."""

    on: bool = True


class MannersArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything at once: what is not named is as usual again."""

    delay_ms: Annotated[int, Meta(ge=0, le=600_000)] = 0
    fragment: bool = False
    chunked: bool = False
    close: bool = False


def _next(script: Script) -> Callable[[SimulatedAdyenTerminal, NoArguments], None]:
    def play(terminal: SimulatedAdyenTerminal, _args: NoArguments) -> None:
        terminal.next_script = script

    return play


def _press(terminal: SimulatedAdyenTerminal, args: PressArgs) -> None:
    terminal.decide(args.key)


def _ask(terminal: SimulatedAdyenTerminal, args: AskArgs) -> None:
    terminal.mode = "ask" if args.on else "automatic"


def _online(terminal: SimulatedAdyenTerminal, args: OnlineArgs) -> None:
    terminal.online = args.on


def _cut_at(terminal: SimulatedAdyenTerminal, args: PointArgs) -> None:
    terminal.cut_at = args.point


def _stall_at(terminal: SimulatedAdyenTerminal, args: StallArgs) -> None:
    terminal.stall_at, terminal.stall_s = args.point, args.seconds


def _spoil(terminal: SimulatedAdyenTerminal, args: SpoilArgs) -> None:
    terminal.spoil = args.how


def _forget(terminal: SimulatedAdyenTerminal, _args: NoArguments) -> None:
    terminal.forget()


def _manners(terminal: SimulatedAdyenTerminal, args: MannersArgs) -> None:
    terminal.manners.delay_ms = args.delay_ms
    terminal.manners.fragment = args.fragment
    terminal.manners.chunked = args.chunked
    terminal.manners.close = args.close


def shows(terminal: SimulatedAdyenTerminal) -> dict[str, Any]:
    """Return its display, what is under way, and what the acquirer booked."""
    return {
        "display": terminal.display,
        "busy": terminal.busy,
        "asked_minor": terminal.pending_minor,
        "next": terminal.next_script,
        "booked": terminal.booked(),
        "balance_minor": terminal.balance_minor,
    }


ACTIONS: Final[Actions] = {
    "approve": Action("Approve the next payment or refund.", NoArguments, _next(Script.APPROVE)),
    "approve_a_part": Action(
        "Approve half of the next payment.", NoArguments, _next(Script.PARTIAL)
    ),
    "approve_late": Action(
        "Approve the next one after the till has stopped waiting.",
        NoArguments,
        _next(Script.LATE),
    ),
    "decline": Action("Decline the next one.", NoArguments, _next(Script.DECLINE)),
    "stop_key": Action(
        "Let the customer press the stop key in the next one.", NoArguments, _next(Script.ABORT)
    ),
    "refuse_as_busy": Action("Be busy when the next one comes.", NoArguments, _next(Script.BUSY)),
    "reach_no_host": Action(
        "Let the next one not get through to the card network.",
        NoArguments,
        _next(Script.UNREACHABLE),
    ),
    "no_answer": Action(
        "Take the next request without looking at it; nothing is booked.",
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
    "online": Action("Give it its own line to the card network, or take it.", OnlineArgs, _online),
    "cut_at": Action("Pull the cable once, at a point of the dialogue.", PointArgs, _cut_at),
    "stall_at": Action("Wait once, at a point of the dialogue.", StallArgs, _stall_at),
    "spoil": Action("Damage the answer to the next payment or refund.", SpoilArgs, _spoil),
    "forget": Action(
        "Forget what it was asked, as after two days; what is booked stays booked.",
        NoArguments,
        _forget,
    ),
    "manners": Action(
        "Answer late, byte by byte, in chunks, or with the connection closed behind it.",
        MannersArgs,
        _manners,
    ),
}
