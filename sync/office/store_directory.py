"""The stores that head office knows, the keys of their boxes, and what is wrong with any."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Final

import msgspec

from edge.contract.errors import Refused
from edge.contract.history_file import HistoryBox
from edge.contract.identity import ShortId
from edge.contract.instant import Clock
from edge.contract.mending_limits import MENDING_AGAIN_MS_MIN
from edge.contract.ratchet import BOX_COPIED, BOX_REPLACED, BOX_TWICE, RatchetShown
from edge.contract.reference_data import BoxKey, Feed
from edge.runtime.database_file import DatabaseFile
from edge.runtime.keys import VerifyingKey
from sync.appending.alarms import Alarm, Alarms
from sync.appending.ingest import BoxIdentity
from sync.office.alarm_cases import close_case
from sync.office.ratchets import (
    Ratchets,
    begin_anew,
    confirm_one,
    is_the_same_box,
    is_twice,
    open_for,
)

_COLUMNS: Final = "number, slug, name, box_key, gen, box_seq, last_contact"


_OVER_ONCE_MENDED: Final = (
    "fork",
    "behind",
    "frame_of_other_generation",
    "digest_differs",
    BOX_COPIED,
    BOX_TWICE,
)
"""Alarms about a history: over once its box goes on behind head office's."""


class RegisteredStore(msgspec.Struct, frozen=True):
    """A store. `box_key` is its box's public key, hexadecimal; `gen` the epoch it may sell in.

    `box_seq` is the box's own head when it last introduced itself; `last_contact` in ms
    since 1970 UTC, 0 for never.
    """

    number: int
    slug: ShortId
    name: str
    box_key: str
    gen: int
    box_seq: int = 0
    last_contact: int = 0

    @property
    def box(self) -> BoxIdentity:
        """Whose frames its box may send."""
        return BoxIdentity(self.number, self.slug, self.gen, self.box_key)


def two_boxes(slug: str, why: str = "") -> Refused:
    """Return why no box of a store is given a generation before a person has confirmed one."""
    return Refused(
        BOX_TWICE,
        why or f"Two boxes of store {slug} are alive with one key.",
        advice="Both go on selling, and what each sold stays on its disk. Find out which one is "
        "the shop's box, switch the other off, then confirm: `tillbox office confirm-box --store "
        f"{slug}`. What the other one sold is taken from its disk then: `tillbox salvage`.",
    )


class StoreDirectory:
    """Stores and alarms in `office.db`."""

    def __init__(self, file: DatabaseFile, clock: Clock) -> None:
        self._file = file
        self._clock = clock
        self._alarms = Alarms(file, clock)
        self.ratchets = Ratchets(file, clock)
        self.alarms_changed: Callable[[], None] = lambda: None
        self._heard: dict[int, tuple[int, int]] = {}
        self._heard_is_due = False

    async def add(self, store: RegisteredStore) -> bool:
        """Register a store; False when exactly this is registered already.

        A new name is taken over. Raises ProtocolViolation when the key is none, Refused when
        number or slug belong to another store, or the store has another box: replacing a box
        is a decision of its own.
        """
        VerifyingKey.from_hex(store.box_key)

        def unit(connection: sqlite3.Connection) -> bool:
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM store WHERE number = ? OR slug = ?",  # noqa: S608 - a constant of ours
                (store.number, store.slug),
            ).fetchall()
            if not rows:
                connection.execute(
                    "INSERT INTO store (number, slug, name, box_key, gen) VALUES (?, ?, ?, ?, ?)",
                    (store.number, store.slug, store.name, store.box_key, store.gen),
                )
                return True
            known = RegisteredStore(*rows[0])
            if len(rows) > 1 or (known.number, known.slug) != (store.number, store.slug):
                raise Refused(
                    "store_exists",
                    f"Store {known.number} is registered as {known.slug}.",
                    advice="Give the new store a number and a slug of its own.",
                )
            if (known.box_key, known.gen) != (store.box_key, store.gen):
                raise Refused(
                    "store_has_box",
                    f"Store {known.slug} has another box, in generation {known.gen}.",
                    advice="Its history is tied to that box's key. Replace the box instead.",
                )
            connection.execute(
                "UPDATE store SET name = ? WHERE number = ?", (store.name, store.number)
            )
            return known.name != store.name

        return await self._file.write(unit)

    async def replace_box(self, slug: str, box_key: str, gen: int) -> RegisteredStore:
        """Let another box go on with a store's history, in a generation of its own; return it.

        The same once more changes nothing. Raises ProtocolViolation when the key is none, Refused
        for a store that is not known, a generation that was there, and the key of a box that was.
        """
        VerifyingKey.from_hex(box_key)
        now = self._clock.now_ms()

        def unit(connection: sqlite3.Connection) -> RegisteredStore:
            row = connection.execute(
                f"SELECT {_COLUMNS} FROM store WHERE slug = ?",  # noqa: S608 - a constant of ours
                (slug,),
            ).fetchone()
            if row is None:
                raise Refused("unknown_store", "Head office knows no such store.", status=404)
            known = RegisteredStore(*row)
            if (known.box_key, known.gen) == (box_key, gen):
                return known
            if gen <= known.gen or known.box_key == box_key:
                raise Refused(
                    "generation_taken",
                    f"Store {slug} is in generation {known.gen} with the box {known.box_key}.",
                    advice=f"A new box has a key of its own, and generation {known.gen + 1}.",
                )
            connection.execute(
                "UPDATE store SET box_key = ?, gen = ?, box_seq = 0 WHERE slug = ?",
                (box_key, gen, slug),
            )
            confirm_one(connection, known.number, now)  # whichever it was, it is neither now
            begin_anew(connection, known.number)
            return msgspec.structs.replace(known, box_key=box_key, gen=gen, box_seq=0)

        return await self._file.write(unit)

    async def open_generation(
        self, store: RegisteredStore, used: int, shown: RatchetShown | None = None
    ) -> int:
        """Give a store's box a generation that no event is of yet, and return it.

        `used` is the newest that events here are of, or the box itself is in. One that was given
        and not used is given again: the box may not have heard of it. What the box said ahead of
        its frames is forgotten: it was of a history that does not go on; and alarms about that are
        over. `shown` are the box's tokens.

        Raises Refused while two boxes are known to be alive and nobody has confirmed one; and when
        the last one was given lately, unless the tokens say that it is the very same box.
        """
        now = self._clock.now_ms()

        def unit(connection: sqlite3.Connection) -> int:
            row = connection.execute(
                "SELECT gen, generation_given_at FROM store WHERE number = ? AND box_key = ?",
                (store.number, store.box_key),
            ).fetchone()
            if row is None:
                raise Refused(
                    BOX_REPLACED,
                    f"Another box took the place of this one in {store.slug}.",
                    advice="Its late sales are taken up by a person.",
                )
            if is_twice(connection, store.number):
                raise two_boxes(store.slug)
            unused, given_at = row[0] > used, row[1]
            lately = given_at and now - given_at < MENDING_AGAIN_MS_MIN
            if not unused and lately and not is_the_same_box(connection, store.number, shown):
                raise Refused(
                    "mended_lately",
                    f"The box of store {store.slug} got its history back a short while ago, and "
                    "asks for it again: it was restored once more, or two boxes with one identity "
                    "are at work.",
                    advice="Find out which one is the shop's box, switch any other off, and "
                    f"confirm: `tillbox office confirm-box --store {store.slug}`. What each has "
                    "sold stays on its disk until then.",
                )
            gen: int = row[0] if unused else used + 1
            open_for(connection, store.number, gen, shown, now)
            connection.execute(
                "UPDATE store SET gen = ?, box_seq = 0, generation_given_at = ? WHERE number = ?",
                (gen, given_at if unused else now, store.number),
            )
            connection.execute("DELETE FROM digest WHERE store = ?", (store.number,))
            connection.execute("DELETE FROM digest_differing WHERE store = ?", (store.number,))
            connection.executemany(
                "DELETE FROM alarm WHERE store = ? AND kind = ?",
                [(store.number, kind) for kind in _OVER_ONCE_MENDED],
            )
            return gen

        return await self._file.write(unit)

    async def forget_digest(self, number: int) -> None:
        """Forget what a box said ahead of frames that are refused: it is of another history."""
        await self._file.write(
            lambda connection: connection.execute("DELETE FROM digest WHERE store = ?", (number,))
        )

    async def remember_generation(self, store: RegisteredStore, gen: int) -> RegisteredStore:
        """Let a store's box be in a generation that was given to it before this file was a copy.

        Return the store as it is then. A box that another one took the place of meanwhile stays
        in the generation that it had here.
        """

        def unit(connection: sqlite3.Connection) -> RegisteredStore:
            same_box = (store.number, store.box_key)
            connection.execute(
                "UPDATE store SET gen = max(gen, ?) WHERE number = ? AND box_key = ?",
                (gen, *same_box),
            )
            row = connection.execute(
                f"SELECT {_COLUMNS} FROM store WHERE number = ? AND box_key = ?",  # noqa: S608 - a constant of ours
                same_box,
            ).fetchone()
            return store if row is None else RegisteredStore(*row)

        return await self._file.write(unit)

    async def confirm_box(self, slug: str) -> None:
        """Let the next box of a store that lost its history have it. Raises Refused (404)."""
        now = self._clock.now_ms()

        def unit(connection: sqlite3.Connection) -> None:
            row = connection.execute(
                "UPDATE store SET generation_given_at = 0 WHERE slug = ? RETURNING number", (slug,)
            ).fetchone()
            if row is None:
                raise Refused("unknown_store", "Head office knows no such store.", status=404)
            confirm_one(connection, row[0], now)

        await self._file.write(unit)
        self.alarms_changed()

    async def boxes_before(self, store: RegisteredStore) -> tuple[HistoryBox, ...]:
        """Return the boxes of a store's earlier generations, as the feed of box keys knows them."""
        # their keys are `store/gen`: all that lies from there up to the sign behind the slash
        within = (Feed.BOX_KEY, f"{store.number}/", f"{store.number}0")
        rows = await self._file.read(
            lambda connection: connection.execute(
                "SELECT value FROM feed_item WHERE feed = ? AND scope = ''"
                " AND key >= ? AND key < ?",
                within,
            ).fetchall()
        )
        keys = [msgspec.json.decode(value, type=BoxKey) for (value,) in rows]
        return tuple(
            HistoryBox(each.gen, each.public)
            for each in keys
            if each.store == store.number and each.gen < store.gen
        )

    async def by_slug(self, slug: str) -> RegisteredStore | None:
        """Return a store, or None."""
        row = await self._file.read(
            lambda connection: connection.execute(
                f"SELECT {_COLUMNS} FROM store WHERE slug = ?",  # noqa: S608 - a constant of ours
                (slug,),
            ).fetchone()
        )
        return None if row is None else RegisteredStore(*row)

    async def all(self) -> list[RegisteredStore]:
        """Return every store, by number."""
        rows = await self._file.read(
            lambda connection: connection.execute(
                f"SELECT {_COLUMNS} FROM store ORDER BY number"  # noqa: S608 - a constant of ours
            ).fetchall()
        )
        return [RegisteredStore(*row) for row in rows]

    def heard(self, number: int, box_seq: int | None = None) -> None:
        """Note that a box was heard, with the next commit: it may be lost and learnt again."""
        _, seq = self._heard.get(number, (0, 0))
        self._heard[number] = (self._clock.now_ms(), max(seq, box_seq or 0))
        if not self._heard_is_due:
            # one for all boxes and all they say until then
            self._heard_is_due = True
            self._file.write_lazily(self._write_heard)

    def _write_heard(self, connection: sqlite3.Connection) -> None:
        """Write what was heard; runs in the database's thread, beside `heard`."""
        self._heard_is_due = False
        while self._heard:
            number, (at, seq) = self._heard.popitem()
            connection.execute(
                "UPDATE store SET last_contact = ?, box_seq = max(box_seq, ?) WHERE number = ?",
                (at, seq, number),
            )

    async def alarm(self, number: int, kind: str, words: str) -> None:
        """Keep an alarm; the same kind again is counted."""
        await self._alarms.keep(number, kind, words)
        self.alarms_changed()

    async def withdraw(self, number: int, kind: str) -> None:
        """Take an alarm back: what it was about is mended."""
        now = self._clock.now_ms()

        def unit(connection: sqlite3.Connection) -> None:
            close_case(connection, (number, kind), now)

        await self._file.write(unit)
        self.alarms_changed()

    async def alarms(self) -> dict[int, tuple[Alarm, ...]]:
        """Return what is wrong, by store number."""
        return await self._alarms.all()
