"""Writes and reads the history of a store as a file; the layout is `edge.contract.history_file`.

A file is read twice: once to its end, to know that the copy is whole, and only then for its frames.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

import msgspec

from edge.contract.errors import Refused
from edge.contract.history_file import (
    HISTORY_END,
    HISTORY_LENGTH,
    HISTORY_MAGIC,
    HistoryHeader,
)
from edge.contract.limits import FRAME_COMPRESSED_BYTES_MAX, HISTORY_HEADER_BYTES_MAX
from edge.contract.wire import UNREADABLE

_HEADER: Final = msgspec.json.Decoder(HistoryHeader)
_CHUNK: Final = 1_048_576


def write_history(path: Path, header: HistoryHeader, frames: Iterable[bytes]) -> int:
    """Write a file, whole or not at all, and return how many frames are in it.

    Raises OSError; a file that was there before is replaced only by a whole one.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    count = 0
    try:
        with unfinished.open("wb") as file:
            digest = hashlib.sha256()
            for piece in _pieces(header):
                digest.update(piece)
                file.write(piece)
            for frame in frames:
                piece = HISTORY_LENGTH.pack(len(frame)) + frame
                digest.update(piece)
                file.write(piece)
                count += 1
            file.write(HISTORY_END.pack(0, count, digest.digest()))
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return count


def _pieces(header: HistoryHeader) -> tuple[bytes, bytes]:
    said = msgspec.json.encode(header)
    return HISTORY_MAGIC, HISTORY_LENGTH.pack(len(said)) + said


@dataclass(frozen=True)
class HistoryFile:
    """A file that was found whole: its header, and its frames as often as they are asked for."""

    path: Path
    header: HistoryHeader
    count: int

    def frames(self) -> Iterator[bytes]:
        """Yield the frames, oldest first. Raises Refused when the file changed meanwhile."""
        with self.path.open("rb") as file:
            _read_header(file, self.path)
            for _ in range(self.count):
                yield _read_frame(file, self.path)


def read_history(path: Path) -> HistoryFile:
    """Look through a file to its end and return what it holds.

    Raises Refused, saying what is wrong with it, for a file that is none, is cut off, was changed,
    or has frames that are too large; OSError when it cannot be read.
    """
    with path.open("rb") as file:
        header = _read_header(file, path)
        count = 0
        while _peek_length(file, path):
            _read_frame(file, path)
            count += 1
        covered = file.tell()
        end = file.read(HISTORY_END.size)
        if len(end) < HISTORY_END.size or file.read(1):
            raise _bad(path, "its end is missing or something follows it")
        _, said, digest = HISTORY_END.unpack(end)
        if said != count:
            raise _bad(path, f"it says {said} frames and has {count}")
        if digest != _digest_of(file, covered):
            raise _bad(path, "it was changed after it was written")
    return HistoryFile(path, header, count)


def _digest_of(file: IO[bytes], size: int) -> bytes:
    digest = hashlib.sha256()
    file.seek(0)
    while size > 0 and (chunk := file.read(min(_CHUNK, size))):
        digest.update(chunk)
        size -= len(chunk)
    return digest.digest()


def _read_header(file: IO[bytes], path: Path) -> HistoryHeader:
    if file.read(len(HISTORY_MAGIC)) != HISTORY_MAGIC:
        raise _bad(path, "it is no history of a store, or one of a newer Tillbox")
    length = _length(file, path)
    if length > HISTORY_HEADER_BYTES_MAX:
        raise _bad(path, f"its header has {length} bytes")
    said = file.read(length)
    try:
        return _HEADER.decode(said)
    except UNREADABLE as error:
        raise _bad(path, f"its header cannot be read ({error})") from None


def _read_frame(file: IO[bytes], path: Path) -> bytes:
    length = _length(file, path)
    if not 0 < length <= FRAME_COMPRESSED_BYTES_MAX:
        raise _bad(path, f"a frame of {length} bytes is in it")
    frame = file.read(length)
    if len(frame) < length:
        raise _bad(path, "it ends in the middle of a frame")
    return frame


def _peek_length(file: IO[bytes], path: Path) -> int:
    at = file.tell()
    length = _length(file, path)
    file.seek(at)
    return length


def _length(file: IO[bytes], path: Path) -> int:
    raw = file.read(HISTORY_LENGTH.size)
    if len(raw) < HISTORY_LENGTH.size:
        raise _bad(path, "it is cut off")
    length: int = HISTORY_LENGTH.unpack(raw)[0]
    return length


def _bad(path: Path, why: str) -> Refused:
    return Refused(
        "history_file_unusable",
        f"{path.name} cannot be used: {why}.",
        advice="Nothing was taken from it. Write it again where it comes from, and copy it anew.",
        status=422,
    )
