"""Frames coded and opened: zstd with a dictionary, Ed25519 over header and payload.

The layout is declared in `edge.contract.replication`. A frame is opened in this order:
header, signature, stated sizes, and only then is anything unpacked; what comes out is
never larger than the header says, and that never over `FRAME_RAW_BYTES_MAX`.
"""

from __future__ import annotations

import hashlib
import struct
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Final

import zstandard

from edge.contract.envelope import link_all
from edge.contract.errors import ProtocolViolation
from edge.contract.limits import (
    EVENT_BYTES_MAX,
    FRAME_COMPRESSED_BYTES_MAX,
    FRAME_EVENTS_MAX,
    FRAME_RAW_BYTES_MAX,
)
from edge.contract.replication import (
    EVENT_LENGTH,
    FLAG_THINNED,
    HEADER_BYTES,
    SIGNATURE_BYTES,
    FrameHeader,
    parse_header,
)
from edge.runtime.frame_thinning import BadThinTextError, FormBook, thicken, thin

Sign = Callable[[bytes], bytes]
"""Returns the signature of a message: `SigningKey.sign`."""
Verify = Callable[[bytes, bytes], None]
"""Takes signature and message, raises ProtocolViolation: `VerifyingKey.verify`."""

NO_DICTIONARY: Final = 0
CURRENT_DICTIONARY: Final = 1
SHIPPED: Final = (1,)
"""Every dictionary that was ever released: frames in archives name them."""
_LIVE_BYTES_MAX: Final = 16_384
"""Up to here a frame is a sale or a few, and bytes count; beyond, speed does."""
_LIVE_LEVEL: Final = 19
_BULK_LEVEL: Final = 3
_LENGTH_BYTES: Final = EVENT_LENGTH.size
_ZSTD_ERRORS: Final = (zstandard.ZstdError, MemoryError)


class FrameDictionary:
    """A zstd dictionary with its forms, by number; 0 is none. Coders are made once per thread."""

    def __init__(self, dict_id: int, content: bytes, forms: Sequence[bytes] = ()) -> None:
        self.dict_id = dict_id
        self.content = content
        self.book = FormBook(forms)
        self._of_thread = threading.local()

    def compress(self, raw: bytes) -> bytes:
        """Return one zstd frame without checksum, size and dictionary id: the header has them."""
        level = _LIVE_LEVEL if len(raw) <= _LIVE_BYTES_MAX else _BULK_LEVEL
        return self._compressor(level).compress(raw)

    def decompress(self, payload: bytes, bytes_max: int) -> bytes:
        """Unpack one zstd frame. Raises ProtocolViolation, having made at most `bytes_max`.

        `zstandard` ignores `max_output_size` when a frame states its size: so a stated size
        is compared first. An unstated one is bounded by the output buffer.
        """
        try:
            stated = zstandard.frame_content_size(payload)
            if stated > bytes_max:
                raise bad_frame(f"its payload says {stated} bytes, its header {bytes_max}")
            return self._decompressor().decompress(
                payload, max_output_size=bytes_max, allow_extra_data=False
            )
        except _ZSTD_ERRORS as error:
            raise bad_frame(f"its payload does not unpack to {bytes_max} bytes ({error})") from None

    def _compressor(self, level: int) -> zstandard.ZstdCompressor:
        made: dict[int, zstandard.ZstdCompressor] = self._of_thread.__dict__.setdefault("c", {})
        if (compressor := made.get(level)) is None:
            settings = zstandard.ZstdCompressionParameters.from_level(
                level, write_content_size=False, write_checksum=False, write_dict_id=False
            )
            dictionary = self._dictionary()
            if dictionary is not None:
                dictionary.precompute_compress(compression_params=settings)
            compressor = made[level] = zstandard.ZstdCompressor(
                dict_data=dictionary, compression_params=settings
            )
        return compressor

    def _decompressor(self) -> zstandard.ZstdDecompressor:
        made: dict[str, zstandard.ZstdDecompressor] = self._of_thread.__dict__
        if (decompressor := made.get("d")) is None:
            decompressor = made["d"] = zstandard.ZstdDecompressor(
                dict_data=self._dictionary(), max_window_size=FRAME_RAW_BYTES_MAX
            )
        return decompressor

    def _dictionary(self) -> zstandard.ZstdCompressionDict | None:
        return zstandard.ZstdCompressionDict(self.content) if self.content else None


Dictionaries = Mapping[int, FrameDictionary]


def shipped_dictionaries() -> dict[int, FrameDictionary]:
    """Return the dictionaries that came with this program, by number, and none as 0."""
    folder = resources.files("edge.runtime") / "dictionaries"
    shipped = {NO_DICTIONARY: FrameDictionary(NO_DICTIONARY, b"")}
    for number in SHIPPED:
        forms = (folder / f"{number}.forms").read_bytes().split(b"\n")
        shipped[number] = FrameDictionary(number, (folder / f"{number}.zdict").read_bytes(), forms)
    return shipped


@dataclass(frozen=True)
class OpenedFrame:
    """A frame with a right signature, sizes and lengths; `check_chain` is the caller's step."""

    header: FrameHeader
    bodies: list[bytes]

    def check_chain(self, previous: bytes, *, known: int = 0) -> None:
        """Return when the events follow `previous` (32 bytes) and end in `last_hash`.

        The first `known` of them are left out: `previous` is the hash behind these. Raises
        ProtocolViolation when they are not what the box's ledger holds there.
        """
        if link_all(previous, self.bodies[known:]) != self.header.last_hash:
            header = self.header
            raise ProtocolViolation(
                "frame_chain_broken",
                f"Events {header.first_seq} to {header.last_seq} of store {header.store} do not "
                "lead from the hash before them to the hash behind them.",
                advice="Ask the box where its history differs; take nothing of this frame.",
            )


def encode_frame(
    *,
    store: int,
    gen: int,
    first_seq: int,
    last_hash: bytes,
    bodies: Sequence[bytes],
    sign: Sign,
    dictionary: FrameDictionary,
) -> bytes:
    """Return a signed frame of canonical event bytes in order of seq.

    `last_hash` is the chain's hash after the last of them. Raises ValueError when they do
    not fit a frame: the caller cuts by `FRAME_RAW_BYTES_TARGET`.
    """
    if not 0 < len(bodies) <= FRAME_EVENTS_MAX:
        raise ValueError(f"a frame holds 1 to {FRAME_EVENTS_MAX} events, not {len(bodies)}")
    raw_len = sum(map(len, bodies)) + _LENGTH_BYTES * len(bodies)
    if raw_len > FRAME_RAW_BYTES_MAX:
        raise ValueError(f"{raw_len} bytes are over a frame's {FRAME_RAW_BYTES_MAX}")
    flags = FLAG_THINNED
    try:
        text = thin(bodies, store=store, gen=gen, first_seq=first_seq, book=dictionary.book)
    except BadThinTextError:
        text = b""
    if not 0 < len(text) <= raw_len:  # a form with very many short values is longer than they are
        flags, text = 0, pack_bodies(bodies)
    payload = dictionary.compress(text)
    size = HEADER_BYTES + len(payload) + SIGNATURE_BYTES
    if size > FRAME_COMPRESSED_BYTES_MAX:
        raise ValueError(f"{size} bytes are over a frame's {FRAME_COMPRESSED_BYTES_MAX}")
    header = FrameHeader(
        store, gen, first_seq, len(bodies), dictionary.dict_id, raw_len, last_hash, flags
    ).pack()
    return b"".join((header, payload, sign(header + hashlib.sha256(payload).digest())))


def open_frame(frame: bytes, *, verify: Verify, dictionaries: Dictionaries) -> OpenedFrame:
    """Check a frame and return its events. Raises ProtocolViolation saying what is wrong.

    Nothing is unpacked before the signature is right.
    """
    if len(frame) > FRAME_COMPRESSED_BYTES_MAX:
        raise bad_frame(f"it has {len(frame)} bytes; {FRAME_COMPRESSED_BYTES_MAX} is the limit")
    header = parse_header(frame)
    payload = frame[HEADER_BYTES:-SIGNATURE_BYTES]
    verify(frame[-SIGNATURE_BYTES:], frame[:HEADER_BYTES] + hashlib.sha256(payload).digest())
    if header.flags & ~FLAG_THINNED:
        raise bad_frame(f"it has flags {header.flags:#06x} that this program does not know")
    if (dictionary := dictionaries.get(header.dict_id)) is None:
        raise ProtocolViolation(
            "frame_dictionary_unknown",
            f"The frame needs dictionary {header.dict_id}, which is not here.",
            advice="Update this side, or have the other one use an older dictionary.",
        )
    text = dictionary.decompress(payload, header.raw_len)
    if header.flags & FLAG_THINNED:
        bodies = _thickened(text, header, dictionary.book)
    else:
        bodies = split_bodies(text, header.count)
    size = sum(map(len, bodies)) + _LENGTH_BYTES * header.count
    if size != header.raw_len:
        raise bad_frame(f"it unpacks to {size} bytes, its header says {header.raw_len}")
    if max(map(len, bodies)) > EVENT_BYTES_MAX:
        raise bad_frame(f"it holds an event over {EVENT_BYTES_MAX} bytes")
    return OpenedFrame(header, bodies)


def _thickened(text: bytes, header: FrameHeader, book: FormBook) -> list[bytes]:
    try:
        return thicken(
            text,
            store=header.store,
            gen=header.gen,
            first_seq=header.first_seq,
            count=header.count,
            bytes_max=header.raw_len,
            book=book,
        )
    except BadThinTextError as error:
        raise bad_frame(str(error)) from None


def pack_bodies(bodies: Sequence[bytes]) -> bytes:
    """Return each body behind its length, one after the other."""
    parts: list[bytes] = [b""] * (2 * len(bodies))
    parts[::2] = [len(body).to_bytes(_LENGTH_BYTES, "big") for body in bodies]
    parts[1::2] = bodies
    return b"".join(parts)


def split_bodies(raw: bytes, count: int) -> list[bytes]:
    """Return the bodies again. Raises ProtocolViolation unless they fill `raw` exactly."""
    bodies: list[bytes] = []
    at = 0
    length_at = EVENT_LENGTH.unpack_from
    try:
        for _ in range(count):
            start = at + _LENGTH_BYTES
            at = start + length_at(raw, at)[0]
            bodies.append(raw[start:at])
    except struct.error:
        raise bad_frame(f"it ends within the length of event {len(bodies) + 1}") from None
    if at != len(raw):
        raise bad_frame(f"its {count} events take {at} bytes of {len(raw)}")
    return bodies


def bad_frame(why: str) -> ProtocolViolation:
    """Return the refusal of a frame that is not as declared."""
    return ProtocolViolation("frame_malformed", f"The frame is refused: {why}.")
