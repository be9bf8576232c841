"""What people of head office did about what was wrong: each act once, with its answer, for good.

A page that lost the answer asks again with the same command and gets it; the same command for
something else is refused. What an act changes is in the same commit as the act.
"""

from __future__ import annotations

import hashlib
import sqlite3
from typing import Final

import msgspec

from edge.contract.attention_limits import ACTS_SHOWN_MAX
from edge.contract.errors import Refused
from edge.engine.text_safety import looks_like_pan
from edge.runtime.database_file import DatabaseFile

_COLUMNS: Final = "n, what, coalesce(slug, ''), person_act.gen, seq, who, at, reason, before, after"


class Act(msgspec.Struct, frozen=True):
    """Who wants what, under which command. `wish` is all of it, as bytes that compare."""

    command: str
    what: str
    store: int
    who: str
    at: int
    reason: str = ""
    gen: int = 0
    seq: int = 0
    wish: bytes = b""
    before: bytes = b""
    after: bytes = b""


class ActBody(msgspec.Struct, frozen=True):
    """An act as people read it. `gen` and `seq` are 0 where it was not about one event.

    `before` and `after` are what an event said to the sales until a repair, and from then on. An
    act about head office itself has no `store`.
    """

    n: int
    what: str
    store: str
    gen: int
    seq: int
    who: str
    at: int
    reason: str
    before: str
    after: str


class ActsBody(msgspec.Struct, frozen=True):
    """Acts, the newest first; `next` is the `before` of the next page, 0 at the end."""

    acts: tuple[ActBody, ...]
    next: int


def check_text(text: str) -> None:
    """Raise Refused for a text that looks like a card number."""
    if looks_like_pan(text):
        raise Refused(
            "card_number",
            "What looks like a card number is kept nowhere.",
            advice="Say it without the number.",
        )


def answered(connection: sqlite3.Connection, act: Act) -> bytes | None:
    """Return the answer that this very act got before, or None.

    Raises Refused (409) when its command was for something else.
    """
    row = connection.execute(
        "SELECT wish, answer FROM person_act WHERE command = ?", (act.command,)
    ).fetchone()
    return None if row is None else answer_of(act, bytes(row[0]), bytes(row[1]))


def answer_of(act: Act, wish: bytes, answer: bytes) -> bytes:
    """Return the answer to what was asked for under a command, if this act asks for the same.

    Raises Refused (409) when it was something else.
    """
    if wish != fingerprint(act):
        raise Refused(
            "command_reused",
            "This command was given for something else before.",
            advice="Give each wish a command of its own.",
        )
    return answer


def keep_act(connection: sqlite3.Connection, act: Act, answer: bytes) -> None:
    """Keep an act with its answer, in the transaction that does what it is about."""
    connection.execute(
        "INSERT INTO person_act (command, wish, what, store, gen, seq, who, at, reason, before,"
        " after, answer) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            act.command,
            fingerprint(act),
            act.what,
            act.store,
            act.gen,
            act.seq,
            act.who,
            act.at,
            act.reason,
            act.before,
            act.after,
            answer,
        ),
    )


async def acts(file: DatabaseFile, *, store: int | None, before: int) -> ActsBody:
    """Return a page of acts, of all stores or of one (0: of head office itself)."""
    end = before or 2**63 - 1
    rows = await file.read(
        lambda connection: connection.execute(
            f"SELECT {_COLUMNS} FROM person_act LEFT JOIN store ON number = person_act.store"  # noqa: S608 - a constant of ours
            " WHERE n < ?1 AND (?2 IS NULL OR person_act.store = ?2) ORDER BY n DESC LIMIT ?3",
            (end, store, ACTS_SHOWN_MAX),
        ).fetchall()
    )
    found = tuple(ActBody(*(*row[:8], _shown(row[8]), _shown(row[9]))) for row in rows)
    return ActsBody(found, found[-1].n if len(found) == ACTS_SHOWN_MAX else 0)


def _shown(body: bytes) -> str:
    return body.decode("utf-8", "replace")


def fingerprint(act: Act) -> bytes:
    """Return what two acts have in common that ask for the same, by the same person."""
    whole = (act.what, act.store, act.gen, act.seq, act.who, act.reason, act.wish.hex())
    return hashlib.sha256(msgspec.json.encode(whole)).digest()
