"""Sockets that systemd hands over: handed over for real, by exec, to a process of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.contract.errors import SettingsInvalid
from edge.runtime.systemd_sockets import inherited_socket

TAKE = """
import os, sys
from edge.contract.errors import SettingsInvalid
from edge.runtime.systemd_sockets import inherited_socket
try:
    got = inherited_socket("till")
except SettingsInvalid as error:
    print("refused:", error)
else:
    print(got and (got.getsockname()[1], got.getblocking(), os.get_inheritable(got.fileno())))
    print(sorted(key for key in os.environ if key.startswith("LISTEN_")))
    if got:
        connection, _ = got.accept() if got.setblocking(True) is None else None
        connection.sendall(b"served")
"""
HAND_OVER = """
import os, sys
given, code, pid, names = eval(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
spare = [os.dup(each) for each in given]
for place, each in enumerate(spare, 3):
    os.dup2(each, place)
    os.set_inheritable(place, True)
os.environ |= {"LISTEN_FDS": str(len(spare)), "LISTEN_PID": pid or str(os.getpid())}
os.environ |= {"LISTEN_FDNAMES": names} if names else {}
os.execv(sys.executable, [sys.executable, "-c", code])
"""


def _handed_over(*given: int, names: str = "", pid: str = "") -> list[str]:
    """Start a process as systemd would, with descriptors from 3 on, and return its words."""
    words = [sys.executable, "-c", HAND_OVER, repr(given), TAKE, pid, names]
    done = subprocess.run(words, pass_fds=given, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout.splitlines()


@pytest.mark.parametrize("names", ["", "till", "other:till"])
def test_a_till_that_came_before_the_process_is_served(names: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mine, socket.socket() as other:
        port = mine.getsockname()[1]
        given = [other.fileno(), mine.fileno()] if ":" in names else [mine.fileno()]
        with socket.create_connection(("127.0.0.1", port), timeout=20) as till:
            told = _handed_over(*given, names=names)
            assert told == [f"({port}, False, False)", "[]"]
            assert till.recv(100) == b"served"


def test_what_is_for_another_process_is_left_alone() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mine:
        assert _handed_over(mine.fileno(), pid="1") == ["None", "[]"]
        assert _handed_over(mine.fileno(), names="office") == ["None", "[]"]


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda folder: os.open(folder, os.O_RDONLY), "is no socket"),
        (lambda _: socket.socket().detach(), "is no TCP socket that listens"),
        (
            lambda _: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).detach(),
            "is no TCP socket that listens",
        ),
        (
            lambda _: socket.socket(socket.AF_UNIX, socket.SOCK_STREAM).detach(),
            "is no TCP socket that listens",
        ),
    ],
)
def test_another_thing_is_refused(make: Callable[[Path], int], why: str, tmp_path: Path) -> None:
    given = make(tmp_path)
    try:
        (told,) = _handed_over(given)
    finally:
        os.close(given)
    assert told.startswith("refused:")
    assert why in told
    assert "ListenStream=" in told


def test_two_of_one_name_and_too_many_are_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mine:
        (told,) = _handed_over(mine.fileno(), mine.fileno(), names="till:till")
        assert "2 sockets are named till" in told
    environment = {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "17"}
    with pytest.raises(SettingsInvalid, match="17 sockets"):
        inherited_socket("till", environment)
    assert environment == {}


@pytest.mark.parametrize("count", ["", "-1", "x"])
def test_without_systemd_there_is_none(count: str) -> None:
    assert inherited_socket("till", {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": count}) is None
    assert inherited_socket("till", {}) is None
