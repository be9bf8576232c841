"""A backlog to head office, and the bytes of a sale on the line.

`vs_pouchdb` is measured when `TILLBOX_BENCH_POUCHDB` names a folder in which
`npm install pouchdb express-pouchdb express` was run; otherwise it is computed from what
was measured once elsewhere. `vs_pouchdb_is` says which.
"""

from __future__ import annotations

import json
import os
import sqlite3
import statistics
import subprocess
import time
from contextlib import closing
from pathlib import Path
from typing import Final

from edge.contract.envelope import link
from tests.bench.bench_run import BenchRun, CpuMeter
from tests.bench.figures import Figure, slope
from tests.bench.floors.replicate import documents
from tests.bench.processes import ROOT, BenchFailedError, Program, python
from tests.bench.selling_benches import until_jobs_settled
from tests.bench.shop import Shop, open_shop
from tests.bench.synthetic_sales import SyntheticShop

_SALES: Final = (1_000, 4_000, 16_000)
_DOCUMENTS: Final = 20_000
_POUCHDB_SHARE: Final = 3_200 / 49_000
"""PouchDB to express-pouchdb over the hand-written floor, both measured once on one machine."""
_POUCHDB_S_MAX: Final = 300
_POUCHDB_FOLDER: Final = os.environ.get("TILLBOX_BENCH_POUCHDB", "")
_POUCHDB_BATCHES: Final = {"pouchdb_500": 500, "pouchdb_default": 0}
"""The best batch, and PouchDB's own."""


def replicate(run: BenchRun) -> Figure:
    """Time backlogs of three sizes to head office against documents moved by hand."""
    rates: list[float] = []
    floors: list[float] = []
    cpu: list[float] = []
    for sales in _SALES:
        with open_shop(run.new_folder("replicate") / "shop", office=True) as shop:
            for name in ("sync", "edge"):
                shop.programs[name].stop()
            head = shop.accepted_seq()
            sizes = write_backlog(shop.ledger_file, sales)
            shop.start_edge()
            floors.append(_floor_bytes_per_s(run))
            rate, used_s = _drain(shop, head, sizes)
            rates.append(rate)
            cpu.append(used_s / len(sizes) * 1e6)
            floors.append(_floor_bytes_per_s(run))
    floor = statistics.median(floors)
    pouchdb: dict[str, float] = {}
    if _POUCHDB_FOLDER:
        pouchdb = {
            name: _pouchdb_bytes_per_s(run, batch) for name, batch in _POUCHDB_BATCHES.items()
        }
    fastest = max(pouchdb.values(), default=floor * _POUCHDB_SHARE)
    return Figure(
        value=rates[-1] / 1e6,
        unit="MB/s",
        floor=floor / 1e6,
        n=_SALES[-1],
        cpu_us=cpu[-1],
        goal=0.4,
        lower_is_better=False,
        more={
            "vs_pouchdb": rates[-1] / fastest,
            "vs_pouchdb_is": "measured" if pouchdb else "computed",
            **{name: rate / 1e6 for name, rate in pouchdb.items()},
            **{f"sales_{n}": rate / 1e6 for n, rate in zip(_SALES[:-1], rates, strict=False)},
            "slope_backlog": slope(_SALES, rates),
        },
    )


def write_backlog(ledger: Path, sales: int) -> list[int]:
    """Put synthetic sales behind the head of a closed ledger; return the sizes of all events."""
    with closing(sqlite3.connect(ledger, isolation_level=None)) as file:
        seq, previous = file.execute(
            "SELECT seq, hash FROM event ORDER BY seq DESC LIMIT 1"
        ).fetchone()
        synthetic = SyntheticShop(7, store=1, gen=1, seq=seq + 1)
        sizes = [length for (length,) in file.execute("SELECT length(body) FROM event")]
        file.execute("BEGIN")
        for _ in range(sales):
            for body in synthetic.sale():
                seq += 1
                previous = link(previous, body)
                file.execute("INSERT INTO event VALUES (?, ?, ?)", (seq, body, previous))
                sizes.append(len(body))
        file.execute("COMMIT")
    return sizes


def _drain(shop: Shop, before: int, sizes: list[int]) -> tuple[float, float]:
    """Return bytes per second from the first frame accepted to the last, and the CPU seconds."""
    whole = shop.head_seq()
    shop.start_program("sync")
    pids = [shop.programs[name].pid for name in ("edge", "sync", "office")]
    with CpuMeter(*pids) as meter:
        deadline = time.monotonic() + 180
        while (first := shop.accepted_seq()) <= before:
            if time.monotonic() > deadline:
                raise BenchFailedError(f"nothing arrives: {shop.programs['sync'].tail()}")
        begun = time.perf_counter()
        shop.until_accepted(whole, seconds=180)
        took = time.perf_counter() - begun
    return sum(sizes[first:whole]) / took, meter.total_s


def _floor_bytes_per_s(run: BenchRun) -> float:
    folder = run.new_folder("replicate-floor")
    module = "tests.bench.floors.replicate"
    receiver = Program(
        "receiver", python(module, "receive", str(folder / "floor.db")), folder / "floor.log"
    )
    receiver.start(talks=True)
    try:
        words = python(module, "send", receiver.read_line().strip(), str(_DOCUMENTS))
        done = subprocess.run(words, capture_output=True, text=True, check=True, cwd=ROOT)
    finally:
        receiver.stop()
    outcome = json.loads(done.stdout)
    return float(outcome["bytes"] / outcome["wall_s"])


def _pouchdb_bytes_per_s(run: BenchRun, batch: int) -> float:
    """Let real PouchDB replicate the floor's documents to express-pouchdb."""
    folder = run.new_folder("pouchdb")
    office, shop = folder / "office", folder / "shop"
    office.mkdir()
    shop.mkdir()
    script = str(ROOT / "tests/bench/floors/pouchdb.js")
    node = ["env", f"NODE_PATH={_POUCHDB_FOLDER}/node_modules", "node", script]
    receiver = Program("express-pouchdb", [*node, "receive", str(office)], folder / "receiver.log")
    receiver.start(talks=True)
    try:
        port = receiver.read_line().strip()
        done = subprocess.run(
            [*node, "send", port, str(shop), str(batch)],
            input=b"\n".join(documents(_DOCUMENTS)),
            capture_output=True,
            check=True,
            timeout=_POUCHDB_S_MAX,
        )
    finally:
        receiver.stop()
    outcome = json.loads(done.stdout)
    if outcome["documents"] != _DOCUMENTS:
        raise BenchFailedError(f"PouchDB replicated {outcome['documents']} of {_DOCUMENTS}")
    return float(outcome["bytes"] / outcome["wall_s"])


def bytes_per_sale(run: BenchRun) -> Figure:
    """Count what goes up the line for 4-line sales with receipt and drawer."""
    sales = max(20, run.rounds // 10)
    with open_shop(run.new_folder("bytes") / "shop", hardware=True, office=True) as shop:
        run.alternate([shop.target(lines=4)], 2)
        until_jobs_settled(shop)
        shop.until_accepted(shop.head_seq())
        one = _up_bytes(run, shop, groups=sales // 2, size=1)
        five = _up_bytes(run, shop, groups=max(4, sales // 10), size=5)
        shop.programs["sync"].stop()
        bulk_sales = max(100, sales)
        for number in range(bulk_sales):
            run.alternate([shop.target(lines=4, seed=1_000 + number)], 1)
        until_jobs_settled(shop)
        before = shop.link.up_bytes
        shop.start_program("sync")
        shop.until_accepted(shop.head_seq())
        bulk = (shop.link.up_bytes - before) / bulk_sales
    return Figure(
        value=bulk,
        unit="bytes",
        n=bulk_sales,
        goal=180,
        more={"bulk": bulk, "five": five, "one": one},
        goals={"five": 220, "one": 350},
    )


def _up_bytes(run: BenchRun, shop: Shop, *, groups: int, size: int) -> float:
    """Ring up sales in groups, each gone before the next one; return bytes per sale."""
    before = shop.link.up_bytes
    for group in range(groups):
        for number in range(size):
            seed = 100_000 * size + group * size + number
            run.alternate([shop.target(lines=4, seed=seed)], 1)
        completed = shop.completed_seq()
        shop.until_accepted(completed)
    return (shop.link.up_bytes - before) / (groups * size)
