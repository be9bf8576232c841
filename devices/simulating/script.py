"""A script for a simulated device: which action is played when.

A TOML file of `[[step]]` tables, or JSON lines, one step a line. Each step names an action
(`play`, `args`) and either an instant (`at_s`, seconds after the device is ready), an event
(`on`), or neither: then it is played at once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from devices.scripted_actions import Actions, Play, read_play
from edge.contract.device_limits import (
    SCRIPT_BYTES_MAX,
    SCRIPT_STEPS_MAX,
    SCRIPT_WATCHED_BYTES_MAX,
)
from edge.contract.errors import SettingsInvalid
from edge.runtime.settings_file import load

Happening = Literal["connected", "disconnected", "received", "sent"]
"""Somebody connects or goes; bytes came to the device; the device has said something."""

_HAS_BYTES: Final = ("received", "sent")
_DAYS_S_MAX: Final = 30 * 86_400.0

Seconds = Annotated[float, Meta(ge=0, le=_DAYS_S_MAX)]


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line of a script.

    `at_s` with `every_s` and `times` (0: for ever) plays again and again. `on` is played at the
    `count`-th time that it happens and at the `times` - 1 after it (0: each), `after_s` later;
    `has` are bytes, as pairs of hexadecimal digits, that must be among what was received or sent.
    """

    play: str
    args: dict[str, Any] = {}
    at_s: Seconds | None = None
    every_s: Seconds = 0.0
    on: Happening | None = None
    has: Annotated[
        str, Meta(pattern=r"^([0-9a-fA-F]{2})*$", max_length=2 * SCRIPT_WATCHED_BYTES_MAX)
    ] = ""
    count: Annotated[int, Meta(ge=1, le=1_000_000_000)] = 1
    after_s: Seconds = 0.0
    times: Annotated[int, Meta(ge=0, le=1_000_000_000)] = 1


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    step: Annotated[tuple[Step, ...], Meta(max_length=SCRIPT_STEPS_MAX)] = ()


@dataclass(frozen=True)
class Cue:
    """A step whose action and arguments were found good."""

    step: Step
    play: Play

    @property
    def has(self) -> bytes:
        """The bytes that are waited for."""
        return bytes.fromhex(self.step.has)


def load_script(path: Path, actions: Actions) -> tuple[Cue, ...]:
    """Return a script's steps in order; raises SettingsInvalid naming file and step."""
    if path.suffix == ".toml":
        numbered: Iterable[tuple[str, Step]] = (
            (f"{path}, step {number}", step)
            for number, step in enumerate(load(path, _File).step, start=1)
        )
    else:
        numbered = [
            (f"{path}, line {number}", read_step(line, f"{path}, line {number}"))
            for number, line in enumerate(_lines(path), start=1)
            if line.strip()
        ]
    return tuple(cue_of(step, actions, where) for where, step in numbered)


def read_step(line: bytes, where: str) -> Step:
    """Return the step on a line of JSON; raises SettingsInvalid."""
    try:
        return msgspec.json.decode(line, type=Step)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SettingsInvalid(
            "step_unreadable",
            f"{where} is no step: {error}.",
            advice='Write one object a line: {"at_s": 2, "play": "put", "args": {"grams": 500}}.',
        ) from None


def cue_of(step: Step, actions: Actions, where: str) -> Cue:
    """Check a step against what the device can do; raises SettingsInvalid."""
    wrong = _contradiction(step)
    if wrong:
        raise SettingsInvalid("step_contradicts_itself", f"{where}: {wrong}")
    try:
        return Cue(step, read_play(actions, step.play, step.args))
    except SettingsInvalid as error:
        raise SettingsInvalid(
            error.code, f"{where}: {error.message}", advice=error.advice
        ) from None


def _contradiction(step: Step) -> str:
    if step.on is not None and (step.at_s is not None or step.every_s):
        return "A step is played at a time (at_s, every_s) or on an event (on), not both."
    if step.on is None and (step.has or step.count != 1 or step.after_s):
        return "has, count and after_s belong to a step with on."
    if step.on is None and step.times != 1 and not step.every_s:
        return "times without every_s would play it all at once; name every_s."
    if step.has and step.on not in _HAS_BYTES:
        return "Only what is received or sent has bytes."
    return ""


def _lines(path: Path) -> list[bytes]:
    try:
        with path.open("rb") as file:
            content = file.read(SCRIPT_BYTES_MAX + 1)
    except OSError as error:
        raise SettingsInvalid(
            "script_unreadable",
            f"The script {path} cannot be read: {error.strerror}.",
            advice="Check the name, and that this user may read it.",
        ) from None
    lines = content.splitlines()
    if len(content) > SCRIPT_BYTES_MAX or len(lines) > SCRIPT_STEPS_MAX:
        raise SettingsInvalid(
            "script_too_large",
            f"{path} is over {SCRIPT_BYTES_MAX} bytes or {SCRIPT_STEPS_MAX} steps.",
            advice="Repeat steps with times and every_s.",
        )
    return lines
