"""Letters of boxes at head office: taken once, answered always, shown masked, and sent."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import msgspec

from edge.contract.receipt_letter import LETTER
from edge.contract.replication import Denied, LetterTaken, LetterUp
from edge.contract.wire import encode
from sync.office.settings import MailSettings
from tests.sync.office.head_office import Box, Served, serve
from tests.sync.office.letters import ANNA, letter
from tests.sync.office.smtp_server import DROP, SmtpServer


def up(ref: str = "letter-0001", body: bytes = b"") -> LetterUp:
    return LetterUp(ref, msgspec.Raw(body or encode(letter(ref))))


def by(server: SmtpServer) -> MailSettings:
    return MailSettings(
        "receipts@shop.example", host="127.0.0.1", port=server.port, security="none"
    )


async def mails(served: Served) -> Any:
    status, body = await served.ask("GET", "/api/v1/mails")
    assert status == 200, body
    return body


async def until_sent(served: Served, count: int = 1) -> list[Any]:
    async with asyncio.timeout(20):
        while True:
            shown: list[Any] = (await mails(served))["mails"]
            if [mail["state"] for mail in shown].count("sent") >= count:
                return shown
            await asyncio.sleep(0.01)


async def test_a_letter_is_answered_each_time_and_mailed_once(tmp_path: Path, box: Box) -> None:
    async with SmtpServer() as server, serve(tmp_path, box, mail=by(server)) as served:
        async with served.session(box) as (line, welcome):
            assert LETTER in welcome.hears
            for _ in range(3):
                await line.say(up())
                assert await line.hear(LetterTaken) == LetterTaken("letter-0001")
        (shown,) = await until_sent(served)
        assert (shown["to"], shown["store"], shown["receipt"]) == (
            "a…@example.org",
            "harbour-street",
            "till-1-000001",
        )
        async with served.session(box) as (line, _):  # the answer was lost with the line
            await line.say(up())
            await line.hear(LetterTaken)
            await line.say(up("letter-0002"))
            await line.hear(LetterTaken)
        await until_sent(served, 2)
        assert [(sender, to) for sender, to, _ in server.mails] == [
            ("receipts@shop.example", ANNA)
        ] * 2
        assert "anna.maria" not in served.log.getvalue()
        assert "anna.maria" not in json.dumps(await mails(served))


async def mail_words(served: Served) -> str:
    status, health = await served.ask("GET", "/health")
    assert status == 200
    (item,) = [each for each in health["items"] if each["name"] == "mail"]
    words: str = item["words"]
    return words


async def test_a_letter_of_a_killed_head_office_goes_out_after_its_start(
    tmp_path: Path, box: Box
) -> None:
    async with serve(tmp_path, box) as served:
        async with served.session(box) as (line, _):
            await line.say(up())
            await line.hear(LetterTaken)
        found = await mails(served)
        assert (found["sending"], found["waiting"]) == (False, 1)
        async with asyncio.timeout(20):  # it is counted once somebody looks through the outbox
            while "no mail server" not in (await mail_words(served)):
                await asyncio.sleep(0.02)
        assert (await served.ask("GET", "/api/v1/mails", signed_in=False))[0] == 401
    async with SmtpServer() as server, serve(tmp_path, box, mail=by(server)) as served:
        await until_sent(served)
    assert len(server.mails) == 1


async def test_a_server_that_drops_the_line_gets_the_mail_again(
    tmp_path: Path, box: Box, monkeypatch: Any
) -> None:
    for name in ("MAIL_RETRY_MS_MIN", "MAIL_PAUSE_MS_MAX", "MAIL_RETRY_MS_MAX"):
        monkeypatch.setattr(f"sync.office.mailing.{name}", 20)
    async with (
        SmtpServer(script={"body": [DROP], "end": [DROP]}) as server,
        serve(tmp_path, box, mail=by(server)) as served,
    ):
        async with served.session(box) as (line, _):
            await line.say(up())
            await line.hear(LetterTaken)
        (shown,) = await until_sent(served)
        assert shown["tries"] == 3
    # it took the second, and was not heard: twice in the box of who looks at no Message-ID
    assert len({mail["Message-ID"] for _, _, mail in server.mails}) == 1
    assert len(server.mails) == 2


async def test_a_letter_that_cannot_be_read_ends_no_session(tmp_path: Path, box: Box) -> None:
    box.sell("a")
    async with serve(tmp_path, box) as served:
        async with served.session(box) as (line, _):
            await line.say(up(body=b'{"of":"a newer box"}'))
            await line.hear(LetterTaken)
            await line.upload(box.frame())
        (alarm,) = (await served.store())["alarms"]
        assert alarm["kind"] == "mail_failed"


async def test_letters_into_a_folder(tmp_path: Path, box: Box) -> None:
    settings = MailSettings("receipts@shop.example", folder=tmp_path / "mail")
    async with serve(tmp_path / "office", box, mail=settings) as served:
        async with served.session(box) as (line, _):
            await line.say(up())
            await line.hear(LetterTaken)
        await until_sent(served)
    (file,) = (tmp_path / "mail").iterdir()
    assert file.name == "letter-0001.harbour-street.eml"


async def test_a_letter_before_the_greeting_is_out_of_turn(tmp_path: Path, box: Box) -> None:
    async with serve(tmp_path, box) as served, served.raw_line() as line:
        await line.next()
        await line.say(up())
        assert isinstance(await line.next(), Denied)
        assert (await mails(served))["mails"] == []
