"""`tillbox devices recordings` and `tillbox devices replay`."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from devices.recordings.bundle import Bundle
from devices.recordings.recording_folder import (
    RecordingFolder,
    StoredRecording,
    read_recording,
)
from devices.settings import DevicesSettings
from devices.transports.flight_recorder import IN, OUT
from edge.contract.errors import Refused, SettingsInvalid
from edge.contract.instant import iso_utc
from edge.runtime.settings_file import load
from edge.runtime.structured_log import open_log

SAME: Final = 0
DIFFERENT: Final = 1
UNUSABLE: Final = 2


def configure(actions: Any) -> None:
    """Add both to the subcommands of `tillbox devices` (argparse has no public type for them)."""
    listing = actions.add_parser(
        "recordings",
        help="list what the flight recorders of this host's devices have kept",
        description="Lists the recordings that this host keeps: the newest of each device, made "
        "when it was lost or when somebody asked (job save_recording).",
    )
    where = listing.add_mutually_exclusive_group(required=True)
    where.add_argument(
        "--config", type=Path, metavar="FILE.toml", dest="recordings_config", help="devices.toml"
    )
    where.add_argument("--folder", type=Path, metavar="DIR", help="the folder of recordings")
    listing.set_defaults(act=list_recordings)
    replaying = actions.add_parser(
        "replay",
        help="play a recording into its driver",
        description="Plays what the device said into the same driver, on the recording's time, "
        "without any hardware; prints states, events and results as they happen. Exit status: 0 "
        "the driver wrote the same bytes as then, 1 it did not, 2 it cannot be played.",
    )
    replaying.add_argument("recording", type=Path, metavar="FILE", help="a recording")
    replaying.add_argument("--bytes", action="store_true", help="print the bytes too, both ways")
    replaying.add_argument(
        "--read", action="store_true", help="play nothing: print what is in the recording"
    )
    replaying.set_defaults(act=replay)


# --- recordings ---------------------------------------------------------------------------


def list_recordings(arguments: argparse.Namespace) -> int:
    """Print a line for each recording; the exit status is 0 though some cannot be read."""
    try:
        folder = (
            arguments.folder or load(arguments.recordings_config, DevicesSettings).recordings_folder
        )
    except SettingsInvalid as error:
        return _complain(error)
    stored = RecordingFolder(folder).stored()
    for each in stored:
        _say(_line(each))
    if not stored:
        _say(f"There are no recordings in {folder}.")
    return SAME


def _line(stored: StoredRecording) -> str:
    if stored.bundle is None:
        return f"{stored.path}  {stored.trouble}"
    heading = stored.bundle.heading
    words = f": {heading.words}" if heading.words else ""
    return (
        f"{stored.path}  {heading.device} ({heading.driver})  {iso_utc(heading.at_ms)}  "
        f"{heading.reason}{words}  {len(stored.bundle.entries)} entries, {stored.size_bytes} bytes"
    )


# --- replay -------------------------------------------------------------------------------


def replay(arguments: argparse.Namespace) -> int:
    """Play one recording and say how it went."""
    try:
        bundle = read_recording(arguments.recording)
        if arguments.read:
            for line in _told(bundle):
                _say(line)
            return SAME
        same = asyncio.run(_play(bundle, show_bytes=arguments.bytes))
    except (Refused, SettingsInvalid) as error:
        return _complain(error)
    return SAME if same else DIFFERENT


async def _play(bundle: Bundle, *, show_bytes: bool) -> bool:
    from devices.replaying.replay import RecordingReplay  # noqa: PLC0415 - loaded when asked

    played = RecordingReplay(bundle, _say, show_bytes=show_bytes)
    return (await played.run(open_log("replay"))).same


def _told(bundle: Bundle) -> Iterator[str]:
    for entry in bundle.entries:
        words = (
            entry.data.hex(" ") if entry.way in {IN, OUT} else entry.data.decode(errors="replace")
        )
        yield f"{iso_utc(entry.at_ms)}  {entry.way:4}  {words}"


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


def _complain(error: Exception) -> int:
    sys.stderr.write(f"{error}\n")
    return UNUSABLE
