"""What everybody may ask of the box: health, the API document, metrics, branding; the screens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from aiohttp import web

from edge.contract.health import HealthBody, HealthItem
from edge.runtime.http_errors import JSON_TYPE, JsonResponse, json_response
from edge.runtime.metrics import Metrics
from edge.runtime.openapi import ANYONE, Route, openapi_document
from edge.runtime.static_files import StaticFiles
from edge.web.caller import LOCAL


class BrandingBody(msgspec.Struct, frozen=True):
    """What a retailer may put in the place of ours."""

    name: str
    accent: str = ""


@dataclass(frozen=True)
class BoxApi:
    """The routes that need nobody. `health` is asked on each call."""

    health: Callable[[], tuple[HealthItem, ...]]
    metrics: Metrics
    metrics_type: str
    screens: StaticFiles
    store_name: Callable[[], str]

    def routes(self, others: Sequence[Route]) -> tuple[Route, ...]:
        """Return the whole route table: `others` and this part, in the API document both."""
        document: dict[str, Any] = {}

        async def openapi(_: web.Request) -> web.Response:
            return JsonResponse(msgspec.json.encode(document))

        mine = (
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
                path="/openapi.json",
                handler=openapi,
                summary="This document",
                access=ANYONE,
                gives=JSON_TYPE,
            ),
            Route(
                method="GET",
                path="/metrics",
                handler=self._metrics,
                summary="Counters for Prometheus",
                access=LOCAL,
                gives="text/plain",
            ),
            Route(
                method="GET",
                path="/branding.json",
                handler=self._branding,
                summary="The retailer's name and colours",
                access=ANYONE,
                response=BrandingBody,
            ),
        )
        table = (*others, *mine)
        document.update(
            openapi_document(
                table,
                title="Tillbox",
                version="v1",
                description="The store server's interface for tills.",
            )
        )
        return (*table, *self._pages())

    def _pages(self) -> tuple[Route, ...]:
        pages = [
            Route(
                method="GET",
                path="/",
                handler=self._root,
                summary="To the till",
                access=ANYONE,
                status=302,
            )
        ]
        pages += [
            self._folder(f"/{name.removesuffix('/index.html')}")
            for name in self.screens.names
            if name.endswith("/index.html")
        ]
        for name in self.screens.names:
            pages.append(self._page(f"/{name}", name))
            if name.endswith("/index.html"):
                pages.append(self._page(f"/{name.removesuffix('index.html')}", name))
        return tuple(pages)

    def _page(self, path: str, name: str) -> Route:
        async def handler(request: web.Request) -> web.Response:
            return self.screens.respond(request, name)

        return Route(
            method="GET", path=path, handler=handler, summary=f"The file {name}", access=ANYONE
        )

    @staticmethod
    def _folder(path: str) -> Route:
        async def handler(_: web.Request) -> web.Response:
            return web.Response(status=302, headers={"Location": f"{path}/"})

        return Route(
            method="GET",
            path=path,
            handler=handler,
            summary="To the page of that name",
            access=ANYONE,
            status=302,
        )

    async def _root(self, _: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": "/till/"})

    async def _health(self, _: web.Request) -> web.Response:
        items = self.health()
        ready = all(item.well for item in items if item.name in {"ledger", "reference", "disk"})
        body = HealthBody(ready, items)
        return json_response(body, status=200 if ready else 503)

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=self.metrics.render(), headers={"Content-Type": self.metrics_type})

    async def _branding(self, _: web.Request) -> web.Response:
        return json_response(BrandingBody(self.store_name()))
