"""A shop's logo: a PNG made black and white, as receipt printers print it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from edge.contract.limits import (
    LOGO_HEIGHT_DOTS_MAX,
    LOGO_WIDTH_DOTS_MAX,
)
from edge.contract.reference_data import Logo

LOGO_FILE: Final = "logo.png"
_FILE_BYTES_MAX: Final = 1_048_576
_GREY_MIDDLE: Final = 128


def read_logo(path: Path) -> Logo:
    """Read a PNG of at most 384 x 240 dots; what is darker than the middle grey is black.

    Nothing is scaled and nothing is dithered: a dot of the file is a dot on the paper, so that
    what is drawn sharp comes out sharp. What is transparent is white. Raises ValueError in words.
    """
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415 - loaded when there is a logo

    try:
        if path.stat().st_size > _FILE_BYTES_MAX:
            raise ValueError(f"it is over {_FILE_BYTES_MAX} bytes")
        with Image.open(path, formats=("PNG",)) as file:
            width, height = file.size
            if width > LOGO_WIDTH_DOTS_MAX or height > LOGO_HEIGHT_DOTS_MAX:
                raise ValueError(
                    f"it is {width} x {height} dots; {LOGO_WIDTH_DOTS_MAX} x "
                    f"{LOGO_HEIGHT_DOTS_MAX} is the most"
                )
            colours = file.convert("RGBA")
    except (OSError, SyntaxError, UnidentifiedImageError) as error:
        raise ValueError(f"it cannot be read as a PNG: {error}") from None
    white = Image.new("RGBA", colours.size, "white")
    grey = Image.alpha_composite(white, colours).convert("L")
    # in PIL's one-bit pictures a set bit is white
    white_dots = grey.point(lambda value: 0 if value < _GREY_MIDDLE else 255).convert(
        "1", dither=Image.Dither.NONE
    )
    flipped = bytes(byte ^ 0xFF for byte in white_dots.tobytes())
    return Logo(width, _without_padding(flipped, width))


def _without_padding(rows: bytes, width: int) -> bytes:
    """Return rows whose bits beyond the width are white: whoever made them left anything there."""
    row_bytes = -(-width // 8)
    mask = 0xFF << (row_bytes * 8 - width) & 0xFF
    cleaned = bytearray(rows)
    for last in range(row_bytes - 1, len(cleaned), row_bytes):
        cleaned[last] &= mask
    return bytes(cleaned)
