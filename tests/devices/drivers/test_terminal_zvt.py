"""Card payments at a ZVT terminal: how they end, how they are given up, what may be said."""

from __future__ import annotations

import asyncio

import pytest

from devices.drivers.terminal_zvt.settings import TerminalZvtSettings
from devices.protocols.zvt_text import TextEncoding
from devices.simulators.terminal_zvt.scripts import SimulatedTerminalSettings
from edge.contract.device_messages import JobStatus
from edge.contract.errors import Refused
from tests.devices.scripted_terminal import STATUS_OK, scripted
from tests.devices.zvt_shop import ADDRESS, outcome_of, zvt_shop


async def test_an_approved_payment_comes_back_with_everything_but_the_card_number() -> None:
    async with zvt_shop() as shop:
        paid = outcome_of(await shop.driver.perform(shop.pay(1234)))
        assert paid.outcome == "approved"
        assert (paid.amount_minor, paid.last4, paid.scheme) == (1234, "0042", "Testkarte")
        assert (paid.receipt, paid.trace, paid.terminal_id) == ("0001", "000001", "52000042")
        assert paid.merchant_receipt[0] == "** Händlerbeleg **"
        assert paid.customer_receipt[0] == "** Kundenbeleg **"
        assert len(paid.merchant_receipt) == len(paid.customer_receipt) == 7
        assert shop.standing() == [1234]
        healths = [state.get("health") for state in shop.ports.states]
        assert "Insert card" in healths
        assert shop.ports.state["health"] == ""


@pytest.mark.parametrize("sync", [True, False], ids=["1F1F", "old"])
@pytest.mark.parametrize(
    ("script", "status", "settled"),
    [
        ("approve", JobStatus.DONE, "approved"),
        ("decline", JobStatus.DONE, "declined"),
        ("abort", JobStatus.DONE, "cancelled"),
        ("silent", JobStatus.UNKNOWN, "declined"),
        ("cut_before_result", JobStatus.UNKNOWN, "declined"),
        ("cut_after_approval", JobStatus.UNKNOWN, "approved if 1F1F"),
        ("approve_after_cut", JobStatus.UNKNOWN, "approved if 1F1F"),
    ],
)
async def test_every_script_ends_in_what_the_acquirer_has_booked(
    script: str, status: JobStatus, settled: str, sync: bool
) -> None:
    async with zvt_shop(SimulatedTerminalSettings(sync_receipt=sync)) as shop:
        for before in (False, True):
            shop.terminal.next_script = script
            job = shop.pay(500 + before)
            result = await shop.driver.perform(job)
            assert result.status is status
            outcome = await shop.definite(job)
            wanted = (
                settled.split(" if", maxsplit=1)[0] if sync or " if" not in settled else "declined"
            )
            assert outcome.outcome == wanted
            assert (500 + before in shop.standing()) == (wanted == "approved")


@pytest.mark.parametrize("encoding", list(TextEncoding))
@pytest.mark.parametrize("config_byte", [0xBE, 0x3E, 0x08])
async def test_receipts_in_every_encoding_come_as_the_till_registered(
    encoding: TextEncoding, config_byte: int
) -> None:
    till = TerminalZvtSettings(ADDRESS, text_encoding=encoding, config_byte=config_byte)
    sim = SimulatedTerminalSettings(text_encoding=encoding.value)
    async with zvt_shop(sim, till) as shop:
        paid = outcome_of(await shop.driver.perform(shop.pay(100)))
        wanted = ["** Händlerbeleg **"] if config_byte == 0xBE else []
        assert list(paid.merchant_receipt[:1]) == wanted
        declined = SimulatedTerminalSettings().decline_code
        shop.terminal.next_script = "decline"
        no = outcome_of(await shop.driver.perform(shop.pay(100)))
        assert no.code == f"{declined:02X}"
        assert "abgelehnt für" in no.reason


@pytest.mark.parametrize("told", ["status", "abort"])
async def test_the_terminals_own_error_is_told_with_ours(told: str) -> None:
    sim = SimulatedTerminalSettings(
        decline_code=0xFF, error_text="Schlüssel fehlt", error_code="2105", error_told=told
    )
    async with zvt_shop(sim) as shop:
        shop.terminal.next_script = "decline"
        no = outcome_of(await shop.driver.perform(shop.pay(100)))
        assert (no.outcome, no.code) == ("declined", "FF")
        assert no.reason.startswith("The terminal has a fault. (")
        assert no.reason.endswith("Schlüssel fehlt)")


async def test_an_error_without_words_is_told_by_its_number() -> None:
    sim = SimulatedTerminalSettings(decline_code=0xFF, error_code="2105", error_told="abort")
    async with zvt_shop(sim) as shop:
        shop.terminal.next_script = "decline"
        no = outcome_of(await shop.driver.perform(shop.pay(100)))
        assert no.reason == "The terminal has a fault. (error 2105)"


@pytest.mark.parametrize("signs", [False, True])
@pytest.mark.parametrize("script", ["approve", "cut_after_approval"])
async def test_a_payment_that_wants_a_signature_says_so(signs: bool, script: str) -> None:
    async with zvt_shop(SimulatedTerminalSettings(signs=signs)) as shop:
        shop.terminal.next_script = script
        job = shop.pay(100)
        await shop.driver.perform(job)
        paid = await shop.definite(job)
        assert (paid.outcome, paid.signature) == ("approved", signs)


async def test_a_till_that_does_not_take_blocks_gets_lines() -> None:
    async with scripted() as pt:
        paying = await pt.payment_begun(1234)
        await pt.say("04 0F", STATUS_OK)
        for data in ("40 48 61 6C 6C 6F", "80 41", "83 5A 06 04 1F07 01 01", "81 4B 06041F070102"):
            await pt.say("06 D1", data)
        await pt.say("06 0F", "")
        paid = outcome_of(await paying)
        assert paid.merchant_receipt == ("Hallo", "A", "Z")
        assert paid.customer_receipt == ("K",)


# --- aborting ------------------------------------------------------------------------------


async def test_a_payment_that_waits_for_a_card_can_be_given_up() -> None:
    async with zvt_shop(SimulatedTerminalSettings(customer_ms=20_000)) as shop:
        job = shop.pay(100)
        paying = asyncio.create_task(shop.driver.perform(job))
        await shop.clock.sleep(1.0)
        assert (await shop.driver.perform(shop.abortion(job))).status is JobStatus.DONE
        assert outcome_of(await paying).outcome == "cancelled"
        assert shop.standing() == []
        late = await shop.driver.perform(shop.abortion(job))
        assert late.error is not None
        assert late.error.code == "nothing_to_abort"


async def test_a_payment_that_is_online_cannot_be_given_up() -> None:
    async with zvt_shop(SimulatedTerminalSettings(network_ms=3_000)) as shop:
        job = shop.pay(100)
        paying = asyncio.create_task(shop.driver.perform(job))
        await shop.clock.sleep(1.0)
        late = await shop.driver.perform(shop.abortion(job))
        assert late.error is not None
        assert late.error.code == "too_late_to_abort"
        assert outcome_of(await paying).outcome == "approved"


async def test_a_payment_given_up_before_its_first_byte_is_never_sent() -> None:
    async with scripted() as pt:
        job = pt.shop.pay(100)
        paying = asyncio.create_task(pt.shop.driver.perform(job))
        assert await pt.hear() == "0620"
        assert (await pt.shop.driver.perform(pt.shop.abortion(job))).status is JobStatus.DONE
        await pt.write("80 00 00")
        await pt.say("06 0F", "")
        assert outcome_of(await paying).outcome == "cancelled"
        assert (await pt.shop.definite(job)).outcome == "cancelled"


async def test_an_inquiry_meets_a_terminal_that_has_become_busy() -> None:
    async with scripted() as pt:
        paying = await pt.payment_begun(1234)
        await pt.say("06 0F", "")
        assert (await paying).status is JobStatus.UNKNOWN
        for refusal in (True, False):
            asking = asyncio.create_task(pt.shop.driver.perform(pt.shop.inquiry(pt.job)))
            assert await pt.hear() == "0620"
            if refusal:
                await pt.write("84 9C 00")
                with pytest.raises(Refused, match="busy"):
                    await asking
            else:
                await pt.write("80 00 00 04 0F 0F" + STATUS_OK)
                assert await pt.hear() == "8000"
                await pt.say("06 0F", "")
                assert outcome_of(await asking).outcome == "approved"


async def test_the_last_acknowledgement_may_fail() -> None:
    async with scripted() as pt:
        paying = await pt.payment_begun(1234)
        await pt.say("04 0F", STATUS_OK)
        await pt.write("06 0F 00")
        await pt.stream.close()
        assert outcome_of(await paying).outcome == "approved"


async def test_an_abort_that_nobody_answers_is_too_late() -> None:
    async with scripted() as pt:
        paying = await pt.payment_begun(1234)
        stopping = asyncio.create_task(pt.shop.driver.perform(pt.shop.abortion(pt.job)))
        assert await pt.hear() == "06b0"
        stopped = await stopping
        assert stopped.error is not None
        assert stopped.error.code == "too_late_to_abort"
        await pt.write("84 83 00")
        await pt.say("04 0F", STATUS_OK)
        await pt.say("06 0F", "")
        assert outcome_of(await paying).outcome == "approved"


# --- what the terminal may say -------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "status", "what"),
    [
        pytest.param([("04 0F", STATUS_OK), ("06 0F", "")], "done", "approved", id="approved"),
        pytest.param([("04 0F", "27 05"), ("06 1E", "05")], "done", "05", id="declined"),
        pytest.param([("04 0F", "27 05"), ("06 0F", "")], "done", "05", id="declined, completed"),
        pytest.param([("06 1E", "6C")], "done", "6C", id="given up"),
        pytest.param([("06 1E", "")], "done", "", id="given up without a code"),
        pytest.param([("06 0F", "")], "unknown", "end_contradicts", id="end without a result"),
        pytest.param(
            [("04 0F", "04 000000001234"), ("06 0F", "")], "unknown", "end_contradicts", id="no 27"
        ),
        pytest.param(
            [("04 0F", STATUS_OK), ("04 0F", "27 6C"), ("06 0F", "")],
            "unknown",
            "end_contradicts",
            id="approved and taken back",
        ),
        pytest.param(
            [("04 0F", STATUS_OK), ("06 1E", "FF")], "unknown", "end_contradicts", id="both"
        ),
        pytest.param([("raw", "47 45 54")], "unknown", "zvt_garbage", id="garbage"),
        pytest.param([("raw", "80 00 00" * 70)], "unknown", "zvt_flood", id="flood"),
        pytest.param([("cut", "")], "unknown", "terminal_gone", id="cut"),
        pytest.param([("wait", "")], "unknown", "terminal_silent", id="T4"),
        pytest.param([("04 FF", "0A 01"), ("wait", "")], "unknown", "terminal_silent", id="new T4"),
    ],
)
async def test_every_end_of_a_dialogue(
    script: list[tuple[str, str]], status: str, what: str
) -> None:
    async with scripted() as pt:
        paying = await pt.payment_begun(1234)
        for command, data in script:
            match command:
                case "raw":
                    await pt.write(data)
                case "cut":
                    await pt.stream.close()
                case "wait":
                    await pt.shop.clock.sleep(1.0)
                case _:
                    await pt.say(command, data)
        result = await paying
        assert result.status.value == status
        if result.error is not None:
            assert result.error.code == what
        else:
            assert what in {outcome_of(result).code, outcome_of(result).outcome}


async def test_a_refused_command_has_certainly_not_happened() -> None:
    async with scripted() as pt:
        paying = await pt.payment_begun(1234, answer="84 B2 00")
        result = await paying
        assert result.status is JobStatus.FAILED
        assert result.error is not None
        assert "end-of-day" in result.error.detail
        assert (await pt.shop.definite(pt.job)).outcome == "declined"


async def test_a_terminal_that_speaks_without_answering_is_cut_off() -> None:
    async with scripted() as pt:
        result = await (await pt.payment_begun(1234, answer="04 FF 01 0A"))
        assert result.error is not None
        assert result.error.code == "zvt_no_answer"


async def test_what_we_do_not_speak_is_refused_and_the_payment_goes_on() -> None:
    async with scripted() as pt:
        paying = await pt.payment_begun(1234)
        await pt.write("04 01 00")
        assert await pt.hear() == "8483"
        await pt.say("04 0F", STATUS_OK)
        await pt.say("06 0F", "")
        assert outcome_of(await paying).outcome == "approved"


async def test_the_result_is_on_disk_before_it_is_acknowledged() -> None:
    async with scripted() as pt:
        paying = await pt.payment_begun(1234)
        may_write = asyncio.Event()
        kept = pt.shop.ports.remember

        async def slow_disk(job_id: str, key: str, value: bytes) -> None:
            await may_write.wait()
            await kept(job_id, key, value)

        pt.shop.ports.remember = slow_disk  # type: ignore[method-assign]  # a disk that waits
        await pt.write("04 0F 0F" + STATUS_OK)
        answer = asyncio.create_task(pt.hear())
        await pt.shop.clock.sleep(30.0)
        assert not answer.done()
        may_write.set()
        assert await answer == "8000"
        await pt.say("06 0F", "")
        assert outcome_of(await paying).outcome == "approved"


async def test_messages_out_of_turn_are_dropped_and_counted() -> None:
    async with scripted() as pt:
        await pt.write("80 00 00 06 0F 00")
        await pt.shop.clock.sleep(0.5)
        paying = await pt.payment_begun(1234)
        await pt.say("04 0F", STATUS_OK)
        await pt.say("06 0F", "")
        assert outcome_of(await paying).outcome == "approved"
        assert pt.shop.ports.counts["UnexpectedMessageCount"] == 2


async def test_the_flight_recorder_holds_no_card_data_no_password_and_no_receipt() -> None:
    async with zvt_shop() as shop:
        await shop.driver.perform(shop.pay(100))
        flight = b"".join(entry.data for entry in shop.ports.recorder.entries())
    assert bytes.fromhex("EEEEEEEEEEEE0042") not in flight
    assert b"Kundenbeleg" not in flight
    assert bytes.fromhex("0600") + b"\x0e\xee\xee\xee\xbe" in flight


async def test_the_last_receipt_number_is_mirrored_only_to_a_terminal_that_sent_it() -> None:
    async with zvt_shop() as shop:
        for _ in range(2):
            await shop.driver.perform(shop.pay(100))
        sent = [e.data.hex() for e in shop.ports.recorder.entries() if e.data[:2] == b"\x06\x01"]
        assert "1f1f" not in sent[0]
        assert sent[1].endswith("1f1f020001")
