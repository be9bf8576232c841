"""Which copy of a box calls: the tokens that head office gave, and what those shown say.

The rules are those of `edge.contract.ratchet`. They stand in `office.db` beside the generation of a
store, wherever its frames are: what changes both is one transaction. A token that is not known here
is believed: head office itself was restored then, and the heads say what is missing. Only one that
is known to be old says something about the box.
"""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from enum import Enum
from typing import Final, NamedTuple

from edge.contract.instant import Clock
from edge.contract.ratchet import BOX_COPIED, BOX_TWICE, RatchetShown
from edge.contract.ratchet_limits import RATCHETS_OLD_KEPT_MAX
from edge.runtime.database_file import DatabaseFile
from sync.office.alarm_cases import close_case


class Copied(Enum):
    """What tokens say of a box; the value is for the log."""

    NOTHING = "nothing"
    """Nothing against it, as far as is known."""
    LEDGER = "ledger"
    """Its ledger alone was put back: what lies beside it is newer. It is the very box."""
    WHOLE = "whole"
    """All of it is an older copy: it was put back, or it is a second box."""
    TWICE = "twice"
    """It is alive beside another one, which was given a generation without knowing of it."""


class Verdict(NamedTuple):
    """What tokens say. A copy was made between `since` and `until` (ms since 1970 UTC), or 0."""

    copied: Copied
    since: int = 0
    until: int = 0

    def words(self, slug: str, *, twice: bool = False) -> str:
        """Return it in words, to be put behind others; empty where there is nothing to say.

        `twice`: it is known already that there are two, and this one asks.
        """
        when = ""
        if self.until:
            when = f" from before {_day(self.until)}"
        if self.since:
            when = f" from between {_day(self.since)} and {_day(self.until)}"
        if twice and self.copied in {Copied.LEDGER, Copied.WHOLE}:
            return f"The one that asks has the token of a copy{when}."
        if self.copied is Copied.LEDGER:
            return (
                f"Its ledger alone was put back, to a copy{when}; what lies beside the ledger is "
                "newer, so this is the same box."
            )
        if self.copied is Copied.WHOLE:
            return (
                f"The whole box was put back to a copy{when}, or it is a second box that was made "
                "from such a copy."
            )
        if self.copied is Copied.TWICE:
            known = (
                f"The one that asks now has the token which it was known by until "
                f"{_day(self.until)}; another one, which never had that, goes on since then. (Or "
                "one box was put back twice, to a newer copy the second time.)"
            )
            return known if twice else f"Two boxes of store {slug} are alive with one key. {known}"
        return ""


class _Row(NamedTuple):
    gen: int
    kept: str
    kept_of: int
    given: str
    given_at: int

    def tells_of(self, gen: int) -> bool:
        """Return whether a copy can be told by its token in a generation."""
        return self.gen == gen and self.kept != ""


class Ratchets:
    """Tables `ratchet`, `ratchet_old` and `box_twice`. Stores go by their numbers."""

    def __init__(self, file: DatabaseFile, clock: Clock) -> None:
        self._file = file
        self._clock = clock

    async def look(
        self, number: int, shown: RatchetShown | None, gen: int | None = None
    ) -> Verdict:
        """Return what tokens say of a box; nothing is changed.

        With a generation, what they say of its right to go on in that: nothing before a token of it
        was kept, since who comes first in it is the one that it was given to.
        """

        def query(connection: sqlite3.Connection) -> Verdict:
            row = _row(connection, number)
            if shown is None or row is None or (gen is not None and not row.tells_of(gen)):
                return _FINE
            return verdict_of(connection, number, shown)

        return await self._file.read(query)

    async def greet(
        self, number: int, gen: int, shown: RatchetShown, fresh: str
    ) -> tuple[str, Verdict]:
        """Return the token to give a box whose history fits, once that is on disk here.

        It is `fresh`, or the one that was given before where nobody is known to have kept that;
        empty for a box that shows an old one.
        """
        now = self._clock.now_ms()

        def unit(connection: sqlite3.Connection) -> tuple[str, Verdict]:
            row = _row(connection, number)
            if row is None or row.gen != gen:
                # who comes first in a generation is the one that it was given to
                if row is not None:
                    _grow_old(connection, number, row, now)
                return _put(connection, number, _Row(gen, "", 0, fresh, now)), _FINE
            if row.tells_of(gen):
                verdict = verdict_of(connection, number, shown)
                if verdict.copied is not Copied.NOTHING:
                    return "", verdict
            if row.given and shown.ledger == shown.beside == row.given:
                _forget(connection, number, row.kept, row.kept_of, now)
                row = _Row(gen, row.given, row.given_at, fresh, now)
            elif row.kept and shown.ledger not in {row.kept, row.given}:
                # head office was restored from a copy: it gave this one after that was made
                _grow_old(connection, number, row, now)
                row = _Row(gen, shown.ledger, now, fresh, now)
            elif not row.given:
                row = _Row(gen, row.kept, row.kept_of, fresh, now)
            return _put(connection, number, row), _FINE

        return await self._file.write(unit)

    async def kept(self, number: int, token: str) -> None:
        """Take that a box has a token on disk: the one before it is old from now on."""
        now = self._clock.now_ms()

        def unit(connection: sqlite3.Connection) -> None:
            row = _row(connection, number)
            if row is not None and token and row.given == token:
                _forget(connection, number, row.kept, row.kept_of, now)
                _put(connection, number, _Row(row.gen, token, row.given_at, "", 0))

        await self._file.write(unit)

    # --- two boxes with one key ---------------------------------------------------------------

    async def is_twice(self, number: int) -> bool:
        """Return whether two boxes of a store were seen, and nobody has confirmed one since."""
        return await self._file.read(lambda connection: is_twice(connection, number))

    async def seen_twice(self, number: int) -> None:
        """Note that two boxes of a store are alive; it says more than that one is a copy."""
        now = self._clock.now_ms()

        def unit(connection: sqlite3.Connection) -> None:
            connection.execute("INSERT OR IGNORE INTO box_twice VALUES (?, ?)", (number, now))
            for kind in _SAID_BETTER:
                close_case(connection, (number, kind), now)

        await self._file.write(unit)


_FINE: Final = Verdict(Copied.NOTHING)
_FORGOTTEN_AT_ONCE: Final = 50
"""Old tokens that go together: to sort them with each session would cost more than the session."""
_SAID_BETTER: Final = ("fork", "behind", "frame_of_other_generation", BOX_COPIED)
"""Alarms that take for restored what is a second box."""


# --- in the transaction of who changes a store's box --------------------------------------------


def is_twice(connection: sqlite3.Connection, number: int) -> bool:
    """Return whether two boxes of a store were seen, and nobody has confirmed one since."""
    row = connection.execute("SELECT 1 FROM box_twice WHERE store = ?", (number,)).fetchone()
    return row is not None


def verdict_of(connection: sqlite3.Connection, number: int, shown: RatchetShown) -> Verdict:
    """Return what the tokens say that a box shows."""
    row = _row(connection, number)
    if row is None or not shown.ledger:
        # a ledger without one, where the box had kept one: it is older than that, or was made anew
        if row is None or not row.kept:
            return _FINE
        same = _is_newest(connection, number, row, shown.beside)
        copied = Copied.LEDGER if same else Copied.WHOLE
        return Verdict(copied, 0, _first(connection, number) or row.kept_of)
    old = connection.execute(
        "SELECT given_at, old_since, elsewhere FROM ratchet_old WHERE store = ? AND token = ?",
        (number, shown.ledger),
    ).fetchone()
    if old is None or shown.ledger in {row.kept, row.given}:
        return _FINE
    since, until, elsewhere = old
    if elsewhere:
        return Verdict(Copied.TWICE, since, until)
    newer = _is_newest(connection, number, row, shown.beside)
    return Verdict(Copied.LEDGER if newer else Copied.WHOLE, since, until)


def _is_newest(connection: sqlite3.Connection, number: int, row: _Row, token: str) -> bool:
    """Return whether nobody is known to have kept a newer token than this one."""
    if not token:
        return False
    if row.kept or token == row.given:
        return token in {row.kept, row.given}
    # nobody has come in this generation yet: it is the one that was newest when that was opened
    newest = connection.execute(
        "SELECT token FROM ratchet_old WHERE store = ? ORDER BY old_since DESC, given_at DESC",
        (number,),
    ).fetchone()
    return newest is not None and newest[0] == token


def is_the_same_box(
    connection: sqlite3.Connection, number: int, shown: RatchetShown | None
) -> bool:
    """Return whether a box has the newest token beside a ledger that was put back."""
    if shown is None:
        return False
    return verdict_of(connection, number, shown).copied is Copied.LEDGER


def open_for(
    connection: sqlite3.Connection, number: int, gen: int, shown: RatchetShown | None, now: int
) -> None:
    """Begin a generation's tokens: it is given to a box that shows these.

    Who has kept another one is another box from then on.
    """
    row = _row(connection, number)
    if row is None or row.gen >= gen:
        return
    mine = set() if shown is None else {shown.ledger, shown.beside}
    # the one that was given last went to who had the kept one: it says the same
    known = shown is not None and mine.isdisjoint({row.kept, row.given} - {""})
    _forget(connection, number, row.kept, row.kept_of, now, elsewhere=known)
    _forget(connection, number, row.given, row.given_at, now)
    _put(connection, number, _Row(gen, "", 0, "", 0))


def confirm_one(connection: sqlite3.Connection, number: int, now: int) -> None:
    """Take a person's word that one box is left, and that the next one that asks is it."""
    connection.execute("DELETE FROM box_twice WHERE store = ?", (number,))
    connection.execute("UPDATE ratchet_old SET elsewhere = 0 WHERE store = ?", (number,))
    for kind in (BOX_TWICE, BOX_COPIED):
        close_case(connection, (number, kind), now, words="The box was confirmed.")


def begin_anew(connection: sqlite3.Connection, number: int) -> None:
    """Forget all tokens of a store: another box, with a key of its own, takes its place."""
    for table in ("ratchet", "ratchet_old", "box_twice"):
        connection.execute(f"DELETE FROM {table} WHERE store = ?", (number,))  # noqa: S608 - names of ours


# --- rows -----------------------------------------------------------------------------------------


def _row(connection: sqlite3.Connection, number: int) -> _Row | None:
    found = connection.execute(
        "SELECT gen, kept, kept_of, given, given_at FROM ratchet WHERE store = ?", (number,)
    ).fetchone()
    return None if found is None else _Row(*found)


def _put(connection: sqlite3.Connection, number: int, row: _Row) -> str:
    connection.execute(
        "INSERT OR REPLACE INTO ratchet (store, gen, kept, kept_of, given, given_at)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (number, *row),
    )
    return row.given


def _grow_old(connection: sqlite3.Connection, number: int, row: _Row, now: int) -> None:
    _forget(connection, number, row.kept, row.kept_of, now)
    _forget(connection, number, row.given, row.given_at, now)


def _forget(
    connection: sqlite3.Connection,
    number: int,
    token: str,
    given_at: int,
    now: int,
    *,
    elsewhere: bool = False,
) -> None:
    """Let a token be old; the oldest of too many is not even remembered."""
    if not token:
        return
    connection.execute(
        "INSERT OR REPLACE INTO ratchet_old VALUES (?, ?, ?, ?, ?)",
        (number, token, given_at, now, elsewhere),
    )
    (count,) = connection.execute(
        "SELECT count(*) FROM ratchet_old WHERE store = ?", (number,)
    ).fetchone()
    if count >= RATCHETS_OLD_KEPT_MAX + _FORGOTTEN_AT_ONCE:
        connection.execute(
            "DELETE FROM ratchet_old WHERE store = ?1 AND old_since < (SELECT old_since FROM"
            " ratchet_old WHERE store = ?1 ORDER BY old_since DESC LIMIT 1 OFFSET ?2)",
            (number, RATCHETS_OLD_KEPT_MAX - 1),
        )


def _first(connection: sqlite3.Connection, number: int) -> int:
    """Return when the first token that is remembered was given; 0 for none."""
    row = connection.execute(
        "SELECT min(given_at) FROM ratchet_old WHERE store = ?", (number,)
    ).fetchone()
    return int(row[0] or 0)


def _day(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
