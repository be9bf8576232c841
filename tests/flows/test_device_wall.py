"""The device wall says how each device is, with a next step; devices show themselves when asked."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from edge.contract.device_messages import (
    BarcodeScanned,
    DeviceEvent,
    Job,
    JobError,
    JobResult,
    JobStatus,
    PrintReceiptArgs,
)
from edge.contract.device_states import (
    DeviceClass,
    DeviceMeta,
    DeviceStatistics,
    DriverState,
    FoundDevice,
    HostInfo,
    UnfitDevice,
)
from edge.contract.device_topics import HostTopics
from edge.contract.limits import (
    HOSTS_PER_STORE_MAX,
    WALL_SOCKETS_MAX,
)
from edge.contract.wire import encode
from tests.flows.box import SUPERVISOR_PIN
from tests.flows.fake_host import STORE, until, until_view
from tests.flows.test_selling import event_types
from tests.flows.wall import FOUND, OFFERS, PRINTER_2, Wall, wall

BOX = HostTopics(STORE, "box")


async def test_a_card_says_all_that_is_known_of_a_device(tmp_path: Path) -> None:
    async with wall(tmp_path) as on:
        printer = BOX.device("printer-1")
        await on.say(
            printer.meta,
            encode(
                DeviceMeta(
                    DeviceClass.PRINTER, "printer_escpos", "TM-T20", "X1", "11.43", ("drawer",)
                )
            ),
        )
        await on.say(
            printer.stats, encode(DeviceStatistics({"ReceiptLineCount": 7, "DrawerGood": 2}, 1))
        )
        await on.host.report(
            "printer-1",
            DriverState.ATTENTION,
            health="It has no paper.",
            advice="Put in a roll.",
            paper="out",
            cover="closed",
            drawer="open",
            jobs_waiting=2,
        )
        card = await on.until_device("printer-1", "no paper", state="attention")
        assert {
            "words": "It has no paper.",
            "advice": "Put in a roll.",
            "well": False,
            "paper": "out",
            "cover": "closed",
            "drawer": "open",
            "jobs_waiting": 2,
            "model": "TM-T20",
            "serial_number": "X1",
            "firmware": "11.43",
            "device_class": "printer",
            "till": "till-1",
            "roles": ["printer", "drawer"],
            "statistics": [
                {"name": "DrawerGood", "count": 2},
                {"name": "ReceiptLineCount", "count": 7},
            ],
            "tests": ["test_page", "open_drawer", "health"],
        }.items() <= card.items()


async def test_the_last_scan_is_shown_and_a_stored_one_is_not(tmp_path: Path) -> None:
    async with wall(tmp_path) as on:
        await on.host.scan("5601009924022", 1_700_000_000_000)
        card = await on.until_device("scanner-1", "the scan", last_scan="5601009924022")
        assert card["last_scan_at"] == 1_700_000_000_000
        await on.host.scan("stored", 1_700_000_000_001, scan_id="scan-0002", retain=True)
        event = DeviceEvent("scan-0003", 5, 1, 9, msgspec.Raw(encode(BarcodeScanned("next"))))
        await on.say(BOX.device("scanner-1").event("scan"), encode(event), retain=False)
        await on.until_device("scanner-1", "the next scan", last_scan="next", last_scan_at=5)


async def test_what_a_driver_is_for_is_not_taken_for_a_model(tmp_path: Path) -> None:
    async with wall(tmp_path) as on:
        meta = BOX.device("scanner-1").meta
        any_of_them = "any scanner on a serial line"
        await on.say(
            meta, encode(DeviceMeta(DeviceClass.SCANNER, "scanner_serial", any_of_them, "S7"))
        )
        assert (await on.until_device("scanner-1", "its meta", serial_number="S7"))["model"] == ""
        await on.say(meta, encode(DeviceMeta(DeviceClass.SCANNER, "scanner_serial", "DS2208")))
        await on.until_device("scanner-1", "its model", model="DS2208")


async def test_a_scale_shows_what_lies_on_it(tmp_path: Path) -> None:
    async with wall(tmp_path) as on:
        status, _ = await on.wish(
            host="box", driver="scale_cas", till="till-1", roles=["scale"],
            settings={"address": FOUND.address},
        )  # fmt: skip
        assert status == 200
        await on.host.report("scale-1", DriverState.READY, weight="stable", weight_g=742)
        card = await on.until_device("scale-1", "a weight", weight_g=742)
        assert card["weight"] == "stable"


async def test_a_host_that_is_gone_and_one_that_refuses_say_what_to_do(tmp_path: Path) -> None:
    async with wall(tmp_path) as on:
        await on.inform(unfit=(UnfitDevice("terminal-1", "The file p cannot be read."),))
        card = await on.until_device("terminal-1", "it is refused", state="refused")
        assert (card["words"], card["well"]) == ("The file p cannot be read.", False)
        assert card["advice"].startswith("Replace the device")
        await on.host.offline()
        card = await on.until_device("terminal-1", "it is offline", code="host_offline")
        assert (card["state"], card["tests"], card["paper"]) == ("offline", [], "")
        assert card["advice"]
        (host,) = (await on.view())["hosts"]
        assert (host["online"], host["version"]) == (False, "0.1.0")


async def test_a_host_that_never_said_a_word_is_on_the_wall_with_its_devices(
    tmp_path: Path,
) -> None:
    async with wall(tmp_path) as on:
        await on.host.bus.publish(HostTopics(STORE, "attic").availability, b"online")
        view = await until_view(on.view, lambda v: len(v["hosts"]) == 2, what="attic is seen")
        assert (view["hosts"][0]["name"], view["hosts"][0]["drivers"]) == ("attic", [])
        assert view["hosts"][1]["found"][0]["address"] == FOUND.address
        roles = {each["offer"]["name"]: each["roles"] for each in view["hosts"][1]["drivers"]}
        assert roles["printer_escpos"] == ["printer", "drawer"]
        assert roles["scale_cas"] == ["scale"]


async def test_what_every_host_finds_on_the_network_is_shown_until_one_of_them_runs_it(
    tmp_path: Path,
) -> None:
    printer = FoundDevice(
        "tcp://192.0.2.8:9100", "EPSON TM-m30", "printer_escpos", kind="network_printer"
    )
    other = msgspec.structs.replace(printer, address="tcp://192.0.2.9:9100")
    async with wall(tmp_path) as on:
        info = HostInfo("0.1.0", "boot-2", found=(FOUND, printer, other), drivers=OFFERS)
        till2 = HostTopics(STORE, "till2")
        await on.say(till2.info, encode(info))

        def found(view: Any) -> list[str]:
            return [
                each["address"]
                for host in view["hosts"]
                if host["name"] == "till2"
                for each in host["found"]
            ]

        everything = [FOUND.address, printer.address, other.address]
        await until_view(on.view, lambda view: found(view) == everything, what="till2 was heard")
        status, _ = await on.wish(**{**PRINTER_2, "settings": {"address": printer.address}})
        assert status == 200
        status, _ = await on.wish(
            host="box",
            driver="scanner_serial",
            till="till-2",
            roles=["scanner"],
            settings={"address": FOUND.address},
        )
        assert status == 200
        # the port of that name is another one on the other machine
        assert found(await on.view()) == [FOUND.address, other.address]


async def test_garbled_reports_and_a_crowd_of_hosts_change_nothing(tmp_path: Path) -> None:
    async with wall(tmp_path) as on:
        before = await on.view()
        printer = BOX.device("printer-1")
        for topic, payload in (
            (BOX.info, b"{"),
            (BOX.info, b'{"more":' + b"[" * 50_000),
            (printer.meta, b"\xff"),
            (printer.stats, b"[]"),
            (BOX.device("scanner-1").event("scan"), b'{"id":7}'),
            ("tillbox/v1/harbour-street/host/B O X/info", b"{}"),
        ):
            await on.say(topic, payload, retain=False)
        for n in range(2 * HOSTS_PER_STORE_MAX):
            await on.say(HostTopics(STORE, f"h-{n}").availability, b"online")
        await on.host.report("printer-1", DriverState.READY, paper="near_end")
        card = await on.until_device("printer-1", "all was heard", paper="near_end")
        assert (card["model"], card["statistics"]) == ("", [])
        after = await on.view()
        assert len(after["hosts"]) == HOSTS_PER_STORE_MAX
        (box,) = [each for each in after["hosts"] if each["name"] == "box"]
        assert box == before["hosts"][0]


async def test_a_wall_is_shown_again_when_something_changed_and_ends_with_the_sign_in(
    tmp_path: Path,
) -> None:
    async with wall(tmp_path) as on:
        async with await open_wall(on) as socket:
            first = await next_view(socket)
            assert [each["id"] for each in first["devices"]] == [
                "scanner-1", "printer-1", "terminal-1",
            ]  # fmt: skip
            await on.host.report("printer-1", DriverState.ATTENTION, health="Cover open.")
            seen = first
            async with asyncio.timeout(10):
                while seen["devices"][1]["words"] != "Cover open.":
                    seen = await next_view(socket)
            await on.box.call("DELETE", "/api/v1/technician/session")
            async with asyncio.timeout(10):
                while (message := await socket.receive()).type is aiohttp.WSMsgType.TEXT:
                    pass
            assert message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)
        status, _ = await on.box.call("GET", "/api/v1/technician/socket")
        assert status == 401


async def test_so_many_walls_and_no_more(tmp_path: Path) -> None:
    async with wall(tmp_path) as on:
        sockets = [await open_wall(on) for _ in range(WALL_SOCKETS_MAX)]
        refused = False
        try:
            await open_wall(on)
        except aiohttp.WSServerHandshakeError as error:
            refused = error.status == 503
        assert refused
        await sockets.pop().close()
        await until(
            lambda: len(on.box.edge.wall_sockets._open) < WALL_SOCKETS_MAX, what="one is free"
        )
        async with await open_wall(on) as again:
            assert (await next_view(again))["devices"]
        for socket in sockets:
            await socket.close()


async def open_wall(on: Wall) -> aiohttp.ClientWebSocketResponse:
    return await on.box.client.ws_connect(
        on.box.origin + "/api/v1/technician/socket", headers={"Origin": on.box.origin}
    )


async def next_view(socket: aiohttp.ClientWebSocketResponse) -> Any:
    async with asyncio.timeout(10):
        return json.loads((await socket.receive()).data)


# --- tests of devices --------------------------------------------------------------------


async def test_a_test_page_is_printed_and_is_no_receipt(tmp_path: Path) -> None:
    async with wall(tmp_path) as on:
        status, body = await on.wish("/printer-1/tests", test="test_page")
        assert (status, body["outcome"]) == (200, "done")
        (job,) = on.host.of_kind("print_receipt")
        document = msgspec.json.decode(job.args, type=PrintReceiptArgs).document
        text = str(document)
        for word in ("TEST PAGE", "Harbour Street", "printer-1", "This is no receipt."):
            assert word in text
        types = event_types(on.box)
        assert types.count("device_tested") == 1
        assert "receipt_printed" not in types


async def test_a_health_check_says_what_the_device_says(tmp_path: Path) -> None:
    async with wall(tmp_path) as on:
        on.host.answers["check_health"] = lambda job: JobResult(
            job.id,
            JobStatus.FAILED,
            1,
            error=JobError("device_lost", "The terminal does not answer.", "Check its cable."),
        )
        status, body = await on.wish("/terminal-1/tests", test="health")
        assert (status, body) == (
            200,
            {
                "outcome": "failed",
                "code": "device_lost",
                "words": "The terminal does not answer.",
                "advice": "Check its cable.",
            },
        )
        assert [job.kind for _, job in on.host.jobs] == ["check_health"]  # and never a payment


async def test_a_drawer_opens_for_a_reason_once_and_stands_in_the_books(tmp_path: Path) -> None:
    async with wall(tmp_path) as on:
        status, body = await on.wish("/printer-1/tests", test="open_drawer")
        assert (status, body["code"]) == (409, "reason_needed")
        status, body = await on.wish(
            "/printer-1/tests", test="open_drawer", reason="4111 1111 1111 1111"
        )
        assert (status, body["code"]) == (409, "looks_like_card_number")
        assert on.host.of_kind("kick_drawer") == []
        for _ in range(2):
            status, body = await on.wish(
                "/printer-1/tests", command_id="kick-0001", test="open_drawer", reason="New lock"
            )
            assert (status, body["outcome"]) == (200, "done")
        assert len(on.host.of_kind("kick_drawer")) == 1
        await until(lambda: "drawer_opened" in event_types(on.box), what="it is recorded")
        types = event_types(on.box)
        assert (types.count("no_sale"), types.count("drawer_opened")) == (1, 1)


async def test_a_drawer_is_not_kicked_again_after_a_restart(tmp_path: Path) -> None:
    kick = {"command_id": "kick-0001", "test": "open_drawer", "reason": "New lock"}
    async with wall(tmp_path) as on:
        await on.wish("/printer-1/tests", **kick)
        assert len(on.host.of_kind("kick_drawer")) == 1
        await until(lambda: "drawer_opened" in event_types(on.box), what="it is recorded")
    async with wall(tmp_path) as on:
        status, body = await on.wish("/printer-1/tests", **kick)
        assert (status, body["outcome"], body["code"]) == (200, "unknown", "test_asked_before")
        assert on.host.of_kind("kick_drawer") == []


async def test_who_asks_twice_at_once_asks_the_device_once(tmp_path: Path) -> None:
    async with wall(tmp_path) as on:
        held: list[Job] = []

        def hold(job: Job) -> None:
            held.append(job)

        on.host.answers["check_health"] = hold
        asking = [
            asyncio.create_task(on.wish("/printer-1/tests", command_id="test-0001", test="health"))
            for _ in range(2)
        ]
        await until(lambda: len(held) == 1, what="the device was asked")
        await on.host.answer("printer-1", "test-0001", JobStatus.ACCEPTED)
        await on.host.answer("scanner-1", "test-0001", JobStatus.FAILED)  # another's word
        await on.host.answer("printer-1", "test-0001", JobStatus.DONE, {"health": "ok"})
        assert [(status, body["outcome"]) for status, body in await asyncio.gather(*asking)] == [
            (200, "done"),
            (200, "done"),
        ]
        assert len(held) == 1


async def test_what_cannot_be_tested_is_refused_in_words(tmp_path: Path) -> None:
    async with wall(tmp_path) as on:
        for device, test, code, status in (
            ("printer-7", "health", "device_unknown", 404),
            ("scanner-1", "test_page", "test_unfit", 409),
            ("terminal-1", "open_drawer", "test_unfit", 409),
        ):
            got, body = await on.wish(f"/{device}/tests", test=test, reason="x")
            assert (got, body["code"]) == (status, code)
        got, body = await on.wish("/terminal-1/tests", test="pay")
        assert got == 422
        await on.host.offline()
        await on.until_device("printer-1", "it is gone", code="host_offline")
        got, body = await on.wish("/printer-1/tests", test="health")
        assert (got, body["code"]) == (409, "host_offline")
        assert on.host.jobs == []


async def test_a_supervisor_may_look_after_devices_too(tmp_path: Path) -> None:
    async with wall(tmp_path, signed_in=False) as on:
        status, view = await on.sign_in("sofia", SUPERVISOR_PIN)
        assert (status, view["person"]["id"]) == (200, "sofia")
        status, _ = await on.wish(**PRINTER_2)
        assert status == 200
