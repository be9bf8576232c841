"""When somebody is old enough.

A year of life is over on the birthday. Who was born on 29 February has it on 1 March in other
years: the later of the two days that countries use, so nobody is served a day too early.
"""

from __future__ import annotations

from datetime import date
from typing import Final

OLDEST_YEARS: Final = 130
"""Nobody was older; a birth date before is a slip."""


def birthday(born: date, years: int) -> date:
    """Return the day on which somebody becomes that many years old."""
    year = born.year + years
    try:
        return born.replace(year=year)
    except ValueError:
        return date(year, 3, 1)


def is_old_enough(born: date, day: date, years: int) -> bool:
    """Say whether somebody is at least that old on a day."""
    return birthday(born, years) <= day


def latest_birth_date(day: date, years: int) -> date:
    """Return the last birth date with which one is that old on a day."""
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return date(day.year - years, 2, 28)  # it is 29 February, and that year has none


def is_likely(born: date, day: date) -> bool:
    """Say whether somebody who lives on a day can have been born then."""
    return born <= day and day.year - born.year <= OLDEST_YEARS
