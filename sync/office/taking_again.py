"""What an act of a person about events that stand aside comes to. Pure.

All or nothing of it: whoever keeps the sales does it in one transaction with the act itself. What
stood well before still does afterwards.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

import msgspec

from edge.contract.errors import Refused
from sync.office.event_reading import ReadEvent
from sync.office.quarantine_bodies import ActDone, EventPlace, LeftEvent
from sync.office.sale_gathering import GatheredSale
from sync.office.sale_rebuilding import Place, Remade, rebuild

_PUSHES: Final = "With it, another event of its sale would no longer fit."
ANSWER: Final = msgspec.json.Decoder(ActDone)


class Work(msgspec.Struct, frozen=True):
    """What is to be read anew: whole sales, and events that are of none.

    `fresh` are events of a frame that could not be opened before: no sale ever had them. `frames`
    are the places under which such frames stand aside. `lost` are events whose sale cannot be read
    whole, and why. `projected` is how far the store was read, `next` where the next act goes on.
    """

    sales: tuple[GatheredSale, ...]
    alone: tuple[ReadEvent, ...]
    fresh: dict[Place, ReadEvent]
    frames: tuple[Place, ...]
    lost: Mapping[Place, str]
    projected: int
    next: int

    def is_outdated(self, projected: int) -> bool:
        """Say whether a store that is projected so far may have added to one of the sales."""
        return projected != self.projected and not all(sale.ended for sale in self.sales)


class Taken(msgspec.Struct, frozen=True):
    """All that an act changes: sales made anew, what stands aside no more, and what still does.

    `fresh` are those of `left` that stand aside one by one from now on. `done` is the answer.
    """

    remade: tuple[Remade, ...]
    out: frozenset[Place]
    left: dict[Place, str]
    fresh: dict[Place, ReadEvent]
    done: ActDone


def decide(
    store: int,
    work: Work,
    aside: Collection[Place],
    named: Collection[Place],
    given: Collection[Place],
) -> Taken:
    """Return what an act comes to where `aside` stands aside.

    What is `named` has to fit, or all of it is refused; where nothing is, what does not fit stays.
    """
    allowed = (set(aside) - set(work.frames)) | work.fresh.keys() | set(given)
    left = dict(work.lost)
    taken: set[Place] = set()
    remade: list[Remade] = []
    for sale in work.sales:
        made = rebuild(store, sale.sale, sale.events)
        gained, unfit = _look_at(sale, made, allowed, strict=bool(named))
        if gained:
            remade.append(made)
        taken |= gained
        left |= unfit
        # of a frame that was opened only now no event may be neither here nor there
        places = {(each.gen, each.seq) for each in sale.events} & work.fresh.keys()
        left |= dict.fromkeys(places - gained - unfit.keys(), _PUSHES)
    for read in work.alone:
        made = rebuild(store, "", (read,))
        place = (read.gen, read.seq)
        if reason := made.unfit.get(place, ""):
            left[place] = reason
        else:
            taken.add(place)
            remade.append(made)
    if named:
        _check_taken(set(named) - set(work.frames), left)
    done = ActDone(
        tuple(sorted(EventPlace(*place) for place in taken)),
        tuple(LeftEvent(*place, reason) for place, reason in sorted(left.items())),
        work.next,
    )
    fresh = {place: read for place, read in work.fresh.items() if place in left}
    return Taken(tuple(remade), frozenset(taken | set(work.frames)), left, fresh, done)


def _look_at(
    sale: GatheredSale, made: Remade, allowed: Collection[Place], *, strict: bool
) -> tuple[set[Place], dict[Place, str]]:
    """Return what of a sale is taken now, and what is still left.

    It stays as it was where nothing is gained, or where an event that stood well would not any
    more: `strict` refuses that.
    """
    unfit = made.unfit
    pushed = {place: why for place, why in unfit.items() if place not in allowed}
    gained = {
        (each.gen, each.seq)
        for each in sale.events
        if (each.gen, each.seq) in allowed and (each.gen, each.seq) not in unfit
    }
    if pushed and strict:
        place = min(pushed, key=lambda each: each[1])
        raise Refused(
            "pushes_out",
            f"With it, event {place[1]} of the same sale would no longer fit: {pushed[place]}",
            advice="Repair both, or leave it aside.",
        )
    if pushed:
        gained = set()
    return gained, {place: why for place, why in unfit.items() if place in allowed}


def _check_taken(named: set[Place], left: Mapping[Place, str]) -> None:
    still = sorted(named & left.keys(), key=lambda each: each[1])
    if not still:
        return
    first = min(left, key=lambda each: (each[1], each[0]))
    advice = "Repair it, or leave it aside."
    if first not in named and first[1] < still[0][1]:
        advice = (
            f"Event {first[1]} of the same sale stands aside too, before it: {left[first]} "
            "Begin with that one."
        )
    raise Refused(
        "still_does_not_fit",
        f"Event {still[0][1]} still stands aside. {left[still[0]]}",
        advice=advice,
    )


def not_aside(place: Place) -> Refused:
    """Return the refusal of an event that does not stand aside."""
    return Refused(
        "not_aside",
        f"Event {place[1]} of generation {place[0]} does not stand aside.",
        advice="Somebody may have been faster; look again.",
        status=404,
    )


def left_already(place: Place) -> Refused:
    """Return the refusal of an event that somebody left aside before."""
    return Refused(
        "left_aside_already",
        f"Event {place[1]} was left aside before.",
        advice="See who did, and why. It can still be repaired or read again.",
    )
