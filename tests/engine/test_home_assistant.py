"""What Home Assistant is told of a device: for every role, as documented, and nothing of sales."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.contract.device_adoption import BoundDevice, DeviceRole
from edge.contract.device_states import DeviceMeta, DeviceState, DriverState
from edge.contract.home_assistant import ShownDevice, device_of, discovery_topic, object_id
from edge.contract.wire import encode
from edge.engine.home_assistant import describe, show
from tests.flows.home_assistant_reader import TOPIC, NotDocumented, Reader, check

STORE = "harbour-street"
EVERY = {"problem", "connected", "health", "advice", "state", "jobs_waiting", "last_seen"}
PAPER = {"paper", "paper_out", "cover"}


def device(*roles: str, **more: str) -> BoundDevice:
    return BoundDevice("thing-1", "till2", "some_driver", roles, "till-2", **more)


def described(*roles: str) -> dict[str, object]:
    found = describe(STORE, device(*roles), None, "1.0")
    return check(discovery_topic(object_id(STORE, "thing-1")), encode(found))


@pytest.mark.parametrize("role", list(DeviceRole))
def test_each_role_is_described_as_documented(role: DeviceRole) -> None:
    components = described(role)["components"]
    wanted = EVERY | (PAPER if role in {"printer", "labels"} else set())
    wanted |= {"drawer"} if role == "drawer" else set()
    assert isinstance(components, dict)
    assert set(components) == wanted


def test_a_printer_with_a_drawer_has_both() -> None:
    components = described("printer", "drawer", "display")["components"]
    assert isinstance(components, dict)
    assert set(components) == EVERY | PAPER | {"drawer"}


def test_the_golden_description_of_a_drawer() -> None:
    found = described("drawer")
    place = f"tillbox/v1/{STORE}"
    edge = {"topic": f"{place}/shown/availability"}
    assert found["device"] == {
        "identifiers": ["tillbox_harbour-street_thing-1"],
        "name": "Drawer of till-2",
        "model": "some_driver",
        "suggested_area": "Till 2",
    }
    assert found["origin"] == {"name": "Tillbox", "sw_version": "1.0"}
    assert (found["availability_mode"], found["qos"]) == ("all", 1)
    assert found["availability"] == [
        {"topic": f"{place}/host/till2/availability"},
        {"topic": f"{place}/host/till2/dev/thing-1/availability"},
        edge,
    ]
    components = found["components"]
    assert isinstance(components, dict)
    assert components["drawer"] == {
        "platform": "binary_sensor",
        "unique_id": "tillbox_harbour-street_thing-1_drawer",
        "name": "Drawer",
        "state_topic": f"{place}/shown/dev/thing-1",
        "value_template": "{{ 'None' if value_json.drawer is none else 'ON' "
        "if value_json.drawer == 'open' else 'OFF' }}",
        "device_class": "opening",
    }
    assert components["connected"]["availability"] == [edge]
    assert components["last_seen"]["availability"] == []
    assert components["last_seen"]["device_class"] == "timestamp"


def test_nothing_takes_a_command() -> None:
    for role in DeviceRole:
        text = json.dumps(described(role))
        assert "command" not in text
        assert "/job" not in text
        assert "/config" not in text


@pytest.mark.parametrize(
    ("state", "present", "shown"),
    [
        (None, True, ShownDevice(True, True, health="Nothing is known of it yet.")),
        (
            DeviceState(DriverState.READY, "b", 1, 5),
            True,
            ShownDevice(True, False, "ready", "Well.", jobs_waiting=0),
        ),
        (
            DeviceState(DriverState.READY, "b", 1, 5),
            False,
            ShownDevice(False, True, "ready", "It is not there.", jobs_waiting=0),
        ),
        (
            DeviceState(DriverState.LOST, "b", 1, 5),
            True,
            ShownDevice(True, True, "lost", "It is lost.", jobs_waiting=0),
        ),
        (
            DeviceState(
                DriverState.ATTENTION, "b", 1, 5, "No paper.", "Put some in.", "out", "open", "open"
            ),
            True,
            ShownDevice(
                True,
                True,
                "attention",
                "No paper.",
                "Put some in.",
                "out",
                "open",
                "open",
                0,
            ),
        ),
    ],
)
def test_what_is_shown(state: DeviceState | None, present: bool, shown: ShownDevice) -> None:
    assert show(state, present=present) == shown


def test_weights_boots_and_counters_are_not_shown() -> None:
    one = DeviceState(DriverState.READY, "b", 1, 5, weight="stable", weight_g=412)
    other = DeviceState(DriverState.READY, "c", 9, 77, weight="unstable", weight_g=99_999)
    assert encode(show(one, present=True)) == encode(show(other, present=True))
    assert b"weight" not in encode(show(one, present=True))


@given(
    st.sampled_from(list(DriverState)),
    st.booleans(),
    st.text(max_size=600),
    st.text(max_size=600),
    st.sampled_from(["", "ok", "near_end", "out"]),
    st.sampled_from(["", "open", "closed"]),
    st.text(max_size=60),
)
def test_every_state_can_be_shown(
    state: DriverState,
    present: bool,
    health: str,
    advice: str,
    paper: str,
    cover: str,
    name: str,
) -> None:
    reader = Reader()
    bound = device("printer", "drawer", name=name)
    topic = discovery_topic(object_id(STORE, bound.id))
    reader.take(topic, encode(describe(STORE, bound, None, "1.0")))
    reported = DeviceState(state, "b", 1, 1, health, advice, paper, cover, cover, 3)
    shown = show(reported, present=present, last_seen="2026-11-27T12:00:00.000Z")
    reader.take(f"tillbox/v1/{STORE}/shown/dev/thing-1", encode(shown))
    prefix = object_id(STORE, bound.id)
    well = present and state is DriverState.READY
    assert reader.states[f"{prefix}_problem"] == ("off" if well else "on")
    assert reader.states[f"{prefix}_paper_out"] == (
        "unknown" if not paper else "on" if paper == "out" else "off"
    )


def test_names_are_unambiguous_and_safe_in_a_topic() -> None:
    ids = st.from_regex(r"[a-z0-9-]{1,40}", fullmatch=True)

    @given(ids, ids, ids, ids)
    def holds(store: str, thing: str, other_store: str, other: str) -> None:
        topic = discovery_topic(object_id(store, thing))
        assert TOPIC.fullmatch(topic)
        assert device_of(store, topic) == thing
        same = (store, thing) == (other_store, other)
        assert (object_id(other_store, other) == object_id(store, thing)) == same
        if store != other_store:
            assert device_of(other_store, topic) is None

    holds()


@pytest.mark.parametrize(
    "topic",
    [
        "homeassistant/device/tillbox_s_/config",
        "homeassistant/device/tillbox_s_a/b/config",
        "homeassistant/sensor/tillbox_s_a/config",
        "homeassistant/device/tillbox_s_a/state",
        "homeassistant/device/zigbee/config",
        "homeassistant/status",
    ],
)
def test_anothers_topic_is_not_taken_for_ours(topic: str) -> None:
    assert device_of("s", topic) is None


def test_the_model_is_what_the_device_says() -> None:
    meta = DeviceMeta("printer", "d", "TM-T88", "X7", "1.2")  # type: ignore[arg-type]
    found = describe(STORE, device("printer", name="Bar"), meta, "1").device
    assert (found.name, found.model, found.serial_number, found.sw_version) == (
        "Bar",
        "TM-T88",
        "X7",
        "1.2",
    )


@pytest.mark.parametrize(
    "change",
    [
        {"command_topic": "x"},
        {"availability_mode": "some"},
        {"availability": [{"topic": "a/+"}]},
        {"qos": 3},
        {"object_id": "x"},
        {"device": {"name": "x"}},
        {"origin": {}},
        {"components": {}},
    ],
)
def test_the_check_can_fail(change: dict[str, object]) -> None:
    topic = discovery_topic("x")
    with pytest.raises(NotDocumented):
        check(topic, json.dumps({**described("printer"), **change}).encode())
    with pytest.raises(NotDocumented):
        check("homeassistant/device/a b/config", json.dumps(described("printer")).encode())
