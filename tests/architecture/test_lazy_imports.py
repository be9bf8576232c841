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
        ("edge.serving", (*HEAVY, "serialx", "serial", "biip")),
        ("edge.cli", (*HEAVY, "aiohttp", "aiosqlite", "aiomqtt", "biip")),
        ("sync.replicator.main", (*HEAVY, "aiosqlite", "aiomqtt", "biip", "argon2")),
        ("devices.main", (*HEAVY, "aiohttp", "biip", "argon2", "zeroconf", "ifaddr")),
        ("sync.office.main", ("asyncpg",)),  # an extra: only who has frames in PostgreSQL
    ],
)
def test_a_process_loads_no_more_than_it_needs(module: str, absent: tuple[str, ...]) -> None:
    script = f"import sys, {module}; print(*[n for n in {absent!r} if n in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []


@pytest.mark.parametrize(
    ("library", "module"),
    [("zeroconf", "service_announcements"), ("ifaddr", "network_interfaces")],
)
def test_an_optional_library_of_the_network_is_named_in_one_module(
    library: str, module: str
) -> None:
    named = re.compile(rf"^\s*(?:import|from) {library}\b(?!.*F401)", re.MULTILINE)
    naming = {
        str(path.relative_to(ROOT))
        for room in ("edge", "devices", "sync")
        for path in (ROOT / room).rglob("*.py")
        if named.search(path.read_text("utf-8"))
    }
    assert naming == {f"devices/transports/{module}.py"}
