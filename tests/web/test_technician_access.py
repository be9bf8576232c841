"""The device wall's sign-in: technicians see devices and no sale, cashiers see no wall."""

from __future__ import annotations

from pathlib import Path

from edge.contract.limits import (
    TECHNICIAN_IDLE_S_MAX,
    TECHNICIAN_S_MAX,
)
from tests.flows.box import MILK, PIN, SUPERVISOR_PIN, Box, bare_box, selling_box
from tests.flows.test_selling import event_types

SESSION = "/api/v1/technician/session"


async def technician(box: Box, person: str = "tech", pin: str = PIN) -> int:
    status, _ = await box.call("POST", SESSION, {"cashier": person, "pin": pin})
    return status


async def test_who_may_look_after_devices_is_shown_to_an_enrolled_screen(tmp_path: Path) -> None:
    async with bare_box(tmp_path) as box:
        await box.feed()
        status, body = await box.call("GET", SESSION)
        assert (status, body["code"]) == (401, "not_enrolled")
        await box.enrol()
        status, view = await box.call("GET", SESSION)
        assert (status, view["person"], view["till"]) == (200, None, "till-1")
        assert [person["id"] for person in view["staff"]] == ["sofia", "tech"]


async def test_a_technician_cannot_sell_and_a_cashier_cannot_touch_devices(tmp_path: Path) -> None:
    async with bare_box(tmp_path) as box:
        await box.feed()
        await box.enrol()
        assert await technician(box) == 200
        status, body = await box.command("add_item", code=MILK)
        assert (status, body["code"]) == (401, "not_signed_in")
        status, _ = await box.call("GET", "/api/v1/tills/till-1/view")
        assert status == 401
        status, _ = await box.call("GET", "/api/v1/technician/devices")
        assert status == 200
        assert await technician(box, "joao") == 403
        assert event_types(box)[-1] == "technician_signed_in"


async def test_a_technicians_token_is_worth_nothing_as_a_cashiers_and_the_other_way_round(
    tmp_path: Path,
) -> None:
    async with selling_box(tmp_path) as box:
        assert await technician(box, "sofia", SUPERVISOR_PIN) == 200
        cookies = {morsel.key: morsel.value for morsel in box.client.cookie_jar}
        box.client.cookie_jar.clear()
        till = cookies["__Host-tillbox-till"]
        for_till, for_wall = cookies["__Host-tillbox-session"], cookies["__Host-tillbox-devices"]
        swapped = (
            f"__Host-tillbox-till={till}; __Host-tillbox-session={for_wall};"
            f" __Host-tillbox-devices={for_till}"
        )
        for path in ("/api/v1/tills/till-1/view", "/api/v1/technician/devices"):
            status, body = await box.call("GET", path, headers={"Cookie": swapped})
            assert (status, body["code"]) == (401, "not_signed_in"), path


async def test_a_technician_signs_nobody_out_and_takes_no_scan(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        assert await technician(box) == 200
        assert box.edge.access.cashier_of("till-1") == "marta"
        status, _ = await box.command("add_item", code=MILK)
        assert status == 200
        status, view = await box.call("DELETE", SESSION)
        assert (status, view["person"]) == (200, None)
        assert event_types(box)[-1] == "technician_signed_out"
        assert (await box.view())["lines"]
        status, _ = await box.call("GET", "/api/v1/technician/devices")
        assert status == 401


async def test_a_visit_ends_by_itself_and_survives_a_restart_before(tmp_path: Path) -> None:
    async with selling_box(tmp_path) as box:
        assert await technician(box) == 200
        cookies = {morsel.key: morsel.value for morsel in box.client.cookie_jar}
    header = {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}
    async with bare_box(tmp_path) as box:
        status, _ = await box.call("GET", "/api/v1/technician/devices", headers=header)
        assert status == 200
        (session,) = [s for s in box.edge.access._sessions.values() if s.purpose.name == "devices"]
        session.used_at_monotonic -= int(TECHNICIAN_IDLE_S_MAX * 1000) - 2_000
        status, _ = await box.call("GET", "/api/v1/technician/devices", headers=header)
        assert status == 200
        session.used_at_monotonic -= int(TECHNICIAN_IDLE_S_MAX * 1000) + 1
        status, _ = await box.call("GET", "/api/v1/technician/devices", headers=header)
        assert status == 401
        session.used_at_monotonic += 10**9
        session.started_at -= int(TECHNICIAN_S_MAX * 1000) + 1
        status, _ = await box.call("GET", "/api/v1/technician/devices", headers=header)
        assert status == 401
        status, _ = await box.call("GET", "/api/v1/tills/till-1/view", headers=header)
        assert status == 200  # the cashier's own is another


async def test_wrong_pins_at_the_wall_count_with_those_at_the_till(tmp_path: Path) -> None:
    async with bare_box(tmp_path) as box:
        await box.feed()
        await box.enrol()
        for n in range(5):
            wrong = "0000"
            status = (
                await technician(box, "sofia", wrong)
                if n % 2
                else (await box.sign_in("sofia", wrong))[0]
            )
            assert status == 403
        assert await technician(box, "sofia", SUPERVISOR_PIN) == 429
        assert (await box.sign_in("sofia", SUPERVISOR_PIN))[0] == 429
