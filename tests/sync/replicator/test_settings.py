"""What `tillbox sync` may be told, and the words for what it may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.contract.errors import SettingsInvalid
from edge.runtime.certificates import make_ca, write_ca
from edge.runtime.system_clock import SystemClock
from sync.replicator.settings import load_peers


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "token").write_text("the-token\n")
    write_ca(make_ca("Muster", SystemClock()), tmp_path / "ca.pem", tmp_path / "ca.key")
    (tmp_path / "empty").write_text(" \n")
    (tmp_path / "two-lines").write_text("one\ntwo\n")
    (tmp_path / "no-ca.pem").write_text("nothing")
    return tmp_path


def settings(folder: Path, **changed: str) -> Path:
    values = {
        "edge_url": "http://127.0.0.1:8080",
        "service_token_file": "token",
        "office_url": "ws://127.0.0.1:9000",
        **changed,
    }
    file = folder / "sync.toml"
    file.write_text("".join(f'{key} = "{value}"\n' for key, value in values.items() if value))
    return file


@pytest.mark.parametrize(
    ("office_url", "session_url"),
    [
        ("ws://127.0.0.1:9000", "ws://127.0.0.1:9000/sync/v1/session"),
        ("ws://[::1]:9000/", "ws://[::1]:9000/sync/v1/session"),
        ("ws://localhost:9000", "ws://localhost:9000/sync/v1/session"),
        ("wss://office.example", "wss://office.example/sync/v1/session"),
        ("wss://office.example/shops/", "wss://office.example/shops/sync/v1/session"),
    ],
)
def test_good_settings(folder: Path, office_url: str, session_url: str) -> None:
    peers = load_peers(settings(folder, office_url=office_url, ca_file="ca.pem"))
    assert (peers.edge_url, peers.session_url) == ("http://127.0.0.1:8080", session_url)
    assert peers.token == "the-token"
    assert (peers.tls is not None) == office_url.startswith("wss")


def test_a_box_that_speaks_tls_is_asked_over_tls(folder: Path) -> None:
    peers = load_peers(settings(folder, edge_url="https://192.168.1.5:8443/", ca_file="ca.pem"))
    assert peers.edge_url == "https://192.168.1.5:8443"
    assert peers.tls is not None


@pytest.mark.parametrize(
    ("changed", "code", "words"),
    [
        ({"office_url": "ws://office.example"}, "cleartext_refused", "office.example"),
        ({"office_url": "ws://192.168.1.9:9000"}, "cleartext_refused", "192.168.1.9"),
        ({"office_url": "ws://127.1:9000"}, "cleartext_refused", "127.1"),
        ({"edge_url": "http://192.168.1.5:8080"}, "cleartext_refused", "192.168.1.5"),
        ({"office_url": "wss://office.example"}, "ca_file_missing", "ca_file"),
        ({"office_url": "wss://127.0.0.1:9000"}, "ca_file_missing", "ca_file"),
        ({"edge_url": "https://127.0.0.1:8443"}, "ca_file_missing", "ca_file"),
        ({"office_url": "https://office.example"}, "settings_invalid_value", "wss://HOST"),
        ({"office_url": "office.example:9000"}, "settings_invalid_value", "office_url"),
        ({"office_url": "wss://"}, "settings_invalid_value", "office_url"),
        ({"office_url": "wss://office.example:99999"}, "settings_invalid_value", "office_url"),
        ({"office_url": "wss://office.example:0"}, "settings_invalid_value", "office_url"),
        ({"office_url": "wss://office.example/?a=1"}, "settings_invalid_value", "office_url"),
        ({"office_url": "wss://office.example/#a"}, "settings_invalid_value", "office_url"),
        ({"office_url": "wss://of fice.example"}, "settings_invalid_value", "office_url"),
        ({"edge_url": "ws://127.0.0.1:8080"}, "settings_invalid_value", "edge_url"),
        ({"service_token_file": "absent"}, "token_unreadable", "absent"),
        ({"service_token_file": "empty"}, "token_empty", "empty"),
        ({"service_token_file": "two-lines"}, "token_empty", "two-lines"),
        (
            {"office_url": "wss://office.example", "ca_file": "no-ca.pem"},
            "certificate_unusable",
            "no-ca.pem",
        ),
        ({"edge_url": ""}, "settings_invalid_value", "edge_url"),
        ({"offic_url": "x"}, "settings_unknown_key", "office_url"),
    ],
)
def test_refusals(folder: Path, changed: dict[str, str], code: str, words: str) -> None:
    with pytest.raises(SettingsInvalid) as refused:
        load_peers(settings(folder, **changed))
    print(refused.value)
    assert words in str(refused.value)
    if changed != {"edge_url": ""}:  # the loader's own code for what is missing
        assert refused.value.code == code


def test_a_password_in_an_address_is_refused_and_not_shown(folder: Path) -> None:
    with pytest.raises(SettingsInvalid) as refused:
        load_peers(settings(folder, office_url="wss://me:hidden@office.example"))
    assert "hidden" not in str(refused.value)


def with_keepers(folder: Path, *keepers: str, ca_file: str = "") -> Path:
    file = settings(folder, ca_file=ca_file)
    tables = "".join(f"[[keepers]]\n{keeper}\n" for keeper in keepers)
    file.write_text(file.read_text() + tables)
    return file


KEY = f'key = "{"ab" * 32}"'


def test_second_copies_have_addresses_keys_and_trust_of_their_own(folder: Path) -> None:
    assert load_peers(settings(folder)).keepers == ()
    here, there = load_peers(
        with_keepers(
            folder,
            f'url = "ws://127.0.0.1:8095/"\n{KEY}',
            f'url = "wss://back-office:8095"\n{KEY}\nca_file = "ca.pem"',
        )
    ).keepers
    assert (here.session_url, here.tls) == ("ws://127.0.0.1:8095/sync/v1/session", None)
    assert there.session_url == "wss://back-office:8095/sync/v1/session"
    assert there.tls is not None
    assert here.key == there.key == "ab" * 32
    url = f'url = "wss://back-office:8095"\n{KEY}'
    (trusted,) = load_peers(with_keepers(folder, url, ca_file="ca.pem")).keepers
    assert trusted.tls is not None


@pytest.mark.parametrize(
    ("keeper", "words"),
    [
        (f'url = "wss://back-office"\n{KEY}', "no ca_file"),
        (f'url = "ws://192.168.1.9:8095"\n{KEY}', "The second copy is at '192.168.1.9'"),
        (f'url = "https://back-office"\n{KEY}', r"keepers\[0\].url"),
        ('url = "ws://127.0.0.1:8095"\nkey = "ab"', r"keepers\[0\].key"),
        ('url = "ws://127.0.0.1:8095"', "key"),
        (f'url = "wss://back-office"\n{KEY}\nca_file = "no-ca.pem"', "no-ca.pem"),
    ],
)
def test_a_second_copy_that_cannot_be_is_refused(folder: Path, keeper: str, words: str) -> None:
    with pytest.raises(SettingsInvalid, match=words):
        load_peers(with_keepers(folder, keeper))


def test_a_shop_has_a_handful_of_second_copies(folder: Path) -> None:
    keeper = f'url = "ws://127.0.0.1:8095"\n{KEY}'
    with pytest.raises(SettingsInvalid, match="keepers"):
        load_peers(with_keepers(folder, *([keeper] * 5)))


def test_what_a_line_costs(folder: Path) -> None:
    file = settings(folder)
    file.write_text(file.read_text() + '[line]\nmonthly_mib = 500\ncount_file = "line.json"\n')
    line = load_peers(file).line
    assert (line.monthly_mib, line.count_file) == (500, folder / "line.json")


def test_a_limit_needs_a_file_that_keeps_the_count(folder: Path) -> None:
    file = settings(folder)
    file.write_text(file.read_text() + "[line]\nmonthly_mib = 500\n")
    with pytest.raises(SettingsInvalid, match=r"no line\.count_file") as refused:
        load_peers(file)
    assert refused.value.code == "count_file_missing"
