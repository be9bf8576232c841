"""What `sync` calls when this box was restored from an older copy."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from edge.contract.errors import Refused
from edge.contract.history_mending import (
    GenerationGiven,
    HashSaid,
    MendingBegun,
    MendingFrame,
    MendingState,
)
from edge.contract.limits import FRAME_BODY_BYTES_MAX, PLACE_MAX
from edge.flows.lost_history import LostHistory
from edge.runtime.http_errors import json_response
from edge.runtime.http_guard import read_message
from edge.runtime.openapi import Query, Route
from edge.web.caller import SERVICE

_NO = {409: "It does not fit what is here: nothing of it was kept."}


@dataclass(frozen=True)
class MendingApi:
    """The routes by which a lost history comes back."""

    lost: LostHistory

    def routes(self) -> tuple[Route, ...]:
        """Return the route table of this part."""
        at = "/internal/v1/replica"
        return (
            Route(
                method="GET",
                path=f"{at}/hash",
                handler=self._hash,
                summary="The chain's hash behind an event; empty for one that is not here",
                access=SERVICE,
                response=HashSaid,
                query=(Query("seq", "The event", int, required=True),),
            ),
            Route(
                method="POST",
                path=f"{at}/mending",
                handler=self._begin,
                summary="Begin to fetch what head office has behind the last common event",
                access=SERVICE,
                request=MendingBegun,
                response=MendingState,
                refusals=_NO,
            ),
            Route(
                method="POST",
                path=f"{at}/mending/frame",
                handler=self._frame,
                summary="Check and keep a frame of head office's history of this box",
                access=SERVICE,
                request=MendingFrame,
                response=MendingState,
                body_bytes_max=FRAME_BODY_BYTES_MAX,
                refusals=_NO,
            ),
            Route(
                method="POST",
                path=f"{at}/mending/generation",
                handler=self._generation,
                summary="Keep the generation to go on in; the box starts anew when it is quiet",
                access=SERVICE,
                request=GenerationGiven,
                response=MendingState,
                refusals=_NO,
            ),
        )

    async def _hash(self, request: web.Request) -> web.Response:
        try:
            seq = int(request.query["seq"])
        except (KeyError, ValueError):
            raise Refused("query_malformed", "seq is a number.", status=400) from None
        if not 0 <= seq <= PLACE_MAX:
            raise Refused("query_out_of_range", "seq is at least 0.", status=400)
        return json_response(await self.lost.hash_at(seq))

    async def _begin(self, request: web.Request) -> web.Response:
        return json_response(await self.lost.begin(await read_message(request, MendingBegun)))

    async def _frame(self, request: web.Request) -> web.Response:
        taken = await read_message(request, MendingFrame)
        return json_response(await self.lost.take_frame(taken.frame))

    async def _generation(self, request: web.Request) -> web.Response:
        given = await read_message(request, GenerationGiven)
        return json_response(await self.lost.take_generation(given))
