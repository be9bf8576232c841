"""A process lives until a signal or a dead task ends it, and its exit status says which."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import socket
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from edge.contract.errors import SettingsInvalid, StorageFailed, TillboxError
from edge.contract.instant import Clock
from edge.contract.life_limits import WORK_HANGS_S
from edge.runtime.process_life import live, long_start, run_process, told_to_stop
from edge.runtime.structured_log import Log, open_log
from edge.runtime.supervisor import Supervisor
from tests.runtime.hand_clock import HandClock


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield listening


def heard(systemd: socket.socket) -> list[bytes]:
    words = []
    while True:
        try:
            words.append(systemd.recv(100))
        except BlockingIOError:
            return words


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it(systemd: socket.socket, number: int) -> None:
    clock, stream = HandClock(), io.StringIO()
    stop = told_to_stop()
    async with Supervisor(clock, open_log("test", stream, clock=clock)) as tasks:
        living = tasks.spawn("life", live(tasks, clock, stop))
        os.kill(os.getpid(), number)
        await living
    assert heard(systemd) == [b"READY=1", b"WATCHDOG=1", b"STOPPING=1"]
    assert stream.getvalue() == ""


async def test_it_may_start_anew_without_a_word_that_it_stops(systemd: socket.socket) -> None:
    clock, again = HandClock(), asyncio.Event()
    stop = told_to_stop()
    async with Supervisor(clock, open_log("test", io.StringIO(), clock=clock)) as tasks:
        living = tasks.spawn("life", live(tasks, clock, stop, (), again))
        again.set()
        await living
    assert heard(systemd) == [b"READY=1", b"WATCHDOG=1"]


async def test_a_signal_counts_more_than_starting_anew(systemd: socket.socket) -> None:
    clock, again = HandClock(), asyncio.Event()
    stop = told_to_stop()
    async with Supervisor(clock, open_log("test", io.StringIO(), clock=clock)) as tasks:
        living = tasks.spawn("life", live(tasks, clock, stop, (), again))
        again.set()
        stop.set()
        await living
    assert heard(systemd)[-1] == b"STOPPING=1"


async def test_a_start_that_takes_long_is_waited_for(systemd: socket.socket) -> None:
    clock, done = HandClock(), asyncio.Event()

    async def work() -> str:
        await done.wait()
        return "mended"

    async with Supervisor(clock, open_log("test", io.StringIO(), clock=clock)) as tasks:
        starting = tasks.spawn("start", long_start(tasks, clock, work()))
        for _ in range(2):
            while not clock.waiting:
                await asyncio.sleep(0)
            clock.advance(3)
        while not clock.waiting:
            await asyncio.sleep(0)
        done.set()
        assert await starting == "mended"
        words = heard(systemd)
        assert words[:2] == [b"EXTEND_TIMEOUT_USEC=30000000", b"WATCHDOG=1"]
        assert words.count(b"WATCHDOG=1") == 3
        clock.advance(30)
        await asyncio.sleep(0)
        assert heard(systemd) == []


async def test_a_dead_task_ends_it_and_is_logged_once(systemd: socket.socket) -> None:
    async def fail() -> None:
        raise StorageFailed("disk_gone", "The disk is gone.")

    clock, stream = HandClock(), io.StringIO()
    async with Supervisor(clock, open_log("test", stream, clock=clock)) as tasks:
        _ = tasks.start("ledger", fail)
        with pytest.raises(StorageFailed, match="disk is gone"):
            await live(tasks, clock, told_to_stop())
    assert heard(systemd)[-1] == b"STOPPING=1"
    assert [json.loads(line)["task"] for line in stream.getvalue().splitlines()] == ["ledger"]


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        (None, 0, ""),
        (SettingsInvalid("no_file", "There is no file.", advice="Make one."), 2, "There is no"),
        (TillboxError("ended", "It ended."), 1, '"event":"box_ended"'),
    ],
)
@pytest.mark.parametrize("early", [True, False])
def test_the_exit_status_says_how_it_ended(
    error: TillboxError | None,
    status: int,
    told: str,
    early: bool,
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def work(_: Clock, __: Log) -> None:
        if error is not None:
            raise error

    def begin(clock: Clock, log: Log) -> Coroutine[Any, Any, None]:
        if error is not None and early:
            raise error
        return work(clock, log)

    assert run_process("box", begin) == status
    assert told in capsys.readouterr().err


@dataclass
class BreakingFile:
    failure: StorageFailed | None = None


async def test_a_file_that_is_written_no_more_ends_it() -> None:
    clock, stream = HandClock(), io.StringIO()
    files = (BreakingFile(), BreakingFile())
    async with Supervisor(clock, open_log("test", stream, clock=clock)) as tasks:
        living = asyncio.create_task(live(tasks, clock, told_to_stop(), files))
        while clock.waiting < 2:  # the watchdog, and the watch over the files
            await asyncio.sleep(0)
        assert not living.done()
        files[1].failure = StorageFailed("disk_full", "The disk is full.")
        clock.advance(1)
        with pytest.raises(StorageFailed, match="disk is full"):
            await living
    assert [json.loads(line)["task"] for line in stream.getvalue().splitlines()] == ["files"]


@dataclass
class SlowFile(BreakingFile):
    oldest_wait: object | None = None


async def test_the_watchdog_is_fed_by_work_that_gets_done(systemd: socket.socket) -> None:
    """A write that is never answered starves it; many slow ones, each answered, do not."""
    clock = HandClock()
    slow, well = SlowFile(), SlowFile()
    stop = told_to_stop()
    async with Supervisor(clock, open_log("test", io.StringIO(), clock=clock)) as tasks:
        living = asyncio.create_task(live(tasks, clock, stop, (slow, well, BreakingFile())))

        async def fed_within(seconds: float) -> int:
            words = []
            for _ in range(int(seconds)):
                clock.advance(1)
                while clock.waiting < 2:
                    await asyncio.sleep(0)
                words += heard(systemd)
            return words.count(b"WATCHDOG=1")

        while clock.waiting < 2:
            await asyncio.sleep(0)
        assert heard(systemd) == [b"READY=1", b"WATCHDOG=1"]
        assert await fed_within(60) == 20
        for _ in range(6):
            slow.oldest_wait = object()  # each waits for ten seconds, and is answered
            assert await fed_within(10) >= 3
        slow.oldest_wait = object()
        assert await fed_within(WORK_HANGS_S + 3) >= 6
        assert await fed_within(60) == 0
        slow.oldest_wait = None
        assert await fed_within(30) == 10
        stop.set()
        await living
