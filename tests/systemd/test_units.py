"""The units: what systemd itself says of them, and that they name what the programs really do."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest

from edge.contract.life_limits import WORK_HANGS_S
from edge.contract.limits import STOP_S_MAX, WATCHDOG_EVERY_S
from edge.setting_up import BoxPlan, set_up_box

HERE = Path(__file__).parents[2] / "systemd"
UNITS = HERE / "system"
SERVICES = ("devices", "edge", "keep", "office", "sync")
BROKER = UNITS / "mosquitto.service.d" / "tillbox.conf"
SYSTEM = Path("/usr/lib/systemd/system")
ANALYZE = shutil.which("systemd-analyze")
SINCE_254 = re.compile(
    r".*Unknown key '(RestartSteps|RestartMaxDelaySec)' in section \[Service\].*"
)
WALLS = "# --- what it may not do"

needs_systemd = pytest.mark.skipif(
    ANALYZE is None or not (SYSTEM / "sysinit.target").exists(),
    reason="systemd is not installed: its own words about the units are not asked for",
)


def keys(path: Path) -> dict[str, list[str]]:
    """Return the values of each key of a unit, in order; keys stand in one section only."""
    found: dict[str, list[str]] = defaultdict(list)
    for line in path.read_text("utf-8").splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found[key].append(value)
    return found


def service(name: str) -> dict[str, list[str]]:
    return keys(UNITS / f"tillbox-{name}.service")


def seconds(name: str, key: str) -> float:
    (value,) = service(name)[key]
    return float(value)


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A root with the system's units, ours beside them, and programs of their names."""
    units = tmp_path / "usr/lib/systemd/system"
    shutil.copytree(SYSTEM, units, symlinks=True)
    shutil.copytree(UNITS, units, dirs_exist_ok=True)
    if not (units / "mosquitto.service").exists():
        (units / "mosquitto.service").write_text("[Service]\nExecStart=/usr/sbin/mosquitto\n")
    for program in ("usr/bin/tillbox", "usr/sbin/mosquitto", "bin/kill"):
        path = tmp_path / program
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
    return tmp_path


def analyze(*words: str) -> subprocess.CompletedProcess[str]:
    assert ANALYZE is not None
    environment = {**os.environ, "SYSTEMD_COLORS": "0", "LC_ALL": "C"}
    return subprocess.run(
        [ANALYZE, "--no-pager", *words],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )


@needs_systemd
@pytest.mark.parametrize("unit", [*(f"tillbox-{name}.service" for name in SERVICES),
                                  "tillbox-edge.socket", "tillbox-office.socket", "tillbox.slice",
                                  "mosquitto.service"])  # fmt: skip
def test_systemd_finds_nothing_wrong(installed: Path, unit: str) -> None:
    done = analyze("verify", "--man=no", f"--root={installed}", f"/usr/lib/systemd/system/{unit}")
    ours = [
        line
        for line in done.stderr.splitlines()
        if ("tillbox" in line or unit in line) and not SINCE_254.fullmatch(line)
    ]
    assert ours == []


@needs_systemd
@pytest.mark.parametrize("unit", [*(f"tillbox-{name}.service" for name in SERVICES),
                                  "mosquitto.service"])  # fmt: skip
def test_each_is_exposed_by_one_and_a_half_at_most(installed: Path, unit: str) -> None:
    done = analyze("security", "--offline=yes", "--threshold=15", f"--root={installed}", unit)
    assert done.returncode == 0, done.stdout[-200:]
    looser = installed / "usr/lib/systemd/system" / unit
    looser.write_text(looser.read_text().replace("ProtectSystem=strict", "ProtectSystem=no"))
    if unit == "mosquitto.service":
        (installed / "usr/lib/systemd/system/mosquitto.service.d/tillbox.conf").unlink()
    laxer = analyze("security", "--offline=yes", "--threshold=10", f"--root={installed}", unit)
    assert laxer.returncode != 0, "the threshold holds nothing back"


def test_all_have_the_same_walls() -> None:
    blocks = set()
    for path in (*(UNITS / f"tillbox-{name}.service" for name in SERVICES), BROKER):
        behind = path.read_text("utf-8").partition(WALLS)[2]
        blocks.add(behind.partition("KeyringMode=private")[0])
    assert len(blocks) == 1
    assert "NoNewPrivileges=yes" in blocks.pop()


def test_the_watchdog_and_the_end_leave_time_for_the_work() -> None:
    for name in SERVICES:
        assert seconds(name, "WatchdogSec") > max(3 * WATCHDOG_EVERY_S, WORK_HANGS_S)
        assert seconds(name, "TimeoutStopSec") > STOP_S_MAX
        assert service(name)["Type"] == ["notify"]


def test_what_is_given_up_first_can_be_done_later() -> None:
    order = [int(service(name)["OOMScoreAdjust"][0]) for name in ("edge", "devices", "sync")]
    (broker,) = keys(BROKER)["OOMScoreAdjust"]
    assert order[0] < order[1] < int(broker) < order[2]
    assert "MemoryMax" not in service("edge")
    assert "MemoryMax" in service("sync")


def test_each_runs_as_a_user_of_its_own() -> None:
    users = {name: service(name)["User"] for name in SERVICES}
    assert users == {name: [f"tillbox-{name}"] for name in SERVICES}
    made = re.findall(r"^u (\S+) ", (HERE / "sysusers.d/tillbox.conf").read_text(), re.MULTILINE)
    assert sorted(made) == sorted(f"tillbox-{name}" for name in SERVICES)


def test_what_is_allowed_belongs_to_somebody_who_may() -> None:
    """A node of root's own that a unit may open all the same stays shut."""
    rules = (HERE / "udev/70-tillbox.rules").read_text()
    for subsystem in ("usbmisc", "gpio", "hidraw"):
        (rule,) = re.findall(rf'^SUBSYSTEM=="{subsystem}".*', rules, re.MULTILINE)
        assert 'GROUP="lp"' in rule or 'GROUP="tillbox-devices"' in rule
    triggered = (HERE / "after_install.sh").read_text()
    assert all(f"--subsystem-match={name}" in triggered for name in ("tty", "usbmisc", "hidraw"))


@pytest.mark.skipif(shutil.which("systemd-sysusers") is None, reason="systemd is not installed")
def test_systemd_makes_our_users_with_always_the_same_numbers(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    users = HERE / "sysusers.d/tillbox.conf"
    done = subprocess.run(
        ["systemd-sysusers", f"--root={tmp_path}", users],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    made = [line.split(":") for line in (tmp_path / "etc/passwd").read_text().splitlines()]
    assert [(name, int(number)) for name, _, number, *_ in made] == [
        ("tillbox-edge", 871),
        ("tillbox-devices", 872),
        ("tillbox-sync", 873),
        ("tillbox-keep", 874),
        ("tillbox-office", 875),
    ]


def test_a_socket_is_named_as_the_program_asks_for_it() -> None:
    for name, called in (("edge", "till"), ("office", "office")):
        (fd_name,) = keys(UNITS / f"tillbox-{name}.socket")["FileDescriptorName"]
        assert fd_name == called
        sources = [HERE.parent / "edge/serving.py", HERE.parent / "sync/office/server.py"]
        assert any(f'inherited_socket("{called}")' in path.read_text() for path in sources)


def test_every_driver_that_is_allowed_is_loaded_before() -> None:
    allowed = {value.split()[0] for value in service("devices")["DeviceAllow"]}
    assert {"char-input", "char-hidraw", "char-ttyUSB", "char-ttyACM", "char-usb"} <= allowed
    loaded = (HERE / "modules-load.d/tillbox.conf").read_text().split()
    assert {"usbserial", "ftdi_sio", "cp210x", "pl2303", "ch341", "cdc_acm", "usblp"} <= {*loaded}
    assert any("systemd-modules-load.service" in each for each in service("devices")["After"])


def test_setup_writes_what_the_units_read(tmp_path: Path) -> None:
    """Every secret that a unit is handed is made, and every one that settings name is handed."""
    authority = tmp_path / "office.pem"
    plan = BoxPlan(tmp_path / "etc", tmp_path / "state", "harbour-street", 1, ("box.example",))
    set_up_box(plan)
    authority.write_bytes((tmp_path / "etc/broker/shop-ca.pem").read_bytes())
    office = ("wss://office.example", "ab" * 32, authority)
    (tmp_path / "with").mkdir()
    second = BoxPlan(
        tmp_path / "with/etc", tmp_path / "state", "hill", 2, ("box.example",), office=office
    )
    written = set_up_box(second)
    assert [path.stem for path in written] == ["edge", "devices", "sync"]
    for path in written:
        name = path.stem
        unit = service(name)
        handed = dict(value.split(":") for value in unit["LoadCredential"])
        for secret, source in handed.items():
            assert source == f"/etc/tillbox/secrets/{secret}"
            assert (second.folder / "secrets" / secret).is_file()
        named = re.findall(r'"/run/credentials/([^/"]+)/([^"]+)"', path.read_text())
        assert {unit_name for unit_name, _ in named} == {f"tillbox-{name}.service"}
        assert {secret for _, secret in named} == {*handed}
        assert unit["ExecStart"] == [f"/usr/bin/tillbox {name} --config /etc/tillbox/{name}.toml"]
        assert f"{unit['StateDirectory'][0]}".endswith(name)
