"""What costs start-up time or memory is imported only by who needs it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = ("escpos", "PIL", "amqtt", "hypothesis", "uharfbuzz")


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("edge.main", (*HEAVY, "serialx", "serial", "biip")),
        ("edge.cli", (*HEAVY, "aiohttp", "aiosqlite", "aiomqtt", "biip")),
        ("sync.replicator.main", (*HEAVY, "aiosqlite", "aiomqtt", "biip", "argon2")),
        ("devices.main", (*HEAVY, "aiohttp", "biip", "argon2", "zeroconf", "ifaddr")),
    ],
)
def test_a_process_loads_no_more_than_it_needs(module: str, absent: tuple[str, ...]) -> None:
    script = f"import sys, {module}; print(*[n for n in {absent!r} if n in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []


def test_the_optional_library_of_the_network_is_named_in_one_module() -> None:
    naming = {
        str(path.relative_to(ROOT))
        for room in ("edge", "devices", "sync")
        for path in (ROOT / room).rglob("*.py")
        if re.search(
            r"^\s*(import|from) (zeroconf|ifaddr)\b", path.read_text("utf-8"), re.MULTILINE
        )
    }
    assert naming == {"devices/transports/service_announcements.py"}
