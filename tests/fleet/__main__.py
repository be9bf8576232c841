"""`make fleet`: a thousand simulated shops against a real head office on this machine."""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import fields
from pathlib import Path

from tests.fleet.figures_table import as_table
from tests.fleet.fleet_run import Plan, Run, as_json


def main() -> int:
    """Play a run; 1 when something that must not be was seen."""
    parser = argparse.ArgumentParser(prog="tests.fleet", description=__doc__)
    for each in fields(Plan):
        kind = float if isinstance(each.default, float) else int
        parser.add_argument(f"--{each.name.replace('_', '-')}", type=kind, default=each.default)
    parser.add_argument("--out", type=Path, help="write the figures as JSON to this file too")
    given = vars(parser.parse_args())
    out: Path | None = given.pop("out")
    with tempfile.TemporaryDirectory(prefix="fleet-") as folder:
        figures = Run(
            Plan(**given),
            Path(folder) / "run",
            lambda words: print(words, file=sys.stderr, flush=True),
        ).play()
    text = as_json(figures)
    if out is not None:
        out.write_text(text)
    print(text)
    print(as_table(figures))
    for fault in figures["faults"]:
        print(f"FAULT: {fault}")
    return 1 if figures["faults"] else 0


if __name__ == "__main__":
    sys.exit(main())
