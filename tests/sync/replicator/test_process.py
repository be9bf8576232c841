"""`tillbox sync` as systemd runs it: a process, over TLS, stopped by a signal."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from typing_extensions import override

from edge.contract.limits import (
    STOP_S_MAX,
)
from edge.runtime.certificates import Authority, issue_server_certificate, make_ca, write_ca
from edge.runtime.structured_log import Log
from edge.runtime.supervisor import TaskDied
from edge.runtime.system_clock import SystemClock
from edge.runtime.tls_contexts import server_context
from sync.replicator.main import COMMAND, run
from sync.replicator.settings import load_peers
from tests.sync.fake_edge import TOKEN
from tests.sync.replicator.shop import BriskClock, Shop, until

_RUN = "import sys; from edge.cli import main; sys.exit(main(sys.argv[1:]))"


class StoppedClock(BriskClock):
    """A wall clock that cannot be read: a defect of the machine that nobody expects."""

    @override
    def now_ms(self) -> int:
        raise ArithmeticError("no time")


@asynccontextmanager
async def sync_process(
    config: Path, notify_socket: Path | None = None
) -> AsyncIterator[asyncio.subprocess.Process]:
    env = {**os.environ, "NOTIFY_SOCKET": "" if notify_socket is None else str(notify_socket)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _RUN, "sync", "--config", str(config),
        env=env, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def write_settings(folder: Path, shop: Shop, office_url: str, extra: str = "") -> Path:
    (folder / "token").write_text(TOKEN)
    file = folder / "sync.toml"
    file.write_text(
        f'edge_url = "{shop.edge.url}"\nservice_token_file = "token"\n'
        f'office_url = "{office_url}"\n{extra}'
    )
    return file


async def stop_and_read(process: asyncio.subprocess.Process) -> list[dict[str, str]]:
    """Send SIGTERM; return the log of a process that ended well and in time."""
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(STOP_S_MAX):
        _, log = await process.communicate()
    print(log.decode())
    assert process.returncode == 0
    return [json.loads(line) for line in log.splitlines()]


async def test_ready_then_replicating_then_stopped(shop: Shop, tmp_path: Path) -> None:
    shop.edge.sell(20)
    heard: list[bytes] = []
    address = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(address))
        systemd.setblocking(False)
        loop = asyncio.get_running_loop()
        loop.add_reader(systemd, lambda: heard.append(systemd.recv(200)))
        async with sync_process(
            write_settings(tmp_path, shop, shop.office.url), address
        ) as process:
            await until(lambda: shop.in_step and b"WATCHDOG=1" in heard)
            log = await stop_and_read(process)
        await until(lambda: b"STOPPING=1" in heard)
        loop.remove_reader(systemd)
    assert heard[0] == b"READY=1"
    assert [line["event"] for line in log] == ["ready", "link_up", "stopped"]
    assert shop.edge.links[-1].state == "down"
    assert "stopped" in shop.edge.links[-1].reason


async def test_stops_at_once_without_edge_and_without_a_line(shop: Shop, tmp_path: Path) -> None:
    """A name that leads nowhere may be looked up for long: nobody waits for that thread."""
    await shop.office.stop()
    config = write_settings(tmp_path, shop, "wss://office.invalid", 'ca_file = "ca.pem"\n')
    write_ca(make_ca("Muster", SystemClock()), tmp_path / "ca.pem", tmp_path / "ca.key")
    async with sync_process(config) as process:
        await until(lambda: bool(shop.edge.links))
        await shop.edge.stop()
        log = await stop_and_read(process)
    assert log[1]["event"] == "link_down"
    assert log[1]["code"] == "office_unreachable"


def office_tls(folder: Path, authority: Authority, name: str) -> None:
    issued = issue_server_certificate(authority, names=[name], ips=[], clock=SystemClock())
    issued.write(folder / "server.pem", folder / "server.key")


async def test_over_tls_to_a_head_office_of_the_same_retailer(shop: Shop, tmp_path: Path) -> None:
    authority = make_ca("Muster", SystemClock())
    write_ca(authority, tmp_path / "ca.pem", tmp_path / "ca.key")
    office_tls(tmp_path, authority, "localhost")
    await shop.office.stop()
    shop.office.tls = server_context(tmp_path / "server.pem", tmp_path / "server.key")
    await shop.office.start()
    shop.edge.sell(20)
    url = f"wss://localhost:{shop.office.port}"
    async with sync_process(write_settings(tmp_path, shop, url, 'ca_file = "ca.pem"\n')) as process:
        await until(lambda: shop.in_step)
        await stop_and_read(process)


@pytest.mark.parametrize("fault", ["another authority", "another name"])
async def test_no_word_to_a_head_office_that_is_not_vouched_for(
    shop: Shop, tmp_path: Path, fault: str
) -> None:
    authority = make_ca("Muster", SystemClock())
    trusted = make_ca("Beispiel", SystemClock()) if fault == "another authority" else authority
    write_ca(trusted, tmp_path / "ca.pem", tmp_path / "ca.key")
    name = "office.example" if fault == "another name" else "localhost"
    office_tls(tmp_path, authority, name)
    await shop.office.stop()
    shop.office.tls = server_context(tmp_path / "server.pem", tmp_path / "server.key")
    await shop.office.start()
    url = f"wss://localhost:{shop.office.port}"
    async with sync_process(write_settings(tmp_path, shop, url, 'ca_file = "ca.pem"\n')) as process:
        await until(lambda: bool(shop.edge.links))
        log = await stop_and_read(process)
    assert log[1]["code"] == "office_not_trusted"
    assert shop.office.hellos == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_both_signals_end_it_cleanly(
    shop: Shop, tmp_path: Path, number: signal.Signals
) -> None:
    """In this process, where coverage sees it."""
    peers = load_peers(write_settings(tmp_path, shop, shop.office.url))
    shop.edge.sell(3)
    running = asyncio.create_task(run(peers, shop.clock, Log(shop.stream, shop.clock, {})))
    await until(lambda: shop.in_step)
    os.kill(os.getpid(), number)
    async with asyncio.timeout(STOP_S_MAX):
        await running
    assert shop.lines("stopped")
    assert shop.link == "down"


async def test_what_no_restart_mends_ends_the_process(shop: Shop, tmp_path: Path) -> None:
    """A defect, again and again: systemd starts the process afresh."""
    peers = load_peers(write_settings(tmp_path, shop, shop.office.url))
    with pytest.raises(TaskDied, match="replicator"):
        await run(peers, StoppedClock(), Log(shop.stream, shop.clock, {}))
    assert len(shop.office.lines) == 0


def test_the_command_names_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = argparse.ArgumentParser()
    COMMAND.configure(parser)
    assert COMMAND.run(parser.parse_args(["--config", str(tmp_path / "absent.toml")])) == 2
    assert "absent.toml" in capsys.readouterr().err


async def test_wrong_settings_end_with_words_and_status_2(shop: Shop, tmp_path: Path) -> None:
    config = write_settings(tmp_path, shop, "ws://office.example")
    async with sync_process(config) as process:
        _, words = await process.communicate()
    assert process.returncode == 2
    assert b"without TLS" in words
    assert b"Traceback" not in words
