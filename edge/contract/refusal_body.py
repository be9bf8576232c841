"""A refusal as it goes over HTTP."""

from __future__ import annotations

import msgspec


class RefusalBody(msgspec.Struct, frozen=True):
    """What every refusal looks like over HTTP."""

    code: str
    message: str
    advice: str
    params: dict[str, str] = {}
