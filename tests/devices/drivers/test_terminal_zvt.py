from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from devices.driver import DeviceJob
from devices.drivers.terminal_zvt import DRIVER
from devices.drivers.terminal_zvt.settings import TerminalZvtSettings, read_password
from devices.protocols.zvt_text import TextEncoding
from devices.simulators.terminal_zvt.scripts import SimulatedTerminalSettings
from devices.transports.byte_stream import ByteStream
from edge.contract.device_messages import DriverState, JobResult, JobStatus
from edge.contract.errors import DeviceUnreachable, Refused, SettingsInvalid
from tests.devices.virtual_clock import VirtualClock
from tests.devices.zvt_shop import ADDRESS, ZvtShop, outcome_of, zvt_shop

STATUS_OK = "27 00 04 000000001234 49 0978 87 0001"
"""15 bytes: approved, 12.34 EUR, receipt 1."""


class Scripted:
    """The terminal's end of the cable in the test's own hands."""

    def __init__(self, shop: ZvtShop, registered: str) -> None:
        self.shop = shop
        self._registered = registered
        self._held = b""
        self.stream: ByteStream
        self.job: DeviceJob

    async def accept(self) -> None:
        """Take the next connection and let the till register."""
        self.stream, self._held = await self.shop.cable.accept(), b""
        assert await self.hear() == "0600"
        await self.write("80 00 00")
        await self.say("06 0F", self._registered)

    async def write(self, data: str) -> None:
        await self.stream.write(bytes.fromhex(data))

    async def say(self, command: str, data: str) -> None:
        """Send a unit and expect the till's 80 00."""
        body = bytes.fromhex(data)
        await self.stream.write(bytes.fromhex(command) + bytes([len(body)]) + body)
        assert await self.hear() == "8000"

    async def hear(self) -> str:
        """Return class and instruction of the till's next unit."""
        while len(self._held) < 3 or len(self._held) < 3 + self._held[2]:
            data = await self.stream.read(4096)
            assert data, "the till hung up"
            self._held += data
        unit, self._held = self._held[:2], self._held[3 + self._held[2] :]
        return unit.hex()

    async def payment_begun(self, amount: int, answer: str = "80 00 00") -> asyncio.Task[JobResult]:
        """Let the till begin a payment: nothing stored so far, 06 01 answered."""
        self.job = self.shop.pay(amount)
        paying = asyncio.create_task(self.shop.driver.perform(self.job))
        assert await self.hear() == "0620"
        await self.write("80 00 00")
        await self.say("06 0F", "")
        assert await self.hear() == "0601"
        await self.write(answer)
        return paying


@asynccontextmanager
async def scripted(registered: str = "") -> AsyncIterator[Scripted]:
    async with zvt_shop(start=False, plugged=False) as shop:
        pt = Scripted(shop, registered)
        shop.start_driver()
        await pt.accept()
        await shop.until(DriverState.READY, DriverState.ATTENTION)
        yield pt


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


# --- asking --------------------------------------------------------------------------------


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


# --- registration, health, settings --------------------------------------------------------


async def test_a_terminal_that_refuses_the_till_says_so_until_it_is_put_right(
    tmp_path: Path,
) -> None:
    file = tmp_path / "password"
    till = TerminalZvtSettings(ADDRESS, password_file=str(file))
    async with zvt_shop(SimulatedTerminalSettings(password="123456"), till, start=False) as shop:
        shop.start_driver()
        for content, words in (
            (None, "cannot be read"),
            ("12345", "does not hold six digits"),
            ("654321", "refuses the till"),
        ):
            if content is not None:
                file.write_text(content)
                await shop.clock.sleep(3.0)
            await shop.until(DriverState.ATTENTION)
            assert words in shop.ports.state["health"]
            assert "654321" not in shop.ports.state["health"]
            with pytest.raises(Refused, match=words):
                await shop.driver.perform(shop.pay(100))
        file.write_text("123456\n")
        await shop.until(DriverState.READY)
        assert shop.ports.meta["serial_number"] == "52000042"


async def test_a_terminal_that_wants_something_says_so_and_still_takes_payments() -> None:
    async with scripted(registered="19 02") as pt:
        assert pt.shop.driver.state is DriverState.ATTENTION
        assert "diagnosis" in pt.shop.ports.state["health"]
        paying = await pt.payment_begun(1234)
        await pt.say("04 FF", "0A")
        await pt.say("04 0F", STATUS_OK)
        await pt.say("06 0F", "")
        assert outcome_of(await paying).outcome == "approved"
        assert "diagnosis" in pt.shop.ports.state["health"]


async def test_health() -> None:
    async with zvt_shop() as shop:
        result = await shop.driver.perform(shop.health())
        assert result.result == {"health": "ok"}
        assert shop.ports.meta["firmware"] == "SIM 1.0"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("84 83 00", "The terminal cannot do this now."),
        ("80 00 00 06 1E 01 E2", "The terminal's card reader does not answer."),
        ("80 00 00 06 1E 00", "Done."),
        ("80 00 00 06 0F 01 DC", {"health": "A card is still in the terminal."}),
    ],
)
async def test_ill_health(answer: str, words: object) -> None:
    async with scripted() as pt:
        asking = asyncio.create_task(pt.shop.driver.perform(pt.shop.health()))
        assert await pt.hear() == "0501"
        await pt.write(answer)
        result = await asking
        assert words in (result.result, result.error and result.error.detail)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (TerminalZvtSettings("serial:///dev/ttyS0"), "not on the network"),
        (TerminalZvtSettings(ADDRESS, currency="XXX"), "is not known"),
        (TerminalZvtSettings("tcp://nowhere"), "cannot be used"),
    ],
)
def test_settings_that_cannot_be_used(settings: TerminalZvtSettings, words: str) -> None:
    with pytest.raises(SettingsInvalid, match=words):
        DRIVER.connector(settings, VirtualClock())


def test_the_example_can_be_connected_and_the_factory_password_is_the_default() -> None:
    assert DRIVER.connector(DRIVER.example, VirtualClock()) is not None
    assert read_password("") == "000000"


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
