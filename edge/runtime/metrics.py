"""Counters, gauges and histograms in the text format that Prometheus reads.

Ours and not prometheus-client: that one imports an HTTP server (95 ms of a start that has
350), and these are plain dictionaries used from one event loop.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import ClassVar, Final

from typing_extensions import override

from edge.contract.limits import (
    METRIC_SERIES_MAX,
)

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
SECONDS_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_NAME: Final = re.compile(r"tillbox_[a-z][a-z0-9_]*")
_LABEL: Final = re.compile(r"[a-z][a-z0-9_]*")
_ESCAPES: Final = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})


class Metric(ABC):
    """A named family of numbers, one for each combination of label values."""

    kind: ClassVar[str]

    def __init__(self, name: str, summary: str, labels: Sequence[str] = ()) -> None:
        if _NAME.fullmatch(name) is None:
            raise ValueError(f"a metric is called tillbox_..., not {name!r}")
        if not all(_LABEL.fullmatch(label) for label in labels):
            raise ValueError(f"{name}: labels are plain words, not {labels!r}")
        self.name = name
        self.summary = summary
        self.labels = tuple(labels)

    @abstractmethod
    def samples(self) -> list[str]:
        """Return the lines of this family, without its head."""

    def _series(self, values: tuple[str, ...], more: str = "") -> str:
        pairs = [
            f'{label}="{value.translate(_ESCAPES)}"'
            for label, value in zip(self.labels, values, strict=True)
        ]
        inside = ",".join([*pairs, more] if more else pairs)
        return f"{{{inside}}}" if inside else ""

    def _key(self, values: tuple[str, ...], known: int) -> tuple[str, ...]:
        """Check a new combination of label values; what is one too many becomes `other`."""
        if len(values) != len(self.labels):
            raise ValueError(f"{self.name} has the labels {self.labels}, not {values}")
        return values if known < METRIC_SERIES_MAX else ("other",) * len(values)


class Counter(Metric):
    """Only ever grows; its name ends in `_total`."""

    kind = "counter"

    def __init__(self, name: str, summary: str, labels: Sequence[str] = ()) -> None:
        super().__init__(name, summary, labels)
        self._values: dict[tuple[str, ...], float] = {} if labels else {(): 0.0}

    def add(self, *values: str, by: float = 1.0) -> None:
        """Count one more (or `by`) under these label values."""
        if by < 0:
            raise ValueError(f"{self.name} never shrinks")
        if values not in self._values:
            values = self._key(values, len(self._values))
        self._values[values] = self._values.get(values, 0.0) + by

    def value(self, *values: str) -> float:
        """Return what was counted under these label values."""
        return self._values.get(values, 0.0)

    @override
    def samples(self) -> list[str]:
        """Return the lines of this family, without its head."""
        return [
            f"{self.name}{self._series(key)} {_number(value)}"
            for key, value in self._values.items()
        ]


class Gauge(Metric):
    """A number that is asked for when somebody looks: nothing is kept up to date for nobody.

    `read` returns one number for each combination of label values; there are `series_max` of them
    at most, for labels whose values are few by their nature.
    """

    kind = "gauge"

    def __init__(
        self,
        name: str,
        summary: str,
        read: Callable[[], dict[tuple[str, ...], float]],
        labels: Sequence[str] = (),
        *,
        series_max: int = METRIC_SERIES_MAX,
    ) -> None:
        super().__init__(name, summary, labels)
        self._read = read
        self._series_max = series_max

    @override
    def samples(self) -> list[str]:
        """Return the lines of this family, without its head."""
        return [
            f"{self.name}{self._series(key)} {_number(value)}"
            for key, value in list(self._read().items())[: self._series_max]
        ]


class Histogram(Metric):
    """How often a measured value fell below each bound."""

    kind = "histogram"

    def __init__(
        self,
        name: str,
        summary: str,
        labels: Sequence[str] = (),
        bounds: Sequence[float] = SECONDS_BUCKETS,
    ) -> None:
        super().__init__(name, summary, labels)
        self._bounds = tuple(sorted(bounds))
        self._values: dict[tuple[str, ...], list[float]] = {}

    def observe(self, measured: float, *values: str) -> None:
        """Count one measured value under these label values."""
        if (cells := self._values.get(values)) is None:
            values = self._key(values, len(self._values))
            # one cell a bound, one beyond them, and the sum
            cells = self._values.setdefault(values, [0.0] * (len(self._bounds) + 2))
        cells[bisect_left(self._bounds, measured)] += 1
        cells[-1] += measured

    @override
    def samples(self) -> list[str]:
        """Return the lines of this family, without its head."""
        lines: list[str] = []
        for key, cells in self._values.items():
            count = 0.0
            for bound, cell in zip((*map(_number, self._bounds), "+Inf"), cells, strict=False):
                count += cell
                le = self._series(key, f'le="{bound}"')
                lines.append(f"{self.name}_bucket{le} {_number(count)}")
            lines.append(f"{self.name}_sum{self._series(key)} {_number(cells[-1])}")
            lines.append(f"{self.name}_count{self._series(key)} {_number(count)}")
        return lines


class Metrics:
    """All metrics of a process; `render` is the body of `GET /metrics`."""

    def __init__(self) -> None:
        self._metrics: dict[str, Metric] = {}

    def add(self, *metrics: Metric) -> None:
        """Take metrics in. Raises ValueError when a name is there already."""
        for metric in metrics:
            if metric.name in self._metrics:
                raise ValueError(f"{metric.name} is there already")
            self._metrics[metric.name] = metric

    def render(self) -> bytes:
        """Return all metrics as text, UTF-8."""
        lines: list[str] = []
        for metric in self._metrics.values():
            summary = metric.summary.replace("\\", "\\\\").replace("\n", "\\n")
            lines += [f"# HELP {metric.name} {summary}", f"# TYPE {metric.name} {metric.kind}"]
            lines += metric.samples()
        return "".join(f"{line}\n" for line in lines).encode()


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(value)
