from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from edge.runtime.systemd_notify import notify


@pytest.mark.parametrize("abstract", [False, True])
def test_the_words_arrive(tmp_path: Path, abstract: bool) -> None:
    name = f"@tillbox-test-{os.getpid()}-{tmp_path.name}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind("\0" + name[1:] if abstract else name)
        systemd.settimeout(5)
        for words in ("READY=1", "STATUS=2 tills open", "WATCHDOG=1", "STOPPING=1"):
            assert notify(words, address=name)
            assert systemd.recv(100).decode() == words


def test_the_address_is_systemds_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(path)
        systemd.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", path)
        assert notify("READY=1")
        assert systemd.recv(100) == b"READY=1"
    monkeypatch.delenv("NOTIFY_SOCKET")
    assert not notify("READY=1")


@pytest.mark.parametrize("address", ["", "relative", "/nowhere/at/all", "@nobody-listens-here"])
def test_nobody_there_is_no_trouble(address: str) -> None:
    assert not notify("READY=1", address=address)


def test_a_systemd_that_does_not_read_holds_nobody_up(tmp_path: Path) -> None:
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(path)
        assert not all(notify("WATCHDOG=1", address=path) for _ in range(10_000))
