"""Answers that an older program packed: zlib with a dictionary of what every view says.

A stream says itself which dictionary it was packed with (RFC 1950, DICTID); the first answers had
none. Today's are packed by `edge.ledger.packing`.
"""

from __future__ import annotations

import zlib
from typing import Final

FIRST: Final = (
    b'"code":"host_offline","words":"The printer of till 1 is not reachable: its service is not'
    b' running.","advice":"It starts again by itself within seconds. Selling goes on."'
    b'"state":"paying""state":"idle","sale_id":null,"receipt_number":null,"lines":[],"tenders":[]'
    b'{"version":1048577,"till":"till-1","state":"done","sale_id":"01990000-0000-7000-8000-'
    b'","receipt_number":"1-1-000001","lines":[{"line_id":"1","name":" 500 g","quantity":1000,'
    b'"amount_minor":199,"price_minor":199,"sku":"1","unit":"piece","tax":"B","voided":false,'
    b'"entry":"scanned","replaces":""},{"line_id":"2","name":"","quantity":1000,"amount_minor":'
    b',"price_minor":,"sku":"","unit":"piece","tax":"A","voided":false,"entry":"keyed",'
    b'"replaces":""}],"tenders":[{"tender_id":"4","kind":"card","amount_minor":,"state":"asked",'
    b'"state":"approved","words":"","last4":"","scheme":""},{"tender_id":"5","kind":"cash",'
    b'"amount_minor":5000,"state":"taken","words":"","last4":"","scheme":""}],'
    b'"taxes":[{"tax":"A","rate_ppm":'
    b'190000,"net_minor":,"tax_minor":,"gross_minor":},{"tax":"B","rate_ppm":70000,"net_minor":'
    b',"tax_minor":,"gross_minor":}],"total_minor":,"due_minor":0,"change_minor":0,'
    b'"rounding_minor":0,"currency":"EUR","opened_at":17,"devices":[{"device_id":"scanner-1",'
    b'"role":"scanner","state":"ready","well":true,"code":"","words":"","advice":"","paper":"",'
    b'"drawer":"","jobs_waiting":0},{"device_id":"printer-1","role":"printer","state":"ready",'
    b'"well":true,"code":"","words":"","advice":"","paper":"ok","drawer":"closed",'
    b'"jobs_waiting":0},{"device_id":"printer-1","role":"drawer","state":"ready","well":true,'
    b'"code":"","words":"","advice":"","paper":"ok","drawer":"closed","jobs_waiting":0},'
    b'{"device_id":"terminal-1","role":"terminal","state":"ready","well":true,"code":"","words":'
    b'"","advice":"","paper":"","drawer":"","jobs_waiting":0}],"link":{"state":"never","state":'
    b'"down","state":"up","waiting_sales":0,"since":17},"notice":null,"dots":{"box":true,'
    b'"shop":false,"office":false},"receipt":{"state":"waiting","words":""}}'
    b'"state":"open","due_minor":,"opened_at":null,"dots":null,"receipt":null}'
)
SECOND: Final = (
    b'{"serial":1,"code":"","tone":"refused","words":"","params":{"name":"}},'
    b'"weighing":{"name":"","tare_g":0}"code":"host_offline",'
    b'"words":"The printer of till 1 is not reachable: its service is not running.",'
    b'"advice":"It starts again by itself within seconds. Selling goes on.""state":"in_doubt""'
    b'state":"paying""state":"declined""entry":"weight_code""entry":"price_code""unit":"kg""vo'
    b'ided":true"kind":"gift_card""kind":"voucher""reductions":[{"source":"promotion",'
    b'"name":"","amount_minor":}],"overridden":true"discounts":[{"discount_id":"1",'
    b'"line_id":"","off_ppm":100000,"off_minor":0,"reason":""}],"parked":[{"sale_id":"",'
    b'"label":"","till":"till-","for_till":"","cashier":"","parked_at":,"total_minor":,'
    b'"lines":,"state":"open"}]{"version":1048577,"till":"till-1","state":"idle",'
    b'"sale_id":null,"receipt_number":null,"lines":[],"tenders":[],"taxes":[],"total_minor":0,'
    b'"opened_at":null,"dots":null{"version":4194348,"till":"till-1","state":"done",'
    b'"sale_id":"01a20000-0000-7000-8000-","receipt_number":"till-1-000001",'
    b'"lines":[{"line_id":"1","name":" 500 g","quantity":1000,"amount_minor":199,'
    b'"price_minor":199,"sku":"100001","unit":"piece","tax":"standard","voided":false,'
    b'"entry":"keyed","replaces":"","listed_minor":199,"reductions":[],"overridden":false,'
    b'"note":"","tare_g":0,"returned_from":""},{"line_id":"2","name":"","quantity":1000,'
    b'"amount_minor":,"price_minor":,"sku":"1000","unit":"piece","tax":"reduced",'
    b'"voided":false,"entry":"scanned","replaces":"","listed_minor":,"reductions":[],'
    b'"overridden":false,"note":"","tare_g":0,"returned_from":""}],'
    b'"tenders":[{"tender_id":"4","kind":"card","amount_minor":,"state":"asked",'
    b'"state":"approved","words":"","last4":"","scheme":"","reference":""},{"tender_id":"5",'
    b'"kind":"cash","amount_minor":5000,"state":"taken","words":"","last4":"","scheme":"",'
    b'"reference":""}],"taxes":[{"tax":"standard","rate_ppm":190000,"net_minor":,"tax_minor":,'
    b'"gross_minor":},{"tax":"reduced","rate_ppm":70000,"net_minor":,"tax_minor":,'
    b'"gross_minor":}],"total_minor":,"due_minor":0,"change_minor":0,"rounding_minor":0,'
    b'"currency":"EUR","opened_at":1795,"devices":[{"device_id":"scanner-1","role":"scanner",'
    b'"state":"ready","well":true,"code":"","words":"","advice":"","paper":"","drawer":"",'
    b'"jobs_waiting":0,"weight":"","weight_g":0},{"device_id":"printer-1","role":"printer",'
    b'"state":"ready","well":true,"code":"","words":"","advice":"","paper":"ok","drawer":"",'
    b'"jobs_waiting":0,"weight":"","weight_g":0},{"device_id":"printer-1","role":"drawer",'
    b'"state":"ready","well":true,"code":"","words":"","advice":"","paper":"ok",'
    b'"drawer":"closed","jobs_waiting":1,"weight":"","weight_g":0},{"device_id":"terminal-1",'
    b'"role":"terminal","state":"ready","well":true,"code":"","words":"","advice":"",'
    b'"paper":"","drawer":"","jobs_waiting":0,"weight":"","weight_g":0},'
    b'{"device_id":"scale-1","role":"scale","state":"ready","well":true,"code":"","words":"",'
    b'"advice":"","paper":"","drawer":"","jobs_waiting":0,"weight":"stable","weight_g":0}],'
    b'"link":{"state":"never","state":"down","state":"up","waiting_sales":0,"since":1795},'
    b'"notice":null,"dots":{"box":true,"shop":false,"office":false},'
    b'"receipt":{"state":"waiting","words":""},"discounts":[],"note":"","parked":[],'
    b'"weighing":null,"refund_due_minor":0}"state":"open","due_minor":,"opened_at":1795,'
    b'"notice":null,"dots":null,"receipt":null,'
)
# what is rare stands far from the end, where it costs the usual fields nothing
THIRD: Final = (
    b'"price_check":{"serial":1,"code":"","price":{"code":"","sku":"","name":"","unit":"piece",'
    b'"currency":"EUR","price_minor":,"quantity":1000,"amount_minor":,"now_minor":,'
    b'"labelled":false,"promotions":[{"name":"","now":true,"coupon":false,"members":false}]},'
    b'"refused":{"code":"","message":"","advice":"","params":{}}}'
    + SECOND
    + b'"refund_due_minor":0,"last_receipt":"till-1-000001","price_check":null}'
)
_LINE_ENDED: Final = b'"tare_g":0,"returned_from":""'
FOURTH: Final = (
    b'"age_check":{"minimum_age":16,"born_by":"20"},"card_alarms":[{"payment":"","sale_id":"",'
    b'"till":"","at":,"about":"","settled":"","settled_minor":,"said":"","said_minor":,'
    b'"receipt":""}],"doubt":{"payment":"","kind":"card","amount_minor":,"terminal":'
    b'"terminal-1","since":,"asked_at":,"answered_at":,"code":"","words":"","may_reverse":false,'
    b'"reversal":"","reversal_words":""},"coupons":[{"code":"","name":"","single_use":true,'
    b'"counts":true}],"customer":{"number":"","groups":[""]}'
    + THIRD.removesuffix(b"}").replace(
        _LINE_ENDED,
        _LINE_ENDED + b',"minimum_age":0,"deposit":false,"deposit_of":"","serial":"","lot":""',
    )
    + b',"age_checked":0,"age_check":null,"empties":false,"doubt":null,"card_alarms":[],'
    b'"coupons":[],"training":false,"customer":null}'
)
"""None ever changes: what was packed with it can be read with nothing else."""

_BY_ID: Final = {zlib.adler32(each): each for each in (FIRST, SECOND, THIRD, FOURTH)}
_HAS_DICTIONARY: Final = 0x20
"""The flag FDICT in the second byte of a stream; the dictionary's Adler-32 follows."""


def unpack_older(stored: bytes) -> bytes:
    """Return the answer. Raises zlib.error for what is none."""
    named = len(stored) > 1 and stored[1] & _HAS_DICTIONARY
    dictionary = _BY_ID.get(int.from_bytes(stored[2:6])) if named else None
    unpacking = zlib.decompressobj(zdict=dictionary) if dictionary else zlib.decompressobj()
    reply = unpacking.decompress(stored) + unpacking.flush()
    if not unpacking.eof:
        raise zlib.error("the answer ends before its end")
    return reply
