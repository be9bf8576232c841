"""The first steps of the demo, against a box that a test plays."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from edge.demo.processes import DemoFailedError
from edge.demo.walk_in import WalkIn
from edge.runtime.system_clock import SystemClock
from tests.brokers import find_free_port


@dataclass
class PlayedBox:
    """A box whose answers are set by hand; `asked` are the calls, in order."""

    walk: WalkIn
    origin: str = ""
    unready: int = 0
    signed_in: bool = True
    devices: list[dict[str, Any]] = field(default_factory=list)
    asked: list[tuple[str, str, Any]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        body: Any = await request.json() if request.can_read_body else {}
        self.asked.append((request.method, request.path, body))
        status, said = 200, self.said(request.path)
        if request.path == "/health" and self.unready > 0:
            self.unready -= 1
            status, said = 503, {"message": "The disk is slow."}
        elif body.get("code", "RIGHT") != "RIGHT":
            status, said = 403, {"message": "This code is not valid."}
        response = web.json_response(said, status=status)
        if request.method == "POST":
            response.set_cookie(request.path.rpartition("/")[2], f"cookie-{len(self.asked)}")
        return response

    def said(self, path: str) -> dict[str, Any]:
        said: dict[str, dict[str, Any]] = {
            "/health": {"well": True},
            "/api/v1/tills/till-1/view": {"devices": self.devices},
            "/api/v1/session": {"cashier": {"id": "marta"} if self.signed_in else None},
            "/internal/v1/enrolment-codes": {"code": "RIGHT"},
        }
        return said.get(path, {})

    async def session(self, kept: Path, code: str = "RIGHT") -> dict[str, str]:
        return await self.walk.till_session(self.origin, code, "marta", "2580", kept)


@pytest.fixture
async def box() -> AsyncIterator[PlayedBox]:
    async with aiohttp.ClientSession() as client:
        played = PlayedBox(WalkIn(client, SystemClock()))
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", played.answer)
        async with TestServer(app) as server:
            played.origin = str(server.make_url("/")).rstrip("/")
            yield played


async def test_what_is_not_ready_is_asked_until_it_is(box: PlayedBox) -> None:
    box.unready = 3
    url = f"{box.origin}/health"
    assert await box.walk.until_answers(url, what="The box", seconds=20) == {"well": True}
    assert len(box.asked) == 4


async def test_what_never_gets_ready_is_told_with_its_last_words(box: PlayedBox) -> None:
    box.unready = 2**31
    with pytest.raises(DemoFailedError, match=r"The box was not ready .*The disk is slow\."):
        await box.walk.until_answers(f"{box.origin}/health", what="The box", seconds=1)
    nobody = f"http://127.0.0.1:{find_free_port()}/health"
    with pytest.raises(DemoFailedError, match=r"The office was not ready .*Connect"):
        await box.walk.until_answers(nobody, what="The office", seconds=1)


async def test_devices_that_stay_ill_are_named_with_their_words(box: PlayedBox) -> None:
    well = {"device_id": "scanner-1", "words": "", "well": True}
    box.devices = [well]
    await box.walk.until_devices_well(box.origin, "till-1", {}, seconds=20)
    box.devices = [well, {"device_id": "printer-1", "words": "It has no paper.", "well": False}]
    with pytest.raises(DemoFailedError, match=r"ready: printer-1: It has no paper\.$"):
        await box.walk.until_devices_well(box.origin, "till-1", {}, seconds=1)


async def test_a_session_is_kept_over_restarts_while_it_is_good(
    box: PlayedBox, tmp_path: Path
) -> None:
    kept = tmp_path / "session.json"
    first = await box.session(kept)
    assert first["Origin"] == box.origin
    assert kept.stat().st_mode & 0o077 == 0, "others may read the session"
    box.asked.clear()
    assert await box.session(kept) == first
    assert [path for _, path, _ in box.asked] == ["/api/v1/session"]
    box.signed_in = False
    second = await box.session(kept)
    assert second["Cookie"] != first["Cookie"]
    assert json.loads(kept.read_text()) == second
    kept.write_text(json.dumps({**second, "Origin": "http://another"}))
    box.asked.clear()
    await box.session(kept)
    assert box.asked[0][1] == "/api/v1/enrol", "a session of another address was tried"


async def test_what_is_refused_is_told_in_the_words_of_the_box(
    box: PlayedBox, tmp_path: Path
) -> None:
    with pytest.raises(DemoFailedError, match=r"enrol: This code is not valid\."):
        await box.session(tmp_path / "session.json", code="WRONG")
    assert not (tmp_path / "session.json").exists()


async def test_codes_and_office_sessions_are_asked_for(box: PlayedBox) -> None:
    assert await box.walk.enrolment_code(box.origin, "token", "till-1") == "RIGHT"
    headers = await box.walk.office_session(box.origin, "head", "secret")
    assert headers == {"Origin": box.origin, "Cookie": "session=cookie-2"}
    assert box.asked[1][2] == {"user": "head", "password": "secret"}
