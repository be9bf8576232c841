"""What second copies say to the box: believed when signed, shown on the till, never more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge.contract.limits import (
    IDLE_FRAME_DELAY_MS,
    LIVE_FRAME_DELAY_MS,
    LIVE_FRAME_DELAY_MS_MAX,
)
from edge.contract.replication import (
    Ack,
    Head,
    Kept,
    LinkReport,
    ack_bytes,
    keeper_proof_bytes,
    kept_bytes,
    proof_bytes,
)
from edge.contract.sale_events import SaleOpened
from edge.flows.frame_pace import FramePace
from edge.flows.link_state import LinkState
from edge.flows.replica import Replica
from edge.ledger.records import Record
from edge.reference.store import ReferenceStore
from edge.runtime.database_file import DatabaseFile
from edge.runtime.frame_codec import shipped_dictionaries
from edge.runtime.keys import SigningKey, VerifyingKey, create_key
from edge.runtime.settings_file import load
from edge.runtime.structured_log import open_log
from edge.settings import EdgeSettings, StoreSettings
from tests.flows.box import MILK, Box, selling_box
from tests.flows.test_replica import sell, status
from tests.ledger.ledger_at import ledger_at
from tests.virtual_time import FakeClock

AT = "/internal/v1/replica"


@pytest.fixture
def key(tmp_path: Path) -> SigningKey:
    return create_key(tmp_path / "keeper.key")


def with_copies(*keys: SigningKey) -> dict[str, Any]:
    return {"keeper_keys": {f"copy-{n}": key.public.hex for n, key in enumerate(keys, 1)}}


async def head_of(box: Box) -> Head:
    return msgspec.convert((await status(box))["head"], Head)


async def kept(
    box: Box, head: Head, key: SigningKey, *, store: str = "harbour-street", **changes: Any
) -> tuple[int, Any]:
    keeper = changes.pop("keeper", key.public.hex)
    signature = changes.pop("signature", key.sign(kept_bytes(store, keeper, head, 5)).hex())
    word = Kept(store, head, 5, keeper, signature)
    return await box.call("POST", f"{AT}/kept", word, headers=box.service)


async def dots(box: Box) -> Any:
    return (await box.view())["dots"]


async def item(box: Box, name: str) -> dict[str, Any]:
    _, body = await box.call("GET", "/health")
    return next(each for each in body["items"] if each["name"] == name)


async def test_the_middle_dot_turns_on_with_the_copy_s_name(
    tmp_path: Path, key: SigningKey
) -> None:
    async with selling_box(tmp_path, **with_copies(key)) as box:
        await sell(box)
        assert await dots(box) == {"box": True, "shop": False, "office": False}
        before = await box.view()
        head = await head_of(box)
        assert (await kept(box, head, key))[0] == 204
        after = await box.view()
        assert after["dots"] == {"box": True, "shop": True, "office": False, "keeper": "copy-1"}
        assert after["version"] > before["version"]
        await sell(box)
        assert not (await dots(box))["shop"]
        # an older word is no news
        assert (await kept(box, head, key))[0] == 204
        assert not (await dots(box))["shop"]


async def test_a_till_is_told_only_when_its_sale_is_among_them(
    tmp_path: Path, key: SigningKey
) -> None:
    async with selling_box(tmp_path, **with_copies(key)) as box:
        first = await head_of(box)
        await sell(box)
        published: list[bytes] = []

        class Screen:
            def show(self, view: bytes) -> None:
                published.append(view)

        box.edge.selling.tills["till-1"].screens.add(Screen())
        await kept(box, first, key)
        assert published == []
        await kept(box, await head_of(box), key)
        assert [msgspec.json.decode(view)["dots"]["shop"] for view in published] == [True]
        await box.command("add_item", code=MILK)
        published.clear()
        await kept(box, await head_of(box), key)
        assert published == []


async def test_a_word_that_is_not_signed_by_a_copy_of_the_settings_is_nothing(
    tmp_path: Path, key: SigningKey
) -> None:
    other = create_key(tmp_path / "other.key")
    async with selling_box(tmp_path, **with_copies(key)) as box:
        await sell(box)
        head = await head_of(box)
        cases = [
            (await kept(box, head, other), 403, "keeper_unknown"),
            (await kept(box, head, other, keeper=key.public.hex), 403, "kept_signature_wrong"),
            (await kept(box, head, key, signature="zz"), 403, "kept_signature_wrong"),
            (await kept(box, head, key, store="elsewhere"), 409, "foreign_kept"),
            (
                # what head office would have signed, with the very same key
                await kept(
                    box,
                    head,
                    key,
                    signature=key.sign(ack_bytes("harbour-street", head, 0, 5)).hex(),
                ),
                403,
                "kept_signature_wrong",
            ),
            (await kept(box, Head(1, head.seq, "0" * 64), key), 409, "replica_fork"),
            (await kept(box, Head(1, head.seq + 1, head.hash), key), 409, "replica_fork"),
        ]
        for (answer, body), expected, code in cases:
            assert (answer, body["code"]) == (expected, code)
        assert not (await dots(box))["shop"]
        assert "never heard of" in (await item(box, "copy copy-1"))["words"]


async def test_a_copy_s_word_is_no_acknowledgement_of_head_office(
    tmp_path: Path, key: SigningKey
) -> None:
    """Even where one key were both: the box would purge by it, one day."""
    store = StoreSettings("harbour-street", 1, office_key=key.public.hex)
    async with selling_box(tmp_path, **with_copies(key), store=store) as box:
        await sell(box)
        head = await head_of(box)
        signature = key.sign(kept_bytes("harbour-street", key.public.hex, head, 5)).hex()
        word = Ack("harbour-street", head, 0, 5, signature)
        answer, body = await box.call("POST", f"{AT}/ack", word, headers=box.service)
        assert (answer, body["code"]) == (403, "ack_signature_wrong")
        await kept(box, head, key)
        assert (await status(box))["accepted"]["seq"] == 0
        assert (await dots(box))["office"] is False
        link = (await box.view())["link"]
        assert (link["state"], link["waiting_sales"]) == ("never", 1)


async def test_the_newest_word_survives_a_restart(tmp_path: Path, key: SigningKey) -> None:
    async with selling_box(tmp_path, **with_copies(key)) as box:
        await sell(box)
        head = await head_of(box)
        await kept(box, head, key)
    async with selling_box(tmp_path, **with_copies(key)) as box:
        found = await item(box, "copy copy-1")
        assert f"everything up to event {head.seq}," in found["words"]
        assert not found["well"]
    other = create_key(tmp_path / "other.key")
    async with selling_box(tmp_path, **with_copies(other)) as box:
        assert "never heard of" in (await item(box, "copy copy-1"))["words"]


async def test_health_says_how_far_each_copy_is_and_since_when(
    tmp_path: Path, key: SigningKey
) -> None:
    other = create_key(tmp_path / "other.key")
    async with selling_box(tmp_path, **with_copies(key, other)) as box:
        await sell(box)
        head = await head_of(box)
        await kept(box, head, key)
        up = LinkReport("up", keeper=key.public.hex)
        assert (await box.call("POST", f"{AT}/link", up, headers=box.service))[0] == 204
        found = await item(box, "copy copy-1")
        assert found["well"]
        assert f"has everything up to event {head.seq}; it is reachable since 20" in found["words"]
        down = LinkReport("down", "The cable is out.", keeper=other.public.hex)
        await box.call("POST", f"{AT}/link", down, headers=box.service)
        found = await item(box, "copy copy-2")
        assert (found["well"], found["advice"]) == (False, "The cable is out.")
        assert f"up to event 0, {head.seq} wait; it is not reachable since" in found["words"]
        # the line to head office is another one
        assert (await box.view())["link"]["state"] == "never"
        assert not (await item(box, "link"))["well"]
        _, text = await box.call("GET", "/metrics")
        assert b'tillbox_copy_events_behind{copy="copy-1"} 0' in text
        assert f'tillbox_copy_events_behind{{copy="copy-2"}} {head.seq}'.encode() in text
        stranger = LinkReport("up", keeper="ab" * 32)
        answer, body = await box.call("POST", f"{AT}/link", stranger, headers=box.service)
        assert (answer, body["code"]) == (403, "keeper_unknown")


async def test_the_box_proves_itself_to_each_end_in_other_words(
    tmp_path: Path, key: SigningKey
) -> None:
    async with selling_box(tmp_path, **with_copies(key)) as box:
        about = await status(box)
        public = VerifyingKey.from_hex(about["box"])

        async def proof(**wish: str) -> tuple[int, Any]:
            return await box.call("POST", f"{AT}/proof", wish, headers=box.service)

        _, office = await proof(nonce="n")
        _, keeper = await proof(nonce="n", keeper=key.public.hex)
        public.verify(
            bytes.fromhex(office["signature"]), proof_bytes("harbour-street", "n", about["box"])
        )
        public.verify(
            bytes.fromhex(keeper["signature"]),
            keeper_proof_bytes("harbour-street", "n", about["box"], key.public.hex),
        )
        answer, body = await proof(nonce="n", keeper="ab" * 32)
        assert (answer, body["code"]) == (403, "keeper_unknown")


async def test_each_reader_gets_every_frame_at_its_own_pace(
    tmp_path: Path, key: SigningKey
) -> None:
    async with selling_box(tmp_path, **with_copies(key)) as box:
        await sell(box)

        async def frame(after: int, keeper: str = "") -> Any:
            query = f"after={after}&wait_s=5" + (f"&keeper={keeper}" if keeper else "")
            return await box.call("GET", f"{AT}/frame?{query}", headers=box.service)

        assert (await frame(0))[1] == (await frame(0, key.public.hex))[1]
        answer, body = await frame(0, "ab" * 32)
        assert (answer, body["code"]) == (403, "keeper_unknown")


def test_what_one_reader_got_says_nothing_of_what_another_waits_for() -> None:
    office, keeper = FramePace(), FramePace()
    for pace in (office, keeper):
        pace.recorded(1_000, None)
    assert keeper.due_in_ms(0, 1, 1_000) == IDLE_FRAME_DELAY_MS
    keeper.made(1, 1)
    later = 1_000 + IDLE_FRAME_DELAY_MS
    assert office.due_in_ms(0, 1, later - 1) == 1
    assert office.due_in_ms(0, 1, later) == 0
    assert keeper.due_in_ms(1, 1, later) is None


async def test_what_a_copy_took_of_idle_news_head_office_gets_too(tmp_path: Path) -> None:
    """Else it would wait for thirty seconds anew each time, and never get it."""
    clock, keeper = FakeClock(), "ab" * 32
    async with ledger_at(tmp_path / "ledger.db") as ledger:
        replica = Replica(
            ledger,
            ReferenceStore(DatabaseFile(tmp_path / "reference.db", ()), clock),
            LinkState(ledger, clock, lambda: None),
            create_key(tmp_path / "box.key"),
            shipped_dictionaries()[1],
            clock,
            open_log("test"),
            keepers=frozenset({keeper}),
        )
        await replica.open()
        clock.elapsed_ms = 1_000
        await ledger.record(Record((SaleOpened(sale="a", currency="EUR"),), "till-1"))
        for reader in ("", keeper):
            assert await replica.frame(0, wait_s=0, raw_max=9_999, reader=reader) is None
        clock.elapsed_ms += IDLE_FRAME_DELAY_MS
        for reader in (keeper, ""):
            assert await replica.frame(0, wait_s=0, raw_max=9_999, reader=reader), reader


def test_what_is_asked_for_a_second_time_goes_at_once() -> None:
    """A head office that was set back asks for what it had; a quiet shop records nothing new."""
    pace = FramePace()
    pace.recorded(1_000, None)
    pace.made(3, 3)
    assert pace.due_in_ms(1, 3, 900_000) == 0
    assert pace.due_in_ms(3, 3, 900_000) is None
    pace.recorded(900_000, None)
    assert pace.due_in_ms(3, 4, 900_000) == IDLE_FRAME_DELAY_MS


def test_a_sale_hurries_and_never_waits_for_ever() -> None:
    pace = FramePace()
    pace.recorded(1_000, 4)
    assert pace.due_in_ms(0, 4, 1_000) == LIVE_FRAME_DELAY_MS
    for at in range(1_000, 1_000 + LIVE_FRAME_DELAY_MS_MAX, 50):
        pace.recorded(at, 5)
    assert pace.due_in_ms(0, 5, 1_000 + LIVE_FRAME_DELAY_MS_MAX) == 0
    pace.made(5, 5)
    assert pace.due_in_ms(4, 5, 3_000) == 0, "what was made and got lost goes at once"
    assert pace.due_in_ms(5, 5, 3_000) is None


def test_keys_in_the_settings_are_keys(tmp_path: Path) -> None:
    text = (
        'data_dir = "d"\n[store]\nslug = "s"\nnumber = 1\n[secrets]\nbox_key_file = "a"\n'
        'pepper_file = "b"\nservice_token_file = "c"\n[broker]\nuser = "u"\npassword_file = "p"\n'
    )
    path = tmp_path / "edge.toml"
    path.write_text(f'{text}[keeper_keys]\nback-office = "{"ab" * 32}"\n')
    assert load(path, EdgeSettings).keeper_keys == {"back-office": "ab" * 32}
    for wrong in ('back-office = "zz"', f'"Back Office!" = "{"ab" * 32}"'):
        path.write_text(f"{text}[keeper_keys]\n{wrong}\n")
        with pytest.raises(Exception, match="keeper_keys"):
            load(path, EdgeSettings)
