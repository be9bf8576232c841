"""The limit of open files is raised as far as the system lets a process do that by itself."""

from __future__ import annotations

import subprocess
import sys

import pytest

_SCRIPT = """
import resource, sys
from edge.runtime.open_files import raise_open_files
soft, hard, wanted = map(int, sys.argv[1:])
resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
print(raise_open_files(wanted), *resource.getrlimit(resource.RLIMIT_NOFILE))
"""


@pytest.mark.parametrize(
    ("soft", "hard", "wanted", "allowed"),
    [
        (256, 900, 600, 600),
        (256, 900, 900, 900),
        (256, 500, 600, 500),
        (800, 900, 600, 800),
    ],
)
def test_the_soft_limit_is_raised_and_never_lowered(
    soft: int, hard: int, wanted: int, allowed: int
) -> None:
    words = [sys.executable, "-c", _SCRIPT, str(soft), str(hard), str(wanted)]
    told = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
    assert list(map(int, told)) == [allowed, allowed, hard]
