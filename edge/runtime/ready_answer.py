"""The answer that tills wait for most: a JSON body behind a head that is made once a second.

aiohttp builds a head from a copy of its headers, name by name, for every answer. A till's command
is answered by the same one each time, but for two numbers; so it is written as one piece here, by
the public doors of aiohttp's response and writer. Whatever is out of the ordinary (an older HTTP,
a connection that ends with this answer, headers or cookies of its own) goes aiohttp's way.
"""

from __future__ import annotations

from email.utils import formatdate
from typing import Final

from aiohttp import HttpVersion11, hdrs, web
from aiohttp.abc import AbstractStreamWriter
from typing_extensions import override

from edge.contract.instant import Clock
from edge.runtime.http_errors import API_HEADERS, JSON_TYPE, JsonResponse

_MS_PER_S: Final = 1_000
_HEADERS: Final = len(API_HEADERS) + 1


class AnswerHead:
    """The head of a 200 in JSON with `headers` beside `API_HEADERS`, and the day and time in it.

    Date changes once a second (RFC 9110, 6.6.1).
    """

    def __init__(self, clock: Clock, headers: tuple[tuple[str, str], ...] = ()) -> None:
        self._clock = clock
        self._headers = (*API_HEADERS, *headers, (hdrs.CONTENT_TYPE, JSON_TYPE))
        self._second = -1
        self._before_length = b""

    def of(self, body: bytes) -> bytes:
        """Return the head that stands before `body`, its empty line with it."""
        second = self._clock.now_ms() // _MS_PER_S
        if second != self._second:
            self._second = second
            date = (hdrs.DATE, formatdate(second, usegmt=True))
            lines = "".join(f"{name}: {value}\r\n" for name, value in (*self._headers, date))
            self._before_length = f"HTTP/1.1 200 OK\r\n{lines}Content-Length: ".encode("ascii")
        return b"%b%d\r\n\r\n" % (self._before_length, len(body))


ANSWER_HEAD: Final = web.AppKey("ANSWER_HEAD", AnswerHead)
"""Where `guarded_app` puts the head of its application."""


class ReadyAnswer(JsonResponse):
    """A 200 with `body` in JSON, written as one piece; see the module. It takes no cookies."""

    _begun: AbstractStreamWriter | None = None

    def __init__(self, body: bytes) -> None:
        super().__init__(body)
        self._ready = body

    @property
    @override
    def keep_alive(self) -> bool | None:
        return super().keep_alive if self._begun is None else True

    @override
    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        if not (
            isinstance(request, web.Request)
            and request.keep_alive
            and request.version == HttpVersion11
            and request.method != hdrs.METH_HEAD
            and len(self.headers) == _HEADERS
        ):
            return await super().prepare(request)
        self._begun = writer = request.writer
        await writer.write(request.app[ANSWER_HEAD].of(self._ready) + self._ready)
        return writer

    @override
    async def write_eof(self, data: bytes = b"") -> None:
        if self._begun is None:
            await super().write_eof(data)
        else:
            await self._begun.write_eof()
