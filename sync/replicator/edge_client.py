"""`edge` as the replicator sees it: the calls of `/internal/v1/replica`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeVar

import aiohttp
import msgspec

from edge.contract.errors import ReplicaFork
from edge.contract.feed_snapshots import SnapshotStanding, SnapshotStep
from edge.contract.history_mending import (
    GenerationGiven,
    HashSaid,
    MendingBegun,
    MendingFrame,
    MendingState,
)
from edge.contract.instant import Clock
from edge.contract.limits import (
    BODY_BYTES_MAX,
    BOOKS_S_MAX,
    DIGEST_S_MAX,
    EDGE_ANSWER_S_MAX,
    FRAME_BODY_BYTES_MAX,
    FRAME_COMPRESSED_BYTES_MAX,
    FRAME_RAW_BYTES_TARGET,
    LETTER_BYTES_MAX,
    LINK_WAIT_S,
)
from edge.contract.line_class import METERED
from edge.contract.ratchet import RatchetGiven
from edge.contract.receipt_letter import LettersTaken
from edge.contract.refusal_body import RefusalBody
from edge.contract.replication import Ack, FeedTaken, Kept, LinkReport, Proof, ReplicaStatus
from edge.contract.wire import encode
from sync.replicator.troubles import EdgeRefused, EdgeUnreachable

T = TypeVar("T")

_AT: Final = "/internal/v1/replica"
_JSON: Final = {"Content-Type": "application/json"}
_BYTES: Final = {"Content-Type": "application/octet-stream"}
_ENOUGH: Final = {
    "wait_s": f"{LINK_WAIT_S:g}",
    "max_raw": str(FRAME_RAW_BYTES_TARGET),
}


class LetterCarried(msgspec.Struct, frozen=True):
    """A letter with its place and its name; the rest is for head office, as the bytes it is."""

    n: int
    ref: str
    letter: msgspec.Raw


class BooksCarried(msgspec.Struct, frozen=True):
    """What the box holds of its price books: for head office, as the bytes it is."""

    state: str
    held: msgspec.Raw


class _Waiting(msgspec.Struct, frozen=True):
    n: int
    letter: msgspec.Raw


class _Named(msgspec.Struct, frozen=True):
    ref: str


class EdgeClient:
    """Calls `edge` over a session that carries the service token; `base_url` without slash.

    `keeper` is the second copy that it reads for, by its public key; empty for head office.
    Every call raises EdgeUnreachable when there is no answer, or one that says "not now",
    and EdgeRefused for a no.
    """

    def __init__(
        self, http: aiohttp.ClientSession, base_url: str, clock: Clock, keeper: str = ""
    ) -> None:
        self.keeper = keeper
        self._http = http
        self._base_url = base_url
        self._clock = clock

    async def status(self) -> ReplicaStatus:
        """Return who the box is and where it stands."""
        return _decoded(await self._call("GET", "status"), ReplicaStatus)

    async def prove(self, nonce: str) -> Proof:
        """Have the other end's challenge signed."""
        wish = {"nonce": nonce, **({"keeper": self.keeper} if self.keeper else {})}
        return _decoded(await self._call("POST", "proof", encode(wish)), Proof)

    async def frame(self, after: int, *, metered: bool = False) -> bytes | None:
        """Return the signed frame behind a seq; None when none was due within `LINK_WAIT_S`.

        On a `metered` line it waits for company.
        """
        return await self._call(
            "GET",
            "frame",
            query={
                "after": str(after),
                **_ENOUGH,
                **({"line": METERED} if metered else {}),
                **({"keeper": self.keeper} if self.keeper else {}),
            },
            answer_s_max=LINK_WAIT_S + EDGE_ANSWER_S_MAX,
            answer_bytes_max=FRAME_COMPRESSED_BYTES_MAX,
        )

    async def digest(self) -> bytes | None:
        """Return the sums of the sales that head office lacks, unread; None for none."""
        return await self._call(
            "GET", "digest", answer_s_max=DIGEST_S_MAX, answer_bytes_max=FRAME_BODY_BYTES_MAX
        )

    async def take_ack(self, ack: Ack | Kept) -> None:
        """Hand over an acknowledgement. Raises ReplicaFork when the box has another history."""
        try:
            await self._call("POST", "ack" if isinstance(ack, Ack) else "kept", encode(ack))
        except EdgeRefused as error:
            if error.code != "replica_fork":
                raise
            raise ReplicaFork(error.code, error.message, advice=error.advice) from None

    async def take_feed(self, page: msgspec.Raw) -> FeedTaken:
        """Have a page of a feed applied: the bytes of a FeedPage go through unread."""
        return _decoded(await self._call("POST", "feed", bytes(page)), FeedTaken)

    async def offer_snapshot(self, offer: msgspec.Raw) -> SnapshotStanding:
        """Ask what the box has of a snapshot: the bytes of a SnapshotOffer go through unread."""
        return _decoded(await self._call("POST", "snapshot", bytes(offer)), SnapshotStanding)

    async def take_bundle(self, bundle: bytes) -> SnapshotStanding:
        """Have parts of a snapshot set aside: a bundle goes through unread."""
        answer = await self._call("POST", "snapshot/bundle", bundle, headers=_BYTES)
        return _decoded(answer, SnapshotStanding)

    async def apply_snapshot(self, step: SnapshotStep) -> SnapshotStanding:
        """Have the next part of a snapshot applied that is all there."""
        return _decoded(await self._call("POST", "snapshot/step", encode(step)), SnapshotStanding)

    async def letter(self, after: int) -> LetterCarried | None:
        """Return the receipt by e-mail behind a place; None when there was none in time."""
        answer = await self._call(
            "GET",
            "letter",
            query={"after": str(after), "wait_s": f"{LINK_WAIT_S:g}"},
            answer_s_max=LINK_WAIT_S + EDGE_ANSWER_S_MAX,
            answer_bytes_max=LETTER_BYTES_MAX,
        )
        if answer is None:
            return None
        return _carried(answer)

    async def letters_taken(self, ref: str) -> None:
        """Have a letter erased that head office has."""
        await self._call("POST", "letters-taken", encode(LettersTaken((ref,))))

    async def books(self, known: str) -> BooksCarried | None:
        """Return what the box holds of its price books; None when that was `known` all the time."""
        answer = await self._call(
            "GET",
            "books",
            query={"known": known, "wait_s": f"{LINK_WAIT_S:g}"},
            answer_s_max=LINK_WAIT_S + BOOKS_S_MAX,
        )
        return None if answer is None else _decoded(answer, BooksCarried)

    async def take_ratchet(self, token: str) -> None:
        """Have head office's token kept; it is on disk in both places then."""
        await self._call("POST", "ratchet", encode(RatchetGiven(token)))

    async def hash_at(self, seq: int) -> HashSaid:
        """Return the hash of the box's history behind an event."""
        return _decoded(await self._call("GET", "hash", query={"seq": str(seq)}), HashSaid)

    async def begin_mending(self, begun: MendingBegun) -> MendingState:
        """Say where the box's history and head office's part; return what is fetched already."""
        return _decoded(await self._call("POST", "mending", encode(begun)), MendingState)

    async def take_lost_frame(self, frame: bytes) -> MendingState:
        """Hand over a frame of what the box lost."""
        body = encode(MendingFrame(frame))
        return _decoded(await self._call("POST", "mending/frame", body), MendingState)

    async def take_generation(self, given: GenerationGiven) -> MendingState:
        """Hand over the generation that the box goes on in."""
        return _decoded(await self._call("POST", "mending/generation", encode(given)), MendingState)

    async def report(self, report: LinkReport, *, answer_s_max: float = EDGE_ANSWER_S_MAX) -> None:
        """Say how the link is."""
        if self.keeper:
            report = msgspec.structs.replace(report, keeper=self.keeper)
        await self._call("POST", "link", encode(report), answer_s_max=answer_s_max)

    async def _call(
        self,
        method: str,
        name: str,
        body: bytes | None = None,
        *,
        query: Mapping[str, str] | None = None,
        answer_s_max: float = EDGE_ANSWER_S_MAX,
        answer_bytes_max: int = BODY_BYTES_MAX,
        headers: Mapping[str, str] = _JSON,
    ) -> bytes | None:
        """Return the body of a 200, or None for a 204."""
        try:
            async with (
                self._clock.timeout(answer_s_max),
                self._http.request(
                    method,
                    f"{self._base_url}{_AT}/{name}",
                    params=query,
                    data=body,
                    headers=None if body is None else headers,
                    allow_redirects=False,
                ) as response,
            ):
                if response.status == 204:  # noqa: PLR2004 - HTTP's "nothing to say"
                    return None
                answer = await _read(response, answer_bytes_max)
                if response.status == 200:  # noqa: PLR2004 - HTTP's "well"
                    return answer
                raise _refusal(response.status, answer)
        except TimeoutError:
            raise EdgeUnreachable(
                "edge_silent", f"The box did not answer {name} within {answer_s_max:g} s."
            ) from None
        except (aiohttp.ClientError, OSError) as error:
            raise EdgeUnreachable(
                "edge_unreachable", f"The box cannot be asked for {name}: {_words(error)}."
            ) from None


async def _read(response: aiohttp.ClientResponse, bytes_max: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    async for chunk in response.content.iter_any():
        size += len(chunk)
        if size > bytes_max:
            raise EdgeUnreachable(
                "edge_answer_too_large", f"The box answered with over {bytes_max} bytes."
            )
        chunks.append(chunk)
    return b"".join(chunks)


def _decoded(answer: bytes | None, shape: type[T]) -> T:
    try:
        return msgspec.json.decode(answer or b"", type=shape)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise EdgeUnreachable(
            "edge_answer_malformed",
            f"The box gave no {shape.__name__}: {error}.",
            advice="Check that edge_url leads to `tillbox edge` of the same version.",
        ) from None


def _carried(answer: bytes) -> LetterCarried:
    waiting = _decoded(answer, _Waiting)
    return LetterCarried(waiting.n, _decoded(bytes(waiting.letter), _Named).ref, waiting.letter)


def _refusal(status: int, answer: bytes) -> EdgeRefused | EdgeUnreachable:
    try:
        said = msgspec.json.decode(answer, type=RefusalBody)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        said = RefusalBody(f"http_{status}", f"The box answered with status {status}.", "", {})
    if status >= 500:  # noqa: PLR2004 - where HTTP's "not now" begins
        return EdgeUnreachable(said.code, said.message, advice=said.advice)
    return EdgeRefused(status, said.code, said.message, advice=said.advice)


def _words(error: Exception) -> str:
    return str(error).rstrip(".") or type(error).__name__
