from __future__ import annotations

import random

import pytest

from devices.protocols.http_exchange import HttpAnswer, HttpClient
from edge.contract.device_limits import (
    NEXO_BODY_BYTES_MAX,
)
from edge.contract.errors import ProtocolViolation

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
CASES: dict[str, tuple[bytes, HttpAnswer]] = {
    "content length": (OK, HttpAnswer(200, b"body", last=False)),
    "chunked": (
        CHUNKED + b"3\r\nbod\r\n1;x=y\r\ny\r\n0\r\nX-Trailer: 1\r\n\r\n",
        HttpAnswer(200, b"body", last=False),
    ),
    "empty": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        HttpAnswer(200, b"", last=False),
    ),
    "no content": (b"HTTP/1.1 204 No Content\r\n\r\n", HttpAnswer(204, b"", last=False)),
    "says it closes": (
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbody",
        HttpAnswer(200, b"body", last=True),
    ),
    "old version": (
        b"HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\nbody",
        HttpAnswer(200, b"body", last=True),
    ),
    "refused": (
        b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 2\r\n\r\n{}",
        HttpAnswer(401, b"{}", last=False),
    ),
    "interim first": (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, HttpAnswer(200, b"body", last=False)),
}


def asked() -> HttpClient:
    client = HttpClient("192.0.2.30:8443")
    client.post("/nexo", b"{}")
    return client


def test_a_request_is_written_as_the_terminal_wants_it() -> None:
    client = HttpClient("192.0.2.30:8443")
    assert client.can_ask
    assert client.post("/nexo", b'{"a":1}') == (
        b"POST /nexo HTTP/1.1\r\nHost: 192.0.2.30:8443\r\n"
        b'Content-Type: application/json\r\nContent-Length: 7\r\n\r\n{"a":1}'
    )
    assert not client.can_ask


@pytest.mark.parametrize("name", CASES)
def test_an_answer_comes_whole_or_byte_by_byte(name: str) -> None:
    data, answer = CASES[name]
    client = asked()
    client.feed(data)
    assert client.next_answer() == answer
    assert client.next_answer() is None
    client = asked()
    for at in range(len(data)):
        assert client.next_answer() is None
        client.feed(data[at : at + 1])
    assert client.next_answer() == answer


def test_a_second_request_has_an_answer_of_its_own() -> None:
    client = asked()
    client.feed(OK)
    assert client.next_answer() is not None
    assert client.can_ask
    assert b"second" in client.post("/nexo", b"second")
    assert client.next_answer() is None
    client.feed(OK.replace(b"body", b"more"))
    answer = client.next_answer()
    assert answer is not None
    assert answer.body == b"more"


def test_an_answer_that_ends_with_the_connection_is_the_last() -> None:
    client = asked()
    client.feed(b"HTTP/1.1 200 OK\r\n\r\nbo")
    client.feed(b"dy")
    assert client.next_answer() is None
    client.feed(b"")
    assert client.next_answer() == HttpAnswer(200, b"body", last=True)
    assert not client.can_ask


def test_an_answer_broken_off_is_none() -> None:
    client = asked()
    client.feed(OK[:-1])
    client.feed(b"")
    with pytest.raises(ProtocolViolation, match="makes no sense"):
        client.next_answer()


def test_a_second_answer_behind_the_first_ends_the_connection() -> None:
    client = asked()
    client.feed(OK + OK)
    assert client.next_answer() == HttpAnswer(200, b"body", last=True)
    with pytest.raises(ProtocolViolation, match="without being asked"):
        client.feed(b"HTTP")


def test_who_speaks_unasked_is_not_listened_to() -> None:
    with pytest.raises(ProtocolViolation, match="without being asked"):
        HttpClient("x").feed(OK)


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 20_000,
        b"HTTP/1.1 100 Continue\r\n\r\n" * 17,
        b"\x00\x01\x02\r\n\r\n",
    ],
    ids=[
        "no http",
        "no status",
        "two lengths",
        "below zero",
        "no chunk",
        "long head",
        "1xx",
        "bin",
    ],
)
def test_what_makes_no_sense_is_told(data: bytes) -> None:
    client = asked()
    client.feed(data)
    with pytest.raises(ProtocolViolation, match="makes no sense"):
        client.next_answer()


@pytest.mark.parametrize("way", ["length", "chunks", "end"])
def test_an_answer_too_long_is_cut_off(way: str) -> None:
    client = asked()
    head = {
        "length": b"Content-Length: 999999999\r\n\r\n",
        "chunks": b"Transfer-Encoding: chunked\r\n\r\nFFFFFFF\r\n",
        "end": b"\r\n",
    }[way]
    client.feed(b"HTTP/1.1 200 OK\r\n" + head)
    piece = b"x" * 4096
    for _ in range(NEXO_BODY_BYTES_MAX // len(piece)):
        client.feed(piece)
        assert client.next_answer() is None
    client.feed(piece)
    with pytest.raises(ProtocolViolation, match="too long"):
        client.next_answer()


def test_garbage_is_told_or_waited_for_and_nothing_else() -> None:
    chance = random.Random(20_261_127)
    whole = [data for data, _ in CASES.values()]
    for _ in range(3_000):
        data = bytearray(chance.choice(whole))
        for _ in range(chance.randint(1, 8)):
            at = chance.randrange(len(data))
            data[at : at + chance.randint(0, 3)] = chance.randbytes(chance.randint(0, 3))
        client = asked()
        try:
            for start in range(0, len(data), 7):
                client.feed(bytes(data[start : start + 7]))
                while client.next_answer() is not None:
                    pass
        except ProtocolViolation:
            continue
