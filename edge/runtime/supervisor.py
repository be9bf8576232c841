"""Every task has a name and an owner; what dies is logged once and restarted a few times.

A task that fails more often than `RESTARTS_PER_TASK_MAX` times in `RESTART_WINDOW_S`, or
with an error that no restart mends (`FATAL`), is dead for good: `wait` raises, the process
ends, and systemd (or the demo) starts it afresh.
"""

from __future__ import annotations

import asyncio
import traceback
import weakref
import zlib
from collections import deque
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Final, Self, TypeVar, cast

from edge.contract.errors import ReplicaFork, SettingsInvalid, StorageFailed, TillboxError
from edge.contract.instant import Clock
from edge.contract.limits import (
    BACKOFF_MS_MAX,
    BACKOFF_MS_MIN,
    RESTART_WINDOW_S,
    RESTARTS_PER_TASK_MAX,
    STOP_S_MAX,
)
from edge.runtime.backoff import Backoff
from edge.runtime.structured_log import Log

T = TypeVar("T")

FATAL: Final = (StorageFailed, ReplicaFork, SettingsInvalid)
"""A disk that did not keep its word, a fork, wrong settings: the process has to end."""

_CANCEL_AGAIN_S: Final = 1.0


class TaskDied(TillboxError):
    """A task failed for good with something that is not of the taxonomy: a defect."""

    kind = "task_died"


class TaskCancelledItself(Exception):
    """A task ended as cancelled though nobody who owns it asked for that."""


class Supervisor:
    """Owns the tasks of a process or of one part of it: `async with Supervisor(…) as tasks`.

    Leaving the block cancels all and waits until they have ended, `stop_s` at most.
    """

    def __init__(self, clock: Clock, log: Log, *, stop_s: float = STOP_S_MAX) -> None:
        self._clock = clock
        self._log = log
        self._stop_s = stop_s
        self._tasks: set[asyncio.Task[Any]] = set()
        self._stopping = False
        self._ending: weakref.WeakSet[asyncio.Task[Any]] = weakref.WeakSet()
        self._dead: TillboxError | None = None
        self._death = asyncio.Event()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping = True
        await self._end(self._tasks)

    def start(
        self,
        name: str,
        factory: Callable[[], Coroutine[Any, Any, None]],
        *,
        restart: bool = True,
    ) -> asyncio.Task[None]:
        """Run a lasting task; after a failure call `factory` again, with backoff.

        Returning ends it and is no failure. With `restart=False` its first failure is for
        good.
        """
        return self._own(name, self._keep_running(name, factory, restart=restart))

    def spawn(self, name: str, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run a short task once. A failure is logged once, whether or not it is awaited.

        Only a `FATAL` error brings the supervisor down.
        """
        task = self._own(name, work)
        task.add_done_callback(self._note_end)
        return task

    async def stop(self, task: asyncio.Task[Any]) -> None:
        """Cancel one task of ours and return once it has ended, `stop_s` later at most."""
        await self._end({task})

    async def wait(self) -> None:
        """Wait until a task has died for good and raise its error.

        A TillboxError is raised as it was; a defect as TaskDied (its trace is in the log).
        """
        await self._death.wait()
        raise cast("TillboxError", self._dead)

    # --- inside ---------------------------------------------------------------------------

    def _own(self, name: str, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        if self._stopping:
            task.cancel()
        return task

    async def _keep_running(
        self, name: str, factory: Callable[[], Coroutine[Any, Any, None]], *, restart: bool
    ) -> None:
        backoff = Backoff(BACKOFF_MS_MIN, BACKOFF_MS_MAX, seed=zlib.crc32(name.encode()))
        failures: deque[int] = deque()
        told = ""
        while True:
            try:
                await factory()
            except asyncio.CancelledError as error:
                if self._asked_to_end():
                    raise
                failure: Exception = TaskCancelledItself("cancelled by something inside it")
                failure.__cause__ = error
            except Exception as error:  # noqa: BLE001 - whatever kills a task is told here, once
                failure = error
            else:
                return
            now_ms = self._clock.monotonic_ms()
            while failures and now_ms - failures[0] > RESTART_WINDOW_S * 1000:
                failures.popleft()
            if not failures:
                backoff.reset()
            failures.append(now_ms)
            again = (
                restart
                and not isinstance(failure, FATAL)
                and len(failures) <= RESTARTS_PER_TASK_MAX
                and not self._stopped_by_us()
            )
            told = self._tell(name, failure, told, again=again)
            if self._stopped_by_us():
                raise asyncio.CancelledError from failure
            _forget_cancellations()
            if not again:
                self._die(name, failure)
                return
            await self._clock.sleep(backoff.next_ms() / 1000)

    def _note_end(self, task: asyncio.Task[Any]) -> None:
        if task.cancelled():
            return
        error = task.exception()
        if isinstance(error, Exception):
            self._tell(task.get_name(), error, "", again=False)
            if isinstance(error, FATAL):
                self._die(task.get_name(), error)

    def _tell(self, name: str, error: Exception, told: str, *, again: bool) -> str:
        """Log one line; the trace of a defect only when it is not the one told before."""
        words = f"{type(error).__name__}: {error}"
        write = self._log.warning if again else self._log.error
        if isinstance(error, TillboxError):
            write("task_failed", task=name, code=error.code, reason=str(error), restart=again)
        elif words == told:
            write("task_defect", task=name, reason=words, restart=again)
        else:
            trace = "".join(traceback.format_exception(error))
            write("task_defect", task=name, reason=words, restart=again, trace=trace)
        return words

    def _stopped_by_us(self) -> bool:
        return self._stopping or asyncio.current_task() in self._ending

    def _asked_to_end(self) -> bool:
        task = asyncio.current_task()
        return self._stopped_by_us() or (task is not None and task.cancelling() > 0)

    def _die(self, name: str, error: Exception) -> None:
        if self._dead is None:
            if isinstance(error, TillboxError):
                self._dead = error
            else:
                self._dead = TaskDied(
                    "task_died",
                    f"The task {name!r} failed for good: {type(error).__name__}: {error}.",
                    advice="This is a defect; the log has its trace.",
                )
                self._dead.__cause__ = error
        self._death.set()

    async def _end(self, tasks: set[asyncio.Task[Any]]) -> None:
        """Cancel until all have ended or `stop_s` is over, even when cancelled meanwhile.

        Real time, not the clock's: a simulated clock may have stopped before its shop.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + self._stop_s
        # time to clean up; who swallowed his cancellation is then cancelled again and again
        again = loop.time() + self._stop_s / 2
        cancelled: asyncio.CancelledError | None = None
        me = asyncio.current_task()
        for task in list(tasks):
            if task is not me:
                self._ending.add(task)
                task.cancel()
        while left := [task for task in tasks if not task.done() and task is not me]:
            if loop.time() >= until:
                names = sorted(task.get_name() for task in left)
                self._log.error("tasks_would_not_stop", tasks=names, after_s=self._stop_s)
                break
            if loop.time() >= again:
                for task in left:
                    task.cancel()
                again = loop.time() + _CANCEL_AGAIN_S
            try:
                await asyncio.wait(left, timeout=min(again, until) - loop.time())
            except asyncio.CancelledError as error:
                cancelled = error
        if cancelled is not None:
            raise cancelled


def _forget_cancellations() -> None:
    """Set the count of cancellations right: nobody who owns this task asked it to end.

    A TaskGroup of Python 3.11 whose child fails while the group ends leaves one behind.
    """
    task = asyncio.current_task()
    while task is not None and task.cancelling():
        task.uncancel()
