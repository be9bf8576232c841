"""Which slot starts: the Raspberry Pi's `autoboot.txt`, its first partition's only file.

`[all]` is what starts whenever the power comes; `[tryboot]` what starts once, after a restart that
asks for it, and never again by itself. So a version that does not even start is left by pulling the
plug. Source: Raspberry Pi documentation, "The autoboot.txt file". The virtual twin of the box reads
the same file.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from edge.contract.errors import StorageFailed
from edge.contract.update_limits import AUTOBOOT_BYTES_MAX

FILE: Final = "autoboot.txt"
_DRAFT: Final = "autoboot.new"
_SECTION: Final = re.compile(r"\[([a-z0-9_]+)\]")
_PARTITION: Final = re.compile(r"boot_partition=([0-9]{1,2})")


class Slot(StrEnum):
    """The two places that a system can be in."""

    A = "a"
    B = "b"

    @property
    def other(self) -> Slot:
        """The other one."""
        return Slot.B if self is Slot.A else Slot.A


PARTITIONS: Final = {Slot.A: 2, Slot.B: 3}
"""Which partition a slot starts from: boot-a and boot-b of the disk."""


@dataclass(frozen=True)
class BootChoice:
    """The file in `folder`, where the first partition is mounted."""

    folder: Path

    def chosen(self) -> Slot:
        """Return the slot that starts by itself.

        A file that is gone or says nothing usable is A: the firmware starts the first partition
        that it can. Raises StorageFailed when it is there and cannot be read.
        """
        path = self.folder / FILE
        try:
            text = path.read_bytes()[:AUTOBOOT_BYTES_MAX].decode("ascii", errors="replace")
        except FileNotFoundError:
            return Slot.A
        except OSError as error:
            raise StorageFailed(
                "boot_choice_unreadable", f"{path} cannot be read: {error.strerror}."
            ) from error
        section = ""
        found = PARTITIONS[Slot.A]
        for line in text.splitlines():
            if (named := _SECTION.fullmatch(line.strip())) is not None:
                section = named[1]
            elif section in ("", "all") and (given := _PARTITION.fullmatch(line.strip())):
                found = int(given[1])
        return next((slot for slot, place in PARTITIONS.items() if place == found), Slot.A)

    def choose(self, slot: Slot) -> None:
        """Let a slot start by itself from now on, and the other one where it is to be tried.

        At every moment the file is the old or the new one, whole. Raises StorageFailed.
        """
        text = (
            f"[all]\ntryboot_a_b=1\nboot_partition={PARTITIONS[slot]}\n"
            f"[tryboot]\nboot_partition={PARTITIONS[slot.other]}\n"
        )
        draft = self.folder / _DRAFT
        try:
            with draft.open("wb") as file:
                file.write(text.encode("ascii"))
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self.folder / FILE)
            descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise StorageFailed(
                "boot_choice_not_written",
                f"{self.folder / FILE} cannot be written: {error.strerror}.",
                advice="The box starts what it started before. Check the card.",
            ) from error
