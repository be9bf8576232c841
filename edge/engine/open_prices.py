"""Articles without a listed price: a department, a repair, a hand-made cake. The price is typed.

Decisions that are this shop's policy:

- Only articles that are marked `open_price` take a typed price; all others have the listed one,
  and another is an override, with its reason.
- A typed price is more than nothing: what is given away is a discount, with its reason.
- Above the store's limit a second person approves, as for any price that a person sets.
- A code that nobody knows may be sold so. The line keeps it, for head office to find.
"""

from __future__ import annotations

from edge.contract.errors import Refused
from edge.contract.limits import (
    AMOUNT_MINOR_MAX,
)
from edge.contract.money import format_amount
from edge.contract.permissions import Permission
from edge.contract.reference_data import Article
from edge.contract.till_commands import AddItem
from edge.engine.approval_rules import authorise
from edge.engine.article_finding import find_article, refuse_listed
from edge.engine.barcode_meaning import GtinMeaning, LabelMeaning, meaning_of
from edge.engine.circumstances import Circumstances
from edge.engine.reference_view import ReferenceView
from edge.engine.text_safety import check_free_text


def approver_of(command: AddItem, reference: ReferenceView, given: Circumstances) -> str:
    """Return who approved a typed price, empty where nobody had to; or refuse it."""
    if command.price_minor is None:
        return ""
    currency = reference.store.currency
    if not 0 < command.price_minor <= AMOUNT_MINOR_MAX:
        most = format_amount(AMOUNT_MINOR_MAX, currency)
        raise Refused(
            "open_price_out_of_range",
            f"A price that is typed is more than nothing and at most {most}.",
            advice="Type the price again.",
            params={"most": most},
        )
    most_minor = reference.store.open_price_max_minor
    if most_minor and command.price_minor > most_minor:
        return authorise(Permission.OVERRIDE_PRICE, given)
    return ""


def code_kept(command: AddItem, article: Article, reference: ReferenceView) -> str:
    """Return the code that the line keeps: the unknown one, where one is sold so; or refuse."""
    unknown = command.unknown_code
    if not unknown:
        return command.code
    if not article.open_price:
        refuse_listed(article)
    store = reference.store
    meaning = meaning_of(unknown, store.code_templates, currency=store.currency)
    known = find_article(reference, meaning)
    if known is not None:
        raise Refused(
            "code_is_known",
            f"This is the code of {known.name}.",
            advice="Scan it again to sell it at its own price.",
            params={"name": known.name},
        )
    if isinstance(meaning, (GtinMeaning, LabelMeaning)):
        return unknown  # every tenth of them would pass for a card number
    return check_free_text(unknown, field="code")
