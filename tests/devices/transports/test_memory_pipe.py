from __future__ import annotations

import asyncio

import pytest

from devices.transports.byte_stream import ByteStream
from devices.transports.memory_pipe import MemoryCable, PipeVariant, memory_pipe
from edge.contract.errors import DeviceUnreachable
from tests.devices.virtual_clock import VirtualClock


async def read_all(stream: ByteStream) -> bytes:
    found = b""
    while data := await stream.read(4096):
        found += data
    return found


async def test_what_is_written_is_read_and_closing_ends_it() -> None:
    pipe = memory_pipe()
    await pipe.near.write(b"abc")
    await pipe.near.close()
    await pipe.near.close()
    assert await read_all(pipe.far) == b"abc"
    assert await pipe.near.read(1) == b""
    with pytest.raises(DeviceUnreachable, match="closed"):
        await pipe.near.write(b"x")
    with pytest.raises(DeviceUnreachable):
        await pipe.far.write(b"x")


async def test_a_read_returns_no_more_than_asked_or_than_the_variant_gives() -> None:
    pipe = memory_pipe(PipeVariant(chunk_bytes=1))
    await pipe.near.write(b"abc")
    assert await pipe.far.read(10) == b"a"
    whole = memory_pipe()
    await whole.far.write(b"abc")
    assert await whole.near.read(2) == b"ab"


async def test_a_full_pipe_makes_the_writer_wait() -> None:
    pipe = memory_pipe()
    writing = asyncio.create_task(pipe.near.write(b"x" * 20_000))
    for _ in range(100):
        await asyncio.sleep(0)
    assert not writing.done()
    found = 0
    while found < 20_000:
        found += len(await pipe.far.read(4096))
    await writing


async def test_a_cut_breaks_both_ends_and_loses_what_is_under_way() -> None:
    pipe = memory_pipe()
    await pipe.near.write(b"lost")
    reading = asyncio.create_task(pipe.near.read(1))
    await asyncio.sleep(0)
    await pipe.cut()
    with pytest.raises(DeviceUnreachable):
        await reading
    with pytest.raises(DeviceUnreachable):
        await pipe.far.read(1)
    with pytest.raises(DeviceUnreachable):
        await pipe.near.write(b"x")


async def test_losses_repeat_with_their_seed() -> None:
    async def sent(seed: int) -> bytes:
        pipe = memory_pipe(PipeVariant(loss=0.3, seed=seed))
        await pipe.near.write(bytes(range(200)))
        await pipe.near.close()
        return await read_all(pipe.far)

    assert await sent(1) == await sent(1) != await sent(2)
    assert 0 < len(await sent(1)) < 200


async def test_a_slow_line_takes_the_time_of_the_clock_it_is_given() -> None:
    clock = VirtualClock()
    async with clock.running():
        pipe = memory_pipe(PipeVariant(bytes_per_s=960, clock=clock))
        await pipe.near.write(b"x" * 1920)
    assert clock.monotonic_ms() == 2_000


async def test_a_cable_is_out_until_it_is_plugged_in() -> None:
    cable = MemoryCable()
    await cable.unplug()
    with pytest.raises(DeviceUnreachable, match="Check the cable"):
        await cable.connect()
    cable.plug_in()
    near = await cable.connect()
    far = await cable.accept()
    await far.write(b"hi")
    assert await near.read(10) == b"hi"
    await cable.unplug()
    with pytest.raises(DeviceUnreachable):
        await near.read(1)
    assert cable.connections == 1


async def test_all_connections_of_a_cable_are_cut_together() -> None:
    cable = MemoryCable()
    ends = [await cable.connect(), await cable.connect()]
    far = await cable.accept()
    await far.write(b"to the first")
    assert await ends[0].read(100) == b"to the first"
    await cable.unplug()
    for near in ends:
        with pytest.raises(DeviceUnreachable):
            await near.read(1)
