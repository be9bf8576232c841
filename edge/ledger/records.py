"""What callers hand to the ledger and get back from it."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from edge.contract.event_registry import Event


@dataclass(frozen=True)
class LedgerIdentity:
    """Whose ledger this is: the store's slug and number, and the box's generation."""

    store: str
    store_number: int
    gen: int


class CommandReply(msgspec.Struct, frozen=True):
    """The answer to a command, kept so that a repeat gets the same bytes.

    `fingerprint` stands for the command's meaning: the same id with another one is refused.
    """

    command_id: str
    fingerprint: bytes
    reply: bytes


class OpenJob(msgspec.Struct, frozen=True):
    """A job that a device owes. `args` is the JSON of its arguments; `attempt` counts from 0."""

    job_id: str
    kind: str
    till: str
    sale: str
    device: str
    attempt: int
    deadline: int
    args: bytes


class WaitingLetter(msgspec.Struct, frozen=True):
    """A receipt by e-mail that head office lacks; `n` is its place, 0 before it has one.

    `ref` is that of its event, `asked_at` in ms since 1970 UTC.
    """

    ref: str
    receipt: str
    asked_at: int
    address: str
    salt: str
    n: int = 0


class Record(msgspec.Struct, frozen=True):
    """One atomic step: events, with the jobs, settlements, letters and the answer they bring.

    All of it is on disk, or none of it is. `at` is the instant of its events in
    milliseconds since 1970 UTC; 0 leaves it to the ledger's clock.
    """

    events: tuple[Event, ...]
    till: str = ""
    actor: str = ""
    jobs: tuple[OpenJob, ...] = ()
    settled: tuple[str, ...] = ()
    reply: CommandReply | None = None
    at: int = 0
    letters: tuple[WaitingLetter, ...] = ()


@dataclass(frozen=True)
class Recorded:
    """Where the events of a record stand: `first_seq` to `last_seq`, both included.

    `last_hash` is the chain's hash there.
    """

    first_seq: int
    last_seq: int
    last_hash: bytes = field(default=b"", compare=False)


@dataclass(frozen=True)
class Repeated:
    """The command had been recorded before: its answer as given then."""

    reply: bytes


@dataclass(frozen=True)
class LedgerHead:
    """The newest event: seq 0 and 32 zero bytes for an empty ledger."""

    seq: int
    hash: bytes


@dataclass(frozen=True)
class TillRow:
    """What a till was in the middle of.

    `open_seq` is the first event of the sale that is not finished, `last_seq` that of the
    last finished one; 0 for none.
    """

    till: str
    receipts: int
    open_seq: int
    last_seq: int


@dataclass(frozen=True)
class StoredEvent:
    """An event as it lies in the file."""

    seq: int
    body: bytes
    hash: bytes
