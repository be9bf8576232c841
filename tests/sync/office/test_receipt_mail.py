"""A receipt as a mail: what it says in both parts, and that nothing in it breaks out."""

from __future__ import annotations

import io
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from html.parser import HTMLParser

import pytest
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from edge.contract.receipt_document import ReceiptDocument, RowBlock, TextBlock
from sync.office.receipt_mail import COLUMNS, as_html, as_text, compose
from tests.sync.office.letters import ANNA, BLOCKS, CODE, letter

SENDER = "receipts@shop.example"
AT = 1_795_000_000_000
ACCENT = "e\u0301"


def composed(**given: object) -> EmailMessage:
    mail = compose(
        letter(**given),
        store="harbour-street",
        sender=SENDER,
        sender_name="",
        at_ms=AT,
    )
    back = message_from_bytes(mail.as_bytes(), policy=default)
    assert isinstance(back, EmailMessage)
    return back


def test_the_mail_has_the_receipt_twice_and_its_code_as_a_picture_inside() -> None:
    mail = composed()
    assert mail["From"] == "Harbour Street <receipts@shop.example>"
    assert mail["To"] == ANNA
    assert mail["Subject"] == "Receipt till-1-000001 · Harbour Street"
    assert mail["Message-ID"] == "<letter-0001.harbour-street@shop.example>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Content-Language"] == "en"
    assert mail["Date"] == "Wed, 18 Nov 2026 11:06:40 +0000"
    plain, page = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None
    assert page is not None
    assert "*** COPY BY E-MAIL ***" in plain.get_content()
    html = page.get_content()
    (picture,) = [part for part in mail.walk() if part.get_content_type() == "image/png"]
    assert picture.get_content_disposition() == "inline"
    assert f'src="cid:{picture["Content-ID"].strip("<>")}"' in html
    content = picture.get_payload(decode=True)
    assert isinstance(content, bytes)
    (found,) = zxingcpp.read_barcodes(Image.open(io.BytesIO(content)).convert("L"))
    assert found.text == CODE
    assert "http" not in html  # nothing is loaded from anywhere
    assert "Milk &lt;1 l&gt; &amp; &quot;more&quot;" in html


def test_plain_text_stands_in_columns_for_wide_letters_too() -> None:
    lines = as_text(ReceiptDocument("t", BLOCKS)).splitlines()
    assert lines[0] == " " * 11 + "*** COPY BY E-MAIL ***"
    assert lines[3] == "Receipt" + " " * 24 + "till-1-000001"
    assert lines[4] == "-" * COLUMNS
    assert lines[6] == "全脂牛奶" + " " * 32 + "1.29"
    assert lines[7:9] == ["A name that is far too long for one line of this", "1234.56"]
    assert lines[10] == "at the end".rjust(COLUMNS)
    assert lines[11] == f"{'VAT %':<11}{'Net':>11}{'VAT':>11}{'Gross':>11}"
    assert lines[12:] == ["ABC-123"]
    assert as_text(ReceiptDocument("t", (RowBlock(ACCENT, "1"),))) == ACCENT + " " * 42 + "1\n"


@pytest.mark.parametrize(
    ("language", "direction"), [("ar", "rtl"), ("he-IL", "rtl"), ("pl", "ltr")]
)
def test_pages_run_as_their_language_does(language: str, direction: str) -> None:
    html = as_html(ReceiptDocument("t", (), language), {})
    assert f'lang="{language}" dir="{direction}"' in html


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, _: object) -> None:
        self.tags.add(tag)
        if tag not in {"br", "hr", "img", "meta"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@settings(max_examples=50)
@given(st.text(max_size=60), st.text(max_size=60))
def test_whatever_shops_and_articles_are_called_nothing_breaks_out(name: str, text: str) -> None:
    document = ReceiptDocument(text, (TextBlock(text), RowBlock(text, name)))
    mail = composed(store_name=name, document=document)
    assert mail["To"] == ANNA
    assert sorted(mail.keys()) == sorted(composed().keys())
    seen = _Tags()
    seen.feed(as_html(document, {}))
    assert seen.open == []
    assert seen.tags <= {
        "html", "head", "meta", "title", "body", "table", "tr", "td", "div", "bdi",
    }  # fmt: skip


def test_a_name_of_the_sender_takes_the_place_of_the_stores() -> None:
    mail = compose(letter(), store="s", sender=SENDER, sender_name="Shop\r\nBcc: x", at_ms=0)
    assert mail["From"] == '"Shop Bcc: x" <receipts@shop.example>'
    assert mail["Bcc"] is None


def test_two_stores_never_share_a_message_id() -> None:
    ids = {
        compose(letter(), store=store, sender=SENDER, sender_name="", at_ms=0)["Message-ID"]
        for store in ("a", "b")
    }
    assert len(ids) == 2


def test_a_line_that_a_terminal_set_keeps_its_columns_and_its_direction() -> None:
    text = "Betrag      <b>12,34"
    document = ReceiptDocument("t", (TextBlock(text, fixed=True),), "ar")
    assert text in as_text(document)
    html = as_html(document, {})
    assert '<pre dir="auto"' in html
    assert "Betrag      &lt;b&gt;12,34</pre>" in html
