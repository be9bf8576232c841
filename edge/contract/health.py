"""How a part of a server is, in words."""

from __future__ import annotations

import msgspec


class HealthItem(msgspec.Struct, frozen=True, omit_defaults=True):
    """One part and how it is; `advice` says what a person should do when it is not well."""

    name: str
    well: bool
    words: str
    advice: str = ""


class HealthBody(msgspec.Struct, frozen=True):
    """Whether the server does its main work (`ready`), and how each part is.

    No version: strangers on the shop's LAN may ask for it.
    """

    ready: bool
    items: tuple[HealthItem, ...]
