"""Nobody gets further than they may: enrolment, PINs, sessions, and every route without them."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.contract.limits import (
    ENROL_TRIES_PER_HOUR_MAX,
    PIN_WRONG_PER_HOUR_MAX,
    PIN_WRONG_PER_TILL_PER_HOUR_MAX,
)
from tests.flows.box import MILK, PIN, TOKEN, bare_box, selling_box
from tests.flows.test_selling import event_types

OPEN_PATHS = {"/health", "/openapi.json", "/metrics", "/branding.json", "/api/v1/enrol"}


async def test_without_enrolment_every_route_but_the_open_ones_says_no(tmp_path: Path) -> None:
    async with bare_box(tmp_path) as box:
        await box.feed()
        _, document = await box.call("GET", "/openapi.json")
        tried = 0
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                if path in OPEN_PATHS:
                    continue
                tried += 1
                kinds = list(operation.get("requestBody", {}).get("content", ()))
                status, body = await box.call(
                    method.upper(),
                    path.format(till="till-1", number="till-1-000001", device="printer-1"),
                    {} if kinds else None,
                    headers={"Content-Type": kinds[0]} if kinds else {},
                )
                assert status == 401, (method, path, body)
                assert operation["x-access"]["who"] != "anyone"
                assert set(body) == {"code", "message", "advice", "params"}
                assert "Marta" not in str(body)
        assert tried >= 12


async def test_an_enrolled_till_may_see_who_signs_in_and_nothing_of_sales(
    tmp_path: Path,
) -> None:
    async with bare_box(tmp_path) as box:
        await box.feed()
        await box.enrol()
        status, session = await box.call("GET", "/api/v1/session")
        assert (status, session["cashier"], session["till"]) == (200, None, "till-1")
        assert [person["id"] for person in session["staff"]] == ["joao", "marta", "sofia"]
        assert (session["tills"], session["cash_step_minor"]) == (["till-1", "till-2"], 0)
        assert session["foreign_cash"] == [{"currency": "USD", "rate_ppm": 850_000}]
        for method, path in (("GET", "/api/v1/tills/till-1/view"), ("GET", "/api/v1/articles")):
            status, body = await box.call(method, path)
            assert (status, body["code"]) == (401, "not_signed_in")


async def test_a_till_is_only_itself(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        status, body = await box.command("add_item", till="till-2", code=MILK)
        assert (status, body["code"]) == (403, "another_till")
        status, body = await box.command("add_item", till="till-9", code=MILK)
        assert (status, body["code"]) == (404, "another_till")


@pytest.mark.parametrize(
    ("cashier", "pin", "code"),
    [
        ("marta", "0000", "pin_wrong"),
        ("nobody", PIN, "pin_wrong"),
        ("gone", PIN, "pin_wrong"),
        ("tech", PIN, "pin_wrong"),
        ("marta", "25", "wrong_shape"),
        ("marta", "²580", "wrong_shape"),
        ("../marta", PIN, "wrong_shape"),
    ],
)
async def test_wrong_pins_and_wrong_people_get_one_answer(
    tmp_path: Path, cashier: str, pin: str, code: str
) -> None:
    async with bare_box(tmp_path) as box:
        await box.feed()
        await box.enrol()
        status, body = await box.sign_in(cashier, pin)
        assert (status, body["code"]) == (403 if code == "pin_wrong" else 422, code)


async def test_five_wrong_pins_lock_the_person_and_nobody_else(tmp_path: Path) -> None:
    async with bare_box(tmp_path) as box:
        await box.feed()
        await box.enrol()
        for _ in range(PIN_WRONG_PER_HOUR_MAX):
            status, _ = await box.sign_in("marta", "0000")
            assert status == 403
        status, body = await box.sign_in("marta", PIN)
        assert (status, body["code"]) == (429, "pin_locked_person")
        assert event_types(box).count("sign_in_locked") == 1
        status, _ = await box.sign_in("joao", PIN)
        assert status == 200


async def test_a_till_that_guesses_over_all_people_is_locked(tmp_path: Path) -> None:
    async with bare_box(tmp_path) as box:
        await box.feed()
        await box.enrol()
        for number in range(PIN_WRONG_PER_TILL_PER_HOUR_MAX):
            await box.sign_in(f"guess-{number}", "0000")
        status, body = await box.sign_in("joao", PIN)
        assert (status, body["code"]) == (429, "pin_locked_till")
        await box.enrol("till-2")
        status, _ = await box.sign_in("joao", PIN)
        assert status == 200


async def test_enrolment_codes_are_spent_and_guessing_them_ends(tmp_path: Path) -> None:
    async with bare_box(tmp_path) as box:
        _, made = await box.call(
            "POST", "/internal/v1/enrolment-codes", {"till": "till-1"}, headers=box.service
        )
        spelled = f"{made['code'][:4]}-{made['code'][4:].lower()}"
        status, _ = await box.call("POST", "/api/v1/enrol", {"code": spelled})
        assert status == 200
        status, body = await box.call("POST", "/api/v1/enrol", {"code": made["code"]})
        assert (status, body["code"]) == (403, "enrol_code_wrong")
        for _ in range(ENROL_TRIES_PER_HOUR_MAX):
            status, body = await box.call("POST", "/api/v1/enrol", {"code": "AAAABBBB"})
        assert (status, body["code"]) == (429, "enrol_locked")
        status, body = await box.call(
            "POST", "/internal/v1/enrolment-codes", {"till": "till-7"}, headers=box.service
        )
        assert (status, body["code"]) == (404, "unknown_till")


async def test_enrolments_and_sign_ins_survive_a_restart(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        cookies = {morsel.key: morsel.value for morsel in box.client.cookie_jar}
    async with bare_box(tmp_path) as box:
        header = {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
        status, view = await box.call("GET", "/api/v1/tills/till-1/view", headers=header)
        assert (status, view["state"]) == (200, "idle")
        status, session = await box.call("DELETE", "/api/v1/session", headers=header)
        assert (status, session["cashier"]) == (200, None)
        status, _ = await box.call("GET", "/api/v1/tills/till-1/view", headers=header)
        assert status == 401
    async with bare_box(tmp_path) as box:
        status, _ = await box.call("GET", "/api/v1/tills/till-1/view", headers=header)
        assert status == 401


async def test_a_session_is_worth_nothing_on_another_device(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        stolen = next(morsel.value for morsel in box.client.cookie_jar if "session" in morsel.key)
        box.client.cookie_jar.clear()
        await box.enrol()
        own = next(morsel for morsel in box.client.cookie_jar)
        header = {"Cookie": f"{own.key}={own.value}; __Host-tillbox-session={stolen}"}
        status, body = await box.call("GET", "/api/v1/tills/till-1/view", headers=header)
        assert (status, body["code"]) == (401, "not_signed_in")


@pytest.mark.parametrize(
    "token", ["", "Bearer ", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x"]
)
async def test_service_routes_want_the_token(tmp_path: Path, token: str) -> None:
    async with bare_box(tmp_path) as box:
        status, body = await box.call(
            "GET", "/internal/v1/replica/status", headers={"Authorization": token}
        )
        assert (status, body["code"]) == (401, "service_token_wrong")


async def test_foreign_pages_and_names_are_turned_away(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        body = {"command_id": "command-foreign", "type": "add_item", "code": MILK}
        path = "/api/v1/tills/till-1/commands"
        status, refusal = await box.call(
            "POST", path, body, headers={"Origin": "https://evil.example"}
        )
        assert (status, refusal["code"]) == (403, "foreign_origin")
        status, refusal = await box.call("POST", path, body, headers={"Host": "evil.example"})
        assert (status, refusal["code"]) == (421, "misdirected")
        status, refusal = await box.call("POST", path, body, headers={"Content-Type": "text/plain"})
        assert (status, refusal["code"]) == (415, "wrong_content_type")
        assert (await box.view())["lines"] == []
