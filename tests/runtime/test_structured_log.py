from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from edge.contract.limits import (
    LOG_FIELD_CHARS_MAX,
)
from edge.runtime.log_tail import LogTail
from edge.runtime.structured_log import open_log
from tests.virtual_time import FakeClock


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_says_when_what_and_to_what() -> None:
    stream = io.StringIO()
    log = open_log("devices", stream, clock=FakeClock(1_795_373_347_123))
    log.bind(device="printer-1").warning("device_lost", after_ms=2_000)
    assert lines(stream) == [
        {
            "ts": "2026-11-22T18:49:07.123Z",
            "level": "warning",
            "event": "device_lost",
            "process": "devices",
            "device": "printer-1",
            "after_ms": 2_000,
        }
    ]


def test_levels_below_the_chosen_one_are_not_written() -> None:
    stream = io.StringIO()
    log = open_log("edge", stream, level="warning")
    log.debug("a")
    log.info("b")
    log.warning("c")
    log.bind(x=1).error("d")
    assert [(line["event"], line["level"]) for line in lines(stream)] == [
        ("c", "warning"),
        ("d", "error"),
    ]
    everything = io.StringIO()
    open_log("edge", everything, level="debug").debug("a")
    assert [line["level"] for line in lines(everything)] == ["debug"]


def test_text_from_outside_forges_no_line_and_no_head() -> None:
    stream = io.StringIO()
    open_log("edge", stream).info(
        "scan", text='a"\n{"level":"error"}\x1b[2J', ts="never", level="error"
    )
    (line,) = lines(stream)
    assert line["level"] == "info"
    assert line["text"] == 'a"\n{"level":"error"}\x1b[2J'
    assert "\x1b" not in stream.getvalue()


@pytest.mark.parametrize("name", ["password", "pin", "secret", "token", "pepper", "passphrase"])
def test_a_field_named_like_a_secret_is_hidden(name: str) -> None:
    stream = io.StringIO()
    open_log("edge", stream).info("x", **{name: "4711"})
    assert "4711" not in stream.getvalue()
    assert lines(stream)[0][name] == "(hidden)"


class Sullen:
    def __str__(self) -> str:
        raise RuntimeError("no words")

    def __repr__(self) -> str:
        return "<sullen>"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Path("/x"), "/x"),
        (b"\x1bp", "1b70"),
        (ValueError("bad"), "bad"),
        ({"a": [1]}, {"a": [1]}),
        ("\udcff", "\\udcff"),
        (Sullen(), "<sullen>"),
        (
            "x" * (LOG_FIELD_CHARS_MAX + 1),
            "x" * LOG_FIELD_CHARS_MAX + f"… ({LOG_FIELD_CHARS_MAX + 1} characters)",
        ),
    ],
)
def test_any_value_is_shown_somehow(value: object, shown: object) -> None:
    stream = io.StringIO()
    open_log("edge", stream).info("x", value=value)
    assert lines(stream)[0]["value"] == shown


class FullDisk(io.StringIO):
    def write(self, _: str) -> int:
        raise OSError(28, "No space left on device")


def test_a_log_that_cannot_be_written_stops_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    open_log("edge", FullDisk()).error("x")
    closed = io.StringIO()
    closed.close()
    open_log("edge", closed).error("x")
    open_log("edge").error("to standard error")
    assert json.loads(capsys.readouterr().err)["event"] == "to standard error"


def test_who_listens_hears_each_line_that_is_written_of_bound_logs_too() -> None:
    stream, heard = io.StringIO(), list[str]()
    log = open_log("edge", stream)
    stop = log.listen(heard.append)
    log.info("one", pin="2580")
    log.bind(host="box").warning("two")
    log.debug("below the level")
    stop()
    log.info("three")
    assert heard == stream.getvalue().splitlines()[:2]
    assert "2580" not in heard[0]


def test_the_tail_of_a_log_keeps_the_newest_lines() -> None:
    tail = LogTail(chars_max=10)
    for line in ("aaaa", "bbbb", "cc", "ddd"):
        tail.take(line)
    assert tail.lines() == ("bbbb", "cc", "ddd")
    tail.take("x" * 11)
    assert tail.lines() == ()
