"""Alarms from their beginning to their end: who has seen one, when it was over, and why.

Table `alarm` is what is wrong now, whoever found it; a case follows each of its rows in the same
commit. A case is open, then (once a person took it on) acknowledged, then closed: by itself where
its cause is over, or by a person. What comes back later is another case.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from edge.contract.attention_limits import ALARMS_CLOSED_KEPT_MAX, ALARMS_SHOWN_MAX
from edge.contract.errors import Refused
from edge.contract.identity import CommandId
from edge.contract.instant import Clock
from edge.contract.limits import REASON_CHARS_MAX
from edge.runtime.database_file import DatabaseFile
from edge.runtime.structured_log import Log
from sync.office.alarm_advice import advice_for
from sync.office.person_acts import Act, answered, check_text, keep_act

OPEN: Final = "open"
ACKNOWLEDGED: Final = "acknowledged"
CLOSED: Final = "closed"
_COLUMNS: Final = (
    "alarm_case.n, coalesce(slug, ''), kind, words, alarm_case.state, opened_at, last_at, count,"
    " acknowledged_by, acknowledged_at, note, closed_by, closed_at, closed_words"
)


class AlarmCase(msgspec.Struct, frozen=True):
    """An alarm. `store` is empty where it is about head office itself.

    `state` is `open`, `acknowledged` or `closed`; `words` say what happened, `advice` what a person
    should do next. It happened `count` times, from `opened_at` to `last_at`. `closed_by` is empty
    where its cause was over. Times in ms since 1970 UTC, 0 for not yet.
    """

    n: int
    store: str
    kind: str
    words: str
    state: str
    opened_at: int
    last_at: int
    count: int
    acknowledged_by: str
    acknowledged_at: int
    note: str
    closed_by: str
    closed_at: int
    closed_words: str
    advice: str = ""


class AlarmsBody(msgspec.Struct, frozen=True):
    """Alarms, the newest first; `next` is the `before` of the next page, 0 at the end."""

    alarms: tuple[AlarmCase, ...]
    next: int = 0


class AlarmWish(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a person says to an alarm: a note, or why it is over. Closing needs words."""

    command: CommandId
    words: Annotated[str, Meta(max_length=REASON_CHARS_MAX)] = ""


def close_case(
    connection: sqlite3.Connection, alarm: tuple[int, str], at: int, who: str = "", words: str = ""
) -> None:
    """End an alarm (store number and kind), in the transaction of what ended it."""
    connection.execute(
        "UPDATE alarm_case SET closed_by = ?, closed_at = ?, closed_words = ?"
        " WHERE store = ? AND kind = ? AND state <> 'closed'",
        (who, at, words, *alarm),
    )
    connection.execute("DELETE FROM alarm WHERE store = ? AND kind = ?", alarm)


@dataclass
class AlarmDesk:
    """Reads alarms, and takes what people say to them. `listeners` are called after that."""

    file: DatabaseFile
    clock: Clock
    log: Log
    listeners: list[Callable[[], None]] = field(default_factory=list)
    closed_kept_max: int = ALARMS_CLOSED_KEPT_MAX

    async def standing(self) -> AlarmsBody:
        """Return the alarms that are not over, the newest first."""
        return AlarmsBody(tuple(await self._cases("state <> 'closed'", ())))

    async def page(self, *, store: int | None, state: str, before: int) -> AlarmsBody:
        """Return alarms, also those that are over; of one store (0: head office), or of all."""
        cases = await self._cases(
            "alarm_case.n < ?1 AND (?2 IS NULL OR alarm_case.store = ?2)"
            " AND (?3 = '' OR state = ?3)",
            (before or 2**63 - 1, store, state),
        )
        return AlarmsBody(tuple(cases), cases[-1].n if len(cases) == ALARMS_SHOWN_MAX else 0)

    async def newest_step(self) -> int:
        """Return the number of the newest step of any alarm."""
        return await self.file.read(
            lambda connection: int(
                connection.execute("SELECT coalesce(max(n), 0) FROM alarm_step").fetchone()[0]
            )
        )

    async def steps(self, after: int) -> tuple[int, list[AlarmCase]]:
        """Return alarms that began, were taken on or ended after a step, and the newest step.

        Each as it was with that step: one that began and ended since comes twice.
        """

        def query(connection: sqlite3.Connection) -> tuple[int, list[AlarmCase]]:
            rows = connection.execute(
                f"SELECT step.n, step.state, {_COLUMNS}"  # noqa: S608 - a constant of ours
                " FROM alarm_step AS step JOIN alarm_case ON alarm_case.n = step.alarm"
                " LEFT JOIN store ON number = alarm_case.store WHERE step.n > ?"
                " ORDER BY step.n LIMIT ?",
                (after, ALARMS_SHOWN_MAX),
            ).fetchall()
            cases = [msgspec.structs.replace(_case(row[2:]), state=row[1]) for row in rows]
            return (rows[-1][0] if rows else after), cases

        return await self.file.read(query)

    async def acknowledge(self, n: int, wish: AlarmWish, who: str) -> AlarmCase:
        """Take an alarm on: somebody sees to it. Raises Refused (404, 409)."""

        def change(connection: sqlite3.Connection, case: AlarmCase, at: int) -> None:
            if case.state != OPEN:
                raise _not_open(case)
            connection.execute(
                "UPDATE alarm_case SET state = 'acknowledged', acknowledged_by = ?,"
                " acknowledged_at = ?, note = ? WHERE n = ?",
                (who, at, wish.words, case.n),
            )

        return await self._change(n, wish, who, "acknowledge_alarm", change)

    async def close(self, n: int, wish: AlarmWish, who: str) -> AlarmCase:
        """End an alarm, with words that say why. Should it happen again, it begins again."""
        if not wish.words.strip():
            raise Refused(
                "reason_missing", "Say why it is over.", advice="A word or two.", status=422
            )

        def change(connection: sqlite3.Connection, case: AlarmCase, at: int) -> None:
            if case.state == CLOSED:
                raise _not_open(case)
            (number,) = connection.execute(
                "SELECT store FROM alarm_case WHERE n = ?", (n,)
            ).fetchone()
            close_case(connection, (number, case.kind), at, who, wish.words)

        return await self._change(n, wish, who, "close_alarm", change)

    async def trim(self) -> None:
        """Forget the oldest of too many alarms that are over, and their steps."""

        def unit(connection: sqlite3.Connection) -> None:
            row = connection.execute(
                "SELECT n FROM alarm_case WHERE state = 'closed' ORDER BY n DESC LIMIT 1 OFFSET ?",
                (self.closed_kept_max,),
            ).fetchone()
            if row is None:
                return
            connection.execute("DELETE FROM alarm_case WHERE state = 'closed' AND n <= ?", row)
            # the newest step stays: the next one is numbered behind it
            connection.execute(
                "DELETE FROM alarm_step WHERE n < (SELECT max(n) FROM alarm_step)"
                " AND alarm NOT IN (SELECT n FROM alarm_case)"
            )

        await self.file.write(unit)

    async def _change(
        self,
        n: int,
        wish: AlarmWish,
        who: str,
        what: str,
        change: Callable[[sqlite3.Connection, AlarmCase, int], None],
    ) -> AlarmCase:
        check_text(wish.words)
        at = self.clock.now_ms()

        def unit(connection: sqlite3.Connection) -> AlarmCase:
            row = connection.execute("SELECT store FROM alarm_case WHERE n = ?", (n,)).fetchone()
            if row is None:
                raise Refused("unknown_alarm", f"There is no alarm {n}.", status=404)
            asked = str(n).encode()
            act = Act(wish.command, what, row[0], who, at, wish.words, wish=asked)
            if answered(connection, act) is None:
                change(connection, _one(connection, n), at)
                keep_act(connection, act, b"{}")
            return _one(connection, n)

        case = await self.file.write(unit)
        self.log.info("person_acted", what=what, alarm=n, store=case.store, who=who)
        for listener in self.listeners:
            listener()
        return case

    async def _cases(self, where: str, values: tuple[object, ...]) -> list[AlarmCase]:
        rows = await self.file.read(
            lambda connection: connection.execute(
                f"SELECT {_COLUMNS} FROM alarm_case LEFT JOIN store ON number = alarm_case.store"  # noqa: S608 - constants of ours
                f" WHERE {where} ORDER BY n DESC LIMIT {ALARMS_SHOWN_MAX}",
                values,
            ).fetchall()
        )
        return [_case(row) for row in rows]


def _one(connection: sqlite3.Connection, n: int) -> AlarmCase:
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM alarm_case LEFT JOIN store ON number = alarm_case.store"  # noqa: S608 - a constant of ours
        " WHERE alarm_case.n = ?",
        (n,),
    ).fetchone()
    return _case(row)


def _case(row: tuple[object, ...]) -> AlarmCase:
    case = AlarmCase(*row)  # type: ignore[arg-type] # columns in the order of the fields
    return msgspec.structs.replace(case, advice=advice_for(case.kind))


def _not_open(case: AlarmCase) -> Refused:
    if case.state == CLOSED:
        by = f"{case.closed_by} closed it" if case.closed_by else "its cause is over"
        return Refused("alarm_closed", f"Alarm {case.n} is over: {by}.")
    return Refused(
        "alarm_acknowledged",
        f"{case.acknowledged_by} sees to alarm {case.n} already.",
        advice="Ask them, or close it once it is over.",
    )
