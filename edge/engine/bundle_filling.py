"""Which units fill the parts of a bundle, where a unit may fit several parts.

A salad that is a main dish or a side: it is counted where it is needed. Units come in from
the dearest down, and one that finds its parts full may send those in them on to other parts
(the greedy algorithm of a transversal matroid, with augmenting paths). So no bundle is
missed, and no dearer one.
"""

from __future__ import annotations

from collections.abc import Sequence

from edge.engine.promotion_units import Counts, Pool

Fit = tuple[int, ...]
"""The parts that a unit may fill, by their place in the bundle."""


class Filling:
    """The parts of a bundle, and the untouched units that fit them."""

    def __init__(self, parts: Sequence[tuple[int, Sequence[Pool]]], pools: Sequence[Pool]) -> None:
        """Take a count and the selected pools of every part, and all pools, dearest first."""
        self._counts = [count for count, _ in parts]
        fits: dict[Pool, Fit] = {}
        for index, (_, part) in enumerate(parts):
            for pool in part:
                fits[pool] = (*fits.get(pool, ()), index)
        self._fits = {pool: fits[pool] for pool in pools if pool in fits and pool.left}

    @property
    def times_at_most(self) -> int:
        """How many bundles the units are enough for, whatever part they fit."""
        return sum(pool.left for pool in self._fits) // sum(self._counts)

    def units(self, times: int) -> Counts | None:
        """Return the dearest units that fill bundles, one at least; None when they cannot."""
        missing = [count * times for count in self._counts]
        held: list[dict[Fit, int]] = [{} for _ in missing]
        closed: set[Fit] = set()
        chosen: Counts = {}
        for pool, fit in self._fits.items():
            free = 0 if fit in closed else pool.left
            while free:
                way = _way(fit, held, missing)
                if not way:
                    closed.add(fit)  # what cannot come in now never can
                    break
                moved = _move(way, free, held, missing)
                chosen[pool] = chosen.get(pool, 0) + moved
                free -= moved
            if not any(missing):
                return chosen
        return None


_Step = tuple[int, Fit, int | None]
"""Into a part, units of a fit, out of a part (none: they are new)."""


def _way(fit: Fit, held: list[dict[Fit, int]], missing: list[int]) -> list[_Step]:
    """Return the shortest way to a part with room, last step first; empty when there is none."""
    steps: dict[int, _Step] = {part: (part, fit, None) for part in fit}
    queue = list(fit)
    for part in queue:
        if missing[part]:
            way = [steps[part]]
            while (before := way[-1][2]) is not None:
                way.append(steps[before])
            return way
        for other in held[part]:
            for onward in other:
                if onward not in steps:
                    steps[onward] = (onward, other, part)
                    queue.append(onward)
    return []


def _move(way: list[_Step], free: int, held: list[dict[Fit, int]], missing: list[int]) -> int:
    """Move as many units as go along a way, and return how many."""
    last = way[0][0]
    out = [held[part][fit] for _, fit, part in way if part is not None]
    moved = min(free, missing[last], *out)
    missing[last] -= moved
    for into, fit, out_of in way:
        held[into][fit] = held[into].get(fit, 0) + moved
        if out_of is not None:
            held[out_of][fit] -= moved
            if not held[out_of][fit]:
                del held[out_of][fit]
    return moved
