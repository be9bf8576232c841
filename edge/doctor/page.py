"""The doctor's page, and the command that prints it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from edge.contract.errors import SettingsInvalid
from edge.contract.instant import Clock
from edge.doctor.finding import Finding, State
from edge.doctor.looks import (
    Line,
    look_at_box,
    look_at_certificates,
    look_at_machine,
    look_at_services,
)
from edge.doctor.settings_on_disk import BoxFiles
from edge.runtime.command_line import Command
from edge.runtime.machine_readings import Machine
from edge.runtime.system_clock import SystemClock

SETTINGS: Final = Path("/etc/tillbox")
_STATE: Final = Path("/var/lib/tillbox")
_SIGNS: Final = {State.ILL: "ILL  ", State.WATCH: "watch", State.WELL: "well "}
_WORST_FIRST: Final = (State.ILL, State.WATCH, State.WELL)


def examine(files: BoxFiles, clock: Clock, machine: Machine) -> tuple[Finding, ...]:
    """Look at everything; what depends on settings that cannot be read is left out."""
    found = files.findings()
    if not files.services:
        return tuple(found)
    found += look_at_services(files.services)
    state = _STATE
    if "edge" in files.services and found[0].state is State.WELL:
        edge = files.edge()
        state = edge.data_dir
        found += look_at_box(edge.web.port, edge.web.certificate_file)
    found += look_at_certificates(files.certificates, clock)
    found += look_at_machine(_existing(state), clock, machine)
    try:
        office = files.office()
    except SettingsInvalid as error:
        found.append(Finding("head office", State.ILL, error.message, error.advice))
    else:
        found += [Line(office).look()] if office is not None else []
    return tuple(found)


def page(found: Sequence[Finding]) -> str:
    """Return the page: what is ill first, each with its next step."""
    width = max(len(each.what) for each in found)
    lines = []
    for state in _WORST_FIRST:
        for each in found:
            if each.state is state:
                lines.append(f"{_SIGNS[state]}  {each.what:{width}}  {each.words}")
                if each.advice and state is not State.WELL:
                    lines.append(f"{'':{len(_SIGNS[state]) + width + 4}}-> {each.advice}")
    ill, watch = (sum(each.state is state for each in found) for state in _WORST_FIRST[:2])
    ends = {
        (False, False): "All is well.",
        (False, True): f"Nothing is ill; {watch} to watch.",
    }
    last = ends.get((bool(ill), bool(watch)), f"{ill} ill, {watch} to watch.")
    return "\n".join((*lines, "", last, ""))


def _existing(path: Path) -> Path:
    """Return a folder or the nearest one above it that is there: a service makes its own."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--folder", type=Path, default=SETTINGS, help=f"settings ({SETTINGS})")
    parser.add_argument("--json", action="store_true", help="for programs")


def _run(given: argparse.Namespace) -> int:
    found = examine(BoxFiles(given.folder.absolute()), SystemClock(), Machine())
    if given.json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(found)).decode() + "\n")
    else:
        sys.stdout.write(page(found))
    return int(any(each.state is State.ILL for each in found))


COMMAND: Final = Command(
    "doctor", "say what is wrong with this box, and what to do", _configure, _run
)
