"""GS1 element strings and Digital Links, read by biip: the only place that names it."""

from __future__ import annotations

from biip import ParseError
from biip.gs1_digital_link_uris import GS1DigitalLinkURI
from biip.gs1_element_strings import GS1ElementStrings
from biip.gs1_messages import GS1Message


def read(code: str) -> dict[str, str]:
    """Return the values by application identifier, first of each; empty when it is not GS1.

    `code` has lost its AIM identifier; the separator is GS (0x1D), and may lead. Values are the raw
    strings: their check digits and decimals are the caller's to judge. A code of 8, 12, 13
    or 14 digits must not come here: it would be read as some other identifier.
    """
    try:
        elements: GS1ElementStrings = (
            GS1DigitalLinkURI.parse(code).element_strings
            if code[:4].lower() == "http"
            else GS1Message.parse(code).element_strings
        )
    except (ParseError, ValueError):
        # ValueError: the library hands a malformed host or number through
        return {}
    found: dict[str, str] = {}
    for element in elements:
        found.setdefault(element.ai.ai, element.value)
    return found
