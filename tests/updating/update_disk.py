"""The disk of a box in files, and a firmware that starts it: written from what the Pi's documents
say, in the opposite role, and knowing nothing of the code that writes `autoboot.txt`.
"""

from __future__ import annotations

import configparser
import hashlib
from dataclasses import dataclass
from pathlib import Path

from edge.runtime.keys import SigningKey, VerifyingKey
from edge.updating.boot_choice import BootChoice, Slot
from edge.updating.bundle import write_bundle
from edge.updating.installing import Box
from edge.updating.update_record import UpdateRecord, note

ROOM = 9 * 1_048_576
PARTS = ("boot", "root")
BOOT_PARTITIONS = {2: "a", 3: "b"}


def content(version: str, part: str) -> bytes:
    """A part of some version: more than two chunks for `root`, less than one for `boot`."""
    pattern = hashlib.sha256(f"{version} {part}".encode()).digest()
    return pattern * (8_700_000 // 32 if part == "root" else 3_000)


@dataclass
class Disk:
    """Six partitions as files below a folder; `running` is the slot that was started."""

    folder: Path
    running: str = "a"
    restarts: int = 0

    def begin(self, version: str) -> None:
        """Be a box as it leaves the works: one version in both slots, A chosen."""
        (self.folder / "autoboot").mkdir()
        (self.folder / "var").mkdir()
        for slot in BOOT_PARTITIONS.values():
            for part in PARTS:
                image = content(version, part)
                self.place(part, Slot(slot)).write_bytes(image + bytes(ROOM - len(image)))
        (self.folder / "autoboot/autoboot.txt").write_text(
            "[all]\ntryboot_a_b=1\nboot_partition=2\n[tryboot]\nboot_partition=3\n"
        )
        note(self.folder / "var", UpdateRecord(floor=version))

    def place(self, part: str, slot: Slot) -> Path:
        return self.folder / f"{part}-{slot.value}"

    def version_in(self, slot: str) -> str:
        """Return which version a slot holds, or nothing: half of one does not start."""
        for version in ("1.0.0", "1.1.0", "2.0.0"):
            if all(
                (self.folder / f"{part}-{slot}").read_bytes().startswith(content(version, part))
                for part in PARTS
            ):
                return version
        return ""

    def start(self, *, tryboot: bool = False) -> str:
        """Start as the firmware does, and return the version that runs."""
        text = (self.folder / "autoboot/autoboot.txt").read_bytes()
        assert len(text) <= 512, "the firmware reads no more"
        parser = configparser.ConfigParser()
        parser.read_string(text.decode("ascii"))
        section = "tryboot" if tryboot and "tryboot" in parser else "all"
        self.running = BOOT_PARTITIONS[int(parser[section]["boot_partition"])]
        version = self.version_in(self.running)
        if not version and tryboot:  # the kernel panics, and the flag is gone: as panic=5 does
            return self.start()
        assert version, "the slot that starts by itself holds no system"
        return version

    def box(self, version: str) -> Box:
        return Box(
            self.folder / "var",
            BootChoice(self.folder / "autoboot"),
            version,
            Slot(self.running),
            "vm",
            self.place,
        )


def bundle_of(version: str, key: SigningKey, *, floor: str = "1.0.0", machine: str = "vm") -> bytes:
    parts = [(part, content(version, part)) for part in PARTS]
    return write_bundle(version, floor, machine, parts, key) + b"".join(data for _, data in parts)


def keys_of(*keys: SigningKey) -> tuple[VerifyingKey, ...]:
    return tuple(key.public for key in keys)
