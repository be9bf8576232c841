"""A store's logo as a picture for a screen: the dots that receipts have, as PNG."""

from __future__ import annotations

import struct
import zlib

from edge.contract.reference_data import Logo


def logo_png(logo: Logo) -> bytes:
    """Return a logo as a PNG of one bit a dot (ISO/IEC 15948), where a set bit is white."""
    wide = logo.row_bytes
    height = len(logo.rows) // wide
    white = logo.rows.translate(bytes(range(255, -1, -1)))
    lines = b"".join(b"\0" + white[at : at + wide] for at in range(0, len(white), wide))
    head = struct.pack(">IIBBBBB", logo.width_dots, height, 1, 0, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*part) for part in parts)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
