"""What `sync` on this box calls. Bytes out, acknowledgements and feeds in."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
from aiohttp import web

from edge.contract.book_readiness import BooksWaiting
from edge.contract.digest import Digest
from edge.contract.errors import Refused
from edge.contract.feed_snapshots import SnapshotOffer, SnapshotStanding, SnapshotStep
from edge.contract.limits import (
    FRAME_BODY_BYTES_MAX,
    FRAME_RAW_BYTES_TARGET,
    LINK_WAIT_S,
    PLACE_MAX,
)
from edge.contract.line_class import METERED
from edge.contract.ratchet import RatchetGiven
from edge.contract.receipt_letter import LettersTaken, LetterWaiting
from edge.contract.reference_data import FeedPage
from edge.contract.replication import Ack, FeedTaken, Kept, LinkReport, Proof, ReplicaStatus
from edge.flows.book_readiness import BookReadiness
from edge.flows.digests import Digests
from edge.flows.kept_copies import KeptCopies
from edge.flows.letters import LetterPost
from edge.flows.link_state import LinkState
from edge.flows.replica import Replica
from edge.flows.snapshot_taking import SnapshotTaking
from edge.runtime.http_errors import json_response
from edge.runtime.http_guard import read_body, read_message
from edge.runtime.openapi import BYTES_TYPE, Query, Route
from edge.web.caller import SERVICE


class ProofRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A challenge, to be signed with the box key: head office's, or that of `keeper`."""

    nonce: str
    keeper: str = ""


@dataclass(frozen=True)
class ReplicaApi:
    """The routes of the replicator."""

    replica: Replica
    link: LinkState
    post: LetterPost
    digests: Digests
    readiness: BookReadiness
    copies: KeptCopies
    snapshots: SnapshotTaking

    def routes(self) -> tuple[Route, ...]:
        """Return the route table of this part."""
        at = "/internal/v1/replica"
        return (
            Route(
                method="GET",
                path=f"{at}/status",
                handler=self._status,
                summary="Who the box is and where it stands",
                access=SERVICE,
                response=ReplicaStatus,
            ),
            Route(
                method="GET",
                path=f"{at}/frame",
                handler=self._frame,
                summary="The signed frame behind a seq; 204 when none is due in time",
                access=SERVICE,
                gives=BYTES_TYPE,
                query=(
                    Query("after", "The seq head office has", int, required=True),
                    Query("wait_s", "How long to wait for something to send", float),
                    Query("max_raw", "The most bytes before packing", int),
                    Query("keeper", "The second copy that it is for, by its public key", str),
                    Query("line", "`metered`: each byte costs, it waits for company", str),
                ),
            ),
            Route(
                method="GET",
                path=f"{at}/digest",
                handler=self._digest,
                summary="The sums of the sales that head office lacks; 204 for none",
                access=SERVICE,
                response=Digest,
            ),
            Route(
                method="GET",
                path=f"{at}/books",
                handler=self._books,
                summary="What the box holds of its price books; 204 when that is known already",
                access=SERVICE,
                response=BooksWaiting,
                query=(
                    Query("known", "The `state` of the answer before, or nothing"),
                    Query("wait_s", "How long to wait for something else", float),
                ),
            ),
            Route(
                method="POST",
                path=f"{at}/ack",
                handler=self._ack,
                summary="Keep head office's signed acknowledgement",
                access=SERVICE,
                request=Ack,
                status=204,
                refusals={409: "Head office has another history than this box."},
            ),
            Route(
                method="POST",
                path=f"{at}/kept",
                handler=self._kept,
                summary="Keep the signed word of a second copy in the shop",
                access=SERVICE,
                request=Kept,
                status=204,
                refusals={409: "The second copy has another history than this box."},
            ),
            Route(
                method="POST",
                path=f"{at}/ratchet",
                handler=self._ratchet,
                summary="Keep head office's token, in the ledger and beside it",
                access=SERVICE,
                request=RatchetGiven,
                status=204,
            ),
            Route(
                method="POST",
                path=f"{at}/feed",
                handler=self._feed,
                summary="Apply a page of a feed",
                access=SERVICE,
                request=FeedPage,
                response=FeedTaken,
                body_bytes_max=FRAME_BODY_BYTES_MAX,
            ),
            Route(
                method="POST",
                path=f"{at}/snapshot",
                handler=self._snapshot,
                summary="Say what is here of a snapshot of a feed that head office offers",
                access=SERVICE,
                request=SnapshotOffer,
                response=SnapshotStanding,
            ),
            Route(
                method="POST",
                path=f"{at}/snapshot/bundle",
                handler=self._bundle,
                summary="Set parts of a snapshot aside",
                access=SERVICE,
                takes=BYTES_TYPE,
                response=SnapshotStanding,
                body_bytes_max=FRAME_BODY_BYTES_MAX,
            ),
            Route(
                method="POST",
                path=f"{at}/snapshot/step",
                handler=self._step,
                summary="Apply the next part of a snapshot that is all here",
                access=SERVICE,
                request=SnapshotStep,
                response=SnapshotStanding,
            ),
            Route(
                method="GET",
                path=f"{at}/letter",
                handler=self._letter,
                summary="The receipt by e-mail behind a place; 204 when there is none in time",
                access=SERVICE,
                response=LetterWaiting,
                query=(
                    Query("after", "The place of the one before, or 0", int, required=True),
                    Query("wait_s", "How long to wait for one", float),
                ),
            ),
            Route(
                method="POST",
                path=f"{at}/letters-taken",
                handler=self._letters_taken,
                summary="Erase the receipts by e-mail that head office has",
                access=SERVICE,
                request=LettersTaken,
                status=204,
            ),
            Route(
                method="POST",
                path=f"{at}/proof",
                handler=self._proof,
                summary="Sign a challenge with the box key",
                access=SERVICE,
                request=ProofRequest,
                response=Proof,
            ),
            Route(
                method="POST",
                path=f"{at}/link",
                handler=self._link,
                summary="Say how the line to head office, or to a second copy, is",
                access=SERVICE,
                request=LinkReport,
                status=204,
            ),
        )

    async def _status(self, _: web.Request) -> web.Response:
        return json_response(await self.replica.status())

    async def _frame(self, request: web.Request) -> web.Response:
        try:
            after = int(request.query["after"])
            wait_s = float(request.query.get("wait_s", LINK_WAIT_S))
            raw_max = int(request.query.get("max_raw", FRAME_RAW_BYTES_TARGET))
        except (KeyError, ValueError):
            raise Refused(
                "query_malformed", "after, wait_s and max_raw are numbers.", status=400
            ) from None
        if after < 0 or not 0 <= wait_s <= LINK_WAIT_S or raw_max <= 0:
            raise Refused(
                "query_out_of_range",
                f"after is at least 0, wait_s 0 to {LINK_WAIT_S:g}, max_raw more than 0.",
                status=400,
            )
        reader = request.query.get("keeper", "")
        if reader:
            self.copies.check(reader)
        metered = request.query.get("line") == METERED
        frame = await self.replica.frame(
            after, wait_s=wait_s, raw_max=raw_max, reader=reader, metered=metered
        )
        if frame is None:
            return web.Response(status=204)
        response = web.Response(body=frame, content_type=BYTES_TYPE)
        await response.prepare(request)
        await response.write_eof()
        # the answer is on its way: what is asked for next is made meanwhile
        await self.replica.make_next(frame, raw_max=raw_max, reader=reader)
        return response

    async def _digest(self, _: web.Request) -> web.Response:
        digest = await self.digests.made()
        return web.Response(status=204) if digest is None else json_response(digest)

    async def _books(self, request: web.Request) -> web.Response:
        wait_s = _wait_s(request)
        found = await self.readiness.next(request.query.get("known", ""), wait_s=wait_s)
        return web.Response(status=204) if found is None else json_response(found)

    async def _letter(self, request: web.Request) -> web.Response:
        try:
            after = int(request.query["after"])
            wait_s = float(request.query.get("wait_s", LINK_WAIT_S))
        except (KeyError, ValueError):
            raise Refused("query_malformed", "after and wait_s are numbers.", status=400) from None
        if not 0 <= after <= PLACE_MAX or not 0 <= wait_s <= LINK_WAIT_S:
            raise Refused(
                "query_out_of_range",
                f"after is at least 0, wait_s 0 to {LINK_WAIT_S:g}.",
                status=400,
            )
        letter = await self.post.next(after, wait_s=wait_s)
        return web.Response(status=204) if letter is None else json_response(letter)

    async def _letters_taken(self, request: web.Request) -> web.Response:
        await self.post.taken((await read_message(request, LettersTaken)).refs)
        return web.Response(status=204)

    async def _ack(self, request: web.Request) -> web.Response:
        await self.replica.take_ack(await read_message(request, Ack))
        return web.Response(status=204)

    async def _kept(self, request: web.Request) -> web.Response:
        await self.copies.take(await read_message(request, Kept))
        return web.Response(status=204)

    async def _ratchet(self, request: web.Request) -> web.Response:
        await self.replica.take_token((await read_message(request, RatchetGiven)).token)
        return web.Response(status=204)

    async def _feed(self, request: web.Request) -> web.Response:
        page = await read_message(request, FeedPage)
        return json_response(await self.replica.take_feed(page))

    async def _snapshot(self, request: web.Request) -> web.Response:
        offer = await read_message(request, SnapshotOffer)
        return json_response(await self.snapshots.offered(offer))

    async def _bundle(self, request: web.Request) -> web.Response:
        return json_response(await self.snapshots.came(await read_body(request)))

    async def _step(self, request: web.Request) -> web.Response:
        wish = await read_message(request, SnapshotStep)
        return json_response(await self.snapshots.step(wish))

    async def _proof(self, request: web.Request) -> web.Response:
        wish = await read_message(request, ProofRequest)
        if wish.keeper:
            self.copies.check(wish.keeper)
        return json_response(self.replica.prove(wish.nonce, wish.keeper))

    async def _link(self, request: web.Request) -> web.Response:
        report = await read_message(request, LinkReport)
        if report.keeper:
            self.copies.report(report)
        else:
            self.link.report(report.state, report.reason, report.line, report.use, report.code)
        return web.Response(status=204)


def _wait_s(request: web.Request) -> float:
    try:
        wait_s = float(request.query.get("wait_s", LINK_WAIT_S))
    except ValueError:
        raise Refused("query_malformed", "wait_s is a number.", status=400) from None
    if not 0 <= wait_s <= LINK_WAIT_S:
        raise Refused("query_out_of_range", f"wait_s is 0 to {LINK_WAIT_S:g}.", status=400)
    return wait_s
