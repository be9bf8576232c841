"""The outbox of head office: receipts by e-mail that wait, were sent, or came to nothing."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from edge.contract.instant import Clock
from edge.contract.office_limits import (
    MAIL_ADDRESS_KEPT_MS,
    MAIL_WAITED_MS_MAX,
    MAIL_WORDS_CHARS_MAX,
    MAILS_SHOWN_MAX,
)
from edge.contract.receipt_letter import ReceiptLetter, masked
from edge.runtime.database_file import DatabaseFile

WAITING: Final = "waiting"
SENT: Final = "sent"
FAILED: Final = "failed"
_TOO_OLD: Final = "It waited for too long and was not sent."
_UNREADABLE: Final = "This head office cannot read it: the box is newer. It was not sent."
_LETTER: Final = msgspec.json.Decoder(ReceiptLetter)


class MailBody(msgspec.Struct, frozen=True):
    """A receipt by e-mail: `to` is masked, empty once it is erased; instants in ms since 1970 UTC.

    `state` is `waiting`, `sent` or `failed`, `words` what hindered it last.
    """

    store: str
    receipt: str
    to: str
    state: str
    words: str
    tries: int
    arrived_at: int
    ended_at: int


class MailsBody(msgspec.Struct, frozen=True):
    """The newest of the outbox; `sending` is false where no mail server is set up."""

    sending: bool
    waiting: int
    mails: tuple[MailBody, ...]


class DueMail(msgspec.Struct, frozen=True):
    """A mail that may be tried now; `letter` is None for one that cannot be read any more."""

    n: int
    store: int
    slug: str
    letter: ReceiptLetter
    tries: int
    first_try_at: int


class EndedMail(msgspec.Struct, frozen=True):
    """A mail that came to nothing, for whoever is told of it."""

    store: int
    receipt: str
    words: str


@dataclass(frozen=True)
class Outbox:
    """Mails in `office.db`."""

    file: DatabaseFile
    clock: Clock

    async def take(self, store: int, ref: str, body: bytes) -> EndedMail | None:
        """Put a letter on disk; one that is there already is left as it is.

        What cannot be read steps aside as failed, and is returned.
        """
        now = self.clock.now_ms()
        try:
            letter = _LETTER.decode(body)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            letter = None
        shown = masked(letter.address) if letter else ""
        receipt = letter.receipt if letter else ""

        def unit(connection: sqlite3.Connection) -> int:
            return connection.execute(
                "INSERT INTO mail (store, ref, receipt, shown, body, state, words, arrived_at,"
                " next_at, ended_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (store, ref) DO NOTHING",
                (store, ref, receipt, shown, body, WAITING if letter else FAILED,
                 "" if letter else _UNREADABLE, now, now, 0 if letter else now),
            ).rowcount  # fmt: skip

        new = await self.file.write(unit)
        return EndedMail(store, receipt, _UNREADABLE) if new and letter is None else None

    async def due(self) -> DueMail | int | None:
        """Return the mail that has waited longest for its turn; when the next one has it; None.

        The instant is in ms since 1970 UTC; None when nothing waits.
        """
        row = await self._row(
            "SELECT mail.n, mail.store, slug, body, tries, first_try_at, next_at FROM mail"
            " JOIN store ON store.number = mail.store WHERE state = ? ORDER BY next_at, n LIMIT 1",
            (WAITING,),
        )
        if row is None:
            return None
        n, store, slug, body, tries, first_try_at, next_at = row
        if next_at > self.clock.now_ms():
            return int(next_at)
        return DueMail(n, store, slug, _LETTER.decode(body), tries, first_try_at)

    async def waiting(self) -> int:
        """Return how many wait."""
        row = await self._row("SELECT count(*) FROM mail WHERE state = ?", (WAITING,))
        return int(row[0]) if row else 0

    async def tried(self, mail: DueMail, words: str, next_at: int) -> None:
        """Note that a try came to nothing yet; the next is not before `next_at`."""
        now = self.clock.now_ms()
        await self._write(
            "UPDATE mail SET tries = tries + 1, words = ?, next_at = ?,"
            " first_try_at = CASE first_try_at WHEN 0 THEN ? ELSE first_try_at END WHERE n = ?",
            (words[:MAIL_WORDS_CHARS_MAX], next_at, now, mail.n),
        )

    async def ended(self, mail: DueMail, state: str, words: str = "") -> None:
        """Note that a mail was sent, or is given up."""
        await self._write(
            "UPDATE mail SET state = ?, words = ?, tries = tries + 1, ended_at = ? WHERE n = ?",
            (state, words[:MAIL_WORDS_CHARS_MAX], self.clock.now_ms(), mail.n),
        )

    async def give_up_old(self) -> tuple[EndedMail, ...]:
        """End what waited for `MAIL_WAITED_MS_MAX`, and return it."""
        now = self.clock.now_ms()

        def unit(connection: sqlite3.Connection) -> list[Any]:
            return connection.execute(
                "UPDATE mail SET state = ?, words = ?, ended_at = ?"
                " WHERE state = ? AND arrived_at <= ? RETURNING store, receipt, words",
                (FAILED, _TOO_OLD, now, WAITING, now - MAIL_WAITED_MS_MAX),
            ).fetchall()

        return tuple(EndedMail(*row) for row in await self.file.write(unit))

    async def erase_old(self) -> None:
        """Erase addresses and receipts of what ended `MAIL_ADDRESS_KEPT_MS` ago, for good."""
        before = self.clock.now_ms() - MAIL_ADDRESS_KEPT_MS

        def unit(connection: sqlite3.Connection) -> None:
            secure = connection.execute("PRAGMA secure_delete").fetchone()[0]
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute(
                "UPDATE mail SET body = x'', shown = ''"
                " WHERE state <> 'waiting' AND body <> x'' AND ended_at <= ?",
                (before,),
            )
            connection.execute(f"PRAGMA secure_delete = {int(secure)}")

        if await self._row(
            "SELECT 1 FROM mail WHERE state <> 'waiting' AND body <> x'' AND ended_at <= ? LIMIT 1",
            (before,),
        ):
            await self.file.write(unit)

    async def newest(self, *, sending: bool) -> MailsBody:
        """Return the newest mails, addresses masked."""
        rows = await self.file.read(
            lambda connection: connection.execute(
                "SELECT slug, receipt, shown, state, words, tries, arrived_at, ended_at FROM mail"
                " JOIN store ON store.number = mail.store ORDER BY n DESC LIMIT ?",
                (MAILS_SHOWN_MAX,),
            ).fetchall()
        )
        return MailsBody(sending, await self.waiting(), tuple(MailBody(*row) for row in rows))

    async def _row(self, sql: str, values: tuple[object, ...]) -> Any:
        return await self.file.read(lambda connection: connection.execute(sql, values).fetchone())

    async def _write(self, sql: str, values: tuple[object, ...]) -> None:
        await self.file.write(lambda connection: connection.execute(sql, values))
