"""Nothing is lost and nothing is there twice, whatever happens to shops and head office.

A check plays a few dozen histories; `make storm` plays hundreds (`TILLBOX_LAWS=examples`).
"""

from __future__ import annotations

import os
import secrets

import pytest
from hypothesis import HealthCheck, settings

from tests.replication_laws.machine import play

EXAMPLES = int(os.environ.get("TILLBOX_LAWS", "40"))
SEED = int(os.environ.get("TILLBOX_LAWS_SEED", "0")) or secrets.randbits(32)


@pytest.mark.timeout(30 + 2 * EXAMPLES)
def test_nothing_is_lost_and_nothing_is_there_twice() -> None:
    print(f"TILLBOX_LAWS_SEED={SEED}")
    play(
        SEED,
        settings(
            max_examples=EXAMPLES,
            stateful_step_count=40,
            deadline=None,
            database=None,
            print_blob=False,
            suppress_health_check=list(HealthCheck),
        ),
    )
