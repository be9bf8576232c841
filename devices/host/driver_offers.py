"""What this host can run: every driver with the settings that it takes, for edge to choose from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import msgspec
from msgspec import inspect

from devices import driver_catalogue
from devices.driver import DriverSpec
from devices.host.device_finder import Discovered
from devices.host.network_names import NETWORK_PRINTER, OFFICE_PRINTER
from devices.host.usb_names import HID, KEYBOARD, PRINTER
from edge.contract.device_states import (
    DeviceClass,
    DriverOffer,
    FoundDevice,
    SettingKind,
    SettingOffer,
    WantedDevice,
)
from edge.contract.errors import SettingsInvalid
from edge.contract.instant import Clock

ADDRESS: Final = "address"
"""The setting that every driver with a connection calls so."""
_MADE_FOR: Final = {KEYBOARD: "input", HID: "hidraw"}
"""How the example's address begins of a driver for such; all others take a line of bytes."""
_PRINTERS: Final = (PRINTER, NETWORK_PRINTER)
_AT_PRINTER_PORTS: Final = (DeviceClass.PRINTER, DeviceClass.LABELS)


def all_specs() -> tuple[DriverSpec[Any], ...]:
    """Return every driver there is, by name; all of them are imported."""
    return tuple(map(driver_catalogue.driver, driver_catalogue.driver_names()))


def offer_of(spec: DriverSpec[Any]) -> DriverOffer:
    """Return what edge may know of a driver."""
    shape = inspect.type_info(spec.settings)
    if not isinstance(shape, inspect.StructType):
        raise TypeError(f"the settings of {spec.name} are no struct")
    return DriverOffer(
        spec.name,
        spec.device_class.value,
        spec.model,
        spec.rung.value,
        tuple(map(_setting, shape.fields)),
        tuple(spec.capabilities),
        tuple(sorted(kind.value for kind in spec.job_kinds)),
    )


def with_drivers(
    found: Iterable[Discovered],
    in_use: Callable[[Discovered], bool],
    specs: Iterable[DriverSpec[Any]],
    clock: Clock,
) -> tuple[FoundDevice, ...]:
    """Return what nobody uses, with the drivers that can be reached at each address.

    A driver that this host does not have, or that takes no such address, is not named.
    """
    specs = tuple(specs)
    return tuple(_with_drivers(each.device, specs, clock) for each in found if not in_use(each))


def names_path(wanted: WantedDevice, paths: frozenset[str]) -> bool:
    """Say whether a device's settings name one of these paths."""
    return any(_ends_with_path(text, paths) for text in _texts(wanted.settings))


def _with_drivers(
    found: FoundDevice, specs: tuple[DriverSpec[Any], ...], clock: Clock
) -> FoundDevice:
    drivers = tuple(spec.name for spec in specs if _reaches(spec, found, clock))
    likely = found.driver if found.driver in drivers else ""
    return msgspec.structs.replace(found, drivers=drivers, driver=likely)


def _reaches(spec: DriverSpec[Any], found: FoundDevice, clock: Clock) -> bool:
    """Say whether a driver could speak with a device that is attached like this."""
    example = str(getattr(spec.example, ADDRESS, ""))
    scheme = example.partition(":")[0]
    made_for = _MADE_FOR.get(found.kind)
    if not example or (scheme != made_for if made_for else scheme in _MADE_FOR.values()):
        return False
    if found.kind in _PRINTERS and spec.device_class not in _AT_PRINTER_PORTS:
        return False
    if found.kind == OFFICE_PRINTER:
        return False  # it takes a connection, and would print a receipt's bytes page by page
    try:
        spec.connector(msgspec.structs.replace(spec.example, address=found.address), clock)
    except SettingsInvalid:
        return False
    return True


def _texts(value: object) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _texts(each)


def _ends_with_path(text: str, paths: frozenset[str]) -> bool:
    plain = text.partition("?")[0]
    _, scheme, rest = plain.partition("://")
    return (rest if scheme else plain) in paths


# --- settings ----------------------------------------------------------------------------


def _setting(field: inspect.Field) -> SettingOffer:
    shape = field.type
    if isinstance(shape, inspect.UnionType):
        shapes = [each for each in shape.types if not isinstance(each, inspect.NoneType)]
        shape = shapes[0] if len(shapes) == 1 else shape
    offer = SettingOffer(
        field.encode_name, SettingKind.OTHER, field.required, default=_default(field)
    )
    return msgspec.structs.replace(offer, **_kind(shape))


def _kind(shape: inspect.Type) -> dict[str, Any]:
    match shape:
        case inspect.StrType():
            return {"kind": SettingKind.TEXT, "chars_max": shape.max_length}
        case inspect.BoolType():
            return {"kind": SettingKind.YES_NO}
        case inspect.IntType():
            return {"kind": SettingKind.NUMBER, **_bounds(shape)}
        case inspect.LiteralType():
            return {"kind": SettingKind.CHOICE, "choices": tuple(shape.values)}
        case inspect.EnumType():
            return {
                "kind": SettingKind.CHOICE,
                "choices": tuple(member.value for member in shape.cls),
            }
        case _:
            return {}


def _bounds(shape: inspect.IntType) -> dict[str, Any]:
    low = shape.ge if shape.gt is None else shape.gt + 1
    high = shape.le if shape.lt is None else shape.lt - 1
    return {"low": low, "high": high}


def _default(field: inspect.Field) -> Any:
    if field.required:
        return None
    value = field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
    return msgspec.to_builtins(value)
