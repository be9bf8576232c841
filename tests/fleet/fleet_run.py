"""A fleet against a real head office: the phases of a run, and what was seen in each.

Steady selling; one shop with weeks to tell and one with events that nobody can read; an outage
of a day; the end, when head office must have exactly what every shop sold.
"""

from __future__ import annotations

import json
import sqlite3
import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.processes import Program, cpu_s, python
from tests.fleet.equality import differences
from tests.fleet.office_process import OfficeProcess, standing

CONNECTIONS_PER_SHOP_MAX = 3
INSTANT_S = 0.1
SHARE_AT_ONE_INSTANT_MAX = 0.8
"""Of all boxes after an outage: with the same waits for all, they come in one wave."""
_LOOK_S = 0.25
_POISON = frozenset({1, 3})
"""Which sales of the bad shop nobody can read."""


@dataclass(frozen=True)
class Plan:
    """How large a run is. `per_s` are sales of all shops together."""

    shops: int = 1_000
    processes: int = 1
    per_s: float = 60.0
    steady_s: float = 60.0
    weeks_of_one: int = 20_000
    outage_s: float = 30.0
    day_sales: int = 200
    closed_shops: int = 50
    """Shops that had no customer on the day of the outage: in step when head office is back."""
    patience_s: float = 900.0
    seed: int = 1


@dataclass
class Generator:
    """One process with some of the shops."""

    numbers: list[int]
    program: Program

    def ask(self, wish: str, **words: Any) -> Any:
        """Wish something; return the answer."""
        return self.program.ask({"wish": wish, **words}, seconds=600)["answer"]


@dataclass
class Fleet:
    """The shops of all processes."""

    generators: list[Generator]
    pool: ThreadPoolExecutor

    def ask(self, wish: str, numbers: list[int] | None = None, **words: Any) -> list[Any]:
        """Wish something of shops, or of all; return the answers of the processes."""
        return list(
            self.pool.map(
                lambda each: each.ask(
                    wish,
                    numbers=each.numbers
                    if numbers is None
                    else [n for n in numbers if n in each.numbers] or [0],
                    **words,
                ),
                self.generators,
            )
        )

    def tell(self, wish: str, **words: Any) -> list[Any]:
        """Wish something of the processes as such."""
        return list(self.pool.map(lambda each: each.ask(wish, **words), self.generators))

    def look(self, numbers: list[int] | None = None) -> dict[str, Any]:
        """Add up how shops stand."""
        answers = self.ask("look", numbers)
        return {
            key: sum((answer[key] for answer in answers), [] if key == "faults" else 0)
            for key in answers[0]
        }

    def window(self, numbers: list[int] | None = None) -> dict[str, Any]:
        """Put together what was measured, by shop."""
        whole: dict[str, Any] = {}
        for answer in self.ask("window", numbers):
            for key, value in answer.items():
                if isinstance(value, dict):
                    whole.setdefault(key, {}).update({int(k): v for k, v in value.items()})
                elif isinstance(value, list):
                    whole.setdefault(key, []).extend(value)
                else:
                    whole[key] = whole.get(key, 0) + value
        return whole

    @property
    def cpu_s(self) -> float:
        """Processor seconds of the shops so far: they share the machine with head office."""
        return sum(cpu_s(each.program.pid) for each in self.generators)


@dataclass
class Run:
    """One run; `phases` is what was seen, `faults` what must not be."""

    plan: Plan
    folder: Path
    say: Callable[[str], None] = lambda _: None
    phases: dict[str, dict[str, Any]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def play(self) -> dict[str, Any]:
        """Play all phases and return the figures."""
        plan = self.plan
        office = OfficeProcess(self.folder, plan.shops)
        key = office.set_up()
        every = list(range(1, plan.shops + 1))
        with _generators(plan, self.folder) as fleet:
            try:
                poison = {2: sorted(_POISON)}
                fleet.ask("open", office_key=key, url=office.session_url, poison=poison)
                office.start()
                self._morning(fleet, office, every)
                self._steady(fleet, office, every)
                self._trouble(fleet, office, every)
                self._outage(fleet, office, every)
                self._end(fleet, office, poison)
            except FleetStuckError as error:
                self.faults.append(str(error))
            finally:
                office.close()
        return {"plan": plan.__dict__, "phases": self.phases, "faults": self.faults}

    # --- phases ---------------------------------------------------------------------------

    def _morning(self, fleet: Fleet, office: OfficeProcess, every: list[int]) -> None:
        """All boxes come for the first time, within one instant."""
        with self._phase("morning", fleet, office):
            begun = time.monotonic()
            fleet.ask("start", every[2:])
            self._until(
                lambda: fleet.look()["linked"] >= len(every) - 2, "all boxes are linked", fleet
            )
            fleet.ask("sell", every[2:], each=1)
            self._until(
                lambda: fleet.look(every[2:])["in_step"] == len(every) - 2, "first sales", fleet
            )
            self.phases["morning"] = {"all_in_step_s": round(time.monotonic() - begun, 2)}

    def _steady(self, fleet: Fleet, office: OfficeProcess, every: list[int]) -> None:
        with self._phase("steady", fleet, office):
            fleet.ask(
                "customers",
                every[2:],
                per_s=self.plan.per_s / len(fleet.generators),
                seed=self.plan.seed,
            )
            time.sleep(self.plan.steady_s)
            self._drain(fleet, every[2:])

    def _trouble(self, fleet: Fleet, office: OfficeProcess, every: list[int]) -> None:
        """Shop 1 comes with weeks of sales, shop 2 with events that nobody can read."""
        fleet.ask("sell", [1], each=self.plan.weeks_of_one)
        fleet.ask("sell", [2], each=6)
        with self._phase("trouble", fleet, office):
            begun = time.monotonic()
            fleet.ask(
                "customers",
                every[2:],
                per_s=self.plan.per_s / len(fleet.generators),
                seed=self.plan.seed + 1,
            )
            fleet.ask("start", [1, 2])
            self._until(lambda: fleet.look([1])["in_step"] == 1, "the weeks of one shop", fleet)
            drained = round(time.monotonic() - begun, 2)
            self._drain(fleet, every)
            self.phases["trouble"] = {"weeks_of_one_s": drained}
        self._judge_fairness("trouble")

    def _outage(self, fleet: Fleet, office: OfficeProcess, every: list[int]) -> None:
        """Head office dies amid sales; the shops sell for a day; it is back, and dies again."""
        plan = self.plan
        fleet.ask("customers", every, per_s=plan.per_s / len(fleet.generators), seed=plan.seed + 3)
        time.sleep(min(2.0, plan.steady_s))
        office.kill()
        fleet.tell("no_customers")
        selling, closed = every[: -plan.closed_shops], every[-plan.closed_shops :]
        fleet.ask("sell", selling, each=plan.day_sales)
        time.sleep(plan.outage_s)
        with self._phase("after the outage", fleet, office, closed):
            office.start()
            begun = time.monotonic()
            self._until(
                lambda: fleet.look(closed)["linked"] == len(closed), "these are back", fleet
            )
            fleet.ask("measure_sales", closed)
            fleet.ask(
                "customers",
                closed,
                per_s=plan.per_s / 4 / len(fleet.generators),
                seed=plan.seed + 2,
            )
            self._until(lambda: fleet.look()["linked"] == len(every), "all boxes are back", fleet)
            linked = time.monotonic() - begun
            self._until(
                lambda: fleet.look(selling)["in_step"] * 3 >= len(selling), "a third is told", fleet
            )
            office.kill()
            office.start()
            self._until(lambda: fleet.look(closed)["linked"] == len(closed), "back again", fleet)
            fleet.ask("measure_sales", closed)
            self._until(
                lambda: fleet.look(selling)["in_step"] == len(selling), "the day of all", fleet
            )
            drained = time.monotonic() - begun
            sales = plan.day_sales * len(selling)
            self._drain(fleet, every)
            self.phases["after the outage"] = {
                "linked_s": round(linked, 2),
                "drained_s": round(drained, 2),
                "sales_per_s": round(sales / drained),
            }
        seen = self.phases["after the outage"]
        if seen["boxes_at_one_instant_most"] > max(3, plan.shops * SHARE_AT_ONE_INSTANT_MAX):
            wave = seen["boxes_at_one_instant_most"]
            self.faults.append(f"{wave} boxes came within {INSTANT_S} s after the outage")
        if seen["backlogs_that_waited"] < len(selling):
            self.faults.append(
                f"only {seen['backlogs_that_waited']} of {len(selling)} backlogs waited for a turn"
            )
        if seen["connections_most"] > CONNECTIONS_PER_SHOP_MAX:
            self.faults.append(f"a shop opened {seen['connections_most']} lines after the outage")

    def _end(self, fleet: Fleet, office: OfficeProcess, poison: dict[int, list[int]]) -> None:
        begun = time.monotonic()
        self._until(lambda: _is_projected(office), "the projection", fleet)
        truth: dict[int, Any] = {}
        for answer in fleet.ask("truth"):
            truth.update({int(number): shop for number, shop in answer.items()})
        self.faults += fleet.look()["faults"]
        self.faults += differences(office.database, truth, poison)
        self.phases["end"] = {
            "projected_s": round(time.monotonic() - begun, 2),
            "sales": sum(shop["sales"] for shop in truth.values()),
            "office_db_mib": round(office.database.stat().st_size / 2**20, 1),
        }

    # --- parts ----------------------------------------------------------------------------

    @contextmanager
    def _phase(
        self, name: str, fleet: Fleet, office: OfficeProcess, live: list[int] | None = None
    ) -> Iterator[None]:
        """Measure what happens in a block: `live` are the shops whose waits count."""
        self.say(name)
        fleet.tell("measure")
        begun, used = time.monotonic(), fleet.cpu_s
        try:
            yield
        finally:
            self._note(name, fleet, office, live, begun, used)

    def _note(
        self,
        name: str,
        fleet: Fleet,
        office: OfficeProcess,
        live: list[int] | None,
        begun: float,
        used: float,
    ) -> None:
        ended = time.monotonic()
        window = fleet.window(live)
        whole = fleet.window()
        waits = sorted(wait for each in window["waits_ms"].values() for wait in each)
        worst = {n: percentile(sorted(each), 99) for n, each in window["waits_ms"].items() if each}
        self.phases[name] = {
            **self.phases.get(name, {}),
            "seconds": round(ended - begun, 2),
            "sales_measured": len(waits),
            "accepted_ms_p50": percentile(waits, 50),
            "accepted_ms_p99": percentile(waits, 99),
            "shop_p99_ms_median": round(statistics.median(worst.values()), 2) if worst else 0,
            "shop_p99_ms_worst": max(worst.values(), default=0),
            "shops_measured": len(worst),
            "lines_at_once_most": max(whole["most"].values()),
            "connections_most": max(whole["opened"].values()),
            "connections": sum(whole["opened"].values()),
            "tries_most": max(whole["tries"].values()),
            "boxes_at_one_instant_most": _together(list(whole["came_s"].values())),
            "backlogs_that_waited": whole["waited"],
            "turns_given": whole["turns"],
            "shops_cpu_s": round(fleet.cpu_s - used, 2),
            **office.between(begun, ended),
            "troubles": whole["troubles"],
        }
        if self.phases[name]["lines_at_once_most"] > 1:
            self.faults.append(f"{name}: a shop had more than one line at once")

    def _judge_fairness(self, name: str) -> None:
        """Every shop that sold was served in this window, whatever the others sent."""
        if self.phases[name]["shops_measured"] == 0:
            self.faults.append(f"{name}: no sale was measured")

    def _drain(self, fleet: Fleet, numbers: list[int]) -> None:
        fleet.tell("no_customers")
        self._until(lambda: fleet.look(numbers)["in_step"] == len(numbers), "all in step", fleet)

    def _until(self, condition: Callable[[], bool], what: str, fleet: Fleet) -> None:
        deadline = time.monotonic() + self.plan.patience_s
        while not condition():
            if time.monotonic() > deadline:
                troubles = fleet.window()["troubles"]
                raise FleetStuckError(
                    f"{what}: not within {self.plan.patience_s:g} s; {fleet.look()} {troubles}"
                )
            time.sleep(_LOOK_S)


class FleetStuckError(Exception):
    """What was waited for did not come."""


def percentile(values: list[float], percent: int) -> float:
    """Return a percentile of sorted values; 0 for none."""
    if not values:
        return 0.0
    return round(values[min(len(values) - 1, len(values) * percent // 100)], 2)


def _together(instants: list[float]) -> int:
    """Return how many of these lie within one `INSTANT_S` at most; 0 stands for never."""
    came = sorted(instant for instant in instants if instant)
    most, first = 0, 0
    for place, instant in enumerate(came):
        while instant - came[first] > INSTANT_S:
            first += 1
        most = max(most, place - first + 1)
    return most


def _is_projected(office: OfficeProcess) -> bool:
    with closing(sqlite3.connect(f"file:{office.database}?mode=ro", uri=True)) as file:
        frames, projected = standing(file)
    return frames == projected


@contextmanager
def _generators(plan: Plan, folder: Path) -> Iterator[Fleet]:
    folder.mkdir(parents=True, exist_ok=True)
    made: list[Generator] = []
    try:
        for place in range(plan.processes):
            program = Program("shops", python("tests.fleet.shops"), folder / f"shops-{place}.log")
            program.start(talks=True)
            made.append(Generator(list(range(1 + place, plan.shops + 1, plan.processes)), program))
        with ThreadPoolExecutor(max(1, plan.processes)) as pool:
            yield Fleet(made, pool)
    finally:
        for each in made:
            each.program.stop()


def as_json(figures: dict[str, Any]) -> str:
    """Return the figures as text."""
    return json.dumps(figures, indent=1)
