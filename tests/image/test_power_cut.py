"""The power goes in the middle of fifty sales: what was acknowledged is there afterwards."""

from __future__ import annotations

import json
import threading

import pytest

from tests.image.conftest import Box
from tests.image.guest import BOOT_S, until
from tests.image.till_client import ARTICLE

pytestmark = [pytest.mark.image, pytest.mark.timeout(2_400)]

SALES = 50
CUT_AFTER = 17


def test_nothing_acknowledged_is_lost(box: Box) -> None:
    acknowledged: list[str] = []
    cut = threading.Event()

    def sell() -> None:
        for _ in range(SALES):
            try:
                acknowledged.append(box.till.sell_for_cash(ARTICLE))
            except (OSError, AssertionError, ValueError):
                return  # the answer is lost with the box: nobody was told that it is done
            if len(acknowledged) >= CUT_AFTER:
                cut.set()

    seller = threading.Thread(target=sell)
    seller.start()
    assert cut.wait(BOOT_S), f"{len(acknowledged)} sales are done"
    box.guest.pull_the_plug()
    seller.join(120)
    assert CUT_AFTER <= len(acknowledged) < SALES

    print(f"\nafter the power cut the till port answers in {box.power_on():.0f} s")
    verdict = json.loads(
        box.guest.told("tillbox ledger verify /var/lib/tillbox/edge/ledger.db --json; true")
    )
    assert verdict["whole"], verdict
    until(lambda: set(acknowledged) <= set(box.office.sales()), what="head office has them all")
    sales = box.office.sales()
    assert len(sales) == len(set(sales))
    # and it sells on
    assert box.till.sell_for_cash(ARTICLE) not in acknowledged
