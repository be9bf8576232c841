from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from aiohttp.test_utils import make_mocked_request

from edge.contract.errors import Refused
from edge.runtime.openapi import Access
from edge.web.caller import EdgeGate
from tests.flows.box import MILK, Box, bare_box, selling_box
from tests.flows.fake_host import until


async def screens(box: Box) -> int:
    return len(box.edge.selling.tills["till-1"].screens)


async def test_a_screen_may_give_signs_of_life_but_no_bytes(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        address = f"{box.origin}/api/v1/tills/till-1/socket"
        socket = await box.client.ws_connect(address, headers={"Origin": box.origin})
        await socket.receive_str(timeout=5)
        await socket.send_str("still here")
        await box.command("add_item", code=MILK)
        view = msgspec.json.decode(await socket.receive_str(timeout=5))
        assert len(view["lines"]) == 1
        assert await screens(box) == 1
        await socket.send_bytes(b"\x00")
        assert (await socket.receive(timeout=5)).data in {None, 1000, 1006}
        await until(
            lambda: not box.edge.selling.tills["till-1"].screens, what="the screen is let go"
        )


async def test_signing_out_twice_is_signing_out(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        for _ in range(2):
            status, body = await box.call("DELETE", "/api/v1/session")
            assert (status, body.get("cashier")) == (200, None)
        status, refusal = await box.command("add_item", code=MILK)
        assert (status, refusal["code"]) == (401, "not_signed_in")


async def test_screens_are_reached_by_their_folder_and_by_their_file(tmp_path: Path) -> None:
    async with bare_box(tmp_path) as box:
        status, moved = await box.call("GET", "/", allow_redirects=False)
        assert status == 302
        for path in ("/till/", "/till/index.html"):
            status, page = await box.call("GET", path)
            assert (status, b"<title>till" in page) == (200, True), moved
        status, _ = await box.call("GET", "/till/../../box.key")
        assert status == 404


async def test_a_rule_that_the_box_does_not_know_lets_nobody_in(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        cookies = "; ".join(f"{each.key}={each.value}" for each in box.client.cookie_jar)
        request = make_mocked_request("GET", "/", headers={"Cookie": cookies})
        gate = EdgeGate(box.edge.access, "token")
        with pytest.raises(Refused, match="Nobody may do this here"):
            await gate(request, Access("invented", "who knows"))
