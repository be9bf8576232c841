"""Head office's token in two places of the box: written in order, read again, never in the way."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from edge.contract.errors import Refused, StorageFailed
from edge.contract.ratchet import RatchetShown
from edge.flows.ratchet import RATCHET_FILE, Ratchet
from edge.ledger.event_log import MIGRATIONS
from edge.ledger.integrity import verify
from edge.ledger.ratchet import LedgerToken
from edge.runtime.database_file import DatabaseFile
from edge.runtime.structured_log import open_log
from edge.settings import StoreSettings
from tests.flows.box import Box, bare_box, selling_box
from tests.flows.test_lost_history import fetch_all, history, post, restored

AT = "/internal/v1/replica"


async def shown(box: Box) -> Any:
    _, body = await box.call("GET", f"{AT}/status", headers=box.service)
    return body["ratchet"]


async def test_a_token_is_in_both_places_and_there_after_a_restart(tmp_path: Path) -> None:
    async with bare_box(tmp_path) as box:
        assert await shown(box) == {"ledger": "", "beside": ""}
        assert (await post(box, "ratchet", {"token": "first"}))[0] == 204
        assert await shown(box) == {"ledger": "first", "beside": "first"}
    ratchet = tmp_path / "edge" / RATCHET_FILE
    assert (ratchet.read_bytes(), ratchet.stat().st_mode & 0o777) == (b"first", 0o600)
    assert verify(tmp_path / "edge" / "ledger.db").whole
    async with bare_box(tmp_path) as box:
        assert await shown(box) == {"ledger": "first", "beside": "first"}
        assert (await post(box, "ratchet", {"token": "second"}))[0] == 204
        assert await shown(box) == {"ledger": "second", "beside": "second"}


@pytest.mark.parametrize("token", ["", "with space", "x" * 65, "é", 5, None])
async def test_what_is_no_token_is_refused_and_nothing_changes(tmp_path: Path, token: Any) -> None:
    async with bare_box(tmp_path) as box:
        await post(box, "ratchet", {"token": "first"})
        assert (await post(box, "ratchet", {"token": token}))[0] == 422
        assert await shown(box) == {"ledger": "first", "beside": "first"}
        # strangers on the shop's LAN move nothing
        assert (await box.call("POST", f"{AT}/ratchet", {"token": "other"}))[0] in {401, 403}


async def test_a_ledger_that_is_put_back_shows_what_it_had(tmp_path: Path) -> None:
    ledger = tmp_path / "edge" / "ledger.db"
    async with bare_box(tmp_path) as box:
        await post(box, "ratchet", {"token": "first"})
    shutil.copy(ledger, tmp_path / "copy.db")
    async with bare_box(tmp_path) as box:
        await post(box, "ratchet", {"token": "second"})
    shutil.copy(tmp_path / "copy.db", ledger)
    async with bare_box(tmp_path) as box:
        assert await shown(box) == {"ledger": "first", "beside": "second"}


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"no token at all", b"x" * 5_000])
async def test_a_file_that_holds_no_token_is_as_one_that_is_gone(
    tmp_path: Path, content: bytes
) -> None:
    async with bare_box(tmp_path) as box:
        await post(box, "ratchet", {"token": "first"})
    (tmp_path / "edge" / RATCHET_FILE).write_bytes(content)
    async with selling_box(tmp_path) as box:
        assert await shown(box) == {"ledger": "first", "beside": ""}
        assert (await post(box, "ratchet", {"token": "second"}))[0] == 204
        assert await shown(box) == {"ledger": "second", "beside": "second"}


async def test_a_ledger_of_before_has_no_token_and_takes_one(tmp_path: Path) -> None:
    async with bare_box(tmp_path):
        pass
    with closing(sqlite3.connect(tmp_path / "edge" / "ledger.db")) as ledger:
        ledger.execute("DROP TABLE ratchet")
        ledger.execute("DROP TABLE timed_reply")  # younger still
        ledger.execute("PRAGMA user_version = 16")
    async with bare_box(tmp_path) as box:
        assert await shown(box) == {"ledger": "", "beside": ""}
        assert (await post(box, "ratchet", {"token": "first"}))[0] == 204


# --- power cuts ---------------------------------------------------------------------------------


class Cut(Exception):
    """The power is gone here."""


class CutToken(LedgerToken):
    """The power is cut before the ledger has the token."""

    async def keep(self, token: str) -> None:
        raise Cut(token)


async def test_cut_between_both_the_file_is_one_ahead_and_never_the_ledger(tmp_path: Path) -> None:
    file = DatabaseFile(tmp_path / "ledger.db", MIGRATIONS)
    await file.open()
    try:
        path, log = tmp_path / RATCHET_FILE, open_log("test")
        ratchet = Ratchet(LedgerToken(file), path, log)
        await ratchet.open()
        await ratchet.take("first")
        cut = Ratchet(CutToken(file), path, log)
        await cut.open()
        with pytest.raises(Cut):
            await cut.take("second")
        after = Ratchet(LedgerToken(file), path, log)
        await after.open()
        assert after.shown == RatchetShown("first", "second")
        await after.take("second")  # it is given again
        assert after.shown == RatchetShown("second", "second")
        assert await LedgerToken(file).read() == "second"
        path.unlink()
        path.mkdir()  # no file can be written there
        with pytest.raises(StorageFailed):
            await after.take("third")
        assert after.shown == RatchetShown("second", "second")
        assert await LedgerToken(file).read() == "second"
    finally:
        await file.close()


async def test_on_a_disk_that_is_nearly_full_nothing_is_written_for_it(tmp_path: Path) -> None:
    file = DatabaseFile(tmp_path / "ledger.db", MIGRATIONS)
    await file.open()
    try:
        ratchet = Ratchet(
            LedgerToken(file), tmp_path / RATCHET_FILE, open_log("test"), is_short=lambda: True
        )
        await ratchet.open()
        with pytest.raises(Refused):
            await ratchet.take("first")
        assert not (tmp_path / RATCHET_FILE).exists()
        assert (await LedgerToken(file).read(), ratchet.shown) == ("", RatchetShown())
    finally:
        await file.close()


# --- what people see ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "name", "words", "advice"),
    [
        ("box_twice", "twin", "Two boxes with one key are alive", "confirm-box"),
        ("box_replaced", "replaced", "took the place of this one", "Keep this disk"),
        ("fork", "", "", ""),
        ("", "", "", ""),
    ],
)
async def test_a_box_says_that_it_may_not_be_the_shops(
    tmp_path: Path, code: str, name: str, words: str, advice: str
) -> None:
    async with selling_box(tmp_path) as box:
        report = {"state": "down", "reason": "Head office said no.", "code": code}
        assert (await post(box, "link", report))[0] == 204
        _, health = await box.call("GET", "/health")
        ours = [item for item in health["items"] if item["name"] in {"twin", "replaced"}]
        if not name:
            assert ours == []
            return
        (item,) = ours
        assert (item["name"], item["well"]) == (name, False)
        assert words in item["words"]
        assert advice in item["advice"]
        assert health["ready"], "it sells all the same"
        assert (await post(box, "link", {"state": "up"}))[0] == 204
        _, health = await box.call("GET", "/health")
        assert not {"twin", "replaced"} & {item["name"] for item in health["items"]}


def test_the_wall_has_words_for_it_in_every_language() -> None:
    folder = Path(__file__).parents[2] / "edge" / "screens" / "technician" / "words"
    files = sorted(folder.glob("*.js"))
    assert len(files) == 6
    for part in ("twin", "replaced"):
        for key in (f"part_{part}", f"{part}_bad", f"{part}_bad_next"):
            said = [
                line.strip().removeprefix(f'{key}: "')
                for path in files
                for line in path.read_text("utf-8").splitlines()
                if line.strip().startswith(f'{key}: "')
            ]
            assert len(said) == len(set(said)) == 6, key


async def test_a_mended_ledger_begins_without_a_token_and_takes_one(tmp_path: Path) -> None:
    """Head office begins anew with the generation; what lies beside the ledger stays."""
    async with restored(tmp_path) as (box, lost):
        await post(box, "ratchet", {"token": "first"})
        await fetch_all(box, lost)
    async with bare_box(tmp_path, store=StoreSettings("harbour-street", 1)) as box:
        assert "has its history back" in (await history(box))["words"]
        assert await shown(box) == {"ledger": "", "beside": "first"}
        assert (await post(box, "ratchet", {"token": "second"}))[0] == 204
        assert await shown(box) == {"ledger": "second", "beside": "second"}
