"""One transaction that takes events again: what they mean for sales, and the act of a person.

All or nothing of it, and once: its command says so. What stood well before still does afterwards.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping
from typing import Final

import msgspec

from edge.contract.errors import Refused
from sync.office.event_reading import ReadEvent
from sync.office.person_acts import Act, answered, keep_act
from sync.office.quarantine_bodies import ActDone, EventPlace, LeftEvent
from sync.office.repairs import keep_repair
from sync.office.sale_gathering import GatheredSale
from sync.office.sale_rebuilding import Place, rebuild, take_alone

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


def projected_to(connection: sqlite3.Connection, store: int) -> int:
    """Return up to which event the sales show a store."""
    row = connection.execute("SELECT seq FROM projected WHERE store = ?", (store,)).fetchone()
    return 0 if row is None else int(row[0])


def apply(
    connection: sqlite3.Connection,
    act: Act,
    work: Work,
    named: set[Place],
    given: Mapping[Place, bytes],
) -> ActDone | None:
    """Do an act, or nothing. None: the store went on meanwhile, so it is read anew first.

    What is `named` has to fit, or all of it is refused; where nothing is, what does not fit stays.
    """
    if (answer := answered(connection, act)) is not None:
        return ANSWER.decode(answer)
    went_on = projected_to(connection, act.store) != work.projected
    if went_on and not all(sale.ended for sale in work.sales):
        return None
    for place, body in given.items():
        keep_repair(connection, act.store, place, body)
    for frame in work.frames:
        _let_out(connection, act.store, frame)
    allowed = _places_aside(connection, act.store) | work.fresh.keys() | given.keys()
    left = dict(work.lost)
    taken: set[Place] = set()
    for sale in work.sales:
        gained, unfit = _take_sale(connection, act.store, sale, allowed, strict=bool(named))
        taken |= gained
        left |= unfit
        # of a frame that was opened only now no event may be neither here nor there
        places = {(each.gen, each.seq) for each in sale.events} & work.fresh.keys()
        left |= dict.fromkeys(places - gained - unfit.keys(), _PUSHES)
    for read in work.alone:
        reason = take_alone(connection, act.store, read)
        if reason:
            left[read.gen, read.seq] = reason
        else:
            taken.add((read.gen, read.seq))
    if named:
        _check_taken(named - set(work.frames), left)
    for place in taken:
        _let_out(connection, act.store, place)
    _keep_left(connection, act, left, work.fresh)
    done = ActDone(
        tuple(sorted(EventPlace(*place) for place in taken)),
        tuple(LeftEvent(*place, reason) for place, reason in sorted(left.items())),
        work.next,
    )
    keep_act(connection, act, msgspec.json.encode(done))
    return done


def _take_sale(
    connection: sqlite3.Connection,
    store: int,
    sale: GatheredSale,
    allowed: Collection[Place],
    *,
    strict: bool,
) -> tuple[set[Place], dict[Place, str]]:
    """Make a sale anew; return what of it is taken now, and what is still left.

    It stays as it was where nothing is gained, or where an event that stood well would not any
    more: `strict` refuses that.
    """
    connection.execute("SAVEPOINT sale")
    unfit = rebuild(connection, store, sale.sale, sale.events)
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
    if pushed or not gained:
        gained = set()
        connection.execute("ROLLBACK TO sale")
    connection.execute("RELEASE sale")
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


def _places_aside(connection: sqlite3.Connection, store: int) -> set[Place]:
    return set(
        connection.execute("SELECT gen, seq FROM quarantine WHERE store = ?", (store,)).fetchall()
    )


def _let_out(connection: sqlite3.Connection, store: int, place: Place) -> None:
    for table in ("quarantine", "left_aside"):
        connection.execute(
            f"DELETE FROM {table} WHERE store = ? AND gen = ? AND seq = ?",  # noqa: S608 - names of ours
            (store, *place),
        )


def _keep_left(
    connection: sqlite3.Connection,
    act: Act,
    left: Mapping[Place, str],
    fresh: Mapping[Place, ReadEvent],
) -> None:
    """Say of what is left why that is by now; events of an opened frame stand aside one by one."""
    for place, reason in left.items():
        if place in fresh:
            connection.execute(
                "INSERT INTO quarantine (store, gen, seq, reason, body, at)"
                " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (act.store, *place, reason, fresh[place].body, act.at),
            )
        connection.execute(
            "UPDATE quarantine SET reason = ? WHERE store = ? AND gen = ? AND seq = ?",
            (reason, act.store, *place),
        )
