from __future__ import annotations

import asyncio
import io
from collections.abc import Coroutine
from typing import Any

import msgspec
import pytest

from devices.scripted_actions import Action, Actions, NoArguments, Play
from devices.simulating.player import ScriptPlayer, WatchedStream
from devices.simulating.script import Happening, Step, cue_of
from devices.transports.memory_pipe import memory_pipe
from edge.contract.errors import Refused
from edge.runtime.structured_log import open_log
from tests.devices.virtual_clock import VirtualClock

ACTIONS: Actions = {
    name: Action(name, NoArguments, lambda _device, _args: None)
    for name in ("first", "second", "refused")
}


class Played:
    """A player on jumping time; `played` is what it played and when."""

    def __init__(self, *steps: dict[str, Any]) -> None:
        self.clock = VirtualClock()
        self.log_text = io.StringIO()
        self.played: list[tuple[str, int]] = []
        self.tasks: list[asyncio.Task[None]] = []
        self.player = ScriptPlayer(
            self.play, self.clock, open_log("test", self.log_text), self.spawn
        )
        cues = [cue_of(msgspec.convert(step, Step), ACTIONS, "here") for step in steps]
        self.player.add(cues)

    def spawn(self, _name: str, work: Coroutine[Any, Any, None]) -> object:
        self.tasks.append(asyncio.create_task(work))
        return None

    async def play(self, play: Play) -> None:
        if play.name == "refused":
            raise Refused("no_payment", "No payment waits.")
        self.played.append((play.name, self.clock.monotonic_ms()))


async def test_steps_are_played_at_their_times_once_or_again_and_again() -> None:
    played = Played(
        {"play": "first", "at_s": 3},
        {"play": "second", "at_s": 1, "every_s": 1.5, "times": 3},
    )
    await played.clock.advance(60)
    assert played.played == [
        ("second", 1_000),
        ("second", 2_500),
        ("first", 3_000),
        ("second", 4_000),
    ]


async def test_a_step_without_a_time_is_played_at_once_and_one_for_ever_never_ends() -> None:
    played = Played({"play": "first"}, {"play": "second", "every_s": 10, "times": 0})
    await played.clock.advance(100)
    assert played.played[:2] == [("first", 0), ("second", 0)]
    assert len(played.played) == 12
    for task in played.tasks:
        task.cancel()


@pytest.mark.parametrize(
    ("step", "happenings", "times"),
    [
        ({"on": "connected"}, [("connected", b"")] * 3, 1),
        ({"on": "connected", "times": 0}, [("connected", b"")] * 3, 3),
        ({"on": "connected", "count": 2}, [("connected", b"")], 0),
        ({"on": "connected", "count": 2, "times": 2}, [("connected", b"")] * 9, 2),
        ({"on": "disconnected"}, [("connected", b""), ("disconnected", b"")], 1),
        ({"on": "received"}, [("sent", b"x"), ("received", b"x")], 1),
        ({"on": "received", "has": "1b40", "times": 0}, [("received", b"a\x1b@b\x1b@")], 2),
        ({"on": "received", "has": "1b40"}, [("received", b"\x1b"), ("received", b"@")], 1),
        ({"on": "sent", "has": "1b40"}, [("sent", b"\x1b@")], 1),
        ({"on": "sent", "has": "1b40"}, [("received", b"\x1b@")], 0),
        ({"on": "received", "has": "1b40"}, [("received", b"\x1bx@")], 0),
        # the end of one connection and the beginning of the next are not one word
        (
            {"on": "received", "has": "1b40"},
            [("received", b"\x1b"), ("connected", b""), ("received", b"@")],
            0,
        ),
        # what was counted is not counted again with what follows it
        (
            {"on": "received", "has": "6161", "times": 0},
            [("received", b"aa"), ("received", b"a")],
            1,
        ),
    ],
)
async def test_a_step_is_played_when_what_it_waits_for_happens(
    step: dict[str, Any], happenings: list[tuple[Happening, bytes]], times: int
) -> None:
    played = Played({"play": "first", **step})
    for happening, data in happenings:
        await played.player.tell(happening, data)
    assert len(played.played) == times


async def test_a_step_may_come_some_time_after_what_it_waited_for() -> None:
    played = Played({"play": "first", "on": "connected", "after_s": 2})
    await played.player.tell("connected")
    assert not played.played
    await played.clock.advance(2)
    assert played.played == [("first", 2_000)]


async def test_a_step_that_fails_is_told_and_the_next_is_played() -> None:
    played = Played({"play": "refused"}, {"play": "first", "at_s": 1})
    await played.clock.advance(2)
    assert "No payment waits." in played.log_text.getvalue()
    assert [name for name, _ in played.played] == ["first"]


async def test_a_step_that_speaks_does_not_play_itself() -> None:
    played = Played({"play": "first", "on": "sent", "times": 0})
    pipe = memory_pipe()
    stream = WatchedStream(pipe.far, played.player)

    async def play(_play: Play) -> None:
        played.played.append(("first", 0))
        await stream.write(b"again")

    played.player._play = play
    await stream.write(b"once")
    assert len(played.played) == 1


async def test_the_script_has_its_turn_before_the_device_hears_and_after_it_has_spoken() -> None:
    played = Played({"play": "first", "on": "received"}, {"play": "second", "on": "sent"})
    pipe = memory_pipe()
    stream = WatchedStream(pipe.far, played.player)
    await pipe.near.write(b"question")
    assert await stream.read(100) == b"question"
    assert [name for name, _ in played.played] == ["first"]
    await stream.write(b"answer")
    assert await pipe.near.read(100) == b"answer"
    assert [name for name, _ in played.played] == ["first", "second"]
    await stream.close()
    assert await stream.read(100) == b""
    assert len(played.played) == 2
