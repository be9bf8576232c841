"""The code of one receipt, byte by byte: paper outlives programs, so these stay readable."""

from __future__ import annotations

from uuid import UUID

from msgspec.structs import astuple

from edge.contract.receipt_code import PaidBy, ReceiptCode, SoldGoods, TaxPart, TippedCode

CODE = ReceiptCode(
    store=12,
    gen=2,
    seq=123_456,
    chain=bytes.fromhex("0011223344556677"),
    receipt="till-1-004711",
    uuid=UUID("0193b2a4-7c00-7000-8000-0123456789ab").bytes,
    other_id="",
    at=1_795_000_000_000,
    currency="EUR",
    prices_include_tax=True,
    total_minor=1_736,
    rounding_minor=-1,
    change_minor=265,
    taxes=(TaxPart("A", 0, 214, 0), TaxPart("B", 70_000, 1_422, 100)),
    tenders=(PaidBy("cash", 2_000),),
    lines=(
        SoldGoods(1, 100, 2, 258, 1),
        SoldGoods(3, "0042", -742, 214, 0),
        SoldGoods(4, 4_011_200, 1, 1_264, 1),
    ),
)
BODY = bytes.fromhex(
    "01dc00110c02ce0001e240c4080011223344556677ad74696c6c2d312d303034373131c4100193b2"
    "a47c00700080000123456789aba0cf000001a1ee565e00a3455552c3cd06c8ffcd01099294a14100"
    "ccd60094a142ce00011170cd058e649192a463617368cd07d09395016402cd0102019503a4303034"
    "32d1fd1accd6009504ce003d34c001cd04f001c0"
)
TEXT = (
    "TILLBOX2:100KB0*M0DY0W016C1PN1:Y1I12$C2BO2UZ2423ND3.O3G 3Z249E4SP42$4L35+E5EQ5X$"
    "5746QF60R6J%6%47CG7VR75*7QA0H00EN1-1QWA0K88N01L72TL6$ZA$5FBWE VD4W53W5A46:/65D62"
    "12AUIXZKM20%20100TK404DGVLR7Q1009LKF-AS30JY8$KAG-PKIPB-PK91OZIZ98D+PD30HHK-1Q360"
    "WBERV05WCAOIGPCOQEH-PPGQU$I.SCB-PIB0W$I2YKA464J6*:VD+PE30FR0G104U6BA04S0/90."
)
"""With the bytes 0 to 63 for a signature."""

TIPPED = TippedCode(*astuple(CODE), tip_minor=264)
"""The same sale with a tip: another version before it, and one number more behind it."""
TIPPED_BODY = bytes.fromhex(
    "02dc00120c02ce0001e240c4080011223344556677ad74696c6c2d312d303034373131c4100193b2"
    "a47c00700080000123456789aba0cf000001a1ee565e00a3455552c3cd06c8ffcd01099294a14100"
    "ccd60094a142ce00011170cd058e649192a463617368cd07d09395016402cd0102019503a4303034"
    "32d1fd1accd6009504ce003d34c001cd04f001c0cd0108"
)
TIPPED_TEXT = (
    "TILLBOX2:100KB0*M0DY0W016C1PN1:Y1I12$C2BO2UZ2423ND3.O3G 3Z249E4SP42$4L35+E5EQ5X$"
    "5746QF60R6J%6%47CG7VR75*7CG0I00EN1-1QWA0K88N01L72TL6$ZA$5FBWE VD4W53W5A46:/65D62"
    "12AUIXZKM20%20100TK404DGVLR7Q1009LKF-AS30JY8$KAG-PKIPB-PK91OZIZ98D+PD30HHK-1Q360"
    "WBERV05WCAOIGPCOQEH-PPGQU$I.SCB-PIB0W$I2YKA464J6*:VD+PE30FR0G104U6BA04S0/90B-P80"
    "."
)
