"""Money that goes back to a card: a refund to whichever, or a payment taken back by its name."""

from __future__ import annotations

import pytest

from devices.simulators.terminal_adyen.scripts import SimulatedAdyenSettings
from edge.contract.device_messages import JobStatus
from edge.contract.limits import (
    TERMINAL_RECEIPT_NUMBER_CHARS_MAX,
)
from tests.devices.adyen_shop import AdyenShop, adyen_shop, outcome_of


async def paid(shop: AdyenShop, amount: int = 1999) -> str:
    """Charge a card and return what the shop keeps of it."""
    return outcome_of(await shop.driver.perform(shop.pay(amount))).receipt


async def test_a_refund_goes_to_a_card_whatever_was_paid_before() -> None:
    async with adyen_shop() as shop:
        outcome = outcome_of(await shop.driver.perform(shop.refund(500)))
        assert (outcome.outcome, outcome.amount_minor) == ("approved", 500)
        assert shop.books() == [("refund", 500)]
        assert shop.terminal.balance_minor == -500
        assert outcome.customer_receipt


async def test_a_payment_is_taken_back_by_what_the_shop_keeps_of_it() -> None:
    async with adyen_shop() as shop:
        await paid(shop, 100)
        receipt = await paid(shop, 1999)
        assert 0 < len(receipt) <= TERMINAL_RECEIPT_NUMBER_CHARS_MAX
        outcome = outcome_of(await shop.driver.perform(shop.reversal(1999, receipt)))
        assert (outcome.outcome, outcome.amount_minor) == ("approved", 1999)
        assert outcome.receipt not in {receipt, ""}
        assert shop.terminal.balance_minor == 100
        (undone,) = [each for each in shop.terminal.booked() if each["state"] == "reversed"]
        assert undone["receipt"] == receipt


async def test_the_receipt_is_enough_on_another_host() -> None:
    """The terminal wants its own time of the payment: it stands in the name."""
    async with adyen_shop() as shop:
        await shop.clock.sleep(12.345)
        receipt = await paid(shop)
        await shop.kill_driver()
        shop.ports.notes.clear()
        await shop.clock.sleep(60)
        shop.start_driver()
        outcome = outcome_of(await shop.driver.perform(shop.reversal(1999, receipt)))
        assert outcome.outcome == "approved"


async def test_the_terminals_own_time_is_kept_where_the_name_does_not_tell_it() -> None:
    async with adyen_shop() as shop:
        receipt = await paid(shop)
        name = "nexo:terminal-1", f"time-of-{receipt}"
        (transaction,) = shop.terminal._acquirer.transactions
        assert shop.ports.notes[name].decode() == transaction.time
        shop.ports.notes[name] = b"2001-01-01T00:00:00.000Z"
        outcome = outcome_of(await shop.driver.perform(shop.reversal(1999, receipt)))
        # what was kept is what is sent, before what could be worked out
        assert (outcome.outcome, outcome.code) == ("declined", "NotFound")


@pytest.mark.parametrize("receipt", ["0001", "4711.0815", "x" * 40, "BV0q001795000000001.NONE"])
async def test_a_payment_that_nobody_knows_is_not_taken_back(receipt: str) -> None:
    async with adyen_shop() as shop:
        await paid(shop)
        outcome = outcome_of(await shop.driver.perform(shop.reversal(1999, receipt)))
        assert (outcome.outcome, outcome.code) == ("declined", "NotFound")
        assert "Look the payment up at the acquirer" in outcome.advice
        assert shop.books() == [("payment", 1999)]


async def test_a_payment_is_taken_back_once() -> None:
    async with adyen_shop() as shop:
        receipt = await paid(shop)
        await shop.driver.perform(shop.reversal(1999, receipt))
        again = outcome_of(await shop.driver.perform(shop.reversal(1999, receipt)))
        assert (again.outcome, again.code) == ("declined", "NotAllowed")
        assert "was refunded before" in again.reason
        assert "if it was not reversed before" in again.advice
        assert shop.terminal.balance_minor == 0


@pytest.mark.parametrize(
    ("settings", "kind", "advice"),
    [
        (SimulatedAdyenSettings(refunds=False), "refund", "in another way"),
        (SimulatedAdyenSettings(reversals=False), "reversal", "refund the amount to the card"),
    ],
)
async def test_what_the_terminal_does_not_offer_it_says_with_advice(
    settings: SimulatedAdyenSettings, kind: str, advice: str
) -> None:
    async with adyen_shop(settings) as shop:
        receipt = await paid(shop)
        job = shop.refund(1999) if kind == "refund" else shop.reversal(1999, receipt)
        outcome = outcome_of(await shop.driver.perform(job))
        assert (outcome.outcome, outcome.code) == ("declined", "NotAllowed")
        assert advice in outcome.advice
        assert shop.books() == [("payment", 1999)]


async def test_a_busy_terminal_has_not_given_it() -> None:
    async with adyen_shop() as shop:
        shop.terminal.next_script = "busy"
        result = await shop.driver.perform(shop.refund(1999))
        assert result.status is JobStatus.DONE
        assert (outcome_of(result).outcome, outcome_of(result).code) == ("declined", "Busy")
        assert shop.books() == []


async def test_a_customer_who_gives_up_gets_nothing_and_no_advice() -> None:
    async with adyen_shop() as shop:
        shop.terminal.next_script = "abort"
        outcome = outcome_of(await shop.driver.perform(shop.refund(1999)))
        assert (outcome.outcome, outcome.advice) == ("cancelled", "")
