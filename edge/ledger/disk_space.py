"""Room on the ledger's disk: sales are refused while there is still room to end what is begun."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge.contract.errors import Refused
from edge.contract.limits import (
    BALLAST_BYTES,
    DISK_FREE_BYTES_MIN,
)

_BALLAST: Final = "ballast"
_BLOCK: Final = 65_536


@dataclass
class DiskSpace:
    """Watches the free space of a folder and holds a ballast file there.

    The ballast is given up when the disk is full, so that closings, refunds and replication
    still find room.
    """

    folder: Path
    free_min_bytes: int = DISK_FREE_BYTES_MIN
    _laid: bool = False

    def lay_ballast(self) -> None:
        """Write the ballast file where there is plenty of room for it."""
        path = self.folder / _BALLAST
        self._laid = path.exists()
        if self._laid or self.free_bytes() < self.free_min_bytes + 2 * BALLAST_BYTES:
            return
        with path.open("wb") as file:
            for _ in range(BALLAST_BYTES // _BLOCK):
                file.write(os.urandom(_BLOCK))  # a file system that packs zeros would hold none
        self._laid = True

    def drop_ballast(self) -> bool:
        """Give the ballast up; say whether there was any."""
        path = self.folder / _BALLAST
        self._laid = False
        if not path.exists():
            return False
        path.unlink()
        return True

    def free_bytes(self) -> int:
        """Return what this user may still write."""
        stat = os.statvfs(self.folder)
        return stat.f_bavail * stat.f_frsize

    def is_short(self) -> bool:
        """Say whether no new sale may begin."""
        return self.free_bytes() < self.free_min_bytes

    def check(self) -> None:
        """Refuse to begin a sale when the disk is nearly full; gives the ballast up then.

        Once there is plenty of room again the ballast is laid anew, for the next time.
        """
        if self.is_short():
            self.drop_ballast()
            raise Refused(
                "disk_full",
                "The box's disk is nearly full: no new sale can begin.",
                advice="Sales that are open can be finished. Call the technician.",
                status=503,
            )
        if not self._laid:
            self.lay_ballast()
