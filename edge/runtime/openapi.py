"""The route table: from one declaration come router, access table and OpenAPI document.

A route without an access rule cannot be declared: `access` has no default.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import msgspec
from aiohttp import web

from edge.contract.limits import (
    BODY_BYTES_MAX,
)
from edge.contract.refusal_body import RefusalBody

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

JSON_TYPE: Final = "application/json"
BYTES_TYPE: Final = "application/octet-stream"
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_METHODS: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})
_PATH: Final = re.compile(r"/(?:[A-Za-z0-9._~-]+|\{[a-z_]+\}|/)*")
_PARAMETER: Final = re.compile(r"\{([a-z_]+)\}")
_WHO: Final = re.compile(r"[a-z][a-z_]*")
_ALWAYS_REFUSED: Final = {
    400: "The request is not understood.",
    421: "The box is not known under this name.",
    500: "A defect; the answer has its number.",
}


@dataclass(frozen=True)
class Access:
    """Who may call a route.

    `who` is a word of the caller's gate (`anyone`, `till`, `cashier`, `sync`, ...);
    `permission` is what that person must be allowed, or empty.
    """

    who: str
    permission: str = ""

    def __post_init__(self) -> None:
        """Refuse an empty rule: deny by default."""
        if _WHO.fullmatch(self.who) is None:
            raise ValueError(f"an access rule names who may call; {self.who!r} does not")


ANYONE: Final = Access("anyone")
"""No identity is asked for: health, the enrolment page. The gate is not called."""


@dataclass(frozen=True)
class Query:
    """A query parameter: `shape` is its msgspec type."""

    name: str
    summary: str
    shape: Any = str
    required: bool = False


@dataclass(frozen=True, kw_only=True)
class Route:
    """One method of one address, and everything that is true of it.

    `request` and `response` are msgspec types (None: no body, or not JSON); `takes` and
    `gives` are media types; `body_bytes_max` is enforced while reading; `encodings` names
    the content encodings that the handler unpacks by itself, bounded; `refusals` says in
    words which refusals this route has beside those of all; `socket` marks a WebSocket.
    """

    method: str
    path: str
    handler: Handler
    summary: str
    access: Access
    request: Any = None
    response: Any = None
    status: int = 200
    takes: str = ""
    gives: str = ""
    body_bytes_max: int = BODY_BYTES_MAX
    encodings: tuple[str, ...] = ()
    refusals: Mapping[int, str] = field(default_factory=dict)
    query: Sequence[Query] = ()
    socket: bool = False

    def __post_init__(self) -> None:
        """Refuse what contradicts itself, where it is declared."""
        if self.method not in _METHODS:
            raise ValueError(f"{self.method} {self.path}: methods are {sorted(_METHODS)}")
        if _PATH.fullmatch(self.path) is None:
            raise ValueError(f"{self.path!r} is no path of plain segments and {{names}}")
        if not self.summary:
            raise ValueError(f"{self.method} {self.path} has no summary")
        if self.socket and self.method != "GET":
            raise ValueError(f"{self.path}: a WebSocket is opened by GET")
        if self.method == "GET" and self.media_type:
            raise ValueError(f"{self.path}: GET takes no body")

    @cached_property
    def media_type(self) -> str:
        """The content type that a body must have; empty when the route takes none."""
        return self.takes or (JSON_TYPE if self.request is not None else "")

    @cached_property
    def unsafe(self) -> bool:
        """Whether a foreign page must not be able to call it: it changes something."""
        return self.socket or self.method not in SAFE_METHODS


@dataclass(frozen=True)
class AccessRow:
    """A line of the access table."""

    method: str
    path: str
    who: str
    permission: str


def access_table(routes: Iterable[Route]) -> list[AccessRow]:
    """Return who may call what, by path and method."""
    rows = [AccessRow(r.method, r.path, r.access.who, r.access.permission) for r in routes]
    return sorted(rows, key=lambda row: (row.path, row.method))


def check_unique(routes: Iterable[Route]) -> None:
    """Raise ValueError when two routes claim one method of one address."""
    seen: set[tuple[str, str]] = set()
    for route in routes:
        key = (route.method, _PARAMETER.sub("{}", route.path))
        if key in seen:
            raise ValueError(f"{route.method} {route.path} is declared twice")
        seen.add(key)


def openapi_document(
    routes: Sequence[Route], *, title: str, version: str, description: str = ""
) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of a route table, ready to be encoded as JSON."""
    check_unique(routes)
    shapes = [RefusalBody]
    for route in routes:
        shapes += [shape for shape in (route.request, route.response) if shape is not None]
        shapes += [query.shape for query in route.query]
    schemas, components = msgspec.json.schema_components(
        shapes, ref_template="#/components/schemas/{name}"
    )
    schema_of = iter(schemas)
    refusal = next(schema_of)
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        request = next(schema_of) if route.request is not None else None
        response = next(schema_of) if route.response is not None else None
        queries = [(query, next(schema_of)) for query in route.query]
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(
            route, request, response, queries, refusal
        )
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": version, "description": description},
        "paths": dict(sorted(paths.items())),
        "components": {"schemas": dict(sorted(components.items()))},
    }


def _operation(
    route: Route,
    request: dict[str, Any] | None,
    response: dict[str, Any] | None,
    queries: Sequence[tuple[Query, dict[str, Any]]],
    refusal: dict[str, Any],
) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": _operation_id(route),
        "summary": route.summary,
        "x-access": {"who": route.access.who, "permission": route.access.permission},
        "responses": _responses(route, response, refusal),
    }
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PARAMETER.findall(route.path)
    ]
    parameters += [
        {
            "name": query.name,
            "in": "query",
            "required": query.required,
            "description": query.summary,
            "schema": schema,
        }
        for query, schema in queries
    ]
    if parameters:
        operation["parameters"] = parameters
    if route.media_type:
        operation["requestBody"] = {
            "required": True,
            "content": {route.media_type: {"schema": request or {}}},
        }
        operation["x-body-bytes-max"] = route.body_bytes_max
    return operation


def _responses(
    route: Route, response: dict[str, Any] | None, refusal: dict[str, Any]
) -> dict[str, Any]:
    if route.socket:
        responses: dict[str, Any] = {"101": {"description": "The connection is a WebSocket now."}}
    else:
        done: dict[str, Any] = {"description": "Done."}
        if media_type := route.gives or (JSON_TYPE if response is not None else ""):
            done["content"] = {media_type: {"schema": response or {}}}
        responses = {str(route.status): done}
    refusals = _ALWAYS_REFUSED | _refused_by_guard(route) | dict(route.refusals)
    for status, words in sorted(refusals.items()):
        responses[str(status)] = {
            "description": words,
            "content": {JSON_TYPE: {"schema": refusal}},
        }
    return responses


def _refused_by_guard(route: Route) -> dict[int, str]:
    refusals: dict[int, str] = {}
    if route.access != ANYONE:
        refusals[401] = "Nobody is signed in, or the sign-in is over."
        refusals[403] = "This is not allowed here."
    if route.unsafe:
        refusals[403] = "Another site asked, or this is not allowed here."
        refusals[408] = "The request did not arrive in time."
        refusals[413] = f"The body is over {route.body_bytes_max} bytes."
        refusals[415] = f"The body is not {route.media_type or 'empty'}."
    if route.request is not None:
        refusals[422] = "The body is JSON of another shape."
    return refusals


def _operation_id(route: Route) -> str:
    words = re.findall(r"[A-Za-z0-9]+", route.path)
    return "_".join([route.method.lower(), *words])
