"""QR codes as pictures, for screens and mails: the only place that knows qrcode."""

from __future__ import annotations

import io
from itertools import groupby
from typing import Any, Final

_QUIET: Final = 4
"""Modules of white around it, as ISO/IEC 18004 asks."""
_PNG_DOTS: Final = 4
_MASK: Final = 2
"""Any of the eight may be used; to weigh them all takes four times as long."""


def qr_svg(text: str) -> bytes:
    """Return a QR code as SVG, one module to a unit, black on white whatever the theme."""
    rows = _made(text).get_matrix()
    size = len(rows)
    path = "".join(_bars(row, at) for at, row in enumerate(rows))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}" '
        f'shape-rendering="crispEdges"><path fill="#fff" d="M0 0h{size}v{size}H0z"/>'
        f'<path d="{path}"/></svg>'
    ).encode("ascii")


def qr_png(text: str) -> bytes:
    """Return a QR code as PNG, black on white, a few dots to a module."""
    out = io.BytesIO()
    _made(text).make_image().save(out, "PNG")
    return out.getvalue()


def _made(text: str) -> Any:
    import qrcode  # noqa: PLC0415 - it brings Pillow: a box without displays has no use for that

    code = qrcode.QRCode(
        error_correction=qrcode.ERROR_CORRECT_L,
        box_size=_PNG_DOTS,
        border=_QUIET,
        mask_pattern=_MASK,
    )
    code.add_data(text)
    code.make()
    return code


def _bars(row: list[bool | None], at: int) -> str:
    bars = []
    begins = 0
    for black, modules in groupby(row):
        length = len(list(modules))
        if black:
            bars.append(f"M{begins} {at}h{length}v1h-{length}z")
        begins += length
    return "".join(bars)
