"""What each key writes on the keyboards of seven countries, for scanners that type. Pure.

Scanners type for the layouts of Windows: they offer "Germany" and mean what a PC there has.
The tables say what those layouts say (the Windows keyboards of Unicode CLDR 43: en, de, fr,
es, it, en-GB, and pl "Programmers"), dead keys and the reach of Caps Lock included. Which keys
there are says Linux (`linux/input-event-codes.h`), the keypad's decimal sign xkeyboard-config.

A row of a table is written as it lies on the desk, from left to right; a space is a key that
writes nothing there.
"""

# ruff: noqa: RUF001 - the acute accents are meant

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

_ROWS: Final = (
    (41, *range(2, 14)),  # ` 1 to =, thirteen keys
    tuple(range(16, 28)),  # q to ], twelve keys
    (*range(30, 41), 43),  # a to ' and the one beside Enter, twelve keys
    (86, *range(44, 54)),  # the one beside Shift, z to /, eleven keys
)
_SPACE: Final = 57
_NO_ROWS: Final = (" " * 13, " " * 12, " " * 12, " " * 11)

Rows = tuple[str, str, str, str]


class Layout(StrEnum):
    """Layouts by the names that xkeyboard-config gives them."""

    US = "us"
    DE = "de"
    FR = "fr"
    ES = "es"
    IT = "it"
    GB = "gb"
    PL = "pl"
    """Polish (Programmers): the US layout with Polish letters on AltGr."""


@dataclass(frozen=True)
class Stroke:
    """What a key writes: `dead` ones wait for the letter that they go on."""

    sign: str
    dead: bool = False


@dataclass(frozen=True)
class KeyboardLayout:
    """One layout. A level is (shift, altgr)."""

    strokes: Mapping[tuple[int, bool, bool], Stroke]
    caps_codes: frozenset[int]
    """Keys on which Caps Lock does what Shift does."""
    compositions: Mapping[str, str]
    """A dead key's sign with the one after it, and what both become."""
    has_altgr: bool
    """Where there is no AltGr, the right Alt is another Alt."""
    decimal: str
    """What the keypad's decimal key writes."""

    def stroke(self, code: int, *, shift: bool, altgr: bool, caps: bool) -> Stroke | None:
        """Return what a key writes with these keys held, or None when it writes nothing."""
        if caps and not altgr and code in self.caps_codes:
            shift = not shift
        return self.strokes.get((code, shift, altgr))


_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
_LATIN_1_ACCENTS: Final = {
    "`": "aàeèiìoòuùAÀEÈIÌOÒUÙ",
    "´": "aáeéiíoóuúyýAÁEÉIÍOÓUÚYÝ",
    "^": "aâeêiîoôuûAÂEÊIÎOÔUÛ",
    "¨": "aäeëiïoöuüyÿAÄEËIÏOÖUÜ",
    "~": "aãnñoõAÃNÑOÕ",
}
_POLISH_TILDE: Final = "aącćeęlłnńoósśxźzżAĄCĆEĘLŁNŃOÓSŚXŹZŻ"


def _layout(
    plain: Rows,
    shift: Rows,
    altgr: Rows = _NO_ROWS,
    shift_altgr: Rows = _NO_ROWS,
    *,
    dead: tuple[str, str, str] = ("", "", ""),
    accents: Mapping[str, str] | None = None,
    caps: str = _LETTERS,
    decimal: str = ".",
) -> KeyboardLayout:
    """`dead`: the dead signs among plain, shift and altgr. `caps`: keys by what they write."""
    strokes = {(_SPACE, shifted, False): Stroke(" ") for shifted in (False, True)}
    levels = {
        (False, False): (plain, dead[0]),
        (True, False): (shift, dead[1]),
        (False, True): (altgr, dead[2]),
        (True, True): (shift_altgr, ""),
    }
    for (shifted, third), (rows, dead_signs) in levels.items():
        for codes, row in zip(_ROWS, rows, strict=True):
            for code, sign in zip(codes, row, strict=True):
                if sign != " ":
                    strokes[code, shifted, third] = Stroke(sign, dead=sign in dead_signs)
    codes_of_plain = {
        stroke.sign: code for (code, *held), stroke in strokes.items() if not any(held)
    }
    return KeyboardLayout(
        strokes,
        caps_codes=frozenset(codes_of_plain[sign] for sign in caps),
        compositions={
            mark + letter: composed
            for mark, pairs in (accents or {}).items()
            for letter, composed in zip(pairs[::2], pairs[1::2], strict=True)
        },
        has_altgr=altgr != _NO_ROWS,
        decimal=decimal,
    )


_US_PLAIN: Final[Rows] = ("`1234567890-=", "qwertyuiop[]", "asdfghjkl;'\\", "\\zxcvbnm,./")
_US_SHIFT: Final[Rows] = ("~!@#$%^&*()_+", "QWERTYUIOP{}", 'ASDFGHJKL:"|', "|ZXCVBNM<>?")

LAYOUTS: Final[Mapping[Layout, KeyboardLayout]] = {
    Layout.US: _layout(_US_PLAIN, _US_SHIFT),
    Layout.DE: _layout(
        ("^1234567890ß´", "qwertzuiopü+", "asdfghjklöä#", "<yxcvbnm,.-"),
        ('°!"§$%&/()=?`', "QWERTZUIOPÜ*", "ASDFGHJKLÖÄ'", ">YXCVBNM;:_"),
        ("  ²³   {[]}\\ ", "@ €        ~", _NO_ROWS[2], "|      µ   "),
        dead=("^´", "`", ""),
        accents={mark: _LATIN_1_ACCENTS[mark] for mark in "`´^"},
        caps=_LETTERS + "1234567890ßü+öä#,.",
        decimal=",",
    ),
    Layout.FR: _layout(
        ("²&é\"'(-è_çà)=", "azertyuiop^$", "qsdfghjklmù*", "<wxcvbn,;:!"),
        (" 1234567890°+", "AZERTYUIOP¨£", "QSDFGHJKLM%µ", ">WXCVBN?./§"),
        ("  ~#{[|`\\^@]}", "  €        ¤", _NO_ROWS[2], _NO_ROWS[3]),
        dead=("^", "¨", "~`"),
        accents={mark: _LATIN_1_ACCENTS[mark] for mark in "`^¨~"},
        caps=_LETTERS + "&é\"'(-è_çà)=^$ù*,;:!",
    ),
    Layout.ES: _layout(
        ("º1234567890'¡", "qwertyuiop`+", "asdfghjklñ´ç", "<zxcvbnm,.-"),
        ('ª!"·$%&/()=?¿', "QWERTYUIOP^*", "ASDFGHJKLÑ¨Ç", ">ZXCVBNM;:_"),
        ("\\|@#~€¬      ", "  €       []", "          {}", _NO_ROWS[3]),
        dead=("`´", "^¨", "~"),
        accents=_LATIN_1_ACCENTS,
        caps=_LETTERS + "ñç",
    ),
    Layout.IT: _layout(
        ("\\1234567890'ì", "qwertyuiopè+", "asdfghjklòàù", "<zxcvbnm,.-"),
        ('|!"£$%&/()=?^', "QWERTYUIOPé*", "ASDFGHJKLç°§", ">ZXCVBNM;:_"),
        ("     €       ", "  €       []", "         @# ", _NO_ROWS[3]),
        (_NO_ROWS[0], "          {}", _NO_ROWS[2], _NO_ROWS[3]),
    ),
    Layout.GB: _layout(
        ("`1234567890-=", "qwertyuiop[]", "asdfghjkl;'#", "\\zxcvbnm,./"),
        ('¬!"£$%^&*()_+', "QWERTYUIOP{}", "ASDFGHJKL:@~", "|ZXCVBNM<>?"),
        ("¦   €        ", "  é   úíó   ", "á           ", _NO_ROWS[3]),
        (_NO_ROWS[0], "  É   ÚÍÓ   ", "Á           ", _NO_ROWS[3]),
    ),
    Layout.PL: _layout(
        _US_PLAIN,
        _US_SHIFT,
        (_NO_ROWS[0], "  ę   € ó   ", "ąś      ł   ", " żźć  ń    "),
        (_NO_ROWS[0], "  Ę     Ó   ", "ĄŚ      Ł   ", " ŻŹĆ  Ń    "),
        dead=("", "~", ""),
        accents={"~": _POLISH_TILDE},
        decimal=",",
    ),
}
"""All of them. Greek, Cyrillic and the like are not typed by a layout but by ALT codes."""
