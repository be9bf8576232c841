"""Adoption is refused in words before any host hears of it; what is allowed becomes one event."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from edge.contract.device_adoption import (
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
from edge.contract.device_states import DriverOffer, SettingKind, SettingOffer
from edge.contract.errors import Refused
from edge.contract.limits import (
    DEVICES_PER_HOST_MAX,
    DEVICES_PER_STORE_MAX,
)
from edge.engine.adoption_rules import ShopDevices, adopt, bind, release, replace, servable_roles

ADDRESS = SettingOffer("address", SettingKind.TEXT, required=True, chars_max=60)
PRINTER = DriverOffer(
    "printer_escpos",
    "printer",
    settings=(
        ADDRESS,
        SettingOffer("columns", SettingKind.NUMBER, default=42, low=24, high=96),
        SettingOffer("drawer_pin", SettingKind.CHOICE, default=2, choices=(2, 5)),
        SettingOffer("drawn_text", SettingKind.YES_NO, default=True),
        SettingOffer("other_code_pages", SettingKind.OTHER, default=()),
        SettingOffer("perhaps", SettingKind.NUMBER, low=1),
    ),
    capabilities=("print", "drawer"),
)
PLAIN = DriverOffer("printer_plain", "printer", settings=(ADDRESS,))
SCANNER = DriverOffer("scanner_serial", "scanner", settings=(ADDRESS,))
OFFERS = {offer.name: offer for offer in (PRINTER, PLAIN, SCANNER)}
P1 = BoundDevice(
    "printer-1", "box", "printer_escpos", ("printer", "drawer"), "till-1",
    {"address": "tcp://192.0.2.7:9100"}, "Front printer",
)  # fmt: skip
FIXED = BoundDevice("printer-9", "box", "printer_escpos", ("printer",), "till-2",
                    {"address": "serial:///dev/ttyS9?baud=9600"})  # fmt: skip
SHOP = ShopDevices(
    ("till-1", "till-2", "till-3"),
    (P1, FIXED),
    frozenset({"printer-9"}),
    {"box": OFFERS, "back": {"scanner_serial": SCANNER}},
)


def wish(**changes: Any) -> AdoptDevice:
    given: dict[str, Any] = {
        "command_id": "command-1",
        "host": "box",
        "driver": "printer_escpos",
        "till": "till-3",
        "roles": ["printer", "drawer"],
        "settings": {"address": "tcp://192.0.2.8:9100", "columns": 48},
        "name": "Bar  printer ",
    }
    return msgspec.convert({**given, **changes}, AdoptDevice)


def refusal(decide: Any, *args: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        decide(*args)
    assert caught.value.message.endswith(".")
    assert caught.value.advice
    return caught.value


def test_an_adoption_says_all_of_a_device_and_gives_it_the_next_free_id() -> None:
    assert adopt(SHOP, wish(roles=["drawer", "printer", "drawer"])) == DeviceAdopted(
        device="drawer-1",
        host="box",
        driver="printer_escpos",
        bound_to="till-3",
        roles=("printer", "drawer"),
        settings='{"address":"tcp://192.0.2.8:9100","columns":48}',
        name="Bar printer",
    )
    assert adopt(SHOP, wish()).device == "printer-2"
    assert adopt(SHOP, wish(device="bar-1")).device == "bar-1"


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"till": "till-7"}, "unknown_till", "no till till-7"),
        ({"host": "attic"}, "host_unknown", "attic has not said"),
        ({"driver": "printer_x"}, "driver_unknown", "box has no driver 'printer_x'"),
        ({"host": "back"}, "driver_unknown", "back has no driver"),
        ({"device": "printer-1"}, "device_id_taken", "called printer-1 already"),
        ({"device": "printer-9"}, "device_id_taken", "called printer-9 already"),
        ({"roles": ["scanner"]}, "role_unfit", "cannot be a scanner"),
        ({"driver": "printer_plain", "settings": {"address": "tcp://h:1"}}, "role_unfit",
         "cannot be a drawer"),
        ({"till": "till-1"}, "role_taken", "Front printer is the printer of till-1"),
        ({"till": "till-1", "roles": ["drawer"]}, "role_taken", "is the drawer of till-1"),
        ({"till": "till-2", "roles": ["printer"]}, "role_taken", "printer-9 is the printer"),
        ({"settings": {}}, "settings_unfit", "'address' of the driver printer_escpos is needed"),
        ({"settings": {"address": ""}}, "settings_unfit", "is needed"),
        ({"settings": {"address": 7}}, "settings_unfit", "must be a text"),
        ({"settings": {"address": "x" * 61}}, "settings_unfit", "at most 60 characters"),
        ({"settings": {"adress": "x"}}, "settings_unfit", "'adress' of the driver"),
        ({"settings": {"address": "a", "columns": 23}}, "settings_unfit", "24 to 96"),
        ({"settings": {"address": "a", "columns": 97}}, "settings_unfit", "24 to 96"),
        ({"settings": {"address": "a", "columns": True}}, "settings_unfit", "a whole number"),
        ({"settings": {"address": "a", "columns": 42.5}}, "settings_unfit", "a whole number"),
        ({"settings": {"address": "a", "columns": None}}, "settings_unfit", "a whole number"),
        ({"settings": {"address": "a", "perhaps": 0}}, "settings_unfit", "at least 1"),
        ({"settings": {"address": "a", "drawer_pin": "2"}}, "settings_unfit", "one of 2, 5"),
        ({"settings": {"address": "a", "drawn_text": 1}}, "settings_unfit", "yes or no"),
        ({"settings": {"address": "a", "other_code_pages": ["x" * 5_000]}},
         "settings_too_large", "more than 4096 bytes"),
        ({"settings": {"address": "tcp://192.0.2.7:9100"}}, "address_taken", "Front printer is at"),
        ({"settings": {"address": "serial:///dev/ttyS9?baud=19200"}}, "address_taken",
         "printer-9 is at serial:///dev/ttyS9"),
        ({"name": "4111 1111 1111 1111"}, "looks_like_card_number", "looks like a card number"),
    ],
)  # fmt: skip
def test_what_cannot_be_adopted_is_refused_in_words(
    changes: dict[str, Any], code: str, words: str
) -> None:
    refused = refusal(adopt, SHOP, wish(**changes))
    assert refused.code == code
    assert words in refused.message


@pytest.mark.parametrize(
    "settings",
    [
        {"address": "a", "columns": 24, "drawer_pin": 5, "drawn_text": False},
        {"address": "a", "columns": 96, "other_code_pages": ["cp852"], "perhaps": 1},
        {"address": "a", "perhaps": None},
    ],
)
def test_settings_at_their_bounds_are_taken(settings: dict[str, Any]) -> None:
    assert msgspec.json.decode(adopt(SHOP, wish(settings=settings)).settings) == settings


def test_a_till_may_have_two_scanners_and_the_same_port_may_be_on_two_hosts() -> None:
    shop = msgspec_shop(
        BoundDevice(
            "scanner-1",
            "box",
            "scanner_serial",
            ("scanner",),
            "till-3",
            {"address": "serial:///dev/a"},
        )
    )
    scanner = {"driver": "scanner_serial", "roles": ["scanner"]}
    first = refusal(adopt, shop, wish(**scanner, settings={"address": "serial:///dev/a"}))
    assert first.code == "address_taken"
    assert adopt(shop, wish(**scanner, settings={"address": "serial:///dev/b"})).device
    assert adopt(shop, wish(**scanner, host="back", settings={"address": "serial:///dev/a"}))


def msgspec_shop(*more: BoundDevice) -> ShopDevices:
    return ShopDevices(SHOP.tills, (*SHOP.devices, *more), SHOP.fixed, SHOP.offers)


def test_there_is_room_for_so_many_devices_and_no_more() -> None:
    def many(count: int, host: str) -> tuple[BoundDevice, ...]:
        return tuple(
            BoundDevice(f"s-{n}", host, "scanner_serial", ("scanner",), "till-1")
            for n in range(count)
        )

    assert adopt(msgspec_shop(*many(DEVICES_PER_HOST_MAX - 3, "box")), wish())
    assert refusal(adopt, msgspec_shop(*many(DEVICES_PER_HOST_MAX - 2, "box")), wish()).code == (
        "too_many_devices"
    )
    assert adopt(msgspec_shop(*many(DEVICES_PER_STORE_MAX - 3, "back")), wish())
    assert refusal(adopt, msgspec_shop(*many(DEVICES_PER_STORE_MAX - 2, "back")), wish()).code == (
        "too_many_devices"
    )


def test_a_device_serves_its_class_and_what_it_can_besides() -> None:
    pole = DriverOffer("p", "printer", capabilities=("print", "pole_display", "drawer"))
    assert servable_roles(pole) == (DeviceRole.PRINTER, DeviceRole.DRAWER, DeviceRole.DISPLAY)
    assert servable_roles(DriverOffer("l", "labels")) == (DeviceRole.LABELS,)
    assert servable_roles(DriverOffer("t", "robot")) == ()


# --- bind, replace, release --------------------------------------------------------------


def binding(**changes: Any) -> BindDevice:
    given = {"command_id": "command-2", "till": "till-1", "roles": ["printer", "drawer"]}
    return msgspec.convert({**given, **changes}, BindDevice)


def replacing(**changes: Any) -> ReplaceDevice:
    given = {
        "command_id": "command-3",
        "host": "box",
        "driver": "printer_escpos",
        "settings": {"address": "tcp://192.0.2.9:9100"},
    }
    return msgspec.convert({**given, **changes}, ReplaceDevice)


def test_a_device_keeps_its_own_role_and_may_go_to_another_till() -> None:
    assert bind(SHOP, "printer-1", binding(name="Bar")) == DeviceBound(
        device="printer-1", bound_to="till-1", roles=("printer", "drawer"), name="Bar"
    )
    assert bind(SHOP, "printer-1", binding(till="till-3", roles=["drawer"])).roles == ("drawer",)
    assert refusal(bind, SHOP, "printer-1", binding(till="till-2")).code == "role_taken"
    assert refusal(bind, SHOP, "printer-1", binding(till="till-9")).code == "unknown_till"
    assert refusal(bind, SHOP, "printer-1", binding(roles=["scale"])).code == "role_unfit"


def test_a_device_of_a_host_that_is_away_can_only_lose_roles() -> None:
    away = ShopDevices(SHOP.tills, SHOP.devices, SHOP.fixed, {})
    assert bind(away, "printer-1", binding(roles=["printer"], till="till-3")).bound_to == "till-3"
    assert refusal(bind, away, "printer-1", binding(roles=["display"])).code == "host_unknown"


def test_a_replacement_keeps_the_roles_and_must_be_able_to_serve_them() -> None:
    assert replace(SHOP, "printer-1", replacing()) == DeviceReplaced(
        device="printer-1",
        host="box",
        driver="printer_escpos",
        settings='{"address":"tcp://192.0.2.9:9100"}',
    )
    unfit = refusal(replace, SHOP, "printer-1", replacing(driver="printer_plain"))
    assert (unfit.code, unfit.params["role"]) == ("role_unfit", "drawer")
    same = refusal(replace, SHOP, "printer-1", replacing(settings=P1.settings))
    assert same.code == "device_same"
    taken = replacing(settings={"address": "serial:///dev/ttyS9"})
    assert refusal(replace, SHOP, "printer-1", taken).code == "address_taken"
    assert refusal(replace, SHOP, "printer-1", replacing(host="attic")).code == "host_unknown"


def test_other_settings_of_the_same_port_are_no_second_device_there() -> None:
    changed = {**P1.settings, "columns": 48}
    assert replace(SHOP, "printer-1", replacing(settings=changed)).device == "printer-1"


def test_a_device_is_given_up_with_a_reason() -> None:
    gone = ReleaseDevice("command-4", "It broke.")
    assert release(SHOP, "printer-1", gone) == DeviceReleased(
        device="printer-1", reason="It broke."
    )
    card = ReleaseDevice("command-4", "4111111111111111")
    assert refusal(release, SHOP, "printer-1", card).code == "looks_like_card_number"


@pytest.mark.parametrize(
    ("decide", "wish"),
    [(bind, binding()), (replace, replacing()), (release, ReleaseDevice("command-4"))],
)
def test_what_is_fixed_or_unknown_is_left_alone(decide: Any, wish: Any) -> None:
    fixed = refusal(decide, SHOP, "printer-9", wish)
    assert (fixed.code, fixed.status) == ("device_fixed", 409)
    assert "edge.toml" in fixed.advice
    unknown = refusal(decide, SHOP, "printer-7", wish)
    assert (unknown.code, unknown.status) == ("device_unknown", 404)
