"""`tillbox broker` as a process, and settings it refuses."""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from edge.contract.errors import SettingsInvalid
from edge.runtime.broker_passwords import password_file
from edge.runtime.broker_settings import BrokerSettings
from edge.runtime.embedded_broker import (
    COMMAND,
    GateDecided,
    StoreRules,
    serve,
)
from edge.runtime.structured_log import open_log
from tests.brokers import STORE, USERS
from tests.runtime.raw_mqtt import raw_client
from tests.runtime.shop_brokers import listening


def write_passwords(folder: Path, users: dict[str, str]) -> Path:
    path = folder / "passwords"
    path.write_bytes(password_file(users))
    path.chmod(0o600)
    return path


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_command_is_ready_serves_and_ends_well(tmp_path: Path, number: int) -> None:
    write_passwords(tmp_path, USERS)
    config = tmp_path / "broker.toml"
    config.write_text(f'store = "{STORE}"\npassword_file = "passwords"\nport = 0\n')
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "edge.cli", "broker", "--config", str(config)),
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(30):
            ready = json.loads(await process.stderr.readline())
            assert (ready["event"], ready["users"]) == ("ready", sorted(USERS))
            async with raw_client(ready["port"]) as client:
                assert await client.connect("edge", "edge", USERS["edge"]) == 0
                process.send_signal(number)
                assert await process.wait() == 0
            assert await process.stderr.read() == b""
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_wrong_settings_are_words_and_no_traceback(tmp_path: Path) -> None:
    config = tmp_path / "broker.toml"
    config.write_text(f'store = "{STORE}"\npasword_file = "passwords"\n')
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "edge.cli", "broker", "--config", str(config)),
        stderr=asyncio.subprocess.PIPE,
    )
    _, words = await process.communicate()
    assert process.returncode == 2
    assert b"Did you mean 'password_file'?" in words
    assert b"Traceback" not in words


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"address": "192.168.0.7"}, "without TLS"),
        ({"address": "192.168.0.7", "certificate_file": Path("/c")}, "without TLS"),
        ({"certificate_file": Path("/c"), "key_file": Path("/k")}, "cannot be read"),
        ({"edge_user": "other"}, "no user 'other'"),
        ({"password_file": Path("/nowhere")}, "cannot be read"),
    ],
)
async def test_settings_that_cannot_be_used(
    tmp_path: Path, changes: dict[str, object], words: str
) -> None:
    known: dict[str, object] = {
        "store": STORE,
        "password_file": write_passwords(tmp_path, USERS),
        "port": 0,
    }
    settings = BrokerSettings(**(known | changes))  # type: ignore[arg-type]
    with pytest.raises(SettingsInvalid, match=words):
        await serve(settings, open_log("broker", io.StringIO()), asyncio.Event())


async def test_a_port_in_use_is_said(tmp_path: Path) -> None:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        settings = BrokerSettings(STORE, write_passwords(tmp_path, USERS), port=port)
        with pytest.raises(SettingsInvalid, match="Another broker may run there"):
            await serve(settings, open_log("broker", io.StringIO()), asyncio.Event())


class Session:
    def __init__(self, username: str | None, client_id: str) -> None:
        self.username = username
        self.client_id = client_id


async def test_who_came_past_the_gate_without_a_name_is_refused_behind_it() -> None:
    plugin = GateDecided.__new__(GateDecided)
    assert await plugin.authenticate(session=Session("edge", "edge"))
    assert not await plugin.authenticate(session=Session(None, "edge"))
    assert not await plugin.authenticate(session=Session("host-1", "edge"))
    rules = StoreRules.__new__(StoreRules)
    rules.config = StoreRules.Config(STORE, "edge")
    assert not await rules.topic_filtering(session=None, topic="#", action="subscribe")
    assert not await rules.topic_filtering(session=None, topic=None, action="publish")


def test_the_command_in_this_process(tmp_path: Path, free_port: int) -> None:
    write_passwords(tmp_path, USERS)
    config = tmp_path / "broker.toml"
    config.write_text(f'store = "{STORE}"\npassword_file = "passwords"\nport = {free_port}\n')
    parser = argparse.ArgumentParser()
    COMMAND.configure(parser)

    def end_when_ready() -> None:
        while not listening(free_port):
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)

    ender = threading.Thread(target=end_when_ready)
    ender.start()
    assert COMMAND.run(parser.parse_args(["--config", str(config)])) == 0
    ender.join()
    assert not listening(free_port)
