"""Events that stand aside, and what a person does about them: again, repaired, or left aside.

An event is taken with its whole sale, in the order of the chain, in one transaction with the act
itself, whichever database the sales are in. Nothing is ever changed in what a box sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from edge.contract.attention_limits import REQUEUED_SALES_MAX
from edge.contract.errors import Refused
from edge.contract.instant import Clock
from edge.runtime.frame_codec import Dictionaries
from edge.runtime.structured_log import Log
from sync.appending.event_store import EventStore
from sync.office.aside_store import AsideEvent, AsideStore
from sync.office.event_reading import ReadEvent, read_event
from sync.office.person_acts import Act, check_text
from sync.office.quarantine_bodies import (
    ActDone,
    LeaveAside,
    Repair,
    Requeue,
)
from sync.office.repair_wishes import repaired_body
from sync.office.sale_gathering import GatheredSale, SaleGathering, sale_of
from sync.office.sale_rebuilding import Place
from sync.office.store_directory import RegisteredStore, StoreDirectory
from sync.office.taking_again import Work, not_aside

_TRIES_MAX: Final = 5
"""A shop that sells this very sale at this moment: its next event is a moment away."""


@dataclass
class _Found:
    """What an act is about, as it is gathered."""

    sales: set[str] = field(default_factory=set)
    alone: list[ReadEvent] = field(default_factory=list)
    fresh: dict[Place, ReadEvent] = field(default_factory=dict)
    frames: list[Place] = field(default_factory=list)
    next: int = 0

    @property
    def is_full(self) -> bool:
        return len(self.sales) + len(self.alone) + len(self.frames) >= REQUEUED_SALES_MAX


@dataclass
class Quarantine:
    """What people do about events that stand aside. `listeners` are called after each act."""

    aside: AsideStore
    directory: StoreDirectory
    events: EventStore
    dictionaries: Dictionaries
    clock: Clock
    log: Log
    listeners: list[Callable[[], None]] = field(default_factory=list)

    async def requeue(self, slug: str, wish: Requeue, who: str) -> ActDone:
        """Read events again, each with its whole sale, in chain order.

        Raises Refused: where one that is named does not stand aside (404) or still does not fit
        (409); nothing is changed then. Without names, what does not fit stays.
        """
        store = await self._store(slug)
        act = Act(wish.command, "requeue", store.number, who, self.clock.now_ms())
        act = _about(act, wish)
        if (before := await self._before(act)) is not None:
            return before
        named = {(each.gen, each.seq) for each in wish.events}
        return await self._do(store, act, named, after=wish.after)

    async def repair(self, slug: str, wish: Repair, who: str) -> ActDone:
        """Have the sales read something else in place of an event, and its sale anew.

        Raises Refused: 404 for an event that does not stand aside and was not repaired before,
        409 for data that cannot be read or do not fit; nothing is changed then.
        """
        store = await self._store(slug)
        act = _about(Act(wish.command, "repair", store.number, who, self.clock.now_ms()), wish)
        if (before := await self._before(act)) is not None:
            return before
        place = (wish.gen, wish.seq)
        aside, given = await self.aside.stands(store.number, place)
        if aside is None and given is None:
            raise not_aside(place)
        old = given or aside or b""
        new = repaired_body(store.number, wish, old)
        if aside is None and given is not None and sale_of(given) != sale_of(new):
            raise Refused(
                "repair_of_other_sale",
                f"Event {wish.seq} is part of sale {sale_of(given)} by now.",
                advice="Give it the same sale; what another one lacks is an event of its own.",
            )
        act = msgspec.structs.replace(act, before=old, after=new)
        return await self._do(store, act, {place}, given={place: new})

    async def leave_aside(self, slug: str, wish: LeaveAside, who: str) -> ActDone:
        """Note that an event was seen and stays aside. Raises Refused (404, 409)."""
        store = await self._store(slug)
        check_text(wish.reason)
        act = _about(Act(wish.command, "leave", store.number, who, self.clock.now_ms()), wish)
        done = await self.aside.leave(act, self.events.partition_of(store.number))
        self._tell(act, done)
        return done

    # --- what an act reads and writes -----------------------------------------------------

    async def _do(
        self,
        store: RegisteredStore,
        act: Act,
        named: set[Place],
        *,
        given: Mapping[Place, bytes] | None = None,
        after: int = 0,
    ) -> ActDone:
        """Do an act about the events `named`; about all behind `after` where none is."""
        for _ in range(_TRIES_MAX):
            work = await self._gather(store, named, given or {}, after)
            done = await self.aside.apply(
                act, work, named, given or {}, self.events.partition_of(store.number)
            )
            if done is not None:
                self._tell(act, done)
                return done
        raise Refused(
            "sale_under_way",
            "This sale goes on in its shop at this very moment.",
            advice="Try again once it is paid or parked.",
            status=503,
        )

    async def _gather(
        self,
        store: RegisteredStore,
        named: set[Place],
        given: Mapping[Place, bytes],
        after: int,
    ) -> Work:
        """Read what an act is about: as many sales as one transaction takes."""
        standing = await self.aside.standing(store.number)
        repairs = {**standing.repairs, **given}
        gathering = SaleGathering(self.events, self.dictionaries, store.number, store.gen, repairs)
        by_place = {each.place: each for each in standing.aside}
        for place, body in given.items():
            came = by_place[place].body if place in by_place else body
            by_place[place] = AsideEvent(place, came, sale_of(body))
        if missing := named - by_place.keys():
            raise not_aside(min(missing))
        about = sorted(
            named or (each for each in by_place if each[1] > after),
            key=lambda each: (each[1], each[0]),
        )
        found = _Found()
        for count, place in enumerate(about):
            if not named and found.is_full:
                found.next = about[count - 1][1]
                break
            each = by_place[place]
            if place not in given and await self._is_frame(gathering, each, found.fresh):
                found.frames.append(place)
            elif each.sale:
                found.sales.add(each.sale)
            else:
                read = read_event(store.number, *place, repairs.get(place, each.body))
                found.alone.append(msgspec.structs.replace(read, body=each.body))
        opened = [AsideEvent(at, read.body, _sale_named(read)) for at, read in found.fresh.items()]
        found.sales |= {each.sale for each in opened if each.sale}
        found.alone += [found.fresh[each.place] for each in opened if not each.sale]
        known: dict[str, list[Place]] = {sale: [] for sale in sorted(found.sales)}
        for each in (*by_place.values(), *opened):
            if each.sale in known:
                known[each.sale].append(each.place)
        return await self._whole(gathering, found, known, standing.projected, strict=bool(named))

    async def _whole(
        self,
        gathering: SaleGathering,
        found: _Found,
        known: Mapping[str, Sequence[Place]],
        projected: int,
        *,
        strict: bool,
    ) -> Work:
        """Read the sales whole; `strict`: raise Refused for one that cannot be."""
        here = await self.aside.here(gathering.store, list(known))
        sales: list[GatheredSale] = []
        lost: dict[Place, str] = {}
        for sale, places in known.items():
            seqs = [seq for _, seq in places]
            try:
                gathered = await gathering.sale(sale, seqs, projected, is_here=sale in here)
            except Refused as error:
                if strict or found.fresh.keys() & set(places):
                    raise
                lost |= dict.fromkeys(places, str(error))
            else:
                sales.append(gathered)
        # in the order in which they would have arrived
        sales.sort(key=lambda each: each.events[-1].seq if each.events else 0)
        return Work(
            tuple(sales),
            tuple(found.alone),
            found.fresh,
            tuple(found.frames),
            lost,
            projected,
            found.next,
        )

    async def _is_frame(
        self, gathering: SaleGathering, aside: AsideEvent, fresh: dict[Place, ReadEvent]
    ) -> bool:
        """Say whether a whole frame stands aside that can be opened by now; add its events."""
        if aside.sale or aside.body[:1] == b"{":
            return False
        found = await gathering.frame(aside.place[1])
        if found is None or found[1] != aside.body:
            return False
        frame, _ = found
        if len(frame.events) == 1 and frame.events[0].body == aside.body:
            return False  # it still cannot be opened: its reason says why
        fresh.update({(each.gen, each.seq): each for each in frame.events})
        return True

    async def _store(self, slug: str) -> RegisteredStore:
        store = await self.directory.by_slug(slug)
        if store is None:
            raise Refused(
                "unknown_store",
                "Head office knows no such store.",
                advice="See /api/v1/stores for those it knows.",
                status=404,
            )
        return store

    async def _before(self, act: Act) -> ActDone | None:
        check_text(act.reason)
        return await self.aside.answered(act)

    def _tell(self, act: Act, done: ActDone) -> None:
        self.log.info(
            "person_acted",
            what=act.what,
            store=act.store,
            seq=act.seq,
            who=act.who,
            taken=len(done.taken),
            left=len(done.left),
        )
        for listener in self.listeners:
            listener()


def _about(act: Act, wish: Requeue | Repair | LeaveAside) -> Act:
    about = () if isinstance(wish, Requeue) else (wish.reason, wish.gen, wish.seq)
    reason, gen, seq = about or ("", 0, 0)
    return msgspec.structs.replace(
        act, reason=reason, gen=gen, seq=seq, wish=msgspec.json.encode(wish)
    )


def _sale_named(read: ReadEvent) -> str:
    return str(getattr(read.event, "sale", "")) if read.event is not None else sale_of(read.body)
