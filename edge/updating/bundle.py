r"""An update as one file: a signed list of what is in it, and behind it the parts themselves.

    "TILLBOX-UPDATE 1\n" · u32 length · manifest (JSON) · 64 bytes Ed25519 over all of that · parts

The manifest names version, machine and each part with its size and the SHA-256 of each chunk of
4 MiB. So a wrong signature, another machine or an older version is refused before a byte of a part
is read, and of a part no byte is written whose chunk was not checked. Weighed: RAUC's bundles (the
Raspberry Pi backend is not there yet, and they bring a service over D-Bus), and a tar with a
checksum beside it (nothing is known of it before it is read to its end).
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Final, Protocol

import msgspec
from msgspec import Meta
from typing_extensions import override

from edge.contract.errors import ProtocolViolation
from edge.contract.update_limits import (
    CHUNK_BYTES,
    MANIFEST_BYTES_MAX,
    PART_BYTES_MAX,
    PARTS_MAX,
)
from edge.runtime.keys import SigningKey, VerifyingKey

_MAGIC: Final = b"TILLBOX-UPDATE 1\n"
_LENGTH: Final = struct.Struct(">I")
_SIGNATURE_BYTES: Final = 64
_ADVICE: Final = "Fetch the file again, from where updates of this retailer come from."

Hex = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]


class Source(Protocol):
    """What a bundle is read from: a file, or a download."""

    def read(self, count: int, /) -> bytes:
        """Return up to so many bytes; none at the end."""
        ...


class Version(msgspec.Struct, frozen=True, order=True):
    """A version as `MAJOR.MINOR.PATCH`; compared as numbers."""

    major: Annotated[int, Meta(ge=0)]
    minor: Annotated[int, Meta(ge=0)]
    patch: Annotated[int, Meta(ge=0)]

    @classmethod
    def parse(cls, text: str) -> Version:
        """Read `1.2.3`. Raises ProtocolViolation."""
        parts = text.split(".")
        if len(parts) != 3 or not all(part.isascii() and part.isdigit() for part in parts):  # noqa: PLR2004
            raise ProtocolViolation("version_malformed", f"{text!r} is no version like 1.2.3.")
        return cls(*map(int, parts))

    @override
    def __str__(self) -> str:
        """Return it as it is written."""
        return f"{self.major}.{self.minor}.{self.patch}"


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One partition's content: its size in bytes and the SHA-256 of each chunk, in order."""

    name: Annotated[str, Meta(pattern=r"^[a-z]{1,16}$(?!\n)")]
    size: Annotated[int, Meta(ge=1, le=PART_BYTES_MAX)]
    chunks: tuple[Hex, ...]


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an update is: `version`, the `machine` it is for, its `parts`.

    `floor` is the oldest version that a box with it may ever go back to.
    """

    version: str
    floor: str
    machine: Annotated[str, Meta(pattern=r"^[a-z0-9-]{1,32}$(?!\n)")]
    parts: Annotated[tuple[Part, ...], Meta(min_length=1, max_length=PARTS_MAX)]


@dataclass(frozen=True)
class OpenBundle:
    """A bundle whose signature was right; `source` stands at the first part."""

    manifest: Manifest
    source: Source

    def chunks(self, part: Part) -> Iterator[bytes]:
        """Yield the chunks of a part, each checked; the parts are read in their order.

        Raises ProtocolViolation for one that is cut short or was changed.
        """
        left = part.size
        for number, wanted in enumerate(part.chunks):
            chunk = _exactly(self.source, min(CHUNK_BYTES, left), f"{part.name}, chunk {number}")
            if hashlib.sha256(chunk).hexdigest() != wanted:
                raise ProtocolViolation(
                    "update_damaged",
                    f"Chunk {number} of {part.name} is not what was signed.",
                    advice=_ADVICE,
                )
            left -= len(chunk)
            yield chunk


def open_bundle(source: Source, keys: Sequence[VerifyingKey]) -> OpenBundle:
    """Read an update's list and check who signed it: one of `keys`.

    Raises ProtocolViolation: no update, cut short, signed by nobody we know, or a list that
    does not add up.
    """
    head = _exactly(source, len(_MAGIC) + _LENGTH.size, "the beginning")
    if not head.startswith(_MAGIC):
        raise ProtocolViolation("update_unknown", "This file is no update.", advice=_ADVICE)
    (length,) = _LENGTH.unpack_from(head, len(_MAGIC))
    if length > MANIFEST_BYTES_MAX:
        raise ProtocolViolation(
            "update_malformed", f"Its list has {length} bytes: it is no update.", advice=_ADVICE
        )
    text = _exactly(source, length, "the list")
    signature = _exactly(source, _SIGNATURE_BYTES, "the signature")
    if not any(_signed(key, signature, head + text) for key in keys):
        raise ProtocolViolation(
            "update_signature_wrong",
            "The update is not signed by anybody whom this box takes updates from.",
            advice="Nothing was written. " + _ADVICE,
        )
    try:
        manifest = msgspec.json.decode(text, type=Manifest)
    except msgspec.DecodeError as error:
        raise ProtocolViolation("update_malformed", f"Its list cannot be read: {error}.") from None
    _check(manifest)
    return OpenBundle(manifest, source)


def _signed(key: VerifyingKey, signature: bytes, message: bytes) -> bool:
    try:
        key.verify(signature, message)
    except ProtocolViolation:
        return False
    return True


def _check(manifest: Manifest) -> None:
    if Version.parse(manifest.floor) > Version.parse(manifest.version):
        raise ProtocolViolation(
            "update_malformed", f"Its floor {manifest.floor} is above itself, {manifest.version}."
        )
    names = [part.name for part in manifest.parts]
    if len({*names}) != len(names):
        raise ProtocolViolation("update_malformed", "A part is in it twice.")
    for part in manifest.parts:
        if len(part.chunks) != -(-part.size // CHUNK_BYTES):
            raise ProtocolViolation(
                "update_malformed",
                f"{part.name} has {part.size} bytes in {len(part.chunks)} chunks.",
            )


def _exactly(source: Source, count: int, what: str) -> bytes:
    pieces: list[bytes] = []
    left = count
    while left:
        piece = source.read(left)
        if not piece:
            raise ProtocolViolation(
                "update_cut_short", f"The update ends within {what}.", advice=_ADVICE
            )
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)


def write_bundle(
    version: str, floor: str, machine: str, parts: Sequence[tuple[str, bytes]], key: SigningKey
) -> bytes:
    """Return an update's head, list and signature; the parts follow it in their order."""
    listed = tuple(
        Part(
            name,
            len(content),
            tuple(
                hashlib.sha256(content[at : at + CHUNK_BYTES]).hexdigest()
                for at in range(0, len(content), CHUNK_BYTES)
            ),
        )
        for name, content in parts
    )
    text = msgspec.json.encode(Manifest(version, floor, machine, listed))
    head = _MAGIC + _LENGTH.pack(len(text)) + text
    return head + key.sign(head)
