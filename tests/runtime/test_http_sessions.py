"""Secrets in cookies and headers, and sessions that end."""

from __future__ import annotations

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from edge.runtime.http_sessions import (
    SECRET_CHARS_MAX,
    SESSION_COOKIE,
    TILL_COOKIE,
    MemorySessions,
    Sessions,
    _kept,
    bearer_secret,
    clear_secret_cookie,
    cookie_header,
    cookie_secret,
    same_secret,
    secret_hash,
    set_secret_cookie,
)
from edge.runtime.ids import SystemIds
from tests.runtime.hand_clock import HandClock


def _request(**headers: str) -> web.Request:
    return make_mocked_request("GET", "/", headers=headers)


@pytest.mark.parametrize(
    ("cookie", "found"),
    [
        (None, None),
        ("", None),
        (f"{SESSION_COOKIE}=abc", "abc"),
        (f"a=b; {SESSION_COOKIE}=abc; c=d", "abc"),
        (f"a=b;{SESSION_COOKIE}=a=b", "a=b"),
        (f"x{SESSION_COOKIE}=abc", None),
        (f"{SESSION_COOKIE}", None),
        (f"{SESSION_COOKIE}=", None),
        (f"{SESSION_COOKIE}=one; {SESSION_COOKIE}=two", None),
        (f"{SESSION_COOKIE}={'x' * SECRET_CHARS_MAX}", "x" * SECRET_CHARS_MAX),
        (f"{SESSION_COOKIE}={'x' * (SECRET_CHARS_MAX + 1)}", None),
        (f"{TILL_COOKIE}=abc", None),
        (f"a={'x' * 600}; {SESSION_COOKIE}=abc", "abc"),
    ],
)
def test_a_secret_in_a_cookie(cookie: str | None, found: str | None) -> None:
    request = _request() if cookie is None else _request(Cookie=cookie)
    for _ in range(2):  # the second time it may be remembered
        assert cookie_secret(request, SESSION_COOKIE) == found
    assert cookie_secret(request, "another") is None


def test_a_long_header_of_a_stranger_is_read_and_not_kept() -> None:
    before = _kept.cache_info().misses
    assert cookie_secret(_request(Cookie=f"a={'y' * 600}"), SESSION_COOKIE) is None
    assert _kept.cache_info().misses == before


@pytest.mark.parametrize(
    ("header", "found"),
    [
        ("Bearer abc", "abc"),
        ("bearer  abc ", "abc"),
        ("Basic abc", None),
        ("Bearer", None),
        ("Bearer ", None),
        ("", None),
        ("Bearer " + "x" * (SECRET_CHARS_MAX + 1), None),
    ],
)
def test_a_token_in_a_header(header: str, found: str | None) -> None:
    assert bearer_secret(_request(Authorization=header)) == found


def test_no_token_at_all() -> None:
    assert bearer_secret(_request()) is None


def test_cookies_are_kept_from_scripts_and_other_sites() -> None:
    response = web.Response()
    set_secret_cookie(response, TILL_COOKIE, "secret", max_age_s=60)
    set_secret_cookie(response, SESSION_COOKIE, "other")
    lasting, passing = (morsel.OutputString() for morsel in response.cookies.values())
    for text in (lasting, passing):
        parts = set(text.split("; "))
        assert {"Secure", "HttpOnly", "SameSite=Strict", "Path=/"} <= parts
        assert not any(part.startswith("Domain") for part in parts)  # `__Host-` forbids it
    assert "Max-Age=60" in lasting
    assert "Max-Age" not in passing
    clear_secret_cookie(response, TILL_COOKIE)
    cleared = response.cookies[TILL_COOKIE].OutputString()
    assert "Max-Age=0" in cleared
    assert "Secure" in cleared


def test_a_script_sends_both_secrets() -> None:
    header = cookie_header({TILL_COOKIE: "one", SESSION_COOKIE: "two"})
    request = _request(Cookie=header)
    assert cookie_secret(request, TILL_COOKIE) == "one"
    assert cookie_secret(request, SESSION_COOKIE) == "two"


def test_only_the_hash_is_stored() -> None:
    stored = secret_hash("secret")
    assert len(stored) == 64
    assert "secret" not in stored
    assert same_secret("secret", stored)
    assert not same_secret("Secret", stored)
    assert not same_secret("\udcff", stored)  # bytes that are no UTF-8 arrive like this


class Case:
    def __init__(self) -> None:
        self.clock = HandClock()
        self.store = MemorySessions(sessions_max=3)
        self.sessions = Sessions(
            self.store, self.clock, SystemIds(self.clock), idle_s_max=600, total_s_max=3_600
        )


async def test_a_session_lives_and_is_ended() -> None:
    case = Case()
    secret = await case.sessions.open("anna", "till-1")
    record = await case.sessions.find(secret, "till-1")
    assert record is not None
    assert record.subject == "anna"
    assert secret not in repr(record)
    assert await case.sessions.find("another", "till-1") is None
    await case.sessions.end(secret)
    await case.sessions.end(secret)
    assert await case.sessions.find(secret, "till-1") is None


async def test_a_secret_shown_elsewhere_ends_its_session() -> None:
    case = Case()
    secret = await case.sessions.open("anna", "till-1")
    assert await case.sessions.find(secret, "till-2") is None
    assert await case.sessions.find(secret, "till-1") is None


async def test_idle_sessions_end_and_used_ones_live_on() -> None:
    case = Case()
    used, idle = [await case.sessions.open("anna", "till-1") for _ in range(2)]
    for _ in range(3):
        case.clock.advance(300)
        assert await case.sessions.find(used, "till-1") is not None
    assert await case.sessions.find(idle, "till-1") is None


async def test_no_session_lives_for_ever() -> None:
    case = Case()
    secret = await case.sessions.open("anna", "till-1")
    for _ in range(12):
        case.clock.advance(300)
        assert await case.sessions.find(secret, "till-1") is not None
    case.clock.advance(1)
    assert await case.sessions.find(secret, "till-1") is None


async def test_use_is_noted_once_a_minute() -> None:
    case = Case()
    secret = await case.sessions.open("anna", "till-1")
    case.clock.advance(59)
    record = await case.sessions.find(secret, "till-1")
    assert record is not None
    assert record.used_at == record.opened_at
    case.clock.advance(1)
    record = await case.sessions.find(secret, "till-1")
    assert record is not None
    assert record.used_at == case.clock.now_ms()


@pytest.mark.parametrize(
    ("step_ms", "alive"), [(-60_000, True), (-601_000, False), (700_000, False)]
)
async def test_a_clock_that_steps_keeps_nobody_in_for_longer(step_ms: int, alive: bool) -> None:
    case = Case()
    secret = await case.sessions.open("anna", "till-1")
    case.clock.step_wall_clock(step_ms)
    assert (await case.sessions.find(secret, "till-1") is not None) is alive


async def test_the_memory_store_is_bounded() -> None:
    case = Case()
    secrets = []
    for _ in range(4):
        secrets.append(await case.sessions.open("anna", "till-1"))
        case.clock.advance(1)
    found = [await case.sessions.find(secret, "till-1") is not None for secret in secrets]
    assert found == [False, True, True, True]
