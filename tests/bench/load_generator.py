"""The clients of a bench, in a process of their own: prebuilt HTTP/1.1 over kept-alive sockets.

One JSON object per line on standard input is a wish, one per line on standard output its
outcome. The same code drives the product and its floor, so that what it costs is the same.

A *target* is `{port, connections: [[request, ...], ...], expect}`: each connection sends
its requests one after the other (together a *group*) as text in which `@@@@@@@@` stands for
a number that is never used twice; the last answer of a group must contain `expect`.

* `alternate {targets, rounds, pause_s}`: one connection per target; a group on the first
  target, a group on the next, and so on. Outcome: per target the nanoseconds of every group.
* `together {targets, groups}`: all connections of all targets at once, each `groups` times.
  Outcome: `wall_s`, and the nanoseconds of every request.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import socket
import sys
import time
from typing import Any, Final

_PLACE: Final = b"@@@@@@@@"
_NUMBERS: Final = itertools.count(int(time.time()) % 10_000 * 10_000)
_READ_BYTES: Final = 262_144


class UnexpectedAnswerError(Exception):
    """The server said something else than the bench is about."""


def _numbered(request: bytes) -> bytes:
    return request.replace(_PLACE, b"%08x" % next(_NUMBERS))


def _whole(answer: bytes) -> bool:
    head = answer.find(b"\r\n\r\n")
    if head < 0:
        return False
    at = answer.find(b"Content-Length: ", 0, head)
    end = answer.find(b"\r\n", at)
    return len(answer) >= head + 4 + int(answer[at + 16 : end])


def _check(answer: bytes, expect: bytes) -> None:
    if not answer.startswith(b"HTTP/1.1 200") or expect not in answer:
        raise UnexpectedAnswerError(answer[-600:].decode("latin-1"))


class _Line:
    """A blocking connection: the cheapest client there is."""

    def __init__(self, port: int, requests: list[str], expect: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._requests = [each.encode() for each in requests]
        self._expect = expect.encode()

    def group_ns(self) -> int:
        answer = b""
        ready = [_numbered(each) for each in self._requests]
        begun = time.perf_counter_ns()
        for request in ready:
            self._socket.sendall(request)
            answer = self._socket.recv(_READ_BYTES)
            while not _whole(answer):
                answer += self._socket.recv(_READ_BYTES)
        took = time.perf_counter_ns() - begun
        _check(answer, self._expect)
        return took

    def close(self) -> None:
        self._socket.close()


def alternate(wish: dict[str, Any]) -> dict[str, Any]:
    """Run groups on each target in turn."""
    lines = [
        _Line(target["port"], target["connections"][0], target["expect"])
        for target in wish["targets"]
    ]
    took: list[list[int]] = [[] for _ in lines]
    for _ in range(wish["rounds"]):
        for line, times in zip(lines, took, strict=True):
            times.append(line.group_ns())
            if wish["pause_s"]:
                time.sleep(wish["pause_s"])
    for line in lines:
        line.close()
    return {"ns": took}


class _Client(asyncio.Protocol):
    """A connection that runs its groups without a task of its own."""

    def __init__(self, requests: list[str], expect: str, groups: int, times: list[int]) -> None:
        self._requests = [each.encode() for each in requests]
        self._expect = expect.encode()
        self._left = groups
        self._times = times
        self._at = 0
        self._begun = 0
        self._answer = b""
        self._transport: asyncio.Transport | None = None
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def send(self) -> None:
        assert self._transport is not None
        request = _numbered(self._requests[self._at])
        self._begun = time.perf_counter_ns()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        answer = self._answer = self._answer + data if self._answer else data
        if not _whole(answer):
            return
        self._times.append(time.perf_counter_ns() - self._begun)
        self._answer = b""
        self._at += 1
        try:
            if self._at == len(self._requests):
                _check(answer, self._expect)
                self._at = 0
                self._left -= 1
            else:
                _check(answer, b"")
        except UnexpectedAnswerError as error:
            self.done.set_exception(error)
            return
        if self._left:
            self.send()
        else:
            self.done.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or UnexpectedAnswerError("the server hung up"))

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


async def together(wish: dict[str, Any]) -> dict[str, Any]:
    """Run all connections at once, each in a closed loop."""
    loop = asyncio.get_running_loop()
    times: list[int] = []
    clients: list[_Client] = []
    for target in wish["targets"]:
        for requests in target["connections"]:
            client = _Client(requests, target["expect"], wish["groups"], times)
            await loop.create_connection(lambda made=client: made, "127.0.0.1", target["port"])  # type: ignore[misc]
            clients.append(client)
    begun = time.perf_counter()
    for client in clients:
        client.send()
    await asyncio.gather(*(client.done for client in clients))
    wall = time.perf_counter() - begun
    for client in clients:
        client.close()
    return {"wall_s": wall, "ns": times}


def main() -> None:
    """Answer wishes until standard input ends."""
    for line in sys.stdin:
        wish = json.loads(line)
        begun = time.process_time()
        try:
            in_turn = wish["do"] == "alternate"
            outcome = alternate(wish) if in_turn else asyncio.run(together(wish))
        except (UnexpectedAnswerError, OSError) as error:
            outcome = {"error": f"{type(error).__name__}: {error}"}
        outcome["cpu_s"] = time.process_time() - begun
        print(json.dumps(outcome), flush=True)


if __name__ == "__main__":
    main()
