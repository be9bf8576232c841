"""Where each country's keyboard has its signs, in the order of the HID usages.

As the programming sheets of scanners mean it: the layouts of Windows, dead keys included.
"""
# ruff: noqa: RUF001 - the acute accents are meant

from __future__ import annotations

import unicodedata
from typing import Final

CTRL, SHIFT, ALT, ALTGR = 0x01, 0x02, 0x04, 0x40
"""Modifier bits of a boot report."""
_SPACE: Final = 0x2C
_USAGES: Final = (*range(0x04, 0x28), 0x2D, 0x2E, 0x2F, 0x30, 0x32, *range(0x33, 0x39), 0x64)
"""a to z, 1 to 0, - = [ ] # ; ' ` , . / and the key beside the left Shift."""

_A_Z: Final = "abcdefghijklmnopqrstuvwxyz"
_AZERTY: Final = "qbcdefghijkl,noparstuvzxyw"
_QWERTZ: Final = "abcdefghijklmnopqrstuvwxzy"
_NONE: Final = "\N{NO-BREAK SPACE}"


def _some(*places: tuple[int, str]) -> str:
    """Write a level that has signs on few keys: usage and what it writes."""
    signs = dict(places)
    return "".join(signs.get(usage, _NONE) for usage in _USAGES)


_CHARTS: Final[dict[str, tuple[str, ...]]] = {
    "us": (
        _A_Z + "1234567890-=[]\\;'`,./\\",
        _A_Z.upper() + '!@#$%^&*()_+{}|:"~<>?|',
    ),
    "gb": (
        _A_Z + "1234567890-=[]#;'`,./\\",
        _A_Z.upper() + '!"£$%^&*()_+{}~:@¬<>?|',
        _some((0x21, "€"), (0x08, "é"), (0x18, "ú"), (0x0C, "í"), (0x12, "ó"), (0x04, "á")),
    ),
    "de": (
        _QWERTZ + "1234567890ß´ü+#öä^,.-<",
        _QWERTZ.upper() + "!\"§$%&/()=?`Ü*'ÖÄ°;:_>",
        _some(
            (0x14, "@"), (0x08, "€"), (0x10, "µ"), (0x1F, "²"), (0x20, "³"), (0x24, "{"),
            (0x25, "["), (0x26, "]"), (0x27, "}"), (0x2D, "\\"), (0x30, "~"), (0x64, "|"),
        ),
    ),
    "fr": (
        _AZERTY + "&é\"'(-è_çà)=^$*mù²;:!<",
        _AZERTY.upper().replace(",", "?") + "1234567890°+¨£µM%" + _NONE + "./§>",
        _some(
            (0x08, "€"), (0x1F, "~"), (0x20, "#"), (0x21, "{"), (0x22, "["), (0x23, "|"),
            (0x24, "`"), (0x25, "\\"), (0x26, _NONE), (0x27, "@"), (0x2D, "]"), (0x2E, "}"),
            (0x30, "¤"),
        ),
    ),
    "es": (
        _A_Z + "1234567890'¡`+çñ´º,.-<",
        _A_Z.upper() + '!"·$%&/()=?¿^*ÇÑ¨ª;:_>',
        _some(
            (0x35, "\\"), (0x1E, "|"), (0x1F, "@"), (0x20, "#"), (0x21, "~"), (0x08, "€"),
            (0x23, "¬"), (0x2F, "["), (0x30, "]"), (0x34, "{"), (0x32, "}"),
        ),
    ),
    "it": (
        _A_Z + "1234567890'ìè+ùòà\\,.-<",
        _A_Z.upper() + '!"£$%&/()=?^é*§ç°|;:_>',
        _some((0x08, "€"), (0x2F, "["), (0x30, "]"), (0x33, "@"), (0x34, "#")),
        _some((0x2F, "{"), (0x30, "}")),
    ),
    "pl": (
        _A_Z + "1234567890-=[]\\;'`,./\\",
        _A_Z.upper() + '!@#$%^&*()_+{}|:"~<>?|',
        _some(
            (0x04, "ą"), (0x06, "ć"), (0x08, "ę"), (0x0F, "ł"), (0x11, "ń"), (0x12, "ó"),
            (0x16, "ś"), (0x1B, "ź"), (0x1D, "ż"), (0x18, "€"),
        ),
        _some(
            (0x04, "Ą"), (0x06, "Ć"), (0x08, "Ę"), (0x0F, "Ł"), (0x11, "Ń"), (0x12, "Ó"),
            (0x16, "Ś"), (0x1B, "Ź"), (0x1D, "Ż"),
        ),
    ),
}  # fmt: skip
"""Levels: plain, Shift, AltGr, Shift with AltGr. A no-break space is a key that writes nothing.
French `^` on AltGr is left out: the dead one writes it too, as scanners do it."""

_DEAD_SIGNS: Final = {"de": "^´`", "fr": "^¨~`", "es": "`^´¨~", "pl": "~"}
_DEAD_OF_ACCENT: Final = {
    "\u0300": "`", "\u0301": "´", "\u0302": "^", "\u0303": "~", "\u0308": "¨"
}  # fmt: skip
_LEVELS: Final = (0, SHIFT, ALTGR, ALTGR | SHIFT)

Stroke = tuple[int, int]
"""Modifier bits and a usage."""


def strokes_of(layout: str) -> dict[str, list[Stroke]]:
    """Return how each sign is typed: one key, or a dead key and another."""
    strokes: dict[str, list[Stroke]] = {" ": [(0, _SPACE)]}
    dead: dict[str, Stroke] = {}
    for held, chart in zip(_LEVELS, _CHARTS[layout], strict=False):
        for usage, sign in zip(_USAGES, chart, strict=True):
            if sign in _DEAD_SIGNS.get(layout, ""):
                dead[sign] = (held, usage)
                strokes[sign] = [(held, usage), (0, _SPACE)]
            elif sign != _NONE:
                strokes.setdefault(sign, [(held, usage)])
    if layout != "pl":  # where the tilde writes an ogonek
        for sign in map(chr, range(0xC0, 0x100)):
            parts = unicodedata.normalize("NFD", sign)
            if (mark := _DEAD_OF_ACCENT.get(parts[-1], "")) in dead:
                strokes.setdefault(sign, [dead[mark], *strokes[parts[0]]])
    return strokes
