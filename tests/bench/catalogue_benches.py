"""What a large catalogue costs: until a till opens, for a search, in memory."""

from __future__ import annotations

import http.client
import random
import statistics
import time
from typing import Final
from urllib.parse import quote

from tests.bench.bench_run import BenchRun
from tests.bench.figures import Figure, quantile, slope
from tests.bench.processes import pss_kib
from tests.bench.shop import Shop, article, open_shop

_SIZES: Final = (300, 30_000, 300_000)
_STARTS: Final = 3
_SETTLE_S: Final = 1.0


def catalogue_300k(run: BenchRun) -> Figure:
    """Start boxes of three sizes of catalogue and search them as people type."""
    ready: list[float] = []
    memory: list[float] = []
    p50: list[float] = []
    p99: list[float] = []
    for articles in _SIZES:
        with open_shop(run.new_folder("catalogue") / "shop", articles=articles) as shop:
            ready.append(statistics.median(_opened_s(shop) for _ in range(_STARTS)))
            times = _searches_ms(shop, max(300, run.rounds))
            p50.append(statistics.median(times))
            p99.append(quantile(times, 0.99))
            time.sleep(_SETTLE_S)
            memory.append(pss_kib(shop.programs["edge"].pid) / 1024)
    return Figure(
        value=p99[-1],
        unit="ms search p99",
        n=max(300, run.rounds),
        goal=10.0,
        more={
            "ready_s": ready[-1],
            "ready_300_s": ready[0],
            "search_p50_ms": p50[-1],
            "search_p99_ms": p99[-1],
            "search_p99_300_ms": p99[0],
            "memory_mib": memory[-1] - memory[0],
            "slope_ready": slope(_SIZES, ready),
            "slope_search": slope(_SIZES, p50),
        },
        goals={"ready_s": 2.0, "search_p99_ms": 10.0, "memory_mib": 40.0},
    )


def _opened_s(shop: Shop) -> float:
    """Start the box again and show what a till shows first: its view and its quick keys."""
    shop.programs["edge"].stop()
    begun = time.perf_counter()
    shop.start_edge()
    shop.view()
    _must_get(shop, "/api/v1/quick-keys")
    return time.perf_counter() - begun


def _searches_ms(shop: Shop, count: int) -> list[float]:
    """Search for parts of one to three words of a name, from one letter to the whole word."""
    chance = random.Random(count)
    line = http.client.HTTPConnection("127.0.0.1", shop.port, timeout=20)
    headers = {"Cookie": shop.sessions["till-1"]}
    times = []
    try:
        for _ in range(count):
            words = article(chance.randint(1, shop.articles)).name.split()
            some = chance.sample(words, chance.randint(1, min(3, len(words))))
            typed = " ".join(word[: chance.randint(1, len(word))] for word in some)
            if chance.random() < 0.2:
                typed = typed[1:] or typed  # from within a word
            begun = time.perf_counter()
            line.request("GET", f"/api/v1/articles?q={quote(typed)}", headers=headers)
            line.getresponse().read()
            times.append((time.perf_counter() - begun) * 1000)
    finally:
        line.close()
    return times


def _must_get(shop: Shop, path: str) -> None:
    status, answer, _ = shop.call("GET", path, Cookie=shop.sessions["till-1"])
    if status != 200:
        raise AssertionError(f"GET {path}: {status} {answer}")
