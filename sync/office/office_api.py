"""The routes of head office."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

import msgspec
from aiohttp import web
from msgspec import Meta

from edge.contract.errors import Refused
from edge.contract.health import HealthBody, HealthItem
from edge.contract.history_mending import MENDING_PATH
from edge.contract.identity import is_short_id
from edge.contract.limits import (
    FRAME_BODY_BYTES_MAX,
)
from edge.contract.reference_data import Feed, FeedPage
from edge.runtime.http_errors import JSON_TYPE, JsonResponse, json_response
from edge.runtime.http_guard import read_message
from edge.runtime.http_sessions import clear_secret_cookie, cookie_secret, set_secret_cookie
from edge.runtime.metrics import CONTENT_TYPE, Metrics
from edge.runtime.openapi import ANYONE, Query, Route, openapi_document
from edge.runtime.static_files import StaticFiles
from sync.office.attention_api import AttentionApi
from sync.office.coupon_uses import CouponUses, CouponUsesBody
from sync.office.digests import DigestBody, Digests
from sync.office.feeds import Applied, Feeds, NewItem, refuse_errors
from sync.office.gate import LOCAL, OFFICE_COOKIE, USER, caller
from sync.office.live_events import CONTENT_TYPE as EVENT_STREAM
from sync.office.live_events import LiveEvents, place
from sync.office.mailing import Mailing
from sync.office.mending import HistoryMending
from sync.office.outbox import MailsBody
from sync.office.people import People, SessionBody, SignIn
from sync.office.price_books import BooksBody, PriceBooks
from sync.office.sale_bodies import SalesBody
from sync.office.sales import Sales, StoresBody
from sync.office.session import BoxSessions
from sync.office.store_directory import StoreDirectory
from sync.office.tips import Tips, TipsBody


class NewBox(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The box of a store from now on: its public key, hexadecimal, and its generation."""

    box_key: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$(?!\n)")]
    gen: Annotated[int, Meta(ge=2, le=4_294_967_295)]


class NewItems(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Changes of a feed."""

    items: tuple[NewItem, ...]


@dataclass(frozen=True)
class OfficeApi:
    """The route table. `health` is asked on each call."""

    attention: AttentionApi
    boxes: BoxSessions
    mending: HistoryMending
    directory: StoreDirectory
    feeds: Feeds
    people: People
    sales: Sales
    coupons: CouponUses
    tips: Tips
    mailing: Mailing
    digests: Digests
    books: PriceBooks
    live: LiveEvents
    metrics: Metrics
    health: Callable[[], Sequence[HealthItem]]
    pages: StaticFiles | None

    def routes(self) -> tuple[Route, ...]:
        """Return every route, the pages last."""
        document: dict[str, Any] = {}

        async def openapi(_: web.Request) -> web.Response:
            return JsonResponse(msgspec.json.encode(document))

        table = (
            *self._for_anyone(),
            Route(
                method="GET",
                path="/openapi.json",
                handler=openapi,
                summary="This document",
                access=ANYONE,
                gives=JSON_TYPE,
            ),
            *self._for_users(),
            *self.attention.routes(),
        )
        document.update(
            openapi_document(
                table,
                title="Tillbox head office",
                version="v1",
                description="What boxes replicate, and what goes down to them.",
            )
        )
        return (*table, *self._page_routes())

    def _for_anyone(self) -> tuple[Route, ...]:
        return (
            Route(
                method="GET",
                path="/sync/v1/session",
                handler=self.boxes.serve,
                summary="A box: proves who it is, then frames up and feeds down",
                access=ANYONE,
                socket=True,
                query=(Query("line", "`metered`: each byte costs, the line is probed seldom"),),
            ),
            Route(
                method="GET",
                path=MENDING_PATH,
                handler=self.mending.serve,
                summary="A box that was restored from an older copy: gets back what it lost",
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
            Route(
                method="POST",
                path="/api/v1/session",
                handler=self._sign_in,
                summary="Sign in",
                access=ANYONE,
                request=SignIn,
                response=SessionBody,
                refusals={401: "User or password is wrong.", 429: "Too many wrong passwords."},
            ),
        )

    def _for_users(self) -> tuple[Route, ...]:
        for_store = Query("store", "The slug of a store; without it, what is for all")
        return (
            Route(
                method="GET",
                path="/api/v1/session",
                handler=self._session,
                summary="Who is signed in",
                access=USER,
                response=SessionBody,
            ),
            Route(
                method="DELETE",
                path="/api/v1/session",
                handler=self._sign_out,
                summary="Sign out",
                access=USER,
                status=204,
            ),
            Route(
                method="GET",
                path="/api/v1/sales",
                handler=self._sales,
                summary="Completed sales in the order of their arrival",
                access=USER,
                response=SalesBody,
                query=(
                    Query("store", "Only those of the store with this slug"),
                    Query("after", "The `next` of the answer before", int),
                    Query("from_day", "Only those of this business day (YYYY-MM-DD) and later"),
                    Query("tracked", "Only those with goods of this serial or lot number"),
                ),
            ),
            Route(
                method="GET",
                path="/api/v1/stores",
                handler=self._stores,
                summary="How every store stands",
                access=USER,
                response=StoresBody,
            ),
            Route(
                method="GET",
                path="/api/v1/coupons",
                handler=self._coupons,
                summary="Coupons that completed sales used up, the newest first",
                access=USER,
                response=CouponUsesBody,
                query=(Query("doubles", "true for single-use codes used more than once"),),
            ),
            Route(
                method="GET",
                path="/api/v1/tips",
                handler=self._tips,
                summary="Tips by cashier, of today or of another day",
                access=USER,
                response=TipsBody,
                query=(for_store, Query("day", "A business day (YYYY-MM-DD); without it, today")),
            ),
            Route(
                method="POST",
                path="/api/v1/stores/{store}/box/confirm",
                handler=self.mending.confirm,
                summary="Let a box that lost its history again have it: there is only this one",
                access=USER,
                status=204,
                refusals={404: "No such store."},
            ),
            Route(
                method="PUT",
                path="/api/v1/stores/{store}/box",
                handler=self._replace_box,
                summary="Let another box go on with a store's history, in a new generation",
                access=USER,
                request=NewBox,
                response=NewBox,
                refusals={
                    404: "No such store.",
                    409: "That generation was there already, or that box.",
                },
            ),
            Route(
                method="GET",
                path="/api/v1/books",
                handler=self._books,
                summary="Price books ahead, and those of today: which shops are ready, who is not",
                access=USER,
                response=BooksBody,
            ),
            Route(
                method="GET",
                path="/api/v1/stores/{store}/digest",
                handler=self._digest,
                summary="What a store sold that has not come as sales yet, and whether it agreed",
                access=USER,
                response=DigestBody,
                refusals={404: "No such store, or its box has said nothing ahead of its frames."},
            ),
            Route(
                method="GET",
                path="/api/v1/mails",
                handler=self._mails,
                summary="Receipts by e-mail, the newest first; addresses are masked",
                access=USER,
                response=MailsBody,
            ),
            Route(
                method="GET",
                path="/api/v1/events",
                handler=self.live.serve,
                summary="Sales as they arrive, the stores and alarms, as server-sent events",
                access=USER,
                gives=EVENT_STREAM,
                query=(Query("after", "The last sale that the caller has", int),),
            ),
            Route(
                method="GET",
                path="/api/v1/feeds/{feed}",
                handler=self._feed,
                summary="A page of a feed, as a box gets it",
                access=USER,
                response=FeedPage,
                query=(for_store, Query("after", "A cursor", int)),
                refusals={404: "There is no such feed or store."},
            ),
            Route(
                method="PUT",
                path="/api/v1/feeds/{feed}",
                handler=self._put_feed,
                summary="Give keys of a feed new values, all or none; null takes a key away",
                access=USER,
                request=NewItems,
                response=Applied,
                body_bytes_max=FRAME_BODY_BYTES_MAX,
                query=(for_store, Query("dry_run", "true: only say what would be")),
                refusals={404: "There is no such feed or store."},
            ),
        )

    def _page_routes(self) -> tuple[Route, ...]:
        if self.pages is None:
            return ()
        routes = []
        for name in self.pages.names:
            routes.append(self._page(f"/{name}", name))
            if name == "index.html" or name.endswith("/index.html"):
                routes.append(self._page(f"/{name.removesuffix('index.html')}", name))
        return tuple(routes)

    def _page(self, path: str, name: str) -> Route:
        pages = self.pages
        assert pages is not None  # noqa: S101 - called for its names only

        async def handler(request: web.Request) -> web.Response:
            return pages.respond(request, name)

        return Route(
            method="GET", path=path, handler=handler, summary=f"The file {name}", access=ANYONE
        )

    # --- anyone ---------------------------------------------------------------------------

    async def _health(self, _: web.Request) -> web.Response:
        items = tuple(self.health())
        ready = all(item.well for item in items)
        body = HealthBody(ready, items)
        return json_response(body, status=200 if ready else 503)

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=self.metrics.render(), headers={"Content-Type": CONTENT_TYPE})

    async def _sign_in(self, request: web.Request) -> web.Response:
        wish = await read_message(request, SignIn)
        secret = await self.people.sign_in(wish, request.remote or "")
        response = json_response(SessionBody(wish.user))
        set_secret_cookie(response, OFFICE_COOKIE, secret)
        return response

    # --- users ----------------------------------------------------------------------------

    async def _session(self, request: web.Request) -> web.Response:
        return json_response(SessionBody(caller(request).subject))

    async def _sign_out(self, request: web.Request) -> web.Response:
        await self.people.sessions.end(cookie_secret(request, OFFICE_COOKIE) or "")
        response = web.Response(status=204)
        clear_secret_cookie(response, OFFICE_COOKIE)
        return response

    async def _sales(self, request: web.Request) -> web.Response:
        after = place(request.query.get("after", "0"))
        store = await self._store(request)
        from_day = _day(request.query.get("from_day", ""))
        tracked = request.query.get("tracked", "").strip()
        return json_response(
            await self.sales.page(after, store=store, from_day=from_day, tracked=tracked)
        )

    async def _stores(self, _: web.Request) -> web.Response:
        return json_response(await self.sales.stores())

    async def _coupons(self, request: web.Request) -> web.Response:
        doubles = request.query.get("doubles", "false")
        if doubles not in {"true", "false"}:
            raise Refused("query_malformed", "doubles is true or false.", status=400)
        return json_response(await self.coupons.newest(doubles=doubles == "true"))

    async def _tips(self, request: web.Request) -> web.Response:
        day = _day(request.query.get("day", ""), name="day")
        return json_response(await self.tips.by_cashier(store=await self._store(request), day=day))

    async def _replace_box(self, request: web.Request) -> web.Response:
        slug = request.match_info["store"]
        wish = await read_message(request, NewBox)
        store = await self.boxes.replace_box(slug, wish.box_key, wish.gen)
        return json_response(NewBox(store.box_key, store.gen))

    async def _books(self, _: web.Request) -> web.Response:
        return json_response(await self.books.body())

    async def _digest(self, request: web.Request) -> web.Response:
        slug = request.match_info["store"]
        store = await self.directory.by_slug(slug)
        digest = None if store is None else await self.digests.of(store.number)
        if digest is None:
            raise Refused(
                "no_digest",
                f"There is no store {slug[:40]!r}, or its box has said nothing ahead of its sales.",
                advice="Its sales are all there is to know.",
                status=404,
            )
        return json_response(digest)

    async def _mails(self, _: web.Request) -> web.Response:
        return json_response(await self.mailing.newest())

    async def _feed(self, request: web.Request) -> web.Response:
        feed = _feed_of(request)
        after = place(request.query.get("after", "0"))
        scope = await self._store(request)
        return json_response(await self.feeds.page(feed, after, scope=scope))

    async def _put_feed(self, request: web.Request) -> web.Response:
        feed = _feed_of(request)
        if feed is Feed.BOX_KEY:
            raise Refused(
                "feed_written_by_head_office",
                "The keys of boxes come from the boxes that head office has registered.",
                advice="Register the store with its box's key; the feed follows by itself.",
            )
        dry_run = request.query.get("dry_run", "false")
        if dry_run not in {"true", "false"}:
            raise Refused("query_malformed", "dry_run is true or false.", status=400)
        scope = await self._store(request)
        wish = await read_message(request, NewItems)
        applied = await self.feeds.put(feed, wish.items, scope=scope, dry_run=dry_run == "true")
        if dry_run == "false":
            refuse_errors(feed, applied)
        return json_response(applied)

    async def _store(self, request: web.Request) -> str:
        """Return the slug that the query names, or nothing. Raises Refused (404)."""
        slug = request.query.get("store", "")
        if slug and (not is_short_id(slug) or await self.directory.by_slug(slug) is None):
            raise Refused(
                "unknown_store",
                "Head office knows no such store.",
                advice="See /api/v1/stores for those it knows.",
                status=404,
            )
        return slug


def _day(text: str, *, name: str = "from_day") -> str:
    try:
        return text and date.fromisoformat(text).isoformat()
    except ValueError:
        raise Refused("query_malformed", f"{name} is a day like 2026-11-26.", status=400) from None


def _feed_of(request: web.Request) -> Feed:
    try:
        return Feed(request.match_info["feed"])
    except ValueError:
        raise Refused(
            "unknown_feed",
            "There is no such feed.",
            advice=f"There are: {', '.join(Feed)}.",
            status=404,
        ) from None
