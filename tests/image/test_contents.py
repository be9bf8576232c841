"""What is in the image, read from its files: no machine is started."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.image.conftest import image_folder

pytestmark = [pytest.mark.image, pytest.mark.timeout(300)]

MAY_BECOME_ROOT = {
    "/usr/bin/chfn",
    "/usr/bin/chsh",
    "/usr/bin/gpasswd",
    "/usr/bin/mount",
    "/usr/bin/newgrp",
    "/usr/bin/passwd",
    "/usr/bin/su",
    "/usr/bin/umount",
    "/usr/lib/dbus-1.0/dbus-daemon-launch-helper",
}
SYSTEM_BYTES_MAX = 200 * 1024 * 1024


@pytest.fixture(scope="module")
def root() -> Path:
    """The system of the image, as one file."""
    if shutil.which("unsquashfs") is None:
        pytest.skip("unsquashfs is missing (Debian: squashfs-tools)")
    return image_folder() / "root.squashfs"


@pytest.fixture(scope="module")
def listed(root: Path) -> dict[str, str]:
    """The mode of each file by its path, as ls has it."""
    done = subprocess.run(
        ["unsquashfs", "-d", "", "-lln", root], capture_output=True, text=True, check=True
    )
    lines = (line.split(maxsplit=5) for line in done.stdout.splitlines())
    return {line[5].partition(" -> ")[0]: line[0] for line in lines if len(line) == 6}


def content(root: Path, path: str) -> str:
    return subprocess.run(
        ["unsquashfs", "-cat", root, path], capture_output=True, text=True, check=True
    ).stdout


def test_it_fits_its_slot_and_a_thin_line(root: Path) -> None:
    assert root.stat().st_size <= SYSTEM_BYTES_MAX


def test_nobody_has_a_password_a_key_or_an_identity(root: Path, listed: dict[str, str]) -> None:
    assert content(root, "etc/machine-id") == ""
    for line in content(root, "etc/shadow").splitlines():
        assert line.split(":")[1] in {"*", "!", "!*"}, line
    own = re.compile(r"/(etc/(tillbox|ssh)|var|root|home)/")
    files = {path for path, mode in listed.items() if mode[0] != "d" and own.match(path)}
    assert {path.rpartition("/")[2] for path in files} <= {
        ".bashrc",
        ".profile",
        "20-systemd-ssh-proxy.conf",
    }
    assert not [path for path in listed if path.endswith((".key", ".pepper"))]


def test_who_may_become_root_is_known(listed: dict[str, str]) -> None:
    found = {path for path, mode in listed.items() if mode[3] in "sS" and mode[0] == "-"}
    assert found == MAY_BECOME_ROOT
    writable = [path for path, mode in listed.items() if mode[8] == "w" and mode[0] == "-"]
    assert writable == []


def test_what_it_is_made_of_is_written_beside_it(root: Path, listed: dict[str, str]) -> None:
    lines = (root.parent / "sbom.txt").read_text().splitlines()
    named = {tuple(line.split()[:2]) for line in lines}
    assert {("debian", "systemd"), ("debian", "mosquitto"), ("python", "tillbox")} <= named
    packages = [path for path in listed if path.endswith(".dist-info/METADATA")]
    ours = [path for path in packages if path.startswith("/usr/lib/tillbox/")]
    assert len([line for line in lines if line.startswith("python ")]) == len(ours)
    assert all(len(line.split()) >= 3 for line in lines)


def test_both_slots_are_the_same_and_the_first_one_starts(root: Path) -> None:
    folder = root.parent
    lines = [(folder / f"cmdline-{slot}.txt").read_text() for slot in "ab"]
    assert lines[0].replace("root-a", "root-b") == lines[1]
    assert " ro " in lines[0]
    assert " panic=5 " in lines[0]
