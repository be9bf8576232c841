"""What a customer display is told never changes by accident."""

from __future__ import annotations

import msgspec
import pytest

from edge.contract.display_view import CustomerDisplayView, DisplayState
from tests.golden.display_cases import CASES, FOLDER, golden


def test_every_state_has_a_case_and_every_field_is_shown_once() -> None:
    assert sorted(path.stem for path in FOLDER.iterdir()) == sorted(CASES)
    assert {case.state for case in CASES.values()} == set(DisplayState)
    for field in msgspec.structs.fields(CustomerDisplayView):
        values = [getattr(case, field.name) for case in CASES.values()]
        assert any(value != field.default for value in values), field.name


@pytest.mark.parametrize("name", CASES)
def test_the_bytes_are_those_of_the_file(name: str) -> None:
    text = (FOLDER / f"{name}.json").read_text("utf-8")
    assert text == golden(name)
    assert msgspec.json.decode(text, type=CustomerDisplayView) == CASES[name]
