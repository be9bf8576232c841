"""The screens that come with this program."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from edge.runtime.packed_pages import with_packs
from edge.runtime.static_files import StaticFiles

SCREENS: Final = Path(__file__).parents[1] / "screens"
_FOLDERS: Final = ("till", "display", "technician", "kit", "vendor", "words")


def load_screens() -> StaticFiles:
    """Read all of them into memory."""
    parts = [StaticFiles.load(SCREENS / name, prefix=f"{name}/") for name in _FOLDERS]
    return with_packs(StaticFiles.together(parts), SCREENS / "packed").versioned()
