"""Which devices may be adopted, bound, replaced and given up: refused before any host hears of it.

A host refuses what it cannot run (`HostInfo.unfit`); what can be seen from here is said here, with
nothing changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from edge.contract.device_adoption import (
    SHARED_ROLES,
    AdoptDevice,
    BindDevice,
    BoundDevice,
    DeviceRole,
    ReleaseDevice,
    ReplaceDevice,
)
from edge.contract.device_events import (
    DeviceAdopted,
    DeviceBound,
    DeviceReleased,
    DeviceReplaced,
)
from edge.contract.device_states import DriverOffer
from edge.contract.errors import Refused
from edge.contract.limits import (
    DEVICES_PER_HOST_MAX,
    DEVICES_PER_STORE_MAX,
    DRIVER_SETTINGS_BYTES_MAX,
)
from edge.contract.wire import encode
from edge.engine.driver_settings import check_settings
from edge.engine.text_safety import check_free_text

ADDRESS: Final = "address"
_SERVED_BESIDE: Final = {"drawer": "drawer", "pole_display": "display"}
"""Capabilities by which a device serves another role than that of its class."""


@dataclass(frozen=True)
class ShopDevices:
    """What the rules look at. `fixed` are the ids that stand in edge.toml.

    `offers` are the drivers of each host that has said what it can run.
    """

    tills: tuple[str, ...]
    devices: tuple[BoundDevice, ...] = ()
    fixed: frozenset[str] = frozenset()
    offers: Mapping[str, Mapping[str, DriverOffer]] = field(default_factory=dict)

    def find(self, device: str) -> BoundDevice | None:
        """Return a device by its id."""
        return next((known for known in self.devices if known.id == device), None)


def servable_roles(offer: DriverOffer) -> tuple[DeviceRole, ...]:
    """Return the roles that a driver's devices can serve: their class's, and those beside it."""
    names = [offer.device_class, *(_SERVED_BESIDE.get(each, "") for each in offer.capabilities)]
    return tuple(role for role in DeviceRole if role.value in names)


def adopt(shop: ShopDevices, wish: AdoptDevice) -> DeviceAdopted:
    """Decide on an adoption; raises Refused."""
    _check_till(shop, wish.till)
    offer = _offer(shop, wish.host, wish.driver)
    device = wish.device or _free_id(shop, wish.roles[0])
    if shop.find(device) is not None:
        raise Refused(
            "device_id_taken",
            f"A device is called {device} already.",
            advice="Choose another id, or replace that device.",
            params={"device": device},
        )
    _check_roles(wish.roles, offer)
    _check_free(shop, device, wish.till, wish.roles)
    _check_settings(shop, device, wish.host, offer, wish.settings)
    _check_room(shop, wish.host)
    return DeviceAdopted(
        device=device,
        host=wish.host,
        driver=wish.driver,
        bound_to=wish.till,
        roles=_in_order(wish.roles),
        settings=encode(wish.settings).decode(),
        name=_name(wish.name),
    )


def bind(shop: ShopDevices, device: str, wish: BindDevice) -> DeviceBound:
    """Decide on another till, other roles or another name; raises Refused."""
    known = _adopted(shop, device)
    _check_till(shop, wish.till)
    offer = shop.offers.get(known.host, {}).get(known.driver)
    if offer is not None:
        _check_roles(wish.roles, offer)
    elif not set(wish.roles) <= set(known.roles):
        # a host that is away cannot say what else its driver could do
        raise _host_unknown(shop, known.host)
    _check_free(shop, device, wish.till, wish.roles)
    return DeviceBound(
        device=device,
        bound_to=wish.till,
        roles=_in_order(wish.roles),
        name=_name(wish.name),
    )


def replace(shop: ShopDevices, device: str, wish: ReplaceDevice) -> DeviceReplaced:
    """Decide on other hardware in a device's place; raises Refused."""
    known = _adopted(shop, device)
    offer = _offer(shop, wish.host, wish.driver)
    _check_roles(known.roles, offer)
    _check_settings(shop, device, wish.host, offer, wish.settings)
    if wish.host != known.host:
        _check_room(shop, wish.host)
    if (wish.host, wish.driver, wish.settings) == (known.host, known.driver, known.settings):
        raise Refused(
            "device_same",
            f"{_called(known)} is set up so already.",
            advice="Plug the new device into the same port: it needs no replacing then.",
            params={"device": _called(known)},
        )
    return DeviceReplaced(
        device=device,
        host=wish.host,
        driver=wish.driver,
        settings=encode(wish.settings).decode(),
    )


def release(shop: ShopDevices, device: str, wish: ReleaseDevice) -> DeviceReleased:
    """Decide on giving a device up; raises Refused."""
    known = _adopted(shop, device)
    return DeviceReleased(device=known.id, reason=check_free_text(wish.reason, field="reason"))


# --- checks ------------------------------------------------------------------------------


def _check_till(shop: ShopDevices, till: str) -> None:
    if till not in shop.tills:
        raise Refused(
            "unknown_till",
            f"This store has no till {till}.",
            advice=f"Its tills are: {', '.join(shop.tills)}.",
            status=404,
            params={"till": till},
        )


def _offer(shop: ShopDevices, host: str, driver: str) -> DriverOffer:
    offers = shop.offers.get(host)
    if offers is None:
        raise _host_unknown(shop, host)
    offer = offers.get(driver)
    if offer is None:
        raise Refused(
            "driver_unknown",
            f"{host} has no driver {driver!r}.",
            advice=f"Choose one of: {', '.join(sorted(offers))}.",
            params={"host": host, "driver": driver},
        )
    return offer


def _host_unknown(shop: ShopDevices, host: str) -> Refused:
    known = ", ".join(sorted(shop.offers)) or "none so far"
    return Refused(
        "host_unknown",
        f"{host} has not said what it can run.",
        advice=f"Start its device service and look again. Hosts that have: {known}.",
        params={"host": host},
    )


def _adopted(shop: ShopDevices, device: str) -> BoundDevice:
    known = shop.find(device)
    if known is None:
        raise Refused(
            "device_unknown",
            f"This store has no device {device}.",
            advice="Look at the device wall again: it may have been given up meanwhile.",
            status=404,
            params={"device": device},
        )
    if device in shop.fixed:
        raise Refused(
            "device_fixed",
            f"{_called(known)} stands in the settings of the box and cannot be changed here.",
            advice="Change it in edge.toml, or take it out there and adopt it.",
            params={"device": _called(known)},
        )
    return known


def _check_roles(roles: Iterable[str], offer: DriverOffer) -> None:
    able = servable_roles(offer)
    for role in roles:
        if role not in able:
            raise Refused(
                "role_unfit",
                f"A device with the driver {offer.name} cannot be a {role}.",
                advice=f"It can be: {', '.join(able) or 'nothing'}.",
                params={"driver": offer.name, "role": role},
            )


def _check_free(shop: ShopDevices, device: str, till: str, roles: Iterable[str]) -> None:
    """Refuse a second device in a role that a till has one of: nobody could say which prints."""
    for role in roles:
        if role in SHARED_ROLES:
            continue
        for other in shop.devices:
            if other.id != device and other.till == till and role in other.roles:
                raise Refused(
                    "role_taken",
                    f"{_called(other)} is the {role} of {till} already.",
                    advice="Replace that device, give it up, or choose another till.",
                    params={"device": _called(other), "role": role, "till": till},
                )


def _check_settings(
    shop: ShopDevices, device: str, host: str, offer: DriverOffer, settings: dict[str, object]
) -> None:
    check_settings(offer, settings)
    if len(encode(settings)) > DRIVER_SETTINGS_BYTES_MAX:
        raise Refused(
            "settings_too_large",
            f"The settings take more than {DRIVER_SETTINGS_BYTES_MAX} bytes.",
            advice="Leave out what has its default.",
        )
    place = place_of(settings)
    for other in shop.devices:
        if (
            place
            and other.id != device
            and other.host == host
            and place_of(other.settings) == place
        ):
            raise Refused(
                "address_taken",
                f"{_called(other)} is at {place} already.",
                advice="Two devices cannot share one port. Replace that one, or check the cables.",
                params={"device": _called(other), "address": place},
            )


def _check_room(shop: ShopDevices, host: str) -> None:
    there = sum(device.host == host for device in shop.devices)
    if there >= DEVICES_PER_HOST_MAX or len(shop.devices) >= DEVICES_PER_STORE_MAX:
        raise Refused(
            "too_many_devices",
            f"{host} runs {there} devices, the store {len(shop.devices)}: there is no room.",
            advice="Give up devices that are not used any more.",
            params={"host": host},
        )


# --- small words -------------------------------------------------------------------------


def place_of(settings: Mapping[str, object]) -> str:
    """Return where a device is, without how its line is set."""
    address = settings.get(ADDRESS)
    return address.partition("?")[0] if isinstance(address, str) else ""


def _free_id(shop: ShopDevices, role: DeviceRole) -> str:
    taken = {device.id for device in shop.devices}
    return next(
        name for n in range(1, len(taken) + 2) if (name := f"{role.value}-{n}") not in taken
    )


def _in_order(roles: Iterable[DeviceRole]) -> tuple[str, ...]:
    chosen = set(roles)
    return tuple(role.value for role in DeviceRole if role in chosen)


def _name(text: str) -> str:
    return check_free_text(" ".join(text.split()), field="name")


def _called(device: BoundDevice) -> str:
    return device.name or device.id
