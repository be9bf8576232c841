"""The demo's processes: started in order, restarted when they die, stopped in reverse."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

from edge.contract.errors import TillboxError
from edge.contract.instant import Clock
from edge.contract.limits import (
    STOP_S_MAX,
)
from edge.runtime.structured_log import Log
from edge.runtime.supervisor import Supervisor

_GONE_POLL_S: Final = 0.05
RESTART_S: Final = 0.5
"""A dead process is back within two seconds, as under systemd."""


class DemoFailedError(TillboxError):
    """The demo cannot go on."""

    kind = "demo_failed"


def tillbox(*words: str) -> list[str]:
    """Return the command line of a subcommand, run by this very Python."""
    return [sys.executable, "-m", "edge.cli", *words]


def hold(folder: Path) -> BinaryIO:
    """Hold a demo's folder for this process.

    Raises DemoFailedError when another one does, and when nothing can be written there.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / "lock").open("wb")
    except OSError as error:
        raise DemoFailedError(
            "folder_unusable",
            f"The demo cannot keep its files in {folder}: {error.strerror}.",
            advice="Give it another folder with --data, one that you may write to.",
        ) from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise DemoFailedError(
            "already_running",
            f"A demo runs in {folder} already.",
            advice="Stop it first, or give this one another folder with --data.",
        ) from None
    return file


def _command_line(pid: int) -> str:
    """Return the words a process was started with; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except (OSError, UnicodeDecodeError):
        return ""


def run_once(words: Sequence[str], *, what: str) -> str:
    """Run a command to its end and return what it printed. Raises DemoFailedError."""
    done = subprocess.run(  # noqa: S603 - our own commands
        words, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    if done.returncode != 0:
        raise DemoFailedError(
            "step_failed", f"{what} did not work: {done.stderr.strip() or done.stdout.strip()}"
        )
    return done.stdout.strip()


@dataclass
class Processes:
    """The children of the demo. `pids_file` always names the running ones."""

    folder: Path
    clock: Clock
    log: Log
    tasks: Supervisor
    _running: dict[str, asyncio.subprocess.Process] = field(default_factory=dict)
    _order: list[str] = field(default_factory=list)
    _stopping: bool = False

    @property
    def pids_file(self) -> Path:
        """A JSON object: name of the process to its id."""
        return self.folder / "pids.json"

    async def end_leftovers(self) -> None:
        """End children of a demo in this folder that was killed itself."""
        if not self.pids_file.exists():
            return
        known: dict[str, int] = json.loads(self.pids_file.read_text() or "{}")
        for pid in self._mine(known.values()):
            self.log.warning("leftover_ended", pid=pid)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        while self._mine(known.values()):
            await self.clock.sleep(_GONE_POLL_S)

    def _mine(self, pids: Iterable[int]) -> list[int]:
        """Return those that run with this folder: a number may belong to somebody else by now."""
        return [pid for pid in pids if str(self.folder) in _command_line(pid)]

    async def start(self, name: str, words: Sequence[str]) -> None:
        """Start a child and keep it running."""
        self._order.append(name)
        await self._launch(name, words)
        _ = self.tasks.start(f"keep {name}", lambda: self._keep(name, words))

    async def _launch(self, name: str, words: Sequence[str]) -> None:
        path = self.folder / "log" / f"{name}.log"
        with path.open("ab") as log:
            self._running[name] = await asyncio.create_subprocess_exec(
                *words,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
                start_new_session=True,  # Ctrl-C reaches the demo alone, which stops them in order
            )
        self._write_pids()

    async def _keep(self, name: str, words: Sequence[str]) -> None:
        while not self._stopping:
            status = await self._running[name].wait()
            if self._is_stopping():
                return
            self.log.warning("process_died", name=name, status=status)
            await self.clock.sleep(RESTART_S)
            await self._launch(name, words)

    def _is_stopping(self) -> bool:
        return self._stopping

    def _write_pids(self) -> None:
        draft = self.pids_file.with_suffix(".draft")
        draft.write_text(json.dumps({name: p.pid for name, p in self._running.items()}))
        draft.replace(self.pids_file)

    async def stop(self) -> None:
        """End all children in reverse order, in good order, or by force."""
        self._stopping = True
        for name in reversed(self._order):
            process = self._running.get(name)
            if process is None or process.returncode is not None:
                continue  # it never came to life, or has ended
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
            try:
                async with self.clock.timeout(STOP_S_MAX):
                    await process.wait()
            except TimeoutError:
                self.log.warning("process_killed", name=name)
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
