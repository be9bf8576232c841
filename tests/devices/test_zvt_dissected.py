"""An outside reader of the protocol, tshark, understands both sides of our dialogue."""

from __future__ import annotations

import shutil
import struct
import subprocess
from pathlib import Path

import pytest

from devices.drivers.terminal_zvt.settings import TerminalZvtSettings
from devices.protocols import zvt_commands as commands
from devices.protocols.zvt_apdu import Control, encode_apdu
from devices.simulators.terminal_zvt.scripts import SimulatedTerminalSettings
from devices.transports.byte_stream import ByteStream
from edge.contract.device_messages import JobKind
from edge.contract.device_states import DriverState
from edge.contract.terminal_messages import ServiceTerminalArgs
from tests.devices.serial_wire import SerialWire
from tests.devices.zvt_shop import ADDRESS, zvt_shop

TILL, TERMINAL = bytes([192, 0, 2, 10]), bytes([192, 0, 2, 20])
TILL_PORT, ZVT_PORT = 40_001, 20_007


class Tap:
    """Keeps what passes, as (from the till, bytes)."""

    def __init__(self, stream: ByteStream, passed: list[tuple[bool, bytes]]) -> None:
        self._stream = stream
        self._passed = passed

    async def read(self, max_bytes: int) -> bytes:
        data = await self._stream.read(max_bytes)
        if data:
            self._passed.append((False, data))
        return data

    async def write(self, data: bytes) -> None:
        self._passed.append((True, data))
        await self._stream.write(data)

    async def close(self) -> None:
        await self._stream.close()


def pcap(passed: list[tuple[bool, bytes]]) -> bytes:
    """Return a capture file: Ethernet, IPv4 and TCP around each piece, one connection."""
    out = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 1)
    sequence = {True: 1_000, False: 5_000}
    for at, (from_till, data) in enumerate(passed):
        source, target = (TILL, TERMINAL) if from_till else (TERMINAL, TILL)
        ports = (TILL_PORT, ZVT_PORT) if from_till else (ZVT_PORT, TILL_PORT)
        tcp = struct.pack(
            ">HHIIBBHHH",
            *ports,
            sequence[from_till],
            sequence[not from_till],
            0x50,
            0x18,
            8192,
            0,
            0,
        )
        sequence[from_till] += len(data)
        size = 20 + len(tcp) + len(data)
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, size, at, 0, 64, 6, 0, source, target)
        packet = b"\x02\0\0\0\0\1\x02\0\0\0\0\2\x08\0" + ip + tcp + data
        out += struct.pack("<IIII", 1_795_000_000 + at, 0, len(packet), len(packet)) + packet
    return out


def serial_pcap(passed: list[bytes]) -> bytes:
    """Return a capture file of what each end wrote on a serial line (link type 147)."""
    out = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 147)
    for at, data in enumerate(passed):
        out += struct.pack("<IIII", 1_795_000_000 + at, 0, len(data), len(data)) + data
    return out


SERIAL = 'uat:user_dlts:"User 0 (DLT=147)","zvt","0","","0",""'


def dissect(file: Path, *arguments: str) -> list[list[str]]:
    command = ["tshark", "-r", str(file), "-d", f"tcp.port=={ZVT_PORT},zvt", "-o", SERIAL]
    command += arguments
    done = subprocess.run(command, capture_output=True, check=True, text=True, timeout=50)
    return [line.split("\t") for line in done.stdout.splitlines()]


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
@pytest.mark.parametrize("config_byte", [0xBE, 0x08])
async def test_tshark_reads_the_whole_dialogue(tmp_path: Path, config_byte: int) -> None:
    passed: list[tuple[bool, bytes]] = []
    till = TerminalZvtSettings(ADDRESS, config_byte=config_byte)
    async with zvt_shop(SimulatedTerminalSettings(), till, start=False) as shop:
        plain = shop.ports.connector

        async def tapped() -> ByteStream:
            return Tap(await plain(), passed)

        shop.ports.connector = tapped
        shop.start_driver()
        await shop.until(DriverState.READY)
        await shop.driver.perform(shop.pay(123_456))
        await shop.driver.perform(shop.pay(77))
        await shop.driver.perform(shop.refund(55))
        await shop.driver.perform(shop.reversal(77, "0002"))
        await shop.driver.perform(shop.end_of_day())
        await shop.driver.perform(shop.job(JobKind.SERVICE_TERMINAL, ServiceTerminalArgs(True)))
    # what the driver never sends by itself stands in the capture too
    passed += [(True, encode_apdu(commands.diagnosis())), (True, encode_apdu(commands.log_off()))]
    file = tmp_path / "payment.pcap"
    file.write_bytes(pcap(passed))

    assert dissect(file, "-Y", "_ws.malformed || zvt.apdu_len.invalid || tcp.analysis.flags") == []
    fields = (
        "control_field",
        "amount",
        "trace_number",
        "result_code",
        "cc",
        "terminal_id",
        "card_type",
    )
    wanted = [part for name in fields for part in ("-e", f"zvt.{name}")]
    rows = dissect(
        file, "-Y", f"tcp.dstport=={TILL_PORT} && zvt.result_code", "-T", "fields", *wanted
    )
    assert [row[1:] for row in rows if int(row[0], 16) == Control.STATUS_INFORMATION] == [
        ["123456", "000001", "0x00", "0x0978", "52000042", "5"],
        ["123456", "000001", "0x00", "0x0978", "52000042", "5"],
        ["77", "000002", "0x00", "0x0978", "52000042", "5"],
        ["77", "000002", "0x00", "0x0978", "52000042", "5"],
        ["55", "000003", "0x00", "0x0978", "52000042", "5"],
        ["55", "000003", "0x00", "0x0978", "52000042", "5"],
        ["77", "000004", "0x00", "0x0978", "52000042", "5"],
        ["77", "000004", "0x00", "0x0978", "52000042", "5"],
        ["123401", "", "0x00", "", "", ""],
        ["123401", "000005", "0x00", "", "", ""],
    ]
    sent = dissect(file, "-Y", f"tcp.srcport=={TILL_PORT} && zvt.amount", "-T", "fields", *wanted)
    assert [(int(row[0], 16), row[1], row[4]) for row in sent] == [
        (Control.AUTHORISATION, "123456", "0x0978"),
        (Control.AUTHORISATION, "77", "0x0978"),
        (Control.REFUND, "55", "0x0978"),
    ]
    controls = dissect(file, "-Y", "zvt.control_field", "-T", "fields", "-e", "zvt.control_field")
    seen = {int(value, 16) for row in controls for value in row[0].split(",")}
    assert {Control.REGISTRATION, Control.COMPLETION, Control.INTERMEDIATE_STATUS} <= seen
    assert {Control.REFUND, Control.REVERSAL} <= seen
    assert {Control.END_OF_DAY, Control.INITIALISATION} <= seen  # it has no name for 06 10
    assert (Control.PRINT_BLOCK in seen) == (config_byte == 0xBE)


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
async def test_tshark_reads_the_blocks_of_a_serial_line(tmp_path: Path) -> None:
    passed: list[bytes] = []

    def keep(data: bytes) -> bytes:
        passed.append(data)
        return data

    async with zvt_shop(SimulatedTerminalSettings(), serial=True, start=False) as shop:
        assert isinstance(shop.cable, SerialWire)
        shop.cable.to_till.spoil = shop.cable.to_terminal.spoil = keep
        shop.start_driver()
        await shop.until(DriverState.READY)
        await shop.driver.perform(shop.pay(123_456))
        await shop.driver.perform(shop.refund(55))
    # tshark does not take doubled bytes apart: a text with a 10 in its length would be cut off
    file = tmp_path / "serial.pcap"
    file.write_bytes(serial_pcap([each for each in passed if b"\x10\x10" not in each]))

    assert dissect(file, "-Y", "_ws.malformed || zvt.apdu_len.invalid") == []
    fields = ("control_field", "amount", "ccrc", "serial_char")
    wanted = [part for name in fields for part in ("-e", f"zvt.{name}")]
    rows = dissect(file, "-T", "fields", *wanted)
    controls = [int(row[0], 16) for row in rows if row[0]]
    assert {0x0600, 0x0601, 0x0620, 0x0631, 0x060F, 0x04FF, 0x040F} <= set(controls)
    answers = sum(row[2] == "0x80" for row in rows)
    assert answers >= len(controls), "each message is answered by 80 00 00"
    amounts = [(int(row[0], 16), row[1]) for row in rows if row[1]]
    assert (Control.AUTHORISATION, "123456") in amounts
    assert (Control.REFUND, "55") in amounts
    assert sum(row[3] == "0x06" for row in rows) >= len(controls) + answers, "a 06 for each block"
