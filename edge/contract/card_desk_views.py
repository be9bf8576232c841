"""What a till shows of cards in doubt, and of those about which people and terminals disagree."""

from __future__ import annotations

import msgspec


class DoubtView(msgspec.Struct, frozen=True):
    """The card payment, or refund (`kind`), in doubt on this till, and what is known of it.

    `since`, `asked_at` and `answered_at` in ms since 1970 UTC: since when it is in doubt, when
    its terminal was last asked, and when it last answered (0 for not yet). `code` and `words`
    are that answer; `may_reverse` when the terminal can be asked to take the payment back.
    `reversal` is empty, or `asked`, `unknown`, `declined`, or `other` (another payment was taken
    back), with `reversal_words` in the terminal's.
    """

    payment: str
    kind: str
    amount_minor: int
    terminal: str
    since: int
    asked_at: int
    answered_at: int
    code: str
    words: str
    may_reverse: bool
    reversal: str
    reversal_words: str


class SignatureView(msgspec.Struct, frozen=True):
    """The card payment on this till that the customer signs for.

    `may_refuse` when the terminal can be asked to take it back; `printed` when the box printed the
    slip to sign, else the terminal did. `reversal` and `reversal_words` as in `DoubtView`.
    """

    payment: str
    amount_minor: int
    may_refuse: bool
    printed: bool
    reversal: str
    reversal_words: str


class CardAlarmView(msgspec.Struct, frozen=True):
    """A terminal contradicts what a person had settled, or took another payment back.

    `about` is `payment`, `refund` or `reversal`: what the terminal's answer is of. `settled` is
    what the person said (`approved` or `declined`), `settled_minor` how much; where another payment
    was taken back, empty, and what should have been. `said` and `said_minor` are the terminal's,
    at `at` (ms since 1970 UTC), with its `receipt` number.
    """

    payment: str
    sale_id: str
    till: str
    at: int
    about: str
    settled: str
    settled_minor: int
    said: str
    said_minor: int
    receipt: str
