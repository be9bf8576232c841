"""What must be so at rest, and while everything moves: each difference in words.

The sums are added up here once more from the bytes of the events, by a rule of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from edge.contract.digest import Digest
from edge.ledger.integrity import verify
from edge.runtime.frame_codec import open_frame
from tests.replication_laws.box import Box
from tests.replication_laws.inline_file import rows
from tests.replication_laws.sales import Sold, sums_of
from tests.replication_laws.world import DICTIONARIES, World


def in_motion(world: World) -> list[str]:
    """What must be so at any moment."""
    found = list(world.faults)
    for number, box in world.boxes.items():
        found += [f"sync of shop {number} died of {death}" for death in box.deaths]
        durable = world.office.head(number)[0]
        if not world.was_set_back and box.is_up and box.link.accepted_seq > durable:
            found.append(
                f"shop {number} believes that head office has {box.link.accepted_seq}: {durable}"
            )
        standing = _completed(world, number)
        known = {sold.sale: sold for sold in (*box.done, *box.unsure)}
        for sale, (receipt, total) in standing.items():
            sold = known.get(sale)
            if sold is None:
                found.append(f"head office has sale {sale}, which shop {number} never sold")
            elif (sold.receipt, sold.total_minor) != (receipt, total):
                found.append(f"sale {sale} is {receipt} over {total} there, here {sold}")
    return found


async def at_rest(world: World) -> list[str]:
    """What must be so once all lines are up and nothing waits."""
    found = in_motion(world)
    for number, box in world.boxes.items():
        events = _events_of_box(box)
        found += _chain(number, events)
        if (gen := msgspec.json.decode(events[-1][1])["gen"]) != box.gen:
            found.append(f"shop {number} writes in generation {gen}, its box is {box.gen}")
        found += await _ledger(box)
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
    told = number in world.kept_upto or number in world.strange_digests
    return kind in world.expected_alarms or (kind == "digest_differs" and told)


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


async def _ledger(box: Box) -> list[str]:
    verdict = verify(box.ledger_path)
    if not verdict.whole:
        return [f"the ledger of shop {box.number} is not whole: {verdict.reason}"]
    return []


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
    standing = list(_standing(events))
    receipts = [sold.receipt for _, sold in standing]
    if len(set(receipts)) != len(receipts):
        found.append(f"shop {number} gave a receipt twice: {sorted(receipts)}")
    names = [sold.sale for _, sold in standing]
    unsure = {sold.sale for sold in box.unsure}
    if len(set(names)) != len(names):
        found.append(f"shop {number} has a sale twice in its ledger")
    done = {sold.sale for sold in box.done}
    if not done <= set(names) or set(names) - done - unsure:
        found.append(f"shop {number} did {sorted(done)} and has {sorted(names)}")
    there = _completed(world, number)
    if set(there) != set(names):
        found.append(f"head office has {sorted(there)} of shop {number}, not {sorted(names)}")
    found += await _sums(world, number, standing)
    return found


async def _sums(world: World, number: int, standing: Sequence[tuple[int, Sold]]) -> list[str]:
    found = []
    head = world.office.head(number)[0]
    here = sums_of(sold for _, sold in standing).told
    there = await _office_sums(world, number, 0, head)
    if here != there:
        found.append(f"shop {number} comes to {here} by its events, at head office to {there}")
    for after, upto, verdict, body in world.office.rows(
        "SELECT after_seq, upto_seq, verdict, body FROM digest WHERE store = ?", number
    ):
        kept = world.kept_upto.get(number)
        if body in world.strange_digests.get(number, ()) or (kept is not None and upto > kept):
            continue  # a box said so that was not let in, or burnt
        if verdict != "agrees":
            found.append(f"the digest of {after} to {upto} of shop {number} has {verdict!r}")
        said = msgspec.json.decode(body, type=Digest)
        told = (
            said.sales,
            {(each.day, each.currency, each.kind): each.amount_minor for each in said.takings},
            {each.sku: each.quantity for each in said.articles},
        )
        meant = sums_of(sold for seq, sold in standing if after < seq <= upto).told
        if told != meant:
            found.append(f"the digest of {after} to {upto} of shop {number}: {told}, not {meant}")
        if meant != (at_office := await _office_sums(world, number, after, upto)):
            found.append(f"of {after} to {upto} of shop {number} head office says {at_office}")
    return found


async def _office_sums(world: World, number: int, after: int, upto: int) -> tuple[Any, Any, Any]:
    sums = await world.office.sales.sold_between(number, after, upto)
    return sums.sales, sums.takings, sums.articles


def _standing(events: Sequence[tuple[int, bytes, bytes]]) -> Iterator[tuple[int, Sold]]:
    """Yield the sales that the events complete, with the seq of their completion."""
    lines: dict[str, list[tuple[str, int]]] = {}
    money: dict[str, int] = {}
    for seq, body, _ in events:
        envelope = msgspec.json.decode(body)
        data = envelope["data"]
        sale = data.get("sale", "")
        match envelope["type"]:
            case "sale_opened":
                lines[sale], money[sale] = [], 0
            case "line_added":
                lines[sale].append((data["sku"], data["quantity"]))
            case "line_returned":
                lines[sale].append((data["sku"], -data["quantity"]))
            case "cash_tendered":
                money[sale] += data["amount_minor"]
            case "cash_returned":
                money[sale] -= data["amount_minor"]
            case "sale_completed":
                total = money[sale] - data.get("change_minor", 0)
                yield (
                    seq,
                    Sold(sale, data["receipt"], total, tuple(lines[sale]), seq, envelope["day"]),
                )
