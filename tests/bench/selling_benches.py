"""What it costs to sell: one till, many tills, syncs and processor time."""

from __future__ import annotations

import statistics
import time
from typing import Final

from tests.bench.bench_run import BenchRun, CpuMeter, bare_post
from tests.bench.figures import Figure, quantile, slope
from tests.bench.floors.append import AppendFile
from tests.bench.processes import written_bytes
from tests.bench.shop import Shop, open_shop

_COMMANDS: Final = 4
_NS_PER_MS: Final = 1e6
_TILLS: Final = (4, 16, 64)
_WARM: Final = 20
_QUIET_S: Final = 3.0


def sale_one_till(run: BenchRun) -> Figure:
    """Time a 3-line cash sale against four POSTs to the bare prototype, turn by turn."""
    folder = run.new_folder("sale-one-till")
    appends = AppendFile(folder / "append")
    ages: list[float] = []
    sales: list[int] = []
    floors: list[int] = []
    append_ns: list[int] = []
    with open_shop(folder / "shop") as shop, bare_post(run) as bare:
        targets = [shop.target(), bare.target()]
        run.alternate(targets, _WARM)
        with CpuMeter(shop.edge_pid, bare.pid) as meter:
            for _ in range(3):
                some, some_floors = run.alternate(targets, run.rounds // 3)
                ages.append(statistics.median(some))
                sales += some
                floors += some_floors
                append_ns += [appends.append_ns() for _ in range(run.rounds // 3)]
    appends.close()
    p50, floor_p50 = statistics.median(sales), statistics.median(floors)
    p99, floor_p99 = quantile(sales, 0.99), quantile(floors, 0.99)
    return Figure(
        value=p50 / _NS_PER_MS,
        unit="ms",
        floor=floor_p50 / _NS_PER_MS,
        n=len(sales),
        cpu_us=meter.used_s[shop.edge_pid] / len(sales) / _COMMANDS * 1e6,
        goal=1.6,
        more={
            "ratio_p99": p99 / floor_p99,
            "p99_ms": p99 / _NS_PER_MS,
            "floor_p99_ms": floor_p99 / _NS_PER_MS,
            "floor_cpu_us": meter.used_s[bare.pid] / len(sales) / _COMMANDS * 1e6,
            "append_ms": statistics.median(append_ns) / _NS_PER_MS,
            "slope_age": slope([1, 2, 3], ages),
        },
        goals={"ratio_p99": 1.6},
    )


def sale_64_tills(run: BenchRun) -> Figure:
    """Count the commands that 64 tills get through, against POSTs of the bare prototype."""
    groups = max(3, run.rounds // 20)
    rates: dict[int, list[float]] = {tills: [] for tills in _TILLS}
    floors: list[float] = []
    times: list[int] = []
    with (
        open_shop(run.new_folder("sale-64-tills") / "shop", tills=64) as shop,
        bare_post(run) as bare,
    ):
        many = _TILLS[-1]
        run.together(shop.target(many), 2)
        run.together(bare.target(many), 2)
        cpu: list[float] = []
        floor_cpu: list[float] = []
        for _ in range(5):
            with CpuMeter(bare.pid) as meter:
                rate, _ = run.together(bare.target(many), groups)
            floors.append(rate)
            floor_cpu.append(meter.total_s / (many * groups * _COMMANDS))
            for tills in _TILLS:
                with CpuMeter(shop.edge_pid) as meter:
                    rate, took = run.together(shop.target(tills), groups * many // tills)
                rates[tills].append(rate)
                if tills == many:
                    times += took
                    cpu.append(meter.total_s / (many * groups * _COMMANDS))
    rate = statistics.median(rates[many])
    return Figure(
        value=rate,
        unit="commands/s",
        floor=statistics.median(floors),
        n=len(times),
        cpu_us=statistics.median(cpu) * 1e6,
        goal=0.4,
        lower_is_better=False,
        more={
            "sales_per_s": rate / _COMMANDS,
            "p99_ms": quantile(times, 0.99) / _NS_PER_MS,
            "floor_cpu_us": statistics.median(floor_cpu) * 1e6,
            **{f"tills_{n}": statistics.median(rates[n]) for n in _TILLS[:-1]},
            "slope_tills": slope(_TILLS, [statistics.median(rates[n]) for n in _TILLS]),
        },
    )


def fsyncs_per_command(run: BenchRun) -> Figure:
    """Count the box's syncs per till command and settled job, traced; no timing here."""
    sales = max(20, run.rounds // 5)
    with open_shop(run.new_folder("fsyncs-one") / "shop", hardware=True, traced=True) as shop:
        run.alternate([shop.target()], 3, pause_s=0.3)
        until_jobs_settled(shop)
        before, written = syncs(shop), written_bytes(shop.edge_pid)
        run.alternate([shop.target()], sales, pause_s=0.3)
        until_jobs_settled(shop)
        done = sales * (_COMMANDS + jobs_per_sale(shop))
        one = (syncs(shop) - before) / done
        kib = (written_bytes(shop.edge_pid) - written) / 1024 / done
    with open_shop(run.new_folder("fsyncs-64") / "shop", tills=64, traced=True) as shop:
        run.together(shop.target(64), 1)
        before = syncs(shop)
        groups = max(2, run.rounds // 50)
        run.together(shop.target(64), groups)
        many = (syncs(shop) - before) / (64 * groups * _COMMANDS)
    return Figure(
        value=one,
        unit="fsyncs",
        n=done,
        goal=1.2,
        more={"one_till": one, "tills_64": many, "kib_written": kib},
        goals={"tills_64": 0.2, "kib_written": 10.0},
    )


def cpu_per_sale(run: BenchRun) -> Figure:
    """Add up the processor time of all processes of a shop over whole sales with hardware.

    `value` is of sales that follow each other at once, `paced_ms` of sales with a tenth of a
    second between them, where every step finds the processor asleep and its caches cold. The
    simulated hardware is no part of a shop: its share is told, not counted.
    """
    sales = max(30, min(300, run.rounds // 2)) // 3 * 3
    busy: list[float] = []
    with open_shop(run.new_folder("cpu") / "shop", hardware=True) as shop:
        pids = {name: program.pid for name, program in shop.programs.items()}
        counted = [pid for name, pid in pids.items() if name != "counter"]
        run.alternate([shop.target()], 5, pause_s=0.3)
        until_jobs_settled(shop)
        with CpuMeter(*counted) as idle:
            time.sleep(_QUIET_S)
        used = dict.fromkeys(pids, 0.0)
        for _ in range(3):
            with CpuMeter(*pids.values()) as meter:
                run.alternate([shop.target()], sales // 3)
                until_jobs_settled(shop)
            for name, pid in pids.items():
                used[name] += meter.used_s[pid]
            busy.append(sum(meter.used_s[pid] for pid in counted) / (sales // 3))
        with CpuMeter(*counted) as meter:
            run.alternate([shop.target()], sales // 3, pause_s=0.1)
            until_jobs_settled(shop)
        paced = meter.total_s / (sales // 3)
    total = statistics.median(busy)
    return Figure(
        value=total * 1e3,
        unit="ms",
        n=sales,
        cpu_us=total * 1e6,
        goal=2.0,
        more={
            **{f"{name}_ms": each / sales * 1e3 for name, each in used.items()},
            "paced_ms": paced * 1e3,
            "idle_percent": idle.total_s / _QUIET_S * 100,
            "slope_age": slope([1, 2, 3], busy),
        },
    )


def syncs(shop: Shop) -> int:
    """Return how often the box has synced so far."""
    return sum("sync(" in line for line in shop.strace_log.read_text().splitlines())


def jobs_per_sale(shop: Shop) -> int:
    """Return how many jobs a cash sale brings: receipt and drawer where there is a printer."""
    return 2 if shop.hardware else 0


def until_jobs_settled(shop: Shop, seconds: float = 60) -> None:
    """Wait until the devices owe nothing."""
    deadline = time.monotonic() + seconds
    while shop.open_jobs():
        if time.monotonic() > deadline:
            raise TimeoutError(f"jobs are open: {shop.open_jobs()}")
        time.sleep(0.02)
