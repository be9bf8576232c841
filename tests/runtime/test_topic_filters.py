from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.contract.device_topics import DeviceTopics, HostTopics, every_device, every_host
from edge.runtime.broker_access import BrokerAccess
from edge.runtime.topic_filters import check_filter, check_topic, covers, matches

LEVELS = st.sampled_from(["a", "b", "", "$x"])
TOPICS = st.lists(LEVELS, min_size=1, max_size=5).map("/".join).filter(bool)


@st.composite
def filters(draw: st.DrawFn) -> str:
    levels = draw(st.lists(st.sampled_from(["a", "b", "", "+"]), min_size=0, max_size=4))
    tail = draw(st.sampled_from([[], ["#"]]))
    return "/".join([*levels, *tail]) or "+"


def by_regex(topic: str, topic_filter: str) -> bool:
    """The rule of MQTT 4.7 as another person would write it."""
    if topic.startswith("$") and topic_filter[0:1] in {"+", "#"}:
        return False
    pattern = re.escape(topic_filter).replace(r"\+", "[^/]*")
    if pattern == r"\#":
        pattern = ".*"
    elif pattern.endswith(r"/\#"):
        pattern = pattern.removesuffix(r"/\#") + "(/.*)?"
    return re.fullmatch(pattern, topic) is not None


@given(TOPICS, filters())
def test_matching_agrees_with_another_hand(topic: str, topic_filter: str) -> None:
    assert matches(topic, topic_filter) == by_regex(topic, topic_filter)


@given(filters(), filters(), TOPICS)
def test_what_is_covered_matches_nothing_more(wide: str, narrow: str, topic: str) -> None:
    if covers(wide, narrow) and by_regex(topic, narrow) and not topic.startswith("$"):
        assert by_regex(topic, wide)


@pytest.mark.parametrize(
    ("topic", "topic_filter", "expected"),
    [
        ("a", "a/#", True),
        ("a/b/c", "a/#", True),
        ("a/b", "+/+", True),
        ("a/b", "+", False),
        ("$SYS/x", "#", False),
        ("$SYS/x", "$SYS/#", True),
        ("a//b", "a/+/b", True),
        ("ab", "a/#", False),
    ],
)
def test_known_cases(topic: str, topic_filter: str, expected: bool) -> None:
    assert matches(topic, topic_filter) is expected


@pytest.mark.parametrize("topic", ["a", "/", "a//b", "ä", "x" * 65_535])
def test_a_topic_is_a_filter_that_stands_for_itself(topic: str) -> None:
    check_topic(topic)
    check_filter(topic)
    assert matches(topic, topic)


@pytest.mark.parametrize("topic", ["", "a/+", "#", "$SYS/a", "a\0", "x" * 65_536])
def test_no_topics(topic: str) -> None:
    with pytest.raises(ValueError, match="not a topic"):
        check_topic(topic)


@pytest.mark.parametrize(
    ("topic_filter", "topic"),
    [("#", "a"), ("+", "a"), ("a/+/#", "a/b/c"), ("+/a", "b/a"), ("$SYS/#", "$SYS/x")],
)
def test_a_filter_that_is_allowed_stands_for_topics(topic_filter: str, topic: str) -> None:
    check_filter(topic_filter)
    assert matches(topic, topic_filter)


@pytest.mark.parametrize("topic_filter", ["", "a+", "#/a", "a/#/b", "a#", "a\0"])
def test_no_filters(topic_filter: str) -> None:
    with pytest.raises(ValueError, match="not a topic filter"):
        check_filter(topic_filter)


# --- who may -------------------------------------------------------------------------------

ACCESS = BrokerAccess("store-1")
HOST = HostTopics("store-1", "host-1")
DEVICE = DeviceTopics("store-1", "host-1", "printer")
DOWN = [HOST.config, DEVICE.job]
UP = [
    HOST.availability,
    HOST.info,
    DEVICE.availability,
    DEVICE.meta,
    DEVICE.state,
    DEVICE.result,
    DEVICE.stats,
    DEVICE.event("scan"),
]


@pytest.mark.parametrize("topic", DOWN + UP)
@pytest.mark.parametrize("user", ["edge", "host-1", "host-2", "", "+", "#", "host-1/dev", "ä"])
def test_the_whole_table(user: str, topic: str) -> None:
    says = (user == "edge" and topic in DOWN) or (user == "host-1" and topic in UP)
    hears = user == "edge" or (user == "host-1" and topic in DOWN)
    assert ACCESS.may_say(user, topic) is says
    assert ACCESS.may_hear(user, topic) is hears


@pytest.mark.parametrize(
    ("user", "topic_filter", "expected"),
    [
        ("edge", every_device("store-1", "event/+"), True),
        ("edge", every_host("store-1", "info"), True),
        ("edge", "tillbox/v1/store-1/#", True),
        ("edge", "tillbox/#", False),
        ("edge", "tillbox/v1/store-2/host/+/info", False),
        ("host-1", HOST.all_jobs, True),
        ("host-1", every_device("store-1", "job"), False),
        ("host-1", f"{HOST.prefix}/#", False),
        ("host-1", f"{HOST.prefix}/+", False),
        ("host-1", "#", False),
    ],
)
def test_a_filter_is_granted_only_as_a_whole(user: str, topic_filter: str, expected: bool) -> None:
    assert ACCESS.may_hear(user, topic_filter) is expected
