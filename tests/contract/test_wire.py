"""Strict JSON: what parsers differ about is refused, the rest is read."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edge.contract import wire
from edge.contract.errors import Refused
from edge.contract.limits import (
    JSON_NESTING_MAX,
)
from edge.contract.till_commands import AddItem, AnyTillCommand
from edge.contract.wire import decode_strict, encode


class Pair(msgspec.Struct):
    left: int
    right: str = ""


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "not_json"),
        (b"{", 400, "not_json"),
        (b'{"left": 1} x', 400, "not_json"),
        (b'{"left": 1, "right": "\xff"}', 400, "not_json"),
        (b'{"left": 1, "right": "\x01"}', 400, "not_json"),
        (b"\xef\xbb\xbf{}", 400, "not_json"),
        ('{"left": 1}'.encode("utf-16"), 400, "not_json"),
        ('{"left": 1}'.encode("utf-32-le"), 400, "not_json"),
        (b'{"left": 1, "right": "\\ud83d"}', 400, "not_json"),
        (b'{"left": 1, "right": "\\uDE00\\uD83D"}', 400, "not_json"),
        (b'{"left": NaN}', 400, "json_not_strict"),
        (b'{"left": Infinity}', 400, "json_not_strict"),
        (b'{"left": -Infinity}', 400, "json_not_strict"),
        (b'{"left": 1, "left": 2}', 400, "json_not_strict"),
        (b'{"left": {"a": 1, "b": 2, "a": 3}}', 400, "json_not_strict"),
        (b"[" * 100_000, 400, "json_too_deep"),
        (b"[" * 33 + b"]" * 33, 400, "json_too_deep"),
        # text that never ends: looking for its end from each quote anew would take minutes
        (b"[" * 33 + b'"' + b'\\"' * 32_000, 400, "json_too_deep"),
        (b"[" * 33 + b'"' + b'\\"' * 32_000 + b"\\", 400, "json_too_deep"),
        (b"[" * 20 + b"]" * 20 + b'["' + b"[" * 20, 400, "not_json"),
        (b'{"left": ' + b'{"a":' * 40 + b"1" + b"}" * 40 + b"}", 400, "json_too_deep"),
        (b'{"left": "one"}', 422, "wrong_shape"),
        (b'{"left": 1.5}', 422, "wrong_shape"),
        (b"{}", 422, "wrong_shape"),
        (b"[1]", 422, "wrong_shape"),
        (b"null", 422, "wrong_shape"),
        (b'{"left": 1e400}', 422, "wrong_shape"),
    ],
)
def test_bodies_are_refused_in_words(body: bytes, status: int, code: str) -> None:
    with pytest.raises(Refused) as refused:
        decode_strict(body, Pair, what="The body")
    assert (refused.value.status, refused.value.code) == (status, code)
    assert refused.value.message.startswith("The body")


def test_the_key_that_stands_twice_is_named() -> None:
    with pytest.raises(Refused, match="'b' stands twice"):
        decode_strict(b'{"a": 1, "b": 2, "b": 3, "a": 4}', Pair, what="The body")


def test_brackets_in_texts_and_side_by_side_are_no_depth() -> None:
    body = json.dumps({"left": 1, "right": "[{" * 200 + '\\" [[['}).encode()
    assert decode_strict(body, Pair, what="The body").right.startswith("[{")
    many: list[list[int]] = decode_strict(encode([[1]] * 500), list[list[int]], what="The body")
    assert len(many) == 500


def test_the_deepest_allowed_body_is_read() -> None:
    body = b"[" * JSON_NESTING_MAX + b"]" * JSON_NESTING_MAX
    assert decode_strict(body, list[Any], what="The body")


def test_a_whole_surrogate_pair_is_one_character() -> None:
    body = b'{"left": 1, "right": "\\ud83d\\ude00 \\\\ud800"}'
    assert decode_strict(body, Pair, what="The body").right == "\U0001f600 \\ud800"


@given(left=st.integers(-(2**53), 2**53), right=st.text())
def test_what_is_written_is_read(left: int, right: str) -> None:
    pair = Pair(left, right)
    assert decode_strict(encode(pair), Pair, what="The pair") == pair


@given(
    body=st.binary(max_size=80) | st.text(alphabet='{}[]":,\\ 1aNn', max_size=60).map(str.encode)
)
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    outcome: object
    try:
        outcome = decode_strict(body, dict[str, Any], what="The body")
    except Refused as refused:
        outcome = refused.status
    assert isinstance(outcome, dict) or outcome in {400, 422}


@pytest.mark.parametrize(
    "body",
    [
        b'{"type": "add_item", "command_id": "short", "code": "1"}',
        b'{"type": "add_item", "command_id": "command-1", "code": ""}',
        b'{"type": "add_item", "command_id": "command-1", "code": "1", "extra": 1}',
        b'{"type": "sing", "command_id": "command-1"}',
        b'{"command_id": "command-1", "code": "1"}',
        b'{"type": "take_cash", "command_id": "command-1", "amount_minor": 1.5}',
        b'{"type": "take_cash", "command_id": "command-1", "amount_minor": true}',
    ],
)
def test_commands_out_of_shape_are_refused(body: bytes) -> None:
    with pytest.raises(Refused) as refused:
        decode_strict(body, AnyTillCommand, what="The command")  # type: ignore[arg-type]  # a union is a shape
    assert refused.value.status == 422


def test_a_command_is_one_piece_unless_it_says_otherwise() -> None:
    body = b'{"type": "add_item", "command_id": "command-1", "code": "4101"}'
    command: Any = decode_strict(body, AnyTillCommand, what="The command")  # type: ignore[arg-type]  # a union is a shape
    assert command == AddItem(command_id="command-1", code="4101", quantity=1000)


@given(
    body=st.text(alphabet='{}[]":,\\ 1aN', max_size=40).map(str.encode)
    | st.lists(
        st.tuples(
            st.sampled_from(["a", "b", "a:b", "\\u0061"]), st.sampled_from(["1", "{}", "[]", ":"])
        ),
        max_size=4,
    ).map(
        lambda pairs: (
            "{" + ", ".join(f'"{key}" : ' + value.replace(":", '":"') for key, value in pairs) + "}"
        ).encode()
    )
)
@example(body=b'{"a":1,"a" : 2}')
@example(body=b'{"a":{"b":1,"b":2},"c:":1}')
@example(body=b'{"a":1,"\\u0061":2}')
@example(body=b'{"a":"\\ud800"}')
def test_the_quick_look_at_a_flat_body_lets_nothing_through(body: bytes) -> None:
    def verdict() -> object:
        try:
            return decode_strict(body, dict[str, Any], what="The body")
        except Refused as refused:
            return refused.code, refused.message

    quick = verdict()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(wire, "_is_flat", lambda _: False)
        assert quick == verdict()
