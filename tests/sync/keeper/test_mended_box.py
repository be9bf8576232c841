"""A box whose history head office mended comes to its second copy, which follows, or refuses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge.contract.envelope import GENESIS, link_all
from edge.contract.replication import Denied, Head, Hello, Welcome
from edge.runtime.history_file import read_history
from sync.appending.denial import DeniedError
from tests.sync.keeper.mended_story import FORK, PARENT, Story, in_frames, kept_bodies, send
from tests.sync.keeper.second_copy import SecondCopy, keep
from tests.sync.keeper.test_keep_command import tillbox
from tests.sync.office.head_office import AT, Box, new_key


@pytest.fixture
def story() -> Story:
    box = Box()
    for number in range(4):
        box.sell(f"sale-{number}")
    return Story(box)


@pytest.fixture
async def copy(tmp_path: Path, story: Story) -> AsyncIterator[SecondCopy]:
    async with keep(
        tmp_path / "keep", story.before, office_key=story.office.public.hex
    ) as second_copy:
        yield second_copy


def status(copy: SecondCopy, capsys: pytest.CaptureFixture[str]) -> str:
    config = copy.settings.data_dir.parent / "keep.toml"
    config.write_text('data_dir = "keep"\nsigning_key_file = "keep/keep.key"\n')
    capsys.readouterr()
    assert tillbox(config, "status") == 0
    return capsys.readouterr().out


def export(copy: SecondCopy, *words: str) -> list[bytes]:
    config = copy.settings.data_dir.parent / "keep.toml"
    config.write_text('data_dir = "keep"\nsigning_key_file = "keep/keep.key"\n')
    out = copy.settings.data_dir.parent / "out.history"
    out.unlink(missing_ok=True)
    assert tillbox(config, "export", *words, "--out", out) == 0
    return list(read_history(out).frames())


async def test_what_only_the_copy_has_is_set_aside_whole_and_told(
    copy: SecondCopy, story: Story, capsys: pytest.CaptureFixture[str]
) -> None:
    """It has more of the history before than head office had: the box lost that for good."""
    await send(copy, story.before, 5, 10, PARENT)
    before = in_frames(story.before, 5, 10, PARENT)
    # the copy of the box that came first is refused
    async with copy.line(story.copy) as line:
        assert (await line.hear(Denied)).code == "fork"
    assert await copy.alarms(story.before) == ["fork"]
    welcome = await send(copy, story.mended, 20, mended=story.proof())
    # what both have is not sent again
    assert welcome.head == story.parent
    assert (await kept_bodies(copy))[:3] == before[:3]
    assert await copy.alarms(story.before) == ["branch_aside"]
    said = await asyncio.to_thread(status, copy, capsys)
    assert "generation 2" in said
    assert "events 13 to 16 of generation 1 are set aside as 1" in said
    assert "! The history of box harbour-street was mended." in said
    assert "keep export --set-aside 1" in said
    assert await asyncio.to_thread(export, copy, "--set-aside", "1") == before
    assert await asyncio.to_thread(export, copy) == await kept_bodies(copy)
    # it goes on as any box does, and says its proof each time
    story.mended.sell("after")
    welcome = await send(copy, story.mended, mended=story.proof())
    assert welcome.head.seq == len(story.mended.bodies) - 4
    assert copy.log.getvalue().count('"history_followed"') == 1


async def test_what_the_box_took_up_again_is_set_aside_without_an_alarm(
    copy: SecondCopy, story: Story, capsys: pytest.CaptureFixture[str]
) -> None:
    """The copy was begun with the restored box."""
    await send(copy, story.copy, 5, FORK, 10)
    frames = in_frames(story.copy, 5, FORK, 10)
    welcome = await send(copy, story.mended, mended=story.proof())
    assert welcome.head.seq == FORK
    assert await copy.alarms(story.before) == []
    said = await asyncio.to_thread(status, copy, capsys)
    assert "events 9 to 16 of generation 1 are set aside as 1; the box took its sales up" in said
    assert await asyncio.to_thread(export, copy, "--set-aside", "1") == frames


async def test_a_copy_that_was_behind_has_all_of_its_branch_again(
    copy: SecondCopy, story: Story, capsys: pytest.CaptureFixture[str]
) -> None:
    part = Box(story.before.store, 1, 1, story.before.key, story.before.bodies[:10])
    await send(copy, part, FORK)
    async with copy.session(story.mended, mended=story.proof()) as (line, welcome):
        assert welcome.head.seq == FORK
        assert await copy.alarms(story.before) == ["branch_aside"]
        for frame in in_frames(story.mended, 9, first=FORK):
            await line.upload(frame)
        # events 9 and 10 came from head office: the alarm is over in this very session
        assert await copy.alarms(story.before) == []
    said = await asyncio.to_thread(status, copy, capsys)
    assert "events 9 to 10 of generation 1 are set aside as 1; by now the new history" in said


async def test_nothing_is_set_aside_where_all_of_it_belongs_to_both(
    copy: SecondCopy, story: Story
) -> None:
    part = Box(story.before.store, 1, 1, story.before.key, story.before.bodies[:FORK])
    await send(copy, part)
    welcome = await send(copy, story.mended, mended=story.proof())
    assert welcome.head.seq == FORK
    assert await copy.keeper.file.read(
        lambda db: db.execute("SELECT count(*) FROM branch_aside").fetchone()
    ) == (0,)


async def test_a_copy_that_has_nothing_yet_takes_all_of_it(copy: SecondCopy, story: Story) -> None:
    welcome = await send(copy, story.mended, 5, mended=story.proof())
    assert welcome.head.seq == 0
    assert await copy.alarms(story.before) == []


async def test_a_frame_that_reaches_over_the_fork_is_set_aside_and_sent_anew(
    copy: SecondCopy, story: Story
) -> None:
    await send(copy, story.before)
    frames = in_frames(story.before)
    welcome = await send(copy, story.mended, 11, mended=story.proof())
    assert welcome.head.seq == 0
    assert await asyncio.to_thread(export, copy, "--set-aside", "1") == frames
    assert await copy.head(story.mended) == story.mended.head


async def test_mended_twice_each_branch_can_be_written_whole(
    copy: SecondCopy, story: Story
) -> None:
    await send(copy, story.before, 5, FORK, PARENT)
    frames = in_frames(story.before, 5, FORK, PARENT)
    await send(copy, story.mended, 15, mended=story.proof())
    second = in_frames(story.mended, 15, first=PARENT)
    # restored again, to before the first mending; head office has a part of the second generation
    office = story.mended.bodies[:17]
    again = story.mended_from(story.copy, office, 3)
    parent = Head(2, 17, link_all(GENESIS, office).hex())
    proof = story.proof(gen=3, parent=parent)
    welcome = await send(copy, again, mended=proof)
    assert welcome.head.seq == 15
    assert await asyncio.to_thread(export, copy, "--set-aside", "1") == frames
    assert await asyncio.to_thread(export, copy, "--set-aside", "2") == [*frames[:3], *second]
    # it was let in under the generation before: it is an older box now
    async with copy.line(story.mended, mended=story.proof()) as line:
        assert (await line.hear(Denied)).code == "frame_of_other_generation"


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "signed by nobody": ({"signature": "00" * 64}, "did not sign"),
    "no signature": ({"signature": "zz"}, "did not sign"),
    "signed by another head office": ({"office": new_key()}, "did not sign"),
    "for another store": ({"store": "elsewhere"}, "did not sign"),
    "for the box with another key": ({"box": "ab" * 32}, "did not sign"),
    "for another generation": ({"gen": 3}, "but it is in 2"),
    "behind more than the box has": ({"parent": Head(1, 99, "ab" * 32)}, "but it is in 2"),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_without_the_proof_nothing_changes(copy: SecondCopy, story: Story, case: str) -> None:
    changed, words = REFUSED[case]
    await send(copy, story.before, 5, PARENT)
    before = await kept_bodies(copy)
    async with copy.line(story.mended, mended=story.proof(**changed)) as line:
        denied = await line.hear(Denied)
    assert (denied.code, words in denied.message) == ("mended_unproven", True), denied
    assert await kept_bodies(copy) == before
    assert await copy.alarms(story.before) == ["mended_unproven"]
    (known,) = await copy.keeper.boxes.all()
    assert known.gen == 1
    # the right proof is believed after all, and the alarm is over
    await send(copy, story.mended, mended=story.proof())
    assert "mended_unproven" not in await copy.alarms(story.before)


async def test_a_signature_counts_for_the_very_parent(copy: SecondCopy, story: Story) -> None:
    await send(copy, story.before, 5, PARENT)
    other = Head(1, 5, link_all(GENESIS, story.before.bodies[:5]).hex())
    forged = msgspec.structs.replace(story.proof(), parent=other)
    async with copy.line(story.mended, mended=forged) as line:
        assert (await line.hear(Denied)).code == "mended_unproven"


async def test_strangers_and_older_boxes_get_nothing(copy: SecondCopy, story: Story) -> None:
    await send(copy, story.before, 5, PARENT)
    before = await kept_bodies(copy)
    thief = new_key()
    stranger = Box(story.mended.store, 1, 2, thief, story.mended.bodies)
    # with the key of another box, whatever head office signed for it
    for proof in (story.proof(), story.proof(box=thief.public.hex)):
        async with copy.line(stranger, mended=proof) as line:
            assert (await line.hear(Denied)).code == "box_not_registered"
    # with the name of this box's key, and no such key
    async with copy.line(story.mended, mended=story.proof(), signer=thief) as line:
        assert (await line.hear(Denied)).code == "proof_wrong"
    # a box that says nothing of a mending, as one of an older version
    async with copy.line(story.mended) as line:
        assert (await line.hear(Denied)).code == "frame_of_other_generation"
    assert await kept_bodies(copy) == before
    await send(copy, story.mended, mended=story.proof())
    before = await kept_bodies(copy)
    for older in (story.before, story.copy):
        for proof in (None, story.proof(gen=1), story.proof()):
            async with copy.line(older, mended=proof) as line:
                assert (await line.hear(Denied)).code == "frame_of_other_generation"
    assert await kept_bodies(copy) == before


async def test_without_head_offices_key_it_says_what_to_do_and_follows_once_it_has_it(
    tmp_path: Path, story: Story, capsys: pytest.CaptureFixture[str]
) -> None:
    async with keep(tmp_path / "keep", story.before) as copy:
        await send(copy, story.before, 5, PARENT)
        before = await kept_bodies(copy)
        async with copy.line(story.mended, mended=story.proof()) as line:
            denied = await line.hear(Denied)
        assert (denied.code, "Write office_key" in denied.message) == ("mended_unproven", True)
        assert await kept_bodies(copy) == before
        assert "! The box of store" in await asyncio.to_thread(status, copy, capsys)
    async with keep(tmp_path / "keep", office_key=story.office.public.hex) as copy:
        await send(copy, story.mended, mended=story.proof())
        assert await copy.alarms(story.before) == ["branch_aside"]


async def test_frames_lead_through_where_head_office_gave_the_generation(
    copy: SecondCopy, story: Story
) -> None:
    """Whoever has the box's key and the proof cannot slip another history under it."""
    await send(copy, story.before, 5, FORK)
    async with copy.session(story.mended, mended=story.proof()) as (_, welcome):
        assert welcome.head.seq == FORK
    head = welcome.head
    other = Box(story.mended.store, 1, 2, story.mended.key, list(story.copy.bodies))
    assert (await copy.denied(other, other.frame(FORK, PARENT, gen=1))).code == "fork"
    assert (await copy.denied(other, other.frame(FORK, 10, gen=2))).code == "fork"
    assert (await copy.denied(other, other.frame(FORK, 14, gen=1))).code == "fork"
    assert await copy.head(story.mended) == head
    good = story.mended
    async with copy.session(good, mended=story.proof()) as (line, _):
        await line.upload(good.frame(FORK, PARENT, gen=1))
    # behind the parent nothing of the old generation comes any more
    old = Box(good.store, 1, 2, good.key, story.before.bodies)
    refused = await copy.denied(old, old.frame(PARENT, gen=1))
    assert refused.code == "frame_of_other_generation"
    await send(copy, good, mended=story.proof())


async def test_a_session_of_the_old_history_appends_nothing_more(
    copy: SecondCopy, story: Story
) -> None:
    """Two boxes with one key: the mended one comes while the other sends."""
    await send(copy, story.before, 5, PARENT)
    async with copy.session(story.before):
        visit = copy.keeper.sessions._sessions[story.before.store].visit
        intake = visit.enter(hello_of(story.before), story.before.head)
        async with intake.room([b""]):
            pass
    await send(copy, story.mended, mended=story.proof())
    # what it had under way comes to be written only now
    with pytest.raises(DeniedError, match="was mended"):
        async with intake.room([b""]):
            pytest.fail("it was let in")


async def test_nothing_is_set_aside_while_frames_are_being_written(
    copy: SecondCopy, story: Story
) -> None:
    await send(copy, story.before, 5, PARENT)
    async with copy.session(story.before):
        visit = copy.keeper.sessions._sessions[story.before.store].visit
        intake = visit.enter(hello_of(story.before), story.before.head)
    async with copy.line(story.mended, mended=story.proof()) as line:
        async with intake.room([b""]):
            hearing = asyncio.create_task(line.hear(Welcome))
            await asyncio.sleep(0.2)
            (known,) = await copy.keeper.boxes.all()
            assert (known.gen, hearing.done()) == (1, False)
        assert (await hearing).head == story.parent


def hello_of(box: Box) -> Hello:
    return Hello(box.store, box.key.public.hex, box.head, {}, AT, "0.1", "n")
