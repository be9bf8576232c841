"""What announces itself, as devices that a person may adopt: grouped, guessed, cleaned, bounded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from devices.host.device_finder import Discovered
from devices.host.driver_offers import all_specs, names_path, with_drivers
from devices.host.network_finder import NetworkFinder, SeveralFinders, devices_of
from devices.host.network_names import IPP, LPR, RAW, SYNQPAY, TILLBOX
from devices.transports.service_announcements import Announcement
from edge.contract.device_limits import FOUND_DEVICES_MAX, FOUND_TEXT_CHARS_MAX
from edge.contract.device_states import FoundDevice, WantedDevice
from edge.runtime.system_clock import SystemClock


def service(
    kind: str, name: str, *strings: str, address: str = "192.0.2.7", port: int = 9100
) -> Announcement:
    text = b"".join(bytes([len(each.encode())]) + each.encode() for each in strings)
    return Announcement(kind, name, "printer.local", address, port, text)


def found(*services: Announcement) -> list[FoundDevice]:
    """The devices with the drivers that reach them, as they stand in a host's report."""
    specs, clock = all_specs(), SystemClock()
    return list(with_drivers(devices_of(services), lambda _: False, specs, clock))


TM_RAW = service(RAW, "EPSON TM-m30II", "txtvers=1", "ty=EPSON TM-m30II", "product=(TM-m30II)")
TM_LPR = service(LPR, "EPSON TM-m30II", "ty=EPSON TM-m30II", port=0)  # Bonjour: takes no LPR
LASER = (
    service(IPP, "Office", "ty=HP LaserJet M507", "pdl=application/postscript,image/urf",
            "Duplex=T", "Color=F", address="192.0.2.9", port=631),
    service(RAW, "Office", "ty=HP LaserJet M507", "Duplex=T", address="192.0.2.9"),
    service(LPR, "Office", "ty=HP LaserJet M507", address="192.0.2.9", port=515),
)  # fmt: skip


def test_a_receipt_printer_with_several_services_is_one_device() -> None:
    (device,) = found(TM_LPR, TM_RAW)
    assert (device.address, device.kind) == ("tcp://192.0.2.7:9100", "network_printer")
    assert (device.description, device.driver) == ("EPSON TM-m30II", "printer_escpos")
    assert {"printer_escpos", "labels_zpl"} <= set(device.drivers)
    assert {"scanner_serial", "terminal_zvt", "scale_cas"}.isdisjoint(device.drivers)


def test_an_office_printer_is_shown_as_one_and_no_driver_is_offered() -> None:
    (device,) = found(*LASER)
    assert (device.kind, device.driver, device.drivers) == ("office_printer", "", ())
    assert device.description == "HP LaserJet M507 (Office)"


@pytest.mark.parametrize(
    ("name", "strings", "kind", "driver"),
    [
        ("EPSON TM-T88VI", (), "network_printer", "printer_escpos"),
        ("Kitchen", ("ty=EPSON TM-U220",), "network_printer", "printer_escpos"),
        ("Kitchen", ("usb_MFG=EPSON", "usb_MDL=TM-L90"), "network_printer", "printer_escpos"),
        ("X", ("usb_CMD=ESC/POS",), "network_printer", "printer_escpos"),
        ("X", ("usb_CMD=ESCPOS,STATUS",), "network_printer", "printer_escpos"),
        ("TSP143 (STR_T-001)", (), "network_printer", "printer_star"),
        ("mC-Print3", ("usb_MFG=Star",), "network_printer", "printer_star"),
        ("BIXOLON SRP-350III", (), "network_printer", "printer_escpos"),
        ("CITIZEN CT-S601", (), "network_printer", "printer_escpos"),
        ("Labels", ("usb_MFG=Zebra Technologies",), "network_printer", "labels_zpl"),
        ("Labels", ("usb_CMD=ZPL",), "network_printer", "labels_zpl"),
        ("Nobody", (), "network_printer", ""),
        ("No-name 80mm", ("kind=receipt",), "network_printer", ""),
        ("Roll", ("kind=roll,label", "Color=T"), "network_printer", ""),
        ("EPSON WF-C5790", ("ty=EPSON WF-C5790 Series", "Color=T"), "office_printer", ""),
        ("EPSON TM-C3500", ("Color=T",), "office_printer", ""),  # labels, in another language
        ("HP", ("pdl=application/octet-stream,application/pdf",), "office_printer", ""),
        ("MFP", ("Scan=t",), "office_printer", ""),
        ("Doc", ("kind=document,photo",), "office_printer", ""),
        ("HTM-T8 atm-s1 Stars", (), "network_printer", ""),
    ],
)
def test_a_printer_by_what_it_says(
    name: str, strings: Sequence[str], kind: str, driver: str
) -> None:
    (discovered,) = devices_of([service(RAW, name, *strings)])
    assert (discovered.device.kind, discovered.device.driver) == (kind, driver)


def test_a_receipt_printer_that_announces_no_plain_port_is_shown_at_the_usual_one() -> None:
    (device,) = found(service(IPP, "EPSON TM-m50", "kind=receipt", port=631))
    assert (device.address, device.driver) == ("tcp://192.0.2.7:9100", "printer_escpos")
    (other,) = found(service(IPP, "Laser", "Duplex=T", port=631))
    assert (other.address, other.drivers) == ("ipp://192.0.2.7:631", ())


def test_a_plain_port_of_its_own_is_taken_and_one_that_is_not_offered_is_not() -> None:
    (device,) = found(service(RAW, "EPSON TM-T20", port=9101))
    assert device.address == "tcp://192.0.2.7:9101"
    (closed,) = found(service(RAW, "EPSON TM-T20", port=0))
    assert closed.address == "tcp://192.0.2.7:9100"


def test_terminals_and_boxes_that_announce_themselves_are_shown_and_not_adopted() -> None:
    devices = found(
        service(SYNQPAY, "2841234567", "transport=ws", "name=Till 1", port=8443),
        service(TILLBOX, "store-9", "id=ABCD", port=8443),
        TM_RAW,
    )
    assert [(each.kind, each.address, each.drivers) for each in devices if not each.drivers] == [
        ("network_terminal", "synqpay://192.0.2.7:8443", ()),
        ("tillbox", "tillbox://192.0.2.7:8443", ()),
    ]
    assert len(devices) == 3


def test_hostile_words_are_shown_as_one_printable_line() -> None:
    (device,) = found(
        service(
            RAW, "\x1b[2J\u202eTM\x00", "ty=<script>\x07\r\nSet-Cookie: x", "product=" + "A" * 200
        )
    )
    assert device.description == "<script> Set-Cookie: x ([2J TM)"
    (long,) = found(service(RAW, "B" * 5_000, "ty=" + "A" * 250))
    assert len(long.description) == FOUND_TEXT_CHARS_MAX


@pytest.mark.parametrize(
    ("address", "in_use"),
    [
        ("tcp://192.0.2.7:9100", True),
        ("tcp://printer.local:9100", True),
        ("tcp://192.0.2.8:9100", False),
        ("tcp://192.0.2.7:20007", False),
    ],
)
def test_what_is_adopted_is_known_by_its_address_or_its_name(address: str, in_use: bool) -> None:
    (device,) = devices_of([TM_RAW])
    wanted = WantedDevice("p-1", "printer_escpos", {"address": address})
    assert names_path(wanted, device.paths) is in_use


@dataclass(frozen=True)
class Fixed:
    services: tuple[Announcement, ...]

    def heard(self) -> tuple[Announcement, ...]:
        return self.services

    def find(self) -> tuple[Discovered, ...]:
        device = FoundDevice("usb:04b8:0e15", "TM-T20II", kind="printer")
        return (Discovered(device, frozenset()),)


def test_a_network_that_announces_thousands_hides_nothing_that_is_plugged_in() -> None:
    crowd = tuple(
        service(RAW, f"P{n}", address=f"10.{n // 65536}.{n // 256 % 256}.{n % 256}")
        for n in range(5_000)
    )
    devices = SeveralFinders([Fixed(()), NetworkFinder(Fixed(crowd))]).find()
    assert len(devices) == FOUND_DEVICES_MAX
    assert devices[0].device.address == "usb:04b8:0e15"


def test_the_order_in_which_services_were_heard_does_not_matter() -> None:
    services = [TM_RAW, TM_LPR, *LASER, service(TILLBOX, "b"), service(TILLBOX, "a")]
    assert devices_of(services) == devices_of(reversed(services))
