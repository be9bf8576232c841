"""`tillbox edge` that is killed by its own hand at a step of a terminal's end of day.

No signal from outside can be timed between a commit and what follows it. `DIE_AT` names the step;
without it this is `tillbox edge`, and nothing is wrapped.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Any, ParamSpec, TypeVar

from edge.cli import main
from edge.contract.device_messages import JobKind
from edge.contract.terminal_day_events import TerminalDayAsked, TerminalDayEnded
from edge.flows.job_dispatch import JobDispatch
from edge.flows.terminal_days import TerminalDays
from edge.ledger.event_log import Ledger

P = ParamSpec("P")
T = TypeVar("T")
DIE_AT = "DIE_AT"


class Step(StrEnum):
    """Where it dies, in their order."""

    WISHED = "wished"
    """Before the wish is on disk."""
    RECORDED = "recorded"
    """The wish is on disk, nothing is sent."""
    SENT = "sent"
    """The broker has the job."""
    ANSWERED = "answered"
    """The terminal's answer is here, and not on disk."""
    ENDED = "ended"
    """How it ended is on disk, and nobody was told."""


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def dying(
    work: Callable[P, Awaitable[T]], fits: Callable[[Any], bool], *, before: bool
) -> Callable[P, Awaitable[T]]:
    """Return the same work that dies before or after what fits."""

    async def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        doomed = fits(args[1])
        if doomed and before:
            die()
        result = await work(*args, **kwargs)
        if doomed:
            die()
        return result

    return wrapped


def has(event: type) -> Callable[[Any], bool]:
    return lambda record: any(isinstance(each, event) for each in record.events)


def doom(step: Step) -> None:
    """Let this process die at a step."""
    match step:
        case Step.WISHED | Step.RECORDED:
            before = step is Step.WISHED
            Ledger.record = dying(Ledger.record, has(TerminalDayAsked), before=before)  # type: ignore[method-assign]
        case Step.SENT:
            is_day = dying(
                JobDispatch.send, lambda job: job.kind == JobKind.END_OF_DAY, before=False
            )
            JobDispatch.send = is_day  # type: ignore[method-assign]
        case Step.ANSWERED:
            TerminalDays.hear = dying(TerminalDays.hear, lambda _job: True, before=True)  # type: ignore[method-assign]
        case Step.ENDED:
            Ledger.record = dying(Ledger.record, has(TerminalDayEnded), before=False)  # type: ignore[method-assign]


if __name__ == "__main__":
    if os.environ.get(DIE_AT):
        doom(Step(os.environ[DIE_AT]))
    sys.exit(main())
