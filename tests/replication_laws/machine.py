"""Anything that can happen to shops and their head office, in any order (Hypothesis).

After every step nothing false may be seen; in the end all lines are up, and everything that a till
was told stands is at head office, once.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final

from hypothesis import HealthCheck, Phase, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from edge.contract.errors import TillboxError
from tests.replication_laws.box import Box
from tests.replication_laws.inline_file import Death, InlineExecutor
from tests.replication_laws.laws import at_rest, in_motion
from tests.replication_laws.memory_line import TROUBLES, Trouble, Way
from tests.replication_laws.restored import Mishap
from tests.replication_laws.sales import PRICES, Sold
from tests.replication_laws.world import World

_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a folder of our own is made in it
_REAL_S_MAX: Final = 20
"""For one step: who waits for something that no clock brings is told so."""

STEPS: Final = 40

shops = st.integers(1, 2)
picks = st.integers(0, 50)
goods = st.lists(
    st.tuples(st.sampled_from(sorted(PRICES)), st.integers(1, 3)), min_size=1, max_size=4
).map(tuple)
commits = st.integers(1, 5)
wires = st.integers(1, 4)
"""Those of the shops, and those of copies that run beside their box."""
deaths = st.builds(Death, st.sampled_from(range(3, 18)), st.booleans())
mishaps = st.builds(
    Mishap,
    st.none()
    | st.tuples(st.sampled_from(("up", "down")), st.integers(1, 16), st.sampled_from(TROUBLES)),
    st.none() | deaths,
    st.none() | deaths,
)
extras = st.just(()) | goods
mended_after = st.sampled_from((35.0, 2.0, 90.0))
waits = st.sampled_from((0.2, 2.0, 35.0, 90.0))


def some_box(able: Callable[[ReplicationMachine, Box], bool]) -> Any:
    """Let a rule be drawn only while some box is able to do what it does."""
    return precondition(lambda self: any(able(self, box) for box in self.world.boxes.values()))


class LawBrokenError(AssertionError):
    """Something is lost, there twice, or not as it was said."""


class ReplicationMachine(RuleBasedStateMachine):
    """Two shops, their tills, their lines, head office, and the people who restore and replace."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        folder = _MEMORY if _MEMORY.is_dir() else None
        self.folder = Path(tempfile.mkdtemp(prefix="replication-", dir=folder))
        self.world = World(self.folder, 1_000)

    @initialize(raw_max=st.sampled_from((600, 1_500, 20_000)), tokens=st.booleans())
    def found(self, raw_max: int, tokens: bool) -> None:
        self.world.raw_max = raw_max
        self.world.tokens = tokens
        self._run(self._found())

    async def _found(self) -> None:
        asyncio.get_running_loop().set_default_executor(InlineExecutor())
        await self.world.open(2)

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        async def step() -> None:
            try:
                await work
            except asyncio.CancelledError:
                # what was foretold to die did so meanwhile: nobody hears how this ended
                if not self.world.somebody_died():
                    raise
            except TillboxError as error:
                raise LawBrokenError(f"somebody was refused: {error}") from error
            await self.world.buried()

        self.runner.run(asyncio.wait_for(step(), _REAL_S_MAX))
        self._judge(in_motion(self.world))

    def _box(self, number: int, able: Callable[[ReplicationMachine, Box], bool]) -> Box:
        """The box that was drawn, or the other one where only that is able."""
        box = self.world.boxes[number]
        return box if able(self, box) else self.world.boxes[3 - number]

    # --- tills ----------------------------------------------------------------------------

    def is_up(self, box: Box) -> bool:
        return box.is_up

    def is_free(self, box: Box) -> bool:
        return box.is_up and box.waiting is None

    def is_ringing_up(self, box: Box) -> bool:
        return box.is_up and box.waiting is not None

    def has_sold(self, box: Box) -> bool:
        return box.is_up and bool(box.done)

    def returnable(self, box: Box) -> list[Sold]:
        back = {sold.original for sold in (*box.done, *box.unsure)}
        told = Counter(sold.sale for sold in box.done)
        # one that two histories tell otherwise has two ids by now: people look at it first
        return [
            sold
            for sold in box.done
            if not sold.original and sold.sale not in back and told[sold.sale] == 1
        ]

    def may_take_back(self, box: Box) -> bool:
        return box.is_up and bool(self.returnable(box))

    @some_box(is_up)
    @rule(shop=shops, lines=goods, change=st.sampled_from((0, 50)))
    def sell(self, shop: int, lines: tuple[tuple[str, int], ...], change: int) -> None:
        self._run(self._box(shop, ReplicationMachine.is_up).sell(lines, change))

    @some_box(is_free)
    @rule(shop=shops, lines=goods)
    def begin_a_sale(self, shop: int, lines: tuple[tuple[str, int], ...]) -> None:
        self._run(self._box(shop, ReplicationMachine.is_free).begin(lines))

    @some_box(is_ringing_up)
    @rule(shop=shops, more=extras)
    def finish_the_sale(self, shop: int, more: tuple[tuple[str, int], ...]) -> None:
        self._run(self._box(shop, ReplicationMachine.is_ringing_up).finish(more))

    @some_box(may_take_back)
    @rule(shop=shops, pick=picks)
    def refund(self, shop: int, pick: int) -> None:
        box = self._box(shop, ReplicationMachine.may_take_back)
        sales = self.returnable(box)
        self._run(box.take_back(sales[pick % len(sales)]))

    @some_box(has_sold)
    @rule(shop=shops, pick=picks)
    def ask_a_second_time(self, shop: int, pick: int) -> None:
        box = self._box(shop, ReplicationMachine.has_sold)
        self._run(box.say_again(box.done[pick % len(box.done)]))

    # --- time and lines -------------------------------------------------------------------

    @rule(seconds=waits)
    def time_passes(self, seconds: float) -> None:
        self._run(self.world.clock.advance(seconds))

    @rule()
    def everything_comes_to_rest(self) -> None:
        self._rest()

    @rule(shop=wires)
    def the_line_breaks(self, shop: int) -> None:
        self.world.net.cut(shop)

    @precondition(lambda self: len(self.world.net.without_line) < 2)
    @rule(shop=wires)
    def the_line_goes_down(self, shop: int) -> None:
        self.world.net.without_line.add(shop)
        self.world.net.cut(shop)

    @precondition(lambda self: self.world.net.without_line)
    @rule()
    def the_lines_are_back(self) -> None:
        self.world.net.without_line.clear()

    @rule(
        shop=wires,
        way=st.sampled_from(("up", "down")),
        ahead=st.integers(1, 6),
        kind=st.sampled_from(TROUBLES),
    )
    def a_message_will_have_trouble(self, shop: int, way: Way, ahead: int, kind: Trouble) -> None:
        self.world.trouble(shop, way, ahead, kind)

    @some_box(is_up)
    @rule(shop=shops, lines=goods, kind=st.sampled_from(("drop", "twice", "swap")))
    def a_sale_has_trouble_on_its_way(
        self, shop: int, lines: tuple[tuple[str, int], ...], kind: Trouble
    ) -> None:
        box = self._box(shop, ReplicationMachine.is_up)
        self.world.trouble(box.number, "up", 1, kind)
        for _ in range(2):
            if box.is_up:
                self._run(box.sell(lines, 0))
                self._run(self.world.clock.advance(2))

    # --- processes ------------------------------------------------------------------------

    def is_down(self, box: Box) -> bool:
        return not box.is_up

    def and_office_are_up(self, box: Box) -> bool:
        return self.world.office.is_up and box.is_up

    @some_box(is_up)
    @rule(shop=shops, steps=st.integers(1, 14), behind=st.booleans())
    def a_box_will_die_while_it_is_mended(self, shop: int, steps: int, behind: bool) -> None:
        death = self._box(shop, ReplicationMachine.is_up).mending_death
        death.steps, death.behind = steps, behind

    @some_box(is_up)
    @rule(shop=shops)
    def a_box_is_killed(self, shop: int) -> None:
        self._run(self._box(shop, ReplicationMachine.is_up).crash())

    @some_box(is_up)
    @rule(shop=shops, commits=commits, behind=st.booleans())
    def a_box_will_die_at_a_commit(self, shop: int, commits: int, behind: bool) -> None:
        number = self._box(shop, ReplicationMachine.is_up).number
        self.world.box_dies(number, commits, behind=behind)

    @some_box(is_down)
    @rule(shop=shops)
    def a_box_starts(self, shop: int) -> None:
        number = self._box(shop, ReplicationMachine.is_down).number
        self._run(self.world.start_box(number))

    office_is_up = precondition(lambda self: self.world.office.is_up)

    @office_is_up
    @rule()
    def head_office_is_killed(self) -> None:
        self._run(self.world.office.crash())

    @office_is_up
    @rule(commits=commits, behind=st.booleans())
    def head_office_will_die_at_a_commit(self, commits: int, behind: bool) -> None:
        self.world.office_dies(commits, behind=behind)

    @some_box(and_office_are_up)
    @rule(shop=shops, lines=goods, commits=commits, behind=st.booleans())
    def head_office_dies_while_a_sale_comes(
        self, shop: int, lines: tuple[tuple[str, int], ...], commits: int, behind: bool
    ) -> None:
        box = self._box(shop, ReplicationMachine.and_office_are_up)
        self.world.office_dies(commits, behind=behind)
        self._run(box.sell(lines, 0))
        self._run(self.world.clock.advance(2))

    @precondition(lambda self: not self.world.office.is_up)
    @rule()
    def head_office_starts(self) -> None:
        self._run(self.world.start_office())

    @office_is_up
    @rule()
    def head_office_reads_all_frames_again(self) -> None:
        self.world.office.projector.read_again()
        self.world.office.projector.news.set()

    # --- copies and other boxes -----------------------------------------------------------

    def is_known(self, box: Box) -> bool:
        return self.world.office.is_up and self.world.office.head(box.number)[0] > 0

    def was_replaced(self, box: Box) -> bool:
        reachable = self.world.office.is_up and box.number not in self.world.net.without_line
        return reachable and bool(self.world.gone.get(box.number))

    def is_alone(self, box: Box) -> bool:
        return box.number not in self.world.restored.twins

    def may_be_followed(self, box: Box) -> bool:
        return box.is_up and box.number not in self.world.restored.astray

    def may_burn(self, box: Box) -> bool:
        return self.is_known(box) and self.is_alone(box)

    def may_have_twin(self, box: Box) -> bool:
        return box.is_up and self.is_alone(box)

    def may_go_on_twice(self, box: Box) -> bool:
        reachable = self.world.office.is_up and box.number not in self.world.net.without_line
        return reachable and box.is_up and box.number not in self.world.restored.astray

    def has_twin(self, box: Box) -> bool:
        return not self.is_alone(box)

    def has_live_twin(self, box: Box) -> bool:
        return self.has_twin(box) and self.world.restored.twins[box.number].is_up

    def has_ringing_twin(self, box: Box) -> bool:
        return self.has_live_twin(box) and (
            self.world.restored.twins[box.number].waiting is not None
        )

    def has_dead_twin(self, box: Box) -> bool:
        return self.has_twin(box) and not self.world.restored.twins[box.number].is_up

    @rule()
    def somebody_copies_head_office(self) -> None:
        self.world.copy_office()

    @precondition(lambda self: self.world.copies)
    @rule(pick=picks)
    def head_office_is_set_back(self, pick: int) -> None:
        self._run(self.world.set_office_back(pick))

    @some_box(may_be_followed)
    @rule(shop=shops)
    def a_new_box_takes_over(self, shop: int) -> None:
        number = self._box(shop, ReplicationMachine.may_be_followed).number
        self._run(self.world.hand_over(number))

    @some_box(and_office_are_up)
    @rule(shop=shops)
    def a_history_is_carried_to_head_office(self, shop: int) -> None:
        number = self._box(shop, ReplicationMachine.and_office_are_up).number
        self._run(self.world.carry(number))

    @some_box(may_go_on_twice)
    @rule(shop=shops, lines=goods)
    def a_sale_is_carried_while_it_is_sent(
        self, shop: int, lines: tuple[tuple[str, int], ...]
    ) -> None:
        box = self._box(shop, ReplicationMachine.may_go_on_twice)
        self._run(box.sell(lines, 0))
        if self.world.office.is_up and box.is_up:
            self._run(self.world.carry(box.number))
            self._run(self.world.clock.advance(2))

    @some_box(may_burn)
    @rule(shop=shops)
    def a_box_burns(self, shop: int) -> None:
        number = self._box(shop, ReplicationMachine.may_burn).number
        self._run(self.world.burn(number))

    @some_box(may_be_followed)
    @rule(shop=shops, lines=goods)
    def boxes_burn_that_never_had_a_line(
        self, shop: int, lines: tuple[tuple[str, int], ...]
    ) -> None:
        number = self._box(shop, ReplicationMachine.may_be_followed).number
        self.world.net.without_line.add(number)
        self._run(self.world.hand_over(number))
        if self.world.office.is_up and self.world.boxes[number].is_up:
            self._run(self.world.boxes[number].sell(lines, 0))
            self._run(self.world.carry(number))
        for _ in range(2):
            self._run(self.world.burn(number))

    @some_box(was_replaced)
    @rule(shop=shops, pick=picks)
    def a_box_that_was_replaced_calls(self, shop: int, pick: int) -> None:
        number = self._box(shop, ReplicationMachine.was_replaced).number
        self._run(self.world.survivor_calls(number, pick))

    @some_box(is_up)
    @rule(shop=shops)
    def somebody_copies_a_box(self, shop: int) -> None:
        number = self._box(shop, ReplicationMachine.is_up).number
        self._run(self.world.restored.keep_disk(number))

    @some_box(is_alone)
    @rule(
        shop=shops,
        pick=picks,
        sales=st.integers(0, 6),
        mishap=mishaps,
        seconds=mended_after,
        whole=st.booleans(),
    )
    def a_box_is_set_back(
        self, shop: int, pick: int, sales: int, mishap: Mishap, seconds: float, whole: bool
    ) -> None:
        number = self._box(shop, ReplicationMachine.is_alone).number
        self._run(self.world.restored.put_back(number, pick, sales, mishap, whole=whole))
        self._run(self.world.clock.advance(seconds))

    @some_box(may_go_on_twice)
    @rule(
        shop=shops,
        lines=goods,
        here=extras,
        there=extras,
        mishap=mishaps,
        once_more=st.none() | extras,
    )
    def a_sale_goes_on_in_a_box_and_its_copy(
        self,
        shop: int,
        lines: tuple[tuple[str, int], ...],
        here: tuple[tuple[str, int], ...],
        there: tuple[tuple[str, int], ...],
        mishap: Mishap,
        once_more: tuple[tuple[str, int], ...] | None,
    ) -> None:
        restored = self.world.restored
        number = self._box(shop, ReplicationMachine.may_go_on_twice).number
        self._run(restored.goes_on_twice(number, lines, here, there, mishap))
        self._run(self.world.clock.advance(35))
        if once_more is not None:
            newest = len(restored.useful_disks(number)) - 1
            self._run(restored.put_back(number, newest, 0, Mishap(), once_more))
            self._run(self.world.clock.advance(35))

    @some_box(may_go_on_twice)
    @rule(shop=shops, pick=picks, lines=goods, seconds=st.sampled_from((0.2, 1.0, 4.0, 6.0)))
    def head_office_is_set_back_while_a_box_is_mended(
        self, shop: int, pick: int, lines: tuple[tuple[str, int], ...], seconds: float
    ) -> None:
        box = self._box(shop, ReplicationMachine.may_go_on_twice)
        self.world.copy_office()
        self._run(box.sell(lines, 0))
        self._run(self.world.clock.advance(2))
        self._run(self.world.restored.put_back(box.number, pick, 1, Mishap()))
        self._run(self.world.clock.advance(seconds))
        self._run(self.world.set_office_back(len(self.world.copies) - 1))
        self._run(self.world.clock.advance(35))

    @some_box(may_have_twin)
    @rule(shop=shops, sales=st.integers(0, 3))
    def a_copy_starts_beside_its_box(self, shop: int, sales: int) -> None:
        number = self._box(shop, ReplicationMachine.may_have_twin).number
        self._run(self.world.restored.start_twin(number, sales))

    @some_box(has_live_twin)
    @rule(shop=shops, lines=goods)
    def the_copy_sells(self, shop: int, lines: tuple[tuple[str, int], ...]) -> None:
        number = self._box(shop, ReplicationMachine.has_live_twin).number
        self._run(self.world.restored.twins[number].sell(lines, 0))

    @some_box(has_ringing_twin)
    @rule(shop=shops, more=extras)
    def the_copy_finishes_the_sale(self, shop: int, more: tuple[tuple[str, int], ...]) -> None:
        number = self._box(shop, ReplicationMachine.has_ringing_twin).number
        self._run(self.world.restored.twins[number].finish(more))

    @some_box(has_live_twin)
    @rule(shop=shops)
    def the_copy_is_killed(self, shop: int) -> None:
        number = self._box(shop, ReplicationMachine.has_live_twin).number
        self._run(self.world.restored.twins[number].crash())

    @some_box(has_dead_twin)
    @rule(shop=shops)
    def the_copy_starts(self, shop: int) -> None:
        number = self._box(shop, ReplicationMachine.has_dead_twin).number
        self._run(self.world.start(self.world.restored.twins[number]))

    @some_box(has_twin)
    @rule(shop=shops, stays=st.booleans())
    def a_person_says_which_box_is_right(self, shop: int, stays: bool) -> None:
        number = self._box(shop, ReplicationMachine.has_twin).number
        self._run(self.world.restored.end_twin(number, stays=stays))

    # --- the end --------------------------------------------------------------------------

    def _rest(self) -> None:
        self._run(self.world.rest())
        self._judge(self.runner.run(at_rest(self.world)))

    def _judge(self, found: list[str]) -> None:
        if found:
            raise LawBrokenError("\n".join(dict.fromkeys(found)))

    def teardown(self) -> None:
        try:
            if self.world.boxes:
                self._rest()
        finally:
            try:
                self.runner.run(asyncio.wait_for(self.world.close(), _REAL_S_MAX))
            finally:
                self.runner.close()
                shutil.rmtree(self.folder)


def play(seed: int, examples: int, *, shrinks: bool = True) -> None:
    """Run the machine; AssertionError with the steps that led there where a law was broken.

    `shrinks` makes these steps as few as can be, which takes its time.
    """

    class Machine(ReplicationMachine):
        pass

    chosen = settings(
        max_examples=examples,
        stateful_step_count=STEPS,
        deadline=None,
        database=None,
        report_multiple_bugs=False,
        phases=(Phase.generate, Phase.shrink) if shrinks else (Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(seeded(seed)(Machine), settings=chosen)
