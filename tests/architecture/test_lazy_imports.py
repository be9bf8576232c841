"""What costs start-up time or memory is imported only by who needs it."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("escpos", "PIL", "amqtt", "hypothesis", "uharfbuzz")


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("edge.main", (*HEAVY, "serialx", "serial", "biip")),
        ("edge.cli", (*HEAVY, "aiohttp", "aiosqlite", "aiomqtt", "biip")),
        ("sync.replicator.main", (*HEAVY, "aiosqlite", "aiomqtt", "biip", "argon2")),
        ("devices.main", (*HEAVY, "aiohttp", "biip", "argon2")),
        ("sync.office.main", ("asyncpg",)),  # an extra: only who has frames in PostgreSQL
    ],
)
def test_a_process_loads_no_more_than_it_needs(module: str, absent: tuple[str, ...]) -> None:
    script = f"import sys, {module}; print(*[n for n in {absent!r} if n in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []
