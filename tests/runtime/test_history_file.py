"""A carried history: read back as it was written, refused in words when it is not whole."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from edge.contract.errors import Refused
from edge.contract.history_file import HistoryBox, HistoryHeader
from edge.contract.limits import FRAME_COMPRESSED_BYTES_MAX
from edge.runtime.history_file import read_history, write_history

HEADER = HistoryHeader(7, "musterstadt", (HistoryBox(1, "ab" * 32),), "tillbox keep 0.1", 5)
FRAMES = [b"first frame", b"\0\0\0\0 looks like the end", b"x" * 70_000]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "shop.history"
    assert write_history(path, HEADER, FRAMES) == 3
    return path


def test_it_is_read_back_as_often_as_asked(path: Path) -> None:
    found = read_history(path)
    assert (found.header, found.count) == (HEADER, 3)
    assert list(found.frames()) == list(found.frames()) == FRAMES


def test_the_bytes_are_those_of_the_documented_layout(tmp_path: Path) -> None:
    path = tmp_path / "one"
    header = HistoryHeader(1, "a", (HistoryBox(1, "00" * 32),), "w", 0)
    write_history(path, header, [b"F"])
    said = (
        b'{"store_number":1,"slug":"a","boxes":[{"gen":1,"key":"' + b"0" * 64 + b'"}],'
        b'"written_by":"w","written_at":0}'
    )
    body = b"tillbox history v1\n" + len(said).to_bytes(4, "big") + said + b"\0\0\0\x01F"
    content = path.read_bytes()
    assert content[: len(body)] == body
    assert content[len(body) : len(body) + 8] == b"\0\0\0\0\0\0\0\x01"
    assert len(content) == len(body) + 40


def test_a_history_without_frames_is_one(tmp_path: Path) -> None:
    path = tmp_path / "empty"
    write_history(path, HEADER, [])
    assert list(read_history(path).frames()) == []


def test_every_cut_is_seen(tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    write_history(whole, HEADER, FRAMES[:2])
    content = whole.read_bytes()
    cut = tmp_path / "cut"
    for size in range(len(content)):
        cut.write_bytes(content[:size])
        with pytest.raises(Refused) as refused:
            read_history(cut)
        assert refused.value.code == "history_file_unusable"
    cut.write_bytes(content + b"\0")
    with pytest.raises(Refused, match="something follows"):
        read_history(cut)


def test_every_changed_byte_is_seen(tmp_path: Path) -> None:
    seed = 20261127
    print("seed", seed)
    chance = random.Random(seed)
    whole = tmp_path / "whole"
    write_history(whole, HEADER, FRAMES[:2])
    content = whole.read_bytes()
    changed = tmp_path / "changed"
    for at in range(len(content)):
        flipped = bytearray(content)
        flipped[at] ^= chance.randrange(1, 256)
        changed.write_bytes(flipped)
        with pytest.raises(Refused):
            read_history(changed)


def test_a_frame_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "bomb"
    write_history(path, HEADER, [b"x" * (FRAME_COMPRESSED_BYTES_MAX + 1)])
    with pytest.raises(Refused, match="bytes is in it"):
        read_history(path)


def test_what_was_there_stays_when_writing_fails(path: Path) -> None:
    def breaks() -> object:
        yield b"one"
        raise OSError(28, "no room")

    with pytest.raises(OSError, match="no room"):
        write_history(path, HEADER, breaks())  # type: ignore[arg-type] # a generator of frames
    assert list(read_history(path).frames()) == FRAMES
    assert [each.name for each in path.parent.iterdir()] == [path.name]
