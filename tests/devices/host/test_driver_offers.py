from __future__ import annotations

from typing import Annotated, Literal

import msgspec
import pytest
from msgspec import Meta

from devices import driver_catalogue
from devices.driver import DriverSpec
from devices.drivers.scanner_serial import DRIVER
from devices.host.device_finder import Discovered
from devices.host.driver_offers import all_specs, names_path, offer_of, with_drivers
from edge.contract.device_states import FoundDevice, SettingKind, SettingOffer, WantedDevice
from edge.contract.limits import (
    MQTT_PAYLOAD_BYTES_MAX,
)
from edge.contract.wire import encode
from edge.runtime.system_clock import SystemClock


class Every(msgspec.Struct, frozen=True):
    address: str
    speed: Annotated[int, Meta(gt=0, lt=10)]
    name: Annotated[str, Meta(max_length=8)] = "x"
    on: bool = True
    pin: Literal[2, 5] = 2
    pages: tuple[str, ...] = ()
    numbers: dict[str, int] = msgspec.field(default_factory=dict)
    perhaps: Annotated[int, Meta(ge=1)] | None = None


def test_every_shape_of_a_setting_is_said_so_that_edge_can_check_it() -> None:
    spec: DriverSpec[Every] = msgspec_spec(Every, Every("tcp://192.0.2.1:1", 1))
    assert offer_of(spec).settings == (
        SettingOffer("address", SettingKind.TEXT, required=True),
        SettingOffer("speed", SettingKind.NUMBER, required=True, low=1, high=9),
        SettingOffer("name", SettingKind.TEXT, default="x", chars_max=8),
        SettingOffer("on", SettingKind.YES_NO, default=True),
        SettingOffer("pin", SettingKind.CHOICE, default=2, choices=(2, 5)),
        SettingOffer("pages", SettingKind.OTHER, default=()),
        SettingOffer("numbers", SettingKind.OTHER, default={}),
        SettingOffer("perhaps", SettingKind.NUMBER, low=1),
    )


def msgspec_spec(shape: type[Every], example: Every) -> DriverSpec[Every]:
    return DriverSpec(
        name="every",
        device_class=DRIVER.device_class,
        settings=shape,
        example=example,
        connector=lambda settings, clock: DRIVER.connector(
            DRIVER.settings(settings.address), clock
        ),
        build=lambda _settings, _ports: pytest.fail("never built"),
        job_kinds=frozenset(),
        model="",
        capabilities=(),
        rung=DRIVER.rung,
    )


def test_every_driver_there_is_is_offered_and_all_fit_one_report() -> None:
    offers = [offer_of(spec) for spec in all_specs()]
    assert [offer.name for offer in offers] == list(driver_catalogue.driver_names())
    assert all(offer.device_class and offer.model and offer.job_kinds for offer in offers)
    assert len(encode(offers)) < MQTT_PAYLOAD_BYTES_MAX / 4


@pytest.mark.parametrize(
    ("kind", "address", "likely", "some", "never"),
    [
        ("serial", "serial:///dev/serial/by-id/usb-X", "scanner_serial",
         {"scanner_serial", "printer_escpos", "scale_cas"}, {"scanner_hid", "scanner_hidpos"}),
        ("keyboard", "input:///dev/input/by-id/usb-X-event-kbd", "scanner_hid",
         {"scanner_hid"}, {"scanner_serial", "printer_escpos", "scanner_hidpos"}),
        ("hid", "hidraw:usb/05e0:1300", "scanner_hidpos", {"scanner_hidpos"}, {"scanner_hid"}),
        ("printer", "usb:04b8:0e15", "printer_escpos", {"printer_escpos", "printer_star"},
         {"scanner_serial", "scale_cas", "display_escpos"}),
        ("printer", "usb:0519:0003", "printer_star", {"printer_escpos", "printer_star"},
         {"scanner_serial", "scale_cas", "display_escpos"}),
    ],
)  # fmt: skip
def test_drivers_are_named_that_are_made_for_what_is_attached_like_this(
    kind: str, address: str, likely: str, some: set[str], never: set[str]
) -> None:
    found = named(FoundDevice(address, "X", likely, kind=kind))
    assert found.driver == likely
    assert some <= set(found.drivers)
    assert never.isdisjoint(found.drivers)


def test_a_driver_that_is_not_there_or_takes_no_such_address_is_not_named() -> None:
    strange = named(FoundDevice("nowhere:///dev/x", "X", "scanner_serial", kind="serial"))
    assert (strange.driver, strange.drivers) == ("", ())
    assert named(FoundDevice("serial:///dev/ttyS0", "X", "no_such", kind="serial")).driver == ""


def named(found: FoundDevice) -> FoundDevice:
    discovered = Discovered(found, frozenset())
    (device,) = with_drivers([discovered], lambda _: False, all_specs(), SystemClock())
    return device


PATHS = frozenset({"/dev/serial/by-id/usb-X", "/dev/ttyACM0", "usb:04b8:0e15:J5"})


@pytest.mark.parametrize(
    ("settings", "in_use"),
    [
        ({"address": "serial:///dev/serial/by-id/usb-X"}, True),
        ({"address": "serial:///dev/ttyACM0?baud=9600"}, True),
        ({"line": {"ports": ["serial:///dev/ttyACM0"]}}, True),
        ({"path": "/dev/ttyACM0"}, True),
        ({"address": "usb:04b8:0e15:J5"}, True),
        ({"address": "usb:04b8:0e15:J55"}, False),
        ({"address": "serial:///dev/ttyACM01"}, False),
        ({"address": "serial:///dev/ttyACM"}, False),
        ({"address": "tcp://192.0.2.1:9100", "n": 7, "on": True}, False),
        ({}, False),
    ],
)
def test_a_device_is_in_use_when_settings_name_it_by_any_name(
    settings: dict[str, object], in_use: bool
) -> None:
    assert names_path(WantedDevice("d-1", "scanner_serial", settings), PATHS) is in_use
