"""Which devices a shop has adopted, and what technicians wish of them.

A device has an id for its place in the shop ("printer of till 2"); the hardware behind it may
be replaced, and keeps the id with its roles.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from edge.contract.device_limits import (
    DEVICE_NAME_CHARS_MAX,
    DEVICE_ROLES_MAX,
)
from edge.contract.device_states import FoundText
from edge.contract.identity import CommandId, ShortId
from edge.contract.limits import (
    REASON_CHARS_MAX,
)


class DeviceRole(StrEnum):
    """What a device does for a till."""

    SCANNER = "scanner"
    PRINTER = "printer"
    DRAWER = "drawer"
    TERMINAL = "terminal"
    SCALE = "scale"
    DISPLAY = "display"
    LABELS = "labels"


SHARED_ROLES: Final = frozenset({DeviceRole.SCANNER})
"""Roles that several devices of one till may have: a counter has a scanner, and one on a cable."""

DeviceName = Annotated[str, Meta(max_length=DEVICE_NAME_CHARS_MAX)]
Roles = Annotated[tuple[DeviceRole, ...], Meta(min_length=1, max_length=DEVICE_ROLES_MAX)]


class BoundDevice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A device that a host is to run, bound to a till by role.

    `roles` are what it does for the till (`DeviceRole`); a printer with a drawer on its kick
    port is both. `settings` has the shape of its driver's. `name` is people's, or empty.
    """

    id: ShortId
    host: ShortId
    driver: str
    roles: tuple[str, ...]
    till: ShortId
    settings: dict[str, Any] = {}
    name: DeviceName = ""


# --- wishes ------------------------------------------------------------------------------


class AdoptDevice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Let a host run a device, for a till. `device` is its id; empty: the box makes one."""

    command_id: CommandId
    host: ShortId
    driver: FoundText
    till: ShortId
    roles: Roles
    settings: dict[str, Any]
    name: DeviceName = ""
    device: ShortId | None = None


class BindDevice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Give an adopted device another till, other roles, another name."""

    command_id: CommandId
    till: ShortId
    roles: Roles
    name: DeviceName = ""


class ReplaceDevice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Put other hardware in a device's place: it keeps id, name, till and roles."""

    command_id: CommandId
    host: ShortId
    driver: FoundText
    settings: dict[str, Any]


class ReleaseDevice(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Give a device up: its host stops running it."""

    command_id: CommandId
    reason: Annotated[str, Meta(max_length=REASON_CHARS_MAX)] = ""


class AdoptionBody(msgspec.Struct, frozen=True):
    """The answer to each of them: which device it was about."""

    device: str
