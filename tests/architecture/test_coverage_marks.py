"""The checker of coverage fails where it should."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from tests.coverage_marks import MARK, PURE, Counts, counts_by_file, faults, main, room_of

ROOT = Path(__file__).parents[2]
WHOLE = {f"{room}/__init__.py": Counts(10, 10, 4, 4) for room in PURE}


def test_a_tree_above_its_marks_has_no_fault() -> None:
    assert faults({**WHOLE, "edge/flows/a.py": Counts(60, 54, 40, 36)}) == []


@pytest.mark.parametrize(
    ("planted", "words"),
    [
        ({"edge/engine/cart.py": Counts(1_000, 999, 0, 0)}, "edge/engine/cart.py: 99.9 %"),
        ({"edge/contract/money.py": Counts(1_000, 1_000, 900, 899)}, "edge/contract: 99.9 %"),
        ({"devices/protocols/a/b.py": Counts(2, 1, 0, 0)}, "devices/protocols: "),
        ({"edge/flows/a.py": Counts(100, 89, 0, 0)}, "edge/flows: 89.0 %"),
        # many plain statements do not carry branches that nobody took
        ({"edge/flows/a.py": Counts(960, 960, 40, 35)}, "of its branches 87.5 %"),
        # a room does not carry a file
        (
            {"sync/office/a.py": Counts(900, 900, 0, 0), "sync/office/b.py": Counts(9, 8, 0, 0)},
            "sync/office/b.py: 88.9 %",
        ),
        # a file that no test ever loads
        ({"devices/main.py": Counts(9, 0, 4, 0)}, "devices: 0.0 %"),
    ],
)
def test_what_is_below_its_mark_is_named(planted: dict[str, Counts], words: str) -> None:
    assert any(words in fault for fault in faults({**WHOLE, **planted}))


def test_a_pure_room_that_was_not_measured_is_a_fault() -> None:
    assert faults({}) == [f"{room}: nothing of it was measured" for room in sorted(PURE)]


def test_the_rooms_of_the_marks_are_there_and_hold_their_files() -> None:
    assert all((ROOT / room / "__init__.py").is_file() for room in PURE)
    assert room_of("devices/drivers/printer_escpos/jobs.py") == "devices/drivers"
    assert room_of("edge/cli.py") == "edge"


@pytest.mark.parametrize(("run", "status"), [(10, 0), (8, 1)])
def test_a_report_of_coverage_is_read_and_the_status_says_it(run: int, status: int) -> None:
    report = {
        "files": {
            path: {
                "summary": {
                    "num_statements": 10,
                    "covered_lines": run,
                    "num_branches": 4,
                    "covered_branches": 4,
                }
            }
            for path in WHOLE
        }
    }
    assert set(counts_by_file(report)) == set(WHOLE)
    words = io.StringIO()
    assert main(io.StringIO(json.dumps(report)), words) == status
    assert ("BELOW ITS MARK" in words.getvalue()) is bool(status)
    assert MARK < 100
