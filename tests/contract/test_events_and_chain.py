"""Events are declared once, versions follow each other, and the chain shows every change."""

from __future__ import annotations

import hashlib
from typing import ClassVar

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.contract.envelope import GENESIS, link, link_all, seal, unseal
from edge.contract.event_registry import (
    Event,
    declare,
    declared,
    decode_data,
    is_known,
    upcast_from,
)
from edge.contract.sale_events import CashTendered


@declare
class BellRungV1(Event, frozen=True):
    TYPE: ClassVar[str] = "test_bell_rung"

    times: int


@declare
class BellRungV2(Event, frozen=True):
    TYPE: ClassVar[str] = "test_bell_rung"
    VERSION: ClassVar[int] = 2

    seconds: int


@declare
class BellRung(Event, frozen=True):
    TYPE: ClassVar[str] = "test_bell_rung"
    VERSION: ClassVar[int] = 3

    milliseconds: int
    loud: bool = False


@upcast_from("test_bell_rung", 1)
def _second(old: BellRungV1) -> Event:
    return BellRungV2(seconds=old.times * 2)


@upcast_from("test_bell_rung", 2)
def _third(old: BellRungV2) -> Event:
    return BellRung(milliseconds=old.seconds * 1000)


@pytest.mark.parametrize(
    ("version", "data", "event"),
    [
        (1, b'{"times":3}', BellRung(milliseconds=6000)),
        (2, b'{"seconds":3}', BellRung(milliseconds=3000)),
        (3, b'{"milliseconds":3,"loud":true}', BellRung(milliseconds=3, loud=True)),
        (4, b'{"anything":1}', None),
    ],
)
def test_old_versions_become_the_newest(version: int, data: bytes, event: Event | None) -> None:
    assert decode_data("test_bell_rung", version, data) == event
    assert is_known("test_bell_rung", version) == (event is not None)


def test_data_that_do_not_fit_are_an_error() -> None:
    with pytest.raises(msgspec.ValidationError):
        decode_data("test_bell_rung", 3, b'{"loud":true}')


def test_an_event_is_declared_once_and_upcast_one_way() -> None:
    with pytest.raises(ValueError, match="declared twice"):

        @declare
        class Again(Event, frozen=True):
            TYPE: ClassVar[str] = "test_bell_rung"

    with pytest.raises(ValueError, match="two upcasters"):
        upcast_from("test_bell_rung", 1)(_third)


def test_declared_events_come_in_order() -> None:
    keys = [(shape.TYPE, shape.VERSION) for shape in declared()]
    assert keys == sorted(keys)
    assert ("test_bell_rung", 2) in keys


def sealed(seq: int, amount_minor: int) -> bytes:
    return seal(
        CashTendered(sale="sale-0001", tender="1", amount_minor=amount_minor),
        store=1, gen=2, seq=seq, day="2026-11-22", at=1_795_000_000_000, till="till-1",
        actor="marta",
    )  # fmt: skip


def test_an_envelope_says_who_where_and_when() -> None:
    envelope = unseal(sealed(7, 500))
    assert (envelope.store, envelope.gen, envelope.seq) == (1, 2, 7)
    assert (envelope.type, envelope.v, envelope.day) == ("cash_tendered", 1, "2026-11-22")
    assert (envelope.at, envelope.till, envelope.actor) == (1_795_000_000_000, "till-1", "marta")
    assert envelope.event() == CashTendered(sale="sale-0001", tender="1", amount_minor=500)


def test_an_event_of_tomorrow_is_carried_unread() -> None:
    body = sealed(7, 500).replace(b'"v":1', b'"v":99')
    assert unseal(body).event() is None


def test_bytes_that_are_no_envelope_are_an_error() -> None:
    with pytest.raises(msgspec.DecodeError):
        unseal(b"{}x")
    with pytest.raises(msgspec.ValidationError):
        unseal(b"{}")


@given(amounts=st.lists(st.integers(1, 10**6), max_size=8))
def test_the_chain_is_sha_256_of_the_hash_before_and_the_bytes(amounts: list[int]) -> None:
    bodies = [sealed(seq, amount) for seq, amount in enumerate(amounts, 1)]
    expected = one_by_one = bytes(32)
    for body in bodies:
        expected = hashlib.sha256(expected + body).digest()
        one_by_one = link(one_by_one, body)
    assert link_all(GENESIS, bodies) == one_by_one == expected


@given(
    amounts=st.lists(st.integers(1, 10**6), min_size=2, max_size=8, unique=True),
    data=st.data(),
)
def test_every_change_shows_in_the_last_hash(amounts: list[int], data: st.DataObject) -> None:
    bodies = [sealed(1, amount) for amount in amounts]
    at = data.draw(st.integers(0, len(bodies) - 2))
    swapped = [*bodies[:at], bodies[at + 1], bodies[at], *bodies[at + 2 :]]
    edited = [*bodies[:at], bodies[at].replace(b"marta", b"maria"), *bodies[at + 1 :]]
    missing = bodies[:at] + bodies[at + 1 :]
    hashes = {link_all(GENESIS, each) for each in (bodies, swapped, edited, missing)}
    assert len(hashes) == 4
