"""What a person types into the search box finds what they mean, in every script."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from edge.contract.reference_data import Article, Feed
from edge.contract.wire import encode
from edge.reference.article_search import (
    Shares,
    find_articles,
    fold,
    forget_article,
    index_article,
    shares_of,
)
from edge.reference.store import MIGRATIONS
from edge.runtime.migrations import apply

NAMES = {
    "1": "Vollmilch 3,5 %",
    "2": "Milch 1 l",
    "3": "Milchreis Zimt",
    "4": "Crème brûlée",
    "5": "全脂牛奶 1升",
    "6": "乌龙茶 250克",
    "7": "우유 1리터",
    "8": "حليب كامل الدسم",
    "9": "Żurek w słoiku",
    "10": "Pão de queijo",
    "11": "牛奶巧克力",
    "12": "Grüne Äpfel 1 kg",
}


def add(connection: sqlite3.Connection, sku: str, name: str, plu: str = "", gtin: str = "") -> None:
    index_article(connection, sku, Article(sku, name, "A", plu=plu))
    codes = [("s", sku), ("p", plu.lstrip("0")), ("g", gtin.rjust(14, "0") if gtin else "")]
    connection.executemany(
        "INSERT OR IGNORE INTO code (kind, code, sku) VALUES (?, ?, ?)",
        [(kind, code, sku) for kind, code in codes if code],
    )


def is_sound(connection: sqlite3.Connection) -> bool:
    """Have SQLite compare the index with itself."""
    connection.execute("INSERT INTO article_piece (article_piece) VALUES ('integrity-check')")
    return True


@pytest.fixture
def shelf() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:")) as connection:
        apply(connection, MIGRATIONS)
        for sku, name in NAMES.items():
            add(connection, sku, name)
        yield connection
        assert is_sound(connection)


@pytest.mark.parametrize(
    ("typed", "names"),
    [
        # whole words and their beginnings first, the shorter name before the longer
        ("milch", ["Milch 1 l", "Milchreis Zimt", "Vollmilch 3,5 %"]),
        ("MILCH zim", ["Milchreis Zimt"]),
        ("zimt milch", ["Milchreis Zimt"]),
        ("ollm", ["Vollmilch 3,5 %"]),
        ("creme brul", ["Crème brûlée"]),
        ("BRÛLÉE", ["Crème brûlée"]),
        ("zur", ["Żurek w słoiku"]),
        ("pao", ["Pão de queijo"]),
        ("apfel g", ["Grüne Äpfel 1 kg"]),
        ("grune kg", ["Grüne Äpfel 1 kg"]),
        # two letters alone: the beginnings of words
        ("mi", ["Milch 1 l", "Milchreis Zimt"]),
        ("l", ["Milch 1 l"]),
        ("kg", ["Grüne Äpfel 1 kg"]),
        # one sign and two are words there
        ("茶", ["乌龙茶 250克"]),
        ("牛奶", ["牛奶巧克力", "全脂牛奶 1升"]),
        ("脂牛奶", ["全脂牛奶 1升"]),
        ("奶 1升", ["全脂牛奶 1升"]),
        ("250克", ["乌龙茶 250克"]),
        ("우유", ["우유 1리터"]),
        ("우", ["우유 1리터"]),
        ("리터", ["우유 1리터"]),
        ("حليب", ["حليب كامل الدسم"]),
        ("دسم", ["حليب كامل الدسم"]),
        # nothing, and signs that mean something to the index
        ("", []),
        (" \t\u200b ", []),
        ("milch AND zimt", []),
        ('"', []),
        ('milch"', []),
        ("milch*", []),
        ("NOT", []),
        ("3,5", ["Vollmilch 3,5 %"]),
        ("%", ["Vollmilch 3,5 %"]),
        ("\x00milch\x00 zimt", ["Milchreis Zimt"]),
        ("mil\u200dch zimt", ["Milchreis Zimt"]),
        ("gibt es nicht", []),
    ],
)
def test_a_person_finds_what_they_mean(
    shelf: sqlite3.Connection, typed: str, names: list[str]
) -> None:
    assert [NAMES[sku] for sku in find_articles(shelf, typed, 30)] == names


def test_numbers_come_first(shelf: sqlite3.Connection) -> None:
    add(shelf, "4000", "Bottle 1-2-3", gtin="9520000001007")
    add(shelf, "B-77", "Crate 4000", plu="0042", gtin="95200004")
    add(shelf, "5", "Five", gtin="19520000000011")
    # an SKU typed whole stands before a name that has the number
    assert find_articles(shelf, "4000", 30) == ["4000", "B-77"]
    assert find_articles(shelf, "0042", 30) == ["B-77"]
    assert find_articles(shelf, "42", 30) == ["B-77"]
    assert find_articles(shelf, "B-77", 30) == ["B-77"]
    assert find_articles(shelf, "b-7", 30) == ["B-77"]
    # a code by its first digits, of whatever length it is
    assert set(find_articles(shelf, "9520000", 30)) == {"4000", "B-77"}
    assert find_articles(shelf, "9520000001007", 30) == ["4000"]
    assert find_articles(shelf, "95200004", 30) == ["B-77"]
    assert find_articles(shelf, "1952000", 30) == ["5"]
    assert find_articles(shelf, "19520000000011", 30) == ["5"]
    assert find_articles(shelf, "952000000100700", 30) == []
    assert find_articles(shelf, "952", 30) == []


def test_no_more_come_than_were_asked_for(shelf: sqlite3.Connection) -> None:
    for number in range(400):
        add(shelf, f"7{number:03d}", f"Milch {number}")
    assert len(find_articles(shelf, "milch", 30)) == 30
    assert find_articles(shelf, "milch 399", 30) == ["7399"]
    assert len(find_articles(shelf, "7", 5)) == 5


def test_a_sample_says_what_is_common_on_a_long_shelf(shelf: sqlite3.Connection) -> None:
    for number in range(6_000):
        add(shelf, f"K{number}", f"Tee {'gross' if number % 2 else 'klein'} {number}")
    forget_article(shelf, "K7")
    known = shares_of(shelf)
    assert 5_000 < known.articles < 7_000
    assert known.common["^te"] > 0.95
    assert 0.4 < known.common["oss"] < 0.6
    assert "421" not in known.common
    assert known.telling(["oss", "421"]) == ["421"], "half the shelf is not read for one article"
    assert known.telling(["oss", "^te"]) == ["oss"], "every text has the other one"
    assert known.telling([]) == []
    assert find_articles(shelf, "gross 4217", 30, known) == ["K4217"]
    assert find_articles(shelf, "tee gross", 3, known) == find_articles(shelf, "tee gross", 3)


def test_of_a_short_shelf_and_of_none_nothing_is_common(shelf: sqlite3.Connection) -> None:
    assert shares_of(shelf) == Shares()
    empty = sqlite3.connect(":memory:")
    apply(empty, MIGRATIONS)
    assert shares_of(empty) == Shares()
    empty.close()


def test_a_name_that_changes_or_goes_is_not_found_any_more(shelf: sqlite3.Connection) -> None:
    add(shelf, "2", "Buttermilch")
    assert "2" not in find_articles(shelf, "milch 1 l", 30)
    assert find_articles(shelf, "butter", 30) == ["2"]
    add(shelf, "2", "Buttermilch")  # sent again as it was
    forget_article(shelf, "2")
    forget_article(shelf, "2")
    assert find_articles(shelf, "butter", 30) == []


def test_what_goes_and_comes_again_in_one_page_is_found(shelf: sqlite3.Connection) -> None:
    """FTS5 loses a row whose id is used again in one transaction: ids are not used again."""
    for sku in ("20", "20", "30", "20", "20", "40"):
        add(shelf, sku, "Pickled cucumber")
        assert is_sound(shelf)  # writes what was gathered so far out
        if sku == "20":
            forget_article(shelf, sku)
            assert is_sound(shelf)
    forget_article(shelf, "30")
    assert is_sound(shelf)
    assert find_articles(shelf, "cucumber", 30) == ["40"]


def test_a_file_of_before_finds_its_articles_after_the_step(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "reference.db")) as connection:
        apply(connection, MIGRATIONS[:1])
        article = Article("8", "Oat drink", "A", ("9520000000088",))
        connection.execute("INSERT INTO item VALUES (?, '8', ?)", (Feed.CATALOGUE, encode(article)))
        connection.execute("INSERT INTO item VALUES ('price', '8', x'7B7D')")
        connection.execute("INSERT INTO search VALUES ('8', 'oat drink 8 9520000000088')")
        connection.commit()
        assert apply(connection, MIGRATIONS[:2]) == 1
        assert find_articles(connection, "drink", 30) == ["8"]
        tables = connection.execute("SELECT name FROM sqlite_master WHERE name = 'search'")
        assert tables.fetchall() == []
        assert is_sound(connection)


# --- laws -------------------------------------------------------------------------------------

LETTERS = st.sampled_from("abAB é1%-^*\"'(:茶叶牛우حß\u0301\u200d\x00\U0001f34e\U00020000\ue000")
TEXTS = st.text(LETTERS, max_size=12) | st.text(max_size=12)


class Shelf(RuleBasedStateMachine):
    """Articles come, change and go; the index says what reading every text would say."""

    names = Bundle("names")

    def __init__(self) -> None:
        super().__init__()
        self.connection = sqlite3.connect(":memory:")
        apply(self.connection, MIGRATIONS)
        self.texts: dict[str, str] = {}

    @rule(target=names, name=TEXTS)
    def a_name(self, name: str) -> str:
        return name

    @rule(sku=st.integers(1, 6), name=names)
    def comes_or_changes(self, sku: int, name: str) -> None:
        index_article(self.connection, f"x{sku}", Article(f"x{sku}", name, "A"))
        self.texts[f"x{sku}"] = fold(f"{name} x{sku} ")

    @rule(sku=st.integers(1, 6))
    def goes(self, sku: int) -> None:
        forget_article(self.connection, f"x{sku}")
        self.texts.pop(f"x{sku}", None)

    @rule(
        name=names,
        begin=st.integers(0, 8),
        length=st.integers(1, 9),
        articles=st.integers(0, 300_000),
        share=st.floats(0.001, 1.0),
    )
    def is_looked_for(
        self, name: str, begin: int, length: int, articles: int, share: float
    ) -> None:
        typed = name[begin : begin + length]
        words = fold(typed).split()
        in_order = find_articles(self.connection, typed, 30)
        pieces = {word[at : at + 3] for word in words for at in range(len(word))}
        common = dict.fromkeys(pieces | {f"^{piece}" for piece in pieces}, share)
        common.pop(min(common, default=""), None)
        told = find_articles(self.connection, typed, 30, Shares(articles, common))
        assert told == in_order, "what is known of the shelf changes no answer"
        found = set(in_order)
        holds = {sku for sku, text in self.texts.items() if words and all(w in text for w in words)}
        starts = {sku for sku in holds if all(f" {w}" in f" {self.texts[sku]}" for w in words)}
        assert starts <= found <= holds
        if all(len(word) >= 3 for word in words):
            assert found == holds

    @invariant()
    def the_index_is_sound(self) -> None:
        assert is_sound(self.connection)

    def teardown(self) -> None:
        self.connection.close()


TestShelf = Shelf.TestCase


@given(TEXTS)
def test_folding_twice_is_folding_once(text: str) -> None:
    once = fold(text)
    assert fold(once) == once
