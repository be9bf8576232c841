"""A payment in doubt: the ZVT terminal is asked what it has stored."""

from __future__ import annotations

import asyncio

import pytest

from edge.contract.device_messages import JobStatus
from edge.contract.device_states import DriverState
from edge.contract.errors import DeviceUnreachable, Refused
from tests.devices.scripted_terminal import STATUS_OK, scripted
from tests.devices.zvt_shop import outcome_of, zvt_shop


@pytest.mark.parametrize(
    ("repeats", "outcome"),
    [
        pytest.param(["84 83 00"], "unknown", id="cannot repeat"),
        pytest.param(["80 00 00", "06 1E 01 64"], "unknown", id="gives up the question"),
        pytest.param(["80 00 00", "06 0F 00"], "declined", id="nothing stored"),
        pytest.param(["80 00 00", "04 0F 0F " + STATUS_OK, "06 0F 00"], "approved", id="ours"),
    ],
)
async def test_the_answer_to_an_inquiry_decides(repeats: list[str], outcome: str) -> None:
    async with scripted() as pt:
        paying = await pt.payment_begun(1234)
        await pt.stream.close()
        assert (await paying).status is JobStatus.UNKNOWN
        await pt.accept()

        async def answer_always() -> None:
            while True:
                assert await pt.hear() == "0620"
                for message in repeats:
                    await pt.write(message)
                    if not message.startswith(("80", "84")):
                        assert await pt.hear() == "8000"

        answering = asyncio.create_task(answer_always())
        settled = await pt.shop.definite(pt.job)
        assert settled.outcome == outcome
        answering.cancel()
        assert await pt.shop.definite(pt.job) == settled


async def test_a_busy_terminal_is_asked_again_before_it_is_ready() -> None:
    async with scripted() as pt:
        paying = await pt.payment_begun(1234)
        await pt.stream.close()
        await paying
        await pt.accept()
        for refusal in ("84 9C 00", "80 00 00 06 1E 01 9C"):
            assert await pt.hear() == "0620"
            await pt.write(refusal)
            if refusal.startswith("80"):
                assert await pt.hear() == "8000"
            await pt.shop.until(DriverState.ATTENTION)
            with pytest.raises(Refused, match="still at the last payment"):
                await pt.shop.driver.perform(pt.shop.pay(500))
        assert await pt.hear() == "0620"
        await pt.write("80 00 00 04 0F 0F" + STATUS_OK)
        assert await pt.hear() == "8000"
        await pt.say("06 0F", "")
        await pt.shop.until(DriverState.READY)
        assert (await pt.shop.definite(pt.job)).outcome == "approved"


async def test_not_booked_is_not_believed_before_t3_is_over() -> None:
    async with scripted() as pt:
        paying = await pt.payment_begun(1234)
        await pt.stream.close()
        await paying
        begun_ms = pt.shop.clock.monotonic_ms()
        await pt.accept()
        asked = 0
        while pt.shop.driver.state is not DriverState.READY or asked == 0:
            assert await pt.hear() == "0620"
            asked += 1
            await pt.write("80 00 00")
            await pt.say("06 0F", "")
            await pt.shop.clock.sleep(0.1)
        assert asked > 3
        assert pt.shop.clock.monotonic_ms() - begun_ms >= 4_000
        assert (await pt.shop.definite(pt.job)).code == "not_booked"


async def test_a_new_payment_waits_until_the_terminal_was_asked_about_the_last() -> None:
    async with scripted() as pt:
        paying = await pt.payment_begun(1234)
        await pt.say("06 0F", "")
        assert (await paying).status is JobStatus.UNKNOWN
        for again in (True, False):
            job = pt.shop.pay(500)
            second = asyncio.create_task(pt.shop.driver.perform(job))
            assert await pt.hear() == "0620"
            await pt.write("80 00 00")
            await pt.say("06 0F", "")
            if again:
                with pytest.raises(Refused, match="busy"):
                    await second
                await pt.shop.clock.sleep(5.0)
            else:
                assert await pt.hear() == "0601"
                await pt.write("84 83 00")
                await second
        assert (await pt.shop.definite(pt.job)).code == "not_booked"


async def test_a_terminal_busy_with_another_till_is_not_asked_to_pay() -> None:
    async with scripted() as pt:
        paying = asyncio.create_task(pt.shop.driver.perform(pt.shop.pay(1)))
        assert await pt.hear() == "0620"
        await pt.write("84 9C 00")
        with pytest.raises(Refused, match="busy"):
            await paying


async def test_an_inquiry_about_what_was_never_begun() -> None:
    async with zvt_shop() as shop:
        assert (await shop.definite(shop.pay(100))).code == "never_begun"


async def test_a_second_answer_of_an_inquiry_costs_no_dialogue() -> None:
    async with zvt_shop() as shop:
        job = shop.pay(100)
        paid = outcome_of(await shop.driver.perform(job))
        await shop.cable.unplug()
        await shop.until(DriverState.LOST)
        assert await shop.definite(job) == paid


async def test_an_unreachable_terminal_has_certainly_not_been_asked() -> None:
    async with zvt_shop() as shop:
        await shop.cable.unplug()
        with pytest.raises(DeviceUnreachable):
            await shop.driver.perform(shop.pay(100))
        await shop.until(DriverState.LOST)
        with pytest.raises(DeviceUnreachable, match="not connected"):
            await shop.driver.perform(shop.pay(100))
        shop.cable.plug_in()
        await shop.until(DriverState.READY)
        assert outcome_of(await shop.driver.perform(shop.pay(100))).outcome == "approved"


async def test_an_open_payment_outlives_the_process() -> None:
    async with zvt_shop() as shop:
        shop.terminal.next_script = "approve_after_cut"
        job = shop.pay(4321)
        paying = asyncio.create_task(shop.driver.perform(job))
        await shop.clock.sleep(0.2)
        paying.cancel()
        await shop.kill_driver()
        shop.start_driver()
        assert (await shop.definite(job)).outcome == "approved"
        assert shop.standing() == [4321]


async def test_another_currency_is_refused() -> None:
    async with zvt_shop() as shop:
        with pytest.raises(Refused, match="EUR, not CHF"):
            await shop.driver.perform(shop.pay(100, "CHF"))
