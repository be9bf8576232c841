"""How a device of a shop is described to Home Assistant, and what of its state is shown there."""

from __future__ import annotations

from typing import Final

from edge.contract.device_adoption import BoundDevice, DeviceRole
from edge.contract.device_limits import SHOWN_WORDS_CHARS_MAX
from edge.contract.device_states import DeviceMeta, DeviceState, DriverState
from edge.contract.device_topics import HostTopics
from edge.contract.home_assistant import (
    Availability,
    Component,
    DescribedDevice,
    DeviceDescription,
    Origin,
    ShownDevice,
    ShownTopics,
    object_id,
)

_WELL: Final = "Well."
_GONE: Final = "It is not there."
_UNKNOWN: Final = "Nothing is known of it yet."
_DIAGNOSTIC: Final = "diagnostic"
_PAPER_ROLES: Final = frozenset({DeviceRole.PRINTER, DeviceRole.LABELS})


def describe(
    store: str, device: BoundDevice, meta: DeviceMeta | None, version: str
) -> DeviceDescription:
    """Return the description of a device; its entities follow from its roles.

    It is available while its host, it and edge are. Whether it is connected, and when it was
    last seen, is shown also when it is not.
    """
    shown, host = ShownTopics(store), HostTopics(store, device.host)
    edge_there = Availability(shown.availability)
    return DeviceDescription(
        device=_described(store, device, meta),
        origin=Origin("Tillbox", version),
        components=_Components(object_id(store, device.id), shown.device(device.id)).of(
            frozenset(device.roles), edge_there
        ),
        availability=(
            Availability(host.availability),
            Availability(host.device(device.id).availability),
            edge_there,
        ),
    )


def show(state: DeviceState | None, *, present: bool, last_seen: str | None = None) -> ShownDevice:
    """Return what is shown of a device. `present`: its host and it are online."""
    if state is None:
        return ShownDevice(present, problem=True, health=_UNKNOWN, last_seen=last_seen)
    well = present and state.state is DriverState.READY
    health = state.health.strip() or (_WELL if well else f"It is {state.state.value}.")
    return ShownDevice(
        present,
        problem=not well,
        state=state.state.value,
        health=_cut(health if present else _GONE),
        advice=_cut(state.advice.strip()) or None,
        paper=state.paper or None,
        cover=state.cover or None,
        drawer=state.drawer or None,
        jobs_waiting=state.jobs_waiting,
        last_seen=last_seen,
    )


def _described(store: str, device: BoundDevice, meta: DeviceMeta | None) -> DescribedDevice:
    role = device.roles[0] if device.roles else "device"
    return DescribedDevice(
        identifiers=(object_id(store, device.id),),
        name=device.name or f"{role} of {device.till}".capitalize(),
        model=(meta.model if meta else "") or device.driver,
        serial_number=(meta.serial_number if meta else "") or None,
        sw_version=(meta.firmware if meta else "") or None,
        suggested_area=device.till.replace("-", " ").capitalize(),
    )


class _Components:
    """The entities of one device, by the key that is in their `unique_id` too."""

    def __init__(self, name: str, topic: str) -> None:
        self._name = name
        self._topic = topic

    def of(self, roles: frozenset[str], edge_there: Availability) -> dict[str, Component]:
        found = [
            self._flag("problem", "Problem", "problem", "value_json.problem"),
            self._flag(
                "connected",
                "Connected",
                "connectivity",
                "value_json.present",
                category=_DIAGNOSTIC,
                availability=(edge_there,),
            ),
            self._value("health", "Health"),
            self._value("advice", "Advice"),
            self._value("state", "State", category=_DIAGNOSTIC),
            self._value(
                "jobs_waiting", "Jobs waiting", state_class="measurement", category=_DIAGNOSTIC
            ),
            self._value(
                "last_seen",
                "Last seen",
                device_class="timestamp",
                category=_DIAGNOSTIC,
                availability=(),
            ),
        ]
        if roles & _PAPER_ROLES:
            found += [
                self._value("paper", "Paper"),
                self._switch("paper_out", "Paper out", "problem", ("paper", "out")),
                self._switch("cover", "Cover", "opening", ("cover", "open")),
            ]
        if DeviceRole.DRAWER in roles:
            found.append(self._switch("drawer", "Drawer", "opening", ("drawer", "open")))
        return {each.unique_id.removeprefix(f"{self._name}_"): each for each in found}

    def _value(
        self,
        key: str,
        name: str,
        *,
        device_class: str | None = None,
        state_class: str | None = None,
        category: str | None = None,
        availability: tuple[Availability, ...] | None = None,
    ) -> Component:
        return Component(
            "sensor",
            f"{self._name}_{key}",
            name,
            self._topic,
            "{{ value_json.%s }}" % key,  # noqa: UP031 - braces are the template's
            device_class,
            state_class,
            category,
            availability,
        )

    def _flag(
        self,
        key: str,
        name: str,
        device_class: str,
        condition: str,
        *,
        category: str | None = None,
        availability: tuple[Availability, ...] | None = None,
    ) -> Component:
        template = "{{ 'ON' if %s else 'OFF' }}" % condition  # noqa: UP031 - as above
        return self._binary(key, name, device_class, template, category, availability)

    def _switch(self, key: str, name: str, device_class: str, on: tuple[str, str]) -> Component:
        """Return an entity that is on while a field says so, and unknown while it says nothing."""
        field, word = f"value_json.{on[0]}", on[1]
        template = "{{ 'None' if %s is none else 'ON' if %s == '%s' else 'OFF' }}"
        return self._binary(key, name, device_class, template % (field, field, word))

    def _binary(
        self,
        key: str,
        name: str,
        device_class: str,
        template: str,
        category: str | None = None,
        availability: tuple[Availability, ...] | None = None,
    ) -> Component:
        return Component(
            "binary_sensor",
            f"{self._name}_{key}",
            name,
            self._topic,
            template,
            device_class,
            entity_category=category,
            availability=availability,
        )


def _cut(words: str) -> str:
    if len(words) <= SHOWN_WORDS_CHARS_MAX:
        return words
    return words[: SHOWN_WORDS_CHARS_MAX - 1] + "…"
