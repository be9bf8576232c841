"""A mail server as RFC 5321 has it, written in the opposite role: it keeps what it took.

`script` says what it does at a command instead: an answer, `DROP` (the line is gone), or `HANG`.
"""

from __future__ import annotations

import asyncio
import base64
import ssl
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Self

DROP = "drop"
HANG = "hang"
CRLF = b"\r\n"


class _DroppedError(Exception):
    """It went away, on purpose."""


@dataclass
class SmtpServer:
    """Serves on loopback. `users` may sign in, and must when there are any."""

    tls: ssl.SSLContext | None = None
    users: dict[str, str] = field(default_factory=dict)
    script: dict[str, list[str]] = field(default_factory=dict)
    mails: list[tuple[str, str, EmailMessage]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    greeted_as: str = ""
    port: int = 0
    _server: asyncio.Server | None = None
    _talks: set[asyncio.Task[None]] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for talk in self._talks:
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)
        await self._server.wait_closed()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._talks.add(task)
        try:
            await _Talk(self, reader, writer).run()
        except (_DroppedError, ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._talks.discard(task)
            writer.transport.abort()


@dataclass
class _Talk:
    server: SmtpServer
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    secured: bool = False
    known: bool = False
    sender: str = ""
    to: str = ""

    async def run(self) -> None:
        await self.answer("connect", "220 mx.example.org ESMTP")
        while True:
            line = (await self.reader.readuntil(CRLF)).decode().rstrip()
            word = line.partition(" ")[0].upper()
            self.server.said.append(word)
            if word == "QUIT":
                await self.answer("quit", "221 bye")
                return
            await self.hear(word, line)

    async def hear(self, word: str, line: str) -> None:
        if word == "EHLO":
            self.server.greeted_as = line.split()[1]
            secure = ["STARTTLS"] if self.server.tls and not self.secured else []
            offers = ["mx.example.org", *secure, "AUTH PLAIN", "8BITMIME"]
            lines = [f"250-{offer}" for offer in offers[:-1]] + [f"250 {offers[-1]}"]
            await self.answer("ehlo", "\r\n".join(lines))
        elif word == "STARTTLS":
            await self.answer("starttls", "220 go on")
            assert self.server.tls is not None
            await self.writer.start_tls(self.server.tls)
            self.secured = True
        elif word == "AUTH":
            _, user, password = base64.b64decode(line.split()[2]).decode().split("\0")
            self.known = self.server.users.get(user) == password
            await self.answer("auth", "235 welcome" if self.known else "535 5.7.8 wrong password")
        elif word == "MAIL":
            missing = self.server.users and not self.known
            self.sender = line.partition("<")[2].partition(">")[0]
            await self.answer("mail", "530 5.7.0 sign in first" if missing else "250 ok")
        elif word == "RCPT":
            self.to = line.partition("<")[2].partition(">")[0]
            await self.answer("rcpt", "250 ok")
        elif word == "DATA":
            await self.data()
        else:
            await self.answer(word.lower(), "250 ok")

    async def data(self) -> None:
        refusal = self.next("data")
        await self.say(refusal or "354 go ahead")
        if refusal:
            return
        if self.next("body") == DROP:
            await self.reader.readexactly(40)
            raise _DroppedError
        body = await self.reader.readuntil(b"\r\n.\r\n")
        mail = message_from_bytes(body[:-3].replace(b"\r\n..", b"\r\n."), policy=default)
        assert isinstance(mail, EmailMessage)
        verdict = self.next("end") or "250 taken"
        if verdict.startswith("250") or verdict == DROP:
            self.server.mails.append((self.sender, self.to, mail))  # it is ours from here on
        await self.say(verdict)

    def next(self, step: str) -> str:
        plan = self.server.script.get(step, [])
        return plan.pop(0) if plan else ""

    async def answer(self, step: str, usual: str) -> None:
        await self.say(self.next(step) or usual)

    async def say(self, words: str) -> None:
        if words == DROP:
            raise _DroppedError
        if words == HANG:
            await asyncio.sleep(3_600)
        self.writer.write(words.encode() + CRLF)
        await self.writer.drain()
