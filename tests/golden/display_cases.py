"""What a customer display is told, one case for each thing that it may show."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from edge.contract.display_view import (
    CustomerDisplayView,
    DisplayLineView,
    DisplayState,
    DisplayTenderView,
    SavingView,
    ScaleView,
)

FOLDER: Final = Path(__file__).parent / "displays"
LINES: Final = (
    DisplayLineView("Coffee to go", 2000, "piece", 250, 500, 450, (SavingView("Club", 50),)),
    DisplayLineView("Cola 1 l", 1000, "piece", 149, 149, 139, (SavingView("", 10),)),
    DisplayLineView("Deposit", 1000, "piece", 25, 25, 25, deposit=True, bound=True),
    DisplayLineView("Apples", 732, "kg", 289, 212, 212, weighed=True, tare_g=10),
    DisplayLineView("Bread roll", 1000, "piece", 45, -45, -45, returned=True),
)
CASES: Final = {
    "closed": CustomerDisplayView(state=DisplayState.CLOSED, currency="EUR"),
    "ready": CustomerDisplayView(
        state=DisplayState.READY, currency="EUR", language="pl", logo="04c11db7"
    ),
    "selling": CustomerDisplayView(
        state=DisplayState.SELLING,
        currency="EUR",
        language="en",
        began_at=1_795_000_000_000,
        lines=LINES,
        tenders=(DisplayTenderView("cash", 200),),
        total_minor=781,
        saved_minor=60,
        paid_minor=200,
        due_minor=581,
        weighing=ScaleView(
            "Pears", 319, 10, shown=True, still=True, weight_g=500, amount_minor=160
        ),
        training=True,
        greeting="Ana",
    ),
    "card": CustomerDisplayView(
        state=DisplayState.CARD,
        currency="EUR",
        language="en",
        began_at=1_795_000_000_000,
        lines=LINES[:1],
        tenders=(DisplayTenderView("card", 500, waits=True),),
        total_minor=450,
        tip_minor=50,
        saved_minor=50,
        due_minor=500,
    ),
    "ask_staff": CustomerDisplayView(
        state=DisplayState.ASK_STAFF,
        currency="EUR",
        language="en",
        began_at=1_795_000_000_000,
        lines=LINES[-1:],
        total_minor=-45,
        back_minor=45,
    ),
    "done": CustomerDisplayView(
        state=DisplayState.DONE,
        currency="EUR",
        language="ar",
        began_at=1_795_000_000_000,
        lines=LINES[:1],
        tenders=(DisplayTenderView("cash", 500),),
        total_minor=448,
        saved_minor=50,
        paid_minor=500,
        change_minor=50,
        rounding_minor=2,
        receipt_code=True,
    ),
}


def golden(name: str) -> str:
    """Return the text of a case's file."""
    text = msgspec.json.format(msgspec.json.encode(CASES[name]), indent=2)
    return f"{text.decode()}\n"


def write() -> None:
    """Write the files anew."""
    FOLDER.mkdir(exist_ok=True)
    for name in CASES:
        (FOLDER / f"{name}.json").write_text(golden(name), "utf-8")
