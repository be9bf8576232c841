"""What a subcommand of `tillbox` is; each package registers its own as an entry point."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """A subcommand: how it is described, what it takes, and what runs it.

    `run` returns the process's exit status: 0 well, 1 it did not work, 2 wrong usage or
    settings. It never lets a traceback out for bad input.
    """

    name: str
    summary: str
    configure: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]
