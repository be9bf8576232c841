"""What edge tells Home Assistant over MQTT, where a shop has one: topics and messages.

Source: the MQTT integration's documentation (`home-assistant/home-assistant.io:
source/_integrations/mqtt.markdown`, "MQTT discovery", device based; `sensor.mqtt.markdown`,
`binary_sensor.mqtt.markdown`) and its schemas (`home-assistant/core:
homeassistant/components/mqtt/schemas.py`, `discovery.py`). Device based discovery is known to
Home Assistant since 2024.11.

Only edge publishes outside `tillbox/`, and Home Assistant commands nothing in a shop: no
message here has a command topic.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from edge.contract.device_limits import SHOWN_WORDS_CHARS_MAX
from edge.contract.device_topics import ROOT

DISCOVERY: Final = "homeassistant"
"""Where Home Assistant looks for devices, unless it was told otherwise."""
BIRTH: Final = f"{DISCOVERY}/status"
"""Home Assistant says `online` here when it has started."""
BORN: Final = b"online"


def discovery_topic(object_id: str) -> str:
    """Return the retained topic that describes one device; an empty message takes it away."""
    return f"{DISCOVERY}/device/{object_id}/config"


def object_id(store: str, device: str) -> str:
    """Return the name of a device there: `[A-Za-z0-9_-]+`, and no two devices share one.

    Neither part has an underscore, so no store's names begin with another's.
    """
    return f"tillbox_{store}_{device}"


def device_of(store: str, topic: str) -> str | None:
    """Return the device that a discovery topic is about; None for one that is not ours."""
    prefix, suffix = discovery_topic("\n").split("\n")
    mine = prefix + object_id(store, "")
    if not topic.startswith(mine) or not topic.endswith(suffix):
        return None
    device = topic[len(mine) : -len(suffix)]
    return device if device and "/" not in device else None


@dataclass(frozen=True)
class ShownTopics:
    """Edge's own topics that Home Assistant reads. The raw ones of devices are not for it."""

    store: str

    @property
    def prefix(self) -> str:
        """`tillbox/v1/{store}/shown`."""
        return f"{ROOT}/{self.store}/shown"

    @property
    def availability(self) -> str:
        """Retained, last will: whether edge is there to keep the others true."""
        return f"{self.prefix}/availability"

    def device(self, device: str) -> str:
        """Retained `ShownDevice`."""
        return f"{self.prefix}/dev/{device}"


ShownWords = Annotated[str, Meta(max_length=SHOWN_WORDS_CHARS_MAX)]


class ShownDevice(msgspec.Struct, frozen=True):
    """How a device is, as outsiders may know it: nothing of sales, goods, weights or people.

    Every field is always there, None where it is not known: templates need no defaults, and
    Home Assistant takes the text `None` for "unknown". `present`: its host and it are there.
    `state` is a `DriverState`; `problem`: it is not ready; `health` and `advice` are words.
    `last_seen` is RFC 3339 in UTC: the last time it was certainly there.
    """

    present: bool
    problem: bool
    state: str | None = None
    health: ShownWords | None = None
    advice: ShownWords | None = None
    paper: str | None = None
    cover: str | None = None
    drawer: str | None = None
    jobs_waiting: int | None = None
    last_seen: str | None = None


# --- the description of a device ----------------------------------------------------------


class Availability(msgspec.Struct, frozen=True):
    """A topic that says `online` or `offline`."""

    topic: str


class DescribedDevice(msgspec.Struct, frozen=True, omit_defaults=True):
    """The entry in Home Assistant's registry of devices."""

    identifiers: tuple[str, ...]
    name: str
    model: str | None = None
    serial_number: str | None = None
    sw_version: str | None = None
    suggested_area: str | None = None


class Origin(msgspec.Struct, frozen=True):
    """Who describes the device."""

    name: str
    sw_version: str


class Component(msgspec.Struct, frozen=True, omit_defaults=True):
    """One entity: a `sensor` or a `binary_sensor`, never one that takes commands.

    `availability` takes the place of the whole device's; an empty one: always shown.
    """

    platform: str
    unique_id: str
    name: str
    state_topic: str
    value_template: str
    device_class: str | None = None
    state_class: str | None = None
    entity_category: str | None = None
    availability: tuple[Availability, ...] | None = None


class DeviceDescription(msgspec.Struct, frozen=True):
    """The retained message of a discovery topic. `availability_mode` is `all`: all must be online.

    All texts that a person gave are plain: only the `value_template`s are templates.
    """

    device: DescribedDevice
    origin: Origin
    components: dict[str, Component]
    availability: tuple[Availability, ...]
    availability_mode: str = "all"
    qos: int = 1
