"""The life of a process: it runs until a signal or a dead task ends it, and says how it ended."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar, runtime_checkable

from edge.contract.errors import SettingsInvalid, StorageFailed, TillboxError
from edge.contract.instant import Clock
from edge.contract.life_limits import WORK_HANGS_S
from edge.contract.limits import (
    WATCHDOG_EVERY_S,
)
from edge.runtime.structured_log import Log, open_log
from edge.runtime.supervisor import Supervisor
from edge.runtime.system_clock import SystemClock
from edge.runtime.systemd_notify import notify

WELL: Final = 0
FAILED: Final = 1
WRONG_SETTINGS: Final = 2


T = TypeVar("T")
_START_EXTENDED_S: Final = 10 * WATCHDOG_EVERY_S
"""By then a start that goes on has said so again."""
_FILES_EVERY_S: Final = 0.5
"""How soon a file that failed ends the process: nobody is answered by it meanwhile."""


@runtime_checkable
class MayFail(Protocol):
    """A database, as far as the life of its process hangs on it."""

    @property
    def failure(self) -> StorageFailed | None:
        """Why it is written no more; None while it is well."""


@runtime_checkable
class MayHang(Protocol):
    """A database on this machine's own disk: a write that is never answered is a hung process."""

    @property
    def oldest_wait(self) -> object | None:
        """The write that waits longest; None while none does."""
        ...


def run_process(
    name: str,
    work: Callable[[Clock, Log], Coroutine[Any, Any, None]],
    *,
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
) -> int:
    """Run the process `name` until its work ends; return its exit status (see `Command`).

    Wrong settings are told to the person at the prompt, every other TillboxError to the log;
    `work` is called here too, so that it may read the settings first. A defect is raised.
    """
    clock, ended = SystemClock(), f"{name}_ended"
    log = open_log(name, clock=clock)
    try:
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            runner.run(work(clock, log))
    except SettingsInvalid as error:
        sys.stderr.write(f"{error}\n")
        return WRONG_SETTINGS
    except TillboxError as error:
        log.error(ended, code=error.code, reason=str(error))  # noqa: TRY400 - words, no trace
        return FAILED
    return WELL


def told_to_stop() -> asyncio.Event:
    """Return an event that SIGTERM and SIGINT set from now on; needs a running loop."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


async def live(
    tasks: Supervisor,
    clock: Clock,
    stop: asyncio.Event,
    files: Iterable[MayFail] = (),
    again: asyncio.Event | None = None,
) -> None:
    """Live until `stop` is set, or raise what a task died of for good, and keep systemd told.

    Or until `again` is: the process goes on then, and does the same work from the start.

    One of the `files` that is written no more is such a death: only a new process opens it
    anew. Call it once the process does its work: systemd takes it for started then, and restarts
    it when the loop does not turn any more, or when a write of `files` is not answered.
    """
    notify("READY=1")
    files = tuple(files)
    try:
        _ = tasks.start("watchdog", lambda: _feed_watchdog(clock, files))
        _ = tasks.start("files", lambda: _watch_files(files, clock))
        ends = {tasks.spawn("stop signal", stop.wait())}
        if again is not None:
            ends.add(tasks.spawn("start anew", again.wait()))
        dying = tasks.spawn("death watch", _death(tasks))
        await asyncio.wait({*ends, dying}, return_when=asyncio.FIRST_COMPLETED)
        if dying.done() and (error := dying.result()) is not None:
            raise error
    finally:
        if stop.is_set() or again is None or not again.is_set():
            notify("STOPPING=1")


async def long_start(tasks: Supervisor, clock: Clock, work: Coroutine[Any, Any, T]) -> T:
    """Return what a start's work returns, and have systemd wait for it however long it takes."""
    telling = tasks.spawn("a start that takes long", _extend_start(clock))
    try:
        return await work
    finally:
        await tasks.stop(telling)


async def _extend_start(clock: Clock) -> None:
    while True:
        notify(f"EXTEND_TIMEOUT_USEC={_START_EXTENDED_S * 1_000_000:.0f}")
        notify("WATCHDOG=1")
        await clock.sleep(WATCHDOG_EVERY_S)


async def _feed_watchdog(clock: Clock, files: Iterable[MayFail]) -> None:
    """Feed it from the work: not while a write has waited too long for the disk."""
    work = [(file, _Work()) for file in files if isinstance(file, MayHang)]
    while True:
        now_ms = clock.monotonic_ms()
        if not any(each.hangs(file.oldest_wait, now_ms) for file, each in work):
            notify("WATCHDOG=1")
        await clock.sleep(WATCHDOG_EVERY_S)


@dataclass
class _Work:
    """Since when the same write is the oldest one that waits."""

    oldest: object | None = None
    since_ms: int = 0

    def hangs(self, oldest: object | None, now_ms: int) -> bool:
        if oldest is None or oldest is not self.oldest:
            self.oldest, self.since_ms = oldest, now_ms
        return oldest is not None and now_ms - self.since_ms >= WORK_HANGS_S * 1_000


async def _watch_files(files: tuple[MayFail, ...], clock: Clock) -> None:
    while files:
        for file in files:
            if file.failure is not None:
                raise file.failure
        await clock.sleep(_FILES_EVERY_S)


async def _death(tasks: Supervisor) -> TillboxError | None:
    """Return what the tasks died of: raised from here it would be logged a second time."""
    try:
        await tasks.wait()
    except TillboxError as error:
        return error
    return None
