"""A sale that this box does not have, as far as the signed code on its receipt restores it.

Its lines may come back like those of any other sale: at what was paid, and of this box's returns
none twice, for those the ledger knows. What other boxes took back of it nobody here can know, so a
second person allows each of its lines, whoever is at the till. Its card payments were another
terminal's: they are never reversed, and a second person decides where their money goes.
"""

from __future__ import annotations

from msgspec.structs import replace

from edge.contract.errors import Refused
from edge.contract.money import Rounding, divide
from edge.contract.permissions import Permission
from edge.contract.quantity import ONE
from edge.contract.receipt_code import PaidBy, ReceiptCode, SoldGoods, tip_of
from edge.contract.sold_sale_views import SoldSaleView
from edge.contract.till_protocol import TillState
from edge.contract.training_events import is_training
from edge.engine.approval_rules import second_person
from edge.engine.cart import APPROVED, CARD, RETURNED, TAKEN, Cart, GoodsBack, Line, Tender
from edge.engine.circumstances import Circumstances
from edge.engine.originals import Original, all_back
from edge.engine.receipt_finding import sold_sale_view
from edge.engine.reference_view import ReferenceView

PROVED = "signature"
"""What proves a sale that is shown, where it is not this box's ledger."""


def restored(code: ReceiptCode, reference: ReferenceView) -> Original:
    """Return a sale as its code says it, nothing of it come back yet.

    Articles have the names of today's catalogue, or their SKU. Tenders are numbered as the code
    has them, which is not what the box that sold had named them.
    """
    tenders = tuple(_tender(str(number), each) for number, each in enumerate(code.tenders, 1))
    cart = Cart(
        state=TillState.DONE,
        sale=code.sale_id,
        currency=code.currency,
        prices_include_tax=code.prices_include_tax,
        lines=tuple(_line(code, each, reference) for each in code.lines),
        tenders=tenders,
        total_minor=code.total_minor,
        receipt=code.receipt,
        change_minor=code.change_minor,
        rounding_minor=code.rounding_minor,
        completed_at=code.at,
    )
    return Original(
        cart,
        # another box may have given their money back: as if the terminal had said so
        reversed_before=tuple(each.tender_id for each in tenders if each.kind == CARD),
        till=code.till,
        store=code.store,
        left_out=code.left_out.lines if code.left_out else 0,
    )


def _line(code: ReceiptCode, goods: SoldGoods, reference: ReferenceView) -> Line:
    article = reference.by_sku(goods.sku)
    rate = code.taxes[goods.tax]
    return Line(
        goods.line_id,
        goods.sku,
        article.name if article else goods.sku,
        goods.quantity,
        divide(goods.amount_minor * ONE, goods.quantity, Rounding.HALF_UP),
        goods.amount_minor,
        rate.tax,
        rate.rate_ppm,
        "",
        goods.unit,
        "",
        # goods that came back in that sale were not sold by it
        back=GoodsBack(0, 0, -goods.amount_minor) if goods.amount_minor < 0 else None,
    )


def _tender(number: str, paid: PaidBy) -> Tender:
    if paid.amount_minor < 0:
        return Tender(number, paid.kind, paid.amount_minor, RETURNED)
    return Tender(number, paid.kind, paid.amount_minor, APPROVED if paid.kind == CARD else TAKEN)


def proved_sale_view(
    code: ReceiptCode, reference: ReferenceView, original: Original | None = None
) -> SoldSaleView:
    """Return what of a sale that only its code knows may come back, as a till shows it.

    `original` is that sale with what came back of it here; without it nothing did. Lines of which
    nothing may come back by this receipt have nothing returnable.
    """
    original = original or restored(code, reference)
    bound = {
        line.line_id
        for line in original.lines
        if not original.left_out and reference.by_sku(line.sku) is not None
    }
    # the others last, so that tax rounded once per rate is told apart as it would come back
    lines = tuple(sorted(original.lines, key=lambda line: line.line_id not in bound))
    backs = all_back(replace(original, cart=replace(original.cart, lines=lines)))
    back = sum(
        each.gross_minor for line, each in zip(lines, backs, strict=True) if line.line_id in bound
    )
    view = sold_sale_view(original)
    return replace(
        view,
        back_minor=back,
        lines=tuple(
            line if line.line_id in bound else replace(line, returnable=0, back_minor=0)
            for line in view.lines
        ),
        tenders=tuple(
            replace(each, refundable_minor=min(each.refundable_minor, back))
            for each in view.tenders
        ),
        proved_by=PROVED,
        store_number=original.store,
        lines_left_out=original.left_out,
        tip_minor=tip_of(code),
    )


def check_restored(original: Original, line_id: str, reference: ReferenceView) -> None:
    """Refuse in words what a restored sale's code does not hold, or this store cannot book."""
    if not original.store:
        return
    receipt = original.cart.receipt
    if is_training(original.cart.sale):
        raise Refused(
            "receipt_of_training",
            f"Receipt {receipt} was printed for practice; nothing was sold with it.",
            advice="Ask for the receipt of the sale.",
            params={"receipt": receipt},
        )
    if original.left_out:
        raise Refused(
            "receipt_without_lines",
            f"The code of receipt {receipt} had no room for the sale's lines.",
            advice="Take the goods back without a receipt; a second person approves.",
            params={"receipt": receipt},
        )
    line = original.cart.line(line_id)
    if line is not None and reference.by_sku(line.sku) is None:
        raise Refused(
            "restored_article_unknown",
            f"This store does not have the article {line.sku} of receipt {receipt}.",
            advice="The goods go back in the store that sold them.",
            params={"sku": line.sku, "receipt": receipt},
        )


def allow_restored(original: Original, given: Circumstances) -> str:
    """Return who allowed goods of a restored sale to come back; empty for one of this ledger."""
    if not original.store:
        return ""
    return second_person(
        Permission.RETURN_WITHOUT_RECEIPT,
        given,
        "This box has no record of the sale, and other stores may have taken goods of it back.",
    )
