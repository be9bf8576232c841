"""Documents that are made from the code are as the code is."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path

from edge.contract.event_registry import declared
from tests.golden import catalogue_cases, driver_table_cases

ROOT = Path(__file__).parents[2]


def test_the_catalogue_of_events_is_current_and_whole() -> None:
    written = catalogue_cases.FILE.read_text("utf-8")
    assert written == catalogue_cases.text(), "run `make golden`"
    ours = [event for event in declared() if event.__module__.startswith("edge.")]
    for event in ours:  # other tests declare events of their own
        assert f"### {event.TYPE} (version {event.VERSION})" in written


def test_the_table_of_drivers_is_what_the_drivers_say() -> None:
    written = driver_table_cases.FILE.read_text("utf-8")
    assert written == driver_table_cases.text(), "run `make golden`"


def test_the_readme_names_every_command() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    for point in entry_points(group="tillbox.commands"):
        assert f"`tillbox {point.name}" in readme


def test_every_module_that_the_architecture_names_is_there() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    for word in text.replace(",", " ").split():
        name = word.strip("`().;:")
        if name.startswith(("edge/", "devices/", "sync/")) and "*" not in name:
            assert (ROOT / name).exists() or (ROOT / f"{name}.py").exists(), name
