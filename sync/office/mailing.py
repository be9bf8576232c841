"""Sends what waits in the outbox: one mail at a time, again after a "not now", never for ever.

A mail server that took a mail and was not heard, or a head office that was killed before it noted
it, gets the mail twice: SMTP can promise no more. It has the same Message-ID then.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from typing import Final

from edge.contract.health import HealthItem
from edge.contract.instant import Clock
from edge.contract.office_limits import (
    MAIL_LOOK_S,
    MAIL_PAUSE_MS_MAX,
    MAIL_RETRY_MS_MAX,
    MAIL_RETRY_MS_MIN,
    MAIL_TRIED_MS_MAX,
)
from edge.contract.receipt_letter import masked
from edge.runtime.backoff import Backoff
from edge.runtime.structured_log import Log
from sync.office.mail_carrier import Carrier, MailDelayedError, MailRefusedError
from sync.office.outbox import FAILED, SENT, DueMail, EndedMail, MailsBody, Outbox
from sync.office.receipt_mail import compose
from sync.office.store_directory import StoreDirectory

MAIL_FAILED: Final = "mail_failed"
"""The kind of the alarm of a store whose receipt could not be sent."""
_DOUBLINGS: Final = 16
"""Behind these the wait has long been the longest."""


@dataclass
class Mailing:
    """Works through the outbox; `carrier` is None where no mail server is set up.

    `news` wakes it. `waiting` and `trouble` say how it stands, as far as it has looked.
    """

    outbox: Outbox
    directory: StoreDirectory
    carrier: Carrier | None
    sender: str
    sender_name: str
    clock: Clock
    log: Log
    news: asyncio.Event = field(default_factory=asyncio.Event)
    waiting: int = 0
    trouble: str = ""
    _paused_until: int = 0
    _pause: Backoff = field(default_factory=lambda: Backoff(MAIL_RETRY_MS_MIN, MAIL_PAUSE_MS_MAX))

    async def take(self, store: int, ref: str, body: bytes) -> None:
        """Put a letter of a box on disk; acted on once, however often it comes."""
        unreadable = await self.outbox.take(store, ref, body)
        if unreadable is not None:
            await self._alarm(unreadable)
        self.news.set()

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            self.news.clear()
            wait_s = await self.step()
            if wait_s > 0:
                try:
                    async with self.clock.timeout(wait_s):
                        await self.news.wait()
                except TimeoutError:
                    continue

    async def step(self) -> float:
        """Do what is due, one mail at most; return how long nothing more is, in seconds."""
        for ended in await self.outbox.give_up_old():
            await self._alarm(ended)
        await self.outbox.erase_old()
        self.waiting = await self.outbox.waiting()
        if self.carrier is None:
            return MAIL_LOOK_S
        paused_ms = self._paused_until - self.clock.monotonic_ms()
        if paused_ms > 0:
            return min(MAIL_LOOK_S, paused_ms / 1000)
        due = await self.outbox.due()
        if not isinstance(due, DueMail):
            ahead_ms = MAIL_LOOK_S * 1000 if due is None else due - self.clock.now_ms()
            return min(MAIL_LOOK_S, max(1, ahead_ms) / 1000)
        return await self._send(due, self.carrier)

    async def _send(self, due: DueMail, carrier: Carrier) -> float:
        letter = due.letter
        mail = compose(
            letter,
            store=due.slug,
            sender=self.sender,
            sender_name=self.sender_name,
            at_ms=self.clock.now_ms(),
        )
        try:
            await carrier.send(mail)
        except MailRefusedError as error:
            await self._give_up(due, _without(letter.address, str(error)))
        except MailDelayedError as error:
            words = _without(letter.address, str(error))
            await self._later(due, words, for_all=error.for_all)
            if error.for_all:
                self.trouble = words
                pause_ms = self._pause.next_ms()
                self._paused_until = self.clock.monotonic_ms() + pause_ms
                return pause_ms / 1000
        else:
            await self.outbox.ended(due, SENT)
            self.log.info("mail_sent", store=due.slug, ref=letter.ref, to=masked(letter.address))
        self.trouble = ""
        self._pause.reset()
        self.waiting = await self.outbox.waiting()
        return 0.0

    async def _later(self, due: DueMail, words: str, *, for_all: bool) -> None:
        now = self.clock.now_ms()
        if not for_all and due.first_try_at and now - due.first_try_at >= MAIL_TRIED_MS_MAX:
            await self._give_up(due, words)
            return
        backoff = Backoff(MAIL_RETRY_MS_MIN, MAIL_RETRY_MS_MAX, due.n)
        wait_ms = backoff.next_ms()
        for _ in range(min(due.tries, _DOUBLINGS)):
            wait_ms = backoff.next_ms()
        await self.outbox.tried(due, words, now + wait_ms)
        self.log.warning("mail_delayed", store=due.slug, ref=due.letter.ref, reason=words)

    async def _give_up(self, due: DueMail, words: str) -> None:
        await self.outbox.ended(due, FAILED, words)
        self.log.warning("mail_failed", store=due.slug, ref=due.letter.ref, reason=words)
        await self._alarm(EndedMail(due.store, due.letter.receipt, words))

    async def _alarm(self, ended: EndedMail) -> None:
        receipt = ended.receipt or "(unreadable)"
        words = f"Receipt {receipt} could not be sent by e-mail: {ended.words}"
        await self.directory.alarm(ended.store, MAIL_FAILED, words)

    async def newest(self) -> MailsBody:
        """Return the newest of the outbox, addresses masked."""
        return await self.outbox.newest(sending=self.carrier is not None)

    def health(self) -> HealthItem:
        """Say how it stands. Sales do not wait for mails, so it is never unwell for `ready`."""
        if self.carrier is None:
            if not self.waiting:
                return HealthItem("mail", True, "No mail server is set up, and nothing waits.")
            return HealthItem(
                "mail",
                True,
                f"{self.waiting} receipts wait to be sent by e-mail: no mail server is set up.",
                "Give head office a mail server in its settings: mail.sender and mail.host.",
            )
        words = f"{self.waiting} receipts wait to be sent by e-mail."
        if self.trouble:
            advice = "Check the settings under mail, and the mail server. It goes on by itself."
            return HealthItem("mail", True, f"{words} {self.trouble}", advice)
        return HealthItem("mail", True, words)


def _without(address: str, words: str) -> str:
    """Return words of a mail server without the address that they repeat."""
    return re.sub(re.escape(address), masked(address), words, flags=re.IGNORECASE)
