from __future__ import annotations

from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from edge.contract.device_states import DriverState
from edge.contract.limits import (
    SCANS_WAITING_MAX,
)
from edge.runtime.memory_bus import MemoryBroker
from tests.flows.box import MILK, Box, bare_box, selling_box
from tests.flows.fake_host import fake_host, until, until_view


async def open_socket(box: Box, after: int | str = 0) -> aiohttp.ClientWebSocketResponse:
    return await box.client.ws_connect(
        f"{box.origin}/api/v1/tills/till-1/socket?after={after}", headers={"Origin": box.origin}
    )


async def receive(socket: aiohttp.ClientWebSocketResponse) -> Any:
    return msgspec.json.decode(await socket.receive_str(timeout=5))


async def test_every_change_reaches_the_screen_whole(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        socket = await open_socket(box)
        first = await receive(socket)
        assert first["state"] == "idle"
        _, answered = await box.command("add_item", code=MILK)
        pushed = await receive(socket)
        assert pushed == answered
        await box.command("add_item", code="nothing-like-this")
        noticed = await receive(socket)
        assert noticed["notice"]["tone"] == "refused"
        assert noticed["version"] > pushed["version"]
        await socket.close()
        await until(lambda: not box.edge.selling.tills["till-1"].screens, what="the screen is gone")


async def test_a_screen_that_is_up_to_date_hears_nothing_until_something_happens(
    tmp_path: Path,
) -> None:
    async with selling_box(tmp_path) as box:
        _, view = await box.command("add_item", code=MILK)
        socket = await open_socket(box, view["version"])
        await box.command("add_item", code=MILK)
        assert len((await receive(socket))["lines"]) == 2
        late = await open_socket(box, view["version"])
        assert len((await receive(late))["lines"]) == 2
        await socket.close()
        await late.close()


@pytest.mark.parametrize("after", ["x", "-1", "1.5", "9" * 30])
async def test_a_version_that_is_none_is_refused(tmp_path: Path, after: str) -> None:
    async with selling_box(tmp_path) as box:
        status, body = await box.call("GET", f"/api/v1/tills/till-1/socket?after={after}")
        assert (status, body["code"]) == (400, "version_malformed")


async def test_a_socket_of_a_foreign_page_is_refused(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await box.client.ws_connect(
                f"{box.origin}/api/v1/tills/till-1/socket",
                headers={"Origin": "https://evil.example"},
            )
        assert refused.value.status == 403


async def test_scans_reach_the_basket_once_and_stale_ones_are_shown(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        now = box.edge.selling.clock.now_ms()
        await host.scan(MILK, now, scan_id="scan-aaaa")
        await host.scan(MILK, now, scan_id="scan-aaaa")
        view = await until_view(box.view, lambda view: len(view["lines"]) == 1, what="the line")
        assert view["lines"][0]["entry"] == "scanned"
        await host.scan("9520000000028", now - 60_000, scan_id="scan-bbbb")
        view = await until_view(
            box.view,
            lambda view: bool(view["notice"]) and view["notice"]["code"] == "scan_stale",
            what="the stale scan is shown",
        )
        await host.scan("9520000000028", now + 60_000, scan_id="scan-cccc")
        await host.scan("9520000000099", now, scan_id="scan-eeee")
        view = await until_view(
            box.view,
            lambda view: bool(view["notice"]) and "9520000000099" in view["notice"]["words"],
            what="the unknown code is shown",
        )
        assert len(view["lines"]) == 1


async def test_a_flood_of_scans_is_cut_short_and_told(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        till = box.edge.selling.tills["till-1"]
        now = box.edge.selling.clock.now_ms()
        async with till.lock:  # a command of this till takes its time
            for number in range(SCANS_WAITING_MAX + 10):
                await host.scan(MILK, now, scan_id=f"scan-{number:04}")
            await until(lambda: till.notice is not None, what="the flood is shown")
            assert till.notice is not None
            assert till.notice.code == "scans_too_many"
            first = till.notice
        await until_view(
            box.view, lambda view: len(view["lines"]) == SCANS_WAITING_MAX, what="what waited"
        )
        assert box.log.getvalue().count("scans_too_many") == 1
        assert first.serial == till.notices
        await host.scan(MILK, box.edge.selling.clock.now_ms(), scan_id="scan-after")
        await until_view(
            box.view, lambda view: len(view["lines"]) == SCANS_WAITING_MAX + 1, what="the next one"
        )


async def test_a_scanned_receipt_is_shown_once_and_never_sold(tmp_path: Path) -> None:
    code = "TILLBOX1|till-1-000001|sale-1|129|EUR"
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        now = box.edge.selling.clock.now_ms()
        await host.scan(f" {code}", now, scan_id="scan-aaaa")
        till = box.edge.selling.tills["till-1"]
        await until(lambda: till.notice is not None, what="the notice")
        first = till.notice
        assert first is not None
        assert (first.code, first.tone) == ("receipt_scanned", "ok")
        assert first.params == {"code": code, "receipt": "till-1-000001", "scan": "scan-aaaa"}
        await host.scan(f" {code}", now, scan_id="scan-aaaa")
        await host.scan(f"TILLBOX1|{'x' * 4000}", now, scan_id="scan-bbbb")
        await until(lambda: till.notice is not first, what="the other receipt")
        other = till.notice
        assert other is not None
        assert other.serial == first.serial + 1
        assert [len(value) for value in other.params.values()] == [800, 40, 9]
        assert till.cart.lines == ()


async def test_a_scan_with_nobody_signed_in_goes_nowhere(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        await box.call("DELETE", "/api/v1/session")
        await host.scan(MILK, box.edge.selling.clock.now_ms())
        till = box.edge.selling.tills["till-1"]
        await until(lambda: till.notice is not None, what="the notice")
        assert till.notice is not None
        assert till.notice.code == "scan_not_signed_in"
        assert till.cart.lines == ()


async def test_garbled_and_foreign_scans_are_counted_drops(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box, fake_host(box.broker) as host:
        topic = host.topics.device("scanner-1").event("scan")
        for garbage in (b"\xff", b'{"id":"\xff"}', b'{"data":' + b"[" * 50_000):
            await host.bus.publish(topic, garbage)
        await host.bus.publish(host.topics.device("printer-1").event("scan"), b"{}")
        await until(lambda: box.log.getvalue().count("scan_garbled") == 3, what="garbage is logged")
        assert "task_defect" not in box.log.getvalue()
        await until(lambda: "scan_foreign" in box.log.getvalue(), what="the stranger is logged")
        assert (await box.view())["lines"] == []


async def test_devices_and_their_words_are_in_the_view(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        offline = await box.view()
        assert {device["code"] for device in offline["devices"]} == {"host_offline"}
        async with fake_host(box.broker) as host:
            await until_view(
                box.view, lambda v: all(d["well"] for d in v["devices"]), what="all well"
            )
            await host.report(
                "printer-1",
                DriverState.ATTENTION,
                health="The printer has no paper.",
                advice="Put in a roll.",
                paper="out",
            )
            view = await until_view(
                box.view, lambda v: any(not d["well"] for d in v["devices"]), what="the trouble"
            )
            ill = [device for device in view["devices"] if not device["well"]]
            assert {(d["role"], d["paper"]) for d in ill} == {("printer", "out"), ("drawer", "out")}
            assert ill[0]["words"] == "The printer has no paper."
            await host.bus.publish(host.topics.device("printer-1").state, b"{", retain=True)
            await until(
                lambda: "device_state_garbled" in box.log.getvalue(), what="garbage is logged"
            )
            await host.offline()
            await until_view(
                box.view,
                lambda v: {d["code"] for d in v["devices"]} == {"host_offline"},
                what="the host is seen to be gone",
            )


async def test_without_the_broker_no_device_is_well(tmp_path: Path) -> None:
    broker = MemoryBroker()
    async with selling_box(tmp_path, broker=broker) as box, fake_host(broker):
        await until_view(box.view, lambda v: all(d["well"] for d in v["devices"]), what="all well")
        broker.stop()
        await until_view(
            box.view,
            lambda v: {d["code"] for d in v["devices"]} == {"host_offline"},
            what="the till says that it hears no scanner",
        )
        broker.start()
        await until_view(
            box.view, lambda v: all(d["well"] for d in v["devices"]), what="all well again"
        )


async def test_a_scan_that_the_broker_kept_is_no_scan(tmp_path: Path) -> None:
    broker = MemoryBroker()
    async with fake_host(broker) as host:
        async with bare_box(tmp_path, broker=broker) as box:
            now = box.edge.selling.clock.now_ms()
        await host.scan(MILK, now, retain=True)
        async with selling_box(tmp_path, broker=broker) as box:
            await until(lambda: "scan_foreign" in box.log.getvalue(), what="it is dropped")
            assert (await box.view())["lines"] == []
