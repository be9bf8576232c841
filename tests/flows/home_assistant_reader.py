"""Home Assistant as far as its documentation says what it does with MQTT discovery.

Written from the documents, not from the product:
- topics, the empty message, birth: `home-assistant/home-assistant.io:
  source/_integrations/mqtt.markdown` ("MQTT discovery", "Device discovery payload");
- the keys of a description: `home-assistant/core: homeassistant/components/mqtt/schemas.py`
  (`DEVICE_DISCOVERY_SCHEMA`, `MQTT_ENTITY_DEVICE_INFO_SCHEMA`, `MQTT_ORIGIN_INFO_SCHEMA`,
  `MQTT_AVAILABILITY_LIST_SCHEMA`, `SHARED_OPTIONS`) and `discovery.py` (`TOPIC_MATCHER`);
- the keys of entities and what their states mean: `sensor.mqtt.markdown`,
  `binary_sensor.mqtt.markdown`, `sensor.py`, `binary_sensor.py` (`PAYLOAD_NONE`);
- classes of entities: `source/_integrations/binary_sensor.markdown`, `sensor.markdown`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

TOPIC = re.compile(r"homeassistant/device/(?:[a-zA-Z0-9_-]+/)?(?P<object_id>[a-zA-Z0-9_-]+)/config")
STATE_CHARS_MAX = 255
UNKNOWN = "unknown"
UNAVAILABLE = "unavailable"

TEXT, TEXTS, MAP = str, "list of text", dict
DEVICE = {
    "identifiers": TEXTS,
    "connections": list,
    "manufacturer": TEXT,
    "model": TEXT,
    "model_id": TEXT,
    "name": TEXT,
    "hw_version": TEXT,
    "serial_number": TEXT,
    "sw_version": TEXT,
    "via_device": TEXT,
    "suggested_area": TEXT,
    "configuration_url": TEXT,
}
ORIGIN = {"name": TEXT, "sw_version": TEXT, "support_url": TEXT}
AVAILABILITY = {
    "topic": TEXT,
    "payload_available": TEXT,
    "payload_not_available": TEXT,
    "value_template": TEXT,
}
SHARED = {
    "availability": list,
    "availability_mode": TEXT,
    "availability_template": TEXT,
    "availability_topic": TEXT,
    "payload_available": TEXT,
    "payload_not_available": TEXT,
    "state_topic": TEXT,
    "qos": int,
    "encoding": TEXT,
}
WHOLE = {**SHARED, "device": MAP, "components": MAP, "origin": MAP}
ENTITY = {
    **SHARED,
    "platform": TEXT,
    "unique_id": TEXT,
    "name": TEXT,
    "value_template": TEXT,
    "device_class": TEXT,
    "entity_category": TEXT,
    "enabled_by_default": bool,
    "entity_picture": TEXT,
    "icon": TEXT,
    "json_attributes_topic": TEXT,
    "json_attributes_template": TEXT,
    "expire_after": int,
    "force_update": bool,
}
ENTITIES = {
    "sensor": {
        **ENTITY,
        "state_class": TEXT,
        "unit_of_measurement": TEXT,
        "suggested_display_precision": int,
        "options": TEXTS,
        "last_reset_value_template": TEXT,
    },
    "binary_sensor": {**ENTITY, "payload_on": TEXT, "payload_off": TEXT, "off_delay": int},
}
CLASSES = {
    "sensor": {"timestamp", "enum", "weight", "temperature", "duration"},
    "binary_sensor": {"problem", "connectivity", "opening", "door", "running", "power"},
}


class NotDocumented(AssertionError):
    """A message that Home Assistant would not take, or not as it was meant."""


def check(topic: str, body: bytes) -> dict[str, Any]:
    """Return a description that fits the documented schema; raises NotDocumented."""
    if TOPIC.fullmatch(topic) is None:
        raise NotDocumented(f"no discovery topic: {topic}")
    found = json.loads(body)
    _keys(found, WHOLE, {"device", "components", "origin"}, "the message")
    _keys(found["device"], DEVICE, set(), "device")
    if not (found["device"].get("identifiers") or found["device"].get("connections")):
        raise NotDocumented("a device needs identifiers or connections")
    _keys(found["origin"], ORIGIN, {"name"}, "origin")
    _availability(found, "the message")
    if not found["components"]:
        raise NotDocumented("no components")
    names = [each.get("unique_id") for each in found["components"].values()]
    if len(set(names)) != len(names):
        raise NotDocumented("two entities of one unique_id")
    for key, entity in found["components"].items():
        _entity(key, entity, found)
    return dict(found)


def _entity(key: str, entity: dict[str, Any], whole: dict[str, Any]) -> None:
    platform = entity.get("platform")
    if platform not in ENTITIES:
        raise NotDocumented(f"{key}: platform {platform!r} takes commands, or is none")
    _keys(entity, ENTITIES[platform], {"platform", "unique_id"}, key)
    if "state_topic" not in entity and "state_topic" not in whole:
        raise NotDocumented(f"{key}: no state_topic")
    if (
        entity.get("device_class", "problem" if platform == "binary_sensor" else "enum")
        not in (CLASSES[platform])
    ):
        raise NotDocumented(f"{key}: class {entity['device_class']!r} of a {platform}")
    if entity.get("entity_category", "diagnostic") != "diagnostic":
        raise NotDocumented(f"{key}: what only shows is no {entity['entity_category']}")
    if entity.get("state_class", "measurement") != "measurement":
        raise NotDocumented(f"{key}: {entity['state_class']}")
    _availability(entity, key)
    ENVIRONMENT.from_string(entity.get("value_template", ""))


def _availability(found: dict[str, Any], where: str) -> None:
    if {"availability", "availability_topic"} <= found.keys():
        raise NotDocumented(f"{where}: availability twice")
    for each in found.get("availability", []):
        _keys(each, AVAILABILITY, {"topic"}, f"availability of {where}")
        _topic(each["topic"])
    if found.get("availability_mode", "all") not in {"all", "any", "latest"}:
        raise NotDocumented(f"{where}: availability_mode")
    if "state_topic" in found:
        _topic(found["state_topic"])
    if found.get("qos", 0) not in {0, 1, 2}:
        raise NotDocumented(f"{where}: qos")


def _topic(topic: str) -> None:
    if not topic or "+" in topic or "#" in topic or "\0" in topic:
        raise NotDocumented(f"no topic of one thing: {topic!r}")


def _keys(found: Any, known: dict[str, Any], required: set[str], where: str) -> None:
    if not isinstance(found, dict):
        raise NotDocumented(f"{where} is no mapping")
    if missing := required - found.keys():
        raise NotDocumented(f"{where} lacks {missing}")
    for key, value in found.items():
        if key not in known:
            raise NotDocumented(f"{where} has {key!r}, which is not documented")
        wanted = known[key]
        fits = (
            isinstance(value, list) and all(isinstance(item, str) for item in value)
            if wanted == TEXTS
            else isinstance(value, wanted)
        )
        if not fits or value == "":
            raise NotDocumented(f"{where}: {key} = {value!r}")


ENVIRONMENT = ImmutableSandboxedEnvironment(undefined=jinja2.StrictUndefined)
"""As Home Assistant's, and stricter: a value that is not there is an error, not a warning."""


@dataclass
class Reader:
    """What Home Assistant knows after the messages it was given."""

    descriptions: dict[str, dict[str, Any]] = field(default_factory=dict)
    newest: dict[str, bytes] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    """By `unique_id`."""

    def take(self, topic: str, payload: bytes) -> None:
        """Take a message: a description, its end, an availability, a state."""
        if topic.startswith("homeassistant/"):
            if not topic.endswith("/config"):
                return
            gone = self.descriptions.pop(topic, None)
            if payload:
                self.descriptions[topic] = check(topic, payload)
            elif gone is not None:
                for entity in gone["components"].values():
                    self.states.pop(entity["unique_id"], None)
        else:
            self.newest[topic] = payload
        for description, entity in self._entities():
            state_topic = entity.get("state_topic", description.get("state_topic"))
            if state_topic == topic or topic.startswith("homeassistant/"):
                self._evaluate(entity, state_topic)

    def devices(self) -> dict[str, str]:
        """Return the names of the devices by their first identifier."""
        found = [each["device"] for each in self.descriptions.values()]
        return {device["identifiers"][0]: device["name"] for device in found}

    def state(self, unique_id: str) -> str:
        """Return what a dashboard shows of an entity; KeyError for one that is not there."""
        for description, entity in self._entities():
            if entity["unique_id"] == unique_id:
                there = self._is_available(description, entity)
                return self.states.get(unique_id, UNKNOWN) if there else UNAVAILABLE
        raise KeyError(unique_id)

    def _entities(self) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        for description in self.descriptions.values():
            for entity in description["components"].values():
                yield description, entity

    def _is_available(self, description: dict[str, Any], entity: dict[str, Any]) -> bool:
        # an option of the entity takes the place of the shared one
        merged = {**{k: description[k] for k in SHARED if k in description}, **entity}
        topics = merged.get("availability", [])
        said = [
            self.newest.get(each["topic"], b"").decode() == each.get("payload_available", "online")
            for each in topics
        ]
        if not said:
            return True
        assert merged["availability_mode"] == "all", "the only one that the product needs"
        return all(said)

    def _evaluate(self, entity: dict[str, Any], topic: str) -> None:
        payload = self.newest.get(topic)
        if not payload:
            return
        text = ENVIRONMENT.from_string(entity["value_template"]).render(
            value=payload.decode(), value_json=json.loads(payload)
        )
        name = entity["unique_id"]
        if not text.strip():
            raise NotDocumented(f"{name}: an empty state is ignored, the old one stays")
        if text == "None":
            self.states[name] = UNKNOWN
        elif entity["platform"] == "binary_sensor":
            self.states[name] = {"ON": "on", "OFF": "off"}[text]
        else:
            self.states[name] = self._sensor(entity, text)

    def _sensor(self, entity: dict[str, Any], text: str) -> str:
        if len(text) > STATE_CHARS_MAX:
            raise NotDocumented(f"{entity['unique_id']}: a state of {len(text)} characters")
        if entity.get("device_class") == "timestamp":
            moment = datetime.fromisoformat(text)
            if moment.tzinfo is None:
                raise NotDocumented(f"{entity['unique_id']}: an instant without a zone")
        if "state_class" in entity:
            float(text)
        return text
