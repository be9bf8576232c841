"""What an event looks like on disk and on the wire never changes by accident."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import msgspec
import pytest

from edge.contract.envelope import unseal
from edge.contract.event_registry import Event
from tests.golden.event_cases import CASES, FOLDER, declared_events, golden, least_of, name_of

NAMES = {name_of(event): event for event in CASES}


def read(name: str) -> dict[str, Any]:
    forms: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    return forms


def test_every_declared_event_has_a_case_and_a_file_and_nothing_else_has() -> None:
    assert sorted(NAMES) == sorted(declared_events())
    assert len(NAMES) == len(CASES)
    assert sorted(path.name for path in FOLDER.iterdir()) == sorted(f"{n}.json" for n in NAMES)


@pytest.mark.parametrize("event", CASES, ids=name_of)
def test_the_bytes_are_those_of_the_file(event: Event) -> None:
    assert (FOLDER / f"{name_of(event)}.json").read_text("utf-8") == golden(event)


@pytest.mark.parametrize("event", CASES, ids=name_of)
def test_the_file_is_read_back_as_the_event(event: Event) -> None:
    forms = read(name_of(event))
    assert unseal(forms["full"]["canonical"].encode()).event() == event
    assert unseal(forms["least"]["canonical"].encode()).event() == least_of(event)


@pytest.mark.parametrize("event", CASES, ids=name_of)
def test_the_hash_is_a_plain_sha_256_after_32_zero_bytes(event: Event) -> None:
    forms = read(name_of(event))
    for form in (forms["full"], forms["least"]):
        plain = hashlib.sha256(bytes(32) + form["canonical"].encode()).hexdigest()
        assert form["hash"] == plain


@pytest.mark.parametrize("event", CASES, ids=name_of)
def test_the_full_form_shows_every_field(event: Event) -> None:
    data = json.loads(read(name_of(event))["full"]["canonical"])["data"]
    assert list(data) == [field.encode_name for field in msgspec.structs.fields(type(event))]


@pytest.mark.parametrize("name", sorted(declared_events()))
def test_no_event_holds_a_float_or_a_dictionary(name: str) -> None:
    described = repr(msgspec.inspect.type_info(declared_events()[name]))
    assert "FloatType" not in described
    assert "DictType" not in described
    assert "AnyType" not in described
