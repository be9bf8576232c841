"""What a customer sees of a till: all that is theirs, and nothing else."""

from __future__ import annotations

import itertools
import re
from enum import Enum
from typing import Any, Final, get_args, get_origin, get_type_hints

import msgspec
import pytest

from edge.contract.display_view import (
    CustomerDisplayView,
    DisplayLineView,
    DisplayState,
    DisplayTenderView,
    SavingView,
    ScaleView,
)
from edge.contract.till_protocol import (
    DeviceView,
    LineView,
    LinkView,
    ReductionView,
    TenderView,
    TillState,
    TillView,
)
from edge.engine.customer_display import Beside, OnScale, display_view

SEEN: Final = frozenset(
    {
        "view.currency",
        "view.lines.name",
        "view.lines.unit",
        "view.lines.reductions.name",
        "view.tenders.kind",
        "beside.language",
        "beside.customer",
        "beside.on_scale.name",
        "beside.logo",
    }
)
"""Words that a customer may read."""
COUNTED: Final = frozenset(
    {
        "view.opened_at",
        "view.lines.quantity",
        "view.lines.price_minor",
        "view.lines.listed_minor",
        "view.lines.amount_minor",
        "view.lines.tare_g",
        "view.lines.reductions.amount_minor",
        "view.lines.reductions.price_minor",
        "view.tenders.amount_minor",
        "view.total_minor",
        "view.tip_minor",
        "view.due_minor",
        "view.refund_due_minor",
        "view.change_minor",
        "view.rounding_minor",
        "beside.on_scale.price_minor",
        "beside.on_scale.tare_g",
    }
)
"""Numbers that a customer may read."""


class Planting:
    """Makes a value of any shape with a secret of its own in every string and every number."""

    def __init__(self, **fixed: object) -> None:
        self.fixed = {name.replace("__", "."): value for name, value in fixed.items()}
        self.numbers: dict[int, str] = {}
        self.count = itertools.count(700_001)

    def of(self, shape: Any, path: str) -> Any:
        """Return a value of a shape; of unions the first, of tuples one with one entry."""
        if path in self.fixed:
            return self.fixed[path]
        inner = [each for each in get_args(shape) if each is not type(None)]
        if get_origin(shape) is dict:
            return {f"~{path}.key~": self.of(inner[1], path)}
        if inner:
            value = self.of(inner[0], path)
            return (value,) if get_origin(shape) is tuple else value
        return self._plain(shape, path)

    def _plain(self, shape: Any, path: str) -> Any:
        if shape is int:
            number = next(self.count)
            self.numbers[number] = path
            return number
        if shape in {str, bool}:
            return f"~{path}~" if shape is str else True
        if issubclass(shape, Enum):
            return next(iter(shape))
        hints = get_type_hints(shape)
        return shape(**{name: self.of(hint, f"{path}.{name}") for name, hint in hints.items()})


@pytest.mark.parametrize("state", TillState)
@pytest.mark.parametrize("source", ["promotion", "discount"])
@pytest.mark.parametrize("tender", ["taken", "asked", "declined", "unknown"])
@pytest.mark.parametrize("scale", ["stable", "gone"])
def test_nothing_reaches_the_customer_that_is_not_on_the_list(
    state: TillState, source: str, tender: str, scale: str
) -> None:
    planting = Planting(
        view__state=state,
        view__training=False,
        view__lines__voided=False,
        view__lines__reductions__source=source,
        view__tenders__state=tender,
        view__devices__role="scale",
        view__devices__weight=scale,
    )
    view = planting.of(TillView, "view")
    assert len(planting.numbers) > 40
    beside = planting.of(Beside, "beside")
    told = msgspec.json.encode(display_view(view, beside))
    words = set(re.findall(r"~([^~]+)~", told.decode()))
    allowed = SEEN if source == "promotion" else SEEN - {"view.lines.reductions.name"}
    assert words <= allowed
    seen = {
        planting.numbers[int(n)]
        for n in re.findall(r"7\d{5}", told.decode())
        if int(n) in planting.numbers
    }
    assert seen <= COUNTED
    if state is TillState.OPEN and tender == "taken":
        assert words == allowed
        assert seen == COUNTED


LINK: Final = LinkView("up", 0, 0)


def line(name: str, amount: int, **changes: Any) -> LineView:
    given = {"line_id": name, "name": name, "quantity": 1000, "amount_minor": amount}
    given |= {"price_minor": amount, "sku": "1", "unit": "piece", "tax": "A", "voided": False}
    return LineView(**{**given, "entry": "scanned", "listed_minor": amount, **changes})


def till(state: TillState, **changes: Any) -> TillView:
    zeros = ("total_minor", "due_minor", "change_minor", "rounding_minor", "version")
    nothing = ("sale_id", "receipt_number", "opened_at", "notice", "dots", "receipt")
    given: dict[str, Any] = dict.fromkeys(zeros, 0)
    given |= dict.fromkeys(("lines", "tenders", "taxes", "devices"), ())
    given |= dict.fromkeys(nothing)
    return TillView(
        **{**given, "till": "till-1", "state": state, "currency": "EUR", "link": LINK, **changes}
    )


NOBODY: Final = Beside(None)
MARTA: Final = Beside("pl")
APPLES: Final = OnScale("Apples", 289, 10)


def test_an_idle_till_is_closed_until_somebody_signs_in() -> None:
    closed = display_view(till(TillState.IDLE), NOBODY)
    assert (closed.state, closed.language) == (DisplayState.CLOSED, "")
    ready = display_view(till(TillState.IDLE, training=True), MARTA)
    assert (ready.state, ready.language, ready.training) == (DisplayState.READY, "pl", True)


@pytest.mark.parametrize(
    ("state", "shown"),
    [
        (TillState.OPEN, DisplayState.SELLING),
        (TillState.PAYING, DisplayState.CARD),
        (TillState.IN_DOUBT, DisplayState.ASK_STAFF),
        (TillState.DONE, DisplayState.DONE),
    ],
)
def test_a_sale_is_shown_signed_in_or_not(state: TillState, shown: DisplayState) -> None:
    for beside in (NOBODY, MARTA):
        assert display_view(till(state, opened_at=7), beside).state is shown
        assert display_view(till(state, opened_at=7), beside).began_at == 7


def test_voided_lines_are_gone_and_savings_add_up() -> None:
    off = (ReductionView("promotion", "Club", 20), ReductionView("discount", "regular", 5))
    view = till(
        TillState.OPEN,
        lines=(
            line("Milk", 104, listed_minor=129, reductions=off),
            line("Roll", 0, voided=True, listed_minor=45, reductions=off),
            line("Deposit", 25, deposit=True, deposit_of="Milk"),
            line("Apples", 212, entry="scale", unit="kg", tare_g=10),
            line("Old", -45, entry="returned"),
        ),
    )
    shown = display_view(view, MARTA)
    assert [each.name for each in shown.lines] == ["Milk", "Deposit", "Apples", "Old"]
    assert shown.saved_minor == 25
    assert shown.lines[0].savings == (SavingView("Club", 20), SavingView("", 5))
    assert [each.bound for each in shown.lines] == [False, True, False, False]
    assert [each.weighed for each in shown.lines] == [False, False, True, False]
    assert [each.returned for each in shown.lines] == [False, False, False, True]


def test_tenders_that_came_to_nothing_are_not_shown() -> None:
    tenders = tuple(
        TenderView(state, "card", amount, state, "Not enough cover.", "4417", "girocard", "S-1")
        for amount, state in (
            (100, "taken"),
            (30, "approved"),
            (-20, "returned"),
            (500, "declined"),
            (600, "unknown"),
            (700, "asked"),
        )
    )
    shown = display_view(till(TillState.PAYING, tenders=tenders), MARTA)
    assert shown.paid_minor == 110
    assert shown.tenders == (
        DisplayTenderView("card", 100),
        DisplayTenderView("card", 30),
        DisplayTenderView("card", -20),
        DisplayTenderView("card", 700, waits=True),
    )


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, True),
        ({"receipt_number": None}, False),
        ({"training": True}, False),
        ({"state": TillState.OPEN}, False),
        ({"lines": (line("Old", -45, entry="returned"),)}, False),
        ({"lines": (line("Old", -45, entry="returned"), line("New", 5))}, True),
    ],
)
def test_a_code_is_shown_where_goods_may_come_back_by_it(
    changes: dict[str, Any], code: bool
) -> None:
    given = {"state": TillState.DONE, "receipt_number": "till-1-000001", "lines": (line("A", 1),)}
    assert display_view(till(**{**given, **changes}), MARTA).receipt_code is code


@pytest.mark.parametrize(("beside", "language"), [(NOBODY, ""), (MARTA, "pl")])
def test_a_display_without_a_sale_is_the_shop_s_own(beside: Beside, language: str) -> None:
    idle = till(TillState.IDLE, training=True, total_minor=5)
    shop = beside._replace(logo="lighthouse")
    state = DisplayState.READY if language else DisplayState.CLOSED
    assert display_view(idle, shop) == CustomerDisplayView(
        state=state, currency="EUR", language=language, training=True, logo="lighthouse"
    )
    assert display_view(idle, shop._replace(on_scale=APPLES)) == CustomerDisplayView(
        state=DisplayState.SELLING,
        currency="EUR",
        language=language,
        weighing=ScaleView("Apples", 289, 10),
        training=True,
        logo="lighthouse",
    )


def test_a_sale_whole() -> None:
    paid = TenderView("1", "cash", 110, "taken", "", "", "", "")
    sold = line("Apples", 212, quantity=732, unit="kg", price_minor=289, entry="scale", tare_g=10)
    view = till(
        TillState.DONE,
        lines=(sold, line("Crate", -150, entry="returned", listed_minor=-140, deposit=True)),
        tenders=(paid,),
        total_minor=62,
        due_minor=1,
        refund_due_minor=2,
        change_minor=48,
        rounding_minor=-3,
        receipt_number="till-1-000007",
        training=False,
    )
    shop = Beside("ko", "Ana Exemplo", logo="lighthouse")
    assert display_view(view, shop) == CustomerDisplayView(
        state=DisplayState.DONE,
        currency="EUR",
        language="ko",
        lines=(
            DisplayLineView("Apples", 732, "kg", 289, 212, 212, weighed=True, tare_g=10),
            DisplayLineView("Crate", 1000, "piece", -150, -140, -150, returned=True, deposit=True),
        ),
        tenders=(DisplayTenderView("cash", 110),),
        total_minor=62,
        paid_minor=110,
        due_minor=1,
        back_minor=2,
        change_minor=48,
        rounding_minor=-3,
        receipt_code=True,
        greeting="Ana",
        logo="lighthouse",
    )
    assert display_view(view, shop._replace(language=None)).language == ""
    assert display_view(msgspec.structs.replace(view, training=True), shop).training


@pytest.mark.parametrize(
    ("name", "greeting"),
    [("", ""), ("Ana Exemplo", "Ana"), ("  ", ""), ("\u738b\u5c0f\u660e", "\u738b\u5c0f\u660e")],
)
def test_a_customer_is_greeted_by_the_first_name_alone(name: str, greeting: str) -> None:
    assert display_view(till(TillState.OPEN), Beside("en", name)).greeting == greeting


@pytest.mark.parametrize(
    ("weight", "grams", "scale"),
    [
        ("stable", 742, ScaleView("Apples", 289, 10, True, True, 732, 212)),
        ("unstable", 742, ScaleView("Apples", 289, 10, True, False, 732, 212)),
        ("stable", 4, ScaleView("Apples", 289, 10, True, True, -6, 0)),
        ("overload", 0, ScaleView("Apples", 289, 10)),
        ("", 0, ScaleView("Apples", 289, 10)),
    ],
)
def test_what_lies_on_the_scale_is_shown_with_its_price(
    weight: str, grams: int, scale: ScaleView
) -> None:
    devices = (
        DeviceView("printer-1", "printer", "ready", True),
        DeviceView("scale-1", "scale", "ready", True, weight=weight, weight_g=grams),
    )
    beside = Beside("en", on_scale=APPLES)
    assert b"at_price" not in msgspec.json.encode(scale)
    view = till(TillState.OPEN, devices=devices, lines=(line("Milk", 129),), total_minor=129)
    shown = display_view(view, beside)
    assert shown.weighing == scale
    assert shown.total_minor == 129
    for state in (TillState.IDLE, TillState.DONE):
        fresh = display_view(
            till(state, devices=devices, lines=(line("Milk", 129),), total_minor=129), beside
        )
        assert fresh.state is DisplayState.SELLING
        assert (fresh.weighing, fresh.lines, fresh.total_minor) == (scale, (), 0)
    for state in (TillState.PAYING, TillState.IN_DOUBT):
        assert display_view(till(state, devices=devices), beside).weighing is None
    assert display_view(till(TillState.OPEN, devices=()), beside).weighing == ScaleView(
        "Apples", 289, 10
    )
    saffron = display_view(
        till(TillState.OPEN, devices=devices),
        Beside("en", on_scale=OnScale("Saffron", 900_000, grams)),
    )
    assert saffron.weighing is not None
    assert saffron.weighing.amount_minor == 0  # a dish alone weighs nothing


@pytest.mark.parametrize(
    ("weight", "grams", "seen"),
    [("", 0, {}), ("stable", 742, {"shown": True, "still": True, "weight_g": 732})],
)
def test_a_scale_that_weighs_at_a_price_is_said_to_show_it_itself(
    weight: str, grams: int, seen: dict[str, Any]
) -> None:
    scale = DeviceView(
        "scale-1", "scale", "ready", True, weight=weight, weight_g=grams, weighs_at_price=True
    )
    view = display_view(till(TillState.OPEN, devices=(scale,)), Beside("en", on_scale=APPLES))
    wanted = ScaleView("Apples", 289, 10, at_price=True, amount_minor=212 if seen else 0, **seen)
    assert view.weighing == wanted
