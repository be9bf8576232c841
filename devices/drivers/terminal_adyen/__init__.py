"""Payment terminals of Adyen in the shop's own network: Terminal API, local and encrypted."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from devices.driver import DriverSpec, Replay, Rung
from devices.drivers.terminal_adyen.payments import TerminalAdyen
from devices.drivers.terminal_adyen.settings import TerminalAdyenSettings, terminal_connector
from edge.contract.device_messages import JobKind
from edge.contract.device_states import DeviceClass

TRIAL_KEY: Final = Path(__file__).with_name("trial_key.json")
"""The key of simulated terminals, and the shape of a key file. No real terminal has it."""

DRIVER: Final = DriverSpec(
    name="terminal_adyen",
    device_class=DeviceClass.TERMINAL,
    settings=TerminalAdyenSettings,
    example=TerminalAdyenSettings(
        address="tls://192.0.2.30:8443?ca=/etc/tillbox/adyen-root.pem"
        "&name=S1F2-000158213605014.live.terminal.adyen.com",
        poi_id="S1F2-000158213605014",
        key_file=str(TRIAL_KEY),
    ),
    connector=terminal_connector,
    build=TerminalAdyen,
    job_kinds=frozenset(
        {
            JobKind.AUTHORISE_PAYMENT,
            JobKind.REFUND_PAYMENT,
            JobKind.REVERSE_PAYMENT,
            JobKind.INQUIRE_PAYMENT,
            JobKind.ABORT_PAYMENT,
            JobKind.CHECK_HEALTH,
        }
    ),
    model="any terminal with Terminal API, local communications",
    capabilities=("authorise", "refund", "reverse", "inquire", "abort", "receipts"),
    rung=Rung.SIMULATED,
    # what was on the wire is encrypted: its recording is what was said, for people
    replay=Replay.READ_ONLY,
)
