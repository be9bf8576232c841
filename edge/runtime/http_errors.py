"""Every error as the one JSON shape that screens know: RefusalBody with the right status."""

from __future__ import annotations

import traceback
from typing import Any, Final, Protocol

import msgspec
from aiohttp import hdrs, web
from multidict import CIMultiDict  # aiohttp's own

from edge.contract.errors import (
    DeviceNeedsPerson,
    DeviceUnreachable,
    OutcomeUnknown,
    ProtocolViolation,
    Refused,
    ReplicaFork,
    StorageFailed,
    TillboxError,
)
from edge.contract.refusal_body import RefusalBody

JSON_TYPE: Final = "application/json"

API_HEADERS: Final = (
    ("X-Content-Type-Options", "nosniff"),
    ("Cache-Control", "no-store"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)
"""What every answer has unless its handler says otherwise (pages have a policy of their own)."""

_STATUS: Final[dict[type[TillboxError], int]] = {
    ProtocolViolation: 400,
    ReplicaFork: 409,
    DeviceNeedsPerson: 409,
    DeviceUnreachable: 503,
    StorageFailed: 503,
    OutcomeUnknown: 504,
}
"""Refused carries its own; a kind that is not here is a 503: this box cannot do it now."""

_PLAIN: Final[dict[int, tuple[str, str, str]]] = {
    400: ("bad_request", "The request is not understood.", "Send it as the API document says."),
    404: ("not_found", "There is nothing at this address.", "Check the address."),
    405: (
        "method_not_allowed",
        "This address does not take this method.",
        "See the API document for the methods it takes.",
    ),
    413: ("too_large", "The request is larger than this address takes.", "Send less at once."),
    417: ("expectation_failed", "The Expect header is not understood.", "Leave it out."),
}
_OF_THE_BODY: Final = frozenset({"Content-Type", "Content-Length"})
_ENCODER: Final = msgspec.json.Encoder()
_JSON_HEADERS: Final = CIMultiDict((*API_HEADERS, (hdrs.CONTENT_TYPE, JSON_TYPE)))


class JsonResponse(web.Response):
    """An answer in JSON; it has `API_HEADERS` from the start: most answers are such."""

    def __init__(self, body: bytes, *, status: int = 200) -> None:
        super().__init__(body=body, status=status, headers=_JSON_HEADERS)


class IncidentLog(Protocol):
    """The one method of a `Log` that is needed here."""

    def error(self, event: str, /, **fields: Any) -> None:
        """Write a line for a person to look into."""
        ...


def status_of(error: TillboxError) -> int:
    """Return the HTTP status that says what this error says."""
    if isinstance(error, Refused):
        return error.status
    for kind in type(error).__mro__:
        if (status := _STATUS.get(kind)) is not None:
            return status
    return 503


def json_response(message: object, *, status: int = 200) -> web.Response:
    """Answer with a message of the contract as JSON."""
    return JsonResponse(_ENCODER.encode(message), status=status)


def refusal_response(error: TillboxError) -> web.Response:
    """Answer with an expected error: code, message, advice and params for the screen."""
    params = error.params if isinstance(error, Refused) else {}
    body = RefusalBody(error.code, error.message, error.advice, params)
    return json_response(body, status=status_of(error))


def plain_response(error: web.HTTPException) -> web.Response:
    """Answer what aiohttp itself raised in our shape; redirects and the like keep their headers.

    An exception is no answer, though aiohttp's still pass as one: that will end.
    """
    if error.status < 400:  # noqa: PLR2004 - where HTTP's errors begin
        passed = web.Response(status=error.status, reason=error.reason)
        for name, value in error.headers.items():
            if name not in _OF_THE_BODY:
                passed.headers.add(name, value)
        return passed
    code, message, advice = _PLAIN.get(
        error.status, (f"http_{error.status}", f"{error.reason}.", "")
    )
    response = json_response(RefusalBody(code, message, advice), status=error.status)
    if (allow := error.headers.get("Allow")) is not None:
        response.headers["Allow"] = allow
    return response


def defect_response(
    error: BaseException, *, incident: str, at: str, log: IncidentLog
) -> web.Response:
    """Answer a defect of ours with a plain sentence and a number; the log has the rest.

    `at` names the request for the log (method and route, never values).
    """
    log.error(
        "request_failed",
        incident=incident,
        at=at,
        error=repr(error),
        trace=traceback.format_exception(error),
    )
    body = RefusalBody(
        "defect",
        f"Something went wrong inside; it is noted as {incident}.",
        "Try again. If it happens again, tell your technician this number.",
        {"incident": incident},
    )
    return json_response(body, status=500)
