from __future__ import annotations

import pytest

from devices.transports import addresses
from devices.transports.addresses import connector_to
from devices.transports.plugged_in import PluggedAddress
from devices.transports.serial_port import SerialLine
from edge.contract.errors import SettingsInvalid
from edge.runtime.system_clock import SystemClock


@pytest.mark.parametrize(
    "address",
    [
        "tcp://192.0.2.7:9100",
        "tcp://printer.example:20007",
        "tcp://[2001:db8::7]:9100",
        "tls://192.0.2.7:8443?ca=/etc/tillbox/root.pem",
        "tls://192.0.2.7:8443?ca=/etc/tillbox/root.pem&name=S1-1.test.terminal.example",
        "serial:///dev/ttyACM0",
        "serial:///dev/ttyS0?baud=115200&bits=7&parity=e&stop=2",
        "usb:///dev/usb/lp0",
        "usb:04b8:0e15",
        "usb:04B8:0E15:J5QY012345",
        "input:///dev/input/by-id/usb-ACME_Scanner_42-event-kbd",
        "input:usb/0c2e:0B61",
        "input:usb/0c2e:0b61:SN-0042",
        "input:port/usb-0000:00:14.0-1.2",
        "hidraw:usb/0c2e:0b67",
        "hidraw:///dev/hidraw2",
    ],
)
def test_addresses_that_can_be_used(address: str) -> None:
    assert callable(connector_to(address, SystemClock()))


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ttyACM0",
        "/dev/ttyACM0",
        "http://192.0.2.7:80",
        "tcp://192.0.2.7",
        "tcp://192.0.2.7:0",
        "tcp://192.0.2.7:99999",
        "tcp://192.0.2.7:x",
        "tcp://:9100",
        "tcp://192.0.2.7:9100/x",
        "tcp://192.0.2.7:9100?baud=1",
        "tcp://[::1",
        "tls://192.0.2.7:8443",
        "tls://192.0.2.7:8443?ca=",
        "tls://192.0.2.7?ca=root.pem",
        "tls://192.0.2.7:8443/nexo?ca=root.pem",
        "tls://192.0.2.7:8443?ca=root.pem&verify=no",
        "https://192.0.2.7:8443?ca=root.pem",
        "serial://dev/ttyS0",
        "serial:dev/ttyS0",
        "serial:///dev/ttyS0?speed=1",
        "serial:///dev/ttyS0?baud",
        "serial:///dev/ttyS0?baud=0",
        "serial:///dev/ttyS0?baud=-9600",
        "serial:///dev/ttyS0?baud=99999999999",
        "serial:///dev/ttyS0?baud=٩٦٠٠",
        "serial:///dev/ttyS0?bits=9",
        "serial:///dev/ttyS0?parity=x",
        "serial:///dev/ttyS0?stop=3",
        "usb://lp0",
        "usb:///dev/usb/lp0?baud=9600",
        "usb:04b8",
        "usb:04b8:0e1g",
        "usb:04b8:0e15:",
        "usb:04b8:0e15:two words",
        "input:",
        "input:///etc/passwd",
        "hidraw:///etc/passwd",
        "hidraw:hidraw2",
        "input://dev/input/event3",
        "input://box/dev/input/event3",
        "input:event3",
        "input:usb/0c2e",
        "input:usb/0c2e:b61",
        "input:usb/0c2e:0b61:",
        "input:usb/0c2e:0b6g",
        "input:port/",
        "input:usb/0c2e:0b61?grab=0",
        "input:usb/0c2e:0b61#2",
    ],
)
def test_addresses_that_cannot_say_how_they_are_written(address: str) -> None:
    with pytest.raises(SettingsInvalid, match=r"tcp://HOST:PORT.*serial:///dev/NAME") as caught:
        connector_to(address, SystemClock())
    assert repr(address) in str(caught.value)


def here(path: str, **query: str) -> addresses._Address:
    return addresses._Address("", "", 0, path, modem_lines=False, query=query)


def test_a_serial_line_is_set_as_the_address_says() -> None:
    line = addresses._line(here("/dev/ttyS0", baud="1200", bits="7", parity="o"))
    assert line == SerialLine("/dev/ttyS0", 1200, 7, "o", 1)
    assert addresses._line(here("/dev/ttyS0")) == SerialLine("/dev/ttyS0", 9600, 8, "n", 1)


@pytest.mark.parametrize(
    ("address", "scanner", "words"),
    [
        ("/dev/input/event3", PluggedAddress(path="/dev/input/event3"), "/dev/input/event3"),
        ("usb/0c2e:0B61", PluggedAddress(vendor=0x0C2E, product=0x0B61), "0c2e:0b61"),
        (
            "usb/0c2e:0b61:a:b",
            PluggedAddress(vendor=0x0C2E, product=0x0B61, serial="a:b"),
            "0c2e:0b61 with serial a:b",
        ),
        ("port/usb-1.2", PluggedAddress(port="usb-1.2"), "at port usb-1.2"),
    ],
)
def test_a_scanner_is_named_as_the_address_says(
    address: str, scanner: PluggedAddress, words: str
) -> None:
    assert addresses._scanner(here(address)) == scanner
    assert scanner.words == words
