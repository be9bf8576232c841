"""The simulated terminal by itself: the test writes and reads its wire without the driver."""

from __future__ import annotations

import asyncio
import base64
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from devices.driver import SimulatorPorts
from devices.driver_catalogue import simulator
from devices.scripted_actions import read_play
from devices.simulators.terminal_adyen import SIMULATOR
from devices.simulators.terminal_adyen.scripts import Point, Script, SimulatedAdyenSettings
from devices.simulators.terminal_adyen.sealing import SharedSecret
from devices.simulators.terminal_adyen.terminal import SimulatedAdyenTerminal
from devices.transports.byte_stream import ByteStream
from devices.transports.memory_pipe import memory_pipe
from edge.contract.errors import Refused
from edge.runtime.structured_log import open_log
from tests.devices.virtual_clock import VirtualClock

POI = SimulatedAdyenSettings().poi_id
SECRET = SharedSecret("tillbox-trial", 1, SimulatedAdyenSettings().passphrase)


class Till:
    """A till's end of one connection, in the test's own hands."""

    def __init__(self, stream: ByteStream) -> None:
        self.stream = stream
        self.held = b""

    async def post(self, body: bytes, path: str = "/nexo") -> None:
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        await self.stream.write(head.encode() + body)

    async def read(self) -> tuple[int, bytes]:
        while b"\r\n\r\n" not in self.held:
            self.held += await self._more()
        head, _, rest = self.held.partition(b"\r\n\r\n")
        size = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        while len(rest) < size:
            rest += await self._more()
        self.held = rest[size:]
        return int(head.split()[1]), rest[:size]

    async def _more(self) -> bytes:
        data = await self.stream.read(4096)
        assert data, "the terminal hung up"
        return data

    async def ask(self, category: str, body: dict[str, Any], service: str) -> dict[str, Any]:
        await self.send(category, body, service)
        return await self.answer(category)

    async def send(self, category: str, body: dict[str, Any], service: str) -> None:
        header = head(category, service)
        message = {"SaleToPOIRequest": {"MessageHeader": header, f"{category}Request": body}}
        await self.post(json.dumps(SECRET.seal(message, header)).encode())

    async def answer(self, category: str) -> dict[str, Any]:
        status, data = await self.read()
        assert status == 200, data
        sealed = json.loads(data)["SaleToPOIResponse"]
        trailer = sealed["SecurityTrailer"]
        raw = (base64.b64decode(x) for x in (sealed["NexoBlob"], trailer["Hmac"], trailer["Nonce"]))
        message = json.loads(SECRET._decrypted(*raw))["SaleToPOIResponse"]
        assert message["MessageHeader"] == sealed["MessageHeader"]
        answer: dict[str, Any] = message[f"{category}Response"]
        return answer


def head(category: str, service: str, poi: str = POI) -> dict[str, str]:
    return {
        "ProtocolVersion": "3.0",
        "MessageClass": "Service",
        "MessageCategory": category,
        "MessageType": "Request",
        "ServiceID": service,
        "SaleID": "Till",
        "POIID": poi,
    }


def paying(amount: float, kind: str = "Normal") -> dict[str, Any]:
    return {
        "SaleData": {"SaleTransactionID": {"TransactionID": "1", "TimeStamp": "2026-11-27"}},
        "PaymentTransaction": {"AmountsReq": {"Currency": "EUR", "RequestedAmount": amount}},
        "PaymentData": {"PaymentType": kind},
    }


def reference(service: str) -> dict[str, Any]:
    return {"MessageReference": {"MessageCategory": "Payment", "ServiceID": service}}


class Counter:
    def __init__(self, settings: SimulatedAdyenSettings, clock: VirtualClock) -> None:
        self.clock = clock
        ports = SimulatorPorts(clock, open_log("test", io.StringIO()))
        made = SIMULATOR.build(settings, ports)
        assert isinstance(made, SimulatedAdyenTerminal)
        self.terminal = made
        self.tasks: list[asyncio.Task[None]] = []

    def till(self) -> Till:
        pipe = memory_pipe()
        self.tasks.append(asyncio.create_task(self.terminal.attend(pipe.far)))
        return Till(pipe.near)


@asynccontextmanager
async def counter(settings: SimulatedAdyenSettings | None = None) -> AsyncIterator[Counter]:
    clock = VirtualClock()
    made = Counter(settings or SimulatedAdyenSettings(), clock)
    async with clock.running():
        try:
            yield made
        finally:
            for task in made.tasks:
                task.cancel()
            ended = await asyncio.gather(*made.tasks, return_exceptions=True)
    for end in ended:
        assert end is None or isinstance(end, asyncio.CancelledError), end


def test_it_is_found_by_its_drivers_name() -> None:
    assert simulator("terminal_adyen") is SIMULATOR


async def test_a_payment_is_booked_and_told() -> None:
    async with counter() as here:
        answer = await here.till().ask("Payment", paying(12.34), "A1")
        (booked,) = here.terminal.booked()
    assert answer["Response"]["Result"] == "Success"
    assert answer["PaymentResult"]["AmountsResp"] == {"AuthorizedAmount": 12.34, "Currency": "EUR"}
    assert answer["POIData"]["POITransactionID"]["TransactionID"] == booked["receipt"]
    assert (booked["kind"], booked["amount_minor"], booked["state"]) == ("payment", 1234, "booked")


async def test_a_service_id_is_good_for_one_request() -> None:
    async with counter() as here:
        till = here.till()
        await till.ask("Payment", paying(1), "A1")
        again = await till.ask("Payment", paying(1), "A1")
        assert again["Response"]["ErrorCondition"] == "NotAllowed"
        assert len(here.terminal.booked()) == here.terminal.repeated == 1


async def test_it_is_asked_for_a_payment_while_it_is_at_it_and_afterwards() -> None:
    async with counter(SimulatedAdyenSettings(customer_ms=10_000)) as here:
        paying_till, asking = here.till(), here.till()
        assert await state(asking, "A1", "S1") == "NotFound"
        await paying_till.send("Payment", paying(5), "A1")
        await here.clock.sleep(1)
        assert await state(asking, "A1", "S2") == "InProgress"
        busy = await asking.ask("Payment", paying(6), "A2")
        assert busy["Response"]["ErrorCondition"] == "Busy"
        diagnosis = await asking.ask("Diagnosis", {"HostDiagnosisFlag": False}, "D1")
        assert diagnosis["Response"]["ErrorCondition"] == "Busy"
        done = await paying_till.answer("Payment")
        said = await asking.ask(
            "TransactionStatus", reference("A1") | {"ReceiptReprintFlag": True}, "S3"
        )
        repeated = said["RepeatedMessageResponse"]
        assert repeated["RepeatedResponseMessageBody"]["PaymentResponse"] == done
        assert repeated["MessageHeader"]["ServiceID"] == "A1"
        without = await asking.ask("TransactionStatus", reference("A1"), "S4")
        body = without["RepeatedMessageResponse"]["RepeatedResponseMessageBody"]["PaymentResponse"]
        assert "PaymentReceipt" not in body
        assert await state(asking, "A2", "S5") == "NotFound"


async def state(till: Till, service: str, own: str) -> str:
    said = await till.ask("TransactionStatus", reference(service), own)
    condition: str = said["Response"].get("ErrorCondition", "")
    return condition


async def test_an_abort_has_an_empty_answer_and_ends_the_payment() -> None:
    async with counter(SimulatedAdyenSettings(customer_ms=10_000)) as here:
        till, other = here.till(), here.till()
        await till.send("Payment", paying(5), "A1")
        await here.clock.sleep(1)
        await other.send("Abort", reference("A9"), "B1")
        assert await other.read() == (200, b"")
        await other.send("Abort", reference("A1"), "B2")
        assert await other.read() == (200, b"")
        assert (await till.answer("Payment"))["Response"]["ErrorCondition"] == "Aborted"
        assert here.terminal.booked() == []


async def test_a_payment_goes_on_when_its_till_is_gone() -> None:
    async with counter() as here:
        till = here.till()
        await till.send("Payment", paying(5), "A1")
        await till.stream.close()
        await here.clock.sleep(5)
        assert [each["amount_minor"] for each in here.terminal.booked()] == [500]


async def test_what_was_booked_is_known_after_it_was_switched_off(tmp_path: Path) -> None:
    settings = SimulatedAdyenSettings(journal=str(tmp_path / "journal"))
    async with counter(settings) as here:
        till = here.till()
        done = await till.ask("Payment", paying(5), "A1")
        here.terminal.next_script = "decline"
        await till.ask("Payment", paying(6), "A2")
    async with counter(settings) as here:
        till = here.till()
        said = await till.ask(
            "TransactionStatus", reference("A1") | {"ReceiptReprintFlag": True}, "S1"
        )
        body = said["RepeatedMessageResponse"]["RepeatedResponseMessageBody"]["PaymentResponse"]
        assert body == done
        # what moved no money is forgotten
        assert await state(till, "A2", "S2") == "NotFound"
        assert here.terminal.balance_minor == 500
        named = done["POIData"]["POITransactionID"]
        back = await till.ask(
            "Reversal",
            {
                "OriginalPOITransaction": {"POITransactionID": named},
                "ReversalReason": "MerchantCancel",
            },
            "R1",
        )
        assert back["ReversedAmount"] == 5.0
        assert here.terminal.balance_minor == 0


@pytest.mark.parametrize(
    ("body", "condition"),
    [
        ({}, "MessageFormat"),
        (paying(0), "MessageFormat"),
        (paying(-1), "MessageFormat"),
        (paying(1.001), "MessageFormat"),
        (paying(1, "Instalment"), "NotAllowed"),
        (paying(1) | {"SaleData": {}}, "MessageFormat"),
    ],
)
async def test_a_request_that_makes_no_sense_is_refused(
    body: dict[str, Any], condition: str
) -> None:
    async with counter() as here:
        answer = await here.till().ask("Payment", body, "A1")
        assert answer["Response"]["ErrorCondition"] == condition
        assert here.terminal.booked() == []


async def test_another_key_is_complained_of_in_clear() -> None:
    async with counter() as here:
        till = here.till()
        header = head("Diagnosis", "D1")
        message = {"SaleToPOIRequest": {"MessageHeader": header, "DiagnosisRequest": {}}}
        for secret, number in (
            (SharedSecret("tillbox-trial", 1, "another"), 9),
            (SharedSecret("tillbox-trial", 2, "x"), 2),
            (SharedSecret("another", 1, "x"), 2),
        ):
            await till.post(json.dumps(secret.seal(message, header)).encode())
            status, body = await till.read()
            assert status == 401
            assert json.loads(body)["errors"] == [f"Nexo Service: crypto error ({number})"]
        await till.post(b"{}")
        assert (await till.read())[1] == b'{"errors": ["Nexo Service: crypto error (1)"]}'
        for damage in ("seal", "padding"):
            await till.post(json.dumps(SECRET.seal(message, header, damage=damage)).encode())
            assert (await till.read())[0] == 401


async def test_a_header_in_clear_that_is_another_is_not_believed() -> None:
    async with counter() as here:
        till = here.till()
        header = head("Diagnosis", "D1")
        message = {"SaleToPOIRequest": {"MessageHeader": header, "DiagnosisRequest": {}}}
        sealed = SECRET.seal(message, head("Diagnosis", "D2"))
        await till.post(json.dumps(sealed).encode())
        assert b"crypto error (3)" in (await till.read())[1]


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.0\r\n\r\n",
        b"\x00" * 9_000,
        b"POST /nexo HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /nexo HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n",
    ],
)
async def test_what_is_no_http_ends_that_connection_only(data: bytes) -> None:
    async with counter() as here:
        bad = here.till()
        await bad.stream.write(data)
        assert (await bad.stream.read(4096)).startswith(b"HTTP/1.1 400 ")
        while await bad.stream.read(4096):
            pass
        assert (await here.till().ask("Payment", paying(1), "A1"))["Response"][
            "Result"
        ] == "Success"


async def test_another_path_is_not_found() -> None:
    async with counter() as here:
        till = here.till()
        await till.post(b"{}", "/other")
        assert await till.read() == (404, b"{}")


async def test_in_ask_mode_a_person_decides_or_time_runs_out() -> None:
    async with counter(SimulatedAdyenSettings(mode="ask", patience_ms=5_000)) as here:
        till = here.till()
        with pytest.raises(Refused, match="No payment waits"):
            here.terminal.decide("approve")
        await till.send("Payment", paying(5), "A1")
        await here.clock.sleep(1)
        assert here.terminal.pending_minor == 500
        here.terminal.decide("decline")
        assert (await till.answer("Payment"))["Response"]["ErrorCondition"] == "Refusal"
        late = await till.ask("Payment", paying(5), "A2")
        assert late["Response"]["ErrorCondition"] == "Cancel"


@pytest.mark.parametrize("point", [Point.HALF_TOLD, Point.STATUS_TOLD])
async def test_an_answer_can_break_off_in_its_middle(point: Point) -> None:
    async with counter() as here:
        till = here.till()
        here.terminal.cut_at = point
        if point is Point.HALF_TOLD:
            await till.send("Payment", paying(1), "A1")
        else:
            await till.send("TransactionStatus", reference("A1"), "S1")
        with pytest.raises(AssertionError, match="hung up"):
            await till.read()
        assert till.held.startswith(b"HTTP/1.1 200 OK")


def test_a_script_that_is_not_there_is_told_with_those_that_are() -> None:
    made = SimulatedAdyenTerminal(
        SimulatedAdyenSettings(),
        SimulatorPorts(VirtualClock(), open_log("test", io.StringIO())),
    )
    with pytest.raises(Refused, match="does not know 'explode'") as caught:
        made.next_script = "explode"
    assert all(script in caught.value.advice for script in Script)


async def test_a_script_has_it_do_everything_that_can_be_made_to_happen() -> None:
    async with counter() as here:
        till = here.till()

        async def play(action: str, **args: Any) -> None:
            await read_play(SIMULATOR.actions, action, args).on(here.terminal)

        for number, (action, condition) in enumerate(
            {
                "decline": "Refusal",
                "stop_key": "Cancel",
                "refuse_as_busy": "Busy",
                "reach_no_host": "UnreachableHost",
                "approve": "",
            }.items()
        ):
            await play(action)
            answer = await till.ask("Payment", paying(2), f"A{number}")
            assert answer["Response"].get("ErrorCondition", "") == condition
        await play("approve_a_part")
        await till.ask("Payment", paying(2), "B1")
        assert [each["amount_minor"] for each in SIMULATOR.shows(here.terminal)["booked"]] == [
            200,
            100,
        ]
        assert SIMULATOR.shows(here.terminal)["balance_minor"] == 300
        await play("online", on=False)
        health = await till.ask("Diagnosis", {"HostDiagnosisFlag": True}, "C1")
        assert health["POIStatus"]["CommunicationOKFlag"] is False
        await play("forget")
        assert await state(till, "B1", "C2") == "NotFound"
        await play("ask")
        await till.send("Payment", paying(2), "B2")
        await here.clock.sleep(1)
        await play("press", key="decline")
        assert (await till.answer("Payment"))["Response"]["ErrorCondition"] == "Refusal"
        await play("ask", on=False)
        await play("spoil", how="http_error")
        await till.send("Payment", paying(2), "B3")
        assert (await till.read())[0] == 500
        await play("stall_at", point="status", seconds=30)
        began = here.clock.monotonic_ms()
        assert await state(till, "B3", "C3") == ""
        assert here.clock.monotonic_ms() - began == 30_000
        await play("manners", close=True, delay_ms=500)
        await till.send("Diagnosis", {}, "C4")
        assert b"Connection: close" in (await till._more())
        cut = here.till()
        await play("manners")
        await play("cut_at", point="request")
        await cut.send("Payment", paying(2), "B4")
        with pytest.raises(AssertionError, match="hung up"):
            await cut.read()
