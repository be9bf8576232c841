"""Private files: whole or not at all, for their owner only."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge.contract.errors import SettingsInvalid
from edge.runtime.private_file import PRIVATE_BYTES_MAX, create_private_file, read_private_file


def test_written_and_read(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    was = os.umask(0)
    try:
        create_private_file(file, b"content")
    finally:
        os.umask(was)
    assert file.stat().st_mode & 0o777 == 0o600
    assert read_private_file(file) == b"content"
    assert list(tmp_path.iterdir()) == [file]


def test_never_over_another(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    create_private_file(file, b"first")
    with pytest.raises(SettingsInvalid) as caught:
        create_private_file(file, b"second")
    assert caught.value.code == "file_exists"
    assert file.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [file]


def test_not_over_a_link_either(tmp_path: Path) -> None:
    target = tmp_path / "target"
    link = tmp_path / "link"
    link.symlink_to(target)
    with pytest.raises(SettingsInvalid):
        create_private_file(link, b"content")
    assert not target.exists()


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        create_private_file(tmp_path / "nowhere" / "secret", b"")
    assert caught.value.code == "file_not_written"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        read_private_file(tmp_path / "secret")
    assert caught.value.code == "file_unreadable"


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o660, 0o606])
def test_a_file_that_others_may_read(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "secret"
    create_private_file(file, b"content")
    file.chmod(mode)
    with pytest.raises(SettingsInvalid, match="chmod 600") as caught:
        read_private_file(file)
    assert caught.value.code == "file_not_private"


def test_a_file_that_is_too_large(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    create_private_file(file, bytes(PRIVATE_BYTES_MAX + 1))
    with pytest.raises(SettingsInvalid) as caught:
        read_private_file(file)
    assert caught.value.code == "file_too_large"
