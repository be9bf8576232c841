"""The fixed words of a receipt, by language: those that shops there print."""

from __future__ import annotations

from typing import Final

import msgspec

from edge.contract.till_commands import OtherTender


class ReceiptWords(msgspec.Struct, frozen=True):
    """Every word a receipt may need; complete for each language that is listed."""

    receipt: str
    date: str
    till: str
    served_by: str
    tax_number: str
    subtotal: str
    total: str
    cash: str
    card: str
    change: str
    rounding: str
    tax: str
    net: str
    gross: str
    authorisation: str
    terminal: str
    terminal_receipt: str
    trace: str
    copy: str
    by_email: str
    training: str
    kilogram: str
    per_kilogram: str
    saved: str
    tare: str
    gift_card: str
    points: str
    house_account: str
    voucher: str
    manual_card: str
    refund: str
    exchange: str
    from_receipt: str
    no_receipt: str
    gift: str
    gift_use: str
    coupon: str
    serial: str
    lot: str
    customer: str
    tip: str
    to_pay: str
    fiscal_failed: str
    card_slip: str
    customer_copy: str
    merchant_copy: str
    signature: str


def tender_word(words: ReceiptWords, kind: OtherTender) -> str:
    """Return what a tender beside cash and card is called."""
    return {
        OtherTender.GIFT_CARD: words.gift_card,
        OtherTender.POINTS: words.points,
        OtherTender.HOUSE_ACCOUNT: words.house_account,
        OtherTender.VOUCHER: words.voucher,
        OtherTender.MANUAL_CARD: words.manual_card,
    }[kind]


DEFAULT_LANGUAGE: Final = "en"

WORDS: Final[dict[str, ReceiptWords]] = {
    "en": ReceiptWords(
        receipt="Receipt",
        date="Date",
        till="Till",
        served_by="Served by",
        tax_number="VAT no.",
        subtotal="Subtotal",
        total="TOTAL",
        cash="Cash",
        card="Card",
        change="Change",
        rounding="Cash rounding",
        tax="VAT",
        net="Net",
        gross="Gross",
        authorisation="Authorisation",
        terminal="Terminal",
        terminal_receipt="Terminal receipt",
        trace="Trace",
        copy="COPY",
        by_email="COPY BY E-MAIL",
        training="TRAINING - NOT A RECEIPT",
        kilogram="kg",
        per_kilogram="/kg",
        saved="You saved",
        tare="tare",
        gift_card="Gift card",
        points="Points",
        house_account="On account",
        voucher="Voucher",
        manual_card="Card, other terminal",
        refund="REFUND",
        exchange="EXCHANGE",
        from_receipt="Returned, receipt",
        no_receipt="Returned without receipt",
        gift="GIFT RECEIPT",
        gift_use="For exchange or return",
        coupon="Coupon",
        serial="Serial no.",
        lot="Lot",
        customer="Customer",
        tip="Tip",
        to_pay="To pay",
        fiscal_failed="The security device (TSE) has failed",
        card_slip="Card receipt",
        customer_copy="CUSTOMER COPY",
        merchant_copy="MERCHANT COPY",
        signature="Signature",
    ),
    "pl": ReceiptWords(
        receipt="Paragon nr",
        date="Data",
        till="Kasa",
        served_by="Kasjer",
        tax_number="NIP",
        subtotal="Razem netto",
        total="SUMA",
        cash="Gotówka",
        card="Karta",
        change="Reszta",
        rounding="Zaokrąglenie",
        tax="VAT",
        net="Netto",
        gross="Brutto",
        authorisation="Kod autoryzacji",
        terminal="Terminal",
        terminal_receipt="Potwierdzenie nr",
        trace="Nr operacji",
        copy="KOPIA",
        by_email="KOPIA E-MAILEM",
        training="SZKOLENIE - TO NIE PARAGON",
        kilogram="kg",
        per_kilogram="/kg",
        saved="Oszczędzasz",
        tare="tara",
        gift_card="Karta podarunkowa",
        points="Punkty",
        house_account="Na rachunek",
        voucher="Bon",
        manual_card="Karta, inny terminal",
        refund="ZWROT",
        exchange="WYMIANA",
        from_receipt="Zwrot do paragonu nr",
        no_receipt="Zwrot bez paragonu",
        gift="PARAGON PREZENTOWY",
        gift_use="Do wymiany lub zwrotu",
        coupon="Kupon",
        serial="Nr seryjny",
        lot="Partia",
        customer="Klient",
        tip="Napiwek",
        to_pay="Do zapłaty",
        fiscal_failed="Awaria urządzenia fiskalnego (TSE)",
        card_slip="Potwierdzenie karty",
        customer_copy="KOPIA DLA KLIENTA",
        merchant_copy="KOPIA DLA SPRZEDAWCY",
        signature="Podpis",
    ),
    "zh": ReceiptWords(
        receipt="小票号",
        date="日期",
        till="收银台",
        served_by="收银员",
        tax_number="税号",
        subtotal="小计",
        total="合计",
        cash="现金",
        card="银行卡",
        change="找零",
        rounding="抹零",
        tax="增值税",
        net="不含税",
        gross="含税",
        authorisation="授权码",
        terminal="终端号",
        terminal_receipt="凭证号",
        trace="流水号",
        copy="重印",
        by_email="电子邮件副本",
        training="培训 - 非收据",
        kilogram="kg",
        per_kilogram="/kg",
        saved="已优惠",
        tare="皮重",
        gift_card="礼品卡",
        points="积分",
        house_account="记账",
        voucher="代金券",
        manual_card="其他终端银行卡",
        refund="退款",
        exchange="换货",
        from_receipt="退货 原小票号",
        no_receipt="无小票退货",
        gift="礼品小票",
        gift_use="凭此换货或退货",
        coupon="优惠券",
        serial="序列号",
        lot="批号",
        customer="顾客",
        tip="小费",
        to_pay="应付",
        fiscal_failed="安全设备(TSE)故障",
        card_slip="刷卡单",
        customer_copy="顾客存根",
        merchant_copy="商户存根",
        signature="签名",
    ),
    "ar": ReceiptWords(
        receipt="رقم الإيصال",
        date="التاريخ",
        till="الصندوق",
        served_by="أمين الصندوق",
        tax_number="الرقم الضريبي",
        subtotal="المجموع الفرعي",
        total="الإجمالي",
        cash="نقدًا",
        card="بطاقة",
        change="الباقي",
        rounding="تقريب",
        tax="الضريبة",
        net="الصافي",
        gross="الإجمالي",
        authorisation="رمز التفويض",
        terminal="رقم الجهاز",
        terminal_receipt="إيصال الجهاز",
        trace="رقم التتبع",
        copy="نسخة",
        by_email="نسخة بالبريد الإلكتروني",
        training="تدريب - ليس إيصالًا",
        kilogram="كجم",
        per_kilogram="/كجم",
        saved="وفّرت",
        tare="الوزن الفارغ",
        gift_card="بطاقة هدية",
        points="نقاط",
        house_account="على الحساب",
        voucher="قسيمة",
        manual_card="بطاقة، جهاز آخر",
        refund="استرداد",
        exchange="استبدال",
        from_receipt="مرتجع من الإيصال رقم",
        no_receipt="مرتجع بدون إيصال",
        gift="إيصال هدية",
        gift_use="للاستبدال أو الإرجاع",
        coupon="قسيمة",
        serial="الرقم التسلسلي",
        lot="رقم الدفعة",
        customer="الزبون",
        tip="إكرامية",
        to_pay="المبلغ المستحق",
        fiscal_failed="تعطّل جهاز الأمان (TSE)",
        card_slip="إيصال البطاقة",
        customer_copy="نسخة العميل",
        merchant_copy="نسخة التاجر",
        signature="التوقيع",
    ),
    "ko": ReceiptWords(
        receipt="영수증 번호",
        date="거래일시",
        till="계산대",
        served_by="계산원",
        tax_number="사업자등록번호",
        subtotal="소계",
        total="합계",
        cash="현금",
        card="카드",
        change="거스름돈",
        rounding="끝전 조정",
        tax="부가세",
        net="공급가",
        gross="합계",
        authorisation="승인번호",
        terminal="단말기번호",
        terminal_receipt="전표번호",
        trace="거래번호",
        copy="재발행",
        by_email="이메일 재발행",
        training="교육용 - 영수증 아님",
        kilogram="kg",
        per_kilogram="/kg",
        saved="총 할인",
        tare="용기 무게",
        gift_card="상품권 카드",
        points="포인트",
        house_account="외상",
        voucher="할인권",
        manual_card="카드(다른 단말기)",
        refund="환불",
        exchange="교환",
        from_receipt="반품, 원 영수증 번호",
        no_receipt="영수증 없는 반품",
        gift="선물용 영수증",
        gift_use="교환·반품 시 제시",
        coupon="쿠폰",
        serial="일련번호",
        lot="로트",
        customer="고객",
        tip="팁",
        to_pay="결제 금액",
        fiscal_failed="보안 장치(TSE) 고장",
        card_slip="카드 전표",
        customer_copy="고객용",
        merchant_copy="가맹점용",
        signature="서명",
    ),
    "pt": ReceiptWords(
        receipt="Cupom nº",
        date="Data",
        till="Caixa",
        served_by="Operador",
        tax_number="CNPJ",
        subtotal="Subtotal",
        total="TOTAL",
        cash="Dinheiro",
        card="Cartão",
        change="Troco",
        rounding="Arredondamento",
        tax="ICMS",
        net="Base",
        gross="Valor",
        authorisation="Autorização",
        terminal="Terminal",
        terminal_receipt="Comprovante",
        trace="NSU",
        copy="REIMPRESSÃO",
        by_email="2ª VIA POR E-MAIL",
        training="TREINAMENTO - NÃO É RECIBO",
        kilogram="kg",
        per_kilogram="/kg",
        saved="Você economizou",
        tare="tara",
        gift_card="Vale-presente",
        points="Pontos",
        house_account="A prazo",
        voucher="Voucher",
        manual_card="Cartão, outro terminal",
        refund="DEVOLUÇÃO",
        exchange="TROCA",
        from_receipt="Devolvido do cupom nº",
        no_receipt="Devolvido sem cupom",
        gift="CUPOM PARA PRESENTE",
        gift_use="Para troca ou devolução",
        coupon="Cupom",
        serial="N.º de série",
        lot="Lote",
        customer="Cliente",
        tip="Gorjeta",
        to_pay="A pagar",
        fiscal_failed="O dispositivo de segurança (TSE) falhou",
        card_slip="Comprovante do cartão",
        customer_copy="VIA DO CLIENTE",
        merchant_copy="VIA DO ESTABELECIMENTO",
        signature="Assinatura",
    ),
}


def language_of(wanted: str) -> str:
    """Return the listed language that serves a wanted one (BCP 47): itself, its root, English."""
    for language in (wanted, wanted.partition("-")[0]):
        if language in WORDS:
            return language
    return DEFAULT_LANGUAGE
