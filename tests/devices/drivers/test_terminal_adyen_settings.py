from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from devices.drivers.terminal_adyen import DRIVER, TRIAL_KEY
from devices.drivers.terminal_adyen.settings import (
    KeyReader,
    TerminalAdyenSettings,
    terminal_connector,
)
from edge.contract.errors import SettingsInvalid
from edge.runtime.system_clock import SystemClock

KEY = {"key_identifier": "shop", "key_version": 3, "passphrase": "correct horse"}


def settings(address: str) -> TerminalAdyenSettings:
    return TerminalAdyenSettings(address, "S1F2-1", str(TRIAL_KEY))


@pytest.mark.parametrize(
    "address",
    [
        DRIVER.example.address,
        "tls://192.0.2.30:8443?ca=root.pem&name=*.live.terminal.adyen.com",
        "tls://terminal.shop.example:8443?ca=root.pem",
        "tcp://127.0.0.1:8443",
        "tcp://[::1]:8443",
        "tcp://localhost:8443",
    ],
)
def test_addresses_that_can_be_used(address: str) -> None:
    assert callable(terminal_connector(settings(address), SystemClock()))


@pytest.mark.parametrize(
    "address",
    [
        "",
        "tcp://192.0.2.30:8443",
        "tcp://terminal.shop.example:8443",
        "tcp://127.0.0.1.evil.example:8443",
        "https://192.0.2.30:8443/nexo",
        "serial:///dev/ttyUSB0",
        "tls://192.0.2.30:8443",
    ],
)
def test_what_would_go_unprotected_through_the_shop_is_refused(address: str) -> None:
    with pytest.raises(SettingsInvalid, match="tls://HOST") as caught:
        terminal_connector(settings(address), SystemClock())
    assert repr(address) in caught.value.message


@pytest.mark.parametrize(
    "wrong", [{"poi_id": ""}, {"poi_id": "a b"}, {"sale_id": ""}, {"passphrase": "x"}]
)
def test_settings_hold_names_and_no_secret(wrong: dict[str, str]) -> None:
    good = {"address": "tcp://127.0.0.1:1", "poi_id": "S1F2-1", "key_file": "k.json"}
    assert msgspec.convert(good, TerminalAdyenSettings).sale_id == "Tillbox"
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(good | wrong, TerminalAdyenSettings)


def test_the_host_is_named_as_in_the_address() -> None:
    assert DRIVER.example.host == "192.0.2.30:8443"


def test_a_key_is_read_again_when_its_file_has_changed(tmp_path: Path) -> None:
    file = tmp_path / "key.json"
    file.write_text(json.dumps(KEY))
    reader = KeyReader(str(file))
    first = reader.read()
    assert (first.key_identifier, first.key_version) == ("shop", 3)
    assert reader.read() is first
    file.write_text(json.dumps(KEY | {"key_version": 4, "passphrase": "battery staple"}))
    second = reader.read()
    assert second.key_version == 4
    assert second.keys != first.keys


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"correct horse",
        b"\xff\xfe",
        b"[" * 9_000,
        json.dumps(KEY | {"passphrase": ""}).encode(),
        json.dumps(KEY | {"passphrase": "fußgänger"}).encode(),
        json.dumps(KEY | {"key_version": "3"}).encode(),
        json.dumps(KEY | {"more": 1}).encode(),
        json.dumps(KEY | {"passphrase": "correct horse" * 999}).encode(),
    ],
)
def test_a_key_file_that_cannot_be_used_is_named_and_not_quoted(
    tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "key.json"
    file.write_bytes(content)
    with pytest.raises(SettingsInvalid) as caught:
        KeyReader(str(file)).read()
    assert caught.value.code == "key_file_invalid"
    assert str(file) in caught.value.message
    assert "horse" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_key_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match="cannot be read: No such file") as caught:
        KeyReader(str(tmp_path / "none.json")).read()
    assert caught.value.code == "key_file_unreadable"


def test_the_trial_key_shows_the_shape_of_a_key_file() -> None:
    key = KeyReader(str(TRIAL_KEY)).read()
    assert key.key_identifier == "tillbox-trial"
    assert "passphrase" not in repr(key)
