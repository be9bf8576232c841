"""The client's side of HTTP/1.1 on one connection: one request, its answer, then the next.

Bytes in, answers out; h11 frames them. A device that speaks without having been asked, sends a
second answer behind the first or more than `NEXO_BODY_BYTES_MAX` breaks the protocol.
Source: RFC 9112.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import h11

from edge.contract.device_limits import (
    NEXO_BODY_BYTES_MAX,
    NEXO_HEAD_BYTES_MAX,
)
from edge.contract.errors import ProtocolViolation

_INFORMATIONAL_MAX: Final = 16
"""Interim answers (1xx) ahead of one real answer."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """A whole answer. `last`: nothing more can be asked on this connection."""

    status: int
    body: bytes
    last: bool


class HttpClient:
    """Feed it what was read (b"" at the end), ask `next_answer` until it is None."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=NEXO_HEAD_BYTES_MAX)
        self._asked = False
        self._status = 0
        self._interim = 0
        self._body = bytearray()

    @property
    def can_ask(self) -> bool:
        """Whether the connection is free for another request."""
        return self._connection.our_state is h11.IDLE

    def post(self, path: str, body: bytes) -> bytes:
        """Return the bytes of a request with a JSON body; only while `can_ask`."""
        head = h11.Request(
            method="POST",
            target=path,
            headers=[
                ("Host", self._host),
                ("Content-Type", "application/json"),
                ("Content-Length", str(len(body))),
            ],
        )
        send = self._connection.send
        pieces = (send(head), send(h11.Data(body)), send(h11.EndOfMessage()))
        self._asked, self._status, self._interim = True, 0, 0
        self._body.clear()
        return b"".join(piece or b"" for piece in pieces)

    def feed(self, data: bytes) -> None:
        """Take what was read; b"" says that the other end closed. Raises ProtocolViolation."""
        if data and not self._asked:
            raise _violation("it spoke without being asked")
        try:
            self._connection.receive_data(data)
        except RuntimeError as error:  # h11's way of refusing bytes behind the end
            raise _violation("it went on behind its end") from error

    def next_answer(self) -> HttpAnswer | None:
        """Return the answer once it is whole; raises ProtocolViolation."""
        while self._asked:
            try:
                event = self._connection.next_event()
            except h11.RemoteProtocolError as error:
                raise _violation(str(error)) from error
            if isinstance(event, h11.InformationalResponse):
                self._interim += 1
                if self._interim > _INFORMATIONAL_MAX:
                    raise _violation("it says that it is at it, without end")
            elif isinstance(event, h11.Response):
                self._status = event.status_code
            elif isinstance(event, h11.Data):
                self._body += event.data
                if len(self._body) > NEXO_BODY_BYTES_MAX:
                    raise _violation("its answer is too long")
            elif isinstance(event, h11.EndOfMessage):
                return self._whole()
            else:
                return None
        return None

    def _whole(self) -> HttpAnswer:
        connection = self._connection
        again = connection.our_state is h11.DONE and connection.their_state is h11.DONE
        # a second answer behind the first would be taken for the answer to the next request
        again = again and connection.trailing_data == (b"", False)
        if again:
            connection.start_next_cycle()
        self._asked = False
        return HttpAnswer(self._status, bytes(self._body), last=not again)


def _violation(why: str) -> ProtocolViolation:
    return ProtocolViolation(
        "http_broken", f"The device's HTTP answer makes no sense: {why[:200]}."
    )
