"""The boxes that the second copy was told of, and what is wrong with any."""

from __future__ import annotations

import sqlite3
from typing import Final

import msgspec

from edge.contract.errors import Refused
from edge.contract.history_file import HistoryBox
from edge.contract.identity import ShortId
from edge.contract.instant import Clock
from edge.contract.replication import Head
from edge.runtime.database_file import DatabaseFile
from edge.runtime.keys import VerifyingKey
from sync.appending.alarms import Alarms
from sync.appending.ingest import BoxIdentity

_COLUMNS: Final = (
    "number, slug, box_key, gen, box_seq, last_contact, behind_gen, behind_seq, behind_hash"
)


class KnownBox(msgspec.Struct, frozen=True):
    """A box by its store. `box_seq` is its own head when it last introduced itself.

    `last_contact` in ms since 1970 UTC by this host's clock, 0 for never. The generation was given
    behind an event (`behind_seq`) where its history was mended, else that is 0.
    """

    number: int
    slug: ShortId
    box_key: str
    gen: int
    box_seq: int = 0
    last_contact: int = 0
    behind_gen: int = 0
    behind_seq: int = 0
    behind_hash: str = ""

    @property
    def identity(self) -> BoxIdentity:
        """Whose frames it may send."""
        behind = (
            Head(self.behind_gen, self.behind_seq, self.behind_hash) if self.behind_seq else None
        )
        return BoxIdentity(self.number, self.slug, self.gen, self.box_key, behind)


class BoxDirectory:
    """Boxes and `alarms` in `keep.db`."""

    def __init__(self, file: DatabaseFile, clock: Clock) -> None:
        self._file = file
        self._clock = clock
        self.alarms = Alarms(file, clock)

    async def add(self, box: KnownBox) -> bool:
        """Get to know a box; False when exactly this one is known already.

        Raises ProtocolViolation when the key is none, Refused when number, slug or key belong to
        another box: what is kept of that one stays as it is.
        """
        VerifyingKey.from_hex(box.box_key)

        def unit(connection: sqlite3.Connection) -> bool:
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM box WHERE number = ? OR slug = ? OR box_key = ?",  # noqa: S608 - a constant of ours
                (box.number, box.slug, box.box_key),
            ).fetchall()
            known = [KnownBox(*row).identity for row in rows]
            if [msgspec.structs.replace(each, behind=None) for each in known] == [box.identity]:
                return False
            if known:
                other = known[0]
                raise Refused(
                    "box_known_otherwise",
                    f"Store {other.number} is known as {other.slug}, in generation {other.gen}, "
                    f"with the box key {other.key}.",
                    advice="Every box has a number, a name and a key of its own. Keep the history "
                    "of another box in a folder of its own.",
                )
            connection.execute(
                "INSERT INTO box (number, slug, box_key, gen) VALUES (?, ?, ?, ?)",
                (box.number, box.slug, box.box_key, box.gen),
            )
            return True

        return await self._file.write(unit)

    async def replace(self, slug: str, box_key: str, gen: int) -> KnownBox:
        """Let another box go on with a store's history, in a generation of its own; return it.

        The same once more changes nothing. Raises ProtocolViolation when the key is none, Refused
        for a store that is not known, a generation that was there, and a key that another box has.
        """
        VerifyingKey.from_hex(box_key)

        def unit(connection: sqlite3.Connection) -> KnownBox:
            row = connection.execute(
                f"SELECT {_COLUMNS} FROM box WHERE slug = ?",  # noqa: S608 - a constant of ours
                (slug,),
            ).fetchone()
            if row is None:
                raise Refused("unknown_store", f"No box of store {slug} is known here.")
            known = KnownBox(*row)
            if (known.box_key, known.gen) == (box_key, gen):
                return known
            taken = connection.execute(
                "SELECT 1 FROM box WHERE box_key = ?1 UNION SELECT 1 FROM box_before"
                " WHERE box_key = ?1",
                (box_key,),
            ).fetchone()
            if gen <= known.gen or taken:
                raise Refused(
                    "generation_taken",
                    f"Store {slug} is in generation {known.gen} with the box {known.box_key}.",
                    advice=f"A new box has a key of its own, and generation {known.gen + 1}.",
                )
            connection.execute(
                "INSERT INTO box_before (number, gen, box_key) VALUES (?, ?, ?)",
                (known.number, known.gen, known.box_key),
            )
            connection.execute(
                "UPDATE box SET box_key = ?, gen = ?, box_seq = 0, behind_gen = 0, behind_seq = 0,"
                " behind_hash = '' WHERE number = ?",
                (box_key, gen, known.number),
            )
            return KnownBox(known.number, known.slug, box_key, gen, 0, known.last_contact)

        return await self._file.write(unit)

    async def before(self, number: int) -> tuple[HistoryBox, ...]:
        """Return the boxes of a store's earlier generations."""
        rows = await self._file.read(
            lambda connection: connection.execute(
                "SELECT gen, box_key FROM box_before WHERE number = ? ORDER BY gen", (number,)
            ).fetchall()
        )
        return tuple(HistoryBox(*row) for row in rows)

    async def by_slug(self, slug: str) -> KnownBox | None:
        """Return a box by its store, or None."""
        return next((box for box in await self.all() if box.slug == slug), None)

    async def all(self) -> list[KnownBox]:
        """Return every box, by the number of its store."""
        rows = await self._file.read(
            lambda connection: connection.execute(
                f"SELECT {_COLUMNS} FROM box ORDER BY number"  # noqa: S608 - a constant of ours
            ).fetchall()
        )
        return [KnownBox(*row) for row in rows]

    def heard(self, number: int, box_seq: int | None = None) -> None:
        """Note that a box was heard, with the next commit: it may be lost and learnt again."""
        now = self._clock.now_ms()

        def unit(connection: sqlite3.Connection) -> None:
            connection.execute(
                "UPDATE box SET last_contact = ?, box_seq = max(box_seq, ?) WHERE number = ?",
                (now, box_seq or 0, number),
            )

        self._file.write_lazily(unit)
