from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from edge.contract.errors import Refused
from edge.contract.limits import (
    ENROL_CODE_S_MAX,
    ENROL_TRIES_PER_HOUR_MAX,
    PIN_WRONG_PER_HOUR_MAX,
    SESSION_IDLE_S_MAX,
    SESSION_S_MAX,
)
from edge.contract.reference_data import Feed, FeedItem, FeedPage, StaffMember
from edge.contract.session_views import EnrolRequest, SignInRequest
from edge.contract.wire import encode
from edge.flows.access import SITE_MIGRATIONS, Access, EnrolledDevice
from edge.reference.store import MIGRATIONS, ReferenceStore
from edge.runtime.database_file import DatabaseFile
from edge.runtime.ids import SystemIds
from edge.runtime.pin_hash import PinHasher
from tests.ledger.ledger_at import ledger_at
from tests.runtime.hand_clock import HandClock

PIN = "2580"
HASHER = PinHasher(bytes(32), memory_kib=64, passes=1)
MARTA = StaffMember("marta", "Marta", "cashier", HASHER.hash_pin(PIN))


class Desk:
    def __init__(self, access: Access, clock: HandClock) -> None:
        self.access = access
        self.clock = clock

    async def enrolled(self) -> EnrolledDevice:
        device, _ = await self.access.enrol(
            EnrolRequest(self.access.make_code("till-1")), "127.0.0.1"
        )
        return device

    async def signed_in(self, device: EnrolledDevice) -> str:
        _, token = await self.access.sign_in(device, SignInRequest("marta", PIN))
        return token

    async def take_staff(self, member: StaffMember, cursor: int) -> None:
        item = FeedItem(member.id, cursor, msgspec.Raw(encode(member)))
        await self.access.reference.apply(FeedPage(Feed.STAFF, (item,), cursor))


@asynccontextmanager
async def desk_in(folder: Path, clock: HandClock) -> AsyncIterator[Desk]:
    reference = ReferenceStore(DatabaseFile(folder / "reference.db", MIGRATIONS), clock)
    await reference.open()
    async with ledger_at(folder / "ledger.db") as ledger:
        site = DatabaseFile(folder / "site.db", SITE_MIGRATIONS)
        ids = SystemIds(clock)
        access = Access(ledger, reference, site, HASHER, clock, ids, ("till-1", "till-2"))
        await access.open()
        desk = Desk(access, clock)
        if not reference.staff:
            await desk.take_staff(MARTA, 1)
        try:
            yield desk
        finally:
            await access.close()
            await reference.close()


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk_in(tmp_path, HandClock()) as made:
        yield made


async def test_a_session_that_nobody_uses_ends(desk: Desk) -> None:
    device = await desk.enrolled()
    token = await desk.signed_in(device)
    desk.clock.advance(SESSION_IDLE_S_MAX)
    assert desk.access.session(token, device) is not None
    desk.clock.advance(SESSION_IDLE_S_MAX)  # looking at it was using it
    assert desk.access.session(token, device) is not None
    desk.clock.advance(SESSION_IDLE_S_MAX + 1)
    assert desk.access.session(token, device) is None


async def test_no_session_outlasts_the_longest_shift(desk: Desk) -> None:
    device = await desk.enrolled()
    token = await desk.signed_in(device)
    for _ in range(round(SESSION_S_MAX / 3600)):
        desk.clock.advance(3600)
        assert desk.access.session(token, device) is not None
    desk.clock.advance(1)
    assert desk.access.session(token, device) is None


async def test_scans_are_nobodys_once_the_session_is_over(desk: Desk) -> None:
    device = await desk.enrolled()
    token = await desk.signed_in(device)
    desk.clock.advance(SESSION_IDLE_S_MAX)
    assert desk.access.cashier_of("till-1") == "marta"
    desk.clock.advance(SESSION_IDLE_S_MAX)  # a scan was use of it
    assert desk.access.session(token, device) is not None
    desk.clock.advance(SESSION_IDLE_S_MAX + 1)
    assert desk.access.cashier_of("till-1") is None


async def test_a_person_whom_head_office_takes_away_is_signed_out(desk: Desk) -> None:
    device = await desk.enrolled()
    token = await desk.signed_in(device)
    assert desk.access.cashier_of("till-1") == "marta"
    await desk.take_staff(msgspec.structs.replace(MARTA, active=False), 2)
    assert desk.access.session(token, device) is None
    assert desk.access.cashier_of("till-1") is None
    with pytest.raises(Refused, match="does not fit"):
        await desk.access.sign_in(device, SignInRequest("marta", PIN))


async def test_who_signs_in_anew_on_a_device_takes_the_place_of_who_was_there(
    tmp_path: Path,
) -> None:
    clock = HandClock()
    async with desk_in(tmp_path, clock) as desk:
        device, other = await desk.enrolled(), await desk.enrolled()
        first = await desk.signed_in(device)
        elsewhere = await desk.signed_in(other)
        second = await desk.signed_in(device)
        assert desk.access.session(first, device) is None
        assert desk.access.session(second, device) is not None
        assert desk.access.session(elsewhere, other) is not None
        assert desk.access.session(elsewhere, device) is None
    async with desk_in(tmp_path, clock) as desk:
        assert desk.access.session(first, device) is None
        assert desk.access.session(second, device) is not None


@pytest.mark.parametrize("token", [None, "", "no token of this box"])
async def test_what_is_no_token_is_no_session(desk: Desk, token: str | None) -> None:
    device = await desk.enrolled()
    await desk.signed_in(device)
    assert desk.access.session(token, device) is None
    assert desk.access.device(token) is None


async def test_an_enrolment_code_is_good_for_its_minutes(desk: Desk) -> None:
    code = desk.access.make_code(None)
    desk.clock.advance(ENROL_CODE_S_MAX - 1)
    device, _ = await desk.access.enrol(EnrolRequest(code, till="till-2"), "127.0.0.1")
    assert device.till == "till-2"
    late = desk.access.make_code(None)
    desk.clock.advance(ENROL_CODE_S_MAX)
    with pytest.raises(Refused, match="not any more"):
        await desk.access.enrol(EnrolRequest(late, till="till-2"), "127.0.0.1")
    with pytest.raises(Refused, match="no till till-9"):
        desk.access.make_code("till-9")


async def test_wrong_pins_side_by_side_are_counted_like_one_after_the_other(desk: Desk) -> None:
    device = await desk.enrolled()
    wish = SignInRequest("marta", "0000")
    tries = [desk.access.sign_in(device, wish) for _ in range(20)]
    said = await asyncio.gather(*tries, return_exceptions=True)
    codes = [answer.code for answer in said if isinstance(answer, Refused)]
    assert codes.count("pin_wrong") == PIN_WRONG_PER_HOUR_MAX
    assert codes.count("pin_locked_person") == len(tries) - PIN_WRONG_PER_HOUR_MAX


async def test_a_stranger_who_guesses_enrolment_codes_locks_out_only_himself(desk: Desk) -> None:
    code = desk.access.make_code("till-1")
    for _ in range(ENROL_TRIES_PER_HOUR_MAX):
        with pytest.raises(Refused, match="not valid"):
            await desk.access.enrol(EnrolRequest("AAAABBBB"), "10.0.0.66")
    with pytest.raises(Refused, match="Too many"):
        await desk.access.enrol(EnrolRequest(code), "10.0.0.66")
    device, _ = await desk.access.enrol(EnrolRequest(code), "10.0.0.7")
    assert device.till == "till-1"
