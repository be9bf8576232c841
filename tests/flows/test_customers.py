"""Customers at the till: their prices, their search, and that an erased name is nowhere."""

from __future__ import annotations

from pathlib import Path

from edge.contract.customer_data import Customer
from edge.contract.promotion_data import AmountOff, Promotion, Selection
from edge.contract.reference_data import Feed
from edge.flows.receipt_setting import ReceiptSetting
from edge.ledger.integrity import verify
from tests.flows.box import MILK, Box, selling_box
from tests.flows.test_coupons import feed
from tests.flows.test_parking import second_till
from tests.flows.test_promotions import events

ANA = Customer("K7Q4-M2XD", "Ana Exemplo", ("9520009000012",), ("club",), "pt")
CLUB = Promotion("club", "Club", AmountOff(29, Selection(skus=("100",))), groups=("club",))


async def customers(box: Box) -> None:
    await feed(box, Feed.PROMOTION, "club", CLUB)
    await feed(box, Feed.CUSTOMER, ANA.number, ANA)
    for number in range(20):
        many = Customer(f"AN-{number:02d}", f"Anabela Número {number}")
        await feed(box, Feed.CUSTOMER, many.number, many)


async def found(box: Box, text: str) -> list[str]:
    status, body = await box.call("GET", f"/api/v1/customers?q={text}")
    assert status == 200, body
    return [each["number"] for each in body["customers"]]


async def test_a_customer_keeps_the_sale_over_parking_and_a_restart(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        await customers(box)
        await box.command("add_item", code=MILK)
        status, view = await box.command("add_item", code="9520009000012")  # as a scanner reads it
        assert (status, view["total_minor"]) == (200, 100)
        assert view["customer"] == {"number": ANA.number, "groups": ["club"]}
        _, view = await box.command("park", label="in a hurry")
        (parked,) = view["parked"]
        assert view["customer"] is None
    async with selling_box(tmp_path) as box, second_till(box) as other:
        _, view = await other.command("resume", till="till-2", sale_id=parked["sale_id"])
        assert view["customer"]["number"] == ANA.number
        _, view = await other.command("take_cash", till="till-2", amount_minor=100)
        assert (view["state"], view["customer"]["number"]) == ("done", ANA.number)
        status, refused = await box.command("set_customer", customer="nobody")
        assert (status, refused["code"]) == (404, "unknown_customer")


async def test_nobody_is_listed_without_a_search_and_few_with_one(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        await customers(box)
        for text in ("", " ", "a", "e x"):
            assert await found(box, text) == []
        assert await found(box, "ana exem") == [ANA.number]
        assert await found(box, "EXÊMPLO") == [ANA.number]
        assert await found(box, "k7q4") == [ANA.number]
        assert await found(box, "9520009000012") == [ANA.number]
        assert await found(box, "xemplo") == []
        assert len(await found(box, "ana")) == 8
        _, body = await box.call("GET", f"/api/v1/customers/{ANA.number}")
        assert body == {"number": ANA.number, "name": "Ana Exemplo", "groups": ["club"]}
        box.client.cookie_jar.clear()
        assert (await box.call("GET", "/api/v1/customers?q=ana"))[0] == 401


async def test_what_is_erased_is_in_no_file_of_the_box_and_the_sale_stays(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        await customers(box)
        await box.command("set_customer", customer=ANA.number)
        await box.command("add_item", code=MILK)
        _, body = await box.call("GET", f"/api/v1/customers/{ANA.number}")
        assert body["name"] == "Ana Exemplo"
        await feed(box, Feed.CUSTOMER, ANA.number, None)
        assert await found(box, "exemplo") == []
        status, body = await box.call("GET", f"/api/v1/customers/{ANA.number}")
        assert (status, body["code"]) == (404, "customer_gone")
        _, view = await box.command("take_cash", amount_minor=100)  # what was priced stays
        assert (view["state"], view["customer"]["number"]) == ("done", ANA.number)
        assert [e["data"]["customer"] for e in events(box) if e["type"] == "customer_set"] == [
            ANA.number
        ]
        assert verify(box.edge.settings.data_dir / "ledger.db").whole
        log = box.log.getvalue()
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(path.name == "reference.db" for path in files)
    for path in files:
        content = path.read_bytes().lower()
        assert b"exemplo" not in content, path
        assert b"9520009000012" not in content, path
    assert "exemplo" not in log.lower()


async def test_receipts_speak_the_customers_language(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        await customers(box)
        setting = ReceiptSetting(box.edge.access.reference, lambda _: None)
        till = box.edge.selling.tills["till-1"]
        languages = []
        for customer in (ANA.number, "AN-01"):
            await box.command("set_customer", customer=customer)
            await box.command("add_item", code=MILK)
            _, view = await box.command("take_cash", amount_minor=200)
            assert view["state"] == "done"
            languages.append(setting.receipt(till, till.cart).language)
        assert languages == ["pt", "en"]
