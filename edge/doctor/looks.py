"""The looks of the doctor, one thing each: services, ports, certificates, clock, disk, line."""

from __future__ import annotations

import json
import shutil
import socket
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from edge.contract.device_limits import CELSIUS_HOT, CELSIUS_WATCH, CLOCK_MS_MIN, DISK_WATCH_BYTES
from edge.contract.errors import SettingsInvalid
from edge.contract.instant import Clock, iso_utc
from edge.contract.life_limits import (
    CERTIFICATE_RENEW_DAYS,
    DOCTOR_LOOK_S_MAX,
    RESTARTS_WATCH,
)
from edge.contract.limits import DISK_FREE_BYTES_MIN
from edge.doctor.finding import Finding, State
from edge.doctor.settings_on_disk import Office
from edge.runtime.machine_readings import Machine
from edge.runtime.tls_contexts import own_context

_MIB: Final = 1_048_576
_BOOTED: Final = Path("/run/systemd/system")
_WHAT_OF_A_UNIT: Final = "ActiveState,SubState,NRestarts,Result"
_THROTTLED: Final = "sys/devices/platform/soc/soc:firmware/get_throttled"
"""The Raspberry Pi's firmware: bit 0 under-voltage now, bit 16 since the start."""
_UNDER_VOLTAGE: Final = 0x1_0001

Run = Callable[[Sequence[str]], str]
"""Runs a program and returns what it said; raises OSError or SubprocessError."""


def run(words: Sequence[str]) -> str:
    """Run a program that answers soon."""
    done = subprocess.run(  # noqa: S603 - words of ours, no shell
        words, capture_output=True, text=True, check=True, timeout=DOCTOR_LOOK_S_MAX
    )
    return done.stdout


def look_at_services(
    services: Sequence[str], run: Run = run, booted: Path = _BOOTED
) -> list[Finding]:
    """Say of each unit whether it is up, and whether it falls over again and again."""
    if not booted.exists():
        return []  # sd_booted(3): this machine does not run systemd, programs start by hand
    return [_service(unit, run) for unit in ("mosquitto", *(f"tillbox-{s}" for s in services))]


def _service(unit: str, run: Run) -> Finding:
    try:
        told = run(["systemctl", "show", "-p", _WHAT_OF_A_UNIT, f"{unit}.service"])
    except (OSError, subprocess.SubprocessError) as error:
        return Finding(unit, State.WATCH, f"systemd does not say how it is: {error}.")
    said = dict(line.split("=", 1) for line in told.splitlines() if "=" in line)
    restarts = int(said.get("NRestarts") or 0)
    if said.get("ActiveState") != "active":
        how = f"{said.get('ActiveState')} ({said.get('SubState')}, {said.get('Result')})"
        return Finding(
            unit,
            State.ILL,
            f"It does not run: {how}.",
            f"sudo systemctl enable --now {unit}; why it ended: journalctl -u {unit} -n 50",
        )
    if restarts >= RESTARTS_WATCH:
        return Finding(
            unit,
            State.WATCH,
            f"It runs, and was started anew {restarts} times.",
            f"What it ended of: journalctl -u {unit} -p warning",
        )
    return Finding(unit, State.WELL, "It runs.")


def look_at_box(port: int, certificate: Path | None) -> list[Finding]:
    """Ask the box itself how its parts are."""
    try:
        tls = own_context(certificate) if certificate else None
        scheme = "https" if tls else "http"
        with urllib.request.urlopen(  # noqa: S310 - http or https, of this machine
            f"{scheme}://127.0.0.1:{port}/health", timeout=DOCTOR_LOOK_S_MAX, context=tls
        ) as answer:
            items: list[dict[str, Any]] = json.load(answer)["items"]
    except urllib.error.HTTPError as error:
        try:
            items = json.load(error)["items"]
        except (ValueError, KeyError):
            return [_box_silent(port, f"it answers {error.code}")]
    except SettingsInvalid as error:
        return [Finding("box", State.ILL, error.message, error.advice)]
    except urllib.error.URLError as error:
        return [_box_silent(port, str(error.reason))]
    except (OSError, ValueError, KeyError) as error:
        return [_box_silent(port, str(error))]
    return [
        Finding(
            f"box: {item['name']}",
            State.WELL if item["well"] else State.ILL,
            item["words"],
            item.get("advice", ""),
        )
        for item in items
    ]


def _box_silent(port: int, why: str) -> Finding:
    return Finding(
        "box",
        State.ILL,
        f"It does not answer on port {port}: {why}.",
        "See what is said of tillbox-edge above; tills cannot sell until it answers.",
    )


def look_at_certificates(certificates: Sequence[Path], clock: Clock) -> list[Finding]:
    """Say how long the certificates that this box shows are good yet."""
    from edge.runtime.certificates import load_certificate  # noqa: PLC0415 - loaded when asked

    found = []
    now = datetime.fromtimestamp(clock.now_ms() / 1000, UTC)
    for path in certificates:
        try:
            ends = load_certificate(path).not_valid_after_utc
        except SettingsInvalid as error:
            found.append(Finding(path.name, State.ILL, error.message, error.advice))
            continue
        day = f"{ends:%Y-%m-%d}"
        renew = "Have a new one made; for the broker: tillbox broker renew-certificate."
        if ends <= now:
            found.append(Finding(path.name, State.ILL, f"It ended on {day}.", renew))
        elif ends - now < timedelta(days=CERTIFICATE_RENEW_DAYS):
            found.append(Finding(path.name, State.WATCH, f"It ends on {day}.", renew))
        else:
            found.append(Finding(path.name, State.WELL, f"It is good until {day}."))
    return found


def look_at_machine(state: Path, clock: Clock, machine: Machine) -> list[Finding]:
    """Look at disk, clock, warmth and power of the machine."""
    return [
        _disk(state),
        _clock(clock, machine),
        *_warmth(machine),
        *_power(machine.root / _THROTTLED),
    ]


def _disk(state: Path) -> Finding:
    try:
        free = shutil.disk_usage(state).free
    except OSError as error:
        return Finding("disk", State.ILL, f"{state} cannot be looked at: {error.strerror}.")
    words = f"{free // _MIB} MiB are free for {state}."
    if free < DISK_FREE_BYTES_MIN:
        return Finding("disk", State.ILL, words, "Make room: no new sale is begun on a full disk.")
    if free < DISK_WATCH_BYTES:
        return Finding("disk", State.WATCH, words, "Plan a larger one.")
    return Finding("disk", State.WELL, words)


def _clock(clock: Clock, machine: Machine) -> Finding:
    now = iso_utc(clock.now_ms())
    if clock.now_ms() < CLOCK_MS_MIN:
        return Finding(
            "clock",
            State.ILL,
            f"It shows {now}: nobody set it. Receipts have this date.",
            "Connect the box to a time server (chrony), or set it: sudo timedatectl set-time.",
        )
    if machine.read().clock_set is False:
        return Finding(
            "clock",
            State.WATCH,
            f"It shows {now}; no time server has set it for hours.",
            "Check chrony: chronyc sources. The shop sells on.",
        )
    return Finding("clock", State.WELL, f"It shows {now}.")


def _warmth(machine: Machine) -> list[Finding]:
    celsius = machine.read().celsius
    if celsius is None:
        return []
    words = f"The processor has {celsius} degrees."
    if celsius >= CELSIUS_HOT:
        return [Finding("warmth", State.ILL, words, "Give it air: it slows down by itself.")]
    if celsius >= CELSIUS_WATCH:
        return [Finding("warmth", State.WATCH, words, "See that its case is not covered.")]
    return [Finding("warmth", State.WELL, words)]


def _power(throttled: Path) -> list[Finding]:
    try:
        bits = int(throttled.read_text("ascii"), 16)
    except (OSError, ValueError):
        return []  # no Raspberry Pi
    if bits & _UNDER_VOLTAGE:
        return [
            Finding(
                "power",
                State.ILL if bits & 1 else State.WATCH,
                "Its power supply was too weak" + (" now." if bits & 1 else " since the start."),
                "Give it its own supply and a short cable; printers and drawers another one.",
            )
        ]
    return [Finding("power", State.WELL, "Its supply is strong enough.")]


@dataclass(frozen=True)
class Line:
    """The way to head office, step by step: the first step that fails is what is told."""

    office: Office

    def look(self) -> Finding:
        """Resolve the name, connect, and speak TLS."""
        office = self.office
        at = f"{office.host}:{office.port}"
        try:
            places = socket.getaddrinfo(office.host, office.port, type=socket.SOCK_STREAM)
        except OSError as error:
            return self._ill(
                f"The name {office.host} leads nowhere: {error.strerror or error}.",
                "Check the cable, the router, and the name in sync.toml.",
            )
        try:
            with socket.create_connection(
                (office.host, office.port), timeout=DOCTOR_LOOK_S_MAX
            ) as plain:
                if office.tls is not None:
                    with office.tls.wrap_socket(plain, server_hostname=office.host):
                        pass
        except ssl.SSLCertVerificationError as error:
            return self._ill(
                f"{at} answers and is not whom this box trusts: {error.verify_message}.",
                "Check the clock above, and ca_file in sync.toml. Somebody may sit in between.",
            )
        except OSError as error:
            return self._ill(
                f"{at} ({places[0][4][0]}) does not answer: {error.strerror or error}.",
                "The shop sells on. Check the router and head office itself.",
            )
        return Finding("head office", State.WELL, f"{at} answers.")

    @staticmethod
    def _ill(words: str, advice: str) -> Finding:
        return Finding("head office", State.ILL, words, advice)
