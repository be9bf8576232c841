"""What head office sends down about reductions: promotions, each with one rule.

Rates are parts per million (20 % is 200000), amounts the smallest unit of the store's
currency. How they are worked out is written in `edge/engine/PROMOTIONS.md`.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from edge.contract.identity import ShortId
from edge.contract.limits import (
    AMOUNT_MINOR_MAX,
    BUNDLE_PARTS_MAX,
    PROMOTION_SELECTION_MAX,
    PROMOTION_UNITS_MAX,
)
from edge.contract.reference_data import Name

MINUTES_PER_DAY: Final = 1_440

Rate = Annotated[int, Meta(ge=1, le=1_000_000)]
"""A part of a price in parts per million; the whole of it at most."""
Off = Annotated[int, Meta(ge=1, le=AMOUNT_MINOR_MAX)]
Floor = Annotated[int, Meta(ge=0, le=AMOUNT_MINOR_MAX)]
Count = Annotated[int, Meta(ge=1, le=PROMOTION_UNITS_MAX)]
Limit = Annotated[int, Meta(ge=0, le=PROMOTION_UNITS_MAX)]
Instant = Annotated[int, Meta(ge=0)]
Keys = Annotated[tuple[str, ...], Meta(max_length=PROMOTION_SELECTION_MAX)]


class Selection(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """Which articles: those of the SKUs, those of the groups; of neither means every article."""

    skus: Keys = ()
    groups: Keys = ()


EVERYTHING: Final = Selection()


class Hours(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """When: from one instant (ms since 1970 UTC) until before another; on days, between minutes.

    `until_ms` 0 means without end. `weekdays` are ISO numbers (1 is Monday), none means all.
    Minutes count from local midnight; `until_minute` at or below `from_minute` goes on past
    midnight, on the weekday that it began on.
    """

    from_ms: Instant = 0
    until_ms: Instant = 0
    weekdays: tuple[Annotated[int, Meta(ge=1, le=7)], ...] = ()
    from_minute: Annotated[int, Meta(ge=0, lt=MINUTES_PER_DAY)] = 0
    until_minute: Annotated[int, Meta(ge=0, le=MINUTES_PER_DAY)] = MINUTES_PER_DAY

    def __post_init__(self) -> None:
        """Refuse hours that are never."""
        if self.until_ms and self.until_ms <= self.from_ms:
            raise ValueError("The hours end before they begin: let until_ms be after from_ms.")


ALWAYS: Final = Hours()


class PromotionRule(
    msgspec.Struct,
    frozen=True,
    omit_defaults=True,
    tag_field="kind",
    forbid_unknown_fields=True,
):
    """How a promotion reduces prices."""


class PercentOff(PromotionRule, frozen=True, tag="percent_off"):
    """A part off every unit that is selected."""

    off_ppm: Rate
    selection: Selection = EVERYTHING


class AmountOff(PromotionRule, frozen=True, tag="amount_off"):
    """An amount off every piece that is selected, at most its price."""

    off_minor: Off
    selection: Selection = EVERYTHING


class FixedPrice(PromotionRule, frozen=True, tag="fixed_price"):
    """Another price for every piece that is selected, where it is lower."""

    price_minor: Floor
    selection: Selection = EVERYTHING


class BuyGet(PromotionRule, frozen=True, tag="buy_get"):
    """Buy some, get others for less: `off_ppm` of 1000000 gives them away.

    From the dearest down they are counted in groups: of each group the dearer are bought, the
    cheaper got. `get` left out means the same articles as `buy`.
    """

    buy_count: Count
    get_count: Count
    buy: Selection
    get: Selection | None = None
    off_ppm: Rate = 1_000_000


class BundlePart(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """So many units of a selection."""

    count: Count
    selection: Selection


class Bundle(PromotionRule, frozen=True, tag="bundle"):
    """Parts together for one price: a meal deal, mix and match, or n for a price (one part)."""

    price_minor: Floor
    parts: Annotated[tuple[BundlePart, ...], Meta(min_length=1, max_length=BUNDLE_PARTS_MAX)]


class BasketPercentOff(PromotionRule, frozen=True, tag="basket_percent_off"):
    """A part off what is selected in the basket, once that comes to `from_minor`."""

    off_ppm: Rate
    from_minor: Floor = 0
    selection: Selection = EVERYTHING


class BasketAmountOff(PromotionRule, frozen=True, tag="basket_amount_off"):
    """An amount off what is selected in the basket, once that comes to `from_minor`.

    With `every` the amount comes off again for each further `from_minor`.
    """

    off_minor: Off
    from_minor: Floor = 0
    selection: Selection = EVERYTHING
    every: bool = False

    def __post_init__(self) -> None:
        """Refuse an amount for each further nothing."""
        if self.every and not self.from_minor:
            raise ValueError("An amount off for every sum needs the sum: give from_minor.")


AnyPromotionRule = (
    PercentOff | AmountOff | FixedPrice | BuyGet | Bundle | BasketPercentOff | BasketAmountOff
)
COMBINING: Final = (PercentOff, BasketPercentOff, BasketAmountOff)
"""Rules that make sense on prices already reduced; the others count whole pieces."""


class Promotion(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A reduction with its conditions. Key in the promotion feed: the id.

    `groups` are the customer groups it is for, none means everybody; with `coupon` it counts
    only in a sale that holds a coupon of this campaign. A higher `priority` goes first.
    `combines` lets it see prices that others have reduced already; without it, it sees only
    what no promotion has touched. `limit` is how often it counts in one sale (pieces, or
    applications of a bundle, of buy-and-get or of an amount off every sum), 0 is without limit.
    """

    id: ShortId
    name: Name
    rule: AnyPromotionRule
    hours: Hours = ALWAYS
    groups: Keys = ()
    coupon: str = ""
    priority: Annotated[int, Meta(ge=0, le=1_000)] = 0
    combines: bool = False
    limit: Limit = 0

    def __post_init__(self) -> None:
        """Refuse what would not do what it says."""
        if self.combines and not isinstance(self.rule, COMBINING):
            raise ValueError(
                "A promotion that counts pieces cannot combine with others: leave out combines, "
                "or take a part off."
            )
        if self.combines and self.limit and isinstance(self.rule, PercentOff):
            raise ValueError(
                "A limit counts pieces, and a part off prices already reduced does not: leave out "
                "combines or limit."
            )
