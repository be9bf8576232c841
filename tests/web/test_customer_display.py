"""Customer displays at a real box: who is let in, what they are told, and that nothing changes."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest
import zxingcpp
from msgspec.structs import replace
from PIL import Image, ImageDraw

from edge.contract.display_view import CustomerDisplayView
from edge.contract.receipt_code import is_signed_code
from edge.contract.reference_data import Feed, FeedItem, FeedPage, Logo
from edge.contract.wire import encode
from edge.web.shipped_screens import load_screens
from tests.flows.box import MILK, PIN, PROFILE, Box, bare_box, selling_box
from tests.flows.fake_host import fake_host, until

APPLES = "4011"
DISPLAY = "/api/v1/display"


async def open_display(box: Box) -> aiohttp.ClientWebSocketResponse:
    return await box.client.ws_connect(
        f"{box.origin}{DISPLAY}/socket", headers={"Origin": box.origin}
    )


async def receive(socket: aiohttp.ClientWebSocketResponse) -> CustomerDisplayView:
    return msgspec.json.decode(await socket.receive_str(timeout=5), type=CustomerDisplayView)


async def shown(box: Box) -> CustomerDisplayView:
    status, body = await box.call("GET", DISPLAY)
    assert status == 200, body
    return msgspec.convert(body, CustomerDisplayView)


def read_picture(svg: bytes) -> str:
    """Read a code as a telephone does, from the bars of its picture."""
    size = int(re.findall(rb'viewBox="0 0 (\d+) ', svg)[0])
    image = Image.new("L", (size * 4, size * 4), 255)
    draw = ImageDraw.Draw(image)
    for left, top, wide in re.findall(rb"M(\d+) (\d+)h(\d+)v1h-\d+z", svg):
        x, y, w = int(left) * 4, int(top) * 4, int(wide) * 4
        draw.rectangle((x, y, x + w - 1, y + 3), fill=0)
    return zxingcpp.read_barcodes(image)[0].text


async def test_a_display_follows_its_till_whole_and_at_once(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        socket = await open_display(box)
        assert (await receive(socket)).state == "ready"
        await box.command("add_item", code=MILK)
        selling = await receive(socket)
        assert selling.state == "selling"
        assert [(line.name, line.amount_minor) for line in selling.lines] == [
            ("Whole milk 1 l", 129)
        ]
        await box.command("set_note", text="SECRET")  # nothing of it is for the customer
        await box.command("take_cash", amount_minor=500)
        done = await receive(socket)
        assert (done.state, done.change_minor, done.receipt_code) == ("done", 371, True)
        await box.command("next_sale")
        assert await receive(socket) == CustomerDisplayView(
            state=selling.state.READY, currency="EUR", language="en"
        )
        await socket.close()


async def test_before_anybody_signs_in_the_till_is_closed(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        await box.call("DELETE", "/api/v1/session")
        socket = await open_display(box)
        assert (await receive(socket)).state == "closed"
        await box.call("POST", "/api/v1/session", {"cashier": "joao", "pin": PIN})
        ready = await receive(socket)
        assert (ready.state, ready.language) == ("ready", "pt")
        await box.call("DELETE", "/api/v1/session")
        assert (await receive(socket)).state == "closed"
        await socket.close()


async def test_a_stranger_is_not_let_in(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        box.client.cookie_jar.clear()
        for path in (DISPLAY, f"{DISPLAY}/receipt.svg?began_at=1", f"{DISPLAY}/socket"):
            status, body = await box.call("GET", path)
            assert (status, body["code"]) == (401, "not_enrolled"), path
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await open_display(box)
        assert refused.value.status == 401


async def test_a_foreign_page_is_not_let_in(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await box.client.ws_connect(
                f"{box.origin}{DISPLAY}/socket", headers={"Origin": "https://evil.example"}
            )
        assert refused.value.status == 403


@pytest.mark.parametrize("binary", [True, False])
async def test_a_display_that_speaks_is_ended_and_nothing_is_done(
    tmp_path: Path, *, binary: bool
) -> None:
    async with selling_box(tmp_path) as box:
        socket = await open_display(box)
        await receive(socket)
        wish = msgspec.json.encode({"command_id": "c" * 16, "type": "add_item", "code": MILK})
        await (socket.send_bytes(wish) if binary else socket.send_str(wish.decode()))
        assert (await socket.receive(timeout=5)).type in {
            aiohttp.WSMsgType.CLOSE,
            aiohttp.WSMsgType.CLOSED,
        }
        till = box.edge.selling.tills["till-1"]
        await until(lambda: not till.screens, what="the display is let go")
        assert till.cart.lines == ()
        for method in ("POST", "PUT", "DELETE"):
            status, _ = await box.call(method, DISPLAY)
            assert status == 405


async def test_a_display_keeps_nobody_signed_in(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        (session,) = box.edge.access._sessions.values()
        session.used_at_monotonic -= 5_000
        before = session.used_at_monotonic
        assert box.edge.access.language_of("till-1") == "en"
        assert session.used_at_monotonic == before
        assert box.edge.access.language_of("till-2") is None
        session.used_at_monotonic -= 30 * 86_400_000
        assert box.edge.access.language_of("till-1") is None


async def test_the_code_of_the_sale_just_done_and_of_no_other(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        await box.command("add_item", code=MILK)
        status, body = await box.call("GET", f"{DISPLAY}/receipt.svg?began_at=1")
        assert (status, body["code"]) == (404, "no_receipt_shown")
        await box.command("take_cash", amount_minor=129)
        began = (await shown(box)).began_at
        receipt = box.edge.selling.tills["till-1"].cart
        texts = set()
        for _ in range(2):  # as often as it is asked
            status, picture = await box.call("GET", f"{DISPLAY}/receipt.svg?began_at={began}")
            assert status == 200
            texts.add(read_picture(picture))
        (text,) = texts
        assert is_signed_code(text)
        assert text == await box.edge.selling.gathering.codes.text(receipt.receipt, receipt.sale)
        for other in (began - 1, 0, 9**19):
            status, _ = await box.call("GET", f"{DISPLAY}/receipt.svg?began_at={other}")
            assert status == 404
        for wrong in ("", "x", "-1", "1" * 20):
            status, body = await box.call("GET", f"{DISPLAY}/receipt.svg?began_at={wrong}")
            assert (status, body["code"]) == (400, "sale_malformed"), wrong
        await box.command("next_sale")
        status, _ = await box.call("GET", f"{DISPLAY}/receipt.svg?began_at={began}")
        assert status == 404


async def test_training_has_no_code_and_says_so(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        await box.call("DELETE", "/api/v1/session")
        await box.call("POST", "/api/v1/session", {"cashier": "sofia", "pin": "9753"})
        await box.command("begin_training")
        await box.command("add_item", code=MILK)
        await box.command("take_cash", amount_minor=129)
        done = await shown(box)
        assert (done.state, done.training, done.receipt_code) == ("done", True, False)
        address = f"{DISPLAY}/receipt.svg?began_at={done.began_at}"
        assert (await box.call("GET", address))[0] == 404


async def weigh(box: Box, code: str, tare_g: int = 0) -> tuple[int, Any]:
    wish = {"code": code, "tare_g": tare_g}
    return await box.call("POST", "/api/v1/tills/till-1/scale-goods", wish)


async def test_what_is_weighed_is_told_by_the_till_and_priced_by_the_box(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker):
        assert await weigh(box, APPLES, 10) == (200, {"code": APPLES, "tare_g": 10})
        scale = (await shown(box)).weighing
        assert scale is not None
        assert (scale.name, scale.price_minor, scale.tare_g) == ("Apples", 289, 10)
        assert await weigh(box, "") == (200, {"code": "", "tare_g": 0})
        assert (await shown(box)).weighing is None
        version = box.edge.selling.tills["till-1"].version
        await weigh(box, "")  # nothing was there: nobody is told
        assert box.edge.selling.tills["till-1"].version == version
        assert (await weigh(box, MILK))[1]["code"] == "not_sold_by_weight"
        assert (await weigh(box, "no-such-code"))[0] == 404
        await weigh(box, APPLES)
        await box.call("DELETE", "/api/v1/session")
        await shown(box)
        await box.call("POST", "/api/v1/session", {"cashier": "marta", "pin": PIN})
        assert (await shown(box)).weighing is None  # what a cashier left is not taken up


async def test_the_logo_of_the_store_is_the_displays_too(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        socket = await open_display(box)
        assert (await receive(socket)).logo == ""
        status, body = await box.call("GET", f"{DISPLAY}/logo.png")
        assert (status, body["code"]) == (404, "no_logo")
        words = set()
        for number, rows in enumerate((b"\x0f\xf0\xff\xff", b"\xf0\x0f\x00\x00"), 2):
            profile = replace(PROFILE, logo=Logo(16, rows))
            item = FeedItem("store", number, msgspec.Raw(encode(profile)))
            page = FeedPage(Feed.CONFIG, (item,), number)
            path = "/internal/v1/replica/feed"
            status, taken = await box.call("POST", path, page, headers=box.service)
            assert status == 200, taken
            words.add((await receive(socket)).logo)
            status, picture = await box.call("GET", f"{DISPLAY}/logo.png")
            assert status == 200
            assert Image.open(io.BytesIO(picture)).size == (16, 2)
        assert "" not in words
        assert len(words) == 2
        await socket.close()


async def test_pages_are_found_at_their_short_addresses_too(tmp_path: Path) -> None:
    async with bare_box(tmp_path) as box:
        status, page = await box.call("GET", "/till")
        assert (status, b"<title>till" in page) == (200, True)


def test_the_display_is_among_the_screens_of_the_box() -> None:
    assert "display/index.html" in load_screens().names
