from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.devices.counter.running_counter import running_counter, settings_in
from tests.devices.host_bench import until


class Office:
    """Answers each line with itself, turned round; keeps what came."""

    def __init__(self) -> None:
        self.heard = b""
        self.open = 0
        self.resets = 0
        self.ended = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        try:
            while data := await reader.read(65_536):
                self.heard += data
                writer.write(data[::-1])
                await writer.drain()
            self.ended += 1
            writer.write(b"goodbye")
        except ConnectionError:
            self.resets += 1
        finally:
            self.open -= 1
            writer.close()


@pytest.fixture
async def office() -> AsyncIterator[tuple[Office, int]]:
    made = Office()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    yield made, server.sockets[0].getsockname()[1]
    server.close()


async def read_at(port: int) -> bytes:
    async with asyncio.timeout(5):
        reader, _ = await asyncio.open_connection("127.0.0.1", port)
        return await reader.read()


async def test_bytes_go_both_ways_and_ends_are_carried_over(
    office: tuple[Office, int], tmp_path: Path
) -> None:
    made, port = office
    async with running_counter(settings_in(tmp_path, port)) as counter:
        reader, writer = await asyncio.open_connection("127.0.0.1", counter.link)
        writer.write(b"abc")
        async with asyncio.timeout(5):
            assert await reader.readexactly(3) == b"cba"
        assert await counter.get("link") == {"up": True, "connections": 1}
        much = bytes(range(256)) * 8_192
        writer.write(much)
        async with asyncio.timeout(10):
            await reader.readexactly(len(much))
            assert made.heard == b"abc" + much
            writer.write_eof()
            assert await reader.read() == b"goodbye"
        await until(lambda: made.ended == 1)
        writer.close()
        async with asyncio.timeout(5):
            while (await counter.get("link"))["connections"]:
                await asyncio.sleep(0.01)


async def test_a_cut_resets_what_is_connected_and_refuses_the_new(
    office: tuple[Office, int], tmp_path: Path
) -> None:
    made, port = office
    async with running_counter(settings_in(tmp_path, port)) as counter:
        pairs = [await asyncio.open_connection("127.0.0.1", counter.link) for _ in range(3)]
        for reader, writer in pairs:
            writer.write(b"x")
            async with asyncio.timeout(5):
                await reader.readexactly(1)
        assert made.open == 3
        assert (await counter.post("link", {"up": False}))["up"] is False
        for reader, writer in pairs:
            with pytest.raises(ConnectionResetError):
                async with asyncio.timeout(5):
                    await reader.read()
            writer.close()
        await until(lambda: made.open == 0)
        assert (made.resets, made.ended) == (3, 0)
        with pytest.raises(ConnectionError):
            await read_at(counter.link)
        assert made.open == 0
        assert await counter.post("link", {"up": True}) == {"up": True, "connections": 0}
        reader, writer = await asyncio.open_connection("127.0.0.1", counter.link)
        writer.write(b"again")
        async with asyncio.timeout(5):
            assert await reader.readexactly(5) == b"niaga"
        writer.close()


async def test_an_office_that_is_away_is_felt_at_once(free_port: int, tmp_path: Path) -> None:
    async with running_counter(settings_in(tmp_path, free_port)) as counter:
        reader, writer = await asyncio.open_connection("127.0.0.1", counter.link)
        with pytest.raises(ConnectionResetError):
            async with asyncio.timeout(5):
                await reader.read()
        writer.close()
        assert (await counter.get("link"))["up"] is True


async def test_stopping_ends_what_is_connected(office: tuple[Office, int], tmp_path: Path) -> None:
    made, port = office
    async with running_counter(settings_in(tmp_path, port)) as counter:
        reader, writer = await asyncio.open_connection("127.0.0.1", counter.link)
        writer.write(b"x")
        async with asyncio.timeout(5):
            await reader.readexactly(1)
    with pytest.raises(ConnectionResetError):
        await reader.read()
    writer.close()
    await until(lambda: made.open == 0)
