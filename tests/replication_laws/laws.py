"""What must be so at rest, and while everything moves: each difference in words.

The sums are added up here once more from the bytes of the events, by a rule of its own.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec

from edge.contract.digest import Digest
from edge.ledger.integrity import verify
from edge.ledger.mending import SET_ASIDE
from edge.runtime.frame_codec import open_frame
from tests.replication_laws.box import Box
from tests.replication_laws.history import standing, standing_in
from tests.replication_laws.inline_file import rows
from tests.replication_laws.sales import Sold, sums_of
from tests.replication_laws.world import DICTIONARIES, World


def in_motion(world: World) -> list[str]:
    """What must be so at any moment."""
    found = list(world.faults)
    for box in world.restored.boxes:
        found += [f"sync of shop {box.number} died of {death}" for death in box.deaths]
        durable = world.office.head(box.number)[0]
        if not world.was_set_back and box.is_up and box.link.accepted_seq > durable:
            found.append(
                f"a box of shop {box.number} believes that head office has "
                f"{box.link.accepted_seq}: {durable}"
            )
        if world.is_mended_unasked(box.number):
            found.append(f"shop {box.number} was given generations that nobody confirmed")
    for number in world.boxes:
        there = Counter(
            (sale, receipt, total) for sale, (receipt, total) in _completed(world, number).items()
        )
        known = {sold.named for sold in world.restored.known(number)}
        if there.keys() <= known:
            continue
        # sales that two histories told otherwise have another id there
        if not standing_in(world.office.frames(number)).keys() <= known:
            found.append(f"head office has {there.keys() - known} that shop {number} never sold")
    return found


async def at_rest(world: World) -> list[str]:
    """What must be so once all lines are up and nothing waits."""
    found = in_motion(world)
    for number, box in world.boxes.items():
        events = _events_of_box(box)
        found += _chain(number, events)
        if (gen := msgspec.json.decode(events[-1][1])["gen"]) != box.gen:
            found.append(f"shop {number} writes in generation {gen}, its box is {box.gen}")
        found += _ledgers(box)
        found += _history_at_office(world, number, events)
        found += await _sales(world, box, events)
    quarantine = world.office.rows("SELECT store, seq, reason FROM quarantine")
    found += [f"in quarantine: {row}" for row in quarantine]
    parked = world.office.rows("SELECT store, seq, type FROM parked")
    found += [f"parked: {row}" for row in parked]
    alarms = world.office.rows("SELECT store, kind, words FROM alarm")
    found += [f"an alarm: {alarm}" for alarm in alarms if not _in_order(world, alarm)]
    return found


def _in_order(world: World, alarm: tuple[Any, ...]) -> bool:
    number, kind, _ = alarm
    # a box that burnt, or was not let in, told of sales that head office never gets to see
    told = number in world.kept_upto or _may_be_of_another_history(world, number)
    # what two boxes of one shop took back each
    back = Counter(sold.original for sold in world.restored.known(number) if sold.original)
    if kind == "returned_more_than_sold" and max(back.values(), default=0) > 1:
        return True
    return kind in world.expected_alarms or (kind == "digest_differs" and told)


def _may_be_of_another_history(world: World, number: int) -> bool:
    """Say whether head office may have come back with what a box said of a branch set aside."""
    return world.was_set_back and number in world.restored.ever


# --- the chain ----------------------------------------------------------------------------


def _events_of_box(box: Box) -> list[tuple[int, bytes, bytes]]:
    return [(row[0], row[1], row[2]) for row in rows(
        box.ledger_path, "SELECT seq, body, hash FROM event ORDER BY seq"
    )]  # fmt: skip


def _chain(number: int, events: Sequence[tuple[int, bytes, bytes]]) -> list[str]:
    previous, gen = bytes(32), 0
    for place, (seq, body, said) in enumerate(events, 1):
        previous = hashlib.sha256(previous + body).digest()
        envelope = msgspec.json.decode(body)
        if seq != place or previous != said:
            return [f"the chain of shop {number} breaks at event {seq} (place {place})"]
        if (envelope["store"], envelope["seq"]) != (number, seq):
            return [f"event {seq} of shop {number} says it is another"]
        if envelope["gen"] < gen:
            return [f"event {seq} of shop {number} goes back to generation {envelope['gen']}"]
        gen = envelope["gen"]
    return []


def _ledgers(box: Box) -> list[str]:
    """Look through the ledger, and through those that were set aside when it was mended."""
    aside = sorted((box.folder / SET_ASIDE).glob("*.db"))
    verdicts = [(path.name, verify(path)) for path in (box.ledger_path, *aside)]
    return [
        f"{name} of shop {box.number} is not whole: {verdict.reason}"
        for name, verdict in verdicts
        if not verdict.whole
    ]


def _history_at_office(
    world: World, number: int, events: Sequence[tuple[int, bytes, bytes]]
) -> list[str]:
    there: list[bytes] = []
    for frame in world.office.frames(number):
        opened = open_frame(frame, verify=lambda _, __: None, dictionaries=DICTIONARIES)
        known = len(there) + 1 - opened.header.first_seq
        # one that was carried in may begin with events that came before
        if known < 0 or there[len(there) - known :] != opened.bodies[:known]:
            return [f"a frame of shop {number} begins at {opened.header.first_seq}"]
        there += opened.bodies[known:]
        if len(there) > len(events) or opened.header.last_hash != events[len(there) - 1][2]:
            return [f"a frame of shop {number} ends in another hash at {len(there)}"]
    if there != [body for _, body, _ in events]:
        return [f"head office has {len(there)} events of shop {number}, not its {len(events)}"]
    if world.office.head(number) != (len(there), events[-1][2]):
        return [f"head office says that shop {number} stands at {world.office.head(number)}"]
    return []


# --- sales and sums -----------------------------------------------------------------------


def _completed(world: World, number: int) -> dict[str, tuple[str, int]]:
    return {
        sale: (receipt, total)
        for sale, receipt, total in world.office.rows(
            "SELECT sale, receipt, total_minor FROM sale WHERE store = ? AND state = 'completed'",
            number,
        )
    }


async def _sales(world: World, box: Box, events: Sequence[tuple[int, bytes, bytes]]) -> list[str]:
    number = box.number
    found = []
    sales = list(standing((seq, body) for seq, body, _ in events))
    receipts = Counter(sold.receipt for _, sold, _ in sales)
    twice = {receipt for receipt, times in receipts.items() if times > 1}
    if twice != (told := _receipts_told_twice(events) & receipts.keys()):
        found.append(f"shop {number} gave {sorted(twice)} twice, and says so of {sorted(told)}")
    names = [sold.sale for _, sold, _ in sales]
    if len(set(names)) != len(names):
        found.append(f"shop {number} has a sale twice in its ledger")
    here = Counter((sold_as, sold.receipt, sold.total_minor) for _, sold, sold_as in sales)
    done, unsure = ({sold.named for sold in told} for told in (box.done, box.unsure))
    if max(here.values(), default=1) > 1 or not done <= here.keys() or here.keys() - done - unsure:
        found.append(
            f"shop {number} lacks {sorted(done - here.keys())} and has "
            f"{sorted(here.keys() - done - unsure)} of {sorted(here.elements())}"
        )
    there = _completed(world, number)
    if set(there) != set(names):
        found.append(f"head office has {sorted(there)} of shop {number}, not {sorted(names)}")
    found += await _sums(world, number, [(seq, sold) for seq, sold, _ in sales])
    return found


def _receipts_told_twice(events: Sequence[tuple[int, bytes, bytes]]) -> set[str]:
    told = (msgspec.json.decode(body) for _, body, _ in events)
    return {
        receipt
        for each in told
        if each["type"] == "history_mended"
        for receipt in each["data"].get("receipts_twice", ())
    }


async def _sums(world: World, number: int, sales: Sequence[tuple[int, Sold]]) -> list[str]:
    found = []
    head = world.office.head(number)[0]
    here = sums_of(sold for _, sold in sales).told
    there = await _office_sums(world, number, 0, head)
    if here != there:
        found.append(f"shop {number} comes to {here} by its events, at head office to {there}")
    for after, upto, verdict, body in world.office.rows(
        "SELECT after_seq, upto_seq, verdict, body FROM digest WHERE store = ?", number
    ):
        kept = world.kept_upto.get(number)
        if kept is not None and upto > kept:
            continue  # a box said so that burnt, or lost its disk
        if verdict == "differs" and _may_be_of_another_history(world, number):
            continue
        if verdict != "agrees":
            found.append(f"the digest of {after} to {upto} of shop {number} has {verdict!r}")
        said = msgspec.json.decode(body, type=Digest)
        told = (
            said.sales,
            {(each.day, each.currency, each.kind): each.amount_minor for each in said.takings},
            {each.sku: each.quantity for each in said.articles},
        )
        meant = sums_of(sold for seq, sold in sales if after < seq <= upto).told
        if told != meant:
            found.append(f"the digest of {after} to {upto} of shop {number}: {told}, not {meant}")
        if meant != (at_office := await _office_sums(world, number, after, upto)):
            found.append(f"of {after} to {upto} of shop {number} head office says {at_office}")
    return found


async def _office_sums(world: World, number: int, after: int, upto: int) -> tuple[Any, Any, Any]:
    sums = await world.office.sales.sold_between(number, after, upto)
    return sums.sales, sums.takings, sums.articles
