"""Listening, TLS beyond loopback, and ending in good order."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from pathlib import Path

import pytest
from aiohttp import ClientConnectorCertificateError, ClientSession, web

from edge.contract.errors import SettingsInvalid
from edge.runtime.certificates import issue_server_certificate, make_ca, write_ca
from edge.runtime.http_service import HttpService, require_tls_beyond_loopback
from edge.runtime.system_clock import SystemClock
from edge.runtime.tls_contexts import client_context, own_context, server_context
from tests.runtime.hand_clock import HandClock


def _app(*, handler: object = None) -> web.Application:
    async def hello(request: web.Request) -> web.Response:
        return web.Response(text=request.scheme)

    app = web.Application()
    app.router.add_get("/", handler or hello)  # type: ignore[arg-type]  # a handler of the test
    return app


def _service(app: web.Application, **more: object) -> HttpService:
    settings = {"address": "127.0.0.1", "port": 0, "clock": HandClock()} | more
    return HttpService(app, **settings)  # type: ignore[arg-type]  # settings of the case


async def test_a_free_port_is_taken_and_given_back() -> None:
    service = _service(_app())
    assert service.port == 0
    port = await service.open()
    assert port == service.port > 0
    assert service.origin == f"http://127.0.0.1:{port}"
    async with ClientSession() as http, http.get(service.origin) as response:
        assert await response.text() == "http"
    await service.close()
    await service.close()
    assert service.port == port
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


async def test_a_socket_that_listens_already_is_served_and_stays_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as given:
        port = given.getsockname()[1]
        for _ in range(2):  # a box that starts anew within its process takes it up again
            waiting = await asyncio.open_connection("127.0.0.1", port)
            service = _service(_app(), address="192.0.2.1", port=1, listening=given)
            assert await service.open() == port
            assert service.origin == f"http://127.0.0.1:{port}"
            waiting[1].write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert (await waiting[0].read()).endswith(b"http")
            waiting[1].close()
            await service.close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


async def test_a_socket_beyond_loopback_needs_tls_whatever_the_settings_say() -> None:
    with socket.create_server(("0.0.0.0", 0)) as given:  # noqa: S104 - nobody is served on it
        service = _service(_app(), address="127.0.0.1", listening=given)
        with pytest.raises(SettingsInvalid, match="without TLS"):
            await service.open()


async def test_a_port_in_use_is_said_in_words() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SettingsInvalid, match=f"port {port}") as caught:
            await _service(_app(), port=port).open()
        assert caught.value.code == "address_unusable"


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "192.168.1.7", "box.shop", ""])  # noqa: S104
async def test_beyond_loopback_there_is_tls_or_nothing(address: str) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        await _service(_app(), address=address).open()
    assert caught.value.code == "tls_required"
    require_tls_beyond_loopback(address, ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_loopback_may_be_plain_and_what_only_looks_like_it_may_not(address: str) -> None:
    require_tls_beyond_loopback(address, None)
    with pytest.raises(SettingsInvalid):
        require_tls_beyond_loopback(f"{address}.example", None)


def test_an_ipv6_origin_has_brackets() -> None:
    assert _service(_app(), address="::1", port=80).origin == "http://[::1]:80"


async def test_tls_with_the_retailers_authority(tmp_path: Path) -> None:
    clock = SystemClock()
    authority = make_ca("Some Shops", clock)
    write_ca(authority, tmp_path / "ca.pem", tmp_path / "ca.key")
    issue_server_certificate(authority, names=["localhost"], ips=["127.0.0.1"], clock=clock).write(
        tmp_path / "box.pem", tmp_path / "box.key"
    )
    service = _service(_app(), tls=server_context(tmp_path / "box.pem", tmp_path / "box.key"))
    await service.open()
    assert service.origin.startswith("https://")
    try:
        async with ClientSession() as http:
            trusting = client_context(tmp_path / "ca.pem")
            async with http.get(service.origin, ssl=trusting) as response:
                assert await response.text() == "https"
            with pytest.raises(ClientConnectorCertificateError):
                await http.get(service.origin)
            other = tmp_path / "other.pem"
            write_ca(make_ca("Other Shops", clock), other, tmp_path / "other.key")
            with pytest.raises(ClientConnectorCertificateError):
                await http.get(service.origin, ssl=client_context(other))
            both = tmp_path / "both.pem"
            both.write_bytes(other.read_bytes() + (tmp_path / "ca.pem").read_bytes())
            async with http.get(service.origin, ssl=client_context(both)) as response:
                assert await response.text() == "https"
            # a server's own program believes its certificate, not all whom its authority signed
            assert len(own_context(tmp_path / "box.pem").get_ca_certs(binary_form=True)) == 0
            async with http.get(service.origin, ssl=own_context(tmp_path / "box.pem")) as response:
                assert await response.text() == "https"
            with pytest.raises(ClientConnectorCertificateError):
                await http.get(service.origin, ssl=own_context(both))
    finally:
        await service.close()


async def test_closing_lets_a_handler_end() -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(_: web.Request) -> web.Response:
        begun.set()
        await go_on.wait()
        return web.Response(text="whole")

    service = _service(_app(handler=slow))
    await service.open()
    async with ClientSession() as http:
        request = asyncio.create_task(http.get(service.origin))
        await begun.wait()
        closing = asyncio.create_task(service.close())
        await asyncio.sleep(0)
        go_on.set()
        async with await request as response:
            assert await response.text() == "whole"
        await closing


async def test_closing_cuts_what_is_idle() -> None:
    service = _service(_app())
    port = await service.open()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HT")
    await writer.drain()
    while service.watch.open_connections == 0:
        await asyncio.sleep(0.001)
    await service.close()
    with contextlib.suppress(ConnectionError):
        assert await reader.read() == b""
    writer.close()
