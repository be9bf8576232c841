"""Promotions by the articles that they name: a basket meets those alone that may concern it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Protocol

from edge.contract.promotion_data import Bundle, BuyGet, Promotion, Selection

_EVERYTHING: Final = Selection()


class Named(Protocol):
    """A line as far as it says which article it is."""

    @property
    def sku(self) -> str:
        """The article's own number."""
        ...

    @property
    def group(self) -> str:
        """The article's group, or empty."""
        ...


class PromotionIndex:
    """All promotions of a store, found by SKU, by group, or always."""

    def __init__(self, promotions: Iterable[Promotion] = ()) -> None:
        self._by_sku: dict[str, list[Promotion]] = {}
        self._by_group: dict[str, list[Promotion]] = {}
        self._always: list[Promotion] = []
        for promotion in promotions:
            for selection in _selections(promotion):
                self._enter(promotion, selection)
        self.is_empty = not (self._by_sku or self._by_group or self._always)

    def _enter(self, promotion: Promotion, selection: Selection) -> None:
        if selection == _EVERYTHING:
            self._always.append(promotion)
        for sku in selection.skus:
            self._by_sku.setdefault(sku, []).append(promotion)
        for group in selection.groups:
            self._by_group.setdefault(group, []).append(promotion)

    def of(self, lines: Iterable[Named]) -> tuple[Promotion, ...]:
        """Return the promotions that name an article of these lines, each once, by id."""
        found = {promotion.id: promotion for promotion in self._always}
        for line in lines:
            for promotion in self._by_sku.get(line.sku, ()):
                found[promotion.id] = promotion
            for promotion in self._by_group.get(line.group, ()) if line.group else ():
                found[promotion.id] = promotion
        return tuple(found[key] for key in sorted(found))


def _selections(promotion: Promotion) -> tuple[Selection, ...]:
    """Return what has to be in the basket, any one of them, for a promotion to count."""
    rule = promotion.rule
    if isinstance(rule, Bundle):
        # every part has to be there: one of them is enough to be found by
        return (rule.parts[0].selection,)
    if isinstance(rule, BuyGet):
        return (rule.buy,)
    return (rule.selection,)
