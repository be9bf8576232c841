"""The demo's children: started again when they die, ended in order, by force if need be."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from edge.demo import processes as processes_module
from edge.demo.processes import DemoFailedError, Processes, hold, run_once
from edge.runtime.structured_log import open_log
from edge.runtime.supervisor import Supervisor
from tests.flows.fake_host import until
from tests.runtime.hand_clock import HandClock

OBEDIENT = "import sys, time; print('up', flush=True); time.sleep(600)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    " print('up', flush=True); time.sleep(600)"
)


@dataclass
class Children:
    processes: Processes
    clock: HandClock
    told: io.StringIO
    folder: Path

    async def start(self, name: str, code: str) -> int:
        await self.processes.start(name, [sys.executable, "-c", code, str(self.folder)])
        await until(lambda: "up" in self.said(name), what=f"{name} is up", seconds=20)
        return self.pids()[name]

    def pids(self) -> dict[str, int]:
        pids: dict[str, int] = json.loads(self.processes.pids_file.read_text())
        return pids

    def said(self, name: str) -> str:
        return (self.folder / "log" / f"{name}.log").read_text()

    def events(self) -> list[str]:
        return [json.loads(line)["event"] for line in self.told.getvalue().splitlines()]


@pytest.fixture
async def children(tmp_path: Path) -> AsyncIterator[Children]:
    (tmp_path / "log").mkdir()
    clock, told = HandClock(), io.StringIO()
    log = open_log("demo", told)
    async with Supervisor(clock, log) as tasks:
        processes = Processes(tmp_path, clock, log, tasks)
        yield Children(processes, clock, told, tmp_path)
        for pid in Children(processes, clock, told, tmp_path).pids().values():
            if runs(pid):
                os.kill(pid, signal.SIGKILL)


def runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


async def test_a_child_that_dies_is_started_again_after_a_while(children: Children) -> None:
    first = await children.start("edge", OBEDIENT)
    os.kill(first, signal.SIGKILL)
    await until(lambda: children.clock.waiting == 1, what="its death is noticed")
    assert children.events() == ["process_died"]
    assert children.pids()["edge"] == first
    children.clock.advance(60)
    await until(lambda: children.pids()["edge"] != first, what="it is started again", seconds=20)
    await until(lambda: children.said("edge").count("up") == 2, what="it is up", seconds=20)
    await children.processes.stop()
    assert not runs(children.pids()["edge"])


async def test_children_end_in_order_and_a_stubborn_one_by_force(children: Children) -> None:
    obedient = await children.start("broker", OBEDIENT)
    stubborn = await children.start("edge", STUBBORN)
    stopping = asyncio.create_task(children.processes.stop())
    await until(lambda: children.clock.waiting >= 1, what="it is waited for")
    assert runs(stubborn)
    assert runs(obedient), "the first to start is the last to end"
    children.clock.advance(3_600)
    await until(stopping.done, what="both have ended", seconds=20)
    assert not runs(stubborn)
    assert not runs(obedient)
    assert children.events() == ["process_killed"]


async def test_a_child_that_is_gone_already_is_not_waited_for(children: Children) -> None:
    gone = await children.start("edge", OBEDIENT)
    os.kill(gone, signal.SIGKILL)
    await until(lambda: children.clock.waiting == 1, what="its death is noticed")
    await children.processes.stop()
    assert "process_killed" not in children.events()


async def test_leftovers_of_this_folder_are_ended_and_nobody_else(children: Children) -> None:
    mine, other = (
        subprocess.Popen([sys.executable, "-c", OBEDIENT, place], stdout=subprocess.PIPE)
        for place in (str(children.folder), "/another/folder")
    )
    for process in (mine, other):
        assert process.stdout is not None
        process.stdout.readline()
    nobody = 2**22 + 1  # above the kernel's largest process id
    pids = {"edge": mine.pid, "broker": other.pid, "sync": nobody}
    children.processes.pids_file.write_text(json.dumps(pids))
    try:
        ending = asyncio.create_task(children.processes.end_leftovers())
        await until(lambda: not runs(mine.pid), what="it was ended", seconds=20)
        mine.wait()  # its parent has to take note; the demo's are taken by the system
        deadline = time.monotonic() + 20
        while not ending.done() and time.monotonic() < deadline:
            children.clock.advance(1)
            await asyncio.sleep(0.005)
        await ending
        assert runs(other.pid)
        assert children.events() == ["leftover_ended"]
    finally:
        for process in (mine, other):
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()
        children.processes.pids_file.write_text("{}")


async def test_a_number_that_went_to_somebody_else_is_not_waited_for(
    children: Children, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = [f"tillbox edge --config {children.folder}/edge.toml", "an editor"]
    monkeypatch.setattr(
        processes_module, "_command_line", lambda _: said.pop(0) if len(said) > 1 else said[0]
    )
    killed: list[int] = []
    monkeypatch.setattr(processes_module.os, "kill", lambda pid, _: killed.append(pid))
    children.processes.pids_file.write_text(json.dumps({"edge": 4711}))
    await children.processes.end_leftovers()
    assert killed == [4711]
    children.processes.pids_file.write_text("{}")


@pytest.mark.parametrize("content", [None, "", "{}"])
async def test_without_leftovers_nothing_is_ended(children: Children, content: str | None) -> None:
    if content is not None:
        children.processes.pids_file.write_text(content)
    await children.processes.end_leftovers()
    assert children.events() == []
    children.processes.pids_file.write_text("{}")


def test_one_folder_holds_one_demo(tmp_path: Path) -> None:
    held = hold(tmp_path)
    with pytest.raises(DemoFailedError, match="A demo runs in") as caught:
        hold(tmp_path)
    assert "--data" in caught.value.advice
    held.close()
    hold(tmp_path).close()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DemoFailedError, match=r"cannot keep its files in .*file/demo") as caught:
        hold(tmp_path / "file" / "demo")
    assert "--data" in caught.value.advice


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import sys; sys.exit('the disk is full')", "the disk is full"),
        ("print('on the other stream'); raise SystemExit(1)", "on the other stream"),
    ],
)
def test_a_step_that_fails_is_told_with_what_it_said(code: str, words: str) -> None:
    with pytest.raises(DemoFailedError, match=f"Making keys did not work: {words}"):
        run_once([sys.executable, "-c", code], what="Making keys")
    assert run_once([sys.executable, "-c", "print(' 7 ')"], what="Counting") == "7"


async def test_a_demo_that_ends_while_a_child_is_being_made_leaves_nothing(
    children: Children,
) -> None:
    words = [sys.executable, "-c", "import time; time.sleep(60)"]
    await children.processes.start("office", words)
    starting = asyncio.create_task(children.processes.start("box", words))
    await asyncio.sleep(0)  # the child has its turn, and is not there yet
    starting.cancel()
    await children.processes.stop()
    await asyncio.wait({starting})
    assert starting.cancelled()
    assert not any(runs(pid) for pid in children.pids().values())
