"""Every kind of error has its status, and one shape."""

from __future__ import annotations

import json

import pytest
from aiohttp import web

from edge.contract.errors import (
    DeviceNeedsPerson,
    DeviceUnreachable,
    OutcomeUnknown,
    ProtocolViolation,
    Refused,
    ReplicaFork,
    SettingsInvalid,
    StorageFailed,
    TillboxError,
)
from edge.runtime.bus import BusUnavailable
from edge.runtime.http_errors import plain_response, refusal_response, status_of


class _FinerViolation(ProtocolViolation):
    pass


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Refused("no", "No."), 409),
        (Refused("no", "No.", status=422), 422),
        (ProtocolViolation("no", "No."), 400),
        (_FinerViolation("no", "No."), 400),
        (ReplicaFork("no", "No."), 409),
        (DeviceNeedsPerson("no", "No."), 409),
        (DeviceUnreachable("no", "No."), 503),
        (StorageFailed("no", "No."), 503),
        (OutcomeUnknown("no", "No."), 504),
        (SettingsInvalid("no", "No."), 503),
        (BusUnavailable("no", "No."), 503),
    ],
)
def test_status(error: TillboxError, status: int) -> None:
    assert status_of(error) == status
    assert refusal_response(error).status == status


def test_a_refusal_carries_what_a_screen_needs() -> None:
    response = refusal_response(
        Refused("too_many", "Too many.", advice="Take fewer.", params={"limit": "3"})
    )
    assert response.content_type == "application/json"
    assert json.loads(bytes(response.body)) == {  # type: ignore[arg-type]  # our own bytes
        "code": "too_many",
        "message": "Too many.",
        "advice": "Take fewer.",
        "params": {"limit": "3"},
    }


@pytest.mark.parametrize("status", [400, 404, 413, 417])
def test_what_aiohttp_raises_is_said_in_our_words(status: int) -> None:
    errors = {400: web.HTTPBadRequest(), 404: web.HTTPNotFound(), 417: web.HTTPExpectationFailed()}
    error = errors.get(status) or web.HTTPRequestEntityTooLarge(max_size=1, actual_size=2)
    response = plain_response(error)
    assert response.status == status
    assert isinstance(response, web.Response)
    assert json.loads(bytes(response.body))["message"]  # type: ignore[arg-type]


def test_an_unforeseen_status_keeps_its_number() -> None:
    response = plain_response(web.HTTPGone())
    assert isinstance(response, web.Response)
    assert json.loads(bytes(response.body))["code"] == "http_410"  # type: ignore[arg-type]


def test_a_redirect_stays_one() -> None:
    redirect = web.HTTPSeeOther("/elsewhere", headers={"Set-Cookie": "a=1"})
    response = plain_response(redirect)
    assert not isinstance(response, web.HTTPException), "aiohttp will not take these as answers"
    assert (response.status, response.reason) == (303, "See Other")
    assert response.headers["Location"] == "/elsewhere"
    assert response.headers["Set-Cookie"] == "a=1"
    assert not response.body
