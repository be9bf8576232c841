"""What an announced service is, and which driver it makes likely, by what it says of itself.

Sources: Bonjour Printing Specification 1.2.1 (services, and the keys of their texts: `ty`,
`product`, `usb_MFG`, `usb_MDL`, `usb_CMD`, `pdl`, `kind`, `Color`, `Duplex`, `Scan`, `Fax`; a
printer that takes no LPR announces it with port 0 all the same); the values of `kind` are those
of IPP's `printer-kind`; the names of models by their makers. A name here is a guess for a person
to confirm: nothing is connected to for it.

Payment terminals: of those that Tillbox speaks with (ZVT, Adyen) no source was found that says
they announce themselves; Adyen's guide to local integrations has a person look up the address.
Synqpay's do (`_synqpay._tcp`, docs.synqpay.com, Network Service Discovery): they are shown, so
that nobody looks for one in vain.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

RAW: Final = "_pdl-datastream._tcp"
LPR: Final = "_printer._tcp"
IPP: Final = "_ipp._tcp"
SYNQPAY: Final = "_synqpay._tcp"
TILLBOX: Final = "_tillbox._tcp"
KINDS: Final = (RAW, LPR, IPP, SYNQPAY, TILLBOX)

NETWORK_PRINTER: Final = "network_printer"
"""One that may print receipts or labels: an office printer says that it is one."""
OFFICE_PRINTER: Final = "office_printer"
NETWORK_TERMINAL: Final = "network_terminal"
TILLBOX_HOST: Final = "tillbox"

_LANGUAGES: Final = (
    (re.compile(r"\bESC/?POS\b", re.IGNORECASE), "printer_escpos"),
    (re.compile(r"\bZPL(?:II|2)?\b", re.IGNORECASE), "labels_zpl"),
    (re.compile(r"\bSTAR(?:PRNT|LINE| LINE)?\b", re.IGNORECASE), "printer_star"),
)
"""By `usb_CMD`, the languages of IEEE 1284's device id: the surest word there is."""
_MODELS: Final = (
    # not TM-C: those print coloured labels, in a language of their own
    (re.compile(r"\bTM-[ABDFHIJLMPSTU]\w*\d", re.IGNORECASE), "printer_escpos"),  # Epson
    (
        re.compile(r"\b(?:TSP\d|mC-(?:Print|Label)\d|mPOP\b|FVP10|BSC10|SP7\d\d)", re.IGNORECASE),
        "printer_star",
    ),
    (re.compile(r"\bSRP-\w*\d", re.IGNORECASE), "printer_escpos"),  # Bixolon
    (re.compile(r"\bCT-[DES]\d", re.IGNORECASE), "printer_escpos"),  # Citizen
    (re.compile(r"\b(?:ZTC|Zebra)\b", re.IGNORECASE), "labels_zpl"),
)
_SHOP_KINDS: Final = frozenset({"receipt", "label", "roll"})
_OFFICE_KINDS: Final = frozenset({"document", "envelope", "photo", "large-format", "postcard"})
_OFFICE_LANGUAGES: Final = re.compile(
    r"application/(?:pdf|postscript|vnd\.hp-pcl|pclm|vnd\.ms-xpsdocument)|image/urf", re.IGNORECASE
)
_OFFICE_FEATURES: Final = ("color", "duplex", "scan", "fax", "staple", "punch")


def what_it_is(service: str, name: str, text: Mapping[str, str]) -> tuple[str, str]:
    """Return what announces a service (`NETWORK_PRINTER` and so on) and the likely driver.

    `text` has its keys in small letters; the driver is empty for no idea.
    """
    if service == TILLBOX:
        return TILLBOX_HOST, ""
    if service == SYNQPAY:
        return NETWORK_TERMINAL, ""
    driver = _likely_driver(name, text)
    if driver:
        return NETWORK_PRINTER, driver
    kinds = set(text.get("kind", "").lower().split(","))
    if kinds & _SHOP_KINDS:
        return NETWORK_PRINTER, ""
    office = (
        bool(kinds & _OFFICE_KINDS)
        or _OFFICE_LANGUAGES.search(text.get("pdl", "")) is not None
        or any(text.get(feature, "").upper() == "T" for feature in _OFFICE_FEATURES)
    )
    return (OFFICE_PRINTER if office else NETWORK_PRINTER), ""


def called(name: str, text: Mapping[str, str]) -> str:
    """Return what a person calls it: its model, and its own name where that says more."""
    model = text.get("ty") or f"{_maker(text)} {text.get('usb_mdl', '')}".strip()
    model = model or text.get("product", "").strip("() ")
    if not model or model.lower() in name.lower():
        return name or model
    return f"{model} ({name})" if name else model


def _likely_driver(name: str, text: Mapping[str, str]) -> str:
    for pattern, driver in _LANGUAGES:
        if pattern.search(text.get("usb_cmd", text.get("usb_command set", ""))):
            return driver
    said = " ".join(
        (name, _maker(text), *(text.get(key, "") for key in ("ty", "product", "usb_mdl")))
    )
    return next((driver for pattern, driver in _MODELS if pattern.search(said)), "")


def _maker(text: Mapping[str, str]) -> str:
    return text.get("usb_mfg", text.get("mfg", ""))
