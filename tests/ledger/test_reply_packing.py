"""Answers in the ledger: packed with a dictionary that never changes, older ones still read."""

from __future__ import annotations

import hashlib
import sqlite3
import zlib
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from edge.contract.till_protocol import DeviceView, LineView, LinkView, TillState, TillView
from edge.ledger.event_log import MIGRATIONS
from edge.ledger.packing import FIFTH, JOB_WORDS, JOBS, REPLIES, REPLY_WORDS, DamagedTextError
from edge.ledger.reply_packing import FIRST, FOURTH, SECOND, THIRD
from edge.runtime.migrations import apply
from tests.ledger.ledger_at import ledger_at

SCANNER = DeviceView("scanner-1", "scanner", "ready", well=True)


@given(st.binary(max_size=6_000))
def test_what_was_packed_is_read_as_it_was(reply: bytes) -> None:
    for texts in (REPLIES, JOBS):
        assert texts.unpack(texts.pack(reply)) == reply
    for before in (FIRST, SECOND, THIRD, FOURTH):
        assert REPLIES.unpack(packed_with(before, reply)) == reply, "packed by zlib"
    for texts in (REPLIES, JOBS):
        assert texts.unpack(zlib.compress(reply)) == reply, "packed before there was a dictionary"


def packed_with(dictionary: bytes, reply: bytes) -> bytes:
    packing = zlib.compressobj(1, zlib.DEFLATED, 12, 5, zlib.Z_DEFAULT_STRATEGY, dictionary)
    return packing.compress(reply) + packing.flush()


def test_a_view_of_today_packs_to_less_than_before_its_fields_were_known() -> None:
    line = LineView(
        "1", "Tea", 1000, 299, 299, "U1", "piece", "standard", voided=False, entry="keyed"
    )
    shown = TillView(
        version=7,
        till="till-1",
        state=TillState.OPEN,
        sale_id="sale-1",
        receipt_number=None,
        lines=(line,),
        tenders=(),
        taxes=(),
        total_minor=299,
        due_minor=299,
        change_minor=0,
        rounding_minor=0,
        currency="EUR",
        opened_at=1,
        devices=(),
        link=LinkView("up", 0, 0),
        notice=None,
        dots=None,
        receipt=None,
    )
    view = msgspec.json.encode(shown)
    assert len(REPLIES.pack(view)) < len(packed_with(FOURTH, view))
    assert len(packed_with(FOURTH, view)) < 0.7 * len(packed_with(FIRST, view))


def test_the_dictionaries_are_those_that_ledgers_were_written_with() -> None:
    dictionaries = (FIRST, SECOND, THIRD, FOURTH, FIFTH, REPLY_WORDS, JOB_WORDS)
    assert [hashlib.sha256(each).hexdigest() for each in dictionaries] == [
        "2dae3995bf6a3425085349b26be93d658ee2d21784c5f1995d8936d2e6139d07",
        "a4be535bfe123e6f4074a538e582f2eaa94801eaa63749237e018a23dc3f6b28",
        "e3a46a1deee422716098e21d3e4d170a86a09199c28ad0206522fa7fc5709f04",
        "c79b34e116aad5d02f15e0cf9366bdb364b7d699f4a9aea939c81d2176c6b29f",
        "22e7bd065c5be852025e4575eca11eb7269589ed0635a211eaed77f4d255dfad",
        "c5fa9ff09a369a3eff9936258fcb3343137bfa4edef3cf373e0a8c812ed32a00",
        "5332f95448ab279d93465726b2d4533896565b6892f7c669e3fc84cdcaa9cb4b",
    ]


def test_what_the_program_before_packed_is_read() -> None:
    stored = bytes.fromhex("0104005d0000087d02006b8313e2164320cb91bbed")
    assert REPLIES.unpack(stored) == b'{"version":7,"till":"till-1"}'


_PACKED = REPLIES.pack(b'{"version":7,"till":"till-1"}')


@pytest.mark.parametrize(
    "stored",
    [
        b"",
        b"x",
        b"xx",
        b"x\x20",
        packed_with(b"another", b"{}"),
        packed_with(FIRST, b"{}")[:-1],
        b"\x01",
        _PACKED[:-1],
        _PACKED + b"x",
        JOBS.pack(b"{}"),
    ],
)
def test_what_is_no_answer_is_said(stored: bytes) -> None:
    with pytest.raises(DamagedTextError):
        REPLIES.unpack(stored)


def test_a_flipped_bit_never_makes_another_answer() -> None:
    answer, found = REPLIES.unpack(_PACKED), 0
    for place in range(8 * len(_PACKED)):
        flipped = bytearray(_PACKED)
        flipped[place // 8] ^= 1 << place % 8
        try:
            # a few bits of the head say nothing of the text: how large a window may be
            assert REPLIES.unpack(bytes(flipped)) == answer
        except DamagedTextError:
            found += 1
    assert found > 8 * len(_PACKED) - 16


def test_an_answer_with_a_field_that_is_rarely_set_is_read_as_it_was() -> None:
    assert b"weighs_at_price" not in msgspec.json.encode(SCANNER)
    scale = msgspec.structs.replace(SCANNER, role="scale", weighs_at_price=True)
    view = msgspec.json.encode(scale)
    assert b'"weighs_at_price":true' in view
    assert REPLIES.unpack(REPLIES.pack(view)) == view
    # and what was said before there was the field is a device without it
    assert msgspec.json.decode(msgspec.json.encode(SCANNER), type=DeviceView) == SCANNER


def test_the_newest_dictionary_knows_every_field_of_a_view() -> None:
    """When this fails, add a dictionary: what views say is written into each answer whole.

    A field that is unset where it has nothing to say stands in hardly any answer.
    """
    shapes = [TillView]
    for shape in shapes:
        for field in msgspec.structs.fields(shape):
            if field.default is UNSET:
                continue
            assert f'"{field.encode_name}":'.encode() in REPLY_WORDS, (
                f"{shape.__name__}.{field.name}"
            )
            shapes += [each for each in structs_in(field.type) if each not in shapes]
    assert len(shapes) > 8


def structs_in(annotation: Any) -> list[Any]:
    """Return the structs that a field may hold."""
    if isinstance(annotation, type) and issubclass(annotation, msgspec.Struct):
        return [annotation]
    return [each for part in get_args(annotation) for each in structs_in(part)]


async def test_jobs_that_were_open_before_an_update_are_open_after_it(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    old = sqlite3.connect(path, isolation_level=None)
    apply(old, MIGRATIONS[:1])
    row = ("printer", "till-1", "sale-1", "printer-1", 0, 99, zlib.compress(b"{}"))
    for job_id in ("z-first", "a-second"):
        old.execute(
            "INSERT INTO device_job (job_id, kind, till, sale, device, attempt, deadline, args)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (job_id, *row),
        )
    old.close()
    async with ledger_at(path) as ledger:
        jobs = await ledger.open_jobs()
    assert [(job.job_id, job.args) for job in jobs] == [("z-first", b"{}"), ("a-second", b"{}")]
