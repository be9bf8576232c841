from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from devices.transports.addresses import connector_to
from devices.transports.byte_stream import ByteStream
from devices.transports.tls_stream import certificate_names, name_fits
from edge.contract.errors import DeviceUnreachable
from edge.runtime.system_clock import SystemClock
from tests.devices.terminal_certificates import Maker

NAME = "S1F2-000158213605014.test.terminal.maker.example"


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(100):
        writer.write(data)


@asynccontextmanager
async def served(context: ssl.SSLContext | None) -> AsyncIterator[int]:
    seen: list[asyncio.StreamWriter] = []

    async def attend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(writer)
        with contextlib.suppress(OSError):
            await echo(reader, writer)

    server = await asyncio.start_server(attend, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]
        for writer in seen:
            writer.transport.abort()


async def connected(port: int, query: str, host: str = "127.0.0.1") -> ByteStream:
    return await connector_to(f"tls://{host}:{port}?{query}", SystemClock())()


async def told(port: int, query: str) -> DeviceUnreachable:
    with pytest.raises(DeviceUnreachable) as caught:
        await connected(port, query)
    return caught.value


async def test_a_terminal_is_known_by_its_name_though_its_address_is_a_number(
    tmp_path: Path,
) -> None:
    maker = Maker(tmp_path)
    async with served(maker.server(NAME)) as port:
        for name in (NAME, NAME.upper(), "*.test.terminal.maker.example"):
            stream = await connected(port, f"ca={maker.root_file}&name={name}")
            await stream.write(b"over TLS")
            assert await stream.read(100) == b"over TLS"
            await stream.close()
            await stream.close()


async def test_another_terminal_of_the_same_maker_is_not_taken_for_it(tmp_path: Path) -> None:
    maker = Maker(tmp_path)
    async with served(maker.server("S1F2-9.test.terminal.maker.example")) as port:
        error = await told(port, f"ca={maker.root_file}&name={NAME}")
    assert error.code == "certificate_of_another"
    assert "is S1F2-9.test.terminal.maker.example, and not S1F2-000158213605014" in error.message
    assert "right device" in error.advice


async def test_the_names_beside_the_common_name_count_instead_of_it(tmp_path: Path) -> None:
    maker = Maker(tmp_path)
    async with served(maker.server(NAME, "another.maker.example")) as port:
        assert (await told(port, f"ca={maker.root_file}&name={NAME}")).code == (
            "certificate_of_another"
        )
        stream = await connected(port, f"ca={maker.root_file}&name=another.maker.example")
        await stream.close()


async def test_another_root_is_not_believed(tmp_path: Path) -> None:
    maker, forger = Maker(tmp_path), Maker(tmp_path, "Forged Root")
    async with served(forger.server(NAME)) as port:
        error = await told(port, f"ca={maker.root_file}&name={NAME}")
    assert error.code == "certificate_not_trusted"
    assert "not to be trusted" in error.message
    assert "Do not use it" in error.advice


async def test_a_certificate_that_has_run_out_is_not_believed(tmp_path: Path) -> None:
    maker = Maker(tmp_path)
    async with served(maker.server(NAME, days=-1)) as port:
        error = await told(port, f"ca={maker.root_file}&name={NAME}")
    assert error.code == "certificate_not_trusted"
    assert "expired" in error.message


async def test_without_a_name_the_certificate_must_be_for_the_host(tmp_path: Path) -> None:
    maker = Maker(tmp_path)
    async with served(maker.server("localhost", "localhost")) as port:
        stream = await connected(port, f"ca={maker.root_file}", host="localhost")
        await stream.close()
        error = await told(port, f"ca={maker.root_file}")
    assert error.code == "certificate_not_trusted"
    assert "127.0.0.1" in error.message


async def test_a_device_without_tls_is_told(tmp_path: Path) -> None:
    maker = Maker(tmp_path)
    async with served(None) as port:
        error = await told(port, f"ca={maker.root_file}&name={NAME}")
    assert error.code == "no_tls"
    assert f"127.0.0.1:{port}" in error.message


async def test_nobody_there_is_told(tmp_path: Path) -> None:
    maker = Maker(tmp_path)
    async with served(None) as port:
        pass
    assert (await told(port, f"ca={maker.root_file}&name={NAME}")).code == "no_connection"


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
async def test_a_root_that_cannot_be_read_is_told_with_its_file(
    tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "root.pem"
    if content is not None:
        file.write_bytes(content)
    error = await told(1, f"ca={file}&name={NAME}")
    assert error.code == "ca_file_unusable"
    assert str(file) in error.message
    assert "root certificate" in error.advice


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        (NAME, NAME, True),
        ("*.test.terminal.maker.example", NAME, True),
        ("s1f2-000158213605014.*.terminal.maker.example", NAME, True),
        ("*.terminal.maker.example", NAME, False),
        ("*", NAME, False),
        ("S1F2-*.test.terminal.maker.example", NAME, False),
        ("*.maker.example", ".maker.example", False),
        (NAME, NAME + ".evil.example", False),
        (NAME, "x" + NAME, False),
        ("", "", True),
    ],
)
def test_a_star_is_one_whole_label(pattern: str, name: str, fits: bool) -> None:
    assert name_fits(pattern, name) is fits


def test_a_certificate_without_any_name_has_none() -> None:
    assert certificate_names({}) == ()
    assert certificate_names({"subject": ((("organizationName", "Maker"),),)}) == ()
