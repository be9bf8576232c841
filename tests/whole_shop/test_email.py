"""A receipt by e-mail in a whole shop: asked for at the till, a kill, one mail in the folder."""

from __future__ import annotations

import asyncio
from email import message_from_bytes
from email.policy import default

import pytest

from tests.whole_shop.demo_shop import Shop

pytestmark = [
    pytest.mark.whole_shop,
    pytest.mark.timeout(240),
    pytest.mark.asyncio(loop_scope="module"),
]


async def test_a_receipt_asked_for_before_a_kill_is_mailed_once(shop: Shop) -> None:
    article = shop.goods[0]
    await shop.insist("add_item", code=article["code"])
    status, view = await shop.insist("take_cash", amount_minor=article["price_minor"])
    assert (status, view["state"]) == (200, "done"), view
    number = view["receipt_number"]
    status, view = await shop.insist("email_receipt", receipt=number, address="anna@example.org")
    assert status == 200, view
    await shop.kill_and_wait("edge")
    folder = shop.folder / "mail"
    async with asyncio.timeout(25):
        while not [*folder.glob("*.eml")]:
            await asyncio.sleep(0.1)
    (file,) = folder.glob("*.eml")
    mail = message_from_bytes(file.read_bytes(), policy=default)
    assert mail["To"] == "anna@example.org"
    assert number in mail["Subject"]
    assert shop.verify()["whole"]
