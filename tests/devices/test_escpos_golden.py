from __future__ import annotations

import pytest

from tests.golden.paper_cases import CASES, FOLDER, decoded


@pytest.mark.parametrize("name", CASES)
def test_paper_looks_as_agreed(name: str) -> None:
    text, data = decoded(name)
    assert text == (FOLDER / f"{name}.txt").read_text(encoding="utf-8")
    assert data == (FOLDER / f"{name}.hex").read_text(encoding="ascii")


def test_no_golden_file_without_its_case() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == set(CASES)
    assert len(list(FOLDER.iterdir())) == 2 * len(CASES)
