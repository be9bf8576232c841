"""The real replicator between a box, a real head office and real second copies."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import WSMessage, WSMsgType, web

from edge.contract.limits import FRAME_BODY_BYTES_MAX
from edge.contract.reference_data import Feed, FeedPage
from edge.contract.replication import (
    Ack,
    Budget,
    Challenge,
    FeedDown,
    Head,
    Hello,
    Kept,
    MendedProof,
    Proof,
    Resend,
    Welcome,
    ack_bytes,
    kept_bytes,
)
from edge.runtime.keys import SigningKey, load_or_create_key
from edge.runtime.structured_log import Log
from sync.keeper.box_directory import KnownBox
from sync.keeper.server import Keeper, running_keeper
from sync.keeper.settings import KeeperSettings, WebSettings
from sync.office.server import Office
from sync.replicator.main import all_connected
from sync.replicator.settings import SESSION_PATH, KeeperPeer, Peers
from tests.sync.fake_edge import NUMBER, STORE, TOKEN
from tests.sync.office.head_office import new_key
from tests.sync.replicator.shop import BriskClock
from tests.sync.test_both_ends import Ends, sale, until


def key_of(ends: Ends, name: str) -> SigningKey:
    return load_or_create_key(ends.folder / f"{name}.key")


@asynccontextmanager
async def keeper_of(ends: Ends, name: str, port: int = 0) -> AsyncIterator[Keeper]:
    folder = ends.folder / name
    folder.mkdir(exist_ok=True)
    settings = KeeperSettings(folder, ends.folder / f"{name}.key", web=WebSettings(port=port))
    async with running_keeper(settings, Log(ends.stream, BriskClock(), {})) as keeper:
        await keeper.boxes.add(KnownBox(NUMBER, STORE, ends.edge.key.public.hex, 1))
        yield keeper


@asynccontextmanager
async def linked(
    ends: Ends, office_port: int, **keepers: tuple[SigningKey, int]
) -> AsyncIterator[None]:
    peers = Peers(
        ends.edge.url,
        TOKEN,
        f"ws://127.0.0.1:{office_port}{SESSION_PATH}",
        None,
        tuple(
            KeeperPeer(f"ws://127.0.0.1:{port}{SESSION_PATH}", None, key.public.hex)
            for key, port in keepers.values()
        ),
    )
    clock = BriskClock()
    async with all_connected(peers, clock, Log(ends.stream, clock, {})) as replicators:
        tasks = [asyncio.create_task(each.run()) for each in replicators]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            assert all(isinstance(each, asyncio.CancelledError) for each in ended), ended


def kept_seq(ends: Ends, key: SigningKey) -> int:
    return max((w.kept.seq for w in ends.edge.kept if w.keeper == key.public.hex), default=0)


def log_of(ends: Ends, event: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in ends.stream.getvalue().splitlines()]
    return [line for line in lines if line["event"] == event]


@pytest.fixture
async def ends(tmp_path: Path) -> AsyncIterator[Ends]:
    both = Ends(tmp_path)
    await both.edge.start()
    yield both
    await both.edge.stop()


async def test_head_office_and_two_copies_get_the_same_each_on_its_own(ends: Ends) -> None:
    one, two = key_of(ends, "one"), key_of(ends, "two")
    ends.edge.frame_events = 3
    async with AsyncExitStack() as stack:
        office: Office = await stack.enter_async_context(ends.office())
        first = await stack.enter_async_context(keeper_of(ends, "one"))
        second = await stack.enter_async_context(keeper_of(ends, "two"))
        for number in range(5):
            ends.edge.record(*sale(f"s{number}", 100))
        await stack.enter_async_context(
            linked(ends, office.web.port, one=(one, first.web.port), two=(two, second.web.port))
        )
        total = len(ends.edge.events)
        await until(lambda: ends.edge.in_step and kept_seq(ends, one) == total)
        await until(lambda: kept_seq(ends, two) == total)
        ends.edge.record(*sale("later", 100))
        await until(lambda: kept_seq(ends, one) == kept_seq(ends, two) == total + 4)
        await until(lambda: ends.edge.in_step)
        heads = [await each.events.head(NUMBER, 1) for each in (first, second)]
        assert heads == [ends.edge.head_at(total + 4)] * 2
        # head office has what it had before there were copies: its own words, its own reports
        assert {each.keeper for each in ends.edge.links} == {""}
        assert {each.keeper for each in ends.edge.keeper_links} == {
            one.public.hex, two.public.hex,
        }  # fmt: skip
        assert all(each.settled_seq == 0 for each in ends.edge.acks)


async def test_a_copy_goes_on_for_weeks_without_head_office(ends: Ends) -> None:
    key = key_of(ends, "one")
    async with AsyncExitStack() as stack:
        keeper = await stack.enter_async_context(keeper_of(ends, "one"))
        # nobody listens at head office's address
        await stack.enter_async_context(linked(ends, 1, one=(key, keeper.web.port)))
        for number in range(30):
            ends.edge.record(*sale(f"s{number}", 100))
            await until(lambda: kept_seq(ends, key) == len(ends.edge.events))
        assert ends.edge.acks == []
        assert ends.edge.links[-1].state == "down"
        assert ends.edge.keeper_links[-1].state == "up"


async def test_head_office_goes_on_without_its_copy(ends: Ends) -> None:
    key = key_of(ends, "one")
    async with AsyncExitStack() as stack:
        office: Office = await stack.enter_async_context(ends.office())
        async with keeper_of(ends, "one") as keeper:
            port = keeper.web.port
            await stack.enter_async_context(linked(ends, office.web.port, one=(key, port)))
            ends.edge.record(*sale("s0", 100))
            await until(lambda: ends.edge.in_step and kept_seq(ends, key) == 4)
        for number in range(10):
            ends.edge.record(*sale(f"t{number}", 100))
            await until(lambda: ends.edge.in_step)
        assert kept_seq(ends, key) == 4
        await until(lambda: ends.edge.keeper_links[-1].state == "down")
        assert ends.edge.links[-1].state == "up"
        async with keeper_of(ends, "one", port):
            await until(lambda: kept_seq(ends, key) == len(ends.edge.events))


async def test_a_fork_at_a_copy_is_said_and_stops_nothing_else(ends: Ends) -> None:
    key = key_of(ends, "one")
    async with AsyncExitStack() as stack:
        office: Office = await stack.enter_async_context(ends.office())
        keeper = await stack.enter_async_context(keeper_of(ends, "one"))
        ends.edge.record(*sale("s0", 100))
        async with linked(ends, 1, one=(key, keeper.web.port)):
            await until(lambda: kept_seq(ends, key) == 4)
        kept = list(await keeper.events.read(0, 0, frames_max=99))
        ends.edge.forget(2)  # restored from an old copy, and sold before it was heard of
        ends.edge.record(*sale("other", 999))
        ends.edge.kept.clear()
        ends.edge.keeper_links.clear()
        await stack.enter_async_context(linked(ends, office.web.port, one=(key, keeper.web.port)))
        await until(lambda: ends.edge.in_step)
        await until(lambda: any("another" in each.reason for each in ends.edge.keeper_links))
        assert await keeper.events.read(0, 0, frames_max=99) == kept
        assert ends.edge.kept == []
        assert ends.edge.links[-1].state == "up"


Talk = Callable[[web.WebSocketResponse, Hello, Proof], Awaitable[None]]


@asynccontextmanager
async def played_keeper(talk: Talk) -> AsyncIterator[int]:
    """A second copy that says what a test wants it to, and hears frames only."""
    strange: list[WSMessage] = []

    async def session(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(max_msg_size=FRAME_BODY_BYTES_MAX)
        await socket.prepare(request)
        await socket.send_str(msgspec.json.encode(Challenge("n", ("digest",))).decode())
        hello = msgspec.json.decode((await socket.receive()).data, type=Hello)
        proof = msgspec.json.decode((await socket.receive()).data, type=Proof)
        await talk(socket, hello, proof)
        async for each in socket:
            if each.type is not WSMsgType.BINARY:
                strange.append(each)  # noqa: PERF401 - it is looked at before this ends
        return socket

    app = web.Application()
    app.router.add_get(SESSION_PATH, session)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield runner.addresses[0][1]
        assert strange == []
    finally:
        await runner.cleanup()


async def say(socket: web.WebSocketResponse, message: object) -> None:
    await socket.send_str(msgspec.json.encode(message).decode())


async def test_a_copy_that_plays_head_office_is_not_heard(ends: Ends) -> None:
    """No feed, no acknowledgement, no letter of its own comes past: it is on the shop's LAN.

    Nor is it told what is for head office alone, like the addresses in letters; and a budget of
    nothing, which it has no business to give, holds no frame up.
    """
    key = new_key()
    done = asyncio.Event()
    hellos: list[Hello] = []
    hears = ("letter", "feed_refused", "books_ready", "digest")

    async def talk(socket: web.WebSocketResponse, hello: Hello, _: Proof) -> None:
        hellos.append(hello)
        head = ends.edge.head_at(0)
        await say(socket, Welcome(NUMBER, head, 4, 0, (1,), hears, budget=0))
        await say(socket, Budget(0))
        await say(socket, FeedDown(FeedPage(Feed.PRICE, (), 9)))
        accepted = ends.edge.head_at(4)
        signature = key.sign(ack_bytes(STORE, accepted, 4, 1)).hex()
        await say(socket, Ack(STORE, accepted, 4, 1, signature))
        await say(socket, {"msg": "letter_taken", "ref": "x"})
        assert (await socket.receive()).type is WSMsgType.BINARY
        signature = key.sign(kept_bytes(STORE, key.public.hex, accepted, 1)).hex()
        await say(socket, Kept(STORE, accepted, 1, key.public.hex, signature))
        done.set()

    ends.edge.record(*sale("s0", 100))
    ends.edge.cursors, ends.edge.feed_version = {"price": 3}, 7
    # what there would be to tell
    await ends.edge.stop()
    ends.edge.digest, ends.edge.books, ends.edge.letters = b"{}", [("s", b"{}")], {1: "r"}
    await ends.edge.start()
    async with played_keeper(talk) as port, linked(ends, 1, one=(key, port)):
        async with asyncio.timeout(15):
            await done.wait()
        await until(lambda: kept_seq(ends, key) == 4)
    assert (ends.edge.pages, ends.edge.acks) == ([], [])
    assert (hellos[0].cursors, hellos[0].feed_version, hellos[0].hears) == ({}, 0, ())
    assert (ends.edge.books_asked, ends.edge.letters) == ([], {1: "r"})
    assert {line["kind"] for line in log_of(ends, "keeper_message_unknown")} == {
        "budget", "feed", "ack", "letter_taken",
    }  # fmt: skip


@pytest.mark.parametrize("shape", ["bytes", "garbage", "welcome twice", "far ahead", "resend"])
async def test_a_copy_out_of_its_mind_ends_its_own_session_only(ends: Ends, shape: str) -> None:
    key = new_key()
    talks = 0

    async def talk(socket: web.WebSocketResponse, _: Hello, __: Proof) -> None:
        nonlocal talks
        talks += 1
        welcome = Welcome(NUMBER, ends.edge.head_at(0), 0, 0, (1,))
        far = Head(1, 10_000, "ab" * 32)
        words: dict[str, object] = {
            "garbage": {"msg": "kept"},
            "welcome twice": welcome,
            "resend": Resend(far, "go on there"),
        }
        if shape == "far ahead":
            await say(socket, msgspec.structs.replace(welcome, head=far))
            return
        await say(socket, welcome)
        if shape == "bytes":
            await socket.send_bytes(b"frame?")
        else:
            await say(socket, words[shape])

    async with AsyncExitStack() as stack:
        office: Office = await stack.enter_async_context(ends.office())
        port = await stack.enter_async_context(played_keeper(talk))
        await stack.enter_async_context(linked(ends, office.web.port, one=(key, port)))
        for number in range(5):
            ends.edge.record(*sale(f"s{number}", 100))
            await until(lambda: ends.edge.in_step)
        await until(lambda: talks >= 1)
        if shape != "resend":
            await until(lambda: any(each.state == "down" for each in ends.edge.keeper_links))
        assert ends.edge.links[-1].state == "up"
        assert all(each.state == "up" for each in ends.edge.links)
        assert ends.edge.kept == []


async def test_a_mending_is_proved_to_second_copies_and_not_to_head_office(ends: Ends) -> None:
    key, office = new_key(), new_key()
    heard: dict[str, Hello] = {}
    everyone = asyncio.Event()

    def listener(name: str) -> Talk:
        async def talk(socket: web.WebSocketResponse, hello: Hello, _: Proof) -> None:
            heard[name] = hello
            await say(socket, Welcome(NUMBER, ends.edge.head_at(0), 0, 0, (1,)))
            if len(heard) == 2:
                everyone.set()

        return talk

    ends.edge.record(*sale("s0", 100))
    head = ends.edge.head_at(4)
    ends.edge.mended = MendedProof(2, head, 5, office.sign(b"").hex(), 2, head.hash, head)
    async with (
        played_keeper(listener("copy")) as copy_port,
        played_keeper(listener("office")) as office_port,
        linked(ends, office_port, one=(key, copy_port)),
        asyncio.timeout(15),
    ):
        await everyone.wait()
    assert heard["copy"].mended == ends.edge.mended
    assert heard["office"].mended is None
