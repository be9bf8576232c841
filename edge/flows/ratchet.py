"""Head office's token, in the ledger and beside it: what tells this box from an older copy of it.

The file beside the ledger is written first. A power cut between both leaves the ledger one token
behind, which head office knows for what it is: it gives the same token again until both have it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from edge.contract.errors import Refused, SettingsInvalid, StorageFailed
from edge.contract.ratchet import RatchetShown
from edge.contract.ratchet_limits import RATCHET_CHARS_MAX, RATCHET_FILE_BYTES_MAX
from edge.ledger.ratchet import LedgerToken
from edge.runtime.database_file import DatabaseFile
from edge.runtime.private_file import replace_private_file
from edge.runtime.structured_log import Log

RATCHET_FILE: Final = "ratchet"
"""Lies beside `ledger.db`."""
_TOKEN: Final = re.compile(rf"[A-Za-z0-9_-]{{1,{RATCHET_CHARS_MAX}}}")


@dataclass
class Ratchet:
    """The box's side of `edge.contract.ratchet`. `path` is the file beside the ledger.

    `is_short` says that the disk is nearly full: what room is left is for what people do, and a
    write that fails would stop the box.
    """

    inside: LedgerToken
    path: Path
    log: Log
    is_short: Callable[[], bool] = lambda: False
    _shown: RatchetShown = field(default_factory=RatchetShown)
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def open(self) -> None:
        """Read both places; what is no token there is none."""
        ledger = await self.inside.read()
        beside = await asyncio.to_thread(_read, self.path)
        self._shown = RatchetShown(_token(ledger), _token(beside))
        if self._shown.ledger != self._shown.beside:
            self.log.warning("ratchet_differs")  # a power cut, or one of both was put back

    @property
    def shown(self) -> RatchetShown:
        """What is on disk in both places."""
        return self._shown

    async def take(self, token: str) -> None:
        """Keep a token in both places.

        Raises Refused where there is no room, StorageFailed when it is not known to be there.
        """
        async with self._one_at_a_time:
            if self.is_short():
                raise Refused(
                    "disk_full", "The box's disk is nearly full: no token is kept.", status=503
                )
            if self._shown.beside != token:
                try:
                    await asyncio.to_thread(replace_private_file, self.path, token.encode())
                except SettingsInvalid as error:
                    raise StorageFailed(error.code, error.message, advice=error.advice) from None
                self._shown = RatchetShown(self._shown.ledger, token)
            if self._shown.ledger != token:
                await self.inside.keep(token)
                self._shown = RatchetShown(token, token)


async def open_ratchet(
    ledger_file: DatabaseFile, log: Log, is_short: Callable[[], bool] | None
) -> Ratchet:
    """Return what a box keeps in its ledger and beside that; without `is_short` nobody looks."""
    path = ledger_file.path.with_name(RATCHET_FILE)
    ratchet = Ratchet(LedgerToken(ledger_file), path, log, is_short or (lambda: False))
    await ratchet.open()
    return ratchet


def _read(path: Path) -> str:
    with suppress(OSError, UnicodeDecodeError), path.open("rb") as file:
        return file.read(RATCHET_FILE_BYTES_MAX).decode("ascii")
    return ""


def _token(text: str) -> str:
    return text if _TOKEN.fullmatch(text) else ""
