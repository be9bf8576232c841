"""Steps 1 to 6: a scan becomes a line that the till shows."""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import Any

import aiohttp

from tests.whole_shop.lines import Line
from tests.whole_shop.sale_day import Cells, Day, count_lines, hang_up

CELLS = Cells()
cell = CELLS.cell


async def sell_after_a_lost_scan(day: Day, *, surely: bool = False) -> None:
    """The first scan came once or not at all (`surely`: once); the customer goes on."""
    await day.scan_again()
    await day.pay_cash()
    view = await day.shop.view()
    assert count_lines(view)[day.first["sku"]] in ({1} if surely else {0, 1}), view["lines"]
    assert count_lines(view)[day.second["sku"]] == 1


@cell("01 killed devices")
async def _(day: Day) -> None:
    day.shop.pause("devices")
    await day.shop.scan(day.first["code"])
    await day.shop.kill_and_wait("devices")
    await sell_after_a_lost_scan(day)


@cell("01 killed counter")
async def _(day: Day) -> None:
    day.shop.pause("devices")
    await day.shop.scan(day.first["code"])
    old = day.shop.kill("counter")
    day.shop.go_on("devices")
    await day.shop.until_restarted("counter", old)
    day.counter_is_new()
    await sell_after_a_lost_scan(day)


@cell("01 cut scanner cable")
async def _(day: Day) -> None:
    day.shop.pause("devices")
    await day.shop.scan(day.first["code"])
    await day.shop.counter("POST", "cables", {"device": "scanner", "plugged": False})
    day.shop.go_on("devices")
    # the cable is put back by somebody who sees that the scanner is gone: before that the till
    # shows it well, and what is scanned while its port is being opened is nobody's
    await day.shop.until_view(
        lambda view: any(not device["well"] for device in view["devices"]),
        what="the till knows that the scanner is gone",
    )
    await day.shop.counter("POST", "cables", {"device": "scanner", "plugged": True})
    await sell_after_a_lost_scan(day)


@cell("02 killed broker")
async def _(day: Day) -> None:
    line = day.lines.devices_to_broker
    await line.until_idle()  # an acknowledgement that is waited for would hold the scan up
    line.hold("out")
    await day.shop.scan(day.first["code"])
    await line.until_held("out", day.first["code"].encode())
    old = day.shop.kill("broker")
    line.drop()
    await day.shop.until_restarted("broker", old)
    await sell_after_a_lost_scan(day)


@cell("02 killed devices, the scan delivered and not acknowledged")
async def _(day: Day) -> None:
    line = day.lines.devices_to_broker
    await line.until_idle()  # an acknowledgement that is waited for would hold the scan up
    line.hold("back")
    await day.shop.scan(day.first["code"])
    await day.until_first_line()
    old = day.shop.kill("devices")
    line.drop()
    await day.shop.until_restarted("devices", old)
    await sell_after_a_lost_scan(day, surely=True)


@cell("02 cut devices-broker, the scan on its way")
async def _(day: Day) -> None:
    line = day.lines.devices_to_broker
    await line.until_idle()  # an acknowledgement that is waited for would hold the scan up
    line.hold("out")
    await day.shop.scan(day.first["code"])
    await line.until_held("out", day.first["code"].encode())
    line.cut()
    await sell_after_a_lost_scan(day)


@cell("02 cut devices-broker, the scan delivered and not acknowledged")
async def _(day: Day) -> None:
    line = day.lines.devices_to_broker
    await line.until_idle()  # an acknowledgement that is waited for would hold the scan up
    line.hold("back")
    await day.shop.scan(day.first["code"])
    await day.until_first_line()
    line.cut()
    await sell_after_a_lost_scan(day, surely=True)


@cell("03 killed edge")
async def _(day: Day) -> None:
    line = day.lines.edge_to_broker
    line.hold("back")
    await day.shop.scan(day.first["code"])
    await line.until_held("back", day.first["code"].encode())
    old = day.shop.kill("edge")
    line.drop()
    await day.shop.until_restarted("edge", old)
    await sell_after_a_lost_scan(day)


@cell("03 cut edge-broker")
async def _(day: Day) -> None:
    line = day.lines.edge_to_broker
    line.hold("back")
    await day.shop.scan(day.first["code"])
    await line.until_held("back", day.first["code"].encode())
    line.cut()
    await sell_after_a_lost_scan(day)


async def sell_with_a_repeat(day: Day, command_id: str, kind: str, **fields: Any) -> None:
    """The till repeats its command until there is an answer: it happened once."""
    status, view = await day.shop.insist(kind, command_id=command_id, **fields)
    assert status == 200, view
    assert count_lines(view) == {day.first["sku"]: 1}
    await day.pay_cash()


@cell("04 killed edge")
async def _(day: Day) -> None:
    wish = {"command_id": str(uuid.uuid4()), "kind": "add_item", "code": day.first["code"]}
    day.shop.pause("edge")
    writer = await day.send(**wish, line=None)
    await day.shop.kill_and_wait("edge")
    await hang_up(writer)
    await sell_with_a_repeat(day, **wish)


@cell("04 cut till-edge, the command sent")
async def _(day: Day) -> None:
    wish = {"command_id": str(uuid.uuid4()), "kind": "add_item", "code": day.first["code"]}
    day.shop.pause("edge")
    await hang_up(await day.send(**wish, line=None))
    day.shop.go_on("edge")
    await sell_with_a_repeat(day, **wish)


@cell("05 killed edge, after the commit and before the answer")
async def _(day: Day) -> None:
    wish = {"command_id": str(uuid.uuid4()), "kind": "add_item", "code": day.first["code"]}
    line = day.lines.till_to_edge
    line.hold("back")
    writer = await day.send(**wish, line=line)
    await line.until_held("back", b"200 OK")
    old = day.shop.kill("edge")
    line.drop()
    await hang_up(writer)
    await day.shop.until_restarted("edge", old)
    await sell_with_a_repeat(day, **wish)


@cell("05 cut till-edge, the answer lost")
async def _(day: Day) -> None:
    wish = {"command_id": str(uuid.uuid4()), "kind": "add_item", "code": day.first["code"]}
    line = day.lines.till_to_edge
    line.hold("back")
    writer = await day.send(**wish, line=line)
    await line.until_held("back", b"200 OK")
    line.cut()
    await hang_up(writer)
    await sell_with_a_repeat(day, **wish)


@cell("05 cut till-edge, in the middle of the answer")
async def _(day: Day) -> None:
    wish = {"command_id": str(uuid.uuid4()), "kind": "add_item", "code": day.first["code"]}
    line = day.lines.till_to_edge
    line.cut_after("back", 200)
    writer = await day.send(**wish, line=line)
    await line.until_cut()
    await hang_up(writer)
    await sell_with_a_repeat(day, **wish)


def socket_of(day: Day, after: int, line: Line | None = None) -> Any:
    """Open the till's socket as its page does, resuming behind a version."""
    origin = day.shop.ready["edge_api"]
    port = line.port if line else origin.rpartition(":")[2]
    return day.shop.client.ws_connect(
        f"http://127.0.0.1:{port}/api/v1/tills/{day.shop.ready['till']}/socket?after={after}",
        headers={**day.shop.ready["session"], "Host": origin.removeprefix("http://")},
    )


async def next_view(socket: aiohttp.ClientWebSocketResponse) -> dict[str, Any] | None:
    """Return the next view, or None once the socket has ended."""
    async with asyncio.timeout(30):
        message = await socket.receive()
    return json.loads(message.data) if message.type is aiohttp.WSMsgType.TEXT else None


async def until_lines(socket: aiohttp.ClientWebSocketResponse, number: int) -> dict[str, Any]:
    while (view := await next_view(socket)) is not None:
        if len(view["lines"]) == number and view["state"] == "open":
            return view
    raise AssertionError(f"the socket ended before {number} lines were shown")


@cell("06 killed edge under an open socket")
async def _(day: Day) -> None:
    async with socket_of(day, 0) as socket:
        await day.key()
        view = await until_lines(socket, 1)
        old = day.shop.kill("edge")
        while await next_view(socket) is not None:
            pass
    await day.shop.until_restarted("edge", old)
    await day.shop.view()
    async with socket_of(day, view["version"]) as socket:
        await day.key(day.second)
        assert (await until_lines(socket, 2))["version"] > view["version"]
    await day.pay_cash()


@cell("06 cut the till's socket, a view on its way")
async def _(day: Day) -> None:
    line = day.lines.till_to_edge
    async with socket_of(day, 0, line) as socket:
        before = await next_view(socket)
        assert before is not None
        line.hold("back")
        await day.key()
        await line.until_held("back", day.first["sku"].encode())
        line.cut()
        while await next_view(socket) is not None:
            pass
    async with socket_of(day, before["version"], line) as socket:
        view = await until_lines(socket, 1)
        assert view["version"] > before["version"]
    await day.pay_cash()
