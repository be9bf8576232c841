"""Articles found by parts of their words, in any script, as fast among 300,000 as among 300.

Every word is indexed by its pieces of three letters, by its beginning, and where a sign is a
word or half of one (Chinese, Japanese, Korean) by each sign and each pair. The index of SQLite
(FTS5) finds the few articles that have all pieces of what was typed; that they hold its words is
then seen in their text. FTS5's own "trigram" tokens find nothing below three letters, which in
Chinese is most words, and its prefix search finds no "milch" in "Vollmilch".
"""

from __future__ import annotations

import sqlite3
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from edge.contract.reference_data import Article, Feed
from edge.runtime.migrations import Migration

_PIECE: Final = 3
_START: Final = "^"
_FIRST_SIGN: Final = "\u2e80"
"""From here on lie the scripts in which a single sign may be a word."""
_RANKED: Final = 200
"""How many candidates are put in order; of more, those that were indexed first."""
_SAMPLE: Final = 1_500
_STRIDE: Final = 2_654_435_761
"""A prime: every second article may be of the same maker, so no even steps are taken."""
_COMMON: Final = 0.01
"""A piece of more than this part of the articles has a price; one of fewer is always asked for."""
_LOOKS_PER_READ: Final = 0.1
"""What one entry of the index costs to read, in looks at a text (0.4 us and 4 us, measured)."""
_CODE_DIGITS_MIN: Final = 4
_GTIN_DIGITS: Final = 14
_GTIN_LENGTHS: Final = (13, 12, 8, 14)
_AFTER_NINE: Final = ":"
_ARTICLE: Final = msgspec.json.Decoder(Article)
_NO_PART: Final = frozenset({"Cc", "Cf", "Cs"})
"""Categories of signs that nobody sees or types: controls, joiners."""


def fold(text: str) -> str:
    """Return text as the search compares it: no case, no accents, compatible forms one."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    return "".join(
        " " if char.isspace() else char
        for char in plain
        if not unicodedata.combining(char)
        and (char.isspace() or unicodedata.category(char) not in _NO_PART)
    )


def index_article(connection: sqlite3.Connection, sku: str, article: Article) -> None:
    """Make an article findable by name, SKU and PLU; again, when it changed."""
    text = fold(f"{article.name} {sku} {article.plu}")
    known = _text_of(connection, sku)
    if known is not None:
        if known[1] == text:
            return
        _drop(connection, *known)
    row = connection.execute("INSERT INTO article_text (sku, text) VALUES (?, ?)", (sku, text))
    connection.execute(
        "INSERT INTO article_piece (rowid, pieces) VALUES (?, ?)",
        (row.lastrowid, " ".join(_pieces(text))),
    )


def forget_article(connection: sqlite3.Connection, sku: str) -> None:
    """Make an article that is gone not findable any more."""
    known = _text_of(connection, sku)
    if known is not None:
        _drop(connection, *known)


class Shares(msgspec.Struct, frozen=True):
    """How many articles there are, and what part of them has each piece that many of them have."""

    articles: int = 0
    common: Mapping[str, float] = {}

    def telling(self, pieces: Iterable[str]) -> list[str]:
        """Return the pieces that are worth asking the index for, at least one of them.

        Half a shop has a word that begins with "g": to read half the index costs more than to
        look at the few texts that the other pieces leave. Whatever is left out is seen there.
        """
        common = sorted((self.common[each], each) for each in pieces if each in self.common)
        chosen = [each for each in pieces if each not in self.common]
        left = self.articles * (_COMMON if chosen else 1.0)
        for share, piece in common:
            reads = self.articles * share
            if chosen and reads * _LOOKS_PER_READ > left * (1 - share):
                break
            chosen.append(piece)
            left *= share
        return chosen


_UNKNOWN: Final = Shares()


def shares_of(connection: sqlite3.Connection) -> Shares:
    """Return what a sample of the articles says of all; of few articles, that nothing is common."""
    (last,) = connection.execute("SELECT max(id) FROM article_text").fetchone()
    if last is None or last <= 2 * _SAMPLE:
        return Shares()
    seen, looked = Counter[str](), 0
    for number in range(_SAMPLE):
        row = 1 + number * _STRIDE % last
        found = connection.execute("SELECT text FROM article_text WHERE id = ?", (row,)).fetchone()
        if found is not None:
            looked += 1
            seen.update(_pieces(found[0]))
    common = {piece: times / looked for piece, times in seen.items() if times > _COMMON * looked}
    return Shares(last * looked // _SAMPLE, common)


def find_articles(
    connection: sqlite3.Connection, text: str, limit: int, shares: Shares = _UNKNOWN
) -> list[str]:
    """Return at most `limit` SKUs, the best first; `shares` make it faster, and change nothing.

    An SKU or PLU that was typed whole comes first, then codes that begin with these digits, then
    articles of which words begin with every word of the text, then those that hold them anywhere
    (words of one or two letters alone are looked for at the beginning of words only).
    """
    words = fold(text).split()
    if not words:
        return []
    found: dict[str, None] = {}
    if len(words) == 1:
        found.update(dict.fromkeys(_by_code(connection, text.strip(), words[0], limit)))
    for beginning in (True, False):
        if len(found) < limit:
            more = _by_words(connection, words, shares, beginning=beginning)
            found.update(dict.fromkeys(more))
    return list(found)[:limit]


def _by_code(connection: sqlite3.Connection, typed: str, word: str, limit: int) -> Iterable[str]:
    whole = connection.execute(
        "SELECT sku FROM code WHERE kind IN ('s', 'p') AND code IN (?, ?) LIMIT ?",
        (typed, word.lstrip("0"), limit),
    )
    yield from (sku for (sku,) in whole)
    if not (word.isascii() and word.isdigit() and _CODE_DIGITS_MIN <= len(word) <= _GTIN_DIGITS):
        return
    for length in _GTIN_LENGTHS:
        beginning = "0" * (_GTIN_DIGITS - length) + word
        if len(beginning) <= _GTIN_DIGITS:
            rows = connection.execute(
                "SELECT sku FROM code WHERE kind = 'g' AND code >= ? AND code < ? LIMIT ?",
                (beginning, beginning + _AFTER_NINE, limit),
            )
            yield from (sku for (sku,) in rows)


def _by_words(
    connection: sqlite3.Connection, words: list[str], shares: Shares, *, beginning: bool
) -> list[str]:
    """Return what has words that begin with all of these, or that hold them anywhere."""
    parts = [f" {word}" if beginning or _is_short(word) else word for word in words]
    pieces = shares.telling({piece for part in parts for piece in _wanted(part)})
    quoted = " AND ".join('"' + piece.replace('"', '""') + '"' for piece in sorted(pieces))
    holds = " AND ".join("instr(' ' || text, ?) > 0" for _ in parts)
    rows = connection.execute(
        "SELECT sku, text FROM article_piece"  # noqa: S608 - only question marks
        " JOIN article_text ON article_text.id = article_piece.rowid"
        f" WHERE article_piece MATCH ? AND {holds} LIMIT ?",
        (quoted, *parts, _RANKED),
    ).fetchall()
    wanted = " ".join(words)
    rows.sort(key=lambda row: (not row[1].startswith(wanted), len(row[1]), row[1]))
    return [sku for sku, _ in rows]


def _is_short(word: str) -> bool:
    """Say whether a word is too short to have a piece within longer ones."""
    return len(word) < _PIECE and not all(char >= _FIRST_SIGN for char in word)


def _wanted(part: str) -> Iterable[str]:
    """Yield pieces that every text with this part has: as many as cover it, not all there are."""
    word = part.lstrip()
    if word != part:
        yield _START + word[:_PIECE]
    elif len(word) < _PIECE:
        yield word
    last = len(word) - _PIECE
    yield from (word[at : at + _PIECE] for at in {*range(0, last, _PIECE), last} if at >= 0)


def _pieces(text: str) -> set[str]:
    """Return everything a text is indexed by. Changed, it needs a migration that indexes anew."""
    pieces: set[str] = set()
    for word in text.split():
        pieces.update(_START + word[:length] for length in range(1, _PIECE + 1))
        pieces.update(word[at : at + _PIECE] for at in range(len(word) - _PIECE + 1))
        for at, char in enumerate(word):
            if char >= _FIRST_SIGN:
                pieces.update((char, word[at : at + 2]))
    return pieces


def _text_of(connection: sqlite3.Connection, sku: str) -> tuple[int, str] | None:
    known: tuple[int, str] | None = connection.execute(
        "SELECT id, text FROM article_text WHERE sku = ?", (sku,)
    ).fetchone()
    return known


def _drop(connection: sqlite3.Connection, row: int, text: str) -> None:
    # an index that keeps no copy of the text is told what to take out
    connection.execute(
        "INSERT INTO article_piece (article_piece, rowid, pieces) VALUES ('delete', ?, ?)",
        (row, " ".join(_pieces(text))),
    )
    connection.execute("DELETE FROM article_text WHERE id = ?", (row,))


def _index_all(connection: sqlite3.Connection) -> None:
    rows = connection.execute("SELECT key, value FROM item WHERE feed = ?", (Feed.CATALOGUE,))
    for sku, value in rows.fetchall():
        index_article(connection, sku, _ARTICLE.decode(value))
    connection.execute("DROP TABLE search")


INDEX: Final = Migration(
    2, (Path(__file__).parent / "article_search.sql").read_text("utf-8"), _index_all
)
"""The step from a list that was read through for every question."""
