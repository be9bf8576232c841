"""The image, booted: its units under the systemd they were written for, and a shop in it."""

from __future__ import annotations

import re

import pytest

from tests.image.conftest import Box
from tests.image.guest import until
from tests.image.till_client import ARTICLE

pytestmark = [pytest.mark.image, pytest.mark.timeout(1_800)]

SERVICES = ("mosquitto", "tillbox-edge", "tillbox-devices", "tillbox-sync")
ALL = (*SERVICES, "tillbox-keep", "tillbox-office")


def test_everything_runs_and_nothing_starts_again_and_again(box: Box) -> None:
    box.guest.told("systemctl is-system-running --wait || true")
    assert box.guest.failed_units() == []
    for name in (*SERVICES, "tillbox-first-boot"):
        unit = f"{name}.service"
        log = f"journalctl -b --no-pager -u {unit} | tail -n 40"
        # systemd tells several properties in an order of its own: each is asked for by itself
        state = box.guest.told(f"systemctl show {unit} -P ActiveState")
        again = box.guest.told(f"systemctl show {unit} -P NRestarts")
        assert (state, again) == ("active", "0"), box.guest.told(log)
    assert box.guest.told("systemctl is-active tillbox-edge.socket") == "active"


@pytest.mark.parametrize("name", ALL)
def test_systemd_finds_nothing_wrong(box: Box, name: str) -> None:
    done = box.guest.run(f"SYSTEMD_COLORS=0 systemd-analyze verify --man=no {name}.service")
    assert (done.status, done.err, done.out) == (0, "", "")


@pytest.mark.parametrize("name", ALL)
def test_each_is_exposed_by_one_and_a_half_at_most(box: Box, name: str) -> None:
    done = box.guest.run(f"systemd-analyze security --no-pager --threshold=15 {name}.service")
    said = re.search(r"Overall exposure level for .*?: (\d+\.\d)", done.out)
    assert said is not None
    print(f"{name} {said[1]}")
    assert done.status == 0
    assert float(said[1]) <= 1.5


def test_the_system_cannot_be_written_and_the_box_is_itself(box: Box) -> None:
    assert box.guest.run("touch /usr/lib/tillbox/here").status != 0
    assert box.guest.told("findmnt -no FSTYPE /") == "squashfs"
    assert box.guest.told("findmnt -no OPTIONS /").split(",")[0] == "ro"
    assert len(box.guest.told("cat /etc/machine-id")) == 32
    assert box.guest.told("cat /etc/machine-id /var/lib/tillbox/machine-id | uniq | wc -l") == "1"
    # the card has a gibibyte more than the image, and it is there
    for path in ("/var", "/etc/tillbox", "/tmp"):  # noqa: S108 - the machine's own
        assert box.guest.told(f"findmnt -no OPTIONS {path}").startswith("rw")
    assert int(box.guest.told("findmnt -bno SIZE /var")) > 1_200 * 1024 * 1024


def test_secrets_are_for_their_services_alone(box: Box) -> None:
    loose = "find /etc/tillbox/secrets /var/lib/tillbox/edge -type f -perm /077"
    assert box.guest.told(loose) == ""
    assert box.guest.told("find /run/tillbox* -name 'provision*'; true") == ""
    owners = box.guest.told("stat -c %U:%a /var/lib/tillbox/edge /var/lib/tillbox/devices")
    assert owners.split() == ["tillbox-edge:700", "tillbox-devices:700"]
    said = box.guest.told("journalctl -b -t python3 -u tillbox-first-boot --no-pager")
    assert "This card is a box now." in said


def test_a_sale_is_on_disk_and_at_head_office(box: Box) -> None:
    sale = box.till.sell_for_cash(ARTICLE)
    until(lambda: sale in box.office.sales(), what="head office has the sale")
