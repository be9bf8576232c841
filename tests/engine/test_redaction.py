"""What may leave the shop: secrets, names and cards are planted, and searched for."""

from __future__ import annotations

import ast
import base64
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge.engine.redaction import (
    LOG_FIELDS_KEPT,
    LOG_FIELDS_LEFT_OUT,
    Redactor,
    is_secret,
)
from edge.engine.text_safety import without_pans

EDGE = Path(__file__).parents[2] / "edge"
CLEAN = Redactor(("Marta Nowak", "marta", "João"), ("s3cret/of+the=box",))
TOKEN = "dGhpcyBpcyBhIHNlc3Npb24gdG9rZW4x"
UUID = "0199f0a4-9b02-7f60-9c11-5e0a44d1b7ac"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Marta Nowak paid", "(person) paid"),
        ("by MARTA, then joão.", "by (person), then (person)."),
        ("Nowak's", "(person)'s"),
        ("martagon and Martas", "martagon and Martas"),  # other words
        ("key s3cret/of+the=box here", "key (hidden) here"),
        (f"cookie {TOKEN} of", "cookie (hidden) of"),
        (f"job {UUID}", f"job {UUID}"),
        ("card 4111 1111-1111 1111!", "card (card number)!"),
        ("codes ٤١١١١١١١١١١١١١١١ and 5601009924022", "codes (card number) and 5601009924022"),
        (
            "terminal_day_differs_from_the_ledger_again",
            "terminal_day_differs_from_the_ledger_again",
        ),
    ],
)
def test_a_text_has_nobodys_data(text: str, told: str) -> None:
    assert CLEAN.text(text) == told


def test_rows_of_digits_that_are_no_card_stay() -> None:
    for text in ("", "at 1795000000123", "GTIN 9520000000011", "1234 5678 9012 3456"):
        assert without_pans(text) == text
    assert without_pans("a 4111111111111111 b 5500005555555559 c") == (
        "a (card number) b (card number) c"
    )


def test_without_names_nothing_is_taken_for_one() -> None:
    assert Redactor(()).text("Anybody") == "Anybody"


def test_settings_show_files_and_hide_secrets() -> None:
    given = {
        "address": "tcp://192.0.2.7:20007",
        "password": "123456", "pin": "0000", "api_key": "k", "Token": "t", "pepper": "p",
        "password_file": "zvt.password", "key_file": "adyen.key", "keyboard_layout": "de",
        "nested": [{"client_secret": "x"}, {"columns": 48}], "empty_secret": "",
    }  # fmt: skip
    told = CLEAN.plain(given)
    hidden = {name for name, value in told.items() if value == "(hidden)"}
    assert hidden == {"password", "pin", "api_key", "Token", "pepper"}
    assert told["password_file"] == "zvt.password"
    assert told["keyboard_layout"] == "de"
    assert told["nested"] == [{"client_secret": "(hidden)"}, {"columns": 48}]
    assert told["empty_secret"] == ""
    assert is_secret("service_token")


def test_a_line_of_the_log_keeps_what_is_known_to_be_harmless() -> None:
    line = msgspec.json.encode(
        {"ts": "t", "event": "x", "by": "marta", "reason": "Marta said no", "till": "till-1",
         "what_nobody_named_yet": "Jan"}
    ).decode()  # fmt: skip
    assert msgspec.json.decode(CLEAN.log_line(line)) == {
        "ts": "t", "event": "x", "by": "(left out)", "reason": "(person) said no",
        "till": "till-1", "what_nobody_named_yet": "(left out)",
    }  # fmt: skip
    for garbage in ("", "no json", "[1]", "\ud800"):
        assert "left out" in CLEAN.log_line(garbage)


def test_every_field_that_the_box_logs_was_thought_of() -> None:
    """A new field of a log line is either harmless or left out: whoever adds it says which."""
    logged: dict[str, str] = {}
    for path in EDGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            of_a_log = "log" in ast.unparse(node.func.value).lower().split(".")[-1]
            if node.func.attr in {"debug", "info", "warning", "error", "bind"} and of_a_log:
                logged |= {each.arg: str(path) for each in node.keywords if each.arg}
    assert len(logged) > 30
    unknown = set(logged) - LOG_FIELDS_KEPT - LOG_FIELDS_LEFT_OUT
    assert unknown == set(), {name: logged[name] for name in unknown}
    assert not LOG_FIELDS_KEPT & LOG_FIELDS_LEFT_OUT


def recording(*entries: tuple[str, bytes]) -> str:
    heading = {"tillbox_recording": 1, "device": "d", "driver": "x", "words": "Marta",
               "settings": {"password": "1234", "columns": 48}}  # fmt: skip
    lines: list[dict[str, Any]] = [heading]
    lines += [
        {"at_ms": at, "way": way, "data": base64.b64encode(data).decode()}
        for at, (way, data) in enumerate(entries)
    ]
    return "\n".join(msgspec.json.encode(line).decode() for line in lines)


JOB = b'{"id":"job-1","kind":"print_receipt","args":{"document":"Marta"},"deadline":1}'
ENTRIES = (("in", b"\x12\x00"), ("out", b"Served by Jan"), ("note", b"connected by Marta"),
           ("job", JOB), ("job", b"\xff"), ("end", b'{"id":"job-1","status":"done"}'))  # fmt: skip


@pytest.mark.parametrize(
    ("device_class", "heard", "said"),
    [
        ("terminal", True, True), ("scale", True, True), ("drawer", True, True),
        ("printer", True, False), ("labels", True, False),
        ("scanner", False, False), ("display", False, False), ("what comes next", False, False),
    ],
)  # fmt: skip
def test_a_recording_keeps_what_is_of_the_device_alone(
    device_class: str, heard: bool, said: bool
) -> None:
    lines = list(map(msgspec.json.decode, CLEAN.recording(recording(*ENTRIES), device_class)))
    assert lines[0]["words"] == "(person)"
    assert lines[0]["settings"] == {"password": "(hidden)", "columns": 48}
    came, went, note, job, garbled, ended = lines[1:]
    assert came == {"at_ms": 0, "way": "in"} | ({"data": "EgA="} if heard else {"bytes": 2})
    assert ("data" in went, went.get("bytes")) == ((True, None) if said else (False, 13))
    assert note["words"] == "connected by (person)"
    assert job == {"at_ms": 3, "way": "job", "id": "job-1", "kind": "print_receipt"}
    assert garbled == {"at_ms": 4, "way": "job", "bytes": 1}
    assert ended["words"] == '{"id":"job-1","status":"done"}'


def test_a_recording_of_rubbish_is_no_recording() -> None:
    text = 'rubbish\n[]\n{"way":"in","data":"?"}\n{"way":{"a":"Marta"}}'
    assert list(CLEAN.recording(text, "printer")) == ['{"way":"in"}', '{"words":""}']
