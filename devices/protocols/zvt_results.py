"""What the numbers of a ZVT terminal mean, in plain words.

Source: PA00P015, chapters 3.7 (intermediate status), 10 (results) and 12 (card types), up to
13.13 as the free decoder zvt-show has its tables; A0 to A5 are one maker's own (Portalum.Zvt:
Ingenico). The words are ours, for a cashier to read.
"""

from __future__ import annotations

from typing import Final

OK: Final = 0x00
NOT_REGISTERED: Final = 0x6B
ABORTED: Final = 0x6C
"""The customer or the clerk gave up, or time ran out at the terminal."""
WRONG_CURRENCY: Final = 0x6F
NOT_POSSIBLE: Final = 0x83
BUSY: Final = 0x9C
ASK_AGAIN: Final = frozenset({BUSY, NOT_REGISTERED})
"""What says nothing about the question that was put."""

_HOST_MAX: Final = 0x63
"""1 to 99 are the card network's own answers, as a number."""

_HOST: Final[dict[int, str]] = {
    2: "The card issuer wants to be called.",
    4: "The card issuer wants the card to be kept.",
    5: "The card issuer declined the {what}.",
    12: "The card network found the {what} not valid.",
    13: "The amount is not allowed.",
    14: "The card is not valid.",
    30: "The card network could not read the request.",
    33: "The card has expired.",
    34: "The card issuer suspects a fraud.",
    43: "The card was reported stolen.",
    51: "The card's limit is exceeded.",
    54: "The card has expired.",
    55: "The PIN was wrong.",
    56: "The card is not known.",
    57: "The card must not be used for this.",
    58: "The terminal is not known to the card network.",
    61: "The card's limit is exceeded.",
    62: "The card is blocked.",
    65: "The card was used too often today.",
    75: "The PIN was wrong too often.",
    76: "The card is blocked.",
    91: "The card issuer cannot be reached.",
    92: "The card issuer cannot be reached.",
    96: "The card network has a fault.",
    98: "The card network has a fault.",
}

_RESULTS: Final[dict[int, str]] = {
    0x00: "Done.",
    0x64: "The card could not be read.",
    0x65: "The card holds no data that can be used.",
    0x66: "The terminal could not process the card.",
    0x67: "The terminal does not allow this with a debit card.",
    0x68: "The terminal does not allow this with a credit or fuel card.",
    0x6A: "The terminal's memory of payments is full.",
    0x6B: "The terminal does not know this till; it must be registered first.",
    0x6C: "The {what} was given up at the terminal, or time ran out.",
    0x6D: "The terminal does not offer this.",
    0x6E: "The card is on the list of blocked cards.",
    0x6F: "The terminal does not take this currency.",
    0x71: "The credit on the card is too low.",
    0x72: "The card's chip has a fault.",
    0x73: "The card's data is wrong.",
    0x74: "The terminal's PIN keys are used up.",
    0x75: "The terminal could not prove a text to be genuine.",
    0x76: "The card is not on the list of allowed cards.",
    0x77: "The end-of-day batch is not possible now.",
    0x78: "The card has expired.",
    0x79: "The card is not valid yet.",
    0x7A: "The terminal does not know this kind of card.",
    0x7B: "This card must not be swiped.",
    0x7C: "This card must not be swiped.",
    0x7D: "The card's chip stopped answering.",
    0x7E: "The card must not be used without its chip.",
    0x83: "The terminal cannot do this now.",
    0x85: "The terminal lacks a key.",
    0x89: "The terminal's PIN pad has a fault.",
    0x9A: "The terminal did not understand the till.",
    0x9B: "The terminal could not dial its network.",
    0x9C: "The terminal is busy.",
    0xA0: "The terminal's network does not take the {what}.",
    0xA1: "The card network does not answer.",
    0xA3: "The terminal has no connection to the card network.",
    0xA4: "The terminal could not hand in its payments.",
    0xA5: "The terminal's security rules forbid this.",
    0xB1: "The terminal's memory is full.",
    0xB2: "The terminal's journal is full: do its end-of-day batch.",
    0xB4: "The payment was reversed already.",
    0xB5: "The payment can no longer be reversed.",
    0xB7: "The amount does not fit the reservation.",
    0xB8: "The reservation has a fault.",
    0xBF: "The terminal's power supply is too weak.",
    0xC0: "The terminal cannot lock the card.",
    0xC1: "The merchant card is blocked.",
    0xC2: "The terminal wants its diagnosis to be run.",
    0xC3: "The amount is above the card's or the terminal's limit.",
    0xC4: "The terminal's profile for this card is wrong.",
    0xC5: "The terminal does not take this way of paying.",
    0xC6: "The terminal cannot use this currency with this card.",
    0xC8: "The amount is too small.",
    0xC9: "The terminal's largest amount is too small.",
    0xCB: "The terminal does this in euro only.",
    0xCC: "The receipt cannot be printed.",
    0xCD: "Cash back is not possible.",
    0xD2: "The card must not be used for this.",
    0xDC: "A card is still in the terminal.",
    0xDD: "The terminal could not give the card back.",
    0xDE: "The terminal could not take the card in.",
    0xE0: "The terminal is being serviced from afar.",
    0xE2: "The terminal's card reader does not answer.",
    0xE3: "The terminal's shutter is closed.",
    0xE4: "The terminal must be activated first.",
    0xE7: "A group of goods is not known to the terminal.",
    0xE8: "The terminal has no table of goods.",
    0xE9: "The terminal does not allow these goods with this card.",
    0xEA: "The terminal does not allow this card.",
    0xEB: "The terminal does not know how the card checks its PIN.",
    0xEC: "The PIN could not be checked.",
    0xED: "The terminal's PIN pad has a fault.",
    0xF0: "The terminal waits for its end-of-day batch.",
    0xF1: "The card must not be used without a connection.",
    0xF5: "The terminal's personalisation failed.",
    0xF6: "The terminal's personalisation data is missing.",
    0xFA: "The terminal could not send its personalisation.",
    0xFB: "The terminal's memory of payments is damaged.",
    0xFC: "A part of the terminal is missing or broken.",
    0xFD: "The terminal does not know this line speed.",
    0xFE: "The terminal does not know this register.",
    0xFF: "The terminal has a fault.",
}

_REMOVE_CARD: Final = 0x40

_INTERMEDIATE: Final[dict[int, str]] = {
    0x00: "Confirm the amount on the terminal",
    0x01: "Look at the terminal",
    0x02: "Look at the terminal",
    0x03: "Not accepted",
    0x04: "Waiting for the card network",
    0x05: "The terminal is taking a payment back",
    0x06: "The terminal is sending earlier payments",
    0x07: "This card is not accepted",
    0x08: "This card is not known",
    0x09: "The card has expired",
    0x0A: "Insert card",
    0x0B: "Remove card",
    0x0C: "The card could not be read",
    0x0D: "The payment was broken off",
    0x0E: "Please wait",
    0x0F: "The terminal is doing its end-of-day batch",
    0x10: "The card is not valid",
    0x11: "The card's credit is shown",
    0x12: "The terminal has a fault",
    0x13: "Payment is not possible",
    0x14: "The credit is too low",
    0x15: "Wrong PIN",
    0x16: "The limit is too low",
    0x17: "Please wait",
    0x18: "The PIN was wrong too often",
    0x19: "The card's data is wrong",
    0x1A: "The terminal is being serviced",
    0x1B: "Approved: please fill up",
    0x1C: "Approved: please take the goods",
    0x1D: "Declined",
    0x26: "Waiting for a mobile number",
    0x27: "Waiting for the mobile number again",
    0x28: "Choose the currency on the terminal",
    0x29: "Choose the language on the terminal",
    0x2A: "Insert the card to load it",
    0x2B: "Emergency transaction: please wait",
    0x2C: "Choose the card's application on the terminal",
    0x4A: "Remove card",
    0x4B: "Remove card",
    0x5E: "The card was read",
    0x68: "The card is in the terminal",
    0x69: "Choose the currency on the terminal",
    0x6A: "The customer is typing the PIN",
    0x6B: "The customer is typing the PIN",
    0x6C: "The customer is typing the PIN",
    0x6D: "The PIN was typed",
    0xA0: "The payment was made",
    0xA1: "The payment was made: please remove the card",
    0xA2: "The payment was taken back",
    0xA3: "The payment was taken back: please remove the card",
    0xA4: "The payment cannot be taken back",
    0xA5: "The payment cannot be taken back: please remove the card",
    0xC7: "Waiting for the mileage",
    0xC8: "Waiting for the cashier",
    0xC9: "The terminal is running its diagnosis",
    0xCA: "The terminal is initialising itself",
    0xCB: "The terminal's journal is full",
    0xCC: "A PIN is needed",
    0xD2: "The terminal is dialling",
    0xD3: "The terminal is connected",
    0xE0: "Choose the card's application on the terminal",
    0xE1: "Choose the language on the terminal",
    0xE2: "The terminal wants to be cleaned",
    0xF1: "The terminal is offline",
    0xF2: "The terminal is online",
    0xF3: "The payment is taken offline",
}

_CARD_TYPES: Final[dict[int, str]] = {
    2: "girocard",
    5: "girocard",
    6: "Mastercard",
    8: "American Express",
    9: "direct debit",
    10: "Visa",
    11: "Visa Electron",
    12: "Diners",
    13: "V PAY",
    14: "JCB",
    46: "Maestro",
    47: "gift card",
    69: "Postcard",
    87: "Bancontact",
    89: "PAYBACK PAY",
    97: "Alipay",
    107: "Alipay",
    111: "instant payment",
    119: "PayPal",
    120: "Klarna",
    125: "TWINT",
    126: "Payconiq",
    127: "AirPlus",
    196: "Dankort",
    197: "Visa Dankort",
    198: "UnionPay",
    232: "Discover",
    260: "Bluecode",
    261: "WeChat Pay",
    266: "Sodexo",
    269: "Edenred",
}
CARD_TYPE_IN_TAG: Final = 255
"""A type that stands as a longer number in tag 41."""

_INITIALISE: Final = 0x01
_DIAGNOSE: Final = 0x02
_STATUS_BITS: Final[dict[int, str]] = {
    _INITIALISE: "The terminal must be initialised.",
    _DIAGNOSE: "The terminal wants its diagnosis to be run.",
    0x04: "The terminal waits for its personalisation.",
}


def result_words(code: int, what: str = "payment") -> str:
    """Return what a result code (BMP 27, 06 1E, 84 xx) means for a payment, refund, reversal."""
    if OK < code <= _HOST_MAX:
        unnamed = f"The card network declined the {what} with code {code}."
        return _HOST.get(code, unnamed).format(what=what)
    return _RESULTS.get(code, f"The terminal answered with code {code:02X}.").format(what=what)


def intermediate_words(status: int) -> str:
    """Return what the terminal shows just now; 41 to 5D are 01 to 1D with the card to be taken."""
    known = _INTERMEDIATE.get(status)
    if known is not None:
        return known
    under = _INTERMEDIATE.get(status - _REMOVE_CARD)
    if under is not None:
        return f"{under}: please remove the card"
    return "Please wait"


def card_type_words(card_type: int) -> str:
    """Return the scheme of a ZVT card type (BMP 8A, tag 41), or empty when it is not known."""
    return _CARD_TYPES.get(card_type, "")


def wants_initialisation(status_byte: int) -> bool:
    """Say whether the status byte of 06 0F asks for 06 93."""
    return bool(status_byte & _INITIALISE)


def wants_diagnosis(status_byte: int) -> bool:
    """Say whether the status byte of 06 0F asks for 06 70."""
    return bool(status_byte & _DIAGNOSE)


def status_words(status_byte: int) -> str:
    """Return what the status byte of 06 0F asks for; empty when all is well."""
    return " ".join(words for bit, words in _STATUS_BITS.items() if status_byte & bit)
