from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest
from msgspec import Meta

from edge.contract.errors import SettingsInvalid
from edge.contract.limits import (
    SETTINGS_BYTES_MAX,
)
from edge.runtime.settings_file import is_loopback, load, require_tls


class Web(msgspec.Struct, frozen=True):
    port: Annotated[int, Meta(ge=0, le=65_535)] = 8080
    certificate_file: Path | None = None


class Device(msgspec.Struct, frozen=True, rename={"kind": "driver"}):
    id: Annotated[str, Meta(pattern="^[a-z]+$")]
    kind: str
    roles: tuple[str, ...] = ()
    size: tuple[int, str] = (0, "")


class Shop(msgspec.Struct, frozen=True):
    data_dir: Path
    web: Web = Web()
    devices: list[Device] = []
    backup: Web | None = None
    limits: dict[str, int] = {}
    wifi_password: str = ""
    either: int | str = 0
    free: dict[str, Any] = {}


def write(folder: Path, text: str | bytes) -> Path:
    path = folder / "shop.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_settings_come_whole_and_paths_belong_to_the_files_folder(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        """
        data_dir = "data"
        limits = {till-1 = 3}
        free = {anything = [1, "x"]}
        [web]
        port = 0
        certificate_file = "/etc/cert.pem"
        [[devices]]
        id = "a"
        driver = "x"
        roles = ["scanner"]
        size = [3, "m"]
        """,
    )
    assert load(path, Shop) == Shop(
        tmp_path / "data",
        Web(0, Path("/etc/cert.pem")),
        [Device("a", "x", ("scanner",), (3, "m"))],
        limits={"till-1": 3},
        free={"anything": [1, "x"]},
    )
    assert load(write(tmp_path, b'\xef\xbb\xbfdata_dir = "d"'), Shop).data_dir == tmp_path / "d"


DATA = 'data_dir = "d"\n'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (DATA + "webb = 1", "no setting 'webb'. Did you mean 'web'?"),
        (DATA + "[web]\nPORT = 1", "no setting 'web.PORT'. Did you mean 'web.port'?"),
        (DATA + "[web]\nx = 1", "no setting 'web.x'. There are: certificate_file, port."),
        (DATA + '"a b" = 1', "There are: backup, data_dir"),
        (DATA + "[backup]\nprt = 1", "no setting 'backup.prt'. Did you mean 'backup.port'?"),
        (
            DATA + '[[devices]]\nid="a"\ndriver="x"\n[[devices]]\nid="b"\ncolour="x"',
            "no setting 'devices[1].colour'. There are: driver, id, roles, size.",
        ),
        (
            DATA + '[[devices]]\nid="a"',
            "the setting 'devices[0].driver' is missing. Add it: str.",
        ),
        ("", "the setting 'data_dir' is missing. Add it: the path of a file or folder."),
        (DATA + "[web]\nport = 70000", "web.port = 70000 does not fit. Expected int <= 65535."),
        (DATA + '[web]\nport = "80"', "web.port = '80' does not fit. Expected int, got str."),
        (DATA + "[web]\nport = true", "web.port = True does not fit. Expected int, got bool."),
        (DATA + "web = 3", "web = 3 does not fit. Expected object, got int."),
        (DATA + "[backup]\nport = -1", "backup.port = -1 does not fit. Expected int >= 0."),
        ("data_dir = 3", "data_dir = 3 does not fit. Expected the path of a file or folder"),
        ('data_dir = ""', "data_dir = '' does not fit. Expected the path of a file or folder"),
        (DATA + "limits = {a = 1, b = 1.5}", "limits.b = 1.5 does not fit. Expected int"),
        (DATA + "limits = {'a b' = 'x'}", "limits.'a b' = 'x' does not fit."),
        (
            DATA + '[[devices]]\nid="a"\ndriver="x"\nroles=["ok", 3]',
            "devices[0].roles[1] = 3 does not fit. Expected str, got int.",
        ),
        (
            DATA + '[[devices]]\nid="A"\ndriver="x"',
            "devices[0].id = 'A' does not fit. Expected str matching regex '^[a-z]+$'.",
        ),
        (DATA + '[[devices]]\nid="a"\ndriver="x"\nsize=[1]', "devices[0].size = [1] does not fit."),
        (DATA + "either = 1.5", "either = 1.5 does not fit."),
        (DATA + "devices = 3", "devices = 3 does not fit. Expected array, got int."),
        (DATA + "[web]\nport = '" + "x" * 500 + "'", "xxx… does not fit."),
    ],
)
def test_a_refusal_names_file_key_value_and_what_is_allowed(
    tmp_path: Path, text: str, words: str
) -> None:
    path = write(tmp_path, text)
    with pytest.raises(SettingsInvalid) as refused:
        load(path, Shop)
    assert str(path) in str(refused.value)
    assert words in str(refused.value)
    assert len(refused.value.message) < len(str(path)) + 200


def test_a_secret_typed_into_the_file_is_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid) as refused:
        load(write(tmp_path, DATA + "wifi_password = 4711"), Shop)
    assert "wifi_password = (hidden)" in str(refused.value)
    assert "4711" not in str(refused.value)


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        (b"a = 1\nb = [\n", "settings_not_toml", "line"),
        (b"a = 1\na = 2\n", "settings_not_toml", "line 2"),
        (b"a = " + b"[" * 50_000, "settings_not_toml", "nested too deep"),
        (b"a = 1\nb = '\xff'\n", "settings_not_utf8", "line 2: the byte 0xff"),
        (b"#" * (SETTINGS_BYTES_MAX + 1), "settings_too_large", "no settings file"),
    ],
)
def test_a_file_that_is_no_settings_file(
    tmp_path: Path, content: bytes, code: str, words: str
) -> None:
    with pytest.raises(SettingsInvalid, match=words) as refused:
        load(write(tmp_path, content), Shop)
    assert refused.value.code == code


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.toml", tmp_path):
        with pytest.raises(SettingsInvalid, match="cannot be read") as refused:
            load(path, Shop)
        assert refused.value.code == "settings_unreadable"


LOOPBACK = ["127.0.0.1", "127.0.0.2", "::1", "[::1]", "localhost"]
ELSEWHERE = [
    "",
    "0.0.0.0",  # noqa: S104 - to be refused
    "::",
    "192.168.1.4",
    "127.1",
    "0x7f.1",
    "2130706433",
    "::ffff:127.0.0.1",
    "localhost.example.org",
    "LOCALHOST.",
    "box.local",
    "64:ff9b::7f00:1",
    "100.64.0.1",
    "169.254.1.1",
]


@pytest.mark.parametrize("address", LOOPBACK)
def test_loopback_needs_no_tls(address: str) -> None:
    assert is_loopback(address)
    require_tls(address, False, "The broker")


@pytest.mark.parametrize("address", ELSEWHERE)
def test_every_other_address_needs_tls(address: str) -> None:
    assert not is_loopback(address)
    require_tls(address, True, "The broker")
    with pytest.raises(SettingsInvalid, match=r"The broker is at .* without TLS") as refused:
        require_tls(address, False, "The broker")
    assert refused.value.code == "cleartext_refused"
