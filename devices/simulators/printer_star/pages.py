"""Which signs the bytes of a code page are, by the number that ESC GS t carries.

The table of "STAR Line Mode Command Specifications" Rev. 1.12, page 3-4.
"""

from __future__ import annotations

from typing import Final

_CODECS: Final = {
    1: "cp437",
    3: "cp437",
    4: "cp858",
    5: "cp852",
    6: "cp860",
    7: "cp861",
    8: "cp863",
    9: "cp865",
    10: "cp866",
    11: "cp855",
    12: "cp857",
    13: "cp862",
    14: "cp864",
    15: "cp737",
    17: "cp869",
    21: "cp874",
    32: "cp1252",
    33: "cp1250",
    34: "cp1251",
}
_COUNTRY_SIGNS: Final = {1: "à°ç§éùè¨", 2: "§ÄÖÜäöüß", 3: "£"}
"""ESC R: France, Germany, United Kingdom."""
_COUNTRY_PLACES: Final = {1: "@[\\]{|}~", 2: "@[\\]{|}~", 3: "#"}
_MISSING: Final = "\N{REPLACEMENT CHARACTER}"


def decode(data: bytes, page: int, country: int) -> str:
    """Return the signs that come out; U+FFFD where the page is unknown or has a hole."""
    text = data.decode(_CODECS.get(page, "ascii"), "replace")
    if country in _COUNTRY_SIGNS:
        places = str.maketrans(_COUNTRY_PLACES[country], _COUNTRY_SIGNS[country])
        text = text.translate(places)
    # places that the codec keeps for control codes are empty in a printer's font
    return "".join(char if char.isprintable() else _MISSING for char in text)
