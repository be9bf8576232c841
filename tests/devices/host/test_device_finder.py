from __future__ import annotations

import os
from pathlib import Path

import pytest

from devices.host.device_finder import FolderFinder
from edge.contract.device_limits import (
    FOUND_DEVICES_MAX,
    FOUND_TEXT_CHARS_MAX,
)
from edge.contract.device_states import FoundDevice
from tests.devices.plugged_in import BARCODE_REPORT, KEYBOARD_REPORT, PluggedIn


@pytest.fixture
def machine(tmp_path: Path) -> PluggedIn:
    return PluggedIn(tmp_path)


def found(machine: PluggedIn) -> list[FoundDevice]:
    return [each.device for each in FolderFinder(machine.root).find()]


def test_a_machine_without_any_of_the_folders_has_nothing(machine: PluggedIn) -> None:
    assert found(machine) == []


def test_a_scanner_on_a_serial_port_is_named_by_its_stable_link(machine: PluggedIn) -> None:
    usb = machine.usb("1-1.2", "05e0:1701", maker="Symbol", product="Bar Code Scanner", serial="S1")
    machine.serial(usb, "ttyACM0", "usb-Symbol_Bar_Code_Scanner_S1-if00")
    assert found(machine) == [
        FoundDevice(
            "serial:///dev/serial/by-id/usb-Symbol_Bar_Code_Scanner_S1-if00",
            "Symbol Bar Code Scanner",
            "scanner_serial",
            kind="serial",
            usb="05e0:1701",
            serial_number="S1",
        )
    ]
    (discovered,) = FolderFinder(machine.root).find()
    assert discovered.paths == {
        "/dev/serial/by-id/usb-Symbol_Bar_Code_Scanner_S1-if00",
        "/dev/ttyACM0",
    }


def test_an_adapter_says_nothing_of_what_hangs_on_it(machine: PluggedIn) -> None:
    usb = machine.usb("1-1", "0403:6001", maker="FTDI", product="FT232R USB UART", serial="A5")
    machine.serial(usb, "ttyUSB0", "usb-FTDI_FT232R_USB_UART_A5-if00-port0")
    (device,) = found(machine)
    assert (device.driver, device.description) == ("", "FTDI FT232R USB UART")


def test_four_ports_of_one_adapter_are_four(machine: PluggedIn) -> None:
    usb = machine.usb("1-1", "0403:6011", product="Quad RS232-HS")
    for n in range(4):
        machine.serial(usb, f"ttyUSB{n}", f"usb-FTDI_Quad-if0{n}-port0")
    assert len(found(machine)) == 4


def test_a_scanner_that_types_is_one_device_though_it_has_three_nodes(machine: PluggedIn) -> None:
    usb = machine.usb("1-3", "0c2e:0b61", product="Granit 1981i")
    machine.keyboard(usb, "event3", "usb-Honeywell_1981i_X-event-kbd")
    machine.keyboard(usb, "event4", "usb-Honeywell_1981i_X-if01-event-kbd")
    machine.keyboard(usb, "event5", "usb-Honeywell_1981i_X-event-mouse")
    machine.hidraw(usb, "hidraw0", KEYBOARD_REPORT)
    (device,) = found(machine)
    assert device.address == "input:///dev/input/by-id/usb-Honeywell_1981i_X-event-kbd"
    assert (device.kind, device.driver) == ("keyboard", "scanner_hid")
    assert device.description == "Metrologic (Honeywell) Granit 1981i"  # it does not say its maker


def test_an_ordinary_keyboard_is_shown_and_taken_for_nothing(machine: PluggedIn) -> None:
    usb = machine.usb("1-4", "046d:c31c", maker="Logitech", product="USB Keyboard")
    machine.keyboard(usb, "event0", "usb-Logitech_USB_Keyboard-event-kbd")
    (device,) = found(machine)
    assert (device.driver, device.description) == ("", "Logitech USB Keyboard")


@pytest.mark.parametrize(
    ("ids", "driver"),
    [
        ("04b8:0e15", "printer_escpos"),
        ("0519:0003", "printer_star"),
        ("0a5f:0081", "labels_zpl"),
        ("03f0:1234", ""),
        ("05e0:1200", ""),  # a maker of scanners, but this is a printer
    ],
)
def test_a_printer_by_its_maker(machine: PluggedIn, ids: str, driver: str) -> None:
    machine.printer(machine.usb("1-2", ids, product="TM-T20II"), "lp0")
    (device,) = found(machine)
    assert (device.address, device.kind, device.driver) == (f"usb:{ids}", "printer", driver)


def test_a_printer_is_named_so_that_it_is_found_in_any_port(machine: PluggedIn) -> None:
    machine.printer(machine.usb("1-1", "04b8:0e15", serial="J5ZF001"), "lp0")
    machine.printer(machine.usb("1-2", "04b8:0e15"), "lp1")  # a twin that says no number
    machine.printer(machine.usb("1-3", "0dd4:0001", serial="no/plain number"), "lp2")
    all_of_them = FolderFinder(machine.root).find()
    assert [(each.device.address, each.paths) for each in all_of_them] == [
        ("usb:04b8:0e15:J5ZF001", {"usb:04b8:0e15:J5ZF001", "/dev/usb/lp0"}),
        ("usb:///dev/usb/lp1", {"/dev/usb/lp1"}),
        ("usb:0dd4:0001", {"usb:0dd4:0001", "/dev/usb/lp2"}),
    ]


def test_a_scanner_that_types_is_known_by_its_ids_too(machine: PluggedIn) -> None:
    usb = machine.usb("1-3", "0c2e:0b61", serial="X7")
    machine.keyboard(usb, "event3", "usb-Honeywell_X-event-kbd")
    (discovered,) = FolderFinder(machine.root).find()
    assert discovered.paths == {
        "/dev/input/by-id/usb-Honeywell_X-event-kbd",
        "/dev/input/event3",
        "input:usb/0c2e:0b61",
        "input:usb/0c2e:0b61:X7",
    }


def test_a_hid_scanner_by_what_its_report_says_whoever_made_it(machine: PluggedIn) -> None:
    machine.hidraw(machine.usb("1-5", "ffff:0001", product="X"), "hidraw2", BARCODE_REPORT)
    machine.hidraw(machine.usb("1-6", "05e0:1300", product="Y"), "hidraw3", KEYBOARD_REPORT)
    one, other = found(machine)
    assert (one.address, one.driver) == ("hidraw:usb/ffff:0001", "scanner_hidpos")
    assert other.driver == ""


def test_a_port_on_the_board_and_a_link_into_nowhere_are_shown_by_their_names(
    machine: PluggedIn,
) -> None:
    machine.serial(None, "ttyS0", "pci-serial-0")
    (machine.root / "dev/serial/by-id/usb-gone").symlink_to("../../ttyUSB9")
    assert [(each.description, each.usb) for each in found(machine)] == [
        ("pci-serial-0", ""),
        ("usb-gone", ""),
    ]


def test_hostile_strings_of_a_device_are_plain_text_of_bounded_length(machine: PluggedIn) -> None:
    usb = machine.usb("1-1", "04b8:0202", product="\x1b[2J\u202eTM\x00" + "A" * 600)
    machine.printer(usb, "lp0")
    (device,) = found(machine)
    assert len(device.description) == FOUND_TEXT_CHARS_MAX
    assert device.description.isprintable()


def test_a_name_that_is_too_long_for_an_address_and_a_crowd_are_cut(machine: PluggedIn) -> None:
    machine.serial(None, "ttyUSB0", "u" * 250)
    assert found(machine) == []
    for n in range(FOUND_DEVICES_MAX + 3):
        machine.serial(None, f"ttyX{n}", f"usb-{n:03d}")
    assert len(found(machine)) == FOUND_DEVICES_MAX


def test_nothing_is_opened_but_strings_of_sys(
    machine: PluggedIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    usb = machine.usb("1-1", "05e0:1701", product="P")
    machine.serial(usb, "ttyACM0", "usb-P")
    machine.printer(machine.usb("1-2", "04b8:0202"), "lp0")
    machine.hidraw(machine.usb("1-3", "05e0:1300"), "hidraw0", BARCODE_REPORT)
    opened: list[str] = []
    plain = Path.open

    def watched(path: Path, *args: str) -> object:
        opened.append(os.path.relpath(path, machine.root))
        return plain(path, *args)

    monkeypatch.setattr(Path, "open", watched)
    assert len(found(machine)) == 3
    assert opened
    assert all(path.startswith("sys/") for path in opened)
