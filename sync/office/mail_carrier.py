"""How a mail leaves head office: by a mail server (SMTP), or into a folder while one tries it out.

The only place that names aiosmtplib.
"""

from __future__ import annotations

import asyncio
import os
import ssl
from contextlib import suppress
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Final, NoReturn, Protocol

import aiosmtplib

from edge.contract.errors import Refused, SettingsInvalid, TillboxError
from edge.contract.instant import Clock
from edge.contract.office_limits import (
    MAIL_SEND_S_MAX,
)
from edge.engine.letter_rules import checked_address
from edge.runtime.private_file import read_private_file
from edge.runtime.settings_file import require_tls
from edge.runtime.tls_contexts import client_context
from sync.office.settings import MailSettings

_PERMANENT: Final = 500


class MailRefusedError(TillboxError):
    """This mail will never be taken: it is given up."""

    kind = "mail_refused"


class MailDelayedError(TillboxError):
    """It was not taken now, or nobody knows: it is tried again, with the same Message-ID.

    `for_all`: it is not this mail that hinders.
    """

    kind = "mail_delayed"

    def __init__(self, code: str, message: str, *, for_all: bool = False) -> None:
        super().__init__(code, message)
        self.for_all = for_all


class Carrier(Protocol):
    """Takes mails, one at a time."""

    async def send(self, mail: EmailMessage) -> None:
        """Return once it was taken. Raises MailRefusedError, MailDelayedError."""
        ...


def carrier_of(settings: MailSettings | None, clock: Clock) -> Carrier | None:
    """Return what the settings describe, or None where there are none. Raises SettingsInvalid."""
    if settings is None:
        return None
    try:
        checked_address(settings.sender)
    except Refused:
        _invalid(
            "mail_sender_malformed",
            f"mail.sender {settings.sender!r} is no e-mail address.",
            "Give the address that receipts come from, like receipts@example.org.",
        )
    if bool(settings.host) == (settings.folder is not None):
        _invalid(
            "mail_nowhere",
            "mail has both host and folder, or none of them.",
            "Give mail.host, the mail server; or mail.folder, to try it out without one.",
        )
    if settings.folder is not None:
        return FolderCarrier(settings.folder)
    if bool(settings.user) != (settings.password_file is not None):
        _invalid(
            "mail_password_missing",
            "mail.user and mail.password_file belong together.",
            "Give both, or none where the mail server asks for no password.",
        )
    if settings.security == "none":
        require_tls(settings.host, False, "The mail server")
    password = ""
    if settings.password_file is not None:
        password = read_private_file(settings.password_file).decode("utf-8").strip()
    return SmtpCarrier(settings, password, _trust(settings), clock)


def _trust(settings: MailSettings) -> ssl.SSLContext | None:
    if settings.security == "none":
        return None
    if settings.ca_file is not None:
        return client_context(settings.ca_file)
    return ssl.create_default_context()


def _invalid(code: str, message: str, advice: str) -> NoReturn:
    raise SettingsInvalid(code, message, advice=advice)


@dataclass(frozen=True)
class SmtpCarrier:
    """Hands mails to a mail server, a connection each: receipts are few, and connections age."""

    settings: MailSettings
    password: str
    trust: ssl.SSLContext | None
    clock: Clock

    async def send(self, mail: EmailMessage) -> None:
        """Hand a mail over. Raises MailRefusedError, MailDelayedError."""
        try:
            async with self.clock.timeout(MAIL_SEND_S_MAX):
                await self._send(mail)
        except aiosmtplib.SMTPRecipientsRefused as error:
            _judge(error.recipients[0], "the address")
        except aiosmtplib.SMTPDataError as error:
            _judge(error, "the mail")
        except aiosmtplib.SMTPResponseException as error:
            # who we are, from whom, how: that is the same for all
            raise MailDelayedError(
                "mail_server_refuses_us",
                f"The mail server refuses head office: {error.code} {_said(error)}",
                for_all=True,
            ) from None
        except TimeoutError:
            raise MailDelayedError(
                "mail_server_slow",
                f"The mail server did not answer within {MAIL_SEND_S_MAX:g} s.",
                for_all=True,
            ) from None
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            raise MailDelayedError(
                "mail_server_unreachable",
                f"The mail server {self.settings.host} cannot be used: {error}",
                for_all=True,
            ) from None

    async def _send(self, mail: EmailMessage) -> None:
        settings = self.settings
        client = aiosmtplib.SMTP(
            hostname=settings.host,
            port=settings.port,
            username=settings.user or None,
            password=self.password or None,
            use_tls=settings.security == "tls",
            start_tls=settings.security == "starttls",
            tls_context=self.trust,
            timeout=MAIL_SEND_S_MAX,
            local_hostname=settings.sender.rpartition("@")[2],
        )
        try:
            await client.connect()
            await client.send_message(mail, sender=settings.sender, recipients=[mail["To"]])
            with suppress(aiosmtplib.SMTPException, OSError):
                await client.quit()  # it has the mail: how it says goodbye changes nothing
        finally:
            client.close()


def _judge(error: aiosmtplib.SMTPResponseException, what: str) -> NoReturn:
    words = f"The mail server does not take {what}: {error.code} {_said(error)}"
    if error.code >= _PERMANENT:
        raise MailRefusedError("mail_refused", words) from None
    raise MailDelayedError("mail_delayed", words) from None


def _said(error: aiosmtplib.SMTPResponseException) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in error.message).split())


@dataclass(frozen=True)
class FolderCarrier:
    """Writes mails as .eml files instead of sending them: any mail program opens these."""

    folder: Path

    async def send(self, mail: EmailMessage) -> None:
        """Write a mail; the same one again has the same name. Raises MailDelayedError."""
        try:
            await asyncio.to_thread(self._write, mail)
        except OSError as error:
            raise MailDelayedError(
                "mail_folder_unusable",
                f"The folder {self.folder} takes no mail: {error.strerror}.",
                for_all=True,
            ) from None

    def _write(self, mail: EmailMessage) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        name = mail["Message-ID"].strip("<>").partition("@")[0]
        part = self.folder / f"{name}.part"
        part.write_bytes(mail.as_bytes())
        os.replace(part, self.folder / f"{name}.eml")  # noqa: PTH105 - replaces on every system
