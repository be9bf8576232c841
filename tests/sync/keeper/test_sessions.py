"""What a box meets at a second copy: kept and acknowledged, or refused in words."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from typing_extensions import override

from edge.contract.errors import ProtocolViolation, Refused
from edge.contract.limits import (
    FRAME_COMPRESSED_BYTES_MAX,
    FRAME_RAW_BYTES_MAX,
    UPLOAD_TAIL_EVENTS_MAX,
)
from edge.contract.reference_data import Feed
from edge.contract.replication import (
    BUDGET,
    HEADER_BYTES,
    Denied,
    FeedTaken,
    Head,
    Kept,
    Resend,
    ack_bytes,
    kept_bytes,
    proof_bytes,
)
from edge.contract.system_events import GenerationOpened
from edge.runtime.system_clock import SystemClock
from tests.sync.keeper.second_copy import SecondCopy, keep
from tests.sync.office.head_office import Box, new_key


@pytest.fixture
async def box() -> Box:
    box = Box()
    for number in range(4):
        box.sell(f"sale-{number}")
    return box


@pytest.fixture
async def copy(tmp_path: Path, box: Box) -> AsyncIterator[SecondCopy]:
    async with keep(tmp_path / "keep", box) as copy:
        yield copy


def verify(word: Kept, copy: SecondCopy) -> None:
    signed = kept_bytes(word.store, word.keeper, word.kept, word.at)
    copy.key.public.verify(bytes.fromhex(word.signature), signed)


async def test_frames_are_kept_as_they_came_and_the_word_is_signed(
    copy: SecondCopy, box: Box
) -> None:
    first, second = box.frame(0, 6), box.frame(6)
    async with copy.session(box) as (line, welcome):
        assert (welcome.head.seq, welcome.settled_seq, welcome.hears) == (0, 0, ())
        word = await line.upload(first)
        assert word.kept.seq == 6
        verify(word, copy)
        word = await line.upload(second)
    assert (word.kept, word.keeper, word.store) == (box.head, copy.key.public.hex, box.store)
    verify(word, copy)
    kept = await copy.keeper.events.read(0, 0, frames_max=9)
    assert [each.body for each in kept] == [first, second]
    async with copy.session(box) as (_, welcome):
        assert welcome.head == box.head


async def test_a_backlog_waits_for_no_turn_whatever_the_box_hears(
    copy: SecondCopy, box: Box
) -> None:
    for number in range(UPLOAD_TAIL_EVENTS_MAX // 4):
        box.sell(f"backlog-{number}")
    half = len(box.bodies) // 2
    async with copy.session(box, hears=(BUDGET,)) as (line, welcome):
        assert welcome.budget is None
        assert (await line.upload(box.frame(0, half))).kept.seq == half
        assert (await line.upload(box.frame(half))).kept == box.head
        assert [type(word).__name__ for word in line.heard] == [
            "Challenge", "Welcome", "Kept", "Kept",
        ]  # fmt: skip


async def test_its_word_never_passes_for_head_office_s(copy: SecondCopy, box: Box) -> None:
    async with copy.session(box) as (line, _):
        word = await line.upload(box.frame())
    for settled in (0, word.kept.seq):
        with pytest.raises(ProtocolViolation, match="signature"):
            copy.key.public.verify(
                bytes.fromhex(word.signature), ack_bytes(word.store, word.kept, settled, word.at)
            )
    # literally: what is signed says which word it is, and by whom
    key = copy.key.public.hex
    assert kept_bytes("s", key, Head(1, 2, "00" * 32), 5) == (
        f"tillbox kept v1|s|{key}|1|2|{'00' * 32}|5".encode()
    )
    assert await copy.keeper.events.settled(box.number) == 0


async def test_what_a_box_signs_for_head_office_opens_nothing_here(
    copy: SecondCopy, box: Box
) -> None:
    for wrong in (
        lambda nonce: proof_bytes(box.store, nonce, box.key.public.hex),
        lambda nonce: (
            f"tillbox hello keeper v1|{box.store}|{nonce}|{box.key.public.hex}|{'ab' * 32}".encode()
        ),
    ):
        async with copy.line(box, signed=wrong) as line:
            assert (await line.hear(Denied)).code == "proof_wrong"


async def test_a_repeat_is_nothing_and_a_gap_is_answered_with_the_head(
    copy: SecondCopy, box: Box
) -> None:
    async with copy.session(box) as (line, _):
        await line.upload(box.frame(0, 6))
        assert (await line.upload(box.frame(2, 5))).kept.seq == 6
        await line.send(box.frame(8))
        resend = await line.hear(Resend)
        assert (resend.head.seq, "Event 7 is next" in resend.reason) == (6, True)
        assert (await line.hear(Kept)).kept.seq == 6
        await line.send(box.frame(4, 9))
        assert (await line.hear(Resend)).head.seq == 6
        assert (await line.hear(Kept)).kept.seq == 6
        assert (await line.upload(box.frame(6))).kept == box.head
    assert len(await copy.keeper.events.read(0, 0, frames_max=9)) == 2


async def test_another_history_is_refused_and_what_is_here_stays(
    copy: SecondCopy, box: Box
) -> None:
    async with copy.session(box) as (line, _):
        await line.upload(box.frame(0, 8))
    clone = Box(key=box.key, bodies=box.bodies[:6])
    for number in range(3):
        clone.sell(f"other-{number}", 999)
    async with copy.session(clone) as (line, _):
        await line.send(clone.frame(4))
        denied = await line.hear(Denied)
    assert (denied.code, "than the second copy at event 8" in denied.message) == ("fork", True)
    assert await copy.alarms(box) == ["fork"]
    assert (await copy.head(box)).seq == 8
    async with copy.session(box) as (line, _):  # the one whose history is here goes on
        assert (await line.upload(box.frame(8))).kept == box.head


async def test_a_restored_box_is_refused_before_it_sends_anything(
    copy: SecondCopy, box: Box
) -> None:
    async with copy.session(box) as (line, _):
        await line.upload(box.frame())
    old = Box(key=box.key, bodies=box.bodies[:5])
    async with copy.line(old) as line:
        denied = await line.hear(Denied)
    assert (denied.code, "restored from an old copy" in denied.message) == ("behind", True)
    old.bodies[4] += b" "
    async with copy.line(old) as line:
        assert (await line.hear(Denied)).code == "fork"
    assert sorted(await copy.alarms(box)) == ["behind", "fork"]


async def test_only_the_box_that_it_was_told_of_is_let_in(copy: SecondCopy, box: Box) -> None:
    stranger = Box(store="elsewhere", number=9)
    other = Box(key=new_key(), bodies=box.bodies)
    answers = []
    for each in (stranger, other):
        async with copy.line(each) as line:
            answers.append(await line.hear(Denied))
    assert [each.code for each in answers] == ["box_not_registered"] * 2
    assert answers[0].message.replace("elsewhere", "") == answers[1].message.replace(box.store, "")
    assert await copy.alarms(box) == ["box_unknown"]
    async with copy.line(box, signer=new_key()) as line:
        assert (await line.hear(Denied)).code == "proof_wrong"
    async with copy.line(box, nonce="another") as line:
        assert (await line.hear(Denied)).code == "nonce_wrong"


async def test_a_frame_that_is_damaged_foreign_or_a_bomb_is_refused_whole(
    copy: SecondCopy, box: Box
) -> None:
    good = box.frame()
    far = Box(number=2, key=box.key, bodies=list(box.bodies))
    header = bytearray(good[:HEADER_BYTES])
    header[24:28] = (FRAME_RAW_BYTES_MAX + 1).to_bytes(4, "big")
    cases = {
        good[:-1]: "signature_wrong",
        good[:50]: "frame_malformed",
        b"\0" * 300: "frame_malformed",
        bytes(header) + good[HEADER_BYTES:]: "frame_malformed",
        good[: HEADER_BYTES + 5] + b"!" + good[HEADER_BYTES + 6 :]: "signature_wrong",
        box.frame(sign=new_key().sign): "signature_wrong",
        far.frame(): "frame_of_other_store",
        box.frame(gen=2): "frame_of_other_generation",
        good + bytes(FRAME_COMPRESSED_BYTES_MAX): "frame_malformed",
    }
    for frame, code in cases.items():
        denied = await copy.denied(box, frame)
        assert denied.code == code, denied
    assert (await copy.head(box)).seq == 0
    assert await copy.keeper.events.read(0, 0, frames_max=9) == []


async def test_a_bad_frame_takes_the_good_ones_before_it_along(copy: SecondCopy, box: Box) -> None:
    async with copy.session(box) as (line, _):
        await line.upload(box.frame(0, 4))
        await line.send(box.frame(4, 8), box.frame(8)[:-1])
        while not isinstance(await line.next(), Denied):
            pass
    assert (await copy.head(box)).seq == 8


async def test_nothing_but_frames_is_taken(copy: SecondCopy, box: Box) -> None:
    async with copy.session(box) as (line, _):
        await line.say(FeedTaken(Feed.PRICE, 1))
        assert (await line.hear(Denied)).code == "out_of_turn"
    async with copy.session(box) as (line, _):
        await line.socket.send_str("{")
        assert (await line.hear(Denied)).code == "message_malformed"


async def test_a_newer_session_of_a_box_ends_the_older_one(copy: SecondCopy, box: Box) -> None:
    async with copy.session(box) as (older, _):
        await older.upload(box.frame(0, 4))
        async with copy.session(box) as (newer, _):
            assert (await older.hear(Denied)).code == "replaced"
            assert (await newer.upload(box.frame(4))).kept == box.head


class OldClock(SystemClock):
    """Ten years behind."""

    @override
    def now_ms(self) -> int:
        return super().now_ms() - 10 * 365 * 86_400_000


async def test_a_clock_that_is_off_by_years_changes_nothing(tmp_path: Path, box: Box) -> None:
    async with keep(tmp_path / "keep", box, clock=OldClock()) as copy:
        async with copy.session(box) as (line, _):
            assert (await line.upload(box.frame())).kept == box.head
        async with copy.session(box, clock=-(2**60)) as (_, welcome):
            assert welcome.head == box.head


async def test_a_box_in_another_one_s_place_goes_on_with_its_history(
    copy: SecondCopy, box: Box
) -> None:
    async with copy.session(box) as (line, _):
        await line.upload(box.frame(0, 10))
    new = Box(gen=2, bodies=list(box.bodies))
    new.record(
        GenerationOpened(
            parent_gen=1, parent_seq=box.head.seq, parent_hash=box.head.hash, source="a copy"
        )
    )
    async with copy.line(new) as line:
        assert (await line.hear(Denied)).code == "box_not_registered"
    for _ in range(2):
        await copy.keeper.boxes.replace(box.store, new.key.public.hex, 2)
    with pytest.raises(Refused, match="generation 2"):
        await copy.keeper.boxes.replace(box.store, box.key.public.hex, 3)
    with pytest.raises(Refused, match="No box of store"):
        await copy.keeper.boxes.replace("nowhere", new_key().public.hex, 3)
    async with copy.line(box) as line:
        assert (await line.hear(Denied)).code == "box_not_registered"
    async with copy.session(new) as (line, welcome):
        assert welcome.head.seq == 10
        await line.upload(new.frame(10, box.head.seq, gen=1))
        assert (await line.upload(new.frame(box.head.seq))).kept == new.head
    assert [each.gen for each in await copy.keeper.boxes.before(1)] == [1]


async def test_two_stores_are_kept_apart(copy: SecondCopy, box: Box) -> None:
    far = Box(store="far-street", number=2)
    far.sell("far")
    await copy.add(far)
    async with copy.session(box) as (one, _), copy.session(far) as (two, _):
        await one.upload(box.frame())
        await two.upload(far.frame())
    assert (await copy.head(box), await copy.head(far)) == (box.head, far.head)


async def test_health_says_what_is_wrong_and_no_names(copy: SecondCopy, box: Box) -> None:
    url = f"{copy.keeper.web.origin}/health"
    async with copy.http.get(url) as response:
        assert response.status == 200
        assert [each["name"] for each in (await response.json())["items"]] == ["database"]
    async with copy.session(box) as (line, _):
        await line.upload(box.frame())
    async with copy.line(Box(key=box.key, bodies=box.bodies[:5])) as line:
        await line.hear(Denied)
    async with copy.http.get(url) as response:
        text = await response.text()
    assert '"boxes"' in text
    assert box.store not in text
    async with copy.http.get(f"{copy.keeper.web.origin}/metrics") as response:
        assert 'tillbox_keeper_frames_total{outcome="new"} 1' in await response.text()


def test_a_word_that_is_no_key_is_no_word() -> None:
    word = {"msg": "kept", "store": "s", "kept": {"gen": 1, "seq": 1, "hash": "0" * 64}, "at": 1}
    for keeper in ("", "zz", "AB" * 32, "ab" * 31, "ab" * 32 + "\n"):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert({**word, "keeper": keeper, "signature": ""}, Kept)
