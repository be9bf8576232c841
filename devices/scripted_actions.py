"""What can be done to a simulated device by a script or a page: named actions with typed arguments.

A simulator offers a table of them as `SimulatorSpec.actions`; `tillbox simulate DRIVER --actions`
prints it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec

from edge.contract.errors import SettingsInvalid

D = TypeVar("D")
A = TypeVar("A", bound=msgspec.Struct)


class NoArguments(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The arguments of an action that takes none."""


@dataclass(frozen=True)
class Action(Generic[D, A]):
    """One thing that can be done to a device.

    `words` is one sentence for people; `args` the shape of its arguments (it forbids unknown
    ones); `play` does it and may raise DeviceUnreachable or Refused in words.
    """

    words: str
    args: type[A]
    play: Callable[[D, A], Awaitable[None] | None]


Actions = Mapping[str, Action[Any, Any]]
"""The table of one device: lower-case words joined by underscores, and what they do."""


@dataclass(frozen=True)
class Play:
    """An action with arguments that were found good."""

    name: str
    action: Action[Any, Any]
    args: msgspec.Struct

    async def on(self, device: object) -> None:
        """Do it to a device; see `Action.play`."""
        awaited = self.action.play(device, self.args)
        if awaited is not None:
            await awaited


def read_play(actions: Actions, name: str, args: object) -> Play:
    """Return an action with its arguments; raises SettingsInvalid naming what there is."""
    action = actions.get(name)
    if action is None:
        raise SettingsInvalid(
            "action_unknown",
            f"There is no action {name[:40]!r}.",
            advice=f"Choose one of: {', '.join(sorted(actions))}.",
        )
    try:
        return Play(name, action, msgspec.convert(args, action.args))
    except msgspec.ValidationError as error:
        raise SettingsInvalid(
            "action_arguments_invalid",
            f"The arguments of {name} do not fit: {error}.",
            advice=f"Write {usage(name, action)}.",
        ) from None


def usage(name: str, action: Action[Any, Any]) -> str:
    """Return how an action is written: `put grams=INT swaying=BOOL (false)`."""
    return " ".join((name, *_arguments(action.args)))


def described(actions: Actions) -> Iterator[str]:
    """Yield two lines for each action, sorted: how it is written, and what it does."""
    for name, action in sorted(actions.items()):
        yield usage(name, action)
        yield f"    {action.words}"


def _arguments(shape: type[msgspec.Struct]) -> Iterator[str]:
    shapes = msgspec.json.schema(shape)["$defs"]
    kinds = shapes[shape.__name__]["properties"]
    for field in msgspec.structs.fields(shape):
        kind = kinds[field.encode_name]
        if "$ref" in kind:  # an enum is described apart
            kind = shapes[kind["$ref"].rpartition("/")[2]]
        allowed = "|".join(map(str, kind.get("enum", ()))) or kind.get("type", "value").upper()
        default = "" if field.required else f" ({msgspec.json.encode(field.default).decode()})"
        yield f"{field.encode_name}={allowed}{default}"
