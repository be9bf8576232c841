"""Jobs that move money, and what is asked about them: nothing is guessed, nothing runs twice."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import msgspec
import pytest

from devices.driver import DeviceJob
from edge.contract.device_messages import JobKind, JobResult, JobStatus
from edge.contract.device_states import DriverState
from edge.contract.errors import (
    DeviceUnreachable,
    OutcomeUnknown,
    Refused,
)
from edge.contract.terminal_messages import PaymentOutcome
from tests.devices.queue_desk import APPROVED, Desk
from tests.devices.virtual_clock import VirtualClock


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with Desk(VirtualClock()).open() as made:
        yield made


K = JobKind
ASK, ABORT = K.INQUIRE_PAYMENT, K.ABORT_PAYMENT


@pytest.fixture(
    params=[
        K.AUTHORISE_PAYMENT,
        K.REFUND_PAYMENT,
        K.REVERSE_PAYMENT,
        K.RESERVE_PAYMENT,
        K.CAPTURE_RESERVATION,
        K.RELEASE_RESERVATION,
    ]
)
def money(request: pytest.FixtureRequest) -> JobKind:
    """Jobs that move money: what holds for one holds for all."""
    kind = request.param
    assert isinstance(kind, JobKind)
    return kind


async def test_an_inquiry_about_an_unseen_payment_declines_it_for_ever(
    desk: Desk, money: JobKind
) -> None:
    desk.state(DriverState.LOST)  # the record alone knows
    await desk.send(ASK, "ask-00001")
    assert desk.outcome("ask-00001") == ("declined", "never_begun")
    desk.state(DriverState.READY)
    await desk.send(money, "pay-00001")
    assert desk.of("pay-00001") == ["failed:refused_by_inquiry"]
    assert desk.driver.performed == []
    await desk.send(ASK, "ask-00002")
    assert desk.outcome("ask-00002") == ("declined", "never_begun")


async def test_an_inquiry_gets_the_recorded_outcome(desk: Desk, money: JobKind) -> None:
    desk.driver.returns("pay-00001", lambda job: job.done(1, APPROVED))
    await desk.send(money, "pay-00001")
    await desk.send(ASK, "ask-00001")
    assert desk.outcome("ask-00001") == ("approved", "")
    await desk.journal.close()
    desk.journal._recent.clear()
    await desk.send(ASK, "ask-00002")
    assert desk.outcome("ask-00002") == ("approved", "")
    assert desk.driver.performed == ["pay-00001"]


async def test_a_payment_that_certainly_did_not_happen_is_declined(
    desk: Desk, money: JobKind
) -> None:
    desk.driver.raises("pay-00001", DeviceUnreachable("cable_out", "The cable is out."))
    await desk.send(money, "pay-00001")
    await desk.send(ASK, "ask-00001")
    assert desk.outcome("ask-00001") == ("declined", "cable_out")


@pytest.mark.parametrize("outcome", ["approved", "declined", "cancelled"])
async def test_an_unknown_payment_is_asked_of_the_terminal_and_settled_once(
    desk: Desk, money: JobKind, outcome: str
) -> None:
    desk.driver.raises("pay-00001", OutcomeUnknown("cut", "The cable broke."))
    desk.driver.returns("ask-00001", lambda job: job.done(1, PaymentOutcome(outcome, 1200)))
    await desk.send(money, "pay-00001")
    await desk.send(ASK, "ask-00001")
    assert desk.outcome("ask-00001") == (outcome, "")
    await desk.send(ASK, "ask-00002")
    assert desk.outcome("ask-00002") == (outcome, "")
    assert desk.driver.performed == ["pay-00001", "ask-00001"]
    await desk.send(money, "pay-00001")
    assert desk.outcome("pay-00001") == (outcome, "")


@pytest.mark.parametrize(
    ("ending", "told"),
    [
        (lambda job: job.unknown(1, "still_open", "x"), "unknown:still_open"),
        (lambda job: job.failed(1, "not_registered", "x"), "failed:not_registered"),
        (lambda job: job.done(1, PaymentOutcome("unknown")), "done"),
        (lambda job: job.done(1, "nonsense"), "done"),
    ],
)
async def test_only_a_definite_word_of_the_terminal_settles_a_payment(
    desk: Desk, money: JobKind, ending: Callable[[DeviceJob], JobResult], told: str
) -> None:
    desk.driver.raises("pay-00001", OutcomeUnknown("cut", "The cable broke."))
    desk.driver.returns("ask-00001", ending)
    await desk.send(money, "pay-00001")
    await desk.send(ASK, "ask-00001")
    assert desk.of("ask-00001") == [told]
    desk.driver.returns("ask-00002", lambda job: job.done(1, APPROVED))
    await desk.send(ASK, "ask-00002")
    assert desk.outcome("ask-00002") == ("approved", "")
    assert desk.driver.performed == ["pay-00001", "ask-00001", "ask-00002"]


@pytest.mark.parametrize("error", [DeviceUnreachable("cut", "x"), Refused("busy", "x")])
async def test_an_inquiry_that_fails_says_nothing_of_the_payment(
    desk: Desk, money: JobKind, error: Exception
) -> None:
    desk.driver.raises("pay-00001", OutcomeUnknown("cut", "The cable broke."))
    desk.driver.raises("ask-00001", error)
    await desk.send(money, "pay-00001")
    await desk.send(ASK, "ask-00001")
    assert desk.of("ask-00001")[0].startswith("failed:")
    assert not [a for a in desk.answers if a.status is JobStatus.DONE]


async def test_an_inquiry_waits_for_a_lost_terminal_until_its_deadline(
    desk: Desk, money: JobKind
) -> None:
    desk.driver.raises("pay-00001", OutcomeUnknown("cut", "The cable broke."))
    desk.driver.returns("ask-00002", lambda job: job.done(1, APPROVED))
    await desk.send(money, "pay-00001")
    desk.state(DriverState.LOST)
    await desk.send(ASK, "ask-00001", in_s=5)
    await desk.send(ASK, "ask-00002", in_s=60)
    await desk.clock.advance(10)
    assert desk.of("ask-00001") == ["accepted:device_lost", "failed:expired"]
    desk.state(DriverState.READY)
    await desk.clock.advance(0)
    assert desk.outcome("ask-00002") == ("approved", "")


async def test_an_inquiry_about_a_payment_at_hand_does_not_wait(desk: Desk, money: JobKind) -> None:
    go = desk.driver.holds("pay-00001")
    await desk.send(money, "pay-00001")
    await desk.send(ASK, "ask-00001")
    assert desk.of("ask-00001") == ["unknown:in_progress"]
    go.set()


async def test_an_inquiry_withdraws_a_payment_that_still_waits(desk: Desk, money: JobKind) -> None:
    desk.state(DriverState.LOST)
    await desk.send(money, "pay-00001")
    await desk.send(ASK, "ask-00001")
    assert desk.outcome("ask-00001") == ("declined", "never_begun")
    assert desk.of("pay-00001") == ["accepted:device_lost", "failed:withdrawn"]
    desk.state(DriverState.READY)
    await desk.send(money, "pay-00001")
    assert desk.driver.performed == []


async def test_an_abort_reaches_the_terminal_while_the_payment_runs(
    desk: Desk, money: JobKind
) -> None:
    go = desk.driver.holds("pay-00001")
    await desk.send(money, "pay-00001")
    await desk.send(ABORT, "stop-0001")
    assert desk.driver.performed == ["pay-00001", "stop-0001"]
    assert desk.of("stop-0001") == ["done"]
    assert desk.of("pay-00001") == []
    go.set()
    await desk.clock.advance(0)
    assert desk.of("pay-00001") == ["done"]


async def test_aborting_twice_asks_once_at_a_time(desk: Desk, money: JobKind) -> None:
    go = desk.driver.holds("pay-00001")
    slow = desk.driver.holds("stop-0001")
    await desk.send(money, "pay-00001")
    await desk.send(ABORT, "stop-0001")
    await desk.send(ABORT, "stop-0002")
    assert desk.driver.performed == ["pay-00001", "stop-0001"]
    assert desk.of("stop-0002") == ["failed:abort_under_way"]
    slow.set()
    go.set()
    await desk.clock.advance(0)


async def test_an_abort_cancels_a_payment_that_still_waits(desk: Desk, money: JobKind) -> None:
    desk.state(DriverState.LOST)
    await desk.send(money, "pay-00001")
    await desk.send(ABORT, "stop-0001")
    assert desk.outcome("pay-00001") == ("cancelled", "never_begun")
    assert desk.of("stop-0001") == ["done"]
    desk.state(DriverState.READY)
    await desk.send(money, "pay-00001")
    assert desk.driver.performed == []


async def test_an_abort_of_a_repeat_that_waits_finds_the_payment_on_record(
    desk: Desk, money: JobKind
) -> None:
    desk.driver.returns("pay-00001", lambda job: job.done(1, APPROVED))
    await desk.send(money, "pay-00001")
    await desk.journal.close()
    desk.journal._recent.clear()
    go = desk.driver.holds("job-00001")
    await desk.send(K.KICK_DRAWER, "job-00001")
    await desk.send(money, "pay-00001")
    await desk.send(ABORT, "stop-0001")
    assert desk.of("pay-00001") == ["done", "done"]
    assert [answer.result for answer in desk.answers if answer.id == "pay-00001"][-1] == (
        msgspec.to_builtins(APPROVED)
    )
    go.set()
    await desk.clock.advance(0)


async def test_nothing_to_abort_says_so(desk: Desk) -> None:
    await desk.send(ABORT, "stop-0001")
    assert desk.of("stop-0001") == ["failed:nothing_to_abort"]
