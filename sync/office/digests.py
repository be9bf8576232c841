"""What boxes say ahead of their frames: shown until the frames are here, then held against them.

A store's stock and takings are known with its first words, however long its backlog takes. When
the backlog is here, the same sales are added up from what the frames say: both agree, or a
person is told where they do not.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec

from edge.contract.digest import Digest, DigestArticle, DigestTaking
from edge.contract.instant import Clock
from edge.contract.limits import BACKOFF_MS_MAX, BACKOFF_MS_MIN
from edge.runtime.backoff import Backoff
from edge.runtime.database_file import DatabaseFile
from edge.runtime.structured_log import Log
from sync.appending.denial import DeniedError
from sync.appending.event_store import EventStoreAway
from sync.office.sales_reading import SalesReader, SoldBetween
from sync.office.store_directory import RegisteredStore, StoreDirectory

AGREES: Final = "agrees"
DIFFERS: Final = "differs"
DIGEST_DIFFERS: Final = "digest_differs"
"""The kind of the alarm of a store of which what came does not add up to what its box said."""
_DECODER: Final = msgspec.json.Decoder(Digest)
_UNDECIDED: Final = "SELECT store, body FROM digest WHERE verdict = ''"


class DigestBody(msgspec.Struct, frozen=True):
    """What a store sold that has not come as sales yet, as its box said at `came_at`.

    The sums are over the sales completed by the events `after_seq` + 1 to `upto_seq` of the box;
    `verdict` is empty until all these are here, then `agrees` or `differs`. Amounts in the
    smallest unit, quantities in thousandths.
    """

    after_seq: int
    upto_seq: int
    came_at: int
    verdict: str
    sales: int
    takings: tuple[DigestTaking, ...]
    articles: tuple[DigestArticle, ...]
    whole: bool


@dataclass
class Digests:
    """The newest digest of each store, over `office.db`. `news` wakes the comparison."""

    file: DatabaseFile
    reader: SalesReader
    directory: StoreDirectory
    clock: Clock
    log: Log
    news: asyncio.Event = field(default_factory=asyncio.Event)
    _again: bool = True

    async def take(self, store: RegisteredStore, digest: Digest) -> None:
        """Keep what a box says. Raises DeniedError for what no box of this generation says."""
        if digest.gen != store.gen or not digest.after <= digest.upto:
            raise DeniedError(
                "digest_misplaced",
                f"The digest is of events {digest.after + 1} to {digest.upto} of generation "
                f"{digest.gen}; store {store.slug} is in generation {store.gen}.",
            )
        values = (digest.after, digest.upto, self.clock.now_ms(), msgspec.json.encode(digest))
        await self.file.write(
            lambda connection: connection.execute(
                "INSERT INTO digest (store, after_seq, upto_seq, came_at, body)"
                " VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (store) DO UPDATE SET"
                " after_seq = ?2, upto_seq = ?3, came_at = ?4, verdict = '', body = ?5",
                (store.number, *values),
            )
        )
        self.news.set()

    async def of(self, number: int) -> DigestBody | None:
        """Return the newest digest of a store, or None."""
        return await self.file.read(lambda connection: _body(connection, number))

    async def run(self) -> None:
        """Compare each digest once its events are here, until cancelled."""
        waits = Backoff(BACKOFF_MS_MIN, BACKOFF_MS_MAX)
        while True:
            self.news.clear()
            try:
                await self.compare()
            except EventStoreAway:  # who keeps the sales tells the log, once
                await self.clock.sleep(waits.next_ms() / 1000)
                continue
            waits.reset()
            await self.news.wait()

    def mended(self) -> None:
        """Take that something was mended: compare again what did not agree."""
        self._again = True
        self.news.set()

    async def compare(self) -> None:
        """Compare the digests whose events are here and that were not compared yet."""
        undecided = await self._undecided()
        projected = await self.reader.projected(list(undecided))
        for number, said in undecided.items():
            if projected.get(number, -1) < said.upto:
                continue
            here = await self.reader.sold_between(number, said.after, said.upto)
            words = _difference(here, said)
            stretch = (number, said.after, said.upto, msgspec.json.encode(said))
            if words:
                await self.directory.alarm(number, DIGEST_DIFFERS, words)
                self.log.error("alarm", store=number, code=DIGEST_DIFFERS, reason=words)

            def unit(
                connection: sqlite3.Connection,
                verdict: str = DIFFERS if words else AGREES,
                values: tuple[int, int, int, bytes] = stretch,
            ) -> None:
                connection.execute(
                    "UPDATE digest SET verdict = ? WHERE store = ? AND after_seq = ?"
                    " AND upto_seq = ?",
                    (verdict, *values[:3]),
                )
                if verdict == DIFFERS:
                    connection.execute(
                        "INSERT INTO digest_differing (store, after_seq, upto_seq, body)"
                        " VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                        values,
                    )

            await self.file.write(unit)
        if self._again:
            self._again = False
            await self._compare_again()

    async def _compare_again(self) -> None:
        """Withdraw the alarms of stores of which all that differed agrees by now."""
        for number, stretches in (await self._agreeing()).items():

            def unit(
                connection: sqlite3.Connection,
                number: int = number,
                stretches: list[tuple[int, int]] = stretches,
            ) -> bool:
                for stretch in stretches:
                    connection.execute(
                        "DELETE FROM digest_differing"
                        " WHERE store = ? AND after_seq = ? AND upto_seq = ?",
                        (number, *stretch),
                    )
                    connection.execute(
                        "UPDATE digest SET verdict = ?"
                        " WHERE store = ? AND after_seq = ? AND upto_seq = ? AND verdict = ?",
                        (AGREES, number, *stretch, DIFFERS),
                    )
                left = connection.execute(
                    "SELECT 1 FROM digest_differing WHERE store = ?", (number,)
                ).fetchone()
                return left is None

            if await self.file.write(unit):
                await self.directory.withdraw(number, DIGEST_DIFFERS)

    async def _agreeing(self) -> dict[int, list[tuple[int, int]]]:
        """Return by store which stretches that differed once agree by now."""
        rows = await self.file.read(
            lambda connection: connection.execute(
                "SELECT store, after_seq, upto_seq, body FROM digest_differing"
            ).fetchall()
        )
        found: dict[int, list[tuple[int, int]]] = {}
        for store, after, upto, body in rows:
            here = await self.reader.sold_between(store, after, upto)
            if not _difference(here, _DECODER.decode(body)):
                found.setdefault(store, []).append((after, upto))
        return found

    async def exposed(self, currencies: Mapping[int, str]) -> dict[int, tuple[int, int]]:
        """Return how many sales only the shop has, and what they brought, as far as its box said.

        By store, in the currency given for it, tips and money that went back included; 0 and 0
        once all is here.
        """
        undecided = await self._undecided()
        projected = await self.reader.projected(list(undecided))
        found: dict[int, tuple[int, int]] = dict.fromkeys(currencies, (0, 0))
        for number, currency in currencies.items():
            said = undecided.get(number)
            if said is None:
                continue
            here = min(max(projected.get(number, 0), said.after), said.upto)
            came = await self.reader.sold_between(number, said.after, here)
            brought = sum(each.amount_minor for each in said.takings if each.currency == currency)
            taken = sum(amount for key, amount in came.takings.items() if key[1] == currency)
            found[number] = (said.sales - came.sales, brought - taken)
        return found

    async def _undecided(self) -> dict[int, Digest]:
        """Return the digests that were not compared yet, by store."""
        rows = await self.file.read(lambda connection: connection.execute(_UNDECIDED).fetchall())
        return {store: _DECODER.decode(body) for store, body in rows}


def _difference(here: SoldBetween, said: Digest) -> str:
    """Return what is to be said of a digest whose events are here; nothing where all agrees."""
    takings = {(each.day, each.currency, each.kind): each.amount_minor for each in said.takings}
    differing = [
        *_differing({"sales": said.sales}, {"sales": here.sales}),
        *_differing({" ".join(key): amount for key, amount in takings.items()}, here.named_takings),
    ]
    if said.whole:
        articles = {each.sku: each.quantity for each in said.articles}
        differing += _differing(articles, here.articles)
    if not differing:
        return ""
    name, theirs, ours = differing[0]
    return (
        f"Between events {said.after + 1} and {said.upto} the box says {name} {theirs}, what came "
        f"here adds up to {ours} ({len(differing)} differences). See what is in quarantine, and "
        "compare with the box's own reports before these days are closed."
    )


def _differing(said: dict[str, int], found: dict[str, int]) -> list[tuple[str, int, int]]:
    keys = dict.fromkeys((*said, *found))
    pairs = [(key, said.get(key, 0), found.get(key, 0)) for key in keys]
    return [each for each in pairs if each[1] != each[2]]


def _body(connection: sqlite3.Connection, number: int) -> DigestBody | None:
    row = connection.execute(
        "SELECT after_seq, upto_seq, came_at, verdict, body FROM digest WHERE store = ?", (number,)
    ).fetchone()
    if row is None:
        return None
    after, upto, came_at, verdict, body = row
    said = _DECODER.decode(body)
    return DigestBody(
        after, upto, came_at, verdict, said.sales, said.takings, said.articles, said.whole
    )
