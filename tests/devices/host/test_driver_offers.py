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
from edge.contract.limits import MQTT_PAYLOAD_BYTES_MAX
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


def test_drivers_are_named_that_can_be_reached_at_such_an_address() -> None:
    def named(address: str, likely: str = "") -> tuple[str, tuple[str, ...]]:
        found = Discovered(FoundDevice(address, "X", likely), frozenset())
        (device,) = with_drivers([found], lambda _: False, all_specs(), SystemClock())
        return device.driver, device.drivers

    likely, drivers = named("serial:///dev/serial/by-id/usb-X", "scanner_serial")
    assert likely == "scanner_serial"
    assert {"scanner_serial", "printer_escpos", "scale_cas"} <= set(drivers)
    assert named("nowhere:///dev/x", "scanner_serial") == ("", ())
    assert named("serial:///dev/ttyS0", "no_such_driver")[0] == ""


PATHS = frozenset({"/dev/serial/by-id/usb-X", "/dev/ttyACM0"})


@pytest.mark.parametrize(
    ("settings", "in_use"),
    [
        ({"address": "serial:///dev/serial/by-id/usb-X"}, True),
        ({"address": "serial:///dev/ttyACM0?baud=9600"}, True),
        ({"line": {"ports": ["serial:///dev/ttyACM0"]}}, True),
        ({"path": "/dev/ttyACM0"}, True),
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
