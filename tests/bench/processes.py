"""Processes of a bench: started, measured from outside, stopped by their ids."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
_READY_S: Final = 60.0
_STOP_S: Final = 10.0


class BenchFailedError(Exception):
    """A process did not do what the bench is about."""


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def cpu_s(pid: int) -> float:
    """Return the processor seconds of a process so far, all its threads, to the nanosecond."""
    return time.clock_gettime((~pid << 3) | 2)  # CPUCLOCK_SCHED of a process, as in the kernel


def pss_kib(pid: int) -> int:
    """Return the proportional set size: shared pages are counted once over all who share them."""
    return _field(Path(f"/proc/{pid}/smaps_rollup").read_text(), "Pss:")


def written_bytes(pid: int) -> int:
    """Return the bytes that a process has caused to be written to a disk."""
    return _field(Path(f"/proc/{pid}/io").read_text(), "write_bytes:")


def _field(text: str, name: str) -> int:
    line = next(line for line in text.splitlines() if line.startswith(name))
    return int(line.split()[1])


@dataclass
class Program:
    """One process with its log. `words` is its command line."""

    name: str
    words: Sequence[str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    pid: int = 0

    def start(self, *, talks: bool = False) -> None:
        """Start it; one that `talks` has pipes for lines of JSON."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.words,
                cwd=ROOT,
                stdin=subprocess.PIPE if talks else subprocess.DEVNULL,
                stdout=subprocess.PIPE if talks else log,
                stderr=log,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
                start_new_session=True,
            )
        self.pid = self.process.pid

    def read_line(self, *, seconds: float = _READY_S) -> str:
        """Return the next line that it prints."""
        assert self.process is not None
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], seconds)
        line = self.process.stdout.readline().decode() if ready else ""
        if not line:
            raise BenchFailedError(f"{self.name} said nothing:\n{self.tail()}")
        return line

    def ask(self, wish: dict[str, Any], *, seconds: float = 300) -> Any:
        """Hand it a line of JSON and return the one it answers with."""
        assert self.process is not None
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(wish).encode() + b"\n")
        self.process.stdin.flush()
        outcome = json.loads(self.read_line(seconds=seconds))
        if "error" in outcome:
            raise BenchFailedError(f"{self.name}: {outcome['error']}\n{self.tail()}")
        return outcome

    def stop(self, number: int = signal.SIGTERM) -> None:
        """End it, by force when it does not listen; safe to call twice."""
        if self.process is None:
            return
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process.pid, number)
            try:
                self.process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(_STOP_S)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        self.process = None

    def tail(self) -> str:
        """Return the end of its log."""
        return self.log.read_text("utf-8", "replace")[-2_000:] if self.log.exists() else ""


def python(module: str, *words: str) -> list[str]:
    """Return the command line of a module, run by this very Python."""
    return [sys.executable, "-m", module, *words]
