"""Where events stand aside, beside the sales that they are not in: one interface, two databases.

What an act comes to is the same for both (`taking_again`); each does it in one transaction with
the act. `tests/sync/office/test_quarantine.py` holds both to the same laws.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from sync.office.person_acts import Act
from sync.office.quarantine_bodies import ActDone
from sync.office.sale_gathering import sale_of
from sync.office.sale_rebuilding import Place
from sync.office.taking_again import Work


class AsideEvent(msgspec.Struct, frozen=True):
    """An event that stands aside, and the sale it is of; empty for none."""

    place: Place
    body: bytes
    sale: str


class StandingAside(msgspec.Struct, frozen=True):
    """What stands aside of a store that is projected up to an event, and what was given for it."""

    projected: int
    aside: tuple[AsideEvent, ...]
    repairs: dict[Place, bytes]


class AsidePage(msgspec.Struct, frozen=True):
    """Events that stand aside, in the order of store, seq and gen; and how many there are at all.

    A row is store, gen, seq, when it came, why, what came, what is read in its place, and of who
    left it aside: the name, the time and the reason, or empty. `seen` of all `count` were left.
    """

    rows: Sequence[Sequence[Any]]
    count: int
    seen: int


class AsideCount(msgspec.Struct, frozen=True):
    """How much of a store stands aside that nobody left there: the first event, the newest time."""

    store: int
    count: int
    newest: int
    first: int


class AsideStore(Protocol):
    """What every store of sales does with what is not in them. All may raise EventStoreAway."""

    async def counts(self) -> list[AsideCount]:
        """Return the stores of which something stands aside."""
        ...

    async def page(
        self, store: int | None, begin: tuple[int, int, int], *, left: bool, limit: int
    ) -> AsidePage:
        """Return events behind a store, seq and gen; of one store, or of all."""
        ...

    async def standing(self, store: int) -> StandingAside:
        """Return what stands aside of a store, as far as is looked, and all its repairs."""
        ...

    async def stands(self, store: int, place: Place) -> tuple[bytes | None, bytes | None]:
        """Return what stands aside at a place, and what was given in place of the event there."""
        ...

    async def here(self, store: int, sales: Sequence[str]) -> set[str]:
        """Return which of these sales are here, whatever their state."""
        ...

    async def answered(self, act: Act) -> ActDone | None:
        """Return what this very act was answered before. Raises Refused for another wish."""
        ...

    async def apply(
        self,
        act: Act,
        work: Work,
        named: set[Place],
        given: Mapping[Place, bytes],
        partition: int,
    ) -> ActDone | None:
        """Do an act about a store of a partition, or nothing, in one transaction; each act once.

        None: the store went on meanwhile, so what the act is about is read anew first. Raises
        Refused where what is `named` does not fit.
        """
        ...

    async def leave(self, act: Act, partition: int) -> ActDone:
        """Note that an event was seen and stays aside. Raises Refused (404, 409)."""
        ...


def aside_event(place: Place, body: bytes, repairs: Mapping[Place, bytes]) -> AsideEvent:
    """Return what stands aside at a place, of the sale that it says by now."""
    return AsideEvent(place, body, sale_of(repairs.get(place, body)))
