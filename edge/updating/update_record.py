"""What this box knows of its updates: in `/var`, which both slots share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

from edge.contract.errors import ProtocolViolation, StorageFailed
from edge.runtime.private_file import replace_private_file
from edge.updating.boot_choice import Slot
from edge.updating.bundle import Version

FILE: Final = "update.json"


class Phase(StrEnum):
    """How far the newest update is.

    `NONE`; `WRITING`: the idle slot is no system now; `WRITTEN`: it is one, read back; `TRYING`:
    the next start is its trial; `KEPT`: it is what starts now; `LEFT`: it was tried and not well,
    or did not start, and the version before runs again.
    """

    NONE = "none"
    WRITING = "writing"
    WRITTEN = "written"
    TRYING = "trying"
    KEPT = "kept"
    LEFT = "left"


class UpdateRecord(msgspec.Struct, frozen=True):
    """`slot` is where `version` was written; `why` it was left, in words.

    `floor` is the oldest version that this box takes: it never sinks. `next_floor` becomes it when
    the version is kept.
    """

    phase: Phase = Phase.NONE
    version: str = ""
    slot: Slot = Slot.B
    why: str = ""
    floor: str = "0.0.0"
    next_floor: str = "0.0.0"


def read_record(folder: Path) -> UpdateRecord:
    """Return what was noted last; without a file there was no update yet.

    Raises StorageFailed for a file that is none: without the floor nothing is installed.
    """
    path = folder / FILE
    try:
        record = msgspec.json.decode(path.read_bytes(), type=UpdateRecord)
        _ = Version.parse(record.floor), Version.parse(record.next_floor)
    except FileNotFoundError:
        return UpdateRecord()
    except (OSError, msgspec.DecodeError, ProtocolViolation) as error:
        raise _unusable(path, error) from error
    return record


def note(folder: Path, record: UpdateRecord) -> UpdateRecord:
    """Keep a record, synced; return it. Raises SettingsInvalid when it cannot be written."""
    replace_private_file(folder / FILE, msgspec.json.encode(record))
    return record


def _unusable(path: Path, error: Exception) -> StorageFailed:
    return StorageFailed(
        "update_record_unusable",
        f"{path} cannot be used: {error}.",
        advice="Nothing is installed without it. Compare the version that runs with head office's "
        "list, and remove the file.",
    )
