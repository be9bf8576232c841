from __future__ import annotations

from pathlib import Path

import pytest

from edge.contract.errors import Refused
from edge.contract.limits import (
    BALLAST_BYTES,
)
from edge.ledger.disk_space import DiskSpace

NEVER_ENOUGH = 2**62
"""More bytes than any disk has: every disk is nearly full then."""


def test_ballast_takes_its_room_once_and_is_given_up_once(tmp_path: Path) -> None:
    disk = DiskSpace(tmp_path, free_min_bytes=0)
    disk.lay_ballast()
    (ballast,) = tmp_path.iterdir()
    laid = ballast.stat()
    assert laid.st_size == BALLAST_BYTES
    disk.lay_ballast()
    assert (ballast.stat().st_ino, ballast.stat().st_mtime_ns) == (laid.st_ino, laid.st_mtime_ns)
    assert disk.drop_ballast()
    assert list(tmp_path.iterdir()) == []
    assert not disk.drop_ballast()


def test_ballast_that_a_file_system_could_pack_would_hold_no_room(tmp_path: Path) -> None:
    DiskSpace(tmp_path, free_min_bytes=0).lay_ballast()
    (ballast,) = tmp_path.iterdir()
    held = ballast.read_bytes()
    assert len({held[at : at + 4096] for at in range(0, len(held), 4096)}) == len(held) // 4096


def test_no_ballast_where_room_is_short(tmp_path: Path) -> None:
    DiskSpace(tmp_path, free_min_bytes=NEVER_ENOUGH).lay_ballast()
    assert list(tmp_path.iterdir()) == []


def test_with_room_a_sale_may_begin_and_the_ballast_stays(tmp_path: Path) -> None:
    disk = DiskSpace(tmp_path, free_min_bytes=0)
    disk.lay_ballast()
    disk.check()
    assert not disk.is_short()
    assert disk.free_bytes() > 0
    assert disk.drop_ballast(), "it was given up although there is room"


def test_a_nearly_full_disk_refuses_new_sales_and_gives_the_ballast_up(tmp_path: Path) -> None:
    DiskSpace(tmp_path, free_min_bytes=0).lay_ballast()
    disk = DiskSpace(tmp_path, free_min_bytes=NEVER_ENOUGH)
    assert disk.is_short()
    for _ in range(2):  # the second one finds no ballast any more
        with pytest.raises(Refused, match="no new sale can begin") as caught:
            disk.check()
        assert (caught.value.code, caught.value.status) == ("disk_full", 503)
        assert "can be finished" in caught.value.advice
        assert list(tmp_path.iterdir()) == []


def test_once_there_is_room_again_the_next_sale_lays_the_ballast_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = DiskSpace(tmp_path, free_min_bytes=1_000)
    free = 10
    monkeypatch.setattr(DiskSpace, "free_bytes", lambda _: free)
    (tmp_path / "ballast").write_bytes(b"x")
    with pytest.raises(Refused):
        disk.check()
    assert not (tmp_path / "ballast").exists()
    free = 1_000 + 2 * BALLAST_BYTES - 1
    disk.check()
    assert not (tmp_path / "ballast").exists()
    free += 1
    disk.check()
    assert (tmp_path / "ballast").stat().st_size == BALLAST_BYTES
