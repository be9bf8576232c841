"""The folder of a host's recordings: the newest few of each device, and never more than so many."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from devices.recordings.bundle import Bundle, pack, unpack
from edge.contract.device_limits import (
    RECORDING_BYTES_MAX,
    RECORDINGS_MAX,
    RECORDINGS_PER_DEVICE_MAX,
)
from edge.contract.errors import Refused
from edge.contract.identity import is_short_id
from edge.contract.instant import iso_utc

_ENDING: Final = ".jsonl"
_UNFINISHED: Final = ".unfinished"


@dataclass(frozen=True)
class StoredRecording:
    """One file: `name` is its own, `bundle` None when it cannot be read, `trouble` why."""

    path: Path
    size_bytes: int
    bundle: Bundle | None
    trouble: str = ""


class RecordingFolder:
    """`path` is made with the first recording. Only this host's user may read what is in it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writing = asyncio.Lock()

    async def save(self, bundle: Bundle) -> Path:
        """Keep a recording and drop what is over the limits; raises Refused in words."""
        async with self._writing:
            try:
                return await asyncio.to_thread(self._save, bundle)
            except OSError as error:
                raise Refused(
                    "recording_not_kept",
                    f"The recording could not be written to {self._path}: {error.strerror}.",
                    advice="Check that the disk has room and that this user may write there.",
                ) from None

    def _save(self, bundle: Bundle) -> Path:
        self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
        heading = bundle.heading
        stamp = iso_utc(heading.at_ms).replace("-", "").replace(":", "").replace(".", "")
        path = self._path / f"{heading.device}.{stamp}.{heading.reason}{_ENDING}"
        beside = path.with_suffix(_UNFINISHED)
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(pack(bundle))
        beside.replace(path)
        self._prune(heading.device)
        return path

    def _prune(self, device: str) -> None:
        names = self._names()
        mine = [name for name in names if name.split(".")[0] == device]
        over = mine[:-RECORDINGS_PER_DEVICE_MAX]
        left = [name for name in names if name not in over]
        by_age = sorted(left, key=lambda name: name.split(".")[1])
        for name in (*over, *by_age[:-RECORDINGS_MAX]):
            (self._path / name).unlink(missing_ok=True)

    def stored(self) -> tuple[StoredRecording, ...]:
        """Return what is kept, by device and age; those that cannot be read say why."""
        return tuple(self._stored(self._path / name) for name in self._names())

    def _stored(self, path: Path) -> StoredRecording:
        try:
            size = path.stat().st_size
            return StoredRecording(path, size, read_recording(path))
        except Refused as error:
            return StoredRecording(path, 0, None, error.message)
        except OSError as error:
            return StoredRecording(path, 0, None, f"It cannot be read: {error.strerror}.")

    def _names(self) -> list[str]:
        """Return the files' names, which sort by device and then by age."""
        if not self._path.is_dir():
            return []
        return sorted(
            each.name
            for each in self._path.iterdir()
            if each.name.endswith(_ENDING) and is_short_id(each.name.split(".")[0])
        )


def read_recording(path: Path) -> Bundle:
    """Return a recording from its file; raises Refused in words."""
    try:
        with path.open("rb") as file:
            content = file.read(RECORDING_BYTES_MAX + 1)
    except OSError as error:
        raise Refused(
            "recording_unreadable",
            f"{path} cannot be read: {error.strerror}.",
            advice="Check the name, and that this user may read it.",
        ) from None
    return unpack(content, str(path))
