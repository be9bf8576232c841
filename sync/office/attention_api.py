"""The routes of what needs attention: what stands aside, alarms, and how far shops are behind."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from edge.contract.errors import Refused
from edge.contract.identity import is_short_id
from edge.contract.limits import EVENT_BYTES_MAX
from edge.runtime.database_file import DatabaseFile
from edge.runtime.http_errors import json_response
from edge.runtime.http_guard import read_message
from edge.runtime.openapi import Query, Route
from sync.office.alarm_cases import (
    ACKNOWLEDGED,
    CLOSED,
    OPEN,
    AlarmCase,
    AlarmDesk,
    AlarmsBody,
    AlarmWish,
)
from sync.office.attention_watch import HEAD_OFFICE, AttentionWatch
from sync.office.gate import USER, caller
from sync.office.live_events import place
from sync.office.person_acts import ActsBody, acts
from sync.office.quarantine import Quarantine
from sync.office.quarantine_bodies import ActDone, LeaveAside, QuarantineBody, Repair, Requeue
from sync.office.quarantine_reading import aside_events
from sync.office.replication_standing import ReplicationBody
from sync.office.store_directory import StoreDirectory

_ASIDE: dict[int, str] = {
    404: "No such store, or the event does not stand aside.",
    409: "It does not fit, or the command was given for something else; nothing was changed.",
}
_ALARM: dict[int, str] = {
    404: "No such alarm.",
    409: "It is over, somebody sees to it, or the command was given for something else.",
}
_STATES = (OPEN, ACKNOWLEDGED, CLOSED)


@dataclass(frozen=True)
class AttentionApi:
    """The route table of what needs attention; every one is for people of head office."""

    file: DatabaseFile
    directory: StoreDirectory
    quarantine: Quarantine
    alarms: AlarmDesk
    watch: AttentionWatch

    def routes(self) -> tuple[Route, ...]:
        """Return every route."""
        return (*self._reading(), *self._acting())

    def _reading(self) -> tuple[Route, ...]:
        of_store = Query("store", "Only of the store with this slug")
        return (
            Route(
                method="GET",
                path="/api/v1/quarantine",
                handler=self._aside,
                summary="Events that stand aside, each with its reason and what it says",
                access=USER,
                response=QuarantineBody,
                query=(
                    of_store,
                    Query("after", "The `next` of the answer before"),
                    Query("left", "true for those that somebody has seen and left aside"),
                ),
            ),
            Route(
                method="GET",
                path="/api/v1/alarms",
                handler=self._alarms,
                summary="What is wrong and what was, the newest first",
                access=USER,
                response=AlarmsBody,
                query=(
                    Query("store", "Only of the store with this slug; `-` for head office itself"),
                    Query("state", "open, acknowledged or closed"),
                    Query("before", "The `next` of the answer before", int),
                ),
            ),
            Route(
                method="GET",
                path="/api/v1/acts",
                handler=self._acts,
                summary="What people did about alarms and events that stood aside, newest first",
                access=USER,
                response=ActsBody,
                query=(of_store, Query("before", "The `next` of the answer before", int)),
            ),
            Route(
                method="GET",
                path="/api/v1/replication",
                handler=self._replication,
                summary="How far every shop is behind, what is at risk, and how old its data are",
                access=USER,
                response=ReplicationBody,
            ),
        )

    def _acting(self) -> tuple[Route, ...]:
        return (
            Route(
                method="POST",
                path="/api/v1/stores/{store}/quarantine/requeue",
                handler=self._requeue,
                summary="Read events again that stand aside, each with its whole sale",
                access=USER,
                request=Requeue,
                response=ActDone,
                refusals=_ASIDE,
            ),
            Route(
                method="POST",
                path="/api/v1/stores/{store}/quarantine/repair",
                handler=self._repair,
                summary="Say what the sales shall read in place of an event; what came stays",
                access=USER,
                request=Repair,
                response=ActDone,
                body_bytes_max=2 * EVENT_BYTES_MAX,
                refusals=_ASIDE,
            ),
            Route(
                method="POST",
                path="/api/v1/stores/{store}/quarantine/leave",
                handler=self._leave,
                summary="Say that an event was seen and stays aside",
                access=USER,
                request=LeaveAside,
                response=ActDone,
                refusals=_ASIDE,
            ),
            Route(
                method="POST",
                path="/api/v1/alarms/{alarm}/acknowledge",
                handler=self._acknowledge,
                summary="See to an alarm",
                access=USER,
                request=AlarmWish,
                response=AlarmCase,
                refusals=_ALARM,
            ),
            Route(
                method="POST",
                path="/api/v1/alarms/{alarm}/close",
                handler=self._close,
                summary="Say why an alarm is over",
                access=USER,
                request=AlarmWish,
                response=AlarmCase,
                refusals=_ALARM,
            ),
        )

    # --- reading --------------------------------------------------------------------------

    async def _aside(self, request: web.Request) -> web.Response:
        left = request.query.get("left", "false")
        if left not in {"true", "false"}:
            raise Refused("query_malformed", "left is true or false.", status=400)
        return json_response(
            await aside_events(
                self.quarantine.aside,
                {store.number: store.slug for store in await self.directory.all()},
                store=await self._number(request),
                after=request.query.get("after", ""),
                left=left == "true",
            )
        )

    async def _alarms(self, request: web.Request) -> web.Response:
        state = request.query.get("state", "")
        if state and state not in _STATES:
            raise Refused("query_malformed", f"state is one of {', '.join(_STATES)}.", status=400)
        store = await self._number(request)
        before = place(request.query.get("before", "0"))
        return json_response(await self.alarms.page(store=store, state=state, before=before))

    async def _acts(self, request: web.Request) -> web.Response:
        before = place(request.query.get("before", "0"))
        return json_response(
            await acts(self.file, store=await self._number(request), before=before)
        )

    async def _replication(self, _: web.Request) -> web.Response:
        return json_response(await self.watch.replication.look())

    # --- acting ---------------------------------------------------------------------------

    async def _requeue(self, request: web.Request) -> web.Response:
        wish = await read_message(request, Requeue)
        slug, who = request.match_info["store"], caller(request).subject
        return json_response(await self.quarantine.requeue(slug, wish, who))

    async def _repair(self, request: web.Request) -> web.Response:
        wish = await read_message(request, Repair)
        slug, who = request.match_info["store"], caller(request).subject
        return json_response(await self.quarantine.repair(slug, wish, who))

    async def _leave(self, request: web.Request) -> web.Response:
        wish = await read_message(request, LeaveAside)
        slug, who = request.match_info["store"], caller(request).subject
        return json_response(await self.quarantine.leave_aside(slug, wish, who))

    async def _acknowledge(self, request: web.Request) -> web.Response:
        wish = await read_message(request, AlarmWish)
        n, who = place(request.match_info["alarm"]), caller(request).subject
        return json_response(await self.alarms.acknowledge(n, wish, who))

    async def _close(self, request: web.Request) -> web.Response:
        wish = await read_message(request, AlarmWish)
        n, who = place(request.match_info["alarm"]), caller(request).subject
        return json_response(await self.alarms.close(n, wish, who))

    async def _number(self, request: web.Request) -> int | None:
        """Return the number of the store that the query names; None for all. Raises Refused."""
        slug = request.query.get("store", "")
        if not slug:
            return None
        if slug == "-":
            return HEAD_OFFICE
        store = await self.directory.by_slug(slug) if is_short_id(slug) else None
        if store is None:
            raise Refused(
                "unknown_store",
                "Head office knows no such store.",
                advice="See /api/v1/stores for those it knows.",
                status=404,
            )
        return store.number
