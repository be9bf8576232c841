"""Defects on purpose in how a box gets its history back, and how two boxes with one key are told.

Two of them were in the product when the machine was first let at it: `two_ends_get_one_id`,
`a_generation_that_was_forgotten_stays_so`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any, Final

import msgspec
import pytest

from edge.contract.envelope import seal_again
from edge.contract.history_mending import HashSaid, MendingBegun, MendingState
from edge.contract.replication import Head
from edge.flows.lost_history import LostHistory
from edge.ledger import branch_merging, branch_rewriting, mending
from edge.ledger.branch_merging import Fate, other_id
from edge.ledger.branch_rewriting import Beside, BranchWriter
from sync.office.admission import Admission
from sync.office.mending import HistoryMending
from sync.office.store_directory import RegisteredStore, StoreDirectory
from sync.replicator.mending import Mending

Patch = pytest.MonkeyPatch


# --- two histories become one -------------------------------------------------------------


def own_branch_is_left_out(patch: Patch) -> None:
    """What the box sold since its copy is set aside, and nothing of it written again."""

    def take(*_: object) -> None:
        """Write nothing."""

    patch.setattr(BranchWriter, "_take", take)


def a_sale_of_both_is_written_again(patch: Patch) -> None:
    """A sale that both completed alike is taken for one that only the copy has."""
    real = branch_merging._fate

    def fate(*words: Any) -> Fate:
        found = real(*words)
        return Fate.AGAIN if found is Fate.SAME else found

    patch.setattr(branch_merging, "_fate", fate)


def a_doubtful_sale_passes_for_known(patch: Patch) -> None:
    """Of a sale that both ended otherwise only head office's end stands."""
    real = branch_merging._fate

    def fate(*words: Any) -> Fate:
        found = real(*words)
        return Fate.KNOWN if found is Fate.DOUBTFUL else found

    patch.setattr(branch_merging, "_fate", fate)


def two_ends_get_one_id(patch: Patch) -> None:
    """Each time that a copy is put back, the sale that was open in it gets the same other id."""

    def other(name: str, _: object, __: object, fork_hash: bytes) -> tuple[str, Fate]:
        return other_id(name, fork_hash, b""), Fate.DOUBTFUL

    patch.setattr(branch_merging, "_other", other)


def the_newest_event_is_left_behind(patch: Patch) -> None:
    """The branch is read up to its last page but one event."""
    real = mending._page

    def page(
        connection: sqlite3.Connection, after: int, upto: int, count_max: int
    ) -> list[tuple[int, bytes, bytes]]:
        rows = real(connection, after, upto, count_max)
        return rows if len(rows) == count_max or upto < 2**62 else rows[:-1]

    patch.setattr(mending, "_page", page)


def a_page_begins_one_too_late(patch: Patch) -> None:
    """Between two pages of the branch one event is passed over."""
    real = mending._page

    def page(
        connection: sqlite3.Connection, after: int, upto: int, count_max: int
    ) -> list[tuple[int, bytes, bytes]]:
        rows = real(connection, after, upto, count_max + 1)
        return rows[1:] if len(rows) > count_max else rows

    patch.setattr(mending, "_page", page)


def answers_to_tills_are_forgotten(patch: Patch) -> None:
    """A mended ledger does not know the commands that it answered."""
    real = branch_rewriting.copied_beside

    def copied(*words: Any) -> Beside:
        beside = real(*words)
        beside.replies.clear()
        return beside

    patch.setattr(mending, "copied_beside", copied)


def events_keep_their_old_generation(patch: Patch) -> None:
    """What is written again says that it is of the generation before."""

    def older(*words: Any, gen: int, **named: Any) -> bytes:
        return seal_again(*words, gen=gen - 1, **named)

    patch.setattr(branch_rewriting, "seal_again", older)


def numbers_of_the_lost_are_given_again(patch: Patch) -> None:
    """What head office's branch gave out is not counted."""
    real = mending.project

    def project(*words: Any) -> None:
        if words[1].TYPE != "sale_completed":
            real(*words)

    patch.setattr(mending, "project", project)


def all_of_it_passes_for_acknowledged(patch: Patch) -> None:
    """A mended box believes that head office has what it only now writes again."""
    real = Beside.write

    def write(self: Beside, connection: sqlite3.Connection, *words: Any) -> None:
        real(self, connection, *words)
        connection.execute("UPDATE identity SET accepted_seq = (SELECT max(seq) FROM event)")

    patch.setattr(Beside, "write", write)


def a_half_made_ledger_is_gone_on_with(patch: Patch) -> None:
    """A box that died while its ledger was made goes on in that file."""
    real = mending._remove

    def remove(path: Any) -> None:
        if path.name != mending._UNFINISHED:
            real(path)

    patch.setattr(mending, "_remove", remove)


# --- finding and fetching -----------------------------------------------------------------


def the_fork_is_one_too_late(patch: Patch) -> None:
    """Both histories pass for the same up to an event in which they differ."""
    real = Mending._fork

    async def fork(self: Mending, upto: int) -> HashSaid:
        found = await real(self, upto)
        return await self.edge.hash_at(found.seq + 1) if found.seq < upto else found

    patch.setattr(Mending, "_fork", fork)


def what_was_fetched_is_never_fetched_anew(patch: Patch) -> None:
    """A head office that was restored meanwhile has another branch than was fetched."""
    real = LostHistory.begin

    async def begin(self: LostHistory, begun: MendingBegun) -> MendingState:
        return await real(self, msgspec.structs.replace(begun, anew=False))

    patch.setattr(LostHistory, "begin", begin)


# --- generations, and the word of a person ------------------------------------------------


def a_generation_is_given_twice(patch: Patch) -> None:
    """Head office gives a box the generation that it is in."""
    real = StoreDirectory.open_generation

    async def opened(self: StoreDirectory, store: RegisteredStore, used: int) -> int:
        return max(store.gen, await real(self, store, used) - 1)

    patch.setattr(StoreDirectory, "open_generation", opened)


def a_generation_that_was_forgotten_stays_so(patch: Patch) -> None:
    """A head office that was restored does not let boxes in that it gave a generation since."""

    async def remember(_: Admission, store: RegisteredStore, *__: object) -> RegisteredStore:
        return store

    patch.setattr(Admission, "remember_generation", remember)


def nobody_has_to_confirm(patch: Patch) -> None:
    """Two copies that are both alive take the shop from each other, as often as they ask."""

    async def alone(*_: object) -> None:
        """Look for nobody."""

    patch.setattr(HistoryMending, "_refuse_twin", alone)
    patch.setattr("sync.office.store_directory.MENDING_AGAIN_MS_MIN", 0)


def a_confirmation_is_not_kept(patch: Patch) -> None:
    """What a person says is forgotten."""

    async def confirm(*_: object) -> None:
        """Keep nothing."""

    patch.setattr(StoreDirectory, "confirm_box", confirm)


def confirming_one_copy_forgets_the_other(patch: Patch) -> None:
    """Of the box that a person confirms nothing is taken but what head office has."""
    real = BranchWriter.begin
    confirmed: set[str] = set()
    keep = StoreDirectory.confirm_box

    async def confirm(self: StoreDirectory, slug: str) -> None:
        confirmed.add(slug)
        await keep(self, slug)

    async def begin(self: BranchWriter, parent: Head) -> None:
        if self.identity.store in confirmed:
            self.fates = dict.fromkeys(self.fates, Fate.KNOWN)
        await real(self, parent)

    patch.setattr(StoreDirectory, "confirm_box", confirm)
    patch.setattr(BranchWriter, "begin", begin)


MENDING_MUTANTS: Final[tuple[Callable[[Patch], None], ...]] = (
    own_branch_is_left_out,
    a_sale_of_both_is_written_again,
    a_doubtful_sale_passes_for_known,
    two_ends_get_one_id,
    the_newest_event_is_left_behind,
    a_page_begins_one_too_late,
    answers_to_tills_are_forgotten,
    events_keep_their_old_generation,
    numbers_of_the_lost_are_given_again,
    all_of_it_passes_for_acknowledged,
    a_half_made_ledger_is_gone_on_with,
    the_fork_is_one_too_late,
    what_was_fetched_is_never_fetched_anew,
    a_generation_is_given_twice,
    a_generation_that_was_forgotten_stays_so,
    nobody_has_to_confirm,
    a_confirmation_is_not_kept,
    confirming_one_copy_forgets_the_other,
)
