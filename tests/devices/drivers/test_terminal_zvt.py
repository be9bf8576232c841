from __future__ import annotations

import pytest

from devices.simulators.terminal_zvt.scripts import SimulatedTerminalSettings
from edge.contract.device_messages import JobStatus
from tests.devices.zvt_shop import outcome_of, zvt_shop


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
            shop.terminal.next = script
            job = shop.pay(500 + before)
            result = await shop.driver.perform(job)
            assert result.status is status
            outcome = await shop.definite(job)
            wanted = (
                settled.split(" if", maxsplit=1)[0] if sync or " if" not in settled else "declined"
            )
            assert outcome.outcome == wanted
            assert (500 + before in shop.standing()) == (wanted == "approved")
