"""Handing mails to a mail server that takes, refuses, hangs up, sleeps; and to a folder."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from email import message_from_bytes
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from edge.contract.errors import SettingsInvalid, TillboxError
from edge.runtime.certificates import issue_server_certificate, make_ca
from edge.runtime.private_file import create_private_file
from edge.runtime.system_clock import SystemClock
from edge.runtime.tls_contexts import server_context
from sync.office.mail_carrier import (
    FolderCarrier,
    MailDelayedError,
    MailRefusedError,
    SmtpCarrier,
    carrier_of,
)
from sync.office.receipt_mail import compose
from sync.office.settings import MailSettings
from tests.sync.office.letters import ANNA, letter
from tests.sync.office.smtp_server import DROP, HANG, SmtpServer

SENDER = "receipts@shop.example"


def mail() -> EmailMessage:
    return compose(letter(), store="s", sender=SENDER, sender_name="", at_ms=0)


@pytest.fixture
async def server() -> AsyncIterator[SmtpServer]:
    async with SmtpServer() as running:
        yield running


def plain(port: int, **given: Any) -> SmtpCarrier:
    values: dict[str, Any] = {"host": "127.0.0.1", "port": port, "security": "none"}
    carrier = carrier_of(MailSettings(SENDER, **{**values, **given}), SystemClock())
    assert isinstance(carrier, SmtpCarrier)
    return carrier


async def test_a_mail_arrives_whole(server: SmtpServer) -> None:
    await plain(server.port).send(mail())
    ((sender, to, came),) = server.mails
    assert (sender, to) == (SENDER, ANNA)
    assert came["Message-ID"] == mail()["Message-ID"]
    body = came.get_body(("plain",))
    assert body is not None
    assert "COPY BY E-MAIL" in body.get_content()
    assert server.greeted_as == "shop.example"
    assert server.said[-1] == "QUIT"


@pytest.mark.parametrize(
    ("script", "shape", "for_all", "came"),
    [
        ({"rcpt": ["550 5.1.1 no such person"]}, MailRefusedError, None, 0),
        ({"rcpt": ["450 4.2.1 greylisted"]}, MailDelayedError, False, 0),
        ({"end": ["554 5.7.1 spam"]}, MailRefusedError, None, 0),
        ({"end": ["451 4.3.0 try later"]}, MailDelayedError, False, 0),
        ({"data": ["552 full"]}, MailRefusedError, None, 0),
        ({"mail": ["550 5.7.1 not from you"]}, MailDelayedError, True, 0),
        ({"connect": ["421 too busy"]}, MailDelayedError, True, 0),
        ({"connect": ["nonsense"]}, MailDelayedError, True, 0),
        ({"body": [DROP]}, MailDelayedError, True, 0),
        ({"connect": [DROP]}, MailDelayedError, True, 0),
        ({"end": [DROP]}, MailDelayedError, True, 1),
    ],
)
async def test_what_a_mail_server_says_is_taken_for_what_it_is(
    server: SmtpServer, script: Any, shape: type[TillboxError], for_all: bool | None, came: int
) -> None:
    server.script = script
    with pytest.raises(shape) as told:
        await plain(server.port).send(mail())
    assert getattr(told.value, "for_all", None) is for_all
    assert len(server.mails) == came
    server.script = {}
    await plain(server.port).send(mail())  # as if nothing had been
    assert len({each["Message-ID"] for _, _, each in server.mails}) == 1


async def test_a_server_that_took_it_and_then_misbehaves_has_taken_it(server: SmtpServer) -> None:
    for goodbye in (DROP, "500 what"):
        server.script = {"quit": [goodbye]}
        await plain(server.port).send(mail())
    assert len(server.mails) == 2


async def test_a_server_that_sleeps_is_given_up(
    server: SmtpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync.office.mail_carrier.MAIL_SEND_S_MAX", 0.2)
    for step in ("connect", "rcpt", "end"):
        server.script = {step: [HANG]}
        with pytest.raises(MailDelayedError, match="did not answer") as told:
            await plain(server.port).send(mail())
        assert told.value.for_all


async def test_no_server_at_all() -> None:
    async with SmtpServer() as gone:
        port = gone.port
    with pytest.raises(MailDelayedError, match=r"The mail server 127\.0\.0\.1 cannot be used"):
        await plain(port).send(mail())


async def test_with_tls_and_a_password(tmp_path: Path) -> None:
    clock = SystemClock()
    authority = make_ca("Shop", clock)
    (tmp_path / "ca.pem").write_bytes(authority.certificate_pem)
    made = issue_server_certificate(authority, names=["localhost"], ips=[], clock=clock)
    made.write(tmp_path / "mx.pem", tmp_path / "mx.key")
    create_private_file(tmp_path / "password", b"s3cret\n")
    create_private_file(tmp_path / "wrong", b"guess")
    context = server_context(tmp_path / "mx.pem", tmp_path / "mx.key")
    context.set_alpn_protocols([])
    given: dict[str, Any] = {
        "host": "localhost",
        "security": "starttls",
        "user": "shop",
        "password_file": tmp_path / "password",
        "ca_file": tmp_path / "ca.pem",
    }
    async with SmtpServer(tls=context, users={"shop": "s3cret"}) as server:
        await plain(server.port, **given).send(mail())
        assert server.said[:3] == ["EHLO", "STARTTLS", "EHLO"]
        assert len(server.mails) == 1
        with pytest.raises(MailDelayedError, match=r"refuses head office: 535 .*wrong password"):
            await plain(server.port, **{**given, "password_file": tmp_path / "wrong"}).send(mail())
        with pytest.raises(MailDelayedError, match="cannot be used"):  # nobody vouches for it
            await plain(server.port, **{**given, "ca_file": None}).send(mail())
    async with SmtpServer(users={"shop": "s3cret"}) as server:  # offers no TLS: nothing is sent
        with pytest.raises(MailDelayedError) as told:
            await plain(server.port, **given).send(mail())
        assert told.value.for_all
        assert "AUTH" not in server.said


async def test_into_a_folder_each_mail_once(tmp_path: Path) -> None:
    carrier = carrier_of(MailSettings(SENDER, folder=tmp_path / "out" / "mail"), SystemClock())
    assert isinstance(carrier, FolderCarrier)
    for _ in range(2):
        await carrier.send(mail())
    (file,) = (tmp_path / "out" / "mail").iterdir()
    assert file.name == "letter-0001.s.eml"
    assert message_from_bytes(file.read_bytes())["To"] == ANNA
    (tmp_path / "file").write_text("")
    blocked = FolderCarrier(tmp_path / "file" / "mail")
    with pytest.raises(MailDelayedError, match="takes no mail"):
        await blocked.send(mail())


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"sender": "shop"}, "mail_sender_malformed"),
        ({"sender": "4111111111111111@shop.example"}, "mail_sender_malformed"),
        ({"host": ""}, "mail_nowhere"),
        ({"folder": Path("mail")}, "mail_nowhere"),
        ({"user": "shop"}, "mail_password_missing"),
        ({"password_file": Path("mail")}, "mail_password_missing"),
        ({"security": "none"}, "cleartext_refused"),
        ({"ca_file": Path("/nowhere/ca.pem")}, None),
    ],
)
def test_settings_that_cannot_be_used_say_so(given: dict[str, Any], code: str | None) -> None:
    settings = MailSettings(**{"sender": SENDER, "host": "mx.example.org", **given})
    with pytest.raises(SettingsInvalid) as refused:
        carrier_of(settings, SystemClock())
    assert code is None or refused.value.code == code


def test_usual_settings_trust_what_the_system_trusts() -> None:
    assert carrier_of(None, SystemClock()) is None
    carrier = carrier_of(MailSettings(SENDER, host="mx.example.org"), SystemClock())
    assert isinstance(carrier, SmtpCarrier)
    assert carrier.trust is not None
    assert carrier.trust.verify_mode is ssl.CERT_REQUIRED
    assert carrier.trust.check_hostname
