"""One box for all tests of the image: to boot it takes minutes."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.brokers import find_free_port
from tests.image.guest import BOOT_S, Disk, Guest, ended, missing_tools, until
from tests.image.head_office import NUMBER, STORE, HeadOffice, first_cashier
from tests.image.till_client import NAME, TILL, TillClient


@dataclass
class Box:
    """The machine, its till, and head office outside of it."""

    guest: Guest
    till: TillClient
    office: HeadOffice
    ready_s: float


def image_folder() -> Path:
    """Return where the image is; skips, with the reason, where none was asked for."""
    named = os.environ.get("TILLBOX_IMAGE")
    if not named:
        pytest.skip("TILLBOX_IMAGE names no image: make image, then make image-test")
    folder = Path(named).absolute()
    if not (folder / "disk.img").exists():
        pytest.skip(f"{folder} has no disk.img: make image")
    if missing := missing_tools():
        pytest.skip(f"missing: {', '.join(missing)} (Debian: qemu-system-x86, mtools)")
    return folder


@pytest.fixture(scope="session")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """Flash a card, write its provision file, power it on, and wait until it could sell."""
    image = image_folder()
    folder = tmp_path_factory.mktemp("box")
    office = HeadOffice(folder / "office")
    provision = {"store": STORE, "number": NUMBER, "names": [NAME], "tills": [TILL]}
    provision |= office.set_up()
    disk = Disk.copied(image / "disk.img", folder / "disk.img", more_mib=1024)
    disk.put("autoboot", "provision.json", json.dumps(provision).encode())
    port = find_free_port()
    with ended(Guest(disk, folder, port)) as guest:
        started = time.monotonic()
        guest.power_on()
        edge = "systemctl is-active tillbox-edge.service"
        until(lambda: guest.run(edge, seconds=BOOT_S).status == 0, what=edge, seconds=BOOT_S)
        till = TillClient(port, guest.told("cat /etc/tillbox/broker/shop-ca.pem"))
        until(till.is_healthy, what="the till port answers", seconds=BOOT_S)
        answers_s = time.monotonic() - started
        office.start(guest.told("tillbox edge --config /etc/tillbox/edge.toml key"))
        try:
            cashier, pin = first_cashier()
            until_known(till, guest, cashier, pin)
            ready_s = time.monotonic() - started
            print(f"\npower-on to the till port answering {answers_s:.0f} s,"
                  f" to a cashier signed in {ready_s:.0f} s")  # fmt: skip
            yield Box(guest, till, office, ready_s)
        finally:
            office.stop()


def until_known(till: TillClient, guest: Guest, cashier: str, pin: str) -> None:
    """Wait until the people of the shop have come down from head office, and sign in."""

    def attempt() -> bool:
        try:
            till.sign_in(guest, cashier, pin)
        except AssertionError as error:
            raise OSError(str(error)) from None
        return True

    until(attempt, what="the cashier may sign in", seconds=BOOT_S)
