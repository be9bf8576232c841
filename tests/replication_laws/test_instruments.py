"""The line and the disk of these tests do to messages and commits what they say."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from edge.runtime.migrations import Migration
from tests.replication_laws.inline_file import Death, InlineFile, rows
from tests.replication_laws.memory_line import Fate, Line, Pace, Trouble
from tests.virtual_time import VirtualClock

HEAD = b"GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n"
HEARD, REST = b"heard", b"x" * 300


def message(text: bytes, *, opcode: int = 1) -> bytes:
    """An unmasked message of WebSocket (RFC 6455, 5.2)."""
    size = bytes([len(text)]) if len(text) < 126 else b"\x7e" + len(text).to_bytes(2, "big")
    return bytes([0x80 | opcode]) + size + text


class Ear(asyncio.Protocol):
    def __init__(self) -> None:
        self.heard = b""
        self.end: Any = "open"

    @override
    def data_received(self, data: bytes) -> None:
        self.heard += data

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self.end = exc


def open_line(fate: Fate, pace: Pace | None = None) -> tuple[Line, Ear, Ear, VirtualClock]:
    clock = VirtualClock()
    line = Line(fate, clock, pace)
    shop, office = Ear(), Ear()
    line.shop.connect(shop)
    line.office.connect(office)
    return line, shop, office, clock


A, B, C = (message(text) for text in (b"first", b"second " + REST, b"third"))


@pytest.mark.parametrize(
    ("trouble", "heard", "breaks"),
    [
        ("drop", A + C, False),
        ("twice", A + B + B + C, False),
        ("swap", A + C + B, False),
        ("shorten", A + message((b"second " + REST)[: 307 * 2 // 3]) + C, False),
        ("half", A + B[: len(B) // 2], True),
        ("cut", A, True),
        ("dead", A, False),
    ],
)
async def test_trouble_strikes_one_message(trouble: Trouble, heard: bytes, breaks: bool) -> None:
    fate = Fate()
    fate.foretell("up", 2, trouble)
    line, shop, office, clock = open_line(fate)
    for data in (HEAD, A[:3], A[3:] + B[:40], B[40:], C):
        line.shop.write(data)
        await clock.advance(0)
    assert office.heard == HEAD + heard
    assert isinstance(office.end, ConnectionResetError) == breaks
    assert isinstance(shop.end, ConnectionResetError) == breaks
    assert not line.is_whole
    assert line.bytes["up"] == len(HEAD + A + B + (b"" if breaks else C))


async def test_without_trouble_all_comes_and_the_end_behind_it() -> None:
    line, shop, office, clock = open_line(Fate())
    for data in (HEAD, A + B, message(b"", opcode=9)):
        line.shop.write(data)
    line.shop.close()
    await clock.advance(0)
    assert office.heard == HEAD + A + B + message(b"", opcode=9)
    assert (office.end, shop.end) == (None, None)
    assert line.is_whole
    assert [(each.way, each.is_frame, each.size) for each in line.messages] == [
        ("up", False, len(A)),
        ("up", False, len(B)),
    ]


async def test_on_a_paced_line_each_byte_takes_its_time() -> None:
    line, _, office, clock = open_line(Fate(), Pace(bits_per_s=8_000, one_way_s=0.3))
    line.shop.write(b"x" * 500)  # no head yet: nothing is sent
    line.shop.write(HEAD[:-4])
    await clock.advance(5)
    assert office.heard == b""
    line.shop.write(b"\r\n\r\n")
    size = 500 + len(HEAD)
    await clock.advance(size / 1_000 + 0.3 - 0.002)
    assert office.heard == b""
    await clock.advance(0.003)
    assert len(office.heard) == size
    line.shop.write(B + C)
    await clock.advance(len(B) / 1_000 + 0.3 + 0.001)
    assert len(office.heard) == size + len(B), "one behind the other"
    await clock.advance(len(C) / 1_000)
    assert len(office.heard) == size + len(B + C)


@pytest.mark.parametrize(("behind", "kept"), [(False, [(1,)]), (True, [(1,), (2,)])])
async def test_a_disk_dies_at_the_commit_that_was_named(
    tmp_path: Path, behind: bool, kept: list[tuple[int]]
) -> None:
    path = tmp_path / "file.db"
    file = InlineFile(path, (Migration(1, "CREATE TABLE number (n INTEGER PRIMARY KEY);"),))
    deaths: list[bool] = []
    file.on_death = lambda: deaths.append(True)
    await file.open()

    def put(number: int) -> Any:
        return file.write(lambda db: db.execute("INSERT INTO number VALUES (?)", (number,)))

    file.death = Death(2, behind)
    await put(1)
    for number in (2, 3):
        with pytest.raises(asyncio.CancelledError):
            await put(number)
    assert deaths == [True]
    await file.close()
    assert rows(path, "SELECT n FROM number ORDER BY n") == kept
