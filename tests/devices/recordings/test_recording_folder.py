from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from devices.recordings.bundle import Bundle, Heading
from devices.recordings.recording_folder import RecordingFolder, read_recording
from devices.transports.flight_recorder import FlightEntry
from edge.contract.device_limits import (
    RECORDINGS_MAX,
    RECORDINGS_PER_DEVICE_MAX,
)
from edge.contract.errors import Refused

AT_MS = 1_795_000_000_123


def bundle(device: str = "scale-1", at_ms: int = AT_MS, reason: str = "lost") -> Bundle:
    heading = Heading(1, device, "scale_cas", {}, at_ms, "lost")
    entries = (FlightEntry(at_ms, "out", b"\x05"),)
    return Bundle(msgspec.structs.replace(heading, reason=reason), entries)


async def test_a_recording_is_kept_under_a_name_that_sorts_and_read_back(tmp_path: Path) -> None:
    folder = RecordingFolder(tmp_path / "kept" / "here")
    path = await folder.save(bundle())
    assert path.name == "scale-1.20261118T110640123Z.lost.jsonl"
    assert read_recording(path) == bundle()
    (stored,) = folder.stored()
    assert (stored.path, stored.size_bytes) == (path, path.stat().st_size)
    assert stored.bundle == bundle()


async def test_only_this_hosts_user_may_read_it(tmp_path: Path) -> None:
    path = await RecordingFolder(tmp_path / "kept").save(bundle())
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


async def test_each_device_keeps_its_newest_and_no_other_pays_for_it(tmp_path: Path) -> None:
    folder = RecordingFolder(tmp_path)
    await folder.save(bundle("scale-10"))
    for number in range(RECORDINGS_PER_DEVICE_MAX + 3):
        await folder.save(bundle("scale-1", AT_MS + number * 1_000))
    kept = [each.bundle.heading for each in folder.stored() if each.bundle is not None]
    assert [heading.at_ms for heading in kept if heading.device == "scale-1"] == [
        AT_MS + number * 1_000 for number in range(3, RECORDINGS_PER_DEVICE_MAX + 3)
    ]
    assert [heading.device for heading in kept].count("scale-10") == 1


async def test_devices_that_are_gone_do_not_fill_the_disk(tmp_path: Path) -> None:
    folder = RecordingFolder(tmp_path)
    for number in range(RECORDINGS_MAX):
        name = f"gone-{number}.20260101T000000{number:03}Z.lost.jsonl"
        (tmp_path / name).write_text("{}")
    await folder.save(bundle())
    names = {each.path.name.split(".")[0] for each in folder.stored()}
    assert len(names) == RECORDINGS_MAX
    assert "scale-1" in names
    assert "gone-0" not in names


async def test_what_cannot_be_read_is_listed_with_its_reason_and_strange_files_are_left(
    tmp_path: Path,
) -> None:
    folder = RecordingFolder(tmp_path)
    (tmp_path / "scale-1.20260101T000000000Z.lost.jsonl").write_text("nonsense")
    (tmp_path / "Notes of mine.jsonl").write_text("mine")
    (tmp_path / "scale-2.unfinished").write_text("half")
    (tmp_path / "scale-3.20260101T000000000Z.lost.jsonl").mkdir()
    await folder.save(bundle())
    bad, good, odd = folder.stored()
    assert "first line is no heading" in bad.trouble
    assert good.bundle == bundle()
    assert "cannot be read" in odd.trouble
    assert (tmp_path / "Notes of mine.jsonl").exists()


async def test_a_disk_that_takes_nothing_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Refused, match="could not be written") as caught:
        await RecordingFolder(tmp_path / "file" / "folder").save(bundle())
    assert "disk" in caught.value.advice


def test_a_recording_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=r"none\.jsonl cannot be read"):
        read_recording(tmp_path / "none.jsonl")
    assert RecordingFolder(tmp_path / "none").stored() == ()
