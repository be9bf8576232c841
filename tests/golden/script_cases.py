"""Whole receipts in six languages as paper: text (`scripts/NAME.txt`) and picture beside it.

Both come from the bytes that the printer got. Look at every picture after `make golden`.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
from PIL import Image

from devices.lettering.letters import Letters
from devices.protocols.escpos_encoder import EscposEncoder, PaperFormat
from edge.contract.receipt_document import ReceiptDocument
from edge.contract.till_commands import OtherTender
from edge.engine.card_slip_layout import lay_out_card_slip
from edge.engine.card_slips import MERCHANT, CardSlip, kept_lines
from edge.engine.cart import Cart
from edge.engine.receipt_layout import lay_out_gift_receipt, lay_out_receipt
from tests.devices.escpos_desk import Desk
from tests.engine.shop_in_memory import (
    CHEESE_742_G,
    MILK,
    ROLL,
    SMALL,
    SOAP,
    TIPS,
    profile,
    shop,
)
from tests.engine.till_in_memory import TillInMemory
from tests.golden.paper_picture import picture

FOLDER: Final = Path(__file__).parent / "scripts"
LETTERS: Final = Letters()


class Shop(NamedTuple):
    """A shop somewhere: its names, in the order of the goods that `sale` sells."""

    language: str
    name: str
    address: str
    footer: str
    cashier: str
    goods: tuple[str, str, str, str, str]
    pages: tuple[str, ...] = ()


SHOPS: Final = {
    "english": Shop(
        "en-IE",
        "Harbour Street",
        "12 Harbour Street, Exampleton",
        "Thank you \u2014 see you soon!",
        "Marta",
        (
            "青岛啤酒 500ml",
            "Whole milk 1 l",
            "Aged cheese",
            "종가집 김치 300g 포기김치",
            "شاي Lipton أصفر (100)",
        ),
    ),
    "polish": Shop(
        "pl",
        "Sklep pod Dębem",
        "ul. Świętojańska 12, Gdańsk",
        "Dziękujemy, zapraszamy ponownie!",
        "Łucja",
        (
            "Bułka kajzerka",
            "Mleko łaciate 3,2% 1 l",
            "Ser żółty dojrzewający",
            "Guma do żucia miętowa",
            "Mydło w kostce",
        ),
        ("cp852",),
    ),
    "chinese": Shop(
        "zh-Hans",
        "街角便利店",
        "上海市静安区南京西路12号",
        "谢谢惠顾\uff0c欢迎下次光临\uff01",
        "王芳",
        (
            "肉松面包",
            "光明纯牛奶 1L",
            "咖喱蛏子\uff08散装\uff09",
            "绿箭口香糖薄荷味15片装办公室分享超值家庭装大礼包",
            "Dove 香皂",
        ),
    ),
    "arabic": Shop(
        "ar",
        "متجر الميناء",
        "١٢ شارع الميناء، الإسكندرية",
        "شكرًا لزيارتكم، نراكم قريبًا!",
        "مَرْيَم الزهراء",
        (
            "خبز بلدي",
            "حليب كامل الدسم 1 لتر",
            "جبنة رومي معتقة",
            "علكة بالنعناع (15 قطعة) عبوة عائلية كبيرة للمكتب والبيت",
            "صابون Dove",
        ),
    ),
    "korean": Shop(
        "ko",
        "항구 슈퍼마켓",
        "서울특별시 종로구 세종대로 12",
        "이용해 주셔서 감사합니다!",
        "김민지",
        (
            "단팥빵",
            "서울우유 1L",
            "숙성 치즈",
            "자일리톨 껌 오리지널 민트 대용량 리필 파우치 가정용",
            "Dove 비누",
        ),
    ),
    "portuguese": Shop(
        "pt-BR",
        "Mercado da Estação",
        "Rua São João, 12",
        "Obrigado, volte sempre!",
        "João",
        (
            "Pão francês",
            "Leite integral 1 l",
            "Queijo meia-cura",
            "Goma de mascar de hortelã",
            "Sabão de coco",
        ),
    ),
}
SHOPS["polish_one_page"] = SHOPS["polish"]._replace(pages=())
SLIPS: Final[dict[str, tuple[str, ...]]] = {
    "english": (
        "       CARDHOLDER COPY       ",
        "==========================================",
        "Terminal-ID: 52500042     TA-No. 000124",
        "VISA DEBIT CONTACTLESS",
        "PAN ************4242      0001  EXP **/**",
        "AID A0000000031010",
        "AMOUNT EUR                          10.00",
        "APPROVED                     AUTH  A1B2C3",
        "==========================================",
        "     PLEASE RETAIN RECEIPT     ",
    ),
    "polish": (
        "        KOPIA KLIENTA",
        "Nr terminala         52500042",
        "SPRZEDAŻ ZBLIŻENIOWA",
        "KWOTA                10,00 EUR",
        "TRANSAKCJA ZAAKCEPTOWANA",
        "Proszę zachować wydruk. Dziękujemy",
    ),
    "chinese": (
        "      持卡人存根",
        "终端编号        52500042",
        "卡号      ************4242",
        "交易类型            消费",
        "金额         EUR 10.00",
        "备注:      已确认 APPROVED",
    ),
    "arabic": (
        "      نسخة حامل البطاقة",
        "رقم الجهاز          52500042",
        "VISA      ************4242",
        "المبلغ          EUR 10.00",
        "تمت الموافقة",
        "APPROVED            A1B2C3",
    ),
    "korean": (
        "      고객용 전표",
        "단말기 번호     52500042",
        "카드번호  ************4242",
        "금액        EUR 10.00",
        "승인번호         A1B2C3",
    ),
    "portuguese": (
        "         VIA DO CLIENTE",
        "TERMINAL             52500042",
        "CRÉDITO À VISTA",
        "VALOR APROVADO       10,00 EUR",
        "TRANSAÇÃO AUTORIZADA  A1B2C3",
    ),
}
"""What terminals there write, each in columns of its own: 42, 30 and 26 wide."""

KINDS: Final[dict[str, dict[str, Any]]] = {
    "58mm": {"copy": 1},
    "return": {"kind": "return"},
    "cardback": {"kind": "cardback"},
    "copy": {"copy": 2, "kind": "return"},
    "gift": {"gift": True},
    "tip": {"kind": "tip"},
    "slip": {"slip": "customer"},
    "sign": {"slip": "merchant"},
}
WIDTHS: Final = {"58mm": 32, "80mm": 42}
RETURNS: Final = tuple(f"{shop}_return_58mm" for shop in SHOPS if shop != "polish_one_page")
CARD_REFUNDS: Final = ("english_cardback_80mm", "arabic_cardback_80mm")
AGAIN: Final = tuple(
    f"{shop}_{what}_{width}"
    for shop in SHOPS
    if shop != "polish_one_page"
    for what in ("copy", "gift")
    for width in WIDTHS
)
"""A second copy of an exchange, and the gift receipt of the sale."""
TIPPED: Final = tuple(f"{shop}_tip_80mm" for shop in SHOPS if shop != "polish_one_page")
CARD_SLIPS: Final = tuple(
    f"{shop}_{what}_{width}" for shop in SLIPS for what in ("slip", "sign") for width in WIDTHS
)
"""The customer's on the receipt, and the merchant's to be signed."""
CASES: Final = (
    *(f"{shop}_{width}" for shop in SHOPS for width in WIDTHS),
    *RETURNS,
    *CARD_REFUNDS,
    *AGAIN,
    *TIPPED,
    *CARD_SLIPS,
)


def sale(goods: tuple[str, ...]) -> Cart:
    """Sell the five goods, and one that is voided; by card in part, the rest in cash."""
    till = TillInMemory()
    till.now_ms = 1_795_000_000_000
    for code, quantity in ((ROLL, 3_000), (MILK, 1_000), (CHEESE_742_G, 1_000), (SMALL, 1_000)):
        till.add(code, quantity)
    till.add(SOAP)
    till.card(1_000)
    till.approve("4242", "Visa")
    till.cash(3_000)
    names = iter(goods)
    lines = tuple(msgspec.structs.replace(line, name=next(names)) for line in till.cart.lines)
    return msgspec.structs.replace(till.cart, lines=lines)


def exchange(goods: tuple[str, ...]) -> Cart:
    """Take two of three rolls, and soap without a receipt, back; sell milk; give cash."""
    till = TillInMemory()
    till.role = "supervisor"
    till.add(ROLL, 3_000)
    till.discount(minor=15)
    till.cash(120)
    till.next_sale()
    till.now_ms = 1_795_000_000_000
    till.bring_back("till-1-000001", "1", 2_000)
    till.bring_back_without(SOAP, 2_000)
    till.add(MILK)
    till.give_on(OtherTender.VOUCHER, 100, "V-0042")
    till.give(till.cart.refund_due_minor)
    names = (goods[0], goods[4], goods[1])
    lines = tuple(
        msgspec.structs.replace(line, name=name)
        for line, name in zip(till.cart.lines, names, strict=True)
    )
    return msgspec.structs.replace(till.cart, lines=lines)


def card_refund(goods: tuple[str, ...]) -> Cart:
    """Take two of three rolls back; the card that paid declines first, and gets the money then."""
    till = TillInMemory()
    till.add(ROLL, 3_000)
    till.card(135)
    till.approve("4242", "Visa", "0042")
    till.next_sale()
    till.now_ms = 1_795_000_000_000
    till.bring_back("till-1-000001", "1", 2_000)
    till.refund(90)
    till.decline()
    till.refund(90)
    till.approve("4242", "Visa", "0043")
    (line,) = till.cart.lines
    refund = msgspec.structs.replace(
        till.cart.tenders[-1], authorisation="A1B2C3", terminal_id="T-0001", trace="000124"
    )
    return msgspec.structs.replace(
        till.cart,
        lines=(msgspec.structs.replace(line, name=goods[0]),),
        tenders=(till.cart.tenders[0], refund),
    )


def tipped(goods: tuple[str, ...]) -> Cart:
    """Sell soap, with a tip, to a customer who pays in coins of five."""
    till = TillInMemory(shop(cash_step_minor=5, tips=TIPS))
    till.now_ms = 1_795_000_000_000
    till.add(SOAP)
    till.tip(12)
    till.cash(150)
    (line,) = till.cart.lines
    return msgspec.structs.replace(till.cart, lines=(msgspec.structs.replace(line, name=goods[4]),))


_SALES: Final = {"": sale, "return": exchange, "cardback": card_refund, "tip": tipped}


def document(
    shop: Shop, *, copy: int = 0, kind: str = "", gift: bool = False, slip: str = ""
) -> ReceiptDocument:
    """Return the receipt of a shop as its box lays it out."""
    store = msgspec.structs.replace(
        profile(),
        name=shop.name,
        address=(shop.address,),
        receipt_footer=(shop.footer,),
        receipt_language=shop.language,
    )
    zone = ZoneInfo("Europe/Lisbon")
    cart = _SALES[kind](shop.goods)
    if slip:
        (name,) = (name for name, each in SHOPS.items() if each is shop)
        lines = kept_lines(SLIPS[name])
        paid = CardSlip(cart.tenders[0].tender_id, "approved", lines, lines, signature=True)
        if slip == MERCHANT:
            at = cart.completed_at
            return lay_out_card_slip(paid, MERCHANT, store, till="1", at=at, zone=zone)
        cart = msgspec.structs.replace(cart, card_slips=(paid,))
    if gift:
        return lay_out_gift_receipt(cart, store, till="1", zone=zone)
    return lay_out_receipt(cart, store, till="1", cashier=shop.cashier, zone=zone, copy=copy)


@lru_cache
def printed(name: str) -> tuple[str, Image.Image]:
    """Return a case's paper as text and as a picture."""
    shop_name, _, width = name.rpartition("_")
    shop_name, _, what = shop_name.rpartition("_")
    if what not in KINDS:
        shop_name, what = f"{shop_name}_{what}".strip("_"), "58mm" if width == "58mm" else ""
    shop, columns = SHOPS[shop_name], WIDTHS[width]
    encoder = EscposEncoder(PaperFormat(columns=columns, other_code_pages=shop.pages), LETTERS)
    encoded = encoder.encode(document(shop, **KINDS.get(what, {})))
    (receipt,) = Desk(columns).feed(encoded.data).roll.receipts
    head = f"columns {columns}, substituted {encoded.substituted}, cut {receipt.cut}\n"
    text = head + "".join(line.looks.rstrip() + "\n" for line in receipt.lines)
    return text, picture(receipt, columns)


def write() -> None:
    """Write all cases anew."""
    FOLDER.mkdir(exist_ok=True)
    for name in CASES:
        text, paper = printed(name)
        (FOLDER / f"{name}.txt").write_text(text, encoding="utf-8")
        paper.save(FOLDER / f"{name}.png", optimize=True)
