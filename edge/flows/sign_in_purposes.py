"""What people sign in for: to sell, or to look after devices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from edge.contract.limits import (
    SESSION_IDLE_S_MAX,
    SESSION_S_MAX,
    TECHNICIAN_IDLE_S_MAX,
    TECHNICIAN_S_MAX,
)


@dataclass(frozen=True)
class Purpose:
    """What a person signs in for: who may, and how long it holds. Each has a cookie of its own."""

    name: str
    roles: frozenset[str]
    idle_s_max: float
    s_max: float


SELLING: Final = Purpose(
    "till", frozenset({"cashier", "supervisor", "manager"}), SESSION_IDLE_S_MAX, SESSION_S_MAX
)
DEVICES: Final = Purpose(
    "devices",
    frozenset({"technician", "supervisor", "manager"}),
    TECHNICIAN_IDLE_S_MAX,
    TECHNICIAN_S_MAX,
)
"""The device wall: who is signed in there sells nothing, and sees no sale."""
PURPOSES: Final = {purpose.name: purpose for purpose in (SELLING, DEVICES)}
