"""What the fake box answers with: messages as JSON, and refusals as the real box words them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiohttp import web

from edge.contract.errors import Refused
from edge.contract.refusal_body import RefusalBody
from edge.contract.wire import encode


def as_json(message: object) -> web.Response:
    """Return a message of the contract as an answer."""
    return web.Response(body=encode(message), content_type="application/json")


@web.middleware
async def refusals(request: web.Request, handler: Callable[..., Any]) -> web.StreamResponse:
    """Turn what a rule refused into its answer."""
    try:
        answer: web.StreamResponse = await handler(request)
    except Refused as refusal:
        body = RefusalBody(refusal.code, refusal.message, refusal.advice, refusal.params)
        return web.Response(
            body=encode(body), status=refusal.status, content_type="application/json"
        )
    return answer
