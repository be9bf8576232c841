"""Goods that not everybody may buy: they are in the sale, and hold its payment until an answer.

Decisions that are this shop's policy:

- Scans go on while an age is asked; only paying waits.
- One check counts for the rest of the sale, up to the age that was checked, and never beyond.
- Nothing that asks for an age is added once something was paid: a refusal could not take it out.
- The day is the business day on which the sale was opened, so that no check changes at midnight.
"""

from __future__ import annotations

from datetime import date
from typing import Final, NoReturn

from edge.contract.age_events import AgeChecked, AgeRefused
from edge.contract.errors import Refused
from edge.contract.event_registry import Event
from edge.contract.reference_data import Article
from edge.contract.till_commands import ConfirmAge, RefuseAge
from edge.contract.till_protocol import AgeCheckView
from edge.engine.birthdays import is_likely, is_old_enough, latest_birth_date
from edge.engine.cart import Cart
from edge.engine.circumstances import Circumstances
from edge.engine.reference_view import ReferenceView
from edge.engine.sale_lines import voided
from edge.engine.state_refusals import refuse_once_tendered, refuse_unless_open

SEEN: Final = "seen"
BIRTH_DATE: Final = "birth_date"
TOO_YOUNG: Final = "age"
"""Why a line is voided of goods that the customer may not have."""


def confirm_age(
    cart: Cart, command: ConfirmAge, _: ReferenceView, given: Circumstances
) -> tuple[Event, ...]:
    """Note that the customer is old enough: as the cashier saw, or by a birth date."""
    asked = _asked(cart)
    # what the screen showed, and never more than is asked: an article scanned meanwhile asks anew
    age = min(command.minimum_age, asked)
    if age <= cart.age_checked:
        return ()
    if command.birth_date is not None:
        _check_birth_date(command.birth_date, date.fromisoformat(given.business_day), age)
    how = SEEN if command.birth_date is None else BIRTH_DATE
    return (AgeChecked(sale=cart.sale, minimum_age=age, how=how),)


def refuse_age(
    cart: Cart, command: RefuseAge, _: ReferenceView, __: Circumstances
) -> tuple[Event, ...]:
    """Take out what the customer is too young for."""
    asked = _asked(cart)
    refuse_once_tendered(cart)
    age = max(command.minimum_age, cart.age_checked + 1)
    if age > asked:
        _refuse_nothing_asked()
    gone = (line for line in cart.lines if not line.voided and line.minimum_age >= age)
    return (
        AgeRefused(sale=cart.sale, minimum_age=age),
        *(event for line in gone for event in voided(cart, line, TOO_YOUNG)),
    )


def refuse_age_after_money(cart: Cart, article: Article) -> None:
    """Refuse goods that ask for an age once something was paid."""
    if article.minimum_age > cart.age_checked and cart.tendered_minor:
        raise Refused(
            "age_after_money",
            f"{article.name} asks for the customer's age, and some of this sale is paid already.",
            advice="Complete this sale, and sell it in the next one.",
            params={"name": article.name, "age": str(article.minimum_age)},
        )


def age_check_view(age: int, day: str) -> AgeCheckView:
    """Return what a till asks about an age on a business day."""
    return AgeCheckView(age, latest_birth_date(date.fromisoformat(day), age).isoformat())


def _asked(cart: Cart) -> int:
    refuse_unless_open(cart)
    if not cart.age_asked:
        _refuse_nothing_asked()
    return cart.age_asked


def _refuse_nothing_asked() -> NoReturn:
    raise Refused(
        "no_age_asked",
        "Nothing in this sale asks for that age any more.",
        advice="Look at the sale again; it may have changed.",
    )


def _check_birth_date(text: str, day: date, age: int) -> None:
    # no refusal repeats the date: it is personal, and refusals are shown and counted
    try:
        born = date.fromisoformat(text)
    except ValueError:
        born = date.max
    if not is_likely(born, day):
        raise Refused(
            "birth_date_unlikely",
            "Nobody who is here can have been born on that day.",
            advice="Type the birth date as it stands on the document.",
        )
    if not is_old_enough(born, day, age):
        raise Refused(
            "too_young",
            f"Born on that day, the customer is not {age} years old yet.",
            advice="Check the date, or refuse the sale of these goods.",
            params={"age": str(age)},
        )
