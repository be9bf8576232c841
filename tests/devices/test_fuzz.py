"""The short form of `make fuzz`, and that no codec is left out of it."""

from __future__ import annotations

import pkgutil
import signal
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

import devices.protocols
from tests.devices import fuzz
from tests.devices.fuzz import SEED, TABLE, Through, played

ROOT = Path(__file__).parents[2]
INPUTS = 400


def test_every_codec_is_in_the_table_and_nothing_else() -> None:
    there = {module.name for module in pkgutil.iter_modules(devices.protocols.__path__)}
    assert there - set(TABLE) == set(), "say in tests/devices/fuzz.py how these are fuzzed"
    assert set(TABLE) - there == set(), "these codecs are gone"


@pytest.mark.parametrize(
    ("name", "codec"),
    [(name, how.codec) for name, how in TABLE.items() if isinstance(how, Through)],
)
def test_a_codec_that_is_played_through_another_is_used_by_its_play(name: str, codec: str) -> None:
    how = TABLE[codec]
    assert not isinstance(how, Through)
    source = Path(sys.modules[how.__module__].__file__ or "").read_text("utf-8")
    assert f"devices.protocols.{name} import" in source


@pytest.mark.parametrize("name", played())
def test_a_codec_takes_anything(name: str) -> None:
    fuzz.fuzz(name, INPUTS, SEED)


def test_a_failure_says_how_to_play_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def start() -> fuzz.Play:
        def play(chance: Random) -> None:
            assert chance.random() < 0.95

        return play

    monkeypatch.setitem(TABLE, "scale_cas", start)
    with pytest.raises(AssertionError) as first:
        fuzz.fuzz("scale_cas", 1_000, 5)
    with pytest.raises(AssertionError) as again:
        fuzz.fuzz("scale_cas", 1_000, 5)
    assert first.value.__notes__ == again.value.__notes__
    assert first.value.__notes__[0].startswith("codec scale_cas, seed 5, input ")


def test_what_grows_is_seen() -> None:
    # in a process of its own: one that ran other tests has room that was freed, and need not grow
    script = (
        "from tests.devices import fuzz; kept = []\n"
        "fuzz.TABLE['scale_cas'] = lambda: (lambda c: kept.append(c.randbytes(100_000)))\n"
        "fuzz.fuzz('scale_cas', 400, 5)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert "AssertionError: scale_cas, seed 5: grew by" in done.stderr


def test_the_long_form_prints_its_seed_and_ends_what_hangs() -> None:
    script = (
        "import itertools, sys; from tests.devices import fuzz; fuzz.HANG_S = 1.0\n"
        "fuzz.TABLE['scale_cas'] = lambda: (lambda chance: all(itertools.count(1)))\n"
        "sys.exit(fuzz.main(sys.argv[1:]))"
    )

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", script, "--inputs", "20", *words],
            capture_output=True,
            text=True,
            cwd=ROOT,
            timeout=50,
            check=False,
        )

    well = run("zvt_tlv", "--seed", "11")
    assert well.returncode == 0, well.stderr
    assert well.stdout.startswith("seed 11, 20 inputs a codec\nzvt_tlv ")
    hung = run("scale_cas")
    assert hung.returncode == -signal.SIGPROF
    assert "seed " in hung.stdout
    assert "most recent call first" in hung.stderr
    assert "in fuzz" in hung.stderr
