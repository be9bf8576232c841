"""The routes of the second copy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from aiohttp import web

from edge.contract.errors import Refused
from edge.contract.health import HealthBody, HealthItem
from edge.runtime.connection_watch import is_loopback
from edge.runtime.database_file import DatabaseFile
from edge.runtime.http_errors import json_response
from edge.runtime.metrics import CONTENT_TYPE, Metrics
from edge.runtime.openapi import ANYONE, Access, Route
from sync.appending.frame_sessions import FrameSessions
from sync.keeper.box_directory import BoxDirectory

LOCAL: Final = Access("local")
"""Anyone on this machine itself: not the network."""


class KeeperGate:
    """Lets in who is on this machine, where that is asked for; nobody signs in here."""

    async def __call__(self, request: web.Request, rule: Access) -> object:
        """Return who asks, or raise Refused."""
        if rule is LOCAL and is_loopback(request.remote or ""):
            return "local"
        raise Refused("not_allowed", "Nobody may do this here.", status=403)


@dataclass(frozen=True)
class KeeperApi:
    """The route table."""

    sessions: FrameSessions
    file: DatabaseFile
    boxes: BoxDirectory
    metrics: Metrics

    def routes(self) -> tuple[Route, ...]:
        """Return every route."""
        return (
            Route(
                method="GET",
                path="/sync/v1/session",
                handler=self.sessions.serve,
                summary="A box: proves who it is, then frames up",
                access=ANYONE,
                socket=True,
            ),
            Route(
                method="GET",
                path="/health",
                handler=self._health,
                summary="What is well, and what a person should do",
                access=ANYONE,
                response=HealthBody,
            ),
            Route(
                method="GET",
                path="/metrics",
                handler=self._metrics,
                summary="Counters for Prometheus",
                access=LOCAL,
                gives="text/plain",
            ),
        )

    async def _health(self, _: web.Request) -> web.Response:
        failure = self.file.failure
        items = [
            HealthItem("database", True, "The database takes what comes.")
            if failure is None
            else HealthItem("database", False, failure.message, failure.advice)
        ]
        alarms = await self.boxes.alarms.all()
        if alarms:
            # what is wrong is for people of the shop: strangers on its LAN may ask for this
            items.append(
                HealthItem(
                    "boxes",
                    False,
                    f"Boxes that a person has to look at: {len(alarms)}.",
                    "Run `tillbox keep status` on this host.",
                )
            )
        ready = failure is None
        return json_response(HealthBody(ready, tuple(items)), status=200 if ready else 503)

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=self.metrics.render(), headers={"Content-Type": CONTENT_TYPE})
