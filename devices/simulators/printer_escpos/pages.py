"""Which signs the bytes of a code page are, by the number that ESC t carries (Epson's)."""

from __future__ import annotations

from typing import Final

_CODECS: Final = {
    0: "cp437",
    2: "cp850",
    3: "cp860",
    4: "cp863",
    5: "cp865",
    13: "cp857",
    14: "cp737",
    15: "iso8859_7",
    16: "cp1252",
    17: "cp866",
    18: "cp852",
    19: "cp858",
    33: "cp775",
    34: "cp855",
    35: "cp861",
    36: "cp862",
    37: "cp864",
    38: "cp869",
    39: "iso8859_2",
    40: "iso8859_15",
    45: "cp1250",
    46: "cp1251",
    47: "cp1253",
    48: "cp1254",
    49: "cp1255",
    50: "cp1256",
    51: "cp1257",
    52: "cp1258",
}
_COUNTRY_SIGNS: Final = {1: "à°ç§éùè¨", 2: "§ÄÖÜäöüß", 3: "£"}
"""ESC R: what stands at the places of some ASCII signs (France, Germany, United Kingdom)."""
_COUNTRY_PLACES: Final = {1: "@[\\]{|}~", 2: "@[\\]{|}~", 3: "#"}
MISSING: Final = "\N{REPLACEMENT CHARACTER}"


def decode(data: bytes, page: int, country: int) -> str:
    """Return the signs that come out; U+FFFD where the page is unknown or has a hole."""
    if data.isascii():
        text = data.decode("ascii")
    elif page in _CODECS:
        text = data.decode(_CODECS[page], "replace")
    else:
        text = data.decode("ascii", "replace")
    if country in _COUNTRY_SIGNS:
        places = str.maketrans(_COUNTRY_PLACES[country], _COUNTRY_SIGNS[country])
        text = text.translate(places)
    # places that the codec keeps for control codes are empty in a printer's font
    return "".join(char if char.isprintable() else MISSING for char in text)
