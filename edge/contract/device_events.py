"""What people do with the shop's devices. The envelope names who; the state is made of these."""

from __future__ import annotations

from typing import ClassVar

from edge.contract.event_registry import Event, declare


@declare
class DeviceAdopted(Event, frozen=True):
    """A device was given to the shop: a host runs it, and it serves a till in these roles.

    `settings` is JSON as the driver takes it: an event holds no table. It names files with
    secrets, never a secret.
    """

    TYPE: ClassVar[str] = "device_adopted"

    device: str
    host: str
    driver: str
    bound_to: str
    roles: tuple[str, ...]
    settings: str = "{}"
    name: str = ""


@declare
class DeviceBound(Event, frozen=True):
    """An adopted device serves another till, or in other roles, or has another name."""

    TYPE: ClassVar[str] = "device_bound"

    device: str
    bound_to: str
    roles: tuple[str, ...]
    name: str = ""


@declare
class DeviceReplaced(Event, frozen=True):
    """Other hardware took an adopted device's place: name, till and roles stay."""

    TYPE: ClassVar[str] = "device_replaced"

    device: str
    host: str
    driver: str
    settings: str = "{}"


@declare
class DeviceReleased(Event, frozen=True):
    """An adopted device is given up: no host runs it any more."""

    TYPE: ClassVar[str] = "device_released"

    device: str
    reason: str = ""


@declare
class DeviceTested(Event, frozen=True):
    """A device was asked to show itself, beside all sales; written before it was asked.

    `test` is `test_page` or `health`. A drawer that is opened for a test is a `no_sale`.
    """

    TYPE: ClassVar[str] = "device_tested"

    device: str
    test: str
    job: str


@declare
class TechnicianSignedIn(Event, frozen=True):
    """A technician's PIN was right: they see devices and cannot sell."""

    TYPE: ClassVar[str] = "technician_signed_in"

    person: str
    stale_staff_list: bool = False


@declare
class TechnicianSignedOut(Event, frozen=True):
    """A technician left the device wall."""

    TYPE: ClassVar[str] = "technician_signed_out"

    person: str
