"""A receipt as it would look, drawn from what a simulated printer has put on its paper.

Text is drawn in cells of 12 by 24 dots in the same Noto Sans Mono that raster lines use; a
real printer has letters of its own. Raster lines are the very dots that were sent.
"""

from __future__ import annotations

import io
from pathlib import Path

import qrcode
from PIL import Image, ImageChops, ImageDraw, ImageFont

from devices.lettering.faces import FONTS
from devices.simulators.printer_escpos import PaperLine, Receipt

CELL, LINE, BASE = 12, 30, 21
QR_DOTS = 6
SPECK_DOTS = 100


def picture(receipt: Receipt, columns: int) -> Image.Image:
    """Return a receipt, empty lines at its end left out."""
    width = columns * CELL
    lines = list(receipt.lines)
    while lines and not lines[-1].text.strip():
        lines.pop()
    parts = [_line(line, width) for line in lines]
    paper = Image.new("1", (width, sum(part.height for part in parts)), 1)
    at = 0
    for part, line in zip(parts, lines, strict=True):
        left = line.left_dots if line.png else (width - part.width) // 2
        paper.paste(part, (left, at))
        at += part.height
    return paper


def _line(line: PaperLine, width: int) -> Image.Image:
    if line.png:
        return Image.open(io.BytesIO(line.png)).convert("1")
    if line.mark == "qr":
        code = qrcode.QRCode(box_size=QR_DOTS, border=2)
        code.add_data(line.text.strip().removeprefix("[QR] "))
        return code.make_image().get_image().convert("1")
    image = Image.new("L", (width, LINE), 255)
    draw = ImageDraw.Draw(image)
    for at, char in enumerate(line.text):
        for strike in range(1 + line.bold):
            draw.text((at * CELL + strike, BASE), char, font=_font(char), fill=0, anchor="ls")
    return image.resize((width, LINE * line.height)).point(lambda grey: 255 * (grey > 140), "1")


def _font(char: str) -> ImageFont.FreeTypeFont:
    subset = "latin" if ord(char) < 0x100 else "latin-ext"
    return ImageFont.truetype(str(FONTS / f"mono-{subset}.ttf"), 20)


def difference(one: Image.Image, other: Image.Image) -> float:
    """Return which part of the black dots of two pictures is not in both; 1 for other sizes.

    The part is that of the strip of a line's height in which it is worst.
    """
    if one.size != other.size:
        return 1.0
    both = [ImageChops.invert(image.convert("L")) for image in (one, other)]
    worst = 0.0
    for top in range(0, one.height, LINE):
        strip = (0, top, one.width, top + LINE)
        mine, theirs = (image.crop(strip) for image in both)
        black = _black(ImageChops.lighter(mine, theirs))
        worst = max(worst, _black(ImageChops.difference(mine, theirs)) / max(SPECK_DOTS, black))
    return worst


def _black(inverted: Image.Image) -> int:
    return inverted.histogram()[255]


def read(path: Path) -> Image.Image:
    """Return a picture from its file."""
    with Image.open(path) as image:
        return image.convert("1")
