from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Self

import aiohttp
import pytest

from edge.contract.device_limits import (
    COUNTER_WATCHERS_MAX,
)
from edge.contract.limits import (
    BARCODE_CHARS_MAX,
)
from edge.contract.refusal_body import RefusalBody
from tests.devices.counter.running_counter import (
    MILK,
    TILL_URL,
    CounterClient,
    running_counter,
    settings_in,
)
from tests.devices.host_bench import until


@pytest.fixture
async def counter(tmp_path: Path) -> AsyncIterator[CounterClient]:
    async with running_counter(settings_in(tmp_path)) as client:
        yield client


class Reader:
    """Holds the scanner's port open and keeps what is typed."""

    def __init__(self, port: Path) -> None:
        self.port = port
        self.typed = b""

    async def __aenter__(self) -> Self:
        self._fd = os.open(self.port, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        asyncio.get_running_loop().add_reader(self._fd, self._read)
        return self

    def _read(self) -> None:
        try:
            self.typed += os.read(self._fd, 65_536)
        except OSError:
            asyncio.get_running_loop().remove_reader(self._fd)

    async def __aexit__(self, *_: object) -> None:
        asyncio.get_running_loop().remove_reader(self._fd)
        os.close(self._fd)


async def connected(counter: CounterClient) -> None:
    async with asyncio.timeout(5):
        while not (await counter.get("scanner"))["connected"]:
            await asyncio.sleep(0.01)


async def read_at(port: int) -> bytes:
    async with asyncio.timeout(5):
        reader, _ = await asyncio.open_connection("127.0.0.1", port)
        return await reader.read()


async def test_goods_begin_with_ten_plain_pieces(counter: CounterClient) -> None:
    shelf = await counter.get("goods")
    first = shelf["goods"][:10]
    assert [good["unit"] for good in first] == ["piece"] * 10
    assert all(len(good["code"]) == 13 for good in first)
    assert first[4] == {
        "code": MILK,
        "name": "Whole milk 1 l",
        "price_minor": 129,
        "unit": "piece",
        "group": "dairy",
        "sku": "100005",
        "icon": "milk",
    }
    more = [good["unit"] for good in shelf["goods"] if good["unit"] in {"coupon", "card"}]
    assert more == ["coupon"] * 4 + ["card"] * 2
    assert len(shelf["goods"]) == 322 + len(more)
    assert shelf["currency"] == "EUR"
    apples = next(good for good in shelf["goods"] if good.get("plu") == "101")
    assert apples["code"] == "2100101007422"


async def test_a_code_is_typed_as_a_scanner_types(counter: CounterClient, tmp_path: Path) -> None:
    async with Reader(tmp_path / "scanner") as reader:
        await connected(counter)
        assert await counter.post("scan", {"code": MILK}) == {
            "code": MILK,
            "name": "Whole milk 1 l",
        }
        await counter.post("weigh", {"plu": "101", "weight_g": 1})
        await counter.post("scan", {"code": "https://example.com/01/ä"})
        await until(lambda: reader.typed.count(b"\r") == 3)
        assert reader.typed == (
            MILK.encode() + b"\r" + b"2100101000010\r" + "https://example.com/01/ä\r".encode()
        )


async def test_raw_sends_what_no_label_has(counter: CounterClient, tmp_path: Path) -> None:
    hostile = "\x1bp\x00\x32\x32\x10\x14\x01\x00\x05\x9b\xff"
    async with Reader(tmp_path / "scanner") as reader:
        await connected(counter)
        await counter.post("scan", {"code": hostile, "raw": True})
        await until(lambda: reader.typed.endswith(b"\r"))
        assert reader.typed == hostile.encode("latin-1") + b"\r"


async def test_the_longest_code_fits_on_the_line(counter: CounterClient, tmp_path: Path) -> None:
    async with Reader(tmp_path / "scanner") as reader:
        await connected(counter)
        await counter.post("scan", {"code": "9" * BARCODE_CHARS_MAX})
        await until(lambda: reader.typed.endswith(b"\r"))
        assert reader.typed == b"9" * BARCODE_CHARS_MAX + b"\r"


async def test_a_reader_that_reads_no_more_is_told_in_words(
    counter: CounterClient, tmp_path: Path
) -> None:
    fd = os.open(tmp_path / "scanner", os.O_RDWR | os.O_NOCTTY)
    try:
        await connected(counter)
        answers = []
        async with asyncio.timeout(20):
            while not answers or "name" in answers[-1]:
                url = f"{counter.origin}/counter/api/scan"
                async with counter.session.post(url, json={"code": "9" * 4096}) as answer:
                    answers.append(await answer.json())
        assert answers[-1]["code"] == "scanner_not_read"
    finally:
        os.close(fd)


async def test_without_a_reader_a_scan_is_refused_and_kept_for_nobody(
    counter: CounterClient, tmp_path: Path
) -> None:
    said = await counter.post("scan", {"code": MILK}, status=503)
    assert said["code"] == "scanner_not_connected"
    assert "tillbox devices" in said["advice"]
    async with Reader(tmp_path / "scanner") as reader:
        await connected(counter)
        await counter.post("scan", {"code": "1"})
        await until(lambda: reader.typed)
        assert reader.typed == b"1\r"


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("scan", {"code": ""}, 422, "code_empty"),
        ("scan", {"code": "", "raw": True}, 422, "code_empty"),
        ("scan", {"code": "9" * (BARCODE_CHARS_MAX + 1)}, 422, "wrong_shape"),
        ("scan", {"code": "12\x1bp"}, 422, "code_unprintable"),
        ("scan", {"code": "12\x9b"}, 422, "code_unprintable"),
        ("scan", {"code": "12\x7f"}, 422, "code_unprintable"),
        ("scan", {"code": "€", "raw": True}, 422, "code_not_bytes"),
        ("scan", {"code": 7}, 422, "wrong_shape"),
        ("scan", {}, 422, "wrong_shape"),
        ("scan", {"code": "1", "colour": "red"}, 422, "wrong_shape"),
        ("weigh", {"plu": "99999", "weight_g": 100}, 422, "nothing_to_weigh"),
        ("weigh", {"plu": "101", "weight_g": 0}, 422, "wrong_shape"),
        ("weigh", {"plu": "101", "weight_g": 100_000}, 422, "wrong_shape"),
        ("terminal", {"next": "explode"}, 422, "wrong_shape"),
        ("terminal/press", {"key": "approve"}, 409, "terminal_automatic"),
        ("printer", {}, 422, "nothing_asked"),
        ("printer", {"paper": "wet"}, 422, "wrong_shape"),
        ("printer", {"lines_left": 0}, 422, "wrong_shape"),
        ("scale", {"grams": 100_000}, 422, "wrong_shape"),
        ("scale", {"grams": 0.5}, 422, "wrong_shape"),
        ("scale", {}, 422, "wrong_shape"),
        ("link", {"up": "yes"}, 422, "wrong_shape"),
        ("cables", {"device": "drawer", "plugged": True}, 422, "wrong_shape"),
    ],
)
async def test_refusals_in_words(
    counter: CounterClient, path: str, body: Any, status: int, code: str
) -> None:
    said = await counter.post(path, body, status=status)
    assert set(said) == set(RefusalBody.__struct_fields__)
    assert said["code"] == code
    assert said["message"].endswith(".")


@pytest.mark.parametrize(
    ("headers", "body", "status", "code"),
    [
        ({"Origin": "https://example.com"}, b'{"up": false}', 403, "foreign_origin"),
        ({"Sec-Fetch-Site": "cross-site"}, b'{"up": false}', 403, "foreign_origin"),
        ({"Host": "example.com"}, b'{"up": false}', 421, "misdirected"),
        ({"Content-Type": "text/plain"}, b'{"up": false}', 415, "wrong_content_type"),
        ({}, b'{"up": NaN}', 400, "json_not_strict"),
        ({}, b'{"up": true, "up": false}', 400, "json_not_strict"),
        ({}, b"up", 400, "not_json"),
        ({}, b" " * 70_000, 413, "too_large"),
    ],
)
async def test_the_guard_stands_before_it(
    counter: CounterClient, headers: dict[str, str], body: bytes, status: int, code: str
) -> None:
    sent = {"Content-Type": "application/json", **headers}
    url = f"{counter.origin}/counter/api/link"
    async with counter.session.post(url, data=body, headers=sent) as answer:
        assert (answer.status, (await answer.json())["code"]) == (status, code)
    assert (await counter.get("link"))["up"] is True


async def test_the_counters_own_page_may_change_things(counter: CounterClient) -> None:
    sent = {"Origin": counter.origin}
    url = f"{counter.origin}/counter/api/link"
    async with counter.session.post(url, json={"up": False}, headers=sent) as answer:
        assert await answer.json() == {"up": False, "connections": 0}


async def test_printer_and_drawer_states(counter: CounterClient) -> None:
    well = await counter.get("printer")
    assert (well["paper"], well["cover"], well["connected"]) == ("ok", "closed", False)
    assert (await counter.post("printer", {"paper": "out"}))["paper"] == "out"
    assert (await counter.post("printer", {"paper": "near_end"}))["paper"] == "near_end"
    assert (await counter.post("printer", {"cover": "open"}))["cover"] == "open"
    both = await counter.post("printer", {"cover": "closed", "paper": "ok"})
    assert both == well
    shut = {"pulses": 0, "open": False, "opened_at": 0}
    assert await counter.get("drawer") == shut
    assert await counter.post("drawer/close") == shut


async def test_paper_runs_out_after_so_many_lines(counter: CounterClient) -> None:
    await counter.post("printer", {"lines_left": 2})
    _, writer = await asyncio.open_connection("127.0.0.1", counter.printer)
    writer.write(b"one\ntwo\nthree\n\x1dV\x00")
    async with asyncio.timeout(5):
        while (await counter.get("printer"))["paper"] != "out":
            await asyncio.sleep(0.01)
    assert [line["text"] for line in (await counter.get("printer"))["hanging"]] == ["one", "two"]
    assert (await counter.get("paper"))["receipts"] == []
    await counter.post("printer", {"paper": "ok"})
    async with asyncio.timeout(5):
        while not (await counter.get("paper"))["receipts"]:
            await asyncio.sleep(0.01)
    assert (await counter.get("paper"))["receipts"] == ["one\ntwo\nthree"]
    [slip] = (await counter.get("slips"))["slips"]
    assert [line["text"] for line in slip["lines"]] == ["one", "two", "three"]
    writer.close()


async def test_ask_stays_until_told_otherwise(counter: CounterClient) -> None:
    assert (await counter.get("terminal"))["next"] == "approve"
    assert (await counter.post("terminal", {"next": "ask"}))["next"] == "ask"
    said = await counter.post("terminal/press", {"key": "approve"}, status=409)
    assert said["code"] == "no_payment"
    for script in ("decline", "silent", "cut_before_result", "cut_after_approval", "approve"):
        assert (await counter.post("terminal", {"next": script}))["next"] == script


async def test_goods_on_the_scale(counter: CounterClient) -> None:
    empty = {
        "grams": 0,
        "stable": True,
        "overloaded": False,
        "plugged": True,
        "connected": False,
    }
    assert await counter.get("scale") == empty
    assert await counter.post("scale", {"grams": 742}) == {**empty, "grams": 742}
    swaying = {**empty, "grams": 742, "stable": False}
    assert await counter.post("scale", {"grams": 742, "stable": False}) == swaying
    heavy = {**empty, "grams": 20_000, "overloaded": True}
    assert await counter.post("scale", {"grams": 20_000}) == heavy
    reader, writer = await asyncio.open_connection("127.0.0.1", counter.scale)
    await counter.post("scale", {"grams": -30})
    writer.write(b"\x05\x11")
    assert await reader.readexactly(16) == b"\x06\x01\x02S-00.030kg\x6f\x03\x04"
    writer.close()


async def test_cables_of_the_network_devices(counter: CounterClient) -> None:
    cables = {"scanner": True, "printer": True, "terminal": True, "scale": True}
    assert await counter.get("cables") == cables
    doors = {
        "printer": counter.printer,
        "terminal": counter.terminal,
        "scale": counter.scale,
    }
    for device, port in doors.items():
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        async with asyncio.timeout(5):
            while not (await counter.get(device))["connected"]:
                await asyncio.sleep(0.01)
        said = await counter.post("cables", {"device": device, "plugged": False})
        assert said[device] is False
        with pytest.raises(ConnectionResetError):
            async with asyncio.timeout(5):
                await reader.read()
        writer.close()
        assert (await counter.get(device))["plugged"] is False
        with pytest.raises(ConnectionError):
            await read_at(port)
        await counter.post("cables", {"device": device, "plugged": True})
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        async with asyncio.timeout(5):
            while not (await counter.get(device))["connected"]:
                await asyncio.sleep(0.01)
        writer.close()


async def test_health_and_document(counter: CounterClient, tmp_path: Path) -> None:
    async def items() -> dict[str, bool]:
        async with counter.session.get(f"{counter.origin}/health") as answer:
            return {item["name"]: item["well"] for item in (await answer.json())["items"]}

    assert await items() == {
        "scanner": False,
        "printer": False,
        "terminal": False,
        "scale": False,
        "link": True,
    }
    await counter.post("link", {"up": False})
    async with Reader(tmp_path / "scanner"):
        await connected(counter)
        assert await items() == {
            "scanner": True,
            "printer": False,
            "terminal": False,
            "scale": False,
            "link": False,
        }
    async with counter.session.get(f"{counter.origin}/openapi.json") as answer:
        paths = (await answer.json())["paths"]
    assert "/counter/api/scan" in paths


async def test_page_and_kit_are_served_with_a_strict_policy(counter: CounterClient) -> None:
    async with counter.session.get(f"{counter.origin}/") as answer:
        assert str(answer.url).endswith("/counter/")
        policy = answer.headers["Content-Security-Policy"]
        page = await answer.text()
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "style=" not in page
    for path in ("/kit/tokens.css", "/counter/counter.js"):
        async with counter.session.get(counter.origin + path) as answer:
            assert answer.status == 200
    async with counter.session.get(f"{counter.origin}/counter/../main.py") as answer:
        assert answer.status == 404


async def next_state(stream: aiohttp.StreamReader) -> dict[str, Any]:
    async with asyncio.timeout(5):
        while not (line := await stream.readline()).startswith(b"data: "):
            assert line
    state: dict[str, Any] = json.loads(line.removeprefix(b"data: "))
    return state


async def test_events_bring_the_whole_state_when_it_changed(counter: CounterClient) -> None:
    async with counter.session.get(f"{counter.origin}/counter/api/events") as answer:
        assert answer.headers["Content-Type"] == "text/event-stream"
        state = await next_state(answer.content)
        assert state["link"] == {"up": True, "connections": 0}
        assert state["till_url"] == TILL_URL
        assert state["slip"] is None
        await counter.post("link", {"up": False})
        assert (await next_state(answer.content))["link"]["up"] is False
        _, writer = await asyncio.open_connection("127.0.0.1", counter.printer)
        writer.write(b"\x1bE\x01hello\n\x1dV\x00")
        async with asyncio.timeout(5):
            while (slip := (await next_state(answer.content))["slip"]) is None:
                pass
        assert slip["lines"] == [{"text": "hello", "bold": True}]
        writer.close()


async def test_too_many_watchers_are_told_so(counter: CounterClient) -> None:
    url = f"{counter.origin}/counter/api/events"
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        watching = [await session.get(url) for _ in range(COUNTER_WATCHERS_MAX)]
        async with session.get(url) as answer:
            assert (answer.status, (await answer.json())["code"]) == (503, "too_many_watchers")
        watching[0].close()
        async with asyncio.timeout(5):
            while True:
                async with session.get(url) as answer:
                    if answer.status == 200:
                        break
        for each in watching:
            each.close()
