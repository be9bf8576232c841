"""Which process is killed at which step: all of them in `make storm`, a part in every check."""

from __future__ import annotations

import itertools
import os


def kills(processes: tuple[str, ...], steps: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return each process with each step; in a check each process once, and each step."""
    if "TILLBOX_STORM" in os.environ:
        return list(itertools.product(processes, steps))
    each = max(len(processes), len(steps))
    pairs = zip(itertools.cycle(processes), itertools.cycle(steps), strict=False)
    return list(itertools.islice(pairs, each))
