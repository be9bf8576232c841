"""The customer's age: asked by the box, answered once, and no birth date on any disk."""

from __future__ import annotations

from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from edge.contract.instant import business_day
from edge.contract.till_commands import ConfirmAge
from edge.flows.command_identity import fingerprint
from edge.flows.till import Till
from tests.flows.box import MILK, PROFILE, selling_box
from tests.flows.test_parking import second_till
from tests.flows.test_promotions import events

BEER: Final = "104"
BORN: Final = "1988-07-19"


async def test_the_sale_waits_for_the_answer_and_goes_on(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        _, view = await box.command("add_item", code=BEER)
        day = business_day(view["opened_at"], ZoneInfo(PROFILE.time_zone))
        year, rest = day.split("-", 1)
        assert view["age_check"] == {"minimum_age": 16, "born_by": f"{int(year) - 16}-{rest}"}
        assert view["lines"][0]["minimum_age"] == 16
        _, view = await box.command("add_item", code=MILK)
        assert len(view["lines"]) == 2
        status, refused = await box.command("take_cash", amount_minor=1_000)
        assert (status, refused["code"]) == (409, "age_unchecked")
        status, view = await box.command("confirm_age", minimum_age=16)
        assert (status, view["age_check"], view["age_checked"]) == (200, None, 16)
        _, view = await box.command("take_cash", amount_minor=1_000)
        assert view["state"] == "done"
        told = [each for each in events(box) if each["type"] == "age_checked"]
        assert [(each["actor"], each["data"]["minimum_age"]) for each in told] == [("marta", 16)]


async def test_a_typed_birth_date_is_on_no_disk(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        await box.command("add_item", code=BEER)
        wish = {"minimum_age": 16, "birth_date": BORN}
        status, view = await box.command("confirm_age", command_id="command-age-1", **wish)
        assert (status, view["age_checked"]) == (200, 16)
        again = await box.command("confirm_age", command_id="command-age-1", **wish)
        assert again == (200, view)
        told = [each for each in events(box) if each["type"] == "age_checked"]
        assert told[0]["data"] == {
            "sale": view["sale_id"],
            "minimum_age": 16,
            "how": "birth_date",
        }
        assert BORN not in box.log.getvalue()
        files = [path for path in tmp_path.rglob("*") if path.is_file()]
        assert any(path.name == "ledger.db" for path in files)
        assert [path for path in files if BORN.encode() in path.read_bytes()] == []


def test_no_hash_gives_a_birth_date_away() -> None:
    def of(born: str | None, age: int = 16) -> bytes:
        command = ConfirmAge(command_id="command-1", minimum_age=age, birth_date=born)
        return fingerprint(Till("till-1"), command)

    assert of(BORN) == of("1999-01-01")
    assert of(BORN) != of(None)
    assert of(BORN) != of(BORN, 18)


async def test_a_malformed_birth_date_is_no_command(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        await box.command("add_item", code=BEER)
        for born in ("19.7.1988", "1988-07-19\n", "1988-7-19"):
            status, refused = await box.command("confirm_age", minimum_age=16, birth_date=born)
            assert status == 422, refused
            assert born not in str(refused)


async def test_another_till_takes_up_what_was_checked(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box, second_till(box) as other:
        await box.command("add_item", code=BEER)
        await box.command("confirm_age", minimum_age=16)
        _, view = await box.command("park")
        sale = view["parked"][0]["sale_id"]
        _, view = await other.command("resume", till="till-2", sale_id=sale)
        assert (view["age_checked"], view["age_check"]) == (16, None)
        status, view = await other.command("take_cash", till="till-2", amount_minor=119)
        assert (status, view["state"]) == (200, "done")


async def test_a_restart_asks_what_was_not_answered(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        await box.command("add_item", code=BEER)
    async with selling_box(tmp_path) as box:
        view = await box.view()
        assert view["age_check"]["minimum_age"] == 16
        _, view = await box.command("refuse_age", minimum_age=16)
        assert [line["voided"] for line in view["lines"]] == [True]
        assert view["age_check"] is None
