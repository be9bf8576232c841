"""`tillbox salvage`: a box takes up what another one sold late, from that one's disk."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from edge.contract.system_events import SurvivorSalvaged
from edge.ledger.event_log import BusinessCalendar
from edge.ledger.salvaging import salvage_ledger
from edge.runtime.command_line import Command
from edge.runtime.settings_file import load
from edge.runtime.system_clock import SystemClock
from edge.settings import EdgeSettings


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, required=True, help="this box's settings")
    parser.add_argument("ledger", type=Path, help="the ledger.db of the box that sold late")


def _run(namespace: argparse.Namespace) -> int:
    settings = load(namespace.config, EdgeSettings)
    report = asyncio.run(
        salvage_ledger(
            settings.data_dir,
            namespace.ledger,
            SystemClock(),
            # what is written fresh is nobody's sale: a sale keeps the business day that it has
            BusinessCalendar(ZoneInfo("UTC")),
        )
    )
    sys.stdout.write(_words(report))
    return 0


def _words(report: SurvivorSalvaged | None) -> str:
    if report is None:
        return "That ledger has no sale that is not here. Nothing was changed.\n"
    words = (
        f"Sales taken up: {report.sales_again}; known here already: {report.sales_known}.\n"
        f"That ledger is kept as {report.set_aside}.\n"
    )
    if report.sales_doubtful:
        words += (
            f"Sales that went on in both and ended otherwise: {report.sales_doubtful}. They stand "
            "twice, under two ids: look at them.\n"
        )
    if report.receipts_twice:
        words += f"Receipt numbers that two sales have: {', '.join(report.receipts_twice)}.\n"
    return f"{words}Start the box: it all goes to head office by itself.\n"


COMMAND: Final = Command(
    "salvage", "take up what another box of this store sold late, from its disk", _configure, _run
)
