"""When a Star printer is asked, and when it counts as gone."""

from __future__ import annotations

from devices.protocols.star_questions import StarQuestions


def test_it_is_asked_at_first_and_left_alone_when_it_says_nothing() -> None:
    questions = StarQuestions()
    assert questions.to_be_asked(0)
    assert not questions.introduced
    assert questions.wait_ms(0) == 1_000
    assert not questions.to_be_asked(999)
    assert not questions.to_be_asked(1_000)
    assert questions.introduced
    assert not questions.answers
    for now in range(1_000, 200_000, 500):
        assert not questions.to_be_asked(now)
        assert not questions.gone


def test_one_that_answers_is_asked_every_three_seconds() -> None:
    questions = StarQuestions()
    assert questions.to_be_asked(0)
    questions.heard(20)
    assert questions.introduced
    assert questions.answers
    assert not questions.reports_itself
    assert not questions.to_be_asked(3_019)
    assert questions.to_be_asked(3_020)


def test_one_that_reports_by_itself_is_only_asked_whether_it_is_there() -> None:
    questions = StarQuestions()
    questions.to_be_asked(0)
    questions.heard(20)
    questions.heard(30)  # nobody asked
    assert questions.reports_itself
    assert not questions.to_be_asked(15_029)
    assert questions.to_be_asked(15_030)


def test_one_that_answered_and_does_not_any_more_is_gone() -> None:
    questions = StarQuestions()
    questions.to_be_asked(0)
    questions.heard(20)
    assert questions.to_be_asked(3_020)
    assert questions.to_be_asked(4_020)  # once more at once
    assert not questions.gone
    assert not questions.to_be_asked(5_020)
    assert questions.gone


def test_an_answer_in_time_makes_up_for_a_silence() -> None:
    questions = StarQuestions()
    questions.to_be_asked(0)
    questions.heard(20)
    assert questions.to_be_asked(3_020)
    assert questions.to_be_asked(4_020)
    questions.heard(4_100)
    assert not questions.gone
    assert questions.to_be_asked(7_100)
    assert not questions.gone


def test_while_somebody_writes_nothing_is_asked() -> None:
    questions = StarQuestions()
    questions.to_be_asked(0)
    questions.heard(20)
    questions.postpone(2_900)
    assert not questions.to_be_asked(3_500)
    assert questions.to_be_asked(3_900)


def test_a_question_put_beside_these_is_one_of_them() -> None:
    questions = StarQuestions()
    questions.to_be_asked(0)
    questions.heard(20)
    questions.asked(100)
    questions.heard(110)
    assert not questions.reports_itself
    questions.asked(200)
    assert questions.to_be_asked(1_200)
    questions.asked(1_300)
    assert not questions.to_be_asked(2_300)
    assert questions.gone
