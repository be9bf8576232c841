"""`tillbox keep` as a person uses it, and as a process that is killed or runs out of disk."""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import resource
import signal
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import ClientSession

from edge.contract.errors import Refused, SettingsInvalid, TillboxError
from edge.contract.limits import STOP_S_MAX
from edge.contract.replication import (
    Challenge,
    Head,
    Hello,
    Kept,
    Proof,
    Welcome,
    keeper_proof_bytes,
)
from edge.runtime.certificates import issue_server_certificate, make_ca
from edge.runtime.history_file import read_history
from edge.runtime.keys import load_key
from edge.runtime.system_clock import SystemClock
from edge.runtime.tls_contexts import client_context
from sync.appending.sqlite_event_store import SqliteEventStore
from sync.keeper.database import keeper_database
from sync.keeper.main import COMMAND
from tests.sync.keeper.second_copy import Line, keep
from tests.sync.office.head_office import AT, Box, new_key

_RUN = """
import argparse, sys
from sync.keeper.main import COMMAND
parser = argparse.ArgumentParser()
COMMAND.configure(parser)
sys.exit(COMMAND.run(parser.parse_args(sys.argv[1:])))
"""


def tillbox(config: Path, *words: str | Path) -> int:
    parser = argparse.ArgumentParser()
    COMMAND.configure(parser)
    return COMMAND.run(parser.parse_args([str(word) for word in ("--config", config, *words)]))


@pytest.fixture
def config(tmp_path: Path, free_port: int) -> Path:
    path = tmp_path / "keep.toml"
    path.write_text(
        f'data_dir = "data"\nsigning_key_file = "secrets/keep.key"\n[web]\nport = {free_port}\n'
    )
    return path


@pytest.fixture
async def box() -> Box:
    box = Box()
    for number in range(5):
        box.sell(f"sale-{number}")
    return box


def add(config: Path, box: Box, **changed: str) -> int:
    given = {
        "store-number": str(box.number),
        "slug": box.store,
        "box-key": box.key.public.hex,
        **changed,
    }
    return tillbox(
        config, "add-box", *(word for name, value in given.items() for word in (f"--{name}", value))
    )


def test_setting_up_twice_changes_nothing(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        assert tillbox(config, "init") == 0
    key = config.parent / "secrets" / "keep.key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert load_key(key).public.hex in capsys.readouterr().out
    assert tillbox(config, "key") == 0
    assert capsys.readouterr().out.strip() == load_key(key).public.hex


def test_a_box_is_introduced_once(
    config: Path, box: Box, capsys: pytest.CaptureFixture[str]
) -> None:
    tillbox(config, "init")
    tillbox(config, "status")
    assert "introduce one" in capsys.readouterr().out
    add(config, box)
    add(config, box)
    out = capsys.readouterr().out
    assert ("is known now" in out, "is known already" in out) == (True, True)
    other = new_key().public.hex
    for changed in (
        {"box-key": other},
        {"slug": "another", "box-key": other},
        {"store-number": "2", "box-key": other},
        {"store-number": "2", "slug": "another"},  # two boxes with one key
        {"gen": "2"},
    ):
        with pytest.raises(Refused, match="Store 1 is known as harbour-street"):
            add(config, box, **changed)
    for changed in ({"slug": "No!"}, {"store-number": "0"}, {"gen": "0"}, {"box-key": "zz"}):
        with pytest.raises(TillboxError):
            add(config, box, **changed)
    tillbox(config, "status")
    out = capsys.readouterr().out
    assert "harbour-street (1): events up to 0 are kept, generation 1" in out
    assert "never heard" in out
    words = ("--slug", box.store, "--box-key", other, "--gen", "2")
    assert tillbox(config, "replace-box", *words) == 0
    assert "in generation 2 now" in capsys.readouterr().out


def test_what_is_not_set_up_says_so(config: Path, box: Box) -> None:
    with pytest.raises(SettingsInvalid, match="does not exist"):
        tillbox(config, "status")
    with pytest.raises(SettingsInvalid):
        tillbox(config, "key")
    tillbox(config, "init")
    with pytest.raises(Refused, match="boxes known here: none"):
        tillbox(config, "export", "--out", config.parent / "out")
    add(config, box)
    with pytest.raises(Refused, match="Nothing of store"):
        tillbox(config, "export", "--out", config.parent / "out")
    with pytest.raises(Refused, match="boxes known here: harbour-street"):
        tillbox(config, "export", "--slug", "elsewhere", "--out", config.parent / "out")
    assert not (config.parent / "out").exists()


def test_a_disk_that_is_not_mounted_is_never_written_to(tmp_path: Path) -> None:
    config = tmp_path / "keep.toml"
    place = tmp_path / "disk"
    text = 'data_dir = "{}"\nsigning_key_file = "keep.key"\nmounted_at = "{}"\n'
    config.write_text(text.format("disk/copy", "disk"))
    place.mkdir()
    for word in ("init", "status", "export"):
        more = ("--out", tmp_path / "out") if word == "export" else ()
        with pytest.raises(SettingsInvalid, match="No disk is mounted"):
            tillbox(config, word, *more)
    assert tillbox(config, "serve") == 2
    assert list(place.iterdir()) == []
    config.write_text(text.format("elsewhere", "/proc"))
    with pytest.raises(SettingsInvalid, match="not below mounted_at"):
        tillbox(config, "init")
    config.write_text(text.format(tmp_path / "data", "/"))
    assert tillbox(config, "init") == 0


async def test_what_a_running_copy_has_is_exported_beside_it(
    tmp_path: Path, box: Box, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "keep"
    async with keep(folder, box) as copy:
        async with copy.session(box) as (line, _):
            await line.upload(box.frame(0, 9))
            await line.upload(box.frame(9))
        clone = Box(key=box.key, bodies=box.bodies[:3])
        async with copy.line(clone) as line:
            await line.next()
        config = tmp_path / "keep.toml"
        config.write_text('data_dir = "keep"\nsigning_key_file = "keep/keep.key"\n')
        out = tmp_path / "out.history"
        assert await asyncio.to_thread(tillbox, config, "export", "--out", out) == 0
        assert await asyncio.to_thread(tillbox, config, "status") == 0
    said = capsys.readouterr().out
    assert f"events 1 to {box.head.seq} of store {box.store}, in 2 frames" in said
    assert f"events up to {box.head.seq} are kept" in said
    assert re.search(r"! The box .* restored from an old copy\. \(1 times, last 20", said)
    history = read_history(out)
    assert list(history.frames()) == [box.frame(0, 9), box.frame(9)]
    assert load_key(folder / "keep.key").public.fingerprint in history.header.written_by


# --- as a process -------------------------------------------------------------------------


@asynccontextmanager
async def serving(
    config: Path, *, file_bytes_max: int | None = None
) -> AsyncIterator[asyncio.subprocess.Process]:
    def limit() -> None:
        if file_bytes_max is not None:
            # a full disk for this process alone: what grows beyond is refused with EFBIG
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes_max, file_bytes_max))

    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _RUN, "--config", str(config), "serve",
        env={**os.environ, "NOTIFY_SOCKET": ""}, stderr=asyncio.subprocess.PIPE, preexec_fn=limit,
    )  # fmt: skip
    try:
        assert process.stderr is not None
        async with asyncio.timeout(30):
            while b'"ready"' not in (line := await process.stderr.readline()):
                assert line, "it ended before it was ready"
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@asynccontextmanager
async def line_to(
    http: ClientSession, url: str, box: Box, keeper: str, tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[Line, Welcome]]:
    async with http.ws_connect(f"{url}/sync/v1/session", ssl=tls or True) as socket:
        line = Line(socket)
        nonce = (await line.hear(Challenge)).nonce
        public = box.key.public.hex
        await line.say(Hello(box.store, public, box.head, {}, AT, "0.1.0", nonce))
        signed = keeper_proof_bytes(box.store, nonce, public, keeper)
        await line.say(Proof(box.key.sign(signed).hex()))
        welcome = await line.hear(Welcome)
        if welcome.head.seq:
            await line.hear(Kept)
        yield line, welcome


def keeper_key(config: Path) -> str:
    return load_key(config.parent / "secrets" / "keep.key").public.hex


async def head_on_disk(config: Path, box: Box) -> Head:
    file = keeper_database(config.parent / "data" / "keep.db")
    await file.open()
    try:
        events = SqliteEventStore(file, SystemClock())
        assert (await file.read(lambda db: db.execute("PRAGMA integrity_check").fetchall())) == [
            ("ok",)
        ]
        return await events.head(box.number, box.gen)
    finally:
        await file.close()


async def setting_up(config: Path, box: Box) -> None:
    await asyncio.to_thread(tillbox, config, "init")
    await asyncio.to_thread(add, config, box)


async def test_killed_between_any_two_frames_it_has_what_it_acknowledged(
    config: Path, free_port: int, box: Box
) -> None:
    await setting_up(config, box)
    keeper, url, sent = keeper_key(config), f"http://127.0.0.1:{free_port}", 0
    async with ClientSession() as http:
        for round_number in range(4):
            async with serving(config) as process, line_to(http, url, box, keeper) as (line, here):
                assert here.head.seq >= sent
                seq = here.head.seq
                # some answered, and some on their way when it dies
                for _ in range(2):
                    sent = (await line.upload(box.frame(seq, seq + 1))).kept.seq
                    seq += 1
                for after in range(seq, min(seq + round_number, len(box.bodies))):
                    await line.send(box.frame(after, after + 1))
                process.send_signal(signal.SIGKILL)
                await process.wait()
            assert (await head_on_disk(config, box)).seq >= sent
        async with serving(config) as process, line_to(http, url, box, keeper) as (line, here):
            assert (await line.upload(box.frame(here.head.seq))).kept == box.head
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(STOP_S_MAX):
                await process.wait()
            assert process.returncode == 0
    assert await head_on_disk(config, box) == box.head


async def test_a_full_disk_acknowledges_nothing_that_is_not_on_it(
    config: Path, free_port: int, box: Box
) -> None:
    await setting_up(config, box)
    for number in range(600):
        box.sell(f"many-{number}")
    keeper, url = keeper_key(config), f"http://127.0.0.1:{free_port}"
    acknowledged = 0
    async with ClientSession() as http:
        async with serving(config, file_bytes_max=400_000) as process:
            async with line_to(http, url, box, keeper) as (line, _):
                for after in range(0, len(box.bodies), 8):
                    await line.send(box.frame(after, after + 8))
                    word = await line.next()
                    if not isinstance(word, Kept):
                        break
                    acknowledged = word.kept.seq
                else:
                    pytest.fail("the disk never was full")
            async with asyncio.timeout(30):
                # systemd starts it anew: only a new process opens the file again
                assert await process.wait() == 1
        on_disk = await head_on_disk(config, box)
        assert 0 < acknowledged <= on_disk.seq < len(box.bodies)
        async with serving(config), line_to(http, url, box, keeper) as (line, here):
            assert here.head == on_disk
            assert (await line.upload(box.frame(on_disk.seq))).kept == box.head


async def test_beyond_loopback_it_wants_tls(tmp_path: Path, free_port: int, box: Box) -> None:
    authority = make_ca("Muster", SystemClock())
    made = issue_server_certificate(authority, names=["localhost"], ips=[], clock=SystemClock())
    made.write(tmp_path / "keep.pem", tmp_path / "keep.tls.key")
    (tmp_path / "ca.pem").write_bytes(authority.certificate_pem)
    config = tmp_path / "keep.toml"
    start = 'data_dir = "data"\nsigning_key_file = "secrets/keep.key"\n[web]\n'
    config.write_text(f'{start}address = "0.0.0.0"\nport = {free_port}\n')
    await setting_up(config, box)
    refused = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _RUN, "--config", str(config), "serve", stderr=asyncio.subprocess.PIPE
    )
    _, said = await refused.communicate()
    assert (refused.returncode, b"without TLS" in said) == (2, True), said
    config.write_text(
        f'{start}port = {free_port}\ncertificate_file = "keep.pem"\nkey_file = "keep.tls.key"\n'
    )
    tls = client_context(tmp_path / "ca.pem")
    url = f"https://localhost:{free_port}"
    async with (
        serving(config),
        ClientSession() as http,
        line_to(http, url, box, keeper_key(config), tls) as (line, _),
    ):
        assert (await line.upload(box.frame())).kept == box.head
