"""A ZVT terminal's diagnosis and initialisation, a receipt again, log-off, texts, 1F1F."""

from __future__ import annotations

import asyncio

import pytest

from devices.drivers.terminal_zvt.settings import TerminalZvtSettings
from devices.protocols.zvt_text import TextEncoding
from devices.simulators.terminal_zvt.scripts import SimulatedTerminalSettings
from edge.contract.device_messages import JobKind, JobStatus
from edge.contract.device_states import DriverState
from edge.contract.terminal_messages import (
    LogOffTerminalArgs,
    RepeatCardReceiptArgs,
    ServiceTerminalArgs,
    TerminalServiceOutcome,
)
from tests.devices.scripted_terminal import STATUS_OK, scripted
from tests.devices.zvt_shop import ADDRESS, outcome_of, zvt_shop

# --- diagnosis, initialisation ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asks_for", "commands"),
    [(0, []), (1, ["0693"]), (2, ["0670"]), (3, ["0693", "0670"])],
)
async def test_a_terminal_gets_what_its_status_byte_asks_for(
    asks_for: int, commands: list[str]
) -> None:
    async with zvt_shop(SimulatedTerminalSettings(status_byte=asks_for)) as shop:
        sent = [e.data.hex()[:4] for e in shop.ports.recorder.entries() if e.way == "out"]
        assert [each for each in sent if each in ("0693", "0670")] == commands
        assert shop.driver.state is DriverState.READY
        assert outcome_of(await shop.driver.perform(shop.pay(1))).outcome == "approved"


async def test_a_terminal_that_goes_on_asking_is_served_once_an_hour_and_says_so() -> None:
    async with zvt_shop(SimulatedTerminalSettings(status_byte=2), start=False) as shop:

        async def reconnect() -> int:
            shop.terminal.status_byte = 2
            await shop.cable.unplug()
            shop.cable.plug_in()
            await shop.clock.sleep(5.0)
            sent = [e.data.hex()[:4] for e in shop.ports.recorder.entries() if e.way == "out"]
            return sent.count("0670")

        shop.start_driver()
        await shop.until(DriverState.READY)
        assert await reconnect() == 1
        assert shop.driver.state is DriverState.ATTENTION
        assert "diagnosis" in shop.ports.state["health"]
        await shop.clock.sleep(3_600)
        assert await reconnect() == 2
        assert shop.driver.state is DriverState.READY


async def test_a_diagnosis_that_fails_leaves_the_terminal_in_use() -> None:
    async with scripted(registered="19 02", ready=False) as pt:
        assert await pt.hear() == "0670"
        await pt.write("80 00 00")
        await pt.say("06 1E", "A3")
        await pt.shop.until(DriverState.ATTENTION)
        paying = await pt.payment_begun(1234)
        await pt.say("04 0F", STATUS_OK)
        await pt.say("06 0F", "")
        assert outcome_of(await paying).outcome == "approved"
        assert "diagnosis" in pt.shop.ports.state["health"]


async def test_why_a_terminal_will_not_serve_is_told_in_its_words() -> None:
    async with scripted() as pt:
        job = pt.shop.job(JobKind.SERVICE_TERMINAL, ServiceTerminalArgs())
        serving = asyncio.create_task(pt.shop.driver.perform(job))
        assert await pt.hear() == "0670"
        await pt.write("80 00 00")
        await pt.say("06 1E", "A3 06 09 1F17 06 4B6162656C3F")
        error = (await serving).error
        assert error is not None
        assert error.detail == "The terminal has no connection to the card network. (Kabel?)"


async def test_what_is_in_doubt_is_asked_about_before_any_diagnosis() -> None:
    async with scripted() as pt:
        paying = await pt.payment_begun(1234)
        await pt.stream.close()
        await paying
        pt.registered = "19 02"
        await pt.accept()
        await pt.stored(STATUS_OK)
        assert await pt.hear() == "0670"


@pytest.mark.parametrize(("initialise", "title"), [(False, "Diagnose"), (True, "Initialisierung")])
async def test_service_as_a_job(initialise: bool, title: str) -> None:
    async with zvt_shop() as shop:
        shop.terminal.status_byte = 4
        job = shop.job(JobKind.SERVICE_TERMINAL, ServiceTerminalArgs(initialise))
        result = await shop.driver.perform(job)
        assert result.result == TerminalServiceOutcome(
            "The terminal waits for its personalisation.",
            (f"** {title} **", "Terminal-ID     52000042"),
        )


@pytest.mark.parametrize(
    ("kind", "args"),
    [
        (JobKind.SERVICE_TERMINAL, ServiceTerminalArgs()),
        (JobKind.REPEAT_CARD_RECEIPT, RepeatCardReceiptArgs()),
        (JobKind.LOG_OFF_TERMINAL, LogOffTerminalArgs()),
    ],
)
async def test_a_terminal_that_will_not_says_so(kind: JobKind, args: ServiceTerminalArgs) -> None:
    async with scripted() as pt:
        asking = asyncio.create_task(pt.shop.driver.perform(pt.shop.job(kind, args)))
        await pt.hear()
        await pt.write("84 83 00")
        result = await asking
        assert result.status is JobStatus.FAILED
        assert result.error is not None
        assert result.error.detail == "The terminal cannot do this now."


# --- a receipt again, log-off --------------------------------------------------------------------


@pytest.mark.parametrize("config_byte", [0xBE, 0x3E])
async def test_the_last_receipt_comes_again(config_byte: int) -> None:
    till = TerminalZvtSettings(ADDRESS, config_byte=config_byte)
    async with zvt_shop(till=till) as shop:
        job = shop.job(JobKind.REPEAT_CARD_RECEIPT, RepeatCardReceiptArgs())
        none = await shop.driver.perform(job)
        assert none.error is not None
        assert none.error.code == "nothing_stored"
        paid = outcome_of(await shop.driver.perform(shop.pay(500)))
        again = outcome_of(await shop.driver.perform(job))
        assert again == paid
        assert bool(again.customer_receipt) == (config_byte == 0xBE)
        assert shop.standing() == [500], "a receipt moved money"


async def test_a_terminal_set_free_is_registered_again_by_the_next_job() -> None:
    async with zvt_shop() as shop:
        off = await shop.driver.perform(shop.job(JobKind.LOG_OFF_TERMINAL, LogOffTerminalArgs()))
        assert off.status is JobStatus.DONE
        sent = [e.data.hex()[:4] for e in shop.ports.recorder.entries() if e.way == "out"]
        assert sent[-1] == "0602"
        assert outcome_of(await shop.driver.perform(shop.pay(500))).outcome == "approved"
        sent = [e.data.hex()[:4] for e in shop.ports.recorder.entries() if e.way == "out"]
        assert sent[sent.index("0602") + 1] == "0600"
        # the other way: its connection goes, and comes back registered
        await shop.driver.perform(shop.job(JobKind.LOG_OFF_TERMINAL, LogOffTerminalArgs()))
        await shop.cable.unplug()
        shop.cable.plug_in()
        await shop.clock.sleep(5.0)
        assert outcome_of(await shop.driver.perform(shop.pay(500))).outcome == "approved"


# --- texts and receipt numbers -------------------------------------------------------------------


@pytest.mark.parametrize("encoding", list(TextEncoding))
async def test_a_text_set_that_a_message_names_goes_before_the_setting(
    encoding: TextEncoding,
) -> None:
    sim = SimulatedTerminalSettings(text_encoding=encoding.value, names_text_set=True)
    till = TerminalZvtSettings(ADDRESS, text_encoding=TextEncoding.ZVT7)
    async with zvt_shop(sim, till) as shop:
        paid = outcome_of(await shop.driver.perform(shop.pay(100)))
        assert paid.merchant_receipt[0] == "** Händlerbeleg **"


async def test_a_receipt_number_that_is_not_known_is_sent_empty_and_never_as_0() -> None:
    async with scripted() as pt:

        async def mirrored(stored: str | None) -> str:
            paying = asyncio.create_task(pt.shop.driver.perform(pt.shop.pay(1)))
            if stored is None:
                await pt.nothing_stored()
            else:
                await pt.stored(stored)
            assert await pt.hear() == "0601"
            await pt.write("84 83 00")
            await paying
            return pt.shop.ports.recorder.entries()[-2].data.hex()[3 * 2 + 20 :]

        assert await mirrored(None) == ""
        assert await mirrored(STATUS_OK) == ""
        assert await mirrored(STATUS_OK + "0B 000001 06 05 1F1F 02 0041") == "06051f1f020041"
        assert await mirrored(STATUS_OK + "0B 000002") == "06031f1f00", "it does send them"
        assert await mirrored(STATUS_OK + "0B 000003 06 05 1F1F 02 0000") == "06031f1f00"
        assert await mirrored(None) == "06031f1f00"
        # it is known over a restart, too
        await pt.shop.kill_driver()
        pt.shop.start_driver()
        await pt.accept()
        await pt.shop.until(DriverState.READY)
        assert await mirrored(None) == "06031f1f00"
