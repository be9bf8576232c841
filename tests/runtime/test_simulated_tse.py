from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from edge.contract.errors import DeviceNeedsPerson, DeviceUnreachable, Refused, SettingsInvalid
from edge.contract.fiscal import OpenTransaction, TseFinished
from edge.contract.fiscal_events import FiscalSigned
from edge.engine.fiscal_receipt import qr_v0
from edge.runtime.simulated_tse import SimulatedTse
from tests.devices.virtual_clock import VirtualClock
from tests.runtime.tse_check import check

CLIENT, KIND, DATA = "shop-till-1", "Kassenbeleg-V1", "Beleg^0.00_1.29_0.00_0.00_0.00^1.29:Bar"


def opened(folder: Path) -> SimulatedTse:
    tse = SimulatedTse(folder, VirtualClock())
    tse.open()
    return tse


def code(done: TseFinished, data: str = DATA, client: str = CLIENT) -> str:
    return qr_v0(
        FiscalSigned(
            sale="s",
            receipt="r",
            client=client,
            transaction=done.transaction,
            counter=done.counter,
            started_at=done.at,
            finished_at=done.at,
            process_type=KIND,
            process_data=data,
            signature=done.signature,
            serial=done.serial,
            public_key=done.public_key,
            algorithm=done.algorithm,
            time_format=done.time_format,
        )
    )


@pytest.mark.parametrize("data", [DATA, "Beleg^" + "9" * 200, "Beleg^" + "9" * 300])
async def test_what_it_signs_anybody_can_check(tmp_path: Path, data: str) -> None:
    tse = opened(tmp_path)
    for number in range(1, 140):  # counters and lengths that need another byte
        started = await tse.start(CLIENT)
        done = await tse.finish(CLIENT, started.transaction, KIND, data)
        assert (done.transaction, done.counter) == (number, 2 * number)
        if number in {1, 63, 64, 127, 128, 139}:
            field = check(code(done, data))
            assert (field["transaction"], field["data"]) == (str(number), data)


@pytest.mark.parametrize("place", range(1, 12))
async def test_a_code_that_was_changed_anywhere_is_not_its_signature(
    tmp_path: Path, place: int
) -> None:
    tse = opened(tmp_path)
    started = await tse.start(CLIENT)
    parts = code(await tse.finish(CLIENT, started.transaction, KIND, DATA)).split(";")
    check(";".join(parts))
    if place == 6:
        return  # the start has a signature of its own
    changed = {4: "2", 5: "9", 7: "2026-11-18T23:06:41.000Z", 8: "x", 9: "unixTime"}
    other = opened(tmp_path / "other")
    begun = await other.start(CLIENT)
    foreign = code(await other.finish(CLIENT, begun.transaction, KIND, DATA)).split(";")
    parts[place] = changed.get(place, foreign[place] if place > 9 else parts[place] + "x")
    if place == 9:
        assert check(";".join(parts)), "a label only"
        return
    with pytest.raises((ValueError, KeyError)):
        check(";".join(parts))


async def test_its_key_its_counters_and_what_is_open_outlive_it(tmp_path: Path) -> None:
    tse = opened(tmp_path)
    await tse.start(CLIENT)
    second = await tse.start("shop-till-2")
    first = await tse.finish("shop-till-2", second.transaction, KIND, DATA)
    again = opened(tmp_path)
    assert again.public_key == tse.public_key
    assert await again.open_transactions() == (OpenTransaction(CLIENT, 1),)
    third = await again.start(CLIENT)
    assert third.transaction == 3
    assert (await again.finish(CLIENT, 1, KIND, DATA)).counter == first.counter + 2
    assert (tmp_path / "tse.key").stat().st_mode & 0o077 == 0


async def test_a_transaction_ends_once_and_by_its_own_client(tmp_path: Path) -> None:
    tse = opened(tmp_path)
    started = await tse.start(CLIENT)
    await tse.update(CLIENT, started.transaction, KIND, DATA)
    with pytest.raises(Refused, match="no open transaction 1 of another"):
        await tse.finish("another", 1, KIND, DATA)
    assert (await tse.finish(CLIENT, 1, KIND, DATA)).counter == 3
    for ask in (tse.finish, tse.update):
        with pytest.raises(Refused, match="no open transaction 1"):
            await ask(CLIENT, 1, KIND, DATA)


async def test_it_can_be_down_full_and_slow(tmp_path: Path) -> None:
    tse = opened(tmp_path)
    started = await tse.start(CLIENT)
    tse.full = True
    for call in (tse.start(CLIENT), tse.finish(CLIENT, started.transaction, KIND, DATA)):
        with pytest.raises(DeviceNeedsPerson, match="memory is full"):
            await call
    assert len(await tse.open_transactions()) == 1
    tse.full, tse.down = False, True
    with pytest.raises(DeviceUnreachable):
        await tse.open_transactions()
    tse.down, tse.delay_ms = False, 3_000
    clock = tse._clock
    assert isinstance(clock, VirtualClock)
    waiting = asyncio.create_task(tse.finish(CLIENT, started.transaction, KIND, DATA))
    await clock.advance(2.9)
    assert not waiting.done()
    await clock.advance(0.2)
    assert (await waiting).counter == 2


async def test_a_key_that_is_none_is_said(tmp_path: Path) -> None:
    path = tmp_path / "tse.key"
    path.write_bytes(b"not a key")
    path.chmod(0o600)
    with pytest.raises(SettingsInvalid, match="is no key"):
        opened(tmp_path)
