"""Topics are built and taken apart in one place, and strangers' topics are nobody's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.contract.device_messages import (
    DELIVERY,
    JOB_ARGS,
    NEWEST_COUNTS,
    Delivery,
    JobKind,
)
from edge.contract.device_states import LEGAL_MOVES, DriverState
from edge.contract.device_topics import (
    HostTopics,
    ParsedTopic,
    every_device,
    every_host,
    parse_topic,
)

HOST = HostTopics("harbour-street", "box")
DEVICE = HOST.device("printer-1")
ROOT = "tillbox/v1/harbour-street/host/box"
IDS = st.from_regex(r"[a-z0-9-]{1,40}", fullmatch=True)


@pytest.mark.parametrize(
    ("topic", "text", "parsed"),
    [
        (HOST.availability, f"{ROOT}/availability", ("", "availability", "")),
        (HOST.info, f"{ROOT}/info", ("", "info", "")),
        (HOST.config, f"{ROOT}/config", ("", "config", "")),
        (DEVICE.availability, f"{ROOT}/dev/printer-1/availability",
         ("printer-1", "availability", "")),
        (DEVICE.meta, f"{ROOT}/dev/printer-1/meta", ("printer-1", "meta", "")),
        (DEVICE.state, f"{ROOT}/dev/printer-1/state", ("printer-1", "state", "")),
        (DEVICE.job, f"{ROOT}/dev/printer-1/job", ("printer-1", "job", "")),
        (DEVICE.result, f"{ROOT}/dev/printer-1/result", ("printer-1", "result", "")),
        (DEVICE.stats, f"{ROOT}/dev/printer-1/stats", ("printer-1", "stats", "")),
        (DEVICE.event("scan"), f"{ROOT}/dev/printer-1/event/scan", ("printer-1", "event", "scan")),
    ],
)  # fmt: skip
def test_topics_are_built_and_taken_apart(
    topic: str, text: str, parsed: tuple[str, str, str]
) -> None:
    assert topic == text
    assert parse_topic(topic) == ParsedTopic("harbour-street", "box", *parsed)


def test_filters() -> None:
    assert HOST.all_jobs == f"{ROOT}/dev/+/job"
    assert every_host("s", "info") == "tillbox/v1/s/host/+/info"
    assert every_device("s", "event/+") == "tillbox/v1/s/host/+/dev/+/event/+"


@pytest.mark.parametrize(
    "topic",
    [
        "", "/", "tillbox/v2/s/host/h/info", "tillbox/v1/s/host/h", "tillbox/v1/s/host/h/job",
        "tillbox/v1/s/host/h/dev/d", "tillbox/v1/s/host/h/dev/d/config",
        "tillbox/v1/s/host/h/dev/d/event", "tillbox/v1/s/host/h/dev/d/event/scan/more",
        "tillbox/v1//host/h/info", "tillbox/v1/s/host//info", "tillbox/v1/s/host/h/dev//job",
        "tillbox/v1/s/host/h/dev/d/event/", "tillbox/v1/S/host/h/info",
        "tillbox/v1/s/host/+/info", "tillbox/v1/s/host/h/dev/#/job",
        "tillbox/v1/s/host/h/dev/d\n/job", "$SYS/broker/uptime", "homeassistant/v1/s/host/h/info",
    ],
)  # fmt: skip
def test_topics_that_are_not_ours_are_nobodys(topic: str) -> None:
    assert parse_topic(topic) is None


@given(store=IDS, host=IDS, device=IDS, kind=IDS)
def test_any_ids_come_back(store: str, host: str, device: str, kind: str) -> None:
    topics = HostTopics(store, host).device(device)
    assert parse_topic(topics.event(kind)) == ParsedTopic(store, host, device, "event", kind)
    assert parse_topic(topics.job) == ParsedTopic(store, host, device, "job")


@given(topic=st.text(alphabet="tilbox/v1hosdev+#a-", max_size=60))
def test_any_topic_gets_an_answer(topic: str) -> None:
    parsed = parse_topic(topic)
    assert parsed is None or parsed.store


# --- what the messages promise -----------------------------------------------------------


def test_every_job_states_its_arguments_and_its_delivery_rule() -> None:
    assert set(DELIVERY) == set(JobKind) == set(JOB_ARGS)
    assert DELIVERY[JobKind.KICK_DRAWER] is Delivery.AT_MOST_ONCE
    assert DELIVERY[JobKind.PRINT_RECEIPT] is Delivery.AT_LEAST_ONCE_MARKED
    assert DELIVERY[JobKind.AUTHORISE_PAYMENT] is Delivery.INQUIRE_ONLY
    assert DELIVERY[JobKind.PRINT_LABELS] is Delivery.AT_LEAST_ONCE


def test_what_only_counts_when_it_is_the_newest_may_be_asked_twice() -> None:
    assert {JobKind.SHOW_LINES} == NEWEST_COUNTS
    assert {DELIVERY[kind] for kind in NEWEST_COUNTS} == {Delivery.REPEATABLE}


def test_every_driver_state_has_its_moves_and_can_stop() -> None:
    assert set(LEGAL_MOVES) == set(DriverState)
    for state, moves in LEGAL_MOVES.items():
        assert state not in moves
        assert (DriverState.STOPPED in moves) == (state is not DriverState.STOPPED)
    assert LEGAL_MOVES[DriverState.LOST] == {DriverState.CONNECTING, DriverState.STOPPED}
