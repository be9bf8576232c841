"""A German receipt on paper: its fiscal QR code is read off the paper and its signature checked."""

from __future__ import annotations

from pathlib import Path

import pytest
import zxingcpp

from devices.protocols.escpos_encoder import EscposEncoder, PaperFormat
from edge.contract.fiscal_events import FiscalSigned
from edge.contract.receipt_document import QrBlock, ReceiptDocument, RowBlock
from edge.engine.fiscal_receipt import fiscal_blocks, qr_v0
from edge.runtime.simulated_tse import SimulatedTse
from tests.devices.escpos_desk import Desk
from tests.devices.virtual_clock import VirtualClock
from tests.golden.paper_picture import picture
from tests.runtime.tse_check import check

DATA = "Beleg^75.33_7.99_0.00_0.00_0.00^10.00:Bar_68.32:Unbar_5.00:Bar:USD"


async def signed(folder: Path) -> FiscalSigned:
    tse = SimulatedTse(folder, VirtualClock())
    tse.open()
    client = "harbour-street-till-1"
    started = await tse.start(client)
    done = await tse.finish(client, started.transaction, "Kassenbeleg-V1", DATA)
    return FiscalSigned(
        sale="s",
        receipt="till-1-000123",
        client=client,
        transaction=done.transaction,
        counter=done.counter,
        started_at=started.at,
        finished_at=done.at,
        process_type="Kassenbeleg-V1",
        process_data=DATA,
        signature=done.signature,
        serial=done.serial,
        public_key=done.public_key,
        algorithm=done.algorithm,
        time_format=done.time_format,
    )


@pytest.mark.parametrize("columns", [42, 48])
async def test_the_code_can_be_read_off_the_paper_and_checked(tmp_path: Path, columns: int) -> None:
    event = await signed(tmp_path)
    document = ReceiptDocument(
        "Receipt till-1-000123",
        (RowBlock("Total EUR", "83.32"), *fiscal_blocks(event, "en"), QrBlock("TILLBOX1|x|y")),
    )
    data = EscposEncoder(PaperFormat(columns=columns)).encode(document).data
    desk = Desk(columns).feed(data)
    (receipt,) = desk.roll.receipts
    read = [found.text for found in zxingcpp.read_barcodes(picture(receipt, columns).convert("L"))]
    assert qr_v0(event) in read
    assert check(qr_v0(event))["data"] == DATA
    text = receipt.text.replace("\n", "").replace(" ", "")
    assert event.signature in text
    assert event.serial in text
