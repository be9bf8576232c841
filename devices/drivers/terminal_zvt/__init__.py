"""Payment terminals that speak ZVT over TCP or serial: Germany, Austria, Switzerland."""

from __future__ import annotations

from typing import Final

from devices.driver import DriverSpec, Replay, Rung
from devices.drivers.terminal_zvt.payments import TerminalZvt
from devices.drivers.terminal_zvt.settings import TerminalZvtSettings, terminal_connector
from edge.contract.device_messages import JobKind
from edge.contract.device_states import DeviceClass

DRIVER: Final = DriverSpec(
    name="terminal_zvt",
    device_class=DeviceClass.TERMINAL,
    settings=TerminalZvtSettings,
    example=TerminalZvtSettings(address="tcp://192.0.2.20:20007"),
    connector=terminal_connector,
    build=TerminalZvt,
    job_kinds=frozenset(
        {
            JobKind.AUTHORISE_PAYMENT,
            JobKind.REFUND_PAYMENT,
            JobKind.REVERSE_PAYMENT,
            JobKind.RESERVE_PAYMENT,
            JobKind.CAPTURE_RESERVATION,
            JobKind.RELEASE_RESERVATION,
            JobKind.INQUIRE_PAYMENT,
            JobKind.ABORT_PAYMENT,
            JobKind.END_OF_DAY,
            JobKind.INQUIRE_END_OF_DAY,
            JobKind.REPEAT_CARD_RECEIPT,
            JobKind.SERVICE_TERMINAL,
            JobKind.LOG_OFF_TERMINAL,
            JobKind.CHECK_HEALTH,
        }
    ),
    model="any terminal of ZVT revision 13, on the network or a serial line",
    capabilities=(
        "authorise",
        "refund",
        "reverse",
        "reserve",
        "inquire",
        "abort",
        "receipts",
        "end_of_day",
        "service",
    ),
    rung=Rung.SIMULATED,
    replay=Replay.REDACTED,
)
