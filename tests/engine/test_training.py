"""A till in training: everything as in a sale, and nothing that leaves the screen."""

from __future__ import annotations

from datetime import UTC

import pytest
from msgspec.structs import replace

from edge.contract.card_refund_events import CardRefundApproved, CardRefundRequested
from edge.contract.errors import Refused
from edge.contract.payment_events import CardPaymentApproved, CardPaymentRequested
from edge.contract.permissions import Permission
from edge.contract.receipt_document import QrBlock, TextBlock
from edge.contract.sale_events import SaleCompleted, SaleOpened
from edge.contract.till_commands import BeginTraining, EndTraining, OtherTender
from edge.contract.till_protocol import TillState
from edge.contract.training_events import (
    TRAINING_SALE,
    TrainingBegan,
    TrainingEnded,
    TrainingNoted,
    is_training,
    noted,
)
from edge.engine.circumstances import Approval
from edge.engine.receipt_layout import lay_out_receipt
from edge.engine.receipt_words import WORDS
from tests.engine.shop_in_memory import MILK, ROLL, profile
from tests.engine.till_in_memory import TillInMemory


def trained() -> TillInMemory:
    till = TillInMemory()
    till.training = True
    return till


def begin(till: TillInMemory) -> tuple[object, ...]:
    return till.do(BeginTraining(command_id=till.new_id("command")))


def end(till: TillInMemory) -> tuple[object, ...]:
    return till.do(EndTraining(command_id=till.new_id("command")))


def refusal(wish: object, *arguments: object) -> str:
    with pytest.raises(Refused) as caught:
        wish(*arguments)  # type: ignore[operator] # a function
    return caught.value.code


def test_training_begins_with_a_second_person_and_ends_with_anybody() -> None:
    till = TillInMemory()
    assert refusal(begin, till) == "needs_approval"
    till.approval = Approval(Permission.TRAINING, "sofia")
    assert begin(till) == (TrainingBegan(approver="sofia"),)
    till.approval = None
    assert refusal(end, till) == "no_training"
    till.training = True
    assert refusal(begin, till) == "training_already"
    assert end(till) == (TrainingEnded(),)


def test_the_mode_is_not_switched_within_a_sale() -> None:
    till = TillInMemory()
    till.role = "supervisor"
    till.add(ROLL)
    assert refusal(begin, till) == "sale_still_open"
    till.cash(50)
    assert begin(till)  # a finished sale is no obstacle
    till = trained()
    till.add(ROLL)
    assert refusal(end, till) == "sale_still_open"


def test_cards_are_approved_at_once_and_say_that_it_is_training() -> None:
    till = trained()
    till.add(MILK)
    requested, approved, completed = till.card(129)
    assert isinstance(requested, CardPaymentRequested)
    assert isinstance(approved, CardPaymentApproved)
    assert (approved.amount_minor, approved.scheme, approved.last4) == (129, "TRAINING", "")
    assert isinstance(completed, SaleCompleted)
    assert till.cart.state is TillState.DONE


def test_a_part_by_card_leaves_the_rest() -> None:
    till = trained()
    till.add(MILK)
    assert len(till.card(100)) == 2
    assert (till.cart.state, till.cart.due_minor) == (TillState.OPEN, 29)
    till.cash(29)
    assert till.cart.state is TillState.DONE


def test_goods_without_a_receipt_go_back_to_a_card_that_is_none() -> None:
    till = trained()
    till.role = "supervisor"
    till.bring_back_without(ROLL)
    requested, approved, completed = till.refund(45)
    assert isinstance(requested, CardRefundRequested)
    assert isinstance(approved, CardRefundApproved)
    assert (approved.amount_minor, approved.scheme) == (45, "TRAINING")
    assert isinstance(completed, SaleCompleted)


def test_discounts_and_tenders_are_those_of_a_sale() -> None:
    till = trained()
    till.role = "supervisor"
    till.add(MILK, 2000)
    till.discount(ppm=100_000)
    till.tender(OtherTender.VOUCHER, 100)
    assert till.cart.due_minor == 258 - 26 - 100


def test_what_would_reach_beyond_it_is_not_trained() -> None:
    till = trained()
    till.add(ROLL)
    for wish in (
        till.park,
        till.resume,
        till.drawer,
        lambda: till.bring_back("till-1-000001"),
        lambda: till.copy("till-1-000001"),
        lambda: till.gift("till-1-000001"),
        lambda: till.ask_again("payment-1"),
        lambda: till.attach(payment="payment-1", amount_minor=1),
    ):
        assert refusal(wish) == "not_in_training"


def test_events_of_training_sales_are_kept_as_notes_and_no_others() -> None:
    real = SaleOpened(sale="sale-1", currency="EUR")
    assert noted((real, TrainingBegan())) == (real, TrainingBegan())
    (note,) = noted((SaleOpened(sale=f"{TRAINING_SALE}1", currency="EUR"),))
    assert isinstance(note, TrainingNoted)
    assert (note.sale, note.did, note.version) == ("training-1", "sale_opened", 1)
    assert '"currency":"EUR"' in note.fields
    assert noted((note,)) == (note,)
    assert [is_training(sale) for sale in ("training-1", "sale-1", "", "a-training-1")] == [
        True, False, False, False,
    ]  # fmt: skip


@pytest.mark.parametrize("language", sorted(WORDS))
def test_a_training_receipt_says_so_at_both_ends_and_has_no_code(language: str) -> None:
    till = trained()
    till.add(ROLL)
    till.cash(50)
    words = WORDS[language].training
    store = replace(profile(), receipt_language=language)
    document, plain = (
        lay_out_receipt(replace(till.cart, sale=sale), store, till="1", cashier="", zone=UTC)
        for sale in (f"{TRAINING_SALE}1", "sale-1")
    )
    for block in (document.blocks[0], document.blocks[-1]):
        assert isinstance(block, TextBlock)
        assert block.text == words
    assert not any(isinstance(block, QrBlock) for block in document.blocks)
    assert any(isinstance(block, QrBlock) for block in plain.blocks)
    assert words not in str(plain)
