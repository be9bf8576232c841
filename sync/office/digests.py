"""What boxes say ahead of their frames: shown until the frames are here, then held against them.

A store's stock and takings are known with its first words, however long its backlog takes. When
the backlog is here, the same sales are added up from what the frames say: both agree, or a
person is told where they do not.
"""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import msgspec

from edge.contract.digest import Digest, DigestArticle, DigestTaking
from edge.contract.instant import Clock
from edge.contract.limits import DIGEST_ARTICLES_MAX
from edge.runtime.database_file import DatabaseFile
from edge.runtime.structured_log import Log
from sync.appending.denial import DeniedError
from sync.office.store_directory import RegisteredStore, StoreDirectory

AGREES: Final = "agrees"
DIFFERS: Final = "differs"
_DECODER: Final = msgspec.json.Decoder(Digest)
_SALES: Final = (
    "SELECT count(*) FROM sale WHERE store = ? AND state = 'completed' AND seq > ? AND seq <= ?"
)
_BROUGHT: Final = (
    "SELECT day, currency, kind, sum(amount) FROM ("
    " SELECT sale.day AS day, sale.currency AS currency, tender.kind AS kind,"
    "  tender.amount_minor AS amount FROM sale JOIN tender USING (store, sale)"
    "  WHERE sale.store = ?1 AND sale.state = 'completed' AND sale.seq > ?2 AND sale.seq <= ?3"
    "  AND tender.state IN ('taken', 'returned', 'approved')"
    " UNION ALL SELECT day, currency, 'cash', -change_minor FROM sale"
    "  WHERE store = ?1 AND state = 'completed' AND seq > ?2 AND seq <= ?3)"
    " GROUP BY day, currency, kind HAVING sum(amount) <> 0 ORDER BY day, currency, kind"
)
_MOVED: Final = (
    "SELECT sku, sum(CASE returned WHEN 1 THEN -quantity ELSE quantity END) AS moved"
    " FROM sale JOIN sale_line USING (store, sale)"
    " WHERE sale.store = ? AND sale.state = 'completed' AND sale.seq > ? AND sale.seq <= ?"
    " AND voided = 0 GROUP BY sku HAVING moved <> 0 ORDER BY abs(moved) DESC, sku"
)


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
    directory: StoreDirectory
    clock: Clock
    log: Log
    news: asyncio.Event = field(default_factory=asyncio.Event)

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
        while True:
            self.news.clear()
            await self.compare()
            await self.news.wait()

    async def compare(self) -> None:
        """Compare the digests whose events are here and that were not compared yet."""
        for number, words in (await self.file.read(_compared)).items():
            if words:
                await self.directory.alarm(number, "digest_differs", words)
                self.log.error("alarm", store=number, code="digest_differs", reason=words)
            verdict = DIFFERS if words else AGREES

            def unit(
                connection: sqlite3.Connection, verdict: str = verdict, number: int = number
            ) -> None:
                connection.execute(
                    "UPDATE digest SET verdict = ? WHERE store = ?", (verdict, number)
                )

            await self.file.write(unit)


def _compared(connection: sqlite3.Connection) -> dict[int, str]:
    """Return what is to be said of each store whose events are here; nothing where all agrees."""
    due = connection.execute(
        "SELECT store, body FROM digest JOIN projected USING (store)"
        " WHERE verdict = '' AND projected.seq >= upto_seq"
    ).fetchall()
    return {store: _difference(connection, store, _DECODER.decode(body)) for store, body in due}


def _difference(connection: sqlite3.Connection, store: int, said: Digest) -> str:
    here = sold_between(connection, store, said.after, said.upto)
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


class SoldBetween(NamedTuple):
    """What the sales completed by a stretch of a store's events add up to, from the tables."""

    sales: int
    takings: dict[tuple[str, str, str], int]
    """By business day, currency and kind of tender, in the smallest unit."""
    articles: dict[str, int]
    """By SKU, in thousandths: what left the shop."""

    @property
    def named_takings(self) -> dict[str, int]:
        """The takings under names for people."""
        return {" ".join(key): amount for key, amount in self.takings.items()}


def sold_between(connection: sqlite3.Connection, store: int, after: int, upto: int) -> SoldBetween:
    """Add up the sales of a store completed by its events `after` + 1 to `upto`."""
    place = (store, after, upto)
    (sales,) = connection.execute(_SALES, place).fetchone()
    takings = {
        (day, currency, kind): amount
        for day, currency, kind, amount in connection.execute(_BROUGHT, place)
    }
    moved = connection.execute(_MOVED, place).fetchmany(DIGEST_ARTICLES_MAX + 1)
    return SoldBetween(sales, takings, dict(moved))


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


def exposed(connection: sqlite3.Connection, number: int, currency: str) -> tuple[int, int]:
    """Return how many sales only the shop has, and what they brought, as far as its box said.

    In `currency`, tips and money that went back included; 0 and 0 once all is here.
    """
    row = connection.execute(
        "SELECT body, coalesce((SELECT seq FROM projected WHERE store = digest.store), 0)"
        " FROM digest WHERE store = ? AND verdict = ''",
        (number,),
    ).fetchone()
    if row is None:
        return 0, 0
    said = _DECODER.decode(row[0])
    here = min(max(row[1], said.after), said.upto)
    came = sold_between(connection, number, said.after, here)
    brought = sum(each.amount_minor for each in said.takings if each.currency == currency)
    taken = sum(amount for key, amount in came.takings.items() if key[1] == currency)
    return said.sales - came.sales, brought - taken
