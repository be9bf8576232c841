"""The box's side of a lost history: what it takes, what it refuses, and how it is afterwards."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import pytest

from edge.contract.envelope import GENESIS, Origin, link_all, seal_again, unseal
from edge.contract.history_mending import (
    GenerationGiven,
    MendingBegun,
    MendingFrame,
    generation_bytes,
)
from edge.contract.receipt_code import code_text, pack_code, signed_bytes
from edge.contract.replication import Head, MendedProof
from edge.flows.receipt_codes import code_in_ledger
from edge.ledger.integrity import verify
from edge.runtime.frame_codec import encode_frame, shipped_dictionaries
from edge.runtime.keys import SigningKey, create_key, load_key
from edge.settings import StoreSettings
from tests.flows.box import MILK, Box, bare_box, selling_box

AT = "/internal/v1/replica"
WORDS = shipped_dictionaries()[1]


@dataclass
class Restored:
    """What head office has of the box, and keys to sign it with."""

    folder: Path
    key: SigningKey
    office: SigningKey
    bodies: list[bytes]
    fork: int
    codes: dict[str, str] = field(default_factory=dict)
    """The codes on the papers that head office's branch printed, and the copy's, by its mark."""

    def hash_at(self, seq: int) -> bytes:
        return link_all(GENESIS, self.bodies[:seq])

    def frame(self, after: int, upto: int | None = None, **changed: Any) -> bytes:
        bodies = self.bodies[after:upto]
        values: dict[str, Any] = {
            "store": 1,
            "gen": 1,
            "first_seq": after + 1,
            "last_hash": self.hash_at(after + len(bodies)),
            "bodies": bodies,
            "sign": self.key.sign,
            "dictionary": WORDS,
        }
        return encode_frame(**{**values, **changed})

    def given(self, **changed: Any) -> GenerationGiven:
        head = Head(1, len(self.bodies), self.hash_at(len(self.bodies)).hex())
        values: dict[str, Any] = {
            "store": "harbour-street",
            "gen": 2,
            "parent": head,
            "at": 5,
            **changed,
        }
        signed = generation_bytes(
            values["store"], values["gen"], values["parent"], self.key.public.hex, 5
        )
        signer = values.pop("signer", self.office)
        return GenerationGiven(**values, signature=signer.sign(signed).hex())


def bodies_of(folder: Path) -> list[bytes]:
    path = folder / "edge" / "ledger.db"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as ledger:
        return [body for (body,) in ledger.execute("SELECT body FROM event ORDER BY seq")]


async def sell(box: Box, pieces: int) -> Any:
    for _ in range(pieces):
        status, view = await box.command("add_item", code=MILK)
        assert status == 200, view
    status, view = await box.command("take_cash", amount_minor=view["due_minor"])
    assert (status, view["state"]) == (200, "done")
    await box.command("next_sale")
    return view


async def paper_of(box: Box, receipt: str) -> str:
    """The text of the code that is printed on a receipt."""
    past = box.edge.selling.gathering.sold.past
    sold = await past.find(receipt)
    assert sold is not None
    body = pack_code(code_in_ledger(sold))
    key = load_key(box.edge.settings.secrets.box_key_file)
    return code_text(key.sign(signed_bytes(body)), body)


@asynccontextmanager
async def restored(tmp_path: Path, *, pieces: int = 3) -> AsyncIterator[tuple[Box, Restored]]:
    """A box back from a copy with one sale; head office has two more, the copy sold one since."""
    office = create_key(tmp_path / "office.key")
    store = StoreSettings("harbour-street", 1, office_key=office.public.hex)
    plain = StoreSettings("harbour-street", 1)
    async with selling_box(tmp_path, store=plain) as box:  # its pages are not signed here
        await sell(box, 1)
    copy = tmp_path / "copy.db"
    shutil.copy(tmp_path / "edge" / "ledger.db", copy)
    async with bare_box(tmp_path, store=plain) as box:
        await box.enrol()
        await box.sign_in()
        theirs = [await sell(box, 2), await sell(box, 4)]
        codes = {"office": await paper_of(box, theirs[0]["receipt_number"])}
    bodies = bodies_of(tmp_path)
    shutil.copy(copy, tmp_path / "edge" / "ledger.db")
    async with bare_box(tmp_path, store=store) as box:
        await box.enrol()
        await box.sign_in()
        mine = await sell(box, pieces)
        assert mine["receipt_number"] == theirs[0]["receipt_number"] == "till-1-000002"
        codes["copy"] = await paper_of(box, "till-1-000002")
        own = bodies_of(tmp_path)
        fork = next(at for at, (a, b) in enumerate(zip(own, bodies, strict=False)) if a != b)
        key = load_key(tmp_path / "box.key")
        yield box, Restored(tmp_path, key, office, bodies, fork, codes)


async def post(box: Box, name: str, body: object) -> tuple[int, Any]:
    return await box.call("POST", f"{AT}/{name}", body, headers=box.service)


async def begin(box: Box, lost: Restored) -> Any:
    status, state = await post(
        box, "mending", MendingBegun(lost.fork, lost.hash_at(lost.fork).hex())
    )
    assert status == 200, state
    return state


async def fetch_all(box: Box, lost: Restored) -> None:
    await begin(box, lost)
    after = lost.fork
    while after < len(lost.bodies):
        status, state = await post(box, "mending/frame", MendingFrame(lost.frame(after, after + 9)))
        assert status == 200, state
        after = state["head"]["seq"]
    status, state = await post(box, "mending/generation", lost.given())
    assert (status, state["ready"]) == (200, True)


@asynccontextmanager
async def mended(tmp_path: Path) -> AsyncIterator[tuple[Box, Restored]]:
    async with restored(tmp_path) as (box, lost):
        await fetch_all(box, lost)
    async with bare_box(tmp_path, store=StoreSettings("harbour-street", 1)) as box:
        await box.enrol()
        await box.sign_in()
        yield box, lost


async def history(box: Box) -> Any:
    _, health = await box.call("GET", "/health")
    return next((item for item in health["items"] if item["name"] == "history"), None)


async def test_its_hashes_are_told(tmp_path: Path) -> None:
    async with restored(tmp_path) as (box, lost):
        for seq, wanted in (
            (0, GENESIS.hex()),
            (lost.fork, lost.hash_at(lost.fork).hex()),
            (10_000, ""),
        ):
            status, said = await box.call("GET", f"{AT}/hash?seq={seq}", headers=box.service)
            assert (status, said["seq"], said["hash"]) == (200, seq, wanted)
        for query in ("", "?seq=x", "?seq=-1"):
            status, _ = await box.call("GET", f"{AT}/hash{query}", headers=box.service)
            assert status == 400
        assert (await box.call("GET", f"{AT}/hash?seq=0"))[0] in {401, 403}


async def test_it_fetches_while_it_sells_and_starts_anew_in_a_quiet_moment(tmp_path: Path) -> None:
    async with restored(tmp_path) as (box, lost):
        assert await history(box) is None
        await begin(box, lost)
        item = await history(box)
        assert (item["well"], f"up to {lost.fork} are here" in item["words"]) == (False, True)
        await box.command("add_item", code=MILK)
        await fetch_all(box, lost)
        _, about = await box.call("GET", f"{AT}/status", headers=box.service)
        assert about["waits_to_mend"]
        assert "open sales" in (await history(box))["advice"]
        watch = box.edge.lost
        watch.look()
        assert not watch.again.is_set()
        _, view = await box.command("take_cash", amount_minor=500)
        assert view["state"] == "done"
        await watch.again.wait()
    async with bare_box(tmp_path) as box:
        assert box.edge.ledger.identity.gen == 2
        item = await history(box)
        assert (item["well"], "from head office: 2" in item["words"]) == (True, True)
        assert "since then, added: 2" in item["words"]
        assert '"event":"history_mended"' in box.log.getvalue()
    assert verify(tmp_path / "edge" / "ledger.db").whole
    async with bare_box(tmp_path) as box:  # the settings name generation 1 for ever
        assert box.edge.ledger.identity.gen == 2


async def test_what_was_fetched_outlives_a_start(tmp_path: Path) -> None:
    async with restored(tmp_path) as (box, lost):
        await begin(box, lost)
        _, state = await post(
            box, "mending/frame", MendingFrame(lost.frame(lost.fork, lost.fork + 9))
        )
    async with bare_box(tmp_path) as box:
        assert await begin(box, lost) == state
        # what head office has now is another history: it begins anew
        anew = MendingBegun(lost.fork, lost.hash_at(lost.fork).hex(), anew=True)
        _, state = await post(box, "mending", anew)
        assert state["head"]["seq"] == lost.fork


def _by_another(lost: Restored) -> bytes:
    other = create_key(lost.folder / "stranger.key")
    return lost.frame(lost.fork, lost.fork + 9, sign=other.sign)


def _of_another_store(lost: Restored) -> bytes:
    return lost.frame(lost.fork, lost.fork + 9, store=2)


def _too_late(lost: Restored) -> bytes:
    return lost.frame(lost.fork + 1, lost.fork + 9)


def _known(lost: Restored) -> bytes:
    return lost.frame(0, lost.fork)


def _of_another_history(lost: Restored) -> bytes:
    bodies = [*lost.bodies[: lost.fork - 1], lost.bodies[0], *lost.bodies[lost.fork :]]
    return lost.frame(
        lost.fork - 1,
        bodies=bodies[lost.fork - 1 : lost.fork + 3],
        last_hash=link_all(GENESIS, bodies[: lost.fork + 3]),
    )


def _wrong_end(lost: Restored) -> bytes:
    return lost.frame(lost.fork, lost.fork + 9, last_hash=bytes(32))


def _misplaced(lost: Restored) -> bytes:
    bodies = lost.bodies[lost.fork + 1 : lost.fork + 3]
    return lost.frame(lost.fork, bodies=bodies, last_hash=link_all(lost.hash_at(lost.fork), bodies))


def _garbage(_: Restored) -> bytes:
    return b"T" * 300


@pytest.mark.parametrize(
    "spoilt",
    [
        _by_another,
        _of_another_store,
        _too_late,
        _known,
        _of_another_history,
        _wrong_end,
        _misplaced,
        _garbage,
    ],
)
async def test_a_frame_that_is_not_this_history_is_refused(tmp_path: Path, spoilt: Any) -> None:
    async with restored(tmp_path) as (box, lost):
        before = await begin(box, lost)
        status, refusal = await post(box, "mending/frame", MendingFrame(spoilt(lost)))
        assert (status, refusal["code"]) == (409, "history_frame_refused")
        assert await begin(box, lost) == before


async def test_a_frame_that_begins_before_the_fork_is_taken_from_there(tmp_path: Path) -> None:
    async with restored(tmp_path) as (box, lost):
        await begin(box, lost)
        status, state = await post(
            box, "mending/frame", MendingFrame(lost.frame(lost.fork - 3, lost.fork + 4))
        )
        assert (status, state["head"]["seq"]) == (200, lost.fork + 4)
        # and one that was cut elsewhere overlaps what came before
        status, state = await post(
            box, "mending/frame", MendingFrame(lost.frame(lost.fork + 2, lost.fork + 9))
        )
        assert (status, state["head"]["seq"]) == (200, lost.fork + 9)


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"gen": 1}, 409, "generation_taken"),
        ({"store": "elsewhere"}, 409, "generation_misplaced"),
        ({"parent": Head(1, 3, "ab" * 32)}, 409, "generation_misplaced"),
        ({"signer": "stranger"}, 403, "generation_signature_wrong"),
    ],
)
async def test_a_generation_that_head_office_did_not_give_for_this_is_refused(
    tmp_path: Path, changed: dict[str, Any], status: int, code: str
) -> None:
    async with restored(tmp_path) as (box, lost):
        await begin(box, lost)
        await post(box, "mending/frame", MendingFrame(lost.frame(lost.fork)))
        if "signer" in changed:
            changed = {"signer": create_key(tmp_path / "stranger.key")}
        answer, refusal = await post(box, "mending/generation", lost.given(**changed))
        assert (answer, refusal["code"]) == (status, code)
        assert not box.edge.lost.is_ready


async def test_nothing_is_taken_before_it_was_begun_or_behind_another_event(
    tmp_path: Path,
) -> None:
    async with restored(tmp_path) as (box, lost):
        frame = MendingFrame(lost.frame(lost.fork, lost.fork + 9))
        assert (await post(box, "mending/frame", frame))[1]["code"] == "mending_not_begun"
        given = lost.given()
        assert (await post(box, "mending/generation", given))[1]["code"] == "mending_not_begun"
        for begun in (MendingBegun(lost.fork, "ab" * 32), MendingBegun(9_999, "ab" * 32)):
            assert (await post(box, "mending", begun))[1]["code"] == "fork_not_here"


async def test_a_mending_that_fails_leaves_the_box_selling(tmp_path: Path) -> None:
    async with restored(tmp_path) as (box, lost):
        await fetch_all(box, lost)
    with closing(sqlite3.connect(tmp_path / "edge" / "mending.db")) as stage, stage:
        stage.execute("DELETE FROM event WHERE seq = (SELECT max(seq) FROM event)")
    async with bare_box(tmp_path) as box:
        item = await history(box)
        assert (item["well"], "cannot be mended" in item["words"]) == (False, True)
        assert "selling goes on" in item["advice"]
        await box.enrol()
        await box.sign_in()
        assert box.edge.ledger.identity.gen == 1
        assert (await sell(box, 1))["receipt_number"] == "till-1-000003"
        assert not box.edge.lost.again.is_set()


# --- receipts that have one number --------------------------------------------------------


async def show(box: Box, text: str) -> tuple[int, Any]:
    return await box.call("GET", f"/api/v1/receipts/{quote(text, safe='')}")


async def test_a_number_that_two_sales_have_is_asked_about(tmp_path: Path) -> None:
    async with mended(tmp_path) as (box, _):
        status, refusal = await show(box, "till-1-000002")
        assert (status, refusal["code"]) == (409, "receipt_number_twice")
        assert "till-1-000002#1" in refusal["message"]
        for name, total in (("till-1-000002#1", 258), ("till-1-000002#2", 387)):
            status, view = await show(box, name)
            assert (status, view["total_minor"], view["receipt_number"]) == (200, total, name)
        assert (await show(box, "till-1-000002#3"))[1]["code"] == "unknown_receipt"
        assert (await show(box, "till-1-000001"))[1]["total_minor"] == 129
        # numbers go on behind all that were given in both
        assert (await sell(box, 1))["receipt_number"] == "till-1-000005"


async def test_the_paper_of_each_finds_its_own_sale(tmp_path: Path) -> None:
    """The code was signed in a place of a chain that is set aside: it is as good as any."""
    async with mended(tmp_path) as (box, lost):
        for paper, total in (("office", 258), ("copy", 387)):
            status, view = await show(box, lost.codes[paper])
            assert (status, view["total_minor"]) == (200, total), view


async def test_goods_of_either_come_back_to_the_sale_they_are_of(tmp_path: Path) -> None:
    async with mended(tmp_path) as (box, _):
        _, view = await show(box, "till-1-000002#2")
        status, view = await box.command(
            "return_line",
            receipt="till-1-000002#2",
            line_id=view["lines"][0]["line_id"],
            quantity=1000,
            reason="damaged",
        )
        assert (status, view["total_minor"]) == (200, -129), view
        status, view = await box.command("give_cash", amount_minor=129)
        assert (status, view["state"]) == (200, "done"), view
        backs = [(await show(box, f"till-1-000002#{n}"))[1]["back_minor"] for n in (1, 2)]
        assert backs == [258, 387 - 129]  # what may come back yet


def test_an_event_that_is_written_again_reads_as_before() -> None:
    body = (
        b'{"store":1,"gen":1,"seq":7,"type":"box_stopped","v":1,"day":"2026-11-22","at":5,'
        b'"till":"","actor":"","data":{}}'
    )
    sealed = unseal(body)
    assert sealed.origin is None
    again = seal_again(sealed, b"{}", gen=2, seq=9, origin=Origin(1, 7, "ab" * 32))
    assert again == (
        b'{"store":1,"gen":2,"seq":9,"type":"box_stopped","v":1,"day":"2026-11-22","at":5,'
        b'"till":"","actor":"","data":{},"origin":[1,7,"' + b"ab" * 32 + b'",""]}'
    )
    assert unseal(again).origin == Origin(1, 7, "ab" * 32)


async def test_the_proof_of_the_mending_is_given_to_sync_in_its_generation_only(
    tmp_path: Path,
) -> None:
    async with mended(tmp_path) as (box, lost):
        _, about = await box.call("GET", f"{AT}/status", headers=box.service)
        proof = msgspec.convert(about["mended"], MendedProof)
        given = lost.given()
        assert (proof.gen, proof.parent, proof.at) == (2, given.parent, given.at)
        assert (proof.fork_seq, proof.fork_hash) == (lost.fork, lost.hash_at(lost.fork).hex())
        signed = generation_bytes("harbour-street", 2, proof.parent, about["box"], proof.at)
        lost.office.public.verify(bytes.fromhex(proof.signature), signed)
    async with bare_box(tmp_path, store=StoreSettings("harbour-street", 1, gen=3)) as box:
        _, about = await box.call("GET", f"{AT}/status", headers=box.service)
        assert (about["head"]["gen"], about["mended"]) == (3, None)
