"""Lines beside the bytes: in memory, of serial ports (played), recorded."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest
import serialx

from devices.transports.byte_stream import ByteStream
from devices.transports.flight_recorder import FlightRecorder, RecordedStream
from devices.transports.memory_pipe import memory_pipe
from devices.transports.modem_lines import modem_lines
from devices.transports.serial_port import SerialLine, serial_connector
from devices.transports.signal_lines import SignalLines, lines_of
from edge.contract.device_limits import (
    LINES_LOOK_MS,
)
from edge.contract.errors import DeviceUnreachable
from edge.runtime.system_clock import SystemClock
from tests.devices.virtual_clock import VirtualClock


def lines(stream: ByteStream) -> SignalLines:
    found = lines_of(stream)
    assert found is not None
    return found


# --- in memory ---------------------------------------------------------------------------


async def test_what_one_end_drives_the_other_reads() -> None:
    pipe = memory_pipe()
    near, far = lines(pipe.near), lines(pipe.far)
    assert await near.levels() == await far.levels() == frozenset()
    await far.drive("cts", on=True)
    await near.drive("dtr", on=True)
    await near.drive("rts", on=True)
    assert await near.levels() == {"cts"}
    assert await far.levels() == {"dtr", "rts"}
    await near.drive("dtr", on=False)
    assert await far.levels() == {"rts"}


async def test_a_change_is_waited_for_and_never_missed() -> None:
    pipe = memory_pipe()
    near, far = lines(pipe.near), lines(pipe.far)
    waiting = asyncio.create_task(near.changed(frozenset()))
    await asyncio.sleep(0)
    assert not waiting.done()
    await far.drive("ri", on=True)
    assert await waiting == {"ri"}
    assert await near.changed(frozenset()) == {"ri"}, "it changed before anybody asked"


@pytest.mark.parametrize("how", ["cut", "closed here"])
async def test_lines_end_with_their_connection(how: str) -> None:
    pipe = memory_pipe()
    near = lines(pipe.near)
    waiting = asyncio.create_task(near.changed(frozenset()))
    await asyncio.sleep(0)
    await (pipe.cut() if how == "cut" else pipe.near.close())
    with pytest.raises(DeviceUnreachable, match="pulled" if how == "cut" else "closed"):
        await waiting
    with pytest.raises(DeviceUnreachable):
        await near.levels()
    with pytest.raises(DeviceUnreachable):
        await near.drive("dtr", on=True)


async def test_an_end_that_closes_lets_go_of_its_lines() -> None:
    pipe = memory_pipe()
    near, far = lines(pipe.near), lines(pipe.far)
    await far.drive("cts", on=True)
    waiting = asyncio.create_task(near.changed(frozenset({"cts"})))
    await asyncio.sleep(0)
    await pipe.far.close()
    assert await waiting == frozenset()


async def test_the_flight_recorder_writes_down_what_changes() -> None:
    pipe, recorder = memory_pipe(), FlightRecorder(VirtualClock())
    recorded = lines(RecordedStream(pipe.near, recorder, VirtualClock()))
    await recorded.drive("dtr", on=True)
    await lines(pipe.far).drive("cts", on=True)
    assert await recorded.levels() == {"cts"}
    await recorded.changed(frozenset())
    await lines(pipe.far).drive("cts", on=False)
    await recorded.changed(frozenset({"cts"}))
    await recorded.drive("dtr", on=False)
    assert [entry.data for entry in recorder.entries()] == [
        b"line dtr on",
        b"lines on: cts",
        b"lines on: none",
        b"line dtr off",
    ]


class Bare:
    """A stream without lines, as TCP."""

    async def read(self, max_bytes: int) -> bytes:
        return b"x"[:max_bytes]

    async def write(self, data: bytes) -> None:
        pass

    async def close(self) -> None:
        pass


def test_a_stream_without_lines_has_none_when_it_is_recorded_too() -> None:
    bare = Bare()
    assert lines_of(bare) is None
    assert lines_of(RecordedStream(bare, FlightRecorder(VirtualClock()), VirtualClock())) is None


# --- of a serial port --------------------------------------------------------------------

LOW, HIGH = serialx.PinState.LOW, serialx.PinState.HIGH


@dataclass
class PlayedPort:
    """A transport of serialx whose pins a test sets."""

    pins: dict[str, serialx.PinState] = field(
        default_factory=lambda: (
            dict.fromkeys(("cts", "dsr", "rng", "car"), LOW) | {"dtr": HIGH, "rts": HIGH}
        )
    )
    error: Exception | None = None

    async def get_modem_pins(self) -> serialx.ModemPins:
        if self.error is not None:
            raise self.error
        return serialx.ModemPins(**self.pins)

    async def set_modem_pins(self, *, dtr: bool | None = None, rts: bool | None = None) -> None:
        if self.error is not None:
            raise self.error
        for name, on in (("dtr", dtr), ("rts", rts)):
            if on is not None:
                self.pins[name] = HIGH if on else LOW


@pytest.mark.parametrize(
    ("pin", "name"), [("cts", "cts"), ("dsr", "dsr"), ("rng", "ri"), ("car", "dcd")]
)
async def test_the_inputs_of_a_port_by_name(pin: str, name: str) -> None:
    port = PlayedPort()
    found = await modem_lines(port, VirtualClock(), "/dev/ttyUSB0")
    assert found is not None
    assert await found.levels() == frozenset()
    port.pins[pin] = HIGH
    assert await found.levels() == {name}


async def test_the_outputs_of_a_port_can_be_driven() -> None:
    port = PlayedPort()
    found = await modem_lines(port, VirtualClock(), "/dev/ttyUSB0")
    assert found is not None
    await found.drive("dtr", on=False)
    assert (port.pins["dtr"], port.pins["rts"]) == (LOW, HIGH)
    await found.drive("rts", on=False)
    assert await found.levels() == frozenset(), "off because we drove them so"
    await found.drive("dtr", on=True)
    assert (port.pins["dtr"], port.pins["rts"]) == (HIGH, LOW)
    with pytest.raises(ValueError, match="cannot drive 'cts'"):
        await found.drive("cts", on=True)


async def test_a_port_is_looked_at_ten_times_a_second() -> None:
    port, clock = PlayedPort(), VirtualClock()
    found = await modem_lines(port, clock, "/dev/ttyUSB0")
    assert found is not None
    async with clock.running():
        waiting = asyncio.create_task(found.changed(frozenset()))
        await clock.sleep(5.01)
        port.pins["cts"] = HIGH
        began = clock.monotonic_ms()
        assert await waiting == {"cts"}
        assert clock.monotonic_ms() - began <= LINES_LOOK_MS


async def test_a_port_that_is_pulled_is_no_change_of_its_lines() -> None:
    """serialx takes an error of the kernel for "all lines off", its own outputs too."""
    port = PlayedPort()
    port.pins["cts"] = HIGH
    found = await modem_lines(port, VirtualClock(), "/dev/ttyUSB0")
    assert found is not None
    port.pins = dict.fromkeys(port.pins, LOW)
    with pytest.raises(DeviceUnreachable, match="/dev/ttyUSB0 is gone"):
        await found.changed(frozenset({"cts"}))


@pytest.mark.parametrize("error", [OSError(5, "I/O error"), serialx.SerialException("broken")])
async def test_an_error_of_the_port_is_said_in_words(error: Exception) -> None:
    port = PlayedPort()
    found = await modem_lines(port, VirtualClock(), "/dev/ttyUSB0")
    assert found is not None
    port.error = error
    with pytest.raises(DeviceUnreachable, match=r"gone\. Check its adapter"):
        await found.levels()
    with pytest.raises(DeviceUnreachable, match="gone"):
        await found.drive("dtr", on=True)


async def test_an_adapter_that_does_not_show_its_own_lines_is_not_taken_for_gone() -> None:
    port = PlayedPort()
    port.pins |= {"dtr": LOW, "rts": LOW, "cts": HIGH}
    found = await modem_lines(port, VirtualClock(), "/dev/ttyUSB0")
    assert found is not None
    assert await found.levels() == {"cts"}


@pytest.mark.parametrize("wanted", [True, False])
async def test_a_pseudo_terminal_has_no_lines(wanted: bool) -> None:
    import os  # noqa: PLC0415 - of this test alone
    import pty  # noqa: PLC0415

    master, slave = pty.openpty()
    try:
        line = SerialLine(os.ttyname(slave), modem_lines=wanted)
        stream = await serial_connector(line, SystemClock())()
        assert lines_of(stream) is None
        await stream.write(b"\x07")
        assert os.read(master, 10) == b"\x07"
        await stream.close()
    finally:
        os.close(master)
        os.close(slave)
