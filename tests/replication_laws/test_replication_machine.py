"""Nothing is lost and nothing is there twice, whatever happens to shops and head office.

A check plays a few dozen histories and some of the mutants; `make storm` plays as many histories
as `TILLBOX_LAWS` says, and all mutants. `TILLBOX_LAWS_SEED` repeats a run.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable

import pytest

from tests.replication_laws.machine import play
from tests.replication_laws.mending_mutants import (
    MENDING_MUTANTS,
    confirming_one_copy_forgets_the_other,
    own_branch_is_left_out,
)
from tests.replication_laws.mutants import (
    MUTANTS,
    everything_is_taken_for_acknowledged,
    first_event_of_a_frame_is_skipped,
    signed_before_it_is_durable,
)

EXAMPLES = int(os.environ.get("TILLBOX_LAWS", "15"))
SEED = int(os.environ.get("TILLBOX_LAWS_SEED", "0")) or secrets.randbits(32)
IS_LONG = "TILLBOX_LAWS" in os.environ
MUTANT_EXAMPLES = 400
MUTANT_SEED = 20_261_127
PLAYED = (
    (*MUTANTS, *MENDING_MUTANTS)
    if IS_LONG
    else (
        signed_before_it_is_durable,
        first_event_of_a_frame_is_skipped,
        everything_is_taken_for_acknowledged,
        own_branch_is_left_out,
        confirming_one_copy_forgets_the_other,
    )
)

pytestmark = [pytest.mark.storm, pytest.mark.timeout(60 + 6 * EXAMPLES)]


def test_nothing_is_lost_and_nothing_is_there_twice() -> None:
    print(f"TILLBOX_LAWS_SEED={SEED}")
    play(SEED, EXAMPLES, shrinks=IS_LONG)


@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("mutant", PLAYED, ids=lambda mutant: mutant.__name__)
def test_a_mutant_is_caught(
    mutant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    mutant(monkeypatch)
    with pytest.raises(AssertionError) as caught:
        play(MUTANT_SEED, MUTANT_EXAMPLES, shrinks=False)
    print(f"{mutant.__name__}: {caught.value}")
    # a mutant that does not run shows nothing
    assert "a defect:" not in str(caught.value)
    assert "died of" not in str(caught.value)
