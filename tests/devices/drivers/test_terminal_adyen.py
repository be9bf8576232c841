"""The dialogue with an Adyen terminal: paying, refusing, giving up, and what is kept of it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import msgspec
import pytest

from devices.driver import DeviceJob
from devices.protocols.nexo_outcomes import PaymentNote
from devices.simulators.terminal_adyen.scripts import Point, Script, SimulatedAdyenSettings
from devices.transports.flight_recorder import NOTE
from devices.transports.memory_pipe import PipeVariant
from edge.contract.device_messages import JobStatus
from edge.contract.device_states import DriverState
from edge.contract.errors import DeviceUnreachable, Refused
from tests.devices.adyen_shop import SETTINGS, AdyenShop, adyen_shop, outcome_of


def note_of(shop: AdyenShop, job: DeviceJob) -> PaymentNote:
    return msgspec.json.decode(shop.ports.notes[job.id, "payment"], type=PaymentNote)


async def test_a_payment_is_approved_with_all_that_the_sale_keeps() -> None:
    async with adyen_shop() as shop:
        outcome = outcome_of(await shop.driver.perform(shop.pay(1999)))
        (booked,) = shop.terminal.booked()
    assert (outcome.outcome, outcome.amount_minor) == ("approved", 1999)
    assert (outcome.scheme, outcome.last4, outcome.authorisation) == (
        "Mastercard",
        "0042",
        "123456",
    )
    assert (outcome.receipt, outcome.trace) == (booked["receipt"], booked["trace"])
    assert outcome.terminal_id == SETTINGS.poi_id
    assert "TOTAL EUR 19.99" in outcome.customer_receipt
    assert outcome.merchant_receipt[0] == "MERCHANT COPY"
    assert shop.books() == [("payment", 1999)]
    assert shop.ports.meta["serial_number"] == SETTINGS.poi_id


@pytest.mark.parametrize(
    ("script", "outcome", "code"),
    [
        (Script.DECLINE, "declined", "Refusal"),
        (Script.ABORT, "cancelled", "Cancel"),
        (Script.UNREACHABLE, "declined", "UnreachableHost"),
    ],
)
async def test_what_is_not_approved_is_told_and_books_nothing(
    script: Script, outcome: str, code: str
) -> None:
    async with adyen_shop() as shop:
        shop.terminal.next_script = script.value
        told = outcome_of(await shop.driver.perform(shop.pay(1999)))
        assert (told.outcome, told.code) == (outcome, code)
        assert shop.books() == []
        # the terminal is as ready as before
        assert outcome_of(await shop.driver.perform(shop.pay(5))).outcome == "approved"


async def test_a_declined_card_has_the_acquirers_own_words() -> None:
    async with adyen_shop() as shop:
        shop.terminal.next_script = "decline"
        told = outcome_of(await shop.driver.perform(shop.pay(1999)))
    assert told.reason == "The payment was declined. (210 Not enough balance)"


async def test_less_than_was_asked_for_is_told_as_it_is() -> None:
    async with adyen_shop() as shop:
        shop.terminal.next_script = "partial"
        outcome = outcome_of(await shop.driver.perform(shop.pay(1999)))
    assert (outcome.outcome, outcome.amount_minor) == ("approved", 999)
    assert shop.books() == [("payment", 999)]


@pytest.mark.parametrize(("currency", "minor"), [("JPY", 1999), ("KWD", 1999), ("CHF", 1)])
async def test_other_currencies_have_their_own_places(currency: str, minor: int) -> None:
    async with adyen_shop(SimulatedAdyenSettings(currency=currency)) as shop:
        outcome = outcome_of(await shop.driver.perform(shop.pay(minor, currency)))
        assert outcome.amount_minor == minor
        assert shop.standing() == [minor]


async def test_a_currency_that_has_no_places_is_never_asked_for() -> None:
    async with adyen_shop() as shop:
        with pytest.raises(Refused, match="not asked for XXX"):
            await shop.driver.perform(shop.pay(1, "XXX"))


async def test_a_busy_terminal_has_certainly_not_done_it() -> None:
    async with adyen_shop() as shop:
        shop.terminal.next_script = "busy"
        result = await shop.driver.perform(shop.pay(1999))
        assert result.status is JobStatus.FAILED
        assert result.error is not None
        assert (result.error.code, result.error.detail) == (
            "terminal_refused",
            "The terminal is busy.",
        )
        assert shop.books() == []


async def test_each_request_has_a_service_id_of_its_own_and_it_is_on_disk_first() -> None:
    async with adyen_shop() as shop:
        noted: list[str] = []
        unasked: list[str] = []
        remember = shop.ports.remember

        async def watching(job_id: str, key: str, value: bytes) -> None:
            await remember(job_id, key, value)
            if key == "payment":
                name = msgspec.json.decode(value, type=PaymentNote).service_id
                noted.append(name)
                if ("Tillbox", name) not in shop.terminal._asked:
                    unasked.append(name)

        shop.ports.remember = watching
        for _ in range(3):
            await shop.driver.perform(shop.pay(100))
        asked = [service for _, service in shop.terminal._asked]
    assert len(set(asked)) == 3
    assert unasked == asked  # on disk while the terminal had not heard of it
    assert noted == [each for name in asked for each in (name, name)]
    assert shop.terminal.repeated == 0


# --- giving up -------------------------------------------------------------------------------


async def test_a_payment_that_waits_for_a_card_is_given_up() -> None:
    async with adyen_shop(SimulatedAdyenSettings(customer_ms=60_000)) as shop:
        job = shop.pay(1999)
        paying = asyncio.create_task(shop.driver.perform(job))
        await shop.clock.sleep(2)
        stopped = await shop.driver.perform(shop.abortion(job))
        assert stopped.status is JobStatus.DONE
        outcome = outcome_of(await paying)
        assert (outcome.outcome, outcome.code) == ("cancelled", "Aborted")
        assert shop.books() == []
        # the abort went its own way: the connection of the payment is the same as before
        assert shop.cable.connections == 2
        assert outcome_of(await shop.driver.perform(shop.pay(5))).outcome == "approved"


async def test_an_abort_that_comes_too_late_changes_nothing() -> None:
    async with adyen_shop(SimulatedAdyenSettings(network_ms=60_000)) as shop:
        job = shop.pay(1999)
        paying = asyncio.create_task(shop.driver.perform(job))
        await shop.clock.sleep(30)
        await shop.driver.perform(shop.abortion(job))
        assert outcome_of(await paying).outcome == "approved"
        assert shop.standing() == [1999]


async def test_an_abort_of_another_payment_is_refused() -> None:
    async with adyen_shop() as shop:
        result = await shop.driver.perform(shop.abortion(shop.pay(1)))
        assert result.error is not None
        assert result.error.code == "nothing_to_abort"


async def test_an_abort_that_does_not_get_through_is_told() -> None:
    async with adyen_shop(SimulatedAdyenSettings(customer_ms=60_000)) as shop:
        job = shop.pay(1999)
        paying = asyncio.create_task(shop.driver.perform(job))
        await shop.clock.sleep(2)
        shop.terminal.cut_at = Point.ABORT
        result = await shop.driver.perform(shop.abortion(job))
        assert result.error is not None
        assert result.error.code == "abort_not_heard"
        # it had arrived: only what came of it was not heard, and the payment itself says that
        assert outcome_of(await paying).outcome == "cancelled"


async def test_an_abort_before_the_request_left_keeps_it_from_leaving() -> None:
    async with adyen_shop() as shop:
        shop.terminal.stall_at, shop.terminal.stall_s = Point.DIAGNOSIS, 3.0
        job = shop.pay(1999)
        paying = asyncio.create_task(shop.driver.perform(job))
        await shop.clock.sleep(1)
        assert (await shop.driver.perform(shop.abortion(job))).status is JobStatus.DONE
        outcome = outcome_of(await paying)
        assert (outcome.outcome, outcome.code) == ("cancelled", "Aborted")
        assert shop.terminal._asked == {}
        assert note_of(shop, job).outcome == outcome


# --- health ------------------------------------------------------------------------------------


async def test_a_health_check_asks_the_terminal_and_moves_nothing() -> None:
    async with adyen_shop() as shop:
        result = await shop.driver.perform(shop.health())
        assert result.result == {"health": "ok"}
        shop.terminal.online = False
        result = await shop.driver.perform(shop.health())
        assert result.result == {"health": "The terminal has no connection to the card network."}
        assert shop.books() == []


async def test_a_terminal_without_its_own_line_is_ready_and_says_so() -> None:
    async with adyen_shop(start=False) as shop:
        shop.terminal.online = False
        shop.start_driver()
        await shop.until(DriverState.ATTENTION)
        assert shop.ports.state["health"] == "The terminal has no connection to the card network."
        assert "Check the shop's line" in shop.ports.state["advice"]


# --- keys --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "theirs",
    [
        {"passphrase": "another"},
        {"key_version": 2},
        {"key_identifier": "another"},
    ],
    ids=str,
)
async def test_another_key_is_told_until_a_person_has_put_it_right(
    tmp_path: Path, theirs: dict[str, object]
) -> None:
    file = tmp_path / "key.json"
    key = {
        "key_identifier": "tillbox-trial",
        "key_version": 1,
        "passphrase": "the simulated terminal's own",
    }
    file.write_text(json.dumps(key))
    sim = msgspec.convert(theirs, SimulatedAdyenSettings)
    till = msgspec.structs.replace(SETTINGS, key_file=str(file))
    async with adyen_shop(sim, till, start=False) as shop:
        shop.start_driver()
        await shop.until(DriverState.ATTENTION)
        assert "does not accept the till's key" in shop.ports.state["health"]
        assert "crypto error" in shop.ports.state["health"]
        assert "Compare the key file" in shop.ports.state["advice"]
        with pytest.raises(Refused, match="does not accept the till's key"):
            await shop.driver.perform(shop.pay(1))
        file.write_text(json.dumps(key | theirs))
        await shop.until(DriverState.READY)
        assert outcome_of(await shop.driver.perform(shop.pay(1))).outcome == "approved"


async def test_a_key_file_that_is_missing_is_told_and_no_payment_begins(tmp_path: Path) -> None:
    file = tmp_path / "key.json"
    till = msgspec.structs.replace(SETTINGS, key_file=str(file))
    async with adyen_shop(None, till, start=False) as shop:
        shop.start_driver()
        await shop.until(DriverState.ATTENTION)
        assert "key.json cannot be read" in shop.ports.state["health"]
        file.write_bytes(Path(SETTINGS.key_file).read_bytes())
        await shop.until(DriverState.READY)
        file.unlink()
        job = shop.pay(1)
        with pytest.raises(Refused, match="cannot be read"):
            await shop.driver.perform(job)
        assert (job.id, "payment") not in shop.ports.notes


async def test_a_terminal_of_another_name_is_not_served() -> None:
    till = msgspec.structs.replace(SETTINGS, poi_id="S1F2-9")
    async with adyen_shop(None, till, start=False) as shop:
        shop.start_driver()
        await shop.until(DriverState.LOST)
        assert "EventNotification (Did not receive a POIID" in shop.ports.state["health"]


# --- connections ---------------------------------------------------------------------------------


@pytest.mark.parametrize("manner", ["close", "chunked"])
async def test_whatever_its_web_server_does_it_is_one_payment(manner: str) -> None:
    async with adyen_shop(variant=PipeVariant(chunk_bytes=61)) as shop:
        setattr(shop.terminal.manners, manner, True)
        for amount in (100, 200):
            assert outcome_of(await shop.driver.perform(shop.pay(amount))).outcome == "approved"
        assert shop.standing() == [100, 200]


async def test_a_terminal_that_closes_behind_each_answer_is_not_asked_over_and_over() -> None:
    async with adyen_shop() as shop:
        shop.terminal.manners.close = True
        before = shop.cable.connections
        await shop.driver.perform(shop.pay(100))
        await shop.clock.sleep(50)
        # it answered the diagnosis and the payment, each with a connection gone behind it
        assert shop.cable.connections == before + 2
        assert shop.ports.moves == ["connecting", "ready"]


async def test_a_terminal_that_was_lost_is_asked_how_it_is() -> None:
    async with adyen_shop() as shop:
        await shop.cable.unplug()
        await shop.until(DriverState.LOST)
        shop.terminal.online = False
        shop.cable.plug_in()
        await shop.until(DriverState.ATTENTION)


async def test_without_a_connection_nothing_is_begun() -> None:
    async with adyen_shop() as shop:
        await shop.cable.unplug()
        await shop.until(DriverState.LOST)
        job = shop.pay(1)
        with pytest.raises(DeviceUnreachable, match="not connected"):
            await shop.driver.perform(job)
        assert (job.id, "payment") not in shop.ports.notes


async def test_a_connection_that_ended_before_the_first_byte_has_begun_nothing() -> None:
    async with adyen_shop() as shop:
        remember = shop.ports.remember

        async def ending(job_id: str, key: str, value: bytes) -> None:
            await remember(job_id, key, value)
            if key == "last-payment":
                assert shop.driver._line is not None
                await shop.driver._line.close()

        shop.ports.remember = ending
        job = shop.pay(1999)
        with pytest.raises(DeviceUnreachable, match="closed the connection"):
            await shop.driver.perform(job)
        told = note_of(shop, job).outcome
        assert told is not None
        assert (told.outcome, told.code) == ("declined", "not_sent")
        assert shop.terminal._asked == {}
        assert (await shop.definite(job)) == told


async def test_a_terminal_that_hangs_is_found_out_before_money_is_asked_for() -> None:
    async with adyen_shop() as shop:
        shop.terminal.stall_at, shop.terminal.stall_s = Point.DIAGNOSIS, 500.0
        job = shop.pay(1)
        with pytest.raises(DeviceUnreachable, match="did not answer within 30 s"):
            await shop.driver.perform(job)
        assert (job.id, "payment") not in shop.ports.notes
        assert shop.terminal._asked == {}


# --- what is kept ------------------------------------------------------------------------------


async def test_the_flight_recorder_has_the_dialogue_and_nothing_of_card_or_key() -> None:
    async with adyen_shop() as shop:
        job = shop.pay(1999)
        outcome = outcome_of(await shop.driver.perform(job))
        await shop.driver.perform(shop.reversal(1999, outcome.receipt))
        entries = shop.ports.recorder.entries()
    everything = b"".join(entry.data for entry in entries)
    said = b"\n".join(entry.data for entry in entries if entry.way != NOTE).decode()
    for told in ("DiagnosisRequest", "PaymentRequest", "19.99", "Success", outcome.receipt):
        assert told in said
    for hidden in (
        "541333", "0042", "1228", "12/2028", "A. Customer", "K1825", "MERCHANT", "123456",
        "NexoBlob", "Hmac", "tillbox-trial", "simulated terminal's own",
    ):  # fmt: skip
        assert hidden not in said
        assert hidden.encode() not in everything


async def test_the_log_has_no_card() -> None:
    async with adyen_shop() as shop:
        await shop.driver.perform(shop.pay(1999))
        assert "0042" not in shop.ports.log_text.getvalue()
