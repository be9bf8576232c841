"""Whose mark it is that the printer came to."""

from __future__ import annotations

from devices.protocols.star_marks import PrintedMarks
from devices.protocols.star_status import StarStatus


def counted(count: int, *, mark: bool = True) -> StarStatus:
    byte = (count & 0x18) << 2 | (count & 0x07) << 1
    return StarStatus(bytes((0x23, 0x06, mark << 1, 0, 0, 0, 0, byte, 0)))


def uncounted(*, mark: bool) -> StarStatus:
    return StarStatus(bytes((0x0F, 0x02, mark << 1, 0, 0, 0, 0)))


def test_a_mark_is_reached_when_the_count_says_so() -> None:
    marks = PrintedMarks()
    first, second = marks.sent(), marks.sent()
    assert not marks.reached(first)
    marks.heard(counted(1))
    assert marks.reached(first)
    assert not marks.reached(second)
    marks.heard(counted(1, mark=False))
    assert not marks.reached(second)
    marks.heard(counted(2, mark=False))  # whoever asked: the count is what counts
    assert marks.reached(second)


def test_the_count_comes_round() -> None:
    marks = PrintedMarks()
    for number in range(1, 100):
        mark = marks.sent()
        assert not marks.reached(mark)
        marks.heard(counted(number % 32))
        assert marks.reached(mark)


def test_a_late_mark_stands_for_its_own_receipt() -> None:
    marks = PrintedMarks()
    first, second = marks.sent(), marks.sent()
    marks.heard(counted(1))
    assert (marks.reached(first), marks.reached(second)) == (True, False)
    marks.forget()  # with a count nothing has to be forgotten
    marks.heard(counted(2))
    assert marks.reached(second)


def test_a_printer_that_counts_anew_has_lost_what_it_was_told() -> None:
    marks = PrintedMarks()
    for number in (1, 2, 3):
        marks.sent()
        marks.heard(counted(number))
    lost = marks.sent()
    marks.heard(counted(0))
    assert marks.is_lost(lost)
    assert not marks.reached(lost)
    following = marks.sent()
    assert not marks.is_lost(following)
    marks.heard(counted(1))
    assert marks.reached(following)


def test_one_that_counts_anew_before_anything_is_sent_costs_nothing() -> None:
    marks = PrintedMarks()
    marks.heard(counted(17))
    mark = marks.sent()
    marks.heard(counted(17))
    assert not marks.reached(mark)
    marks.heard(counted(18))
    assert marks.reached(mark)


def test_a_printer_told_to_forget_counts_from_nothing() -> None:
    marks = PrintedMarks()
    old = marks.sent()
    marks.heard(counted(0))
    marks.restart()
    assert marks.is_lost(old)
    mark = marks.sent()
    marks.heard(counted(1))
    assert marks.reached(mark)


def test_without_a_count_each_word_is_of_the_oldest_mark() -> None:
    marks = PrintedMarks()
    marks.heard(uncounted(mark=False))
    first, second = marks.sent(), marks.sent()
    marks.heard(uncounted(mark=False))
    assert not marks.reached(first)
    marks.heard(uncounted(mark=True))
    assert (marks.reached(first), marks.reached(second)) == (True, False)
    marks.forget()
    third = marks.sent()
    assert not marks.reached(second)
    marks.heard(uncounted(mark=True))
    assert marks.reached(third)
    marks.heard(uncounted(mark=True))  # one that nobody sent
    assert not marks.reached(marks.sent())
