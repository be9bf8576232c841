"""A recording as a file: a heading, then each entry of a flight recorder, one JSON object a line.

Bytes are written as base64. The settings in the heading name secrets (a password's file) and
never contain them; drivers of payment terminals record without card data.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from devices.transports.flight_recorder import FlightEntry
from edge.contract.device_limits import (
    RECORDING_BYTES_MAX,
)
from edge.contract.device_messages import JobKind
from edge.contract.errors import Refused
from edge.contract.identity import ShortId

RECORDING_VERSION: Final = 1

Reason = Literal["asked", "lost"]
"""Why it was saved: somebody asked for it, or the device was lost."""


class Heading(msgspec.Struct, frozen=True):
    """The first line. `at_ms`: when it was saved; `words`: how the device was then.

    `settings` has the shape that `driver` declares.
    """

    tillbox_recording: int
    device: ShortId
    driver: Annotated[str, Meta(pattern=r"^[a-z0-9_]{1,60}$")]
    settings: dict[str, Any]
    at_ms: int
    reason: Reason
    words: str = ""
    version: str = ""


class RecordedJob(msgspec.Struct, frozen=True):
    """The data of an entry `job`: what the driver was asked to do, as it came over the bus."""

    id: str
    kind: JobKind
    args: msgspec.Raw
    deadline: int


class RecordedEnd(msgspec.Struct, frozen=True, omit_defaults=True):
    """The data of an entry `end`: how a job ended. What it brought is not kept: receipts, cards."""

    id: str
    status: str
    code: str = ""


@dataclass(frozen=True)
class Bundle:
    """A recording, taken apart."""

    heading: Heading
    entries: tuple[FlightEntry, ...]


def pack(bundle: Bundle) -> bytes:
    """Return the file's content."""
    lines = [msgspec.json.encode(bundle.heading)]
    lines += [
        msgspec.json.encode(
            {
                "at_ms": entry.at_ms,
                "way": entry.way,
                "data": base64.b64encode(entry.data).decode("ascii"),
            }
        )
        for entry in bundle.entries
    ]
    return b"\n".join(lines) + b"\n"


def unpack(content: bytes, name: str) -> Bundle:
    """Take a file's content apart; raises Refused in words. `name` is the file's."""
    if len(content) > RECORDING_BYTES_MAX:
        raise _no_recording(name, f"it has over {RECORDING_BYTES_MAX} bytes")
    first, _, rest = content.partition(b"\n")
    try:
        heading = msgspec.json.decode(first, type=Heading)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _no_recording(name, "its first line is no heading") from None
    if heading.tillbox_recording != RECORDING_VERSION:
        raise Refused(
            "recording_version_unknown",
            f"{name} is a recording of version {heading.tillbox_recording}.",
            advice="Use the release of Tillbox that wrote it.",
        )
    entries = []
    for number, line in enumerate(rest.splitlines(), start=2):
        try:
            entries.append(msgspec.json.decode(line, type=FlightEntry))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise _no_recording(name, f"line {number} is no entry") from None
    return Bundle(heading, tuple(entries))


def _no_recording(name: str, why: str) -> Refused:
    return Refused(
        "no_recording",
        f"{name} is no recording: {why}.",
        advice="`tillbox devices recordings` lists those there are.",
    )
