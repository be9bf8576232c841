from __future__ import annotations

from devices.protocols.escpos_questions import StatusQuestions
from devices.protocols.escpos_status import PrinterText, RealTimeStatus, StatusBack
from edge.contract.device_limits import (
    PRINTER_ANSWER_MS_MAX,
    PRINTER_HEARTBEAT_MS,
    PRINTER_POLL_MS,
)

ANSWER = RealTimeStatus(1, 0x12)
REPORT = StatusBack(b"\x10\x00\x00\x0f")


def answered_round(questions: StatusQuestions, now_ms: int = 0) -> list[int]:
    kinds = []
    while (kind := questions.next_kind(now_ms)) is not None:
        kinds.append(kind)
        assert questions.next_kind(now_ms) is None  # one at a time
        questions.heard(ANSWER, now_ms)
    return kinds


def test_all_kinds_at_first_and_again_when_it_is_time() -> None:
    questions = StatusQuestions()
    assert not questions.introduced
    assert answered_round(questions) == [1, 2, 3, 4]
    assert questions.introduced
    assert questions.answers
    assert questions.wait_ms(0) == PRINTER_POLL_MS
    assert answered_round(questions, PRINTER_POLL_MS - 1) == []
    assert answered_round(questions, PRINTER_POLL_MS) == [1, 2, 3, 4]


def test_one_that_reports_by_itself_is_only_asked_whether_it_is_there() -> None:
    questions = StatusQuestions()
    questions.heard(REPORT, 0)
    questions.heard(PrinterText("x"), 0)
    assert answered_round(questions) == [1, 2, 3, 4]
    assert questions.wait_ms(0) == PRINTER_HEARTBEAT_MS
    assert answered_round(questions, PRINTER_HEARTBEAT_MS) == [1]


def test_one_that_never_answers_is_left_alone_and_never_gone() -> None:
    questions = StatusQuestions()
    now = 0
    assert questions.next_kind(now) == 1
    for _ in range(10):
        now += max(PRINTER_ANSWER_MS_MAX, questions.wait_ms(now))
        assert questions.next_kind(now) is None
        assert questions.introduced
        assert not questions.gone


def test_one_that_answered_and_falls_silent_twice_is_gone() -> None:
    questions = StatusQuestions()
    answered_round(questions)
    now = PRINTER_POLL_MS
    assert questions.next_kind(now) == 1
    now += PRINTER_ANSWER_MS_MAX
    assert questions.next_kind(now) == 1  # once more at once
    assert not questions.gone
    now += PRINTER_ANSWER_MS_MAX
    questions.next_kind(now)
    assert questions.gone


def test_an_answer_in_between_forgives_a_silence() -> None:
    questions = StatusQuestions()
    answered_round(questions)
    now = PRINTER_POLL_MS
    for _ in range(5):
        assert questions.next_kind(now) == 1
        now += PRINTER_ANSWER_MS_MAX
        assert questions.next_kind(now) == 1
        questions.heard(ANSWER, now)
        assert answered_round(questions, now) == [2, 3, 4]
        assert not questions.gone
        now += PRINTER_POLL_MS


def test_nothing_is_asked_while_somebody_writes() -> None:
    questions = StatusQuestions()
    answered_round(questions)
    questions.postpone(PRINTER_POLL_MS)
    assert questions.next_kind(PRINTER_POLL_MS) is None
    assert questions.wait_ms(PRINTER_POLL_MS) == PRINTER_ANSWER_MS_MAX
    assert questions.wait_ms(10 * PRINTER_POLL_MS) == 1
