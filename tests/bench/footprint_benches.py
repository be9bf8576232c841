"""Memory when nothing happens, and the time from nothing to the first sale."""

from __future__ import annotations

import statistics
import time
from pathlib import Path
from typing import Final

from tests.bench.bench_run import BenchRun
from tests.bench.figures import Figure, slope
from tests.bench.processes import Program, pss_kib, python
from tests.bench.shop import Shop, open_shop, until_listening

_ARTICLES: Final = (1_000, 10_000, 50_000)
_SETTLE_S: Final = 2.0


def idle_memory(run: BenchRun) -> Figure:
    """Add up the proportional set sizes of edge, devices and sync at three sizes of catalogue."""
    sizes: list[float] = []
    parts: dict[str, float] = {}
    growth = 0.0
    for articles in _ARTICLES:
        folder = run.new_folder("memory") / "shop"
        with open_shop(folder, articles=articles, hardware=True, office=True) as shop:
            # restarted: what feeding 50,000 articles leaves behind is not what a day begins with
            shop.programs["edge"].stop()
            shop.start_edge()
            shop.until_devices_well()
            time.sleep(_SETTLE_S)
            parts = _parts(shop)
            sizes.append(sum(parts.values()))
            if articles == _ARTICLES[-1]:
                # the message path many times over: 4 commands, a view each, two jobs each sale
                run.alternate([shop.target()], max(50, run.rounds // 2))
                middle = sum(_parts(shop).values())
                run.alternate([shop.target()], max(50, run.rounds // 2))
                growth = (sum(_parts(shop).values()) / middle - 1) * 100
    return Figure(
        value=sizes[-1],
        unit="MiB",
        n=len(_ARTICLES),
        goal=150,
        more={
            **{f"{name}_mib": each for name, each in parts.items()},
            **{
                f"articles_{articles}": size
                for articles, size in zip(_ARTICLES[:-1], sizes, strict=False)
            },
            "slope_articles": slope(_ARTICLES, sizes),
            "growth": growth,
        },
        goals={"growth": 5.0},
    )


def _parts(shop: Shop) -> dict[str, float]:
    return {name: pss_kib(shop.programs[name].pid) / 1024 for name in ("edge", "devices", "sync")}


def cold_start(run: BenchRun) -> Figure:
    """Time the box from its start to its first answer, and a whole shop to its first sale."""
    rounds = max(3, run.rounds // 60)
    folder = run.new_folder("start")
    bare: list[float] = []
    edge: list[float] = []
    first_sale: list[float] = []
    catalogue: list[float] = []
    with open_shop(folder / "shop", hardware=True) as shop:
        for _ in range(rounds):
            shop.programs["edge"].stop()
            begun = time.perf_counter()
            shop.start_edge()
            edge.append(time.perf_counter() - begun)
            bare.append(_bare_ready_s(folder))
        for _ in range(rounds):
            shop.stop_processes()
            begun = time.perf_counter()
            shop.start_processes()
            run.alternate([shop.target()], 1)
            first_sale.append(time.perf_counter() - begun)
    for articles in _ARTICLES:
        with open_shop(run.new_folder("start") / "shop", articles=articles) as shop:
            took = []
            for _ in range(3):
                shop.programs["edge"].stop()
                begun = time.perf_counter()
                shop.start_edge()
                took.append(time.perf_counter() - begun)
            catalogue.append(statistics.median(took))
    ready, floor = statistics.median(edge), statistics.median(bare)
    return Figure(
        value=statistics.median(first_sale),
        unit="s",
        n=rounds,
        goal=3.0,
        more={
            "ratio": ready / floor,
            "floor": floor,
            "edge_ready_s": ready,
            "slope_articles": slope(_ARTICLES, catalogue),
        },
        goals={"ratio": 2.0},
    )


def _bare_ready_s(folder: Path) -> float:
    words = python("tests.bench.floors.bare_start", str(folder / "bare.db"))
    program = Program("bare process", words, folder / "bare.log")
    begun = time.perf_counter()
    program.start(talks=True)
    try:
        port = int(program.read_line())
        until_listening(port)
        return time.perf_counter() - begun
    finally:
        program.stop()
