"""A new version's trial: started once, looked at, and kept or left."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from edge.contract.errors import Refused
from edge.contract.instant import Clock
from edge.contract.update_limits import TRIAL_LOOK_EVERY_S, TRIAL_S_MAX, TRIAL_WELL_LOOKS
from edge.updating.bundle import Version
from edge.updating.installing import Box
from edge.updating.update_record import Phase, UpdateRecord, note, read_record

Look = Callable[[], Sequence[str]]
"""Says what is wrong now, each in a sentence; nothing when all is well."""
Restart = Callable[[bool], None]
"""Starts the machine anew; with True the next start is a trial (`reboot "0 tryboot"`)."""


def begin_trial(box: Box, restart: Restart) -> None:
    """Start the version that was written, once. Raises Refused when there is none."""
    record = read_record(box.record)
    if record.phase is not Phase.WRITTEN:
        raise Refused(
            "update_not_written",
            f"There is no version to try: the newest update is {record.phase.value}.",
            advice="Install one first.",
        )
    note(box.record, msgspec.structs.replace(record, phase=Phase.TRYING))
    restart(True)


async def settle(box: Box, look: Look, restart: Restart, clock: Clock) -> UpdateRecord:
    """Do at a start what the update asks for: keep, leave, or nothing; return what is noted.

    Where power went in the middle of it, the next start ends it.
    """
    record = read_record(box.record)
    if record.phase is not Phase.TRYING:
        return record
    if box.slot is not record.slot:
        why = "It did not start, or the power went while it was looked at."
        return note(box.record, msgspec.structs.replace(record, phase=Phase.LEFT, why=why))
    if box.choice.chosen() is not record.slot:
        wrong = await _watched(look, clock)
        if wrong:
            left = msgspec.structs.replace(record, phase=Phase.LEFT, why=" ".join(wrong))
            note(box.record, left)
            restart(False)
            return left
        box.choice.choose(record.slot)
    floor = max(Version.parse(record.floor), Version.parse(record.next_floor))
    kept = msgspec.structs.replace(record, phase=Phase.KEPT, why="", floor=str(floor))
    return note(box.record, kept)


async def _watched(look: Look, clock: Clock) -> Sequence[str]:
    """Return what was wrong at last; nothing once all was well for long enough on end."""
    begun = clock.monotonic_ms()
    well = 0
    while True:
        wrong = look()
        well = 0 if wrong else well + 1
        if well >= TRIAL_WELL_LOOKS:
            return ()
        if clock.monotonic_ms() - begun >= TRIAL_S_MAX * 1_000:
            return wrong or ("It was not well for long enough.",)
        await clock.sleep(TRIAL_LOOK_EVERY_S)
