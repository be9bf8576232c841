"""One guard before every handler: name, origin, content type, size, time, and who asks.

aiohttp by itself takes any Host, any WebSocket Origin, JSON sent as text and bodies that
never end; and it unpacks bodies before any middleware unless `auto_decompress=False`
(`edge.runtime.http_service` sets that).
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from aiohttp import hdrs, web

from edge.contract.errors import Refused, TillboxError
from edge.contract.identity import Ids
from edge.contract.instant import Clock
from edge.contract.limits import (
    BODY_BYTES_MAX,
    HOST_SPELLINGS_MAX,
    REQUEST_S_MAX,
)
from edge.contract.wire import decode_strict
from edge.runtime.connection_watch import GuardedConnection
from edge.runtime.http_errors import (
    API_HEADERS,
    IncidentLog,
    JsonResponse,
    defect_response,
    plain_response,
    refusal_response,
)
from edge.runtime.openapi import ANYONE, Access, Route, check_unique
from edge.runtime.ready_answer import ANSWER_HEAD, AnswerHead

T = TypeVar("T")

Gate = Callable[[web.Request, Access], Awaitable[object]]
"""Says who asks, or raises Refused (401 nobody, 403 not allowed). Called for every route
but those of `ANYONE`; what it returns is kept as the request's caller."""

LOOPBACK_NAMES: Final = ("localhost", "127.0.0.1", "[::1]")
_HOST: Final = re.compile(r"([a-z0-9.-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?", re.ASCII)
_UTF8_JSON: Final = re.compile(r"application/json(?:\s*;\s*charset=\"?utf-8\"?)?\s*", re.IGNORECASE)

_STRICT_TRANSPORT: Final = ("Strict-Transport-Security", "max-age=31536000")


@dataclass(frozen=True)
class GuardSettings:
    """What the guard lets through.

    `hosts`: names and addresses of this server as they stand in Host, without port (IPv6 in
    brackets); those of loopback are always among them. `origins`: whole origins beside our
    own that may change things (a proxy in front that ends TLS). `tls`: this server speaks
    TLS itself.
    """

    hosts: frozenset[str] = frozenset()
    origins: frozenset[str] = frozenset()
    tls: bool = False


class Guard:
    """The checks; `guarded_app` puts them before every handler."""

    def __init__(self, settings: GuardSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._hosts = frozenset(name.lower() for name in (*settings.hosts, *LOOPBACK_NAMES))
        self._known_good: set[str] = set()
        self._own_scheme = "https://" if settings.tls else "http://"
        self.rules: dict[web.AbstractRoute, Route] = {}

    def check(self, request: web.Request, route: Route | None) -> None:
        """Refuse what must not reach a handler; `route` is None when nothing is there."""
        headers = request.headers
        host = headers.get(hdrs.HOST, "")
        if host not in self._known_good:
            self._check_host(host)
        if route is None:
            return
        if route.unsafe:
            self._check_origin(host, headers)
        if request.body_exists:
            self._check_body(route, request)
        elif route.media_type:
            self._check_media_type(route, headers)

    def _check_host(self, host: str) -> None:
        match = _HOST.fullmatch(host.lower())
        if match is None or match[1].removesuffix(".") not in self._hosts:
            raise Refused(
                "misdirected",
                "This box is not known under that name.",
                advice="Open it by a name or address that its settings list.",
                status=421,
            )
        if len(self._known_good) < HOST_SPELLINGS_MAX:
            self._known_good.add(host)

    def _check_origin(self, host: str, headers: Any) -> None:
        origin = headers.get(hdrs.ORIGIN)
        if origin is not None:
            good = origin == self._own_scheme + host or origin in self._settings.origins
        elif (site := headers.get("Sec-Fetch-Site")) is not None:
            good = site == "same-origin"
        else:
            # a browser sends one of the two with whatever changes something; a program that
            # does not, may go on with a token of its own, never with a browser's cookie
            good = hdrs.COOKIE not in headers
        if not good:
            raise Refused(
                "foreign_origin",
                "The request comes from another site, or does not say from where.",
                advice="Use the box's own pages; a script sends the box's address as Origin.",
                status=403,
            )

    def _check_body(self, route: Route, request: web.Request) -> None:
        headers = request.headers
        encoding = headers.get(hdrs.CONTENT_ENCODING)
        if encoding is not None and encoding.lower() not in ("identity", *route.encodings):
            raise Refused(
                "encoding_refused",
                "Bodies in this content encoding are not taken here.",
                advice="Send the body as it is.",
                status=415,
            )
        self._check_media_type(route, headers)
        length = request.content_length
        if length is not None and length > route.body_bytes_max:
            raise too_large(route.body_bytes_max)

    @staticmethod
    def _check_media_type(route: Route, headers: Any) -> None:
        wanted = route.media_type
        given = headers.get(hdrs.CONTENT_TYPE, "")
        if given == wanted:
            return
        if wanted == "application/json" and _UTF8_JSON.fullmatch(given) is not None:
            return
        if not wanted:
            raise Refused(
                "body_not_expected", "This address takes no body.", advice="Send none.", status=415
            )
        raise Refused(
            "wrong_content_type",
            f"This address takes {wanted}.",
            advice=f"Set Content-Type to {wanted}.",
            status=415,
        )

    async def read_body(self, request: web.Request) -> bytes:
        """Return the body, read up to its limit and its deadline, or refuse it (413, 408)."""
        route = self.rules.get(request.match_info.route)
        limit = BODY_BYTES_MAX if route is None else route.body_bytes_max
        content = request.content
        if content.is_eof() and content.total_bytes <= limit:
            return content.read_nowait()
        chunks: list[bytes] = []
        size = 0
        try:
            async with self._clock.timeout(REQUEST_S_MAX):
                while chunk := await content.readany():
                    size += len(chunk)
                    if size > limit:
                        raise too_large(limit)
                    chunks.append(chunk)
        except TimeoutError:
            raise Refused(
                "too_slow",
                f"The body had not arrived after {REQUEST_S_MAX:g} s.",
                advice="Check the network and send it again.",
                status=408,
            ) from None
        return b"".join(chunks)


GUARD: Final = web.AppKey("GUARD", Guard)
CALLER: Final = web.RequestKey("CALLER", object)
"""Where the gate's answer lies: `request[CALLER]`."""


def too_large(limit: int) -> Refused:
    """Return the refusal of a body over its limit."""
    return Refused(
        "too_large",
        f"The body is over {limit} bytes.",
        advice="Send less at once.",
        status=413,
        params={"limit": str(limit)},
    )


async def read_body(request: web.Request) -> bytes:
    """Return the request's body, or raise Refused: 413 over the route's limit, 408 too slow."""
    return await request.app[GUARD].read_body(request)


async def read_message(request: web.Request, shape: type[T]) -> T:
    """Return the JSON body as `shape`, or raise Refused (400, 408, 413, 422)."""
    return decode_strict(await read_body(request), shape, what="The request body")


def guarded_app(
    routes: Sequence[Route],
    *,
    settings: GuardSettings,
    gate: Gate,
    clock: Clock,
    ids: Ids,
    log: IncidentLog,
) -> web.Application:
    """Return the aiohttp application of a route table, with the guard before every handler."""
    check_unique(routes)
    guard = Guard(settings, clock)
    app = web.Application(middlewares=[_middleware(guard, gate, ids, log)])
    app[GUARD] = guard
    more = (_STRICT_TRANSPORT,) if settings.tls else ()
    app[ANSWER_HEAD] = AnswerHead(clock, more)
    for path, of_path in _by_path(routes).items():
        resource = app.router.add_resource(path)
        for route in of_path:
            headless = route.method == "GET" and not route.socket
            for method in (route.method, "HEAD") if headless else (route.method,):
                added = resource.add_route(method, route.handler, expect_handler=_expect)
                guard.rules[added] = route
    common = (*API_HEADERS, *more)

    async def dress(_: web.Request, response: web.StreamResponse) -> None:
        headers = response.headers
        headers.popall(hdrs.SERVER, None)
        for name, value in more if isinstance(response, JsonResponse) else common:
            headers.setdefault(name, value)

    app.on_response_prepare.append(dress)
    return app


async def _expect(request: web.Request) -> web.StreamResponse | None:
    """Let a body come that waits for leave; what else is expected is refused in our shape."""
    if request.headers.get(hdrs.EXPECT, "").lower() != "100-continue":
        return plain_response(web.HTTPExpectationFailed())
    await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    # what follows is the answer itself, from its first byte on
    request.writer.output_size = 0
    return None


def _by_path(routes: Iterable[Route]) -> dict[str, list[Route]]:
    paths: dict[str, list[Route]] = {}
    for route in routes:
        paths.setdefault(route.path, []).append(route)
    return paths


def _middleware(guard: Guard, gate: Gate, ids: Ids, log: IncidentLog) -> Any:
    rules = guard.rules

    async def answer(request: web.Request, handler: Any) -> web.StreamResponse:
        route = rules.get(request.match_info.route)
        try:
            guard.check(request, route)
            if route is not None and route.access is not ANYONE:
                request[CALLER] = await gate(request, route.access)
            response: web.StreamResponse = await handler(request)
        except ConnectionError:
            raise
        except Exception as error:
            at = f"{request.method} {route.path if route else '?'}"
            response = _say(error, at, ids, log)
            if request.writer.output_size:
                # a WebSocket or a stream had begun: a second answer would be noise in it
                raise ConnectionResetError("the answer broke off") from error
        return response

    @web.middleware
    async def middleware(request: web.Request, handler: Any) -> web.StreamResponse:
        connection = request.protocol
        if not isinstance(connection, GuardedConnection):
            return await answer(request, handler)
        connection.head_arrived()
        try:
            return await answer(request, handler)
        finally:
            connection.answered()

    return middleware


def _say(error: Exception, at: str, ids: Ids, log: IncidentLog) -> web.StreamResponse:
    if isinstance(error, TillboxError):
        return refusal_response(error)
    if isinstance(error, web.RequestPayloadError):
        return plain_response(web.HTTPBadRequest())
    if isinstance(error, web.HTTPException):
        return plain_response(error)
    return defect_response(error, incident=ids.code(), at=at, log=log)
