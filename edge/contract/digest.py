"""What a box has sold since head office last heard of it, in a few numbers: ahead of all frames.

A box that was away for a month has weeks of frames to send over a slow line. Stock and takings
are known at once all the same: they come with its introduction, as sums over the sales whose
completion lies behind the event that head office acknowledged last. Once the frames are there
too, head office adds up the same sales itself, and both must agree.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from edge.contract.identity import Place
from edge.contract.limits import (
    DIGEST_ARTICLES_MAX,
    DIGEST_TAKINGS_MAX,
    NAME_CHARS_MAX,
)

DIGEST: Final = "digest"
"""How a head office says in its Challenge that it hears a Digest."""


class DigestTaking(msgspec.Struct, frozen=True, order=True):
    """What a kind of tender brought on a business day, in the currency's smallest unit.

    Change is taken from cash; what went back counts below zero.
    """

    day: Annotated[str, Meta(max_length=10)]
    currency: Annotated[str, Meta(max_length=3)]
    kind: Annotated[str, Meta(max_length=NAME_CHARS_MAX)]
    amount_minor: int


class DigestArticle(msgspec.Struct, frozen=True, order=True):
    """How much of an article left the shop, in thousandths; below zero when more came back."""

    sku: Annotated[str, Meta(max_length=NAME_CHARS_MAX)]
    quantity: int


class Digest(msgspec.Struct, frozen=True, tag=DIGEST, tag_field="msg"):
    """The sums over the sales completed by the events `after` + 1 to `upto`, both in `gen`.

    `takings` and `articles` are sorted; of more than `DIGEST_ARTICLES_MAX` articles those that
    moved most are named, and `whole` is false.
    """

    gen: Place
    after: Place
    upto: Place
    sales: Place
    takings: Annotated[tuple[DigestTaking, ...], Meta(max_length=DIGEST_TAKINGS_MAX)]
    articles: Annotated[tuple[DigestArticle, ...], Meta(max_length=DIGEST_ARTICLES_MAX)]
    whole: bool = True
