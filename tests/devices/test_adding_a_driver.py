"""Adding a driver is adding three files: shown on a copy of the tree, with all else untouched."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DUMMY = Path(__file__).parent / "dummy_bell"
NAME = "dummy_bell"
THREE_FILES = {
    f"devices/drivers/{NAME}.py": "driver.py",
    f"devices/simulators/{NAME}.py": "simulator.py",
    f"tests/devices/drivers/test_{NAME}.py": "cases.py",
}
COPIED = ("devices", "edge/contract", "edge/runtime", "tests/devices")
LEFT_OUT = shutil.ignore_patterns("__pycache__", "node_modules", "fonts", "counter", ".mypy_cache")
CHECKS = 6
VARIANTS = 4
UNPLUGGED = 3 * 5 + 1
"""Ways of losing a device with ways of its return, and a loose plug."""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The packages that devices need, as they are, with the bell's three files."""
    for name in COPIED:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=LEFT_OUT)
    shutil.copy(ROOT / "edge/__init__.py", tmp_path / "edge/__init__.py")
    shutil.copy(ROOT / "pyproject.toml", tmp_path / "pyproject.toml")
    for path, file in THREE_FILES.items():
        assert not (tmp_path / path).exists()
        shutil.copy(DUMMY / file, tmp_path / path)
    return tmp_path


def run(tree: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run pytest in the copy, which must be what is imported."""
    plugins = ("-p", "no:cacheprovider", "-p", "no:randomly", "-p", "no:xdist")
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *plugins, "-k", NAME, *words],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


def passed(done: subprocess.CompletedProcess[str]) -> int:
    found = re.search(r"(\d+) passed", done.stdout)
    return int(found.group(1)) if found else 0


@pytest.mark.timeout(120)
def test_a_driver_of_three_files_is_found_and_keeps_all_promises(tree: Path) -> None:
    where = subprocess.run(
        [sys.executable, "-c", "import devices, edge; print(devices.__file__, edge.__file__)"],
        cwd=tree,
        env={**os.environ, "PYTHONPATH": str(tree)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert where.stdout.split() == [
        str(tree / f"{name}/__init__.py") for name in ("devices", "edge")
    ]

    done = run(tree, "tests/devices/test_conformance.py")
    assert done.returncode == 0, done.stdout
    assert passed(done) == CHECKS * VARIANTS

    done = run(tree, "tests/devices/test_unplugged.py")
    assert done.returncode == 0, done.stdout
    assert passed(done) == UNPLUGGED

    # what else looks at every driver and every simulator finds it too, and so does its own test
    done = run(
        tree,
        f"tests/devices/drivers/test_{NAME}.py",
        "tests/devices/simulating/test_actions.py",
        "tests/devices/simulating/test_simulate.py",
        "tests/devices/replaying/test_replay.py",
    )
    assert done.returncode == 0, done.stdout
    assert passed(done) == 1 + 2 + 1 + 6

    for path in tree.rglob("*.py"):
        name = str(path.relative_to(tree))
        if name not in THREE_FILES:
            assert path.read_bytes() == (ROOT / name).read_bytes(), f"{name} was touched"


@pytest.mark.timeout(120)
def test_a_driver_that_breaks_a_promise_is_found_out(tree: Path) -> None:
    path = tree / f"devices/drivers/{NAME}.py"
    good = path.read_text()
    path.write_text(
        good.replace("silences < _SILENCES_MAX", "True").replace('== b"ok"', '== b"no"')
    )
    assert path.read_text() != good
    done = run(tree, "tests/devices/test_conformance.py", "-x")
    assert done.returncode == 1
    assert "ready did not come" in done.stdout


@pytest.mark.timeout(120)
def test_a_driver_that_does_not_see_its_plug_pulled_is_found_out(tree: Path) -> None:
    path = tree / f"devices/drivers/{NAME}.py"
    good = path.read_text()
    path.write_text(
        good.replace(
            "                return\n", "                await self.ports.clock.sleep(60)\n"
        )
    )
    assert path.read_text() != good
    done = run(tree, "tests/devices/test_unplugged.py", "-x")
    assert done.returncode == 1
    assert "dummy_bell-closed-same" in done.stdout
