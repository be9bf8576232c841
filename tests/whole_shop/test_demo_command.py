"""`tillbox demo` as a person starts, stops and mistreats it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.brokers import find_free_port
from tests.whole_shop.demo_shop import demo_shop

pytestmark = [pytest.mark.whole_shop, pytest.mark.timeout(240)]


def demo(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edge.cli", "demo", "--no-browser", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_taken_port_is_said_with_what_to_do(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = demo("--data", str(tmp_path), "--port", str(port))
    assert done.returncode == 2
    assert f"Port {port} of this machine is in use" in done.stderr
    assert "--port" in done.stderr
    assert "Traceback" not in done.stderr


async def test_one_demo_a_folder_and_leftovers_of_a_killed_one_are_ended(tmp_path: Path) -> None:
    async with demo_shop(tmp_path) as shop:
        second = demo("--data", str(shop.folder), "--port", str(find_free_port()))
        assert second.returncode == 2
        assert "already" in second.stderr
        orphans = shop.pids()
        os.kill(shop.process.pid, signal.SIGKILL)
        shop.process.wait()
        assert all(Path(f"/proc/{pid}").exists() for pid in orphans.values())
        (tmp_path / "ready.json").unlink()
    async with demo_shop(tmp_path) as shop:
        assert not set(orphans.values()) & set(shop.pids().values())
        _, view = await shop.insist("add_item", code=shop.goods[0]["code"])
        assert view["state"] == "open"
        pids = shop.pids()
        ready_file = tmp_path / "ready.json"
        assert ready_file.stat().st_mode & 0o077 == 0
    assert not ready_file.exists()
    assert not any(_runs(pid) for pid in pids.values())


def _runs(pid: int) -> bool:
    try:
        return b"edge.cli" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
