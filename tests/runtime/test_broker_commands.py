"""`tillbox broker setup`, `add-host` and the others: files, words, and what is refused."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from edge.contract.errors import SettingsInvalid
from edge.runtime.broker_passwords import BrokerPasswords
from edge.runtime.broker_settings import BrokerSettings
from edge.runtime.certificates import (
    issue_server_certificate,
    load_certificate,
    make_ca,
    names_of,
    write_ca,
)
from edge.runtime.embedded_broker import COMMAND
from edge.runtime.host_credentials import read_credentials
from edge.runtime.settings_file import load
from edge.runtime.system_clock import SystemClock

SETUP = ("setup", "--store", "store-1", "--name", "box.local", "--name", "192.0.2.4")


def run(*words: str | Path) -> int:
    parser = argparse.ArgumentParser()
    COMMAND.configure(parser)
    return COMMAND.run(parser.parse_args(list(map(str, words))))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    assert run(*SETUP, "--folder", tmp_path / "broker") == 0
    return tmp_path / "broker"


def test_setup_makes_private_files_with_two_doors(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert {path.name for path in folder.iterdir()} == {
        *("acl", "mosquitto.conf", "passwords", "broker.toml"),
        *("broker.pem", "broker.key", "shop-ca.pem", "shop-ca.key"),
        *("edge.mqtt", "box.mqtt"),
    }
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    conf = (folder / "mosquitto.conf").read_text()
    plain, tls = conf.split("\nlistener ")[1:]
    assert plain.startswith("1883 127.0.0.1\n")
    assert "certfile" not in plain
    assert tls.startswith("8883 0.0.0.0\n")
    assert f"certfile {folder / 'broker.pem'}" in tls
    for door in (plain, tls):
        assert "use_username_as_clientid true" in door
        assert "max_connections" in door
    settings = load(folder / "broker.toml", BrokerSettings)
    assert (settings.port, settings.loopback_port, settings.store) == (8883, 1883, "store-1")
    assert settings.certificate_file == folder / "broker.pem"
    passwords = BrokerPasswords(folder / "passwords")
    for user in ("edge", "box"):
        assert passwords.fits(user, (folder / f"{user}.mqtt").read_text())
    assert names_of(load_certificate(folder / "broker.pem")) == ["box.local", "192.0.2.4"]


def test_setup_says_what_to_do_and_is_not_done_twice(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(SettingsInvalid, match="not written over"):
        run(*SETUP, "--folder", folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_head_offices_certificate_is_taken(tmp_path: Path) -> None:
    clock = SystemClock()
    authority = make_ca("Shops", clock)
    write_ca(authority, tmp_path / "ca.pem", tmp_path / "ca.key")
    made = issue_server_certificate(authority, names=["box.example"], ips=[], clock=clock)
    made.write(tmp_path / "c.pem", tmp_path / "c.key")
    folder = tmp_path / "broker"
    given = ("--certificate", tmp_path / "c.pem", "--key", tmp_path / "c.key")
    with pytest.raises(SettingsInvalid, match="go together"):
        run(*SETUP, "--folder", folder, *given)
    assert run(*SETUP, "--folder", folder, *given, "--ca", tmp_path / "ca.pem") == 0
    assert not (folder / "shop-ca.key").exists()
    assert (folder / "shop-ca.pem").read_bytes() == authority.certificate_pem
    assert run("add-host", "till2", "--folder", folder, "--out", tmp_path) == 0
    assert read_credentials(tmp_path / "till2.join").broker == "box.example"
    with pytest.raises(SettingsInvalid, match="head office's"):
        run("renew-certificate", "--folder", folder)


def test_a_key_of_another_certificate_is_refused(tmp_path: Path) -> None:
    clock = SystemClock()
    authority = make_ca("Shops", clock)
    write_ca(authority, tmp_path / "ca.pem", tmp_path / "ca.key")
    for name in ("a", "b"):
        made = issue_server_certificate(authority, names=["x"], ips=[], clock=clock)
        made.write(tmp_path / f"{name}.pem", tmp_path / f"{name}.key")
    with pytest.raises(SettingsInvalid, match="is not the key of"):
        run(
            *(*SETUP, "--folder", tmp_path / "broker", "--certificate", tmp_path / "a.pem"),
            *("--key", tmp_path / "b.key", "--ca", tmp_path / "ca.pem"),
        )
    assert not (tmp_path / "broker" / "broker.toml").exists()


def test_a_host_is_added_beside_the_others_and_again_with_another_password(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert run("add-host", "till2", "--folder", folder, "--out", tmp_path) == 0
    file = tmp_path / "till2.join"
    said = capsys.readouterr().out
    assert "systemctl reload mosquitto" in said
    assert "tillbox devices join till2.join --folder tillbox-till2" in said
    assert file.stat().st_mode & 0o777 == 0o600
    first = read_credentials(file)
    assert (first.broker, first.port, first.protocol) == ("box.local", 8883, "5")
    assert first.password not in said
    passwords = BrokerPasswords(folder / "passwords")
    assert passwords.fits("till2", first.password)
    assert run("add-host", "till2", "--folder", folder, "--out", tmp_path) == 0
    again = capsys.readouterr().out
    assert "Start the broker anew" in again
    assert "tillbox-till2 --again" in again
    second = read_credentials(file)
    assert passwords.fits("till2", second.password)
    assert not passwords.fits("till2", first.password)
    assert passwords.fits("edge", (folder / "edge.mqtt").read_text()), "the others stay"
    assert run("remove-host", "till2", "--folder", folder) == 0
    assert not passwords.fits("till2", second.password)
    assert passwords.fits("box", (folder / "box.mqtt").read_text())
    with pytest.raises(SettingsInvalid, match="no user 'till2'"):
        run("remove-host", "till2", "--folder", folder)


def test_a_host_is_told_a_name_that_the_certificate_has(folder: Path, tmp_path: Path) -> None:
    given = ("add-host", "till2", "--folder", folder, "--out", tmp_path)
    assert run(*given, "--at", "192.0.2.4") == 0
    assert read_credentials(tmp_path / "till2.join").broker == "192.0.2.4"
    with pytest.raises(SettingsInvalid, match=r"box\.local, 192\.0\.2\.4"):
        run(*given, "--at", "192.0.2.5")


@pytest.mark.parametrize("host", ["edge", "homeassistant", "Till2", "a/b", "", "x" * 41])
def test_a_name_that_is_none_for_a_host_is_refused(folder: Path, host: str) -> None:
    before = (folder / "passwords").read_bytes()
    for action in ("add-host", "remove-host"):
        with pytest.raises(SettingsInvalid):
            run(action, host, "--folder", folder)
    assert (folder / "passwords").read_bytes() == before


def test_home_assistant_is_let_in_and_out_again(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (folder / "acl").read_bytes()
    settings = load(folder / "broker.toml", BrokerSettings)
    assert settings.home_assistant_user is None
    capsys.readouterr()
    assert run("add-home-assistant", "--folder", folder) == 0
    said = capsys.readouterr().out
    password = (folder / "homeassistant.mqtt").read_text()
    assert str(folder / "homeassistant.mqtt") in said
    assert password not in said
    assert "[home_assistant]" in said
    assert "broker box.local, port 8883" in said
    assert BrokerPasswords(folder / "passwords").fits("homeassistant", password)
    assert "user homeassistant\n" in (folder / "acl").read_text()
    assert load(folder / "broker.toml", BrokerSettings).home_assistant_user == "homeassistant"
    # a host that is added meanwhile takes nothing of it away
    assert run("add-host", "till2", "--folder", folder, "--out", folder.parent) == 0
    assert "user homeassistant\n" in (folder / "acl").read_text()
    assert run("remove-home-assistant", "--folder", folder) == 0
    assert (folder / "acl").read_bytes() == before
    assert not BrokerPasswords(folder / "passwords").fits("homeassistant", password)
    assert not (folder / "homeassistant.mqtt").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("add-host", "till2"),
        ("remove-host", "till2"),
        ("renew-certificate",),
        ("add-home-assistant",),
        ("remove-home-assistant",),
    ],
)
def test_another_folder_is_said_to_be_none(tmp_path: Path, words: tuple[str, ...]) -> None:
    with pytest.raises(SettingsInvalid, match="no folder of a broker"):
        run(*words, "--folder", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_without_an_action_the_settings_are_asked_for() -> None:
    with pytest.raises(SettingsInvalid, match="--config"):
        run()


@pytest.mark.parametrize(
    "changes",
    [
        ("--store", "Store 1"),
        ("--host", "edge"),
        ("--host", "the box"),
        ("--name", "bäcker.local"),
    ],
)
def test_a_setup_that_cannot_be_used_is_refused(tmp_path: Path, changes: tuple[str, ...]) -> None:
    with pytest.raises(SettingsInvalid):
        run(*SETUP, "--folder", tmp_path / "broker", *changes)
    assert run(*SETUP, "--folder", tmp_path / "broker") == 0, "nothing stands in the way"
