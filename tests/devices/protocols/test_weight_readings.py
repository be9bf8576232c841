from __future__ import annotations

import random

import pytest

from devices.protocols.weight_readings import AnswerReader, framed, grams
from tests.devices.protocols.answer_cases import check_case

SEED = 20_261_127
BYTES_MAX = 10


def reader() -> AnswerReader[str]:
    def read(text: bytes) -> str | None:
        return text.decode("ascii") if text.isalpha() else None

    return AnswerReader(framed(0x02, 0x0D, BYTES_MAX, read), BYTES_MAX)


@pytest.mark.parametrize(
    ("digits", "expected"),
    [
        (b"0.742", 742),
        (b"  0.742", 742),
        (b"00.742", 742),
        (b"1.5", 1_500),
        (b"1.05", 1_050),
        (b"9999.999", 9_999_999),
        (b"0.0", 0),
        (b"0.7421", None),
        (b"742", None),
        (b"0.", None),
        (b".742", None),
        (b"0 .742", None),
        (b"0.742 ", None),
        (b"-0.742", None),
        (b"12345.0", None),
        (b"", None),
        ("\u0660.742".encode(), None),
    ],
)
def test_digits_are_grams_or_nothing(digits: bytes, expected: int | None) -> None:
    assert grams(digits) == expected


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (b"\x02yes\r", ["yes"]),
        (b"\x02yes\r\x02no\r", ["yes", "no"]),
        (b"x\x02yes\r", [None, "yes"]),
        (b"xyz\x02yes\rzyx\x02no\r", [None, "yes", None, "no"]),
        (b"\x02ye\x02no\r", [None, "no"]),
        (b"\x02\x02no\r", [None, "no"]),
        (b"\x0299\r\x02no\r", [None, "no"]),
        (b"\x02abcdefgh\r", ["abcdefgh"]),
        (b"\x02abcdefghi\r", [None]),
        (b"\x02abcdefghi\x02no\r", [None, "no"]),
        (b"\x02ye", []),
        (b"", []),
    ],
)
def test_messages_are_cut_out_of_bytes(sent: bytes, expected: list[str | None]) -> None:
    check_case(reader, sent, expected)


def test_a_message_that_broke_off_is_given_up() -> None:
    answers = reader()
    assert answers.feed(b"\x02ye") == []
    assert answers.flush() == [None]
    assert answers.flush() == []
    assert answers.feed(b"s\r") == [None]


def test_no_more_is_held_than_one_message() -> None:
    chance = random.Random(SEED)
    answers = reader()
    for _ in range(2_000):
        answers.feed(bytes(chance.choices(b"\x02\x02\x02\rabc1", k=chance.randint(0, 40))))
        assert len(answers._buffer) < BYTES_MAX
