"""A shop whose box was restored from a copy, and what was made of both histories."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from edge.contract.envelope import GENESIS, Origin, link_all, seal_again, unseal
from edge.contract.history_mending import generation_bytes
from edge.contract.replication import MendedProof, Welcome
from edge.contract.system_events import GenerationOpened, HistoryMended
from edge.runtime.keys import SigningKey
from tests.sync.keeper.second_copy import SecondCopy
from tests.sync.office.head_office import Box, new_key

FORK, PARENT = 8, 12
"""Both branches are the same up to the one; head office's ends at the other."""


@dataclass
class Story:
    """A shop before its box was restored from a copy, the copy, and what was made of both."""

    before: Box
    office: SigningKey = field(default_factory=new_key)

    def __post_init__(self) -> None:
        """Play it: four sales, of which head office has three and the copy two; it sold two."""
        whole = self.before
        self.copy = Box(whole.store, whole.number, 1, whole.key, whole.bodies[:FORK])
        for sale in ("x", "y"):
            self.copy.sell(sale, 750)
        self.parent = Box(whole.store, whole.number, 1, whole.key, whole.bodies[:PARENT]).head
        self.mended = self.mended_from(self.copy, whole.bodies[:PARENT], 2)

    def mended_from(self, copy: Box, office: list[bytes], gen: int) -> Box:
        """What `edge` makes of it: head office's branch, and behind it what only the copy has."""
        made = Box(copy.store, copy.number, gen, copy.key, list(office))
        parent = Box(copy.store, copy.number, gen - 1, copy.key, list(office)).head
        made.record(
            GenerationOpened(
                parent_gen=parent.gen,
                parent_seq=parent.seq,
                parent_hash=parent.hash,
                source="head office",
            )
        )
        for seq in range(FORK + 1, len(copy.bodies) + 1):
            sealed = unseal(copy.bodies[seq - 1])
            origin = Origin(1, seq, link_all(GENESIS, copy.bodies[:seq]).hex())
            place = len(made.bodies) + 1
            made.bodies.append(
                seal_again(sealed, bytes(sealed.data), gen=gen, seq=place, origin=origin)
            )
        made.record(
            HistoryMended(
                fork_seq=FORK,
                fork_hash=link_all(GENESIS, copy.bodies[:FORK]).hex(),
                branch_gen=1,
                branch_seq=len(copy.bodies),
                branch_hash=copy.head.hash,
                set_aside="set-aside/ledger.db",
                sales_again=2,
            )
        )
        return made

    def proof(self, **changed: Any) -> MendedProof:
        values: dict[str, Any] = {
            "gen": 2,
            "parent": self.parent,
            "at": 77,
            "fork_seq": FORK,
            "fork_hash": link_all(GENESIS, self.copy.bodies[:FORK]).hex(),
            "branch": self.copy.head,
            **changed,
        }
        store = values.pop("store", self.mended.store)
        box = values.pop("box", self.mended.key.public.hex)
        office = values.pop("office", self.office)
        signed = generation_bytes(store, values["gen"], values["parent"], box, values["at"])
        return MendedProof(**{"signature": office.sign(signed).hex(), **values})


def in_frames(box: Box, *cuts: int, first: int = 0) -> list[bytes]:
    """A box's history behind an event, each frame of one generation, as `edge` cuts them."""
    ends = sorted({*cuts, len(box.bodies)} - {0})
    frames, after = [], first
    for upto in ends:
        if upto <= after:
            continue
        gens = [unseal(body).gen for body in box.bodies[after:upto]]
        while gens:
            length = next((n for n, gen in enumerate(gens) if gen != gens[0]), len(gens))
            frames.append(box.frame(after, after + length, gen=gens[0]))
            after, gens = after + length, gens[length:]
    return frames


async def send(copy: SecondCopy, box: Box, *cuts: int, **hello: Any) -> Welcome:
    """Have a copy keep all of a box; return how it was welcomed."""
    async with copy.session(box, **hello) as (line, welcome):
        for frame in in_frames(box, *cuts, first=welcome.head.seq):
            await line.upload(frame)
    assert await copy.head(box) == box.head
    return welcome


async def kept_bodies(copy: SecondCopy) -> list[bytes]:
    return [each.body for each in await copy.keeper.events.read(0, 0, frames_max=999)]
