"""Answers packed for the ledger: zlib with a dictionary of what every view says.

A view has 1 to 3 KiB, of which most are names of fields: alone they pack to 590 bytes, with
the dictionary to a good half of that, and every page that need not be written is one that
need not be synced. Answers of before the dictionary are read as they are.
"""

from __future__ import annotations

import zlib
from typing import Final

DICTIONARY: Final = (
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
"""Never changed: what was packed with it can be read with nothing else."""

_WINDOW: Final = 12
_SMALL_TABLES: Final = 5
"""zlib.compress takes 256 KiB of fresh pages for each call: ten times the work that a view
needs, and no byte less."""


def pack(reply: bytes) -> bytes:
    """Return an answer as it is stored."""
    packing = zlib.compressobj(
        1, zlib.DEFLATED, _WINDOW, _SMALL_TABLES, zlib.Z_DEFAULT_STRATEGY, DICTIONARY
    )
    return packing.compress(reply) + packing.flush()


def unpack(stored: bytes) -> bytes:
    """Return the answer. Raises zlib.error for what is none."""
    unpacking = zlib.decompressobj(zdict=DICTIONARY)
    reply = unpacking.decompress(stored) + unpacking.flush()
    if not unpacking.eof:
        raise zlib.error("the answer ends before its end")
    return reply
