"""What a script can do to any simulated scale, and what a person sees of it."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from devices.scripted_actions import Action, Actions
from devices.weighing.simulated_platter import ScaleFault, SimulatedPlatter


class PutArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What lies on the scale."""

    grams: int
    swaying: bool = False


class FaultArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is wrong with it."""

    fault: ScaleFault


def _put(scale: SimulatedPlatter, args: PutArgs) -> None:
    scale.put(args.grams, swaying=args.swaying)


def _fail(scale: SimulatedPlatter, args: FaultArgs) -> None:
    scale.fault = args.fault


def platter_shows(scale: SimulatedPlatter) -> dict[str, Any]:
    """Return what a person sees of it."""
    seen = scale.seen
    return {
        "grams": seen.grams,
        "still": seen.still,
        "overloaded": seen.overloaded,
        "unit": seen.unit,
        "fault": scale.fault.value,
        "asked": scale.asked,
    }


PLATTER_ACTIONS: Final[Actions] = {
    "put": Action(
        "Let so much lie on it, still or swaying; 0 takes all off, below zero it was zeroed with "
        "goods on.",
        PutArgs,
        _put,
    ),
    "fault": Action("Let this be wrong with it until told otherwise.", FaultArgs, _fail),
}
