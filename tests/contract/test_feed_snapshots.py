"""How a feed is cut and named, what is signed of it, and the bundles that carry it."""

from __future__ import annotations

import hashlib
import random

import pytest

from edge.contract.errors import ProtocolViolation
from edge.contract.feed_snapshots import (
    Chunk,
    SnapshotOffer,
    bits,
    bundle,
    chunk_name,
    cut,
    list_hashes,
    missing_of,
    opened_bundle,
    plain_items,
    snapshot_bytes,
)
from edge.contract.reference_data import Feed
from edge.contract.snapshot_limits import SNAPSHOT_CHUNK_BYTES_MAX, SNAPSHOT_CHUNK_ITEMS_MAX

PRICE = b'{"sku":"100","price_minor":129}'


def items(count: int = 50_000, seed: int = 1) -> list[tuple[str, bytes]]:
    chance = random.Random(seed)
    numbers = sorted(str(number) for number in range(count))
    return [(key, b'{"price_minor":%d}' % chance.randrange(9_999)) for key in numbers]


def names(of: list[tuple[str, bytes]]) -> list[bytes]:
    return [chunk.name for chunk in cut(of)]


def test_a_chunk_is_named_by_all_that_is_in_it() -> None:
    plain = (
        b"\x00\x00\x00\x03100\x00\x00\x00\x1f"
        + PRICE
        + b"\x00\x00\x00\x02\xc3\xa9\x00\x00\x00\x011"
    )
    both = [("100", PRICE), ("é", b"1")]
    assert plain_items(both) == plain
    assert chunk_name(both) == hashlib.sha256(plain).digest()


def test_what_is_signed_is_every_part_of_an_offer() -> None:
    lists = hashlib.sha256(bytes(32)).digest()
    offer = SnapshotOffer(Feed.PRICE, "harbour-street", 70, 1, lists, 9, "ab")
    root = hashlib.sha256(lists).hexdigest()
    signed = b"tillbox snapshot v1|hill-road|price|harbour-street|70|9|1|" + root.encode()
    assert snapshot_bytes("hill-road", offer) == signed
    assert list_hashes(bytes(32)) == lists


def test_keys_alone_say_where_a_feed_is_cut() -> None:
    """First four bytes of SHA-256 of the key below 2**32 / 64: of 0 to 199 it is these."""
    begins = [chunk.items[0][0] for chunk in cut(items(200))]
    by_hand = [
        key
        for key, _ in items(200)
        if int(hashlib.sha256(key.encode()).hexdigest()[:8], 16) < 67_108_864
    ]
    assert begins == ["0", *by_hand]
    assert 0 < len(by_hand) < 10


def test_changes_leave_most_chunks_as_they_are() -> None:
    before = items()
    mean = len(before) / len(names(before))
    assert 56 < mean < 72
    known = set(names(before))
    # 500 prices anywhere
    chance = random.Random(2)
    changed = dict(before)
    for key in chance.sample([key for key, _ in before], 500):
        changed[key] = b'{"price_minor":1}'
    others = [name for name in names(sorted(changed.items())) if name not in known]
    assert 0.3 * len(known) < len(others) < 0.6 * len(known)
    # 500 prices of one supplier
    together = dict(before)
    for key, _ in before[20_000:20_500]:
        together[key] = b'{"price_minor":1}'
    assert len(set(names(sorted(together.items()))) - known) < 20


@pytest.mark.parametrize("seed", range(20))
def test_a_key_more_or_less_changes_two_chunks_at_most(seed: int) -> None:
    chance = random.Random(seed)
    before = items(5_000)
    known = set(names(before))
    less = [each for each in before if each != chance.choice(before)]
    place = chance.randrange(len(before))
    del (less := list(before))[place]
    assert len(set(names(less)) - known) <= 1
    more = sorted([*before, (f"{chance.randrange(5_000)}-new", b"1")])
    assert len(set(names(more)) - known) <= 2


def test_no_chunk_is_larger_than_its_limits() -> None:
    never_begins = [key for key, _ in items() if len(names([("0", b""), (key, b"")])) == 1]
    chunks = list(cut((key, b"1") for key in never_begins))
    assert max(len(chunk.items) for chunk in chunks) == SNAPSHOT_CHUNK_ITEMS_MAX
    large = list(cut((key, b"x" * 65_000) for key in never_begins[:9]))
    assert [len(chunk.items) for chunk in large] == [4, 4, 1]
    assert all(len(plain_items(each.items)) <= SNAPSHOT_CHUNK_BYTES_MAX for each in large)
    assert list(cut(())) == []
    assert Chunk(chunk_name(never_begins and [("a", b"1")]), (("a", b"1"),)) in cut([("a", b"1")])


def test_bits_say_what_is_held() -> None:
    held = bits([True, False, True, True, False, False, False, False, True])
    assert held == b"\xb0\x80"
    assert missing_of(held, 9) == [1, 4, 5, 6, 7]
    assert missing_of(held, 11) == [1, 4, 5, 6, 7, 9, 10]
    assert missing_of(b"", 2) == [0, 1]
    assert missing_of(b"", 0) == []


# --- bundles -----------------------------------------------------------------------------

ROOT = "0b" * 32
BUNDLE = b"C\x05price" + b"\x0b" * 32 + b"\x00\x00\x00\x03abc\x00\x00\x00\x00\x00\x00\x00\x01d"


def test_a_bundle_is_laid_out_as_it_says() -> None:
    assert bundle(Feed.PRICE, ROOT, (b"abc", b"", b"d")) == BUNDLE
    opened = opened_bundle(BUNDLE)
    assert (opened.feed, opened.root, opened.blobs) == (Feed.PRICE, ROOT, (b"abc", b"", b"d"))
    assert opened_bundle(bundle(Feed.COUPON, ROOT, ())).blobs == ()


@pytest.mark.parametrize("size", range(len(BUNDLE)))
def test_half_a_bundle_is_refused_or_ends_behind_a_blob(size: int) -> None:
    ends = {39: 0, 46: 1, 50: 2}
    if size in ends:
        assert len(opened_bundle(BUNDLE[:size]).blobs) == ends[size]
        return
    with pytest.raises(ProtocolViolation, match="bundle of chunks is refused"):
        opened_bundle(BUNDLE[:size])


@pytest.mark.parametrize(
    "spoilt",
    [
        b"P" + BUNDLE[1:],
        BUNDLE.replace(b"price", b"prize"),
        BUNDLE.replace(b"price", b"pr\xffce"),
        BUNDLE + b"\x00",
        BUNDLE + b"\xff\xff\xff\xff",
    ],
)
def test_a_bundle_that_is_none_is_refused(spoilt: bytes) -> None:
    with pytest.raises(ProtocolViolation):
        opened_bundle(spoilt)


def test_garbage_is_refused_in_words_only() -> None:
    chance = random.Random(20_261_127)
    for _ in range(3_000):
        message = bytearray(BUNDLE)
        for _ in range(chance.randint(1, 4)):
            message[chance.randrange(len(message))] = chance.randrange(256)
        try:
            opened_bundle(bytes(message))
        except ProtocolViolation as error:
            assert error.code == "bundle_malformed"  # noqa: PT017 - most are, some are not
