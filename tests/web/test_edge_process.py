"""`tillbox edge` as systemd runs it: a process that says how it stands and how it ended."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from edge.runtime.certificates import issue_server_certificate, make_ca, write_ca
from edge.runtime.system_clock import SystemClock
from edge.runtime.tls_contexts import client_context
from tests.brokers import find_free_port

SETTINGS = """
data_dir = "edge"
tills = ["till-1"]

[store]
slug = "harbour-street"
number = 1

[secrets]
box_key_file = "box.key"
pepper_file = "pepper"
service_token_file = "service.token"

[broker]
user = "edge"
password_file = "password"
port = {broker_port}

[web]
port = {port}
certificate_file = "box.pem"
key_file = "box-tls.key"
"""


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    """A box on TLS whose broker is not there: that alone stops nobody from selling."""
    clock = SystemClock()
    authority = make_ca("Some Shops", clock)
    write_ca(authority, tmp_path / "ca.pem", tmp_path / "ca.key")
    made = issue_server_certificate(authority, names=["localhost"], ips=["127.0.0.1"], clock=clock)
    made.write(tmp_path / "box.pem", tmp_path / "box-tls.key")
    (tmp_path / "service.token").write_text("token-of-the-service-in-a-test")
    password = tmp_path / "password"
    password.touch(0o600)
    password.write_text("password-of-edge-in-a-test")
    path = tmp_path / "edge.toml"
    path.write_text(SETTINGS.format(port=find_free_port(), broker_port=find_free_port()))
    return path


@asynccontextmanager
async def edge_process(config: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "edge.cli", "edge", "--config", str(config)),
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def next_line(process: asyncio.subprocess.Process, event: str) -> dict[str, Any]:
    """Read the log until something is told."""
    assert process.stderr is not None
    while line := await process.stderr.readline():
        told: dict[str, Any] = json.loads(line)
        if told["event"] == event:
            return told
    raise AssertionError(f"{event} was never told")


async def test_it_serves_over_tls_until_it_is_told_to_stop(settings: Path) -> None:
    async with edge_process(settings) as process, aiohttp.ClientSession() as http:
        origin = (await next_line(process, "ready"))["origin"]
        assert origin.startswith("https://")
        trusting = client_context(settings.parent / "ca.pem")
        async with http.get(f"{origin}/health", ssl=trusting) as response:
            assert response.status in {200, 503}
            assert {item["name"] for item in (await response.json())["items"]} >= {"ledger"}
        with pytest.raises(aiohttp.ClientError):
            await http.get(f"{origin.replace('https', 'http')}/health")
        process.send_signal(signal.SIGTERM)
        await next_line(process, "stopped")
        assert await process.wait() == 0


async def test_a_ledger_that_is_none_ends_it_in_words(settings: Path) -> None:
    data = settings.parent / "edge"
    data.mkdir()
    (data / "ledger.db").write_bytes(b"no ledger at all, " * 500)
    async with edge_process(settings) as process:
        told = await next_line(process, "edge_ended")
        assert await process.wait() == 1
    assert "ledger.db" in told["reason"]


@pytest.mark.parametrize(("token", "words"), [(None, "cannot be read"), ("", "is empty")])
async def test_a_box_without_its_token_does_not_start(
    settings: Path, token: str | None, words: str
) -> None:
    path = settings.parent / "service.token"
    if token is None:
        path.unlink()
    else:
        path.write_text(token)
    async with edge_process(settings) as process:
        assert process.stderr is not None
        said = (await process.stderr.read()).decode()
        assert await process.wait() == 2
    assert words in said
    assert "Traceback" not in said
