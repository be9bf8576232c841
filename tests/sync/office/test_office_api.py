"""Who may ask what, how stores stand, live events, sign-in, the routes for anyone."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from aiohttp import ClientResponse
from aiohttp.test_utils import make_mocked_request

from edge.contract.errors import Refused
from edge.contract.instant import business_day
from edge.runtime.http_sessions import cookie_header
from edge.runtime.openapi import ANYONE
from edge.runtime.system_clock import SystemClock
from sync.office.gate import LOCAL, OFFICE_COOKIE, OfficeGate
from sync.office.server import load_pages
from tests.sync.office.head_office import AT, Box, Served

PASSWORD = "correct horse battery"


@pytest.fixture
async def box() -> Box:
    box = Box()
    box.sell("a", 300)
    return box


OPEN = {
    ("GET", "/sync/v1/session"),
    ("GET", "/health"),
    ("GET", "/openapi.json"),
    ("POST", "/api/v1/session"),
}


async def test_every_other_route_is_refused_without_a_session(served: Served) -> None:
    _, document = await served.ask("GET", "/openapi.json", signed_in=False)
    routes = {
        (method.upper(), path): operation
        for path, of_path in document["paths"].items()
        for method, operation in of_path.items()
    }
    assert set(routes) > OPEN
    for (method, path), operation in routes.items():
        is_open = operation["x-access"]["who"] == ANYONE.who
        assert is_open == ((method, path) in OPEN)
        assert (operation["x-access"]["who"] == LOCAL.who) == (path == "/metrics")
        if is_open or path == "/metrics":
            continue
        body = {"items": []} if method in {"PUT", "POST"} else None
        for cookie in ("", "wrong" * 8):
            headers = {"Origin": served.url, "Content-Type": "application/json"} if body else {}
            headers["Origin"] = served.url
            if cookie:
                headers["Cookie"] = cookie_header({OFFICE_COOKIE: cookie})
            at = served.url + path.format(feed="price", store="harbour-street", alarm=1)
            async with served.http.request(method, at, json=body, headers=headers) as answer:
                assert (answer.status, (await answer.json())["code"]) == (401, "not_signed_in")


@pytest.mark.parametrize(
    ("remote", "signed_in", "let_in"),
    [
        ("127.0.0.1", False, True),
        ("::1", False, True),
        ("192.0.2.7", False, False),
        ("192.0.2.7", True, True),
        (None, False, False),
    ],
)
async def test_counters_are_for_this_machine_and_for_people_who_signed_in(
    served: Served, remote: str | None, *, signed_in: bool, let_in: bool
) -> None:
    headers = {"Cookie": cookie_header({OFFICE_COOKIE: served.cookie})} if signed_in else {}
    request = make_mocked_request("GET", "/metrics", headers=headers)
    gate = OfficeGate(served.office.people.sessions)
    asked = gate(request.clone(remote=remote), LOCAL)
    if let_in:
        assert await asked
    else:
        with pytest.raises(Refused) as refused:
            await asked
        assert refused.value.status == 401


async def test_signing_in_and_out(served: Served) -> None:
    await served.office.people.set_password("head", PASSWORD)
    wish = {"user": "head", "password": PASSWORD}
    async with served.http.post(f"{served.url}/api/v1/session", json=wish) as answer:
        assert answer.status == 200
        morsel = answer.cookies[OFFICE_COOKIE]
    assert morsel["httponly"]
    assert morsel["secure"]
    assert morsel["samesite"] == "Strict"
    served.cookie = morsel.value
    assert await served.ask("GET", "/api/v1/session") == (200, {"user": "head"})
    assert (await served.ask("DELETE", "/api/v1/session"))[0] == 204
    assert (await served.ask("GET", "/api/v1/session"))[0] == 401


async def test_wrong_passwords_lock(served: Served) -> None:
    await served.office.people.set_password("head", PASSWORD)
    for user in ("head", "nobody"):
        codes = []
        for _ in range(11):
            _, body = await served.ask(
                "POST", "/api/v1/session", {"user": user, "password": "wrong"}, signed_in=False
            )
            codes.append(body["code"])
        assert codes == ["sign_in_wrong"] * 10 + ["locked"]


async def test_a_new_password_ends_the_sessions_of_the_old(served: Served) -> None:
    assert await served.office.people.set_password("head", PASSWORD)
    assert (await served.ask("GET", "/api/v1/session"))[0] == 401
    assert not await served.office.people.set_password("head", PASSWORD)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/api/v1/sales?after=x", None, 400, "place_malformed"),
        ("GET", "/api/v1/sales?after=-1", None, 400, "place_malformed"),
        ("GET", "/api/v1/sales?after=9999999999999999999999", None, 400, "place_malformed"),
        ("GET", "/api/v1/sales?store=nowhere", None, 404, "unknown_store"),
        ("GET", "/api/v1/sales?store=NO;DROP", None, 404, "unknown_store"),
        ("GET", "/api/v1/feeds/promo", None, 404, "unknown_feed"),
        ("PUT", "/api/v1/feeds/price?dry_run=maybe", {"items": []}, 400, "query_malformed"),
        ("PUT", "/api/v1/feeds/price", {"items": 7}, 422, "wrong_shape"),
        ("PUT", "/api/v1/feeds/price", b'{"items":[NaN]}', 400, "json_not_strict"),
        ("PUT", "/api/v1/feeds/price", b'{"items":[],"items":[]}', 400, "json_not_strict"),
        ("PUT", "/api/v1/feeds/price", b"x" * 1_100_000, 413, "too_large"),
        ("GET", "/nothing", None, 404, "not_found"),
    ],
)
async def test_bad_requests(
    served: Served, method: str, path: str, body: Any, status: int, code: str
) -> None:
    answer = await served.ask(method, path, body)
    assert (answer[0], answer[1]["code"]) == (status, code)


_PROFILE = {
    "name": "H",
    "currency": "EUR",
    "time_zone": "Europe/Lisbon",
    "taxes": [{"code": "a", "name": "A", "rate_ppm": 0}],
}


@pytest.mark.parametrize(
    ("feed", "key", "value", "reason"),
    [
        ("price", "1", {"sku": "1", "price_minor": -1}, "price_minor"),
        ("price", "1", {"sku": "2", "price_minor": 1}, "its key would be '2'"),
        ("price", "1", {"sku": "1", "price_minor": 1, "prise": 2}, "no field prise"),
        ("price", "1", [], "object"),
        ("price", "", {"sku": "", "price_minor": 1}, "a key has"),
        ("config", "shop", _PROFILE, "'store'"),
        ("config", "store", {**_PROFILE, "time_zone": "Mars/Base"}, "Mars/Base"),
        ("config", "store", {**_PROFILE, "currency": "eur"}, "eur"),
        ("config", "store", {**_PROFILE, "taxes": []}, "taxes"),
        ("staff", "a", {"id": "a", "name": "A", "role": "king", "pin_hash": "$argon2id$"}, "king"),
        ("staff", "a", {"id": "a", "name": "A", "role": "cashier", "pin_hash": "4711"}, "argon2id"),
        ("catalogue", "1", {"sku": "1", "name": "B", "tax": "a", "unit": "ton"}, "ton"),
        (
            "catalogue",
            "1",
            {"sku": "1", "name": "B", "tax": "a", "codes": ["9520000079192"] * 5_000},
            "65536 bytes",
        ),
    ],
)
async def test_a_value_that_does_not_fit_is_told_and_nothing_kept(
    served: Served, feed: str, key: str, value: Any, reason: str
) -> None:
    items = {"items": [{"key": key, "value": value}]}
    status, dry = await served.ask("PUT", f"/api/v1/feeds/{feed}?dry_run=true", items)
    assert (status, len(dry["errors"])) == (200, 1)
    assert reason in dry["errors"][0]["reason"]
    status, refusal = await served.ask("PUT", f"/api/v1/feeds/{feed}", items)
    assert (status, refusal["code"]) == (422, "items_malformed")
    assert (await served.ask("GET", f"/api/v1/feeds/{feed}"))[1]["items"] == []


async def test_an_unchanged_value_takes_no_new_cursor(served: Served) -> None:
    items = {"items": [{"key": "1", "value": {"sku": "1", "price_minor": 5, "book": ""}}]}
    dry = await served.ask("PUT", "/api/v1/feeds/price?dry_run=true", items)
    assert dry[1] == {"changed": 1, "unchanged": 0, "cursor": 0, "errors": []}
    for changed in (1, 0):
        _, done = await served.ask("PUT", "/api/v1/feeds/price", items)
        assert (done["changed"], done["cursor"]) == (changed, 1)
    twice = {"items": items["items"] * 2}
    assert (await served.ask("PUT", "/api/v1/feeds/price", twice))[0] == 422


async def test_how_a_store_stands(served: Served, box: Box) -> None:
    before = await served.store()
    assert (before["connected"], before["last_contact"], before["accepted_seq"]) == (False, 0, 0)
    await served.ask(
        "PUT", "/api/v1/feeds/config", {"items": [{"key": "store", "value": _PROFILE}]}
    )
    async with served.session(box) as (line, _):
        await line.upload(box.frame())
        await served.until_projected(4)
        after = await served.store()
    assert after["connected"]
    assert after["last_contact"] > 0
    assert (after["number"], after["name"], after["currency"]) == (1, "Harbour-Street", "EUR")
    assert (after["head_seq"], after["accepted_seq"], after["projected_seq"]) == (4, 4, 4)
    assert (after["takings_today_minor"], after["sales_today"]) == (0, 0)
    assert (before["waiting_events"], before["newest_sale_at"]) == (0, 0)
    assert (after["waiting_events"], after["newest_sale_at"]) == (0, AT + 4)
    today = business_day(SystemClock().now_ms(), ZoneInfo("Europe/Lisbon"))
    await served.office.file.write(
        lambda connection: connection.execute("UPDATE sale SET day = ?", (today,))
    )
    after = await served.store()
    assert (after["takings_today_minor"], after["sales_today"]) == (300, 1)


async def test_what_only_the_shop_has_is_counted(served: Served, box: Box) -> None:
    box.sell("b")
    async with served.session(box) as (line, _):
        await line.upload(box.frame(0, 3))
        after = await served.store()
    assert (after["head_seq"], after["accepted_seq"], after["waiting_events"]) == (8, 3, 5)


async def test_health_metrics_and_unknown_hosts(served: Served) -> None:
    status, body = await served.ask("GET", "/health", signed_in=False)
    assert (status, body["ready"]) == (200, True)
    status, text = await served.ask("GET", "/metrics", signed_in=False)
    assert b"tillbox_office_frames_total" in text
    async with served.http.get(f"{served.url}/health", headers={"Host": "evil.example"}) as answer:
        assert answer.status == 421


# --- live events --------------------------------------------------------------------------


async def _event(answer: ClientResponse, kind: str) -> tuple[int, Any]:
    """Return id and data of the next event of a kind."""
    found: dict[str, str] = {}
    async with asyncio.timeout(20):
        while True:
            text = (await answer.content.readline()).decode().rstrip("\n")
            name, _, value = text.partition(": ")
            found[name] = value
            if not text:
                if found.get("event") == kind:
                    return int(found.get("id", 0)), json.loads(found["data"])
                found = {}


async def test_sales_are_told_as_they_arrive_and_from_where_the_page_was(
    served: Served, box: Box
) -> None:
    headers = {"Cookie": cookie_header({OFFICE_COOKIE: served.cookie})}
    events = f"{served.url}/api/v1/events"
    async with served.http.get(events, headers=headers) as answer:
        assert answer.content_type == "text/event-stream"
        _, stores = await _event(answer, "stores")
        assert not stores["stores"][0]["connected"]
        async with served.session(box) as (line, _):
            await line.upload(box.frame())
            place, sale = await _event(answer, "sale")
            assert sale == (await served.sales())[0]
    box.sell("b")
    async with served.session(box) as (line, welcome):
        await line.upload(box.frame(welcome.head.seq))
    async with served.http.get(events, headers={**headers, "Last-Event-ID": str(place)}) as answer:
        assert (await _event(answer, "sale"))[1]["sale_id"] == "b"
    async with served.http.get(f"{events}?after=0", headers=headers) as answer:
        told = [(await _event(answer, "sale"))[1]["sale_id"] for _ in range(2)]
        assert told == ["a", "b"]
        await served.ask("DELETE", "/api/v1/session")
        box.sell("c")
        async with served.session(box) as (line, welcome):
            await line.upload(box.frame(welcome.head.seq))
        # signed out: the stream ends without the new sale
        assert b'"c"' not in await answer.content.read()
    async with served.http.head(events, headers=headers) as answer:
        assert answer.status == 401


async def test_pages_are_served_with_the_kit_when_present(tmp_path: Path) -> None:
    assert load_pages(tmp_path) is None
    (tmp_path / "index.html").write_text("<!doctype html><title>Sales</title>")
    pages = load_pages(tmp_path)
    assert pages is not None
    assert "index.html" in pages
    assert any(name.startswith("kit/") for name in pages.names)
