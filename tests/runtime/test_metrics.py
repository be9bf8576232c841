"""Metrics as Prometheus reads them."""

from __future__ import annotations

import pytest

from edge.contract.limits import (
    METRIC_SERIES_MAX,
)
from edge.runtime.metrics import Counter, Gauge, Histogram, Metric, Metrics


def _text(*metrics: Metric) -> list[str]:
    registry = Metrics()
    registry.add(*metrics)
    text = registry.render().decode()
    assert text.endswith("\n")
    return text.splitlines()


def test_a_counter() -> None:
    counter = Counter("tillbox_sales_total", "Sales.\nAll \\ of them.")
    assert _text(counter)[-1] == "tillbox_sales_total 0"
    counter.add()
    counter.add(by=2.5)
    assert counter.value() == 3.5
    assert _text(counter) == [
        "# HELP tillbox_sales_total Sales.\\nAll \\\\ of them.",
        "# TYPE tillbox_sales_total counter",
        "tillbox_sales_total 3.5",
    ]
    with pytest.raises(ValueError, match="never shrinks"):
        counter.add(by=-1)


def test_labels_are_escaped() -> None:
    counter = Counter("tillbox_drops_total", "Drops.", ["topic", "why"])
    counter.add('a"b', "c\\d\ne")
    counter.add("x", "y")
    counter.add("x", "y")
    assert _text(counter)[2:] == [
        'tillbox_drops_total{topic="a\\"b",why="c\\\\d\\ne"} 1',
        'tillbox_drops_total{topic="x",why="y"} 2',
    ]
    assert counter.value("x", "y") == 2
    assert counter.value("x", "z") == 0
    with pytest.raises(ValueError, match="has the labels"):
        counter.add("only one")


def test_series_are_bounded() -> None:
    counter = Counter("tillbox_drops_total", "Drops.", ["topic"])
    for number in range(METRIC_SERIES_MAX + 50):
        counter.add(str(number))
    assert counter.value("other") == 50
    assert len(counter.samples()) == METRIC_SERIES_MAX + 1


def test_a_gauge_is_read_when_somebody_looks() -> None:
    values: dict[tuple[str, ...], float] = {("up",): 1}
    gauge = Gauge("tillbox_link", "The link.", lambda: values, ["state"])
    assert _text(gauge)[-1] == 'tillbox_link{state="up"} 1'
    values[("up",)] = 0.25
    assert _text(gauge)[1:] == ["# TYPE tillbox_link gauge", 'tillbox_link{state="up"} 0.25']


def test_a_histogram_counts_upwards() -> None:
    histogram = Histogram("tillbox_write_seconds", "Writes.", ["kind"], bounds=(0.5, 0.1))
    for measured in (0.1, 0.11, 0.5, 7):
        histogram.observe(measured, "sale")
    assert _text(histogram)[2:] == [
        'tillbox_write_seconds_bucket{kind="sale",le="0.1"} 1',
        'tillbox_write_seconds_bucket{kind="sale",le="0.5"} 3',
        'tillbox_write_seconds_bucket{kind="sale",le="+Inf"} 4',
        'tillbox_write_seconds_sum{kind="sale"} 7.71',
        'tillbox_write_seconds_count{kind="sale"} 4',
    ]


def test_a_histogram_without_labels() -> None:
    histogram = Histogram("tillbox_write_seconds", "Writes.", bounds=(1,))
    histogram.observe(2)
    assert _text(histogram)[2:4] == [
        'tillbox_write_seconds_bucket{le="1"} 0',
        'tillbox_write_seconds_bucket{le="+Inf"} 1',
    ]


@pytest.mark.parametrize("name", ["sales", "tillbox_", "tillbox_Sales", "tillbox_a b", ""])
def test_names_are_ours(name: str) -> None:
    with pytest.raises(ValueError, match="is called"):
        Counter(name, "x")


def test_labels_are_words() -> None:
    with pytest.raises(ValueError, match="plain words"):
        Counter("tillbox_a", "x", ["a-b"])


def test_a_name_is_taken_once() -> None:
    with pytest.raises(ValueError, match="already"):
        _text(Counter("tillbox_a", "x"), Counter("tillbox_a", "y"))


def test_there_is_no_metric_without_a_kind() -> None:
    with pytest.raises(TypeError, match="abstract"):
        Metric("tillbox_a", "x")  # type: ignore[abstract]  # what is tested
