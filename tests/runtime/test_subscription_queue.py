"""What a subscription remembers of topics: the same answer as before, and no more than it may."""

from __future__ import annotations

import random

from edge.runtime.bus import BusMessage
from edge.runtime.subscription_queue import SubscriptionQueue
from edge.runtime.topic_filters import matches

_FILTERS = ("a/+/c", "b/#")
_SEED = 20261127


def _closed(_: SubscriptionQueue) -> None:
    """Nobody keeps a list here."""


def test_a_topic_met_again_is_wanted_as_it_was_the_first_time() -> None:
    queue = SubscriptionQueue(_FILTERS, 100_000, _closed)
    print(f"seed {_SEED}")
    chance = random.Random(_SEED)
    names = ["a/1/c", "a/2/d", "b", "b/1/2", "c", *(f"a/{number}/c" for number in range(3_000))]
    wanted = 0
    for _ in range(10_000):
        topic = chance.choice(names)
        queue.offer(BusMessage(topic, b"", retained=False))
        wanted += any(matches(topic, each) for each in _FILTERS)
    assert len(queue) == wanted


def test_what_strangers_invent_is_not_kept() -> None:
    queue = SubscriptionQueue(_FILTERS, 10, _closed)
    for number in range(5_000):
        queue.offer(BusMessage(f"x/{number}", b"", retained=False))
        queue.offer(BusMessage(f"y/{number}/" + "z" * 300, b"", retained=False))
    assert len(queue._known) <= 1_024
    assert max(map(len, queue._known)) <= 256
