"""People adopt devices at the wall: an event, the host's configuration, a till's role; at once."""

from __future__ import annotations

import asyncio
from pathlib import Path

from edge.contract.device_messages import JobStatus
from edge.contract.device_states import (
    ONLINE,
    DriverState,
    HostConfig,
    HostInfo,
    WantedDevice,
)
from edge.contract.device_topics import HostTopics
from edge.contract.wire import encode
from edge.runtime.memory_bus import MemoryBroker
from edge.settings import DeviceSettings
from tests.flows.box import DEVICES, MILK
from tests.flows.fake_host import STORE, until, until_view
from tests.flows.test_selling import event_types
from tests.flows.wall import FOUND, OFFERS, PRINTER_2, Wall, wall

OLD = WantedDevice("printer-2", "printer_escpos", {"address": "tcp://192.0.2.8:9100"})


async def adopt_printer_2(on: Wall) -> None:
    status, body = await on.wish(**PRINTER_2)
    assert (status, body) == (200, {"device": "printer-2"})
    await until(lambda: "printer-2" in on.configured(), what="the host was told")


async def test_an_adopted_device_runs_on_its_host_and_serves_its_till_at_once(
    tmp_path: Path,
) -> None:
    async with wall(tmp_path) as on:
        assert on.box.edge.dispatch.directory.binding("till-2", "printer") is None
        await adopt_printer_2(on)
        wanted = on.configured()
        assert list(wanted) == ["scanner-1", "printer-1", "terminal-1", "printer-2"]
        assert wanted["printer-2"].driver == "printer_escpos"
        assert wanted["printer-2"].settings == {"address": "tcp://192.0.2.8:9100"}
        for role in ("printer", "drawer"):
            binding = on.box.edge.dispatch.directory.binding("till-2", role)
            assert binding is not None
            assert binding.device == "printer-2"
        await on.host.report("printer-2", DriverState.READY)
        device = await on.until_device("printer-2", "it is ready", state="ready")
        assert (device["name"], device["roles"], device["fixed"]) == (
            "Bar",
            ["printer", "drawer"],
            False,
        )
        assert event_types(on.box).count("device_adopted") == 1


async def test_adopted_devices_are_there_after_a_restart_with_the_fixed_ones_first(
    tmp_path: Path,
) -> None:
    broker = MemoryBroker()
    async with wall(tmp_path, broker=broker) as on:
        await adopt_printer_2(on)
        status, _ = await on.wish("/printer-2/binding", till="till-2", roles=["printer"], name="B")
        assert status == 200
    async with wall(tmp_path, broker=broker) as on:
        await until(lambda: len(on.configured()) == 4, what="the host was told again")
        assert list(on.configured()) == ["scanner-1", "printer-1", "terminal-1", "printer-2"]
        device = await on.device("printer-2")
        assert (device["roles"], device["name"]) == (["printer"], "B")


async def test_the_same_wish_again_gets_the_same_answer_and_happens_once(tmp_path: Path) -> None:
    async with wall(tmp_path) as on:
        first = await on.wish(command_id="wish-again", **PRINTER_2)
        assert await on.wish(command_id="wish-again", **PRINTER_2) == first
        assert event_types(on.box).count("device_adopted") == 1
        status, body = await on.wish(command_id="wish-again", **{**PRINTER_2, "name": "Other"})
        assert (status, body["code"]) == (409, "command_id_reused")


async def test_two_at_once_do_not_both_get_the_role(tmp_path: Path) -> None:
    async with wall(tmp_path) as on:
        other = {**PRINTER_2, "settings": {"address": "tcp://192.0.2.9:9100"}}
        answers = await asyncio.gather(on.wish(**PRINTER_2), on.wish(**other))
        assert sorted(status for status, _ in answers) == [200, 409]
        assert [body["code"] for status, body in answers if status == 409] == ["role_taken"]


async def test_what_is_refused_reaches_no_host_and_no_ledger(tmp_path: Path) -> None:
    async with wall(tmp_path) as on:
        for changes, code in (
            ({"driver": "printer_x"}, "driver_unknown"),
            ({"settings": {"address": "x", "columns": 7}}, "settings_unfit"),
            ({"till": "till-1"}, "role_taken"),
            ({"host": "attic"}, "host_unknown"),
        ):
            status, body = await on.wish(**{**PRINTER_2, **changes})
            assert (status, body["code"]) == (409, code)
            assert body["advice"]
        status, body = await on.wish(**{**PRINTER_2, "roles": ["robot"]})
        assert (status, body["code"]) == (422, "wrong_shape")
        assert len(on.configured()) == 3
        assert "device_adopted" not in event_types(on.box)


async def test_a_replaced_device_keeps_its_id_its_roles_and_its_waiting_receipts(
    tmp_path: Path,
) -> None:
    async with wall(tmp_path) as on:
        await adopt_printer_2(on)
        await on.host.report("printer-2", DriverState.LOST, health="Gone.")
        status, body = await on.wish(
            "/printer-2/replacement",
            host="box",
            driver="printer_escpos",
            settings={"address": "tcp://192.0.2.9:9100"},
        )
        assert (status, body) == (200, {"device": "printer-2"})
        await until(
            lambda: on.configured()["printer-2"].settings == {"address": "tcp://192.0.2.9:9100"},
            what="the host has the new one",
        )
        binding = on.box.edge.dispatch.directory.binding("till-2", "drawer")
        assert binding is not None
        assert binding.device == "printer-2"


async def test_a_device_that_moves_to_another_host_is_not_taken_for_what_the_old_one_says(
    tmp_path: Path,
) -> None:
    async with wall(tmp_path) as on:
        await adopt_printer_2(on)
        await on.host.report("printer-2", DriverState.READY)
        await on.until_device("printer-2", "it is ready", state="ready")
        attic = HostTopics(STORE, "attic")
        await on.say(attic.availability, ONLINE)
        await on.say(attic.info, encode(HostInfo("0.1.0", "boot-9", drivers=OFFERS)))
        await until_view(on.view, lambda view: len(view["hosts"]) == 2, what="attic was heard")
        status, body = await on.wish(
            "/printer-2/replacement",
            host="attic",
            driver="printer_escpos",
            settings={"address": "tcp://192.0.2.9:9100"},
        )
        assert status == 200, body
        await until(lambda: "printer-2" not in on.configured(), what="the old host lets it go")
        assert (await on.device("printer-2"))["state"] == "connecting"
        await on.host.report("printer-2", DriverState.READY)  # the old host, late
        await on.host.report("printer-1", DriverState.ATTENTION, health="No paper.")
        await on.until_device("printer-1", "both were heard", state="attention")
        assert (await on.device("printer-2"))["state"] == "connecting"


async def test_a_device_that_is_given_up_leaves_host_till_and_wall(tmp_path: Path) -> None:
    async with wall(tmp_path) as on:
        await adopt_printer_2(on)
        status, body = await on.wish("/printer-2/release", reason="It fell.")
        assert (status, body) == (200, {"device": "printer-2"})
        await until(lambda: "printer-2" not in on.configured(), what="the host lets it go")
        assert on.box.edge.dispatch.directory.binding("till-2", "printer") is None
        assert "printer-2" not in [each["id"] for each in (await on.view())["devices"]]
        status, body = await on.wish("/printer-2/release")
        assert (status, body["code"]) == (404, "device_unknown")


async def test_a_receipt_of_unknown_fate_is_repeated_by_the_printer_that_took_over(
    tmp_path: Path,
) -> None:
    async with wall(tmp_path, devices=()) as on:
        first = {**PRINTER_2, "till": "till-1"}
        await on.wish(**first)
        on.host.answers["print_receipt"] = lambda _job: None
        await on.box.command("add_item", code=MILK)
        await on.box.command("take_cash", amount_minor=200)
        await until(lambda: len(on.host.of_kind("print_receipt")) == 1, what="it is asked to")
        status, _ = await on.wish("/printer-1/release", reason="It burns.")
        assert status == 200
        status, _ = await on.wish(**{**first, "device": "printer-9"})
        assert status == 200
        (job,) = on.host.of_kind("print_receipt")
        await on.host.answer("printer-1", job.id, JobStatus.UNKNOWN)
        await until(lambda: len(on.host.of_kind("print_receipt")) == 2, what="it is repeated")
        (device, copy) = next(each for each in on.host.jobs if each[1].id == f"{job.id[:-2]}-1")
        assert device == "printer-9"
        assert b'"copy":1' in bytes(copy.args)


async def test_without_another_printer_it_is_left_to_a_person(tmp_path: Path) -> None:
    async with wall(tmp_path, devices=()) as on:
        await on.wish(**{**PRINTER_2, "till": "till-1"})
        on.host.answers["print_receipt"] = lambda _job: None
        await on.box.command("add_item", code=MILK)
        await on.box.command("take_cash", amount_minor=200)
        await until(lambda: len(on.host.of_kind("print_receipt")) == 1, what="it is asked to")
        await on.wish("/printer-1/release", reason="It burns.")
        (job,) = on.host.of_kind("print_receipt")
        await on.host.answer("printer-1", job.id, JobStatus.UNKNOWN)
        await until_view(
            on.box.view, lambda view: view["receipt"]["state"] == "unknown", what="it is said"
        )
        assert on.box.edge.dispatch.open_jobs() == []


async def test_the_last_device_of_a_host_may_go_and_the_host_hears_it_after_its_next_birth(
    tmp_path: Path,
) -> None:
    broker = MemoryBroker()
    async with wall(tmp_path, broker=broker, devices=()) as on:
        status, body = await on.wish(**PRINTER_2)
        assert (status, body) == (200, {"device": "printer-1"})  # the first there is
        await until(lambda: "printer-1" in on.configured(), what="the host was told")
        status, _ = await on.wish("/printer-1/release")
        assert status == 200
        await until(lambda: on.configured() == {}, what="the host has nothing to run")
    # the broker kept an old configuration, from a time when nobody could tell it otherwise
    stale = broker.connect("edge")
    running = asyncio.create_task(stale.run())
    await until(lambda: stale.connected, what="connected")
    await stale.publish(
        HostTopics(STORE, "box").config,
        encode(HostConfig((OLD,))),
        retain=True,
    )
    running.cancel()
    async with wall(tmp_path, broker=broker, devices=()) as on:
        await until(lambda: on.host.config is not None and on.configured() == {}, what="relieved")


async def test_what_stands_in_the_settings_is_left_alone_and_hides_an_adopted_one(
    tmp_path: Path,
) -> None:
    broker = MemoryBroker()
    async with wall(tmp_path, broker=broker) as on:
        assert (await on.device("printer-1"))["fixed"] is True
        status, body = await on.wish("/printer-1/release")
        assert (status, body["code"]) == (409, "device_fixed")
        await adopt_printer_2(on)
    later = (*DEVICES, DeviceSettings("printer-2", "box", "scale_cas", ("scale",), "till-1"))
    async with wall(tmp_path, broker=broker, devices=later) as on:
        await until(lambda: len(on.configured()) == 4, what="the host was told")
        assert on.configured()["printer-2"].driver == "scale_cas"
        assert "adopted_device_hidden" in on.box.log.getvalue()


async def test_a_found_device_is_adopted_as_it_was_found(tmp_path: Path) -> None:
    async with wall(tmp_path) as on:
        (host,) = (await on.view())["hosts"]
        (found,) = host["found"]
        status, body = await on.wish(
            host=host["name"],
            driver=found["driver"],
            till="till-2",
            roles=["scanner"],
            settings={"address": found["address"]},
        )
        assert (status, body) == (200, {"device": "scanner-2"})
        await until(lambda: "scanner-2" in on.configured(), what="the host was told")
        assert on.configured()["scanner-2"].settings == {"address": FOUND.address}


async def test_nobody_changes_devices_without_the_walls_own_sign_in(tmp_path: Path) -> None:
    async with wall(tmp_path, signed_in=False) as on:  # Marta is signed in at the till
        for path in ("", "/printer-1/binding", "/printer-1/replacement", "/printer-1/release"):
            status, body = await on.wish(path, **PRINTER_2)
            assert (status, body["code"]) == (401, "not_signed_in")
        status, body = await on.sign_in("marta")
        assert (status, body["code"]) == (403, "pin_wrong")
        assert len(on.configured()) == 3
