"""What every bench of a run shares: its folder, how many rounds, the load generator."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tests.bench.processes import Program, cpu_s, python


@dataclass
class BenchRun:
    """`rounds` scales every bench: how many sales one till rings up, and the rest with it."""

    folder: Path
    rounds: int
    generator: Program

    def new_folder(self, name: str) -> Path:
        """Return a folder of its own, on the disk that is measured."""
        number = 1 + sum(1 for _ in self.folder.glob(f"{name}-*"))
        made = self.folder / f"{name}-{number}"
        made.mkdir()
        return made

    def alternate(
        self, targets: list[dict[str, Any]], rounds: int, *, pause_s: float = 0
    ) -> list[list[int]]:
        """Run groups on each target in turn; return the nanoseconds of each group."""
        wish = {"do": "alternate", "targets": targets, "rounds": rounds, "pause_s": pause_s}
        times: list[list[int]] = self.generator.ask(wish)["ns"]
        return times

    def together(self, target: dict[str, Any], groups: int) -> tuple[float, list[int]]:
        """Run all connections of a target at once; return requests per second and their times."""
        outcome = self.generator.ask({"do": "together", "targets": [target], "groups": groups})
        return len(outcome["ns"]) / outcome["wall_s"], outcome["ns"]


@dataclass
class BarePost:
    """The floor of commands, running."""

    pid: int
    port: int

    def target(self, connections: int = 1) -> dict[str, Any]:
        """Return groups of four POSTs."""
        body = json.dumps(
            {"command_id": "bench-@@@@@@@@", "type": "add_item", "code": "9520000000011"}
        )
        post = (
            f"POST /commands HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        )
        return {
            "port": self.port,
            "connections": [[post] * 4] * connections,
            "expect": '"state":"done"',
        }


@contextmanager
def bare_post(run: BenchRun) -> Iterator[BarePost]:
    """Run the bare prototype for a block."""
    folder = run.new_folder("bare")
    words = python("tests.bench.floors.bare_post", str(folder / "bare.db"))
    program = Program("bare prototype", words, folder / "bare.log")
    program.start(talks=True)
    try:
        yield BarePost(program.pid, int(program.read_line()))
    finally:
        program.stop()


class CpuMeter:
    """Processor seconds that some processes use while the block runs."""

    def __init__(self, *pids: int) -> None:
        self._pids = pids
        self.used_s: dict[int, float] = {}

    def __enter__(self) -> Self:
        self._before = {pid: cpu_s(pid) for pid in self._pids}
        return self

    def __exit__(self, *_: object) -> None:
        self.used_s = {pid: cpu_s(pid) - self._before[pid] for pid in self._pids}

    @property
    def total_s(self) -> float:
        """All of them together."""
        return sum(self.used_s.values())
