"""A while as a user who may not do everything: file permissions mean nothing to root."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_NOBODY: Final = 65_534


@contextmanager
def unprivileged() -> Iterator[None]:
    """Give root's rights up, and take them back; whoever is not root stays who he is."""
    was = os.geteuid()
    if was == 0:
        os.seteuid(_NOBODY)
    try:
        yield
    finally:
        if was == 0:
            os.seteuid(was)
