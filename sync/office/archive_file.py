"""A closed piece of the archive: frames of all shops of a partition, in order of arrival, signed.

    "tillbox archive v1" and a line feed                        (19 bytes)
    u32 big endian length || JSON of `SegmentHeader`
    count x (u32 big endian length || signed frame)
    u32 0 || u32 big endian length || JSON of `SegmentEnd`
    Ed25519(head office) over "tillbox archive" || SHA-256 of everything before it   (64 bytes)

The root is SHA-256 over the header and the SHA-256 of each frame: whoever knows the root of one
segment knows all before it, for each header names the root of the one before.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Annotated, Final, TypeVar

import msgspec
from msgspec import Meta

from edge.contract.errors import ProtocolViolation, Refused
from edge.contract.history_file import HISTORY_LENGTH
from edge.contract.identity import Place
from edge.contract.limits import FRAME_COMPRESSED_BYTES_MAX
from edge.contract.replication import SIGNATURE_BYTES
from edge.contract.wire import UNREADABLE
from edge.runtime.keys import SigningKey, VerifyingKey

_MAGIC: Final = b"tillbox archive v1\n"
_SIGNED: Final = b"tillbox archive"
_LENGTH: Final = HISTORY_LENGTH
_TEXT_BYTES_MAX: Final = 16_777_216
"""A header is small; an end names every shop of a partition once a generation."""

Root = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]
NO_ROOT: Final = "0" * 64
"""What stands before the first segment."""


class SegmentHeader(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which piece it is. `events` is the event store's identity, `before` the root before it.

    `after` is the position in the event store behind which it begins.
    """

    events: str
    partition: Annotated[int, Meta(ge=0)]
    number: Annotated[int, Meta(ge=1)]
    after: Place
    before: Root
    written_at: int


class Span(msgspec.Struct, frozen=True):
    """What a segment has of a shop's generation, both ends included."""

    store: Place
    gen: Place
    first_seq: Place
    last_seq: Place
    last_hash: Root


class SegmentEnd(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a segment has. `upto` is the position of its last frame in the event store."""

    count: Annotated[int, Meta(ge=1)]
    upto: Place
    root: Root
    spans: tuple[Span, ...]


Shape = TypeVar("Shape", SegmentHeader, SegmentEnd)


@dataclass
class SegmentWriter:
    """Writes one segment: whole and on disk under its name, or not at all."""

    path: Path
    header: SegmentHeader
    key: SigningKey
    size: int = 0
    count: int = 0
    _spans: dict[tuple[int, int], Span] = field(default_factory=dict)
    _file: IO[bytes] = field(init=False)
    _written: hashlib._Hash = field(default_factory=hashlib.sha256)
    _root: hashlib._Hash = field(default_factory=hashlib.sha256)

    def __post_init__(self) -> None:
        """Begin the file beside its place. Raises OSError."""
        self._file = self._draft.open("wb")
        said = msgspec.json.encode(self.header)
        self._root.update(said)
        self._put(_MAGIC + _LENGTH.pack(len(said)) + said)

    @property
    def _draft(self) -> Path:
        return self.path.with_name(f".{self.path.name}.draft")

    def add(self, frame: bytes, span: Span) -> None:
        """Write a frame behind those before it; `span` is what it holds that is new."""
        self._root.update(hashlib.sha256(frame).digest())
        self._put(_LENGTH.pack(len(frame)) + frame)
        self.count += 1
        place = (span.store, span.gen)
        first = self._spans.get(place, span).first_seq
        self._spans[place] = msgspec.structs.replace(span, first_seq=first)

    def close(self, upto: int) -> SegmentEnd:
        """Write the end and the signature, and let the file have its name. Raises OSError."""
        spans = tuple(self._spans[place] for place in sorted(self._spans))
        end = SegmentEnd(self.count, upto, self._root.hexdigest(), spans)
        said = msgspec.json.encode(end)
        self._put(_LENGTH.pack(0) + _LENGTH.pack(len(said)) + said)
        self._file.write(self.key.sign(_SIGNED + self._written.digest()))
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._draft.replace(self.path)
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return end

    def give_up(self) -> None:
        """Leave nothing behind of a segment that was not closed."""
        self._file.close()
        self._draft.unlink(missing_ok=True)

    def _put(self, piece: bytes) -> None:
        self._written.update(piece)
        self._file.write(piece)
        self.size += len(piece)


@dataclass
class SegmentReader:
    """Reads one segment from its first byte to its last; `end` is there once all was given."""

    path: Path
    key: VerifyingKey
    header: SegmentHeader = field(init=False)
    end: SegmentEnd | None = None
    size: int = 0

    @property
    def is_there(self) -> bool:
        """Whether there is such a file."""
        return self.path.exists()

    def frames(self) -> Iterator[bytes]:
        """Yield the frames in order. Raises Refused where it is not what was written; OSError.

        Only once all were given is it known that none was changed: whoever acts on them waits.
        """
        with self.path.open("rb") as file:
            # what the disk has, not what memory has of what was just written
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            read = _Counted(file, self.path)
            if read.take(len(_MAGIC)) != _MAGIC:
                raise _bad(self.path, "it is no piece of an archive, or one of a newer Tillbox")
            said = read.take(read.length(_TEXT_BYTES_MAX))
            self.header = _decoded(said, SegmentHeader, self.path)
            root, count = hashlib.sha256(said), 0
            while length := read.length(FRAME_COMPRESSED_BYTES_MAX):
                frame = read.take(length)
                root.update(hashlib.sha256(frame).digest())
                count += 1
                yield frame
            end = _decoded(read.take(read.length(_TEXT_BYTES_MAX)), SegmentEnd, self.path)
            digest = read.digest()
            signature = file.read(SIGNATURE_BYTES)
            if len(signature) < SIGNATURE_BYTES or file.read(1):
                raise _bad(self.path, "its end is missing or something follows it")
            try:
                self.key.verify(signature, _SIGNED + digest)
            except ProtocolViolation:
                raise _bad(self.path, "it was changed, or another head office signed it") from None
            if (end.count, end.root) != (count, root.hexdigest()):
                raise _bad(self.path, "it does not hold what it says")
            self.end, self.size = end, file.tell()

    def read_through(self) -> SegmentEnd:
        """Read all of it and return what it has. Raises Refused; OSError."""
        for _ in self.frames():
            pass
        assert self.end is not None  # noqa: S101 - set behind the last frame
        return self.end


@dataclass
class _Counted:
    """A file whose bytes are hashed as they are read."""

    file: IO[bytes]
    path: Path
    _hash: hashlib._Hash = field(default_factory=hashlib.sha256)

    def take(self, size: int) -> bytes:
        data = self.file.read(size)
        if len(data) < size:
            raise _bad(self.path, "it is cut off")
        self._hash.update(data)
        return data

    def length(self, at_most: int) -> int:
        found: int = _LENGTH.unpack(self.take(_LENGTH.size))[0]
        if found > at_most:
            raise _bad(self.path, f"a part of {found} bytes is in it")
        return found

    def digest(self) -> bytes:
        return self._hash.digest()


def _decoded(said: bytes, shape: type[Shape], path: Path) -> Shape:
    try:
        return msgspec.json.decode(said, type=shape)
    except UNREADABLE as error:
        raise _bad(path, f"a part of it cannot be read ({error})") from None


def _bad(path: Path, why: str) -> Refused:
    return Refused(
        "archive_damaged",
        f"{path.name} of the archive cannot be relied on: {why}.",
        advice="Restore this file from a copy of the archive. Nothing else was changed.",
        status=422,
    )
