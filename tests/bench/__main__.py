"""`make bench`: runs the benches and prints a table of ratios to the floors of the same run.

    python -m tests.bench [KEY ...] [--rounds N] [--json FILE]

Without keys all of them run. Machines are shared: compare ratios, not milliseconds.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.bench import (
    catalogue_benches,
    footprint_benches,
    projection_benches,
    replication_benches,
    scan_benches,
    screen_benches,
    selling_benches,
    trouble_benches,
)
from tests.bench.bench_run import BenchRun
from tests.bench.figures import Figure, save, table
from tests.bench.processes import BenchFailedError, Program, python

RESULTS: Final = Path(__file__).parent / "results"
BENCHES: Final[dict[str, Callable[[BenchRun], Figure]]] = {
    "sale_one_till": selling_benches.sale_one_till,
    "sale_64_tills": selling_benches.sale_64_tills,
    "fsyncs_per_command": selling_benches.fsyncs_per_command,
    "cpu_per_sale": selling_benches.cpu_per_sale,
    "scan_to_view": scan_benches.scan_to_view,
    "replicate": replication_benches.replicate,
    "bytes_per_sale": replication_benches.bytes_per_sale,
    "project_pg": projection_benches.project_pg,
    "idle_memory": footprint_benches.idle_memory,
    "cold_start": footprint_benches.cold_start,
    "catalogue_300k": catalogue_benches.catalogue_300k,
    "screens": screen_benches.screens,
    "babbling_devices": trouble_benches.babbling_devices,
}


def main() -> int:
    """Run what was asked for; 1 when a bench broke (a missed goal is a finding, no failure)."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("keys", nargs="*", metavar="KEY", help=", ".join(BENCHES))
    parser.add_argument("--rounds", type=int, default=600, help="sales of one till (600)")
    parser.add_argument("--json", type=Path, default=RESULTS / "latest.json", help="the result")
    arguments = parser.parse_args()
    unknown = set(arguments.keys) - set(BENCHES)
    if unknown:
        parser.error(f"no such bench: {', '.join(sorted(unknown))}")
    # ended from outside, it ends what it started
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    RESULTS.mkdir(exist_ok=True)
    # beside the results, not in /tmp: that may be memory, and a sync there costs nothing
    folder = Path(tempfile.mkdtemp(dir=RESULTS, prefix="run-"))
    generator = Program(
        "load generator", python("tests.bench.load_generator"), folder / "generator.log"
    )
    figures: dict[str, Figure] = {}
    broken: list[str] = []
    generator.start(talks=True)
    try:
        run = BenchRun(folder, arguments.rounds, generator)
        for key in arguments.keys or BENCHES:
            print(f"{key} ...", file=sys.stderr, flush=True)
            try:
                figures[key] = BENCHES[key](run)
            except (BenchFailedError, OSError, TimeoutError) as error:
                broken.append(f"{key}: {error}")
                continue
            save(figures, arguments.json)
    finally:
        generator.stop()
        shutil.rmtree(folder)
    print(table(figures))
    for words in broken:
        print(words, file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
