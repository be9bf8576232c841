"""Who a box is, and whether its history and its reference data fit what is here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import msgspec

from edge.contract.attention_limits import WRONG_KEY_MS
from edge.contract.errors import Refused
from edge.contract.instant import Clock
from edge.contract.limits import FEED_CURSOR_AHEAD_MAX, FEED_VERSION_AHEAD_MS_MAX
from edge.contract.mending_limits import GENERATIONS_AHEAD_MAX
from edge.contract.ratchet import BOX_COPIED, BOX_REPLACED, BOX_TWICE, RATCHET, RatchetShown
from edge.contract.reference_data import FEED_ORDER, YOUNGER_FEEDS, BoxKey, Feed
from edge.contract.replication import Head, Hello, Proof, proof_bytes
from edge.contract.wire import encode
from edge.runtime.structured_log import Log
from sync.appending.denial import DeniedError
from sync.appending.ingest import Ingest
from sync.appending.introduction import check_proof, compare_heads
from sync.office.alarm_advice import LATE_SURVIVOR, WRONG_KEY
from sync.office.feeds import Feeds, NewItem
from sync.office.ratchets import Copied
from sync.office.store_directory import RegisteredStore, StoreDirectory, two_boxes

_ALARMING: Final = frozenset(
    {
        "fork",
        "behind",
        "signature_wrong",
        "frame_of_other_store",
        "frame_of_other_generation",
        "feed_out_of_reach",
        BOX_COPIED,
        BOX_TWICE,
    }
)
"""What a person has to look at; the rest is noise of the line, counted and logged."""


@dataclass
class Admission:
    """Decides whether a box may come in, with alarms for what a person has to look at."""

    directory: StoreDirectory
    feeds: Feeds
    clock: Clock
    log: Log
    _wrong_keys: dict[tuple[int, str], float] = field(default_factory=dict)

    async def identify(self, hello: Hello, proof: Proof, nonce: str) -> RegisteredStore:
        """Return the store whose box this is; raise DeniedError unless it proved that."""
        store = await self.directory.by_slug(hello.store)
        check_proof(hello, proof, nonce, proof_bytes(hello.store, nonce, hello.box))
        if store is None or hello.box != store.box_key:
            # one answer: a stranger does not learn which stores there are
            why = "no such store" if store is None else "the store has another box"
            self.log.warning("box_unknown", store=hello.store, box=hello.box, reason=why)
            if store is not None:
                await self._refuse_survivor(store, hello)
                await self._wrong_key(store, hello.box)
            raise DeniedError(
                "box_not_registered",
                f"Store {hello.store} with this box's key is not registered at head office.",
            )
        return store

    async def remember_generation(
        self, store: RegisteredStore, hello: Hello, here: Head
    ) -> RegisteredStore:
        """Return the store in its box's generation where that is ahead of what is known here.

        Generations are given by head office alone, to the box with this key: one that was restored
        from an older copy forgot it. Only a box that has more than is here can have been given one
        since; any other is told that it has another history, and is given the next one.
        """
        gen = hello.head.gen
        if hello.head.seq <= here.seq or gen - store.gen > GENERATIONS_AHEAD_MAX:
            return store
        known = await self.directory.remember_generation(store, gen)
        words = (
            f"The box of store {store.slug} is in generation {gen}, and was known here in "
            f"{store.gen}: head office was restored from an old copy, or the box's settings name "
            "another generation than it was registered with."
        )
        await self.directory.alarm(store.number, "feed_ahead", words)
        self.log.error("alarm", store=store.slug, code="generation_ahead", reason=words)
        return known

    async def turn_away(self, store: RegisteredStore, hello: Hello) -> None:
        """Raise DeniedError for the one of two boxes that no person has confirmed.

        Asked before the session of the other one is ended for it.
        """
        if not await self.directory.ratchets.is_twice(store.number):
            return
        verdict = await self.directory.ratchets.look(store.number, hello.ratchet, store.gen)
        if hello.head.gen != store.gen or verdict.copied is not Copied.NOTHING:
            raise await self.twice(store, hello.ratchet)

    async def compare_heads(
        self, store: RegisteredStore, ingest: Ingest, hello: Hello, head: Head
    ) -> None:
        """Raise DeniedError for a box whose history cannot be a continuation of what is here.

        What its tokens tell of how that came is added.
        """
        try:
            await compare_heads(store.box, ingest, hello.head, head)
        except DeniedError as error:
            verdict = await self.directory.ratchets.look(store.number, hello.ratchet)
            if verdict.copied is Copied.TWICE:
                raise await self.twice(store, hello.ratchet) from None
            words = f"{error.message} {verdict.words(store.slug)}".rstrip()
            raise await self.refusal(store, error.code, words) from None

    async def token(self, store: RegisteredStore, hello: Hello) -> str:
        """Return the token that a box whose history fits is to keep; empty for one that cannot.

        Raises DeniedError for a box that shows an old one: it has everything that is here and is
        not the one that is known, so it may go on in a generation of its own only.
        """
        if hello.ratchet is None or RATCHET not in hello.hears:
            return ""
        token, verdict = await self.directory.ratchets.greet(
            store.number, store.gen, hello.ratchet, hello.nonce
        )
        if verdict.copied is Copied.NOTHING:
            return token
        if verdict.copied is Copied.TWICE:
            raise await self.twice(store, hello.ratchet)
        raise await self.refusal(
            store,
            BOX_COPIED,
            f"The box of store {store.slug} has the history that is here, and shows an old token. "
            f"{verdict.words(store.slug)}",
        )

    async def twice(
        self, store: RegisteredStore, shown: RatchetShown | None, why: str = ""
    ) -> DeniedError:
        """Return why a box waits for a person, after an alarm: two with one key are alive."""
        ratchets = self.directory.ratchets
        await ratchets.seen_twice(store.number)
        why = why or f"Two boxes of store {store.slug} are alive with one key."
        said = (await ratchets.look(store.number, shown)).words(store.slug, twice=True)
        refused = two_boxes(store.slug, f"{why} {said}".rstrip())
        self.log.error("box_twice", store=store.slug)
        return await self.refusal(store, BOX_TWICE, f"{refused.message} {refused.advice}")

    async def _refuse_survivor(self, store: RegisteredStore, hello: Hello) -> None:
        """Raise DeniedError for a box that had this store before, with what it may still have."""
        earlier = await self.directory.boxes_before(store)
        gens = [each.gen for each in earlier if each.key == hello.box]
        if not gens:
            return
        words = (
            f"The box that store {store.slug} had in generation {max(gens)} calls again; another "
            f"one took its place and is in generation {store.gen}. Nothing was taken of it."
        )
        if self._is_due(store.number, LATE_SURVIVOR):
            await self.directory.alarm(
                store.number,
                LATE_SURVIVOR,
                f"{words} It ends at event {hello.head.seq} of its generation {hello.head.gen}: "
                "what it sold after its history was copied is on its disk alone.",
            )
        raise DeniedError(
            BOX_REPLACED,
            f"{words} Do not sell here any more, and do not erase its disk: what it sold late is "
            "taken from there by a person.",
        )

    def _is_due(self, number: int, kind: str) -> bool:
        """Return whether an alarm may be raised: once a minute, whoever calls how often."""
        now = self.clock.monotonic_ms()
        if now - self._wrong_keys.get((number, kind), -WRONG_KEY_MS) < WRONG_KEY_MS:
            return False
        self._wrong_keys[number, kind] = now
        return True

    async def _wrong_key(self, store: RegisteredStore, box: str) -> None:
        """Raise an alarm, at most once a minute: anybody who knows a name can cause it."""
        if not self._is_due(store.number, WRONG_KEY):
            return
        await self.directory.alarm(
            store.number,
            WRONG_KEY,
            f"A box with the key {box[:16]}... says that it is the one of store {store.slug}, "
            "which has another key here. Nothing was taken of it.",
        )

    async def refusal(self, store: RegisteredStore, code: str, words: str) -> DeniedError:
        """Return why a box is denied, after an alarm where a person has to look at it."""
        if code in _ALARMING:
            await self.directory.alarm(store.number, code, words)
            self.log.error("alarm", store=store.slug, code=code, reason=words)
        return DeniedError(code, words)

    async def cursors(self, store: RegisteredStore, hello: Hello) -> dict[Feed, int]:
        """Return how far a box has taken each feed it knows.

        Where it is further than this office, which was then restored from an old copy, the
        feeds go on behind it, with an alarm. Raises DeniedError when no office can have sent
        that much.
        """
        newest = await self.feeds.newest()
        cursors = {
            feed: hello.cursors.get(feed, 0)
            for feed in FEED_ORDER
            if feed not in YOUNGER_FEEDS or feed in hello.cursors
        }
        ahead = [str(feed) for feed in cursors if cursors[feed] > newest[feed]]
        far = [feed for feed in ahead if cursors[Feed(feed)] - newest[feed] > FEED_CURSOR_AHEAD_MAX]
        if hello.feed_version > self.clock.now_ms() + FEED_VERSION_AHEAD_MS_MAX:
            far.append("a version")
        if far:
            # all stores share the cursors: one box may not use them up
            raise await self.refusal(
                store,
                "feed_out_of_reach",
                f"The box of store {store.slug} says it has taken {', '.join(far)} further than "
                "any head office can have sent: its reference data are damaged.",
            )
        if ahead:
            for feed, cursor in cursors.items():
                await self.feeds.catch_up(feed, cursor)
            await self.directory.alarm(
                store.number,
                "feed_ahead",
                f"The box of store {store.slug} has taken more of {', '.join(ahead)} than head "
                "office ever sent: head office was restored from an old copy.",
            )
        return cursors

    async def publish_key(self, store: RegisteredStore) -> None:
        """Have all shops know a box's key: they check receipts that it signed."""
        key = BoxKey(store.number, store.gen, store.box_key)
        item = (NewItem(key.key, msgspec.Raw(encode(key))),)
        # nearly always known: a look costs no commit
        if (await self.feeds.put(Feed.BOX_KEY, item, dry_run=True)).changed:
            await self.feeds.put(Feed.BOX_KEY, item)

    async def replace_box(self, slug: str, box_key: str, gen: int) -> RegisteredStore:
        """Let another box go on with a store's history, as the directory does it.

        The key of the one before is known from then on, even if that never had a line: what a
        person carried here of it has to be checked once more whenever it is written out. A box that
        was replaced once is not let in again: Refused.
        """
        before = await self.directory.by_slug(slug)
        if before is not None:
            await self.publish_key(before)
            was = {each.key for each in await self.directory.boxes_before(before)}
            if box_key in was and box_key != before.box_key:
                raise Refused(
                    BOX_REPLACED,
                    f"Store {slug} had the box {box_key[:16]}... before, and another one took its "
                    "place.",
                    advice="Take what it sold late from its disk (`tillbox salvage`). To use that "
                    "machine again, give it a new key and make its ledger with `tillbox rebuild`.",
                )
        return await self.directory.replace_box(slug, box_key, gen)
