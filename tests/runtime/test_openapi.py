"""The route table: what cannot be declared, who may call what, and the document."""

from __future__ import annotations

import json
from typing import Annotated, Any

import msgspec
import pytest
from aiohttp import web
from msgspec import Meta

from edge.contract.till_commands import AnyTillCommand
from edge.contract.till_protocol import TillView
from edge.runtime.openapi import (
    ANYONE,
    BYTES_TYPE,
    Access,
    AccessRow,
    Query,
    Route,
    access_table,
    check_unique,
    openapi_document,
)


class Wish(msgspec.Struct):
    text: Annotated[str, Meta(max_length=10)]


class Answer(msgspec.Struct):
    wish: Wish


async def _handler(_: web.Request) -> web.StreamResponse:
    return web.Response()


def _route(method: str = "GET", path: str = "/a", **more: Any) -> Route:
    given = {"handler": _handler, "summary": "Tries it.", "access": Access("till")} | more
    return Route(method=method, path=path, **given)


def test_a_route_without_access_cannot_be_declared() -> None:
    with pytest.raises(TypeError, match="access"):
        Route(method="GET", path="/", handler=_handler, summary="x")  # type: ignore[call-arg]  # that is the point


@pytest.mark.parametrize("who", ["", " ", "Till", "till!", "a b"])
def test_an_access_rule_names_somebody(who: str) -> None:
    with pytest.raises(ValueError, match="who may call"):
        Access(who)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"method": "get"}, "methods are"),
        ({"method": "CONNECT"}, "methods are"),
        ({"path": "a"}, "is no path"),
        ({"path": "/a/{b"}, "is no path"),
        ({"path": "/a/{B}"}, "is no path"),
        ({"path": "/a b"}, "is no path"),
        ({"path": "/{a:.*}"}, "is no path"),
        ({"summary": ""}, "no summary"),
        ({"method": "POST", "socket": True}, "opened by GET"),
        ({"request": Wish}, "takes no body"),
        ({"takes": BYTES_TYPE}, "takes no body"),
    ],
)
def test_what_contradicts_itself_is_found_at_once(more: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        _route(**more)


@pytest.mark.parametrize("path", ["/", "/a/b.c-d_e~f", "/a/{b}/c/{d_e}", "/v1/"])
def test_paths(path: str) -> None:
    assert _route(path=path).path == path


def test_unsafe_is_what_changes_something() -> None:
    assert not _route().unsafe
    assert _route(socket=True).unsafe
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert _route(method).unsafe


def test_one_address_is_declared_once() -> None:
    check_unique([_route(), _route("POST"), _route(path="/b")])
    with pytest.raises(ValueError, match="declared twice"):
        check_unique([_route(path="/a/{b}"), _route(path="/a/{c}")])


def test_the_access_table_is_complete_and_in_order() -> None:
    routes = [
        _route("POST", "/b", access=Access("cashier", "sell")),
        _route("GET", "/b"),
        _route("GET", "/a", access=ANYONE),
    ]
    assert access_table(routes) == [
        AccessRow("GET", "/a", "anyone", ""),
        AccessRow("GET", "/b", "till", ""),
        AccessRow("POST", "/b", "cashier", "sell"),
    ]


ROUTES = [
    _route(
        "POST",
        "/v1/tills/{till}/wishes",
        request=Wish,
        response=Answer,
        status=201,
        refusals={409: "It was wished before."},
    ),
    _route(
        "GET",
        "/v1/tills/{till}/wishes",
        response=list[Answer],
        query=[Query("after", "From here.", int), Query("q", "What for.", required=True)],
    ),
    _route("POST", "/v1/frames", takes=BYTES_TYPE, body_bytes_max=9, response=Answer),
    _route("GET", "/v1/frames", gives=BYTES_TYPE),
    _route("GET", "/v1/socket", socket=True),
    _route("POST", "/v1/nothing", access=ANYONE),
]


def _document() -> dict[str, Any]:
    document = openapi_document(ROUTES, title="Tillbox", version="1", description="A shop.")
    plain: dict[str, Any] = json.loads(msgspec.json.encode(document))
    return plain


def _references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if "$ref" in node else []
        return own + [found for value in node.values() for found in _references(value)]
    if isinstance(node, list):
        return [found for value in node for found in _references(value)]
    return []


def test_every_route_is_in_the_document_and_every_reference_leads_somewhere() -> None:
    document = _document()
    assert document["openapi"] == "3.1.0"
    assert document["info"] == {"title": "Tillbox", "version": "1", "description": "A shop."}
    found = {(method, path) for path, item in document["paths"].items() for method in item}
    assert found == {(route.method.lower(), route.path) for route in ROUTES}
    schemas = document["components"]["schemas"]
    references = _references(document)
    assert references
    for reference in references:
        assert reference.removeprefix("#/components/schemas/") in schemas
    operations = [each for item in document["paths"].values() for each in item.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(set(names)) == len(names)


def test_an_operation_says_everything() -> None:
    operation = _document()["paths"]["/v1/tills/{till}/wishes"]["post"]
    assert operation["operationId"] == "post_v1_tills_till_wishes"
    assert operation["x-access"] == {"who": "till", "permission": ""}
    assert operation["parameters"] == [
        {"name": "till", "in": "path", "required": True, "schema": {"type": "string"}}
    ]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    assert schema == {"$ref": "#/components/schemas/Wish"}
    done = operation["responses"]["201"]["content"]["application/json"]["schema"]
    assert done == {"$ref": "#/components/schemas/Answer"}
    assert operation["responses"]["409"]["description"] == "It was wished before."
    assert set(operation["responses"]) == {
        "201", "400", "401", "403", "408", "409", "413", "415", "421", "422", "500",
    }  # fmt: skip
    assert operation["responses"]["413"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/RefusalBody"
    }


def test_queries_bytes_and_sockets() -> None:
    paths = _document()["paths"]
    assert paths["/v1/tills/{till}/wishes"]["get"]["parameters"][1:] == [
        {
            "name": "after",
            "in": "query",
            "required": False,
            "description": "From here.",
            "schema": {"type": "integer"},
        },
        {
            "name": "q",
            "in": "query",
            "required": True,
            "description": "What for.",
            "schema": {"type": "string"},
        },
    ]
    up, down = paths["/v1/frames"]["post"], paths["/v1/frames"]["get"]
    assert up["requestBody"]["content"] == {BYTES_TYPE: {"schema": {}}}
    assert up["x-body-bytes-max"] == 9
    assert "422" not in up["responses"]
    assert down["responses"]["200"]["content"] == {BYTES_TYPE: {"schema": {}}}
    socket = paths["/v1/socket"]["get"]["responses"]
    assert "101" in socket
    assert "200" not in socket
    nothing = paths["/v1/nothing"]["post"]
    assert "requestBody" not in nothing
    assert "content" not in nothing["responses"]["200"]
    assert "401" not in nothing["responses"]
    assert "empty" in nothing["responses"]["415"]["description"]


def test_the_messages_of_the_till_are_described_whole() -> None:
    routes = [_route("POST", "/commands", request=AnyTillCommand, response=TillView)]
    schemas = openapi_document(routes, title="t", version="1")["components"]["schemas"]
    assert {"AddItem", "TakeCash", "TillView", "LineView"} <= set(schemas)
