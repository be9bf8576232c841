"""Frames: exact, signed, bounded; bombs and damage are refused before they are unpacked."""

from __future__ import annotations

import hashlib
import random
import tracemalloc
from importlib import resources

import pytest
import zstandard
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from edge.contract.envelope import GENESIS, link_all
from edge.contract.errors import ProtocolViolation
from edge.contract.limits import (
    EVENT_BYTES_MAX,
    FRAME_COMPRESSED_BYTES_MAX,
    FRAME_EVENTS_MAX,
    FRAME_RAW_BYTES_MAX,
)
from edge.contract.replication import FLAG_THINNED, HEADER_BYTES, SIGNATURE_BYTES, FrameHeader
from edge.runtime.frame_codec import (
    CURRENT_DICTIONARY,
    NO_DICTIONARY,
    SHIPPED,
    FrameDictionary,
    encode_frame,
    open_frame,
    pack_bodies,
    shipped_dictionaries,
    split_bodies,
)
from edge.runtime.keys import SigningKey
from tests.bench.synthetic_sales import SyntheticShop
from tests.bench.train_dictionary import train, weigh

KEY = SigningKey(Ed25519PrivateKey.from_private_bytes(bytes(32)))
DICTIONARIES = shipped_dictionaries()


def _sales(count: int = 3, seed: int = 1) -> list[bytes]:
    shop = SyntheticShop(seed, store=7, gen=2)
    return [body for _ in range(count) for body in shop.sale()]


def _encode(bodies: list[bytes], dict_id: int = CURRENT_DICTIONARY) -> bytes:
    return encode_frame(
        store=7,
        gen=2,
        first_seq=1,
        last_hash=link_all(GENESIS, bodies),
        bodies=bodies,
        sign=KEY.sign,
        dictionary=DICTIONARIES[dict_id],
    )


def _open(frame: bytes) -> list[bytes]:
    return open_frame(frame, verify=KEY.public.verify, dictionaries=DICTIONARIES).bodies


def _signed(payload: bytes, **more: int) -> bytes:
    """A frame that a box with the right key and the wrong intentions would send."""
    fields = {"store": 7, "gen": 2, "first_seq": 1, "count": 1, "dict_id": 0, "raw_len": 100}
    header = FrameHeader(**(fields | more), last_hash=GENESIS).pack()
    return header + payload + KEY.sign(header + hashlib.sha256(payload).digest())


@pytest.mark.parametrize("dict_id", [NO_DICTIONARY, *SHIPPED])
@pytest.mark.parametrize("sales", [1, 5, 120])
def test_what_goes_in_comes_out(dict_id: int, sales: int) -> None:
    bodies = _sales(sales)
    opened = open_frame(
        _encode(bodies, dict_id), verify=KEY.public.verify, dictionaries=DICTIONARIES
    )
    assert opened.bodies == bodies
    assert opened.header.flags == FLAG_THINNED
    assert opened.header.raw_len == len(pack_bodies(bodies))
    assert opened.header.last_seq == len(bodies)
    opened.check_chain(GENESIS)


def test_a_chain_that_does_not_fit_is_said() -> None:
    opened = open_frame(_encode(_sales()), verify=KEY.public.verify, dictionaries=DICTIONARIES)
    with pytest.raises(ProtocolViolation) as caught:
        opened.check_chain(bytes([1]) * 32)
    assert caught.value.code == "frame_chain_broken"


def test_what_does_not_thin_goes_as_it_is() -> None:
    bodies = [b"\x1f", b"", b"x" * 1000]
    opened = open_frame(_encode(bodies), verify=KEY.public.verify, dictionaries=DICTIONARIES)
    assert opened.header.flags == 0
    assert opened.bodies == bodies
    opened.check_chain(GENESIS)


def test_what_would_grow_goes_as_it_is() -> None:
    data = b",".join(b'"k":%d' % (number % 10) for number in range(200))
    body = (
        b'{"store":7,"gen":2,"seq":1,"type":"x","v":1,"day":"d","at":1,"till":"","actor":"",'
        b'"data":{%b}}' % data
    )
    opened = open_frame(_encode([body]), verify=KEY.public.verify, dictionaries=DICTIONARIES)
    assert opened.header.flags == 0
    assert opened.bodies == [body]


def _zstd(raw: bytes, **more: bool) -> bytes:
    return zstandard.ZstdCompressor(**more).compress(raw)  # type: ignore[arg-type]


@pytest.mark.parametrize("count", [0, FRAME_EVENTS_MAX + 1])
def test_a_frame_holds_some_events(count: int) -> None:
    with pytest.raises(ValueError, match="holds 1 to"):
        _encode([b"x"] * count)


def test_what_is_too_large_is_not_encoded() -> None:
    with pytest.raises(ValueError, match="over a frame's"):
        _encode([b"x" * (FRAME_RAW_BYTES_MAX + 1)])
    chance = random.Random(5).randbytes(FRAME_COMPRESSED_BYTES_MAX)
    with pytest.raises(ValueError, match="over a frame's"):
        _encode([chance])


def test_a_signature_is_checked_before_anything_is_unpacked() -> None:
    class Untouchable(FrameDictionary):
        def decompress(self, payload: bytes, bytes_max: int) -> bytes:
            raise AssertionError(f"{len(payload)} bytes unpacked (to {bytes_max}) unsigned")

    frame = bytearray(_encode(_sales()))
    frame[HEADER_BYTES + 3] ^= 1
    untouchable = {1: Untouchable(1, b"")}
    with pytest.raises(ProtocolViolation) as caught:
        open_frame(bytes(frame), verify=KEY.public.verify, dictionaries=untouchable)
    assert caught.value.code == "signature_wrong"
    # the planted opposite: with a verifier that says yes to all, it would be touched
    with pytest.raises(AssertionError, match="unsigned"):
        open_frame(bytes(frame), verify=lambda _, __: None, dictionaries=untouchable)


def test_every_flipped_bit_is_refused() -> None:
    frame = _encode(_sales(1))
    chance = random.Random(20_261_122)
    for at in range(len(frame)):
        damaged = bytearray(frame)
        damaged[at] ^= 1 << chance.randrange(8)
        with pytest.raises(ProtocolViolation):
            _open(bytes(damaged))


def test_every_cut_is_refused() -> None:
    frame = _encode(_sales(1))
    for length in range(0, len(frame), 7):
        with pytest.raises(ProtocolViolation):
            _open(frame[:length])
    with pytest.raises(ProtocolViolation):
        _open(frame + b"x")


BOMB = b"\0" * 300_000_000


@pytest.mark.parametrize(
    "payload",
    [
        _zstd(BOMB),
        _zstd(BOMB, write_content_size=False),
        _zstd(b"x" * 100) + _zstd(BOMB),
        _zstd(b"x" * 100, write_content_size=False) + _zstd(BOMB, write_content_size=False),
    ],
    ids=["size stated", "size unstated", "behind another", "behind another, unstated"],
)
@pytest.mark.parametrize("flags", [0, FLAG_THINNED])
def test_a_bomb_does_not_go_off(payload: bytes, flags: int) -> None:
    frame = _signed(payload, flags=flags)
    tracemalloc.start()
    try:
        with pytest.raises(ProtocolViolation) as caught:
            _open(frame)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert caught.value.code == "frame_malformed"
    assert peak < 1_000_000


def test_the_library_alone_would_let_the_bomb_go_off() -> None:
    small = zstandard.ZstdDecompressor().decompress(_zstd(b"\0" * 1_000_000), max_output_size=10)
    assert len(small) == 1_000_000  # why the stated size is compared first


def test_a_window_over_the_limit_is_refused() -> None:
    settings = zstandard.ZstdCompressionParameters.from_level(
        3, window_log=26, write_content_size=False
    )
    writer = zstandard.ZstdCompressor(compression_params=settings).compressobj()
    payload = writer.compress(pack_bodies([b"x" * 96])) + writer.flush()
    with pytest.raises(ProtocolViolation, match=r"memory|Window"):
        _open(_signed(payload))


@pytest.mark.parametrize(
    ("payload", "more"),
    [
        (b"", {}),
        (b"garbage", {}),
        (_zstd(b"x" * 100)[:-1], {}),
        (_zstd(pack_bodies([b"x" * 96])) + b"more", {}),
        (_zstd(pack_bodies([b"x" * 96])) + _zstd(pack_bodies([b"x" * 96])), {}),
        (_zstd(pack_bodies([b"x" * 90])), {}),
        (_zstd(pack_bodies([b"x" * 96])), {"count": 2}),
        (_zstd(pack_bodies([b"x" * 40, b"x" * 52])), {}),
        (_zstd(pack_bodies([b"x" * 96])[:-1]), {}),
        (_zstd(b"\0\0\0\1x\0\0"), {"count": 2, "raw_len": 7}),
        (_zstd(b"\xff\xff\xff\xff" + b"x" * 96), {}),
        (_zstd(b""), {"raw_len": 0}),
        (_zstd(b"\x00body\x1f"), {"flags": FLAG_THINNED}),
        (_zstd(b"\x00body"), {"flags": FLAG_THINNED}),
        (_zstd(b"\x00body\x1f"), {"flags": 2}),
        (_zstd(b"\x00body\x1f"), {"flags": 0x8001}),
        (_zstd(pack_bodies([b"x" * 96])), {"count": 0}),
        (_zstd(pack_bodies([b"x" * 96])), {"first_seq": 0}),
        (_zstd(pack_bodies([b"x" * 96])), {"raw_len": FRAME_RAW_BYTES_MAX + 1}),
        (_zstd(pack_bodies([b"x" * (EVENT_BYTES_MAX + 1)])), {"raw_len": EVENT_BYTES_MAX + 5}),
        (bytes(FRAME_COMPRESSED_BYTES_MAX), {}),
    ],
)
def test_what_is_signed_and_wrong_is_refused(payload: bytes, more: dict[str, int]) -> None:
    with pytest.raises(ProtocolViolation) as caught:
        _open(_signed(payload, **more))
    assert caught.value.code == "frame_malformed"


def test_an_unknown_dictionary_is_named() -> None:
    with pytest.raises(ProtocolViolation, match="dictionary 999") as caught:
        _open(_signed(_zstd(b"x"), dict_id=999))
    assert caught.value.code == "frame_dictionary_unknown"


def test_the_length_of_the_whole() -> None:
    bodies = _sales(1)
    frame = _encode(bodies, NO_DICTIONARY)
    assert len(frame) > HEADER_BYTES + SIGNATURE_BYTES
    assert frame[:2] == b"T\x01"


def test_split_is_the_inverse_of_pack() -> None:
    bodies = [b"", b"a", b"bc" * 500]
    assert split_bodies(pack_bodies(bodies), 3) == bodies


def test_bytes_of_a_sale_are_within_the_goals() -> None:
    # counted, not timed: design/performance.md, bytes_per_sale
    weighed = weigh(DICTIONARIES[CURRENT_DICTIONARY], rounds=20)
    assert weighed["one"] <= 350
    assert weighed["five"] <= 220
    assert weighed["bulk"] <= 140


@pytest.mark.parametrize(
    ("name", "digest"),
    [
        ("1.zdict", "7eba8d689e558c0574c307b579fb545c9ed132bcc7b4ecc4caa8ee55f01fa07f"),
        ("1.forms", "5da9c3fc8af8113c2dee3e81635fcd55a058735d531f0fb2c16c7c85789824d4"),
    ],
)
def test_a_released_dictionary_never_changes(name: str, digest: str) -> None:
    file = resources.files("edge.runtime") / "dictionaries" / name
    assert hashlib.sha256(file.read_bytes()).hexdigest() == digest


def test_training_is_reproducible() -> None:
    first, second = train(2_048), train(2_048)
    assert first.content == second.content
    assert first.book.forms == second.book.forms == DICTIONARIES[1].book.forms
