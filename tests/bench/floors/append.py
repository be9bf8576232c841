"""Floor: append 4 KiB and fdatasync, the price of one durable write on this disk."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Final

_BLOCK: Final = bytes(4_096)


class AppendFile:
    """A file that grows by 4 KiB at a time."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def append_ns(self) -> int:
        """Append and sync once; return how long it took."""
        begun = time.perf_counter_ns()
        os.write(self._descriptor, _BLOCK)
        os.fdatasync(self._descriptor)
        return time.perf_counter_ns() - begun

    def close(self) -> None:
        os.close(self._descriptor)
