"""`tillbox update`: what a person, or a unit at each start, asks of an update on a box."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from edge.contract.errors import SettingsInvalid
from edge.contract.instant import Clock
from edge.doctor.finding import State
from edge.doctor.looks import look_at_box, look_at_machine, look_at_services
from edge.doctor.settings_on_disk import BoxFiles
from edge.runtime.command_line import Command
from edge.runtime.keys import VerifyingKey
from edge.runtime.machine_readings import Machine
from edge.runtime.process_life import run_process
from edge.runtime.structured_log import Log
from edge.updating.boot_choice import BootChoice, Slot
from edge.updating.bundle import open_bundle
from edge.updating.installing import Box, by_partition_label, install
from edge.updating.trial import begin_trial, settle
from edge.updating.update_record import Phase, read_record

_ROOT: Final = Path("/")
_SETTINGS: Final = Path("etc/tillbox")
_RECORD: Final = Path("var/lib/tillbox/update")
_AUTOBOOT: Final = Path("boot/autoboot")
_KEYS: Final = Path("usr/lib/tillbox-image/update-keys")
_MACHINE: Final = Path("usr/lib/tillbox-image/machine")
_SLOT_WORD: Final = "root=PARTLABEL=root-"
_MUST: Final = frozenset({"box", "box: ledger", "box: disk", "box: bus", "clock", "settings"})
"""What a version has to be well in to be kept. Not the line to head office: a shop may be away."""


def this_box(root: Path) -> Box:
    """Return this machine as a box with two slots. Raises SettingsInvalid when it is none."""
    try:
        words = (root / "proc/cmdline").read_text("ascii").split()
        machine = (root / _MACHINE).read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        words, machine = [], ""
    slots = [word.removeprefix(_SLOT_WORD) for word in words if word.startswith(_SLOT_WORD)]
    if not machine or len(slots) != 1 or slots[0] not in set(Slot):
        raise SettingsInvalid(
            "machine_without_slots",
            "This machine was not started from an image with two slots.",
            advice="It is updated by its package: sudo apt install ./tillbox_VERSION_ARCH.deb",
        )
    return Box(
        root / _RECORD,
        BootChoice(root / _AUTOBOOT),
        version("tillbox"),
        Slot(slots[0]),
        machine,
        by_partition_label,
    )


def update_keys(root: Path) -> tuple[VerifyingKey, ...]:
    """Return whose updates this box takes: one key a line. Raises SettingsInvalid."""
    path = root / _KEYS
    try:
        lines = path.read_text("ascii").split()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsInvalid(
            "update_keys_missing", f"{path} cannot be read: {error}.", advice="See image/README.md."
        ) from None
    return tuple(VerifyingKey.from_hex(line) for line in lines)


def wrong_now(root: Path, clock: Clock) -> Sequence[str]:
    """Return what keeps a version under trial from being kept, each in a sentence."""
    files = BoxFiles(root / _SETTINGS)
    found = [*files.findings()]
    if found[0].state is State.WELL and "edge" in files.services:
        edge = files.edge()
        found += look_at_box(edge.web.port, edge.web.certificate_file)
        found += look_at_machine(edge.data_dir, clock, Machine(root))
    units = look_at_services(files.services)
    judged = [each for each in found if each.what in _MUST and each.state is State.ILL]
    judged += [each for each in units if each.state is not State.WELL]
    return [f"{each.what}: {each.words}" for each in judged]


def restart(trial: bool) -> None:  # noqa: FBT001 - the one question of a restart
    """Start the machine anew; the Raspberry Pi's firmware knows a trial by this argument."""
    argument = ("--reboot-argument=0 tryboot",) if trial else ()
    subprocess.run(("systemctl", "reboot", *argument), check=True)  # noqa: S603, S607 - words of ours


# --- the command --------------------------------------------------------------------------


def _configure(parser: argparse.ArgumentParser) -> None:
    actions: Any = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    installing = actions.add_parser("install", help="write an update into the slot not in use")
    installing.add_argument("file", type=Path, help="a signed update")
    actions.add_parser("try", help="start the version that was written, once")
    actions.add_parser("settle", help="at a start: keep or leave what is under trial")
    actions.add_parser("status", help="say how far the newest update is")


def _run(given: argparse.Namespace) -> int:
    box = this_box(_ROOT)
    if given.action == "install":
        with given.file.open("rb") as file:
            record = install(open_bundle(file, update_keys(_ROOT)), box)
        _say(f"{record.version} is in slot {record.slot.value}. Next: tillbox update try")
    elif given.action == "try":
        begin_trial(box, restart)
    elif given.action == "status":
        record = read_record(box.record)
        _say(f"{box.version} runs in slot {box.slot.value}; {box.choice.chosen().value} starts.")
        if record.phase is not Phase.NONE:
            _say(f"{record.version}, slot {record.slot.value}: {record.phase.value}. {record.why}")
    else:
        return run_process("update", lambda clock, log: _settle(box, clock, log))
    return 0


async def _settle(box: Box, clock: Clock, log: Log) -> None:
    record = await settle(box, lambda: wrong_now(_ROOT, clock), restart, clock)
    log.info("update", phase=record.phase.value, version=record.version, reason=record.why)


def _say(line: str) -> None:
    sys.stdout.write(f"{line.rstrip()}\n")


COMMAND: Final = Command(
    "update", "install, try and keep a new version of this box", _configure, _run
)
