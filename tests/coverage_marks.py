"""Holds the coverage of every room against its mark: see `make coverage`.

The pure rooms (contract, engine, protocols) must have every statement and every branch run.
Every other room must reach `MARK` in statements and branches together, in its branches
alone, and in each of its files: a room is not carried by its neighbours, nor a file.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from dataclasses import dataclass
from typing import Any, Final, TextIO

PURE: Final = frozenset({"edge/contract", "edge/engine", "devices/protocols"})
MARK: Final = 90.0
_WHOLE: Final = 100.0


@dataclass(frozen=True)
class Counts:
    """What was to be run and what was: statements and branches."""

    statements: int = 0
    statements_run: int = 0
    branches: int = 0
    branches_run: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.statements + other.statements,
            self.statements_run + other.statements_run,
            self.branches + other.branches,
            self.branches_run + other.branches_run,
        )

    @property
    def together(self) -> float:
        """Per cent of statements and branches that were run."""
        return _per_cent(self.statements_run + self.branches_run, self.statements + self.branches)

    @property
    def of_branches(self) -> float:
        """Per cent of branches that were taken."""
        return _per_cent(self.branches_run, self.branches)


def _per_cent(run: int, every: int) -> float:
    return _WHOLE * run / every if every else _WHOLE


def room_of(path: str) -> str:
    """Return the room of a file: `edge/flows` for `edge/flows/till.py`, `edge` for its own."""
    return "/".join(path.split("/")[:-1][:2])


def counts_by_file(measured: dict[str, Any]) -> dict[str, Counts]:
    """Return what coverage's JSON report says of each file, by its path."""
    return {
        path.replace("\\", "/"): Counts(
            summary["num_statements"],
            summary["covered_lines"],
            summary["num_branches"],
            summary["covered_branches"],
        )
        for path, summary in ((path, each["summary"]) for path, each in measured["files"].items())
    }


def faults(files: dict[str, Counts]) -> list[str]:
    """Return what stays below its mark, in words; a pure room that is not there is a fault too."""
    rooms = _rooms(files)
    found = [f"{room}: nothing of it was measured" for room in sorted(PURE - set(rooms))]
    for room, counts in sorted(rooms.items()):
        mark = _WHOLE if room in PURE else MARK
        if min(counts.together, counts.of_branches) < mark:
            found.append(
                f"{room}: {counts.together:.1f} %, of its branches {counts.of_branches:.1f} %; "
                f"the mark is {mark:g} %"
            )
    for path, counts in sorted(files.items()):
        mark = _WHOLE if room_of(path) in PURE else MARK
        if counts.together < mark:
            found.append(f"{path}: {counts.together:.1f} %; the mark is {mark:g} %")
    return found


def _rooms(files: dict[str, Counts]) -> dict[str, Counts]:
    rooms: dict[str, Counts] = defaultdict(Counts)
    for path, counts in files.items():
        rooms[room_of(path)] += counts
    return dict(rooms)


def main(source: TextIO, words: TextIO) -> int:
    """Read a report, write a table of the rooms and what is below its mark; 1 if anything is."""
    files = counts_by_file(json.load(source))
    for room, counts in sorted(_rooms(files).items()):
        print(
            f"{room:<22}{counts.statements:>6} statements {counts.branches:>5} branches "
            f"{counts.together:>7.2f} %   branches {counts.of_branches:>6.2f} %",
            file=words,
        )
    found = faults(files)
    for fault in found:
        print(f"BELOW ITS MARK  {fault}", file=words)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.stdin, sys.stdout))
