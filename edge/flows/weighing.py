"""Goods are weighed: the wish is on disk, the scale is asked, its answer becomes a line or words.

A weight belongs to the sale that asked for it, and to the moment: an answer that comes too late,
to another sale, or for goods that were weighed before and never lifted, sells nothing.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import msgspec

from edge.contract.device_messages import JobResult, JobStatus, WeighOutcome
from edge.contract.device_states import DriverState
from edge.contract.errors import Refused
from edge.contract.event_registry import Event
from edge.contract.instant import Clock
from edge.contract.limits import (
    WEIGH_GRACE_MS,
)
from edge.engine.basket_pricing import with_reductions
from edge.engine.cart import Cart
from edge.engine.circumstances import Circumstances
from edge.engine.weighing_rules import weighed, weighing_ended
from edge.flows.device_directory import DeviceDirectory
from edge.flows.job_dispatch import JobDispatch
from edge.flows.selling import Selling
from edge.flows.till import Till
from edge.ledger.records import OpenJob
from edge.runtime.structured_log import Log
from edge.runtime.supervisor import Supervisor

_SERVING: Final = frozenset({DriverState.READY, DriverState.ATTENTION})
_TYPE_IT: Final = "Until it weighs again, the weight can be typed."


class _Sold(NamedTuple):
    """Which load a scale weighed last, and the line it became."""

    load: str
    sale: str
    line: str


@dataclass
class Weighing:
    """Asks the scales of a store, and turns what they answer into lines."""

    selling: Selling
    dispatch: JobDispatch
    directory: DeviceDirectory
    clock: Clock
    log: Log
    tasks: Supervisor
    _running: dict[str, asyncio.Event] = field(default_factory=dict)
    _sold: dict[str, _Sold] = field(default_factory=dict)

    def scale_of(self, till: str) -> str:
        """Return a till's scale, empty for none; raises Refused while it cannot weigh."""
        for device in self.directory.views(till):
            if device.role == "scale":
                if device.state not in _SERVING:
                    raise Refused(
                        "scale_not_ready",
                        device.words,
                        advice=f"{device.advice} {_TYPE_IT}".strip(),
                    )
                return device.device_id
        return ""

    def begin(self, job: OpenJob) -> None:
        """Ask the scale: called when the wish has just been committed."""
        self._running[job.job_id] = asyncio.Event()
        self.dispatch.watch(job)
        _ = self.tasks.spawn(f"weighing {job.job_id}", self._follow(job))

    def resume(self, job: OpenJob) -> None:
        """End a weighing that was open when the process ended: those goods may be gone."""
        refusal = Refused(
            "weighing_broken_off",
            "The box was started anew while it weighed: nothing was sold.",
            advice="Weigh again.",
        )
        _ = self.tasks.spawn(f"weighing {job.job_id}", self._give_up(job, refusal))

    async def _follow(self, job: OpenJob) -> None:
        ended = self._running[job.job_id]
        if await self.dispatch.send(job):
            wait_ms = max(0, job.deadline - self.clock.now_ms()) + WEIGH_GRACE_MS
            try:
                async with self.clock.timeout(wait_ms / 1000):
                    await ended.wait()
            except TimeoutError:
                pass
        if self._running.pop(job.job_id, None) is None:
            return
        self.dispatch.forget(job.job_id)
        refusal = Refused(
            "scale_silent", "The scale does not answer.", advice=f"Weigh again. {_TYPE_IT}"
        )
        await self._give_up(job, refusal)

    async def hear(self, job: OpenJob, result: JobResult) -> None:
        """Take the scale's answer."""
        ended = self._running.pop(job.job_id, None)
        if ended is None:
            return  # it was given up meanwhile
        ended.set()
        try:
            outcome = _outcome(result)
        except Refused as refusal:
            await self._give_up(job, refusal)
            return
        till = self.selling.till(job.till)
        await self.selling.step(
            till, lambda cart: self._line(till, cart, job, outcome), settled=(job.job_id,)
        )

    def _line(
        self, till: Till, cart: Cart, job: OpenJob, outcome: WeighOutcome
    ) -> tuple[Event, ...]:
        if not _is_asked(cart, job):
            return ()  # the sale was given up meanwhile: its goods are nobody's
        try:
            self._refuse_twice(cart, job.device, outcome)
            (line,) = weighed(
                cart, outcome.weight_g, self.selling.reference, taken_g=outcome.tare_g
            )
            given = Circumstances(
                till.id, till.receipts, "", occasion=self.selling.gathering.occasion(cart.opened_at)
            )
            events = with_reductions(cart, (line,), self.selling.reference, given)
        except Refused as refusal:
            return self._words(till, cart, refusal)
        till.notice = None
        self._sold[job.device] = _Sold(outcome.load, line.sale, line.line)
        return events

    def _refuse_twice(self, cart: Cart, scale: str, outcome: WeighOutcome) -> None:
        sold = self._sold.get(scale)
        if sold is None or not outcome.load or sold.load != outcome.load:
            return
        line = cart.line(sold.line) if sold.sale == cart.sale else None
        if line is None or not line.voided:
            raise Refused(
                "weighed_already",
                "What lies on the scale was sold already.",
                advice="Take it off, put the next goods on and weigh again.",
            )

    async def _give_up(self, job: OpenJob, refusal: Refused) -> None:
        till = self.selling.till(job.till)

        def decide(cart: Cart) -> tuple[Event, ...]:
            return self._words(till, cart, refusal) if _is_asked(cart, job) else ()

        await self.selling.step(till, decide, settled=(job.job_id,))

    def _words(self, till: Till, cart: Cart, refusal: Refused) -> tuple[Event, ...]:
        till.say(refusal.code, "refused", str(refusal), refusal.params)
        self.log.info("weighing_ended", till=till.id, reason=refusal.code)
        return weighing_ended(cart, refusal.code)


def _is_asked(cart: Cart, job: OpenJob) -> bool:
    return cart.weighing is not None and cart.weighing.weighing == job.job_id


def _outcome(result: JobResult) -> WeighOutcome:
    """Return the weight that a scale answered; raises Refused in its words."""
    if result.status is JobStatus.DONE:
        try:
            return msgspec.convert(result.result, WeighOutcome)
        except msgspec.ValidationError as error:
            raise Refused(
                "scale_garbled", f"The scale's answer is garbled: {error}.", advice="Weigh again."
            ) from None
    trouble = result.error
    if trouble is None:
        raise Refused("scale_silent", "The scale gave no weight.", advice="Weigh again.")
    raise Refused(trouble.code, trouble.detail, advice=trouble.advice or "Weigh again.")
