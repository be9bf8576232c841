"""`tillbox rebuild`: a new box goes on with the history of one that is gone."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from edge.contract.errors import Refused
from edge.ledger.event_log import BusinessCalendar
from edge.ledger.rebuilding import rebuild_ledger
from edge.ledger.records import LedgerIdentity
from edge.runtime.command_line import Command
from edge.runtime.frame_codec import shipped_dictionaries
from edge.runtime.history_file import read_history
from edge.runtime.keys import load_or_create_key
from edge.runtime.settings_file import load
from edge.runtime.system_clock import SystemClock
from edge.settings import EdgeSettings


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, required=True, help="the box's settings")
    parser.add_argument(
        "history", type=Path, help="what `tillbox keep export` or `tillbox office export` wrote"
    )


def _run(namespace: argparse.Namespace) -> int:
    settings = load(namespace.config, EdgeSettings)
    try:
        history = read_history(namespace.history)
    except OSError as error:
        raise Refused(
            "history_file_unusable", f"{namespace.history} cannot be read: {error.strerror}."
        ) from None
    key = load_or_create_key(settings.secrets.box_key_file)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    store = settings.store
    rebuilt = asyncio.run(
        rebuild_ledger(
            settings.data_dir / "ledger.db",
            history,
            LedgerIdentity(store.slug, store.number, store.gen),
            shipped_dictionaries(),
            SystemClock(),
            # its one event is nobody's sale: the store's own days come with the first feed
            BusinessCalendar(ZoneInfo("UTC")),
        )
    )
    newest = f", up to receipt {rebuilt.newest_receipt}" if rebuilt.newest_receipt else ""
    sys.stdout.write(
        f"{rebuilt.events} events are here with {rebuilt.sales} sales{newest}.\n"
        f"This box is generation {store.gen} of {store.slug}; its key is {key.public.hex}.\n"
        "Tell head office, then start the box:\n"
        f"  tillbox office replace-box --store {store.slug} --gen {store.gen} "
        f"--box-key {key.public.hex}\n"
    )
    return 0


COMMAND: Final = Command(
    "rebuild", "make a new box's ledger from the history of the one before", _configure, _run
)
