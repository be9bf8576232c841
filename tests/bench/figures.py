"""What a bench found: a figure, the floor of the same run, and the ratio of the two."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


def quantile(times: Sequence[float], share: float) -> float:
    """Return the value below which that share of them lies."""
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def slope(sizes: Sequence[float], values: Sequence[float]) -> float:
    """Return how much a value grows from the smallest size to the largest: 1.0 is not at all."""
    pairs = sorted(zip(sizes, values, strict=True))
    return pairs[-1][1] / pairs[0][1] if pairs[0][1] else 0.0


@dataclass
class Figure:
    """One line of the table. `more` are the further fields that the goals name.

    `lower_is_better` and `goal` are for the table: `goal` is compared with `ratio`, or with
    `value` where there is no floor or the goal is of the value; `goals` likewise for fields of
    `more`.
    """

    value: float
    unit: str
    n: int
    floor: float | None = None
    cpu_us: float | None = None
    goal: float | None = None
    lower_is_better: bool = True
    more: dict[str, Any] = field(default_factory=dict)
    goals: dict[str, float] = field(default_factory=dict)
    goal_is_of_value: bool = False

    @property
    def ratio(self) -> float | None:
        """The figure over its floor."""
        return self.value / self.floor if self.floor else None

    def as_json(self) -> dict[str, Any]:
        """Return the fixed keys and the further ones."""
        fixed = {
            "value": _rounded(self.value),
            "unit": self.unit,
            "floor": _rounded(self.floor),
            "ratio": _rounded(self.ratio),
            "cpu_us": _rounded(self.cpu_us),
            "n": self.n,
        }
        return fixed | {key: _rounded(each) for key, each in self.more.items()}

    def verdicts(self) -> dict[str, bool]:
        """Say of each goal whether it is reached."""
        measured = self.ratio if self.floor and not self.goal_is_of_value else self.value
        found = {} if self.goal is None or measured is None else {"": self._holds(measured)}
        for key, goal in self.goals.items():
            found[key] = self.more[key] <= goal
        return found

    def _holds(self, measured: float) -> bool:
        assert self.goal is not None
        return measured <= self.goal if self.lower_is_better else measured >= self.goal


def table(figures: Mapping[str, Figure]) -> str:
    """Return the Markdown table of a run."""
    lines = [
        "| key | value | floor | ratio | CPU us | n | goal | further |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for key, figure in figures.items():
        row = figure.as_json()
        verdicts = figure.verdicts()
        sign = "<=" if figure.lower_is_better else ">="
        goal = "" if figure.goal is None else f"{sign} {figure.goal:g}{_mark(verdicts.get(''))}"
        further = ", ".join(
            f"{name} {_text(_rounded(each))}"
            + (f" (<= {figure.goals[name]:g}{_mark(verdicts[name])})" if name in verdicts else "")
            for name, each in figure.more.items()
        )
        floor, ratio, cpu = (_text(row[name]) for name in ("floor", "ratio", "cpu_us"))
        lines.append(
            f"| `{key}` | {_text(row['value'])} {figure.unit} | {floor} | {ratio} | {cpu} "
            f"| {figure.n} | {goal} | {further} |"
        )
    return "\n".join(lines) + "\n"


def save(figures: Mapping[str, Figure], file: Path) -> None:
    """Write a run, keeping the figures of keys that were not run this time."""
    file.parent.mkdir(parents=True, exist_ok=True)
    known: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    known.update({key: figure.as_json() for key, figure in figures.items()})
    draft = file.with_name(f".{file.name}.draft")
    draft.write_text(json.dumps(known, indent=2) + "\n")
    draft.replace(file)


def _mark(reached: bool | None) -> str:
    return "" if reached is None else (" yes" if reached else " NO")


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.4g}")
    return value


def _text(value: Any) -> str:
    return "" if value is None else str(value)
