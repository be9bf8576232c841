"""The outbox: each letter once, tried again for a while, told when it comes to nothing, erased."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from edge.contract.office_limits import (
    MAIL_ADDRESS_KEPT_MS,
    MAIL_LOOK_S,
    MAIL_PAUSE_MS_MAX,
    MAIL_TRIED_MS_MAX,
    MAIL_WAITED_MS_MAX,
)
from edge.contract.wire import encode
from edge.runtime.structured_log import Log
from sync.office.database import office_database
from sync.office.mail_carrier import Carrier, MailDelayedError, MailRefusedError
from sync.office.mailing import Mailing
from sync.office.outbox import Outbox
from sync.office.store_directory import RegisteredStore, StoreDirectory
from tests.sync.office.head_office import new_key
from tests.sync.office.letters import ANNA, letter
from tests.virtual_time import FakeClock

SLOW = MailDelayedError("mail_delayed", f"450 <{ANNA.upper()}> later")
AWAY = MailDelayedError("mail_server_unreachable", "It is away.", for_all=True)
NEVER = MailRefusedError("mail_refused", f"550 {ANNA} unknown")


class Script:
    """A carrier that does what it is told; `taken` has what it took."""

    def __init__(self, *plan: BaseException | None) -> None:
        self.plan = list(plan)
        self.taken: list[EmailMessage] = []
        self.asked = 0

    async def send(self, mail: EmailMessage) -> None:
        self.asked += 1
        trouble = self.plan.pop(0) if self.plan else None
        if isinstance(trouble, asyncio.CancelledError):
            self.taken.append(mail)  # the server has it, and we die before we can note it
        if trouble is not None:
            raise trouble
        self.taken.append(mail)


class Office:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = FakeClock()
        self.stream = io.StringIO()

    @asynccontextmanager
    async def running(self, carrier: Carrier | None) -> AsyncIterator[Mailing]:
        file = office_database(self.folder / "office.db")
        await file.open()
        try:
            directory = StoreDirectory(file, self.clock)
            await directory.add(RegisteredStore(1, "s", "S", new_key().public.hex, 1))
            yield Mailing(
                Outbox(file, self.clock), directory, carrier, "a@shop.example", "", self.clock,
                Log(self.stream, self.clock, {}),
            )  # fmt: skip
        finally:
            await file.close()

    async def rows(self, mailing: Mailing) -> list[tuple[str, int]]:
        return [(mail.state, mail.tries) for mail in (await mailing.newest()).mails]


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    key = new_key()  # the same store each time
    monkeypatch.setattr("tests.sync.office.test_mailing.new_key", lambda: key)
    return Office(tmp_path)


async def take(mailing: Mailing, *refs: str, **given: Any) -> None:
    for ref in refs or ("letter-0001",):
        await mailing.take(1, ref, encode(letter(ref, **given)))


async def work(office: Office, mailing: Mailing, until: Callable[[], bool]) -> None:
    """Let time pass until it is so."""
    for _ in range(500):
        wait_s = await mailing.step()
        if until():
            return
        office.clock.elapsed_ms += round(wait_s * 1000)
    raise AssertionError("it did not come about")


async def test_a_letter_that_comes_twice_is_one_mail(office: Office) -> None:
    carrier = Script()
    async with office.running(carrier) as mailing:
        await take(mailing)
        await take(mailing)
        assert await mailing.step() == 0
        await take(mailing)
        assert await mailing.step() == MAIL_LOOK_S
        assert len(carrier.taken) == 1
        assert await office.rows(mailing) == [("sent", 1)]
    async with office.running(carrier) as mailing:  # and after a restart
        await take(mailing)
        await mailing.step()
    assert len(carrier.taken) == 1
    assert "anna" not in office.stream.getvalue()
    assert "a…@example.org" in json.loads(office.stream.getvalue().splitlines()[0])["to"]


async def test_killed_between_the_servers_yes_and_our_note_it_goes_twice_under_one_name(
    office: Office,
) -> None:
    """SMTP can promise no more: whoever looks at the Message-ID sees one mail."""
    carrier = Script(asyncio.CancelledError())
    async with office.running(carrier) as mailing:
        await take(mailing)
        with pytest.raises(asyncio.CancelledError):
            await mailing.step()
    async with office.running(carrier) as mailing:
        await mailing.step()
        assert await office.rows(mailing) == [("sent", 1)]
    assert len({mail["Message-ID"] for mail in carrier.taken}) == 1
    assert len(carrier.taken) == 2


async def test_not_now_is_tried_again_later_and_later_while_others_go(office: Office) -> None:
    carrier = Script(SLOW, None, SLOW, SLOW)
    async with office.running(carrier) as mailing:
        await take(mailing, "letter-0001", "letter-0002")
        began = office.clock.now_ms()
        await mailing.step()
        await mailing.step()
        assert await office.rows(mailing) == [("sent", 1), ("waiting", 1)]
        (_, slow) = (await mailing.newest()).mails
        assert "450" in slow.words
        assert "ANNA" not in slow.words
        await work(office, mailing, lambda: len(carrier.taken) == 2)
        assert await office.rows(mailing) == [("sent", 1), ("sent", 4)]
        assert office.clock.now_ms() - began >= 3 * 30_000


async def test_not_now_for_three_days_is_a_no_and_the_store_is_told(office: Office) -> None:
    carrier = Script(*([SLOW] * 500))
    async with office.running(carrier) as mailing:
        await take(mailing)
        began = office.clock.now_ms()
        while await office.rows(mailing) == [("waiting", carrier.asked)]:
            await mailing.step()
            due = await mailing.outbox.due()
            if isinstance(due, int):
                office.clock.elapsed_ms += due - office.clock.now_ms()
        ((state, tries),) = await office.rows(mailing)
        assert (state, tries) == ("failed", carrier.asked)
        lasted = office.clock.now_ms() - began
        assert MAIL_TRIED_MS_MAX <= lasted <= MAIL_TRIED_MS_MAX + 2 * 3_600_000
        assert tries < 200
        (alarm,) = (await mailing.directory.alarms())[1]
        assert alarm.kind == "mail_failed"
        assert "till-1-000001 could not be sent" in alarm.words
        assert "anna.maria" not in alarm.words.lower()


async def test_a_no_is_a_no_at_once(office: Office) -> None:
    carrier = Script(NEVER)
    async with office.running(carrier) as mailing:
        await take(mailing)
        await mailing.step()
        assert await office.rows(mailing) == [("failed", 1)]
        assert await mailing.step() == MAIL_LOOK_S
        (alarm,) = (await mailing.directory.alarms())[1]
        assert "550 a…@example.org unknown" in alarm.words
    assert carrier.asked == 1
    assert "anna" not in office.stream.getvalue()


async def test_a_server_that_is_away_gives_nobody_up_and_is_asked_by_one_alone(
    office: Office,
) -> None:
    carrier = Script(*([AWAY] * 60))
    async with office.running(carrier) as mailing:
        await take(mailing, *(f"letter-{number:04d}" for number in range(5)))
        pause_s = await mailing.step()
        assert 0 < pause_s * 1000 <= MAIL_PAUSE_MS_MAX
        assert (await mailing.step()) > 0
        assert carrier.asked == 1
        assert "5 receipts wait" in mailing.health().words
        assert "It is away." in mailing.health().words
        assert mailing.health().advice
        office.clock.elapsed_ms += MAIL_TRIED_MS_MAX + 1
        await work(office, mailing, lambda: len(carrier.taken) == 5)
        await mailing.step()
        assert mailing.health().words == "0 receipts wait to be sent by e-mail."
        assert {state for state, _ in await office.rows(mailing)} == {"sent"}


async def test_without_a_mail_server_they_wait_and_it_is_said(office: Office) -> None:
    async with office.running(None) as mailing:
        assert mailing.health().words.startswith("No mail server is set up, and nothing")
        await take(mailing)
        assert await mailing.step() == MAIL_LOOK_S
        assert mailing.health().words.startswith("1 receipts wait")
        assert mailing.health().well
        assert not (await mailing.newest()).sending
    carrier = Script()
    async with office.running(carrier) as mailing:  # one was set up
        await mailing.step()
    assert len(carrier.taken) == 1


async def test_nothing_waits_for_ever(office: Office) -> None:
    async with office.running(None) as mailing:
        await take(mailing)
        office.clock.elapsed_ms += MAIL_WAITED_MS_MAX - 1
        await mailing.step()
        assert await office.rows(mailing) == [("waiting", 0)]
        office.clock.elapsed_ms += 1
        await mailing.step()
        assert await office.rows(mailing) == [("failed", 0)]
        (alarm,) = (await mailing.directory.alarms())[1]
        assert "waited for too long" in alarm.words


@pytest.mark.parametrize("trouble", [None, NEVER])
async def test_addresses_are_gone_a_week_after_the_end(
    office: Office, trouble: BaseException | None
) -> None:
    def holding() -> list[str]:
        files = office.folder.iterdir()
        return [each.name for each in files if b"anna.maria" in each.read_bytes()]

    async with office.running(Script(trouble)) as mailing:
        await take(mailing)
        await mailing.step()
        office.clock.elapsed_ms += MAIL_ADDRESS_KEPT_MS - 1
        await mailing.step()
        assert (await mailing.newest()).mails[0].to == "a…@example.org"
    assert holding() == ["office.db"]
    carrier = Script()
    async with office.running(carrier) as mailing:
        office.clock.elapsed_ms += 1
        await mailing.step()
        assert (await mailing.newest()).mails[0].to == ""
        await take(mailing)  # the box asks again, weeks later
        await mailing.step()
        assert carrier.asked == 0
    assert holding() == []


async def test_what_cannot_be_read_steps_aside_and_is_told(office: Office) -> None:
    carrier = Script()
    async with office.running(carrier) as mailing:
        for _ in range(2):
            await mailing.take(1, "letter-0009", b'{"from":"a newer box"}')
        await take(mailing)
        await mailing.step()
        assert len(carrier.taken) == 1
        assert await office.rows(mailing) == [("sent", 1), ("failed", 0)]
        (alarm,) = (await mailing.directory.alarms())[1]
        assert "(unreadable)" in alarm.words
        assert alarm.count == 1


async def test_news_wakes_it_and_time_does(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    carrier = Script(AWAY)
    resting = asyncio.Event()
    async with office.running(carrier) as mailing:
        step = mailing.step

        async def told() -> float:
            wait_s = await step()
            if wait_s >= MAIL_LOOK_S and carrier.taken:
                resting.set()
            return wait_s

        monkeypatch.setattr(mailing, "step", told)
        running = asyncio.create_task(mailing.run())
        await take(mailing)
        async with asyncio.timeout(20):
            while not carrier.asked:
                await asyncio.sleep(0.01)
            while not carrier.taken:
                office.clock.elapsed_ms += MAIL_PAUSE_MS_MAX
                mailing.news.set()
                await asyncio.sleep(0.01)
            await resting.wait()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
