"""What the second copies in the shop have, as far as they said so and signed it.

Nothing hangs on them but what people see: no second copy lets the box forget anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from edge.contract.errors import ProtocolViolation, Refused, ReplicaFork
from edge.contract.event_registry import Event
from edge.contract.health import HealthItem
from edge.contract.instant import Clock
from edge.contract.replication import Kept, LinkReport, kept_bytes
from edge.contract.wire import encode
from edge.ledger.event_log import Ledger
from edge.ledger.kept_words import KeptWords
from edge.ledger.records import Recorded
from edge.runtime.keys import VerifyingKey


@dataclass
class KeptCopy:
    """One second copy: up to which event it has everything, and how the line to it is.

    `state` is `never`, `up` or `down`, `since` in ms since 1970 UTC by the box's clock.
    """

    name: str
    seq: int = 0
    state: str = "never"
    since: int = 0
    reason: str = ""


@dataclass
class KeptCopies:
    """The second copies of the settings: `keys` are public keys (hexadecimal) by name.

    `advanced` hears of events that one more copy has: those behind the first seq, up to the other.
    """

    ledger: Ledger
    words: KeptWords
    keys: Mapping[str, str]
    clock: Clock
    advanced: Callable[[int, int], None]
    _copies: dict[str, KeptCopy] = field(default_factory=dict)
    _head_seq: int = 0

    async def open(self) -> None:
        """Read from the ledger what the copies said last."""
        seqs = await self.words.seqs()
        now = self.clock.now_ms()
        self._copies = {
            key: KeptCopy(name, seqs.get(key, 0), "down" if key in seqs else "never", now)
            for name, key in self.keys.items()
        }
        self._head_seq = (await self.ledger.head()).seq
        self.ledger.listeners.append(self._recorded)

    @property
    def copies(self) -> tuple[KeptCopy, ...]:
        """Every copy of the settings, in their order."""
        return tuple(self._copies.values())

    def has(self, seq: int) -> str:
        """Return the name of a copy that has an event, or nothing."""
        return next((copy.name for copy in self._copies.values() if 0 < seq <= copy.seq), "")

    async def take(self, word: Kept) -> None:
        """Keep what a copy says. Raises Refused for a word that is none, ReplicaFork.

        Of a copy that names another hash than this ledger has at that seq, nothing is believed.
        """
        copy = self._known(word.keeper)
        identity = self.ledger.identity
        if word.store != identity.store:
            raise Refused("foreign_kept", f"The second copy's word is for store {word.store}.")
        signed = kept_bytes(word.store, word.keeper, word.kept, word.at)
        try:
            VerifyingKey.from_hex(word.keeper).verify(bytes.fromhex(word.signature), signed)
        except (ProtocolViolation, ValueError):
            raise Refused(
                "kept_signature_wrong",
                f"The word of the second copy {copy.name} is not signed with its key.",
                advice="Compare keeper_keys in the settings with `tillbox keep key`.",
                status=403,
            ) from None
        mine = await self.ledger.hash_at(word.kept.seq)
        if mine is None or mine.hex() != word.kept.hash:
            raise ReplicaFork(
                "replica_fork",
                f"The second copy {copy.name} has another event {word.kept.seq} than this box.",
                advice="Selling goes on. Two boxes may share one identity, or this one was "
                "restored from an old copy: keep both disks, and call head office.",
            )
        if word.kept.seq <= copy.seq:
            return
        before, copy.seq = copy.seq, word.kept.seq
        self.words.keep(word.keeper, word.kept.seq, encode(word))
        self.advanced(before, copy.seq)

    def report(self, report: LinkReport) -> None:
        """Take what `sync` says of the line to a copy. Raises Refused for an unknown one."""
        copy = self._known(report.keeper)
        copy.reason = report.reason
        if report.state != copy.state:
            copy.state = report.state
            copy.since = self.clock.now_ms()

    def check(self, keeper: str) -> None:
        """Return when a key is that of a copy of the settings. Raises Refused."""
        self._known(keeper)

    def health(self) -> tuple[HealthItem, ...]:
        """Return how far each copy is and since when its line is as it is, in words."""
        return tuple(self._health(copy) for copy in self._copies.values())

    def behind(self) -> dict[tuple[str, ...], float]:
        """Return how many events each copy lacks, by its name."""
        return {
            (copy.name,): float(max(0, self._head_seq - copy.seq)) for copy in self._copies.values()
        }

    def _health(self, copy: KeptCopy) -> HealthItem:
        behind = max(0, self._head_seq - copy.seq)
        has = f"has everything up to event {copy.seq}" + (f", {behind} wait" if behind else "")
        since = datetime.fromtimestamp(copy.since / 1000, UTC).strftime("%Y-%m-%d %H:%M UTC")
        name = f"copy {copy.name}"
        if copy.state == "up":
            words = f"The second copy {copy.name} {has}; it is reachable since {since}."
            return HealthItem(name, well=True, words=words)
        if copy.state == "never":
            words = f"The second copy {copy.name} was never heard of."
            advice = "Give its address to `tillbox sync` ([[keepers]]) and start it."
        else:
            words = f"The second copy {copy.name} {has}; it is not reachable since {since}."
            advice = "Check that its host runs and its disk is plugged in; selling goes on."
        return HealthItem(name, well=False, words=words, advice=copy.reason or advice)

    def _known(self, keeper: str) -> KeptCopy:
        copy = self._copies.get(keeper)
        if copy is None:
            raise Refused(
                "keeper_unknown",
                f"No second copy with the key {keeper[:64] or 'of nobody'} is known to this box.",
                advice="Add it to keeper_keys in the settings of edge, and start edge again.",
                status=403,
            )
        return copy

    def _recorded(self, recorded: Recorded, _: tuple[Event, ...]) -> None:
        self._head_seq = max(self._head_seq, recorded.last_seq)
