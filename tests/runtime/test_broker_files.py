from __future__ import annotations

import asyncio
import base64
import hashlib
import subprocess
from pathlib import Path

import pytest

from edge.contract.errors import SettingsInvalid
from edge.runtime.broker_access import BrokerAccess
from edge.runtime.broker_passwords import BrokerPasswords, password_file, password_line
from edge.runtime.mosquitto_files import MosquittoListener, write_mosquitto_files
from tests.brokers import USERS, Mosquitto
from tests.runtime.raw_mqtt import raw_client


def write(folder: Path, content: bytes) -> BrokerPasswords:
    path = folder / "passwords"
    path.write_bytes(content)
    path.chmod(0o600)
    return BrokerPasswords(path)


def test_a_line_is_what_mosquitto_documents() -> None:
    line = password_line("edge", "secret", salt=b"123456789012")
    user, _, entry = line.partition(":")
    _, kind, iterations, salt, found = entry.split("$")
    assert (user, kind, base64.b64decode(salt)) == ("edge", "7", b"123456789012")
    assert base64.b64decode(found) == hashlib.pbkdf2_hmac(
        "sha512", b"secret", b"123456789012", int(iterations), 64
    )
    assert password_line("edge", "secret") != password_line("edge", "secret"), "salted"


def test_passwords_fit_or_do_not(tmp_path: Path) -> None:
    passwords = write(tmp_path, b"\n" + password_file(USERS))
    assert set(passwords.load()) == set(USERS)
    assert all(passwords.fits(user, password) for user, password in USERS.items())
    assert not passwords.fits("edge", USERS["host-1"])
    assert not passwords.fits("edge", "")
    assert not passwords.fits("nobody", "edge's own")
    assert not passwords.fits("", "")


GOOD = password_line("edge", "x")


@pytest.mark.parametrize(
    "line",
    [
        "edge:plain",
        "edge:",
        "edge",
        ":$7$1$AA$AA",
        GOOD.replace("$7$", "$6$"),
        GOOD.replace("$10000$", "$0$"),
        GOOD.replace("$10000$", "$-1$"),
        GOOD.replace("$10000$", "$²$"),
        GOOD.replace("$10000$", "$99999999999$"),
        GOOD[:-4],
        GOOD + "$",
        GOOD[:-10] + "!" + GOOD[-9:],
        GOOD.replace("edge", "Edge"),
    ],
)
def test_a_line_that_is_none_is_named(tmp_path: Path, line: str) -> None:
    passwords = write(tmp_path, f"{password_line('host-1', 'y')}\n{line}\n".encode())
    with pytest.raises(SettingsInvalid, match="line 2: not a user"):
        passwords.load()


@pytest.mark.parametrize("user", ["", "a:b", "Edge", "a b", "a\nb", "+", "x" * 41])
def test_a_name_that_is_none_is_refused(user: str) -> None:
    with pytest.raises(SettingsInvalid, match="no name for a user"):
        password_file({user: "x"})


# --- Mosquitto ----------------------------------------------------------------------------


@pytest.mark.mosquitto
async def test_mosquitto_takes_our_passwords_and_we_take_its_own(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    for user, password in USERS.items():
        async with raw_client(mosquitto.port) as client:
            assert await client.connect(user, user, password) == 0
    written = tmp_path / "by mosquitto_passwd"
    written.touch(0o600)
    command = ["mosquitto_passwd", "-b", str(written), "edge", "käse"]
    await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True)
    passwords = BrokerPasswords(written)
    assert passwords.fits("edge", "käse")
    assert not passwords.fits("edge", "kase")


def test_the_files_are_private_whole_and_may_be_written_again(tmp_path: Path) -> None:
    access = BrokerAccess("store-1")
    for _ in range(2):
        conf = write_mosquitto_files(tmp_path, access, USERS, MosquittoListener(port=1899))
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "acl",
        "mosquitto.conf",
        "passwords",
    ]
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
    text = conf.read_text()
    for line in (
        "allow_anonymous false",
        "use_username_as_clientid true",
        "listener 1899 127.0.0.1",
        "message_size_limit 262144",
        "max_queued_messages 10000",
        "persistence false",
    ):
        assert f"{line}\n" in text
    assert write_mosquitto_files(tmp_path, access, {}).read_text().count("listener 1883") == 1


def test_an_address_on_the_network_needs_tls(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match="without TLS"):
        write_mosquitto_files(tmp_path, BrokerAccess("s"), USERS, MosquittoListener("192.168.1.2"))
    listener = MosquittoListener("192.168.1.2", 8883, Path("/c.pem"), Path("/k.pem"))
    text = write_mosquitto_files(tmp_path, BrokerAccess("s"), USERS, listener).read_text()
    assert "certfile /c.pem\nkeyfile /k.pem\n" in text


def test_no_setting_can_write_another_line(tmp_path: Path) -> None:
    listener = MosquittoListener("127.0.0.1", 1, Path("/c\nallow_anonymous true"), Path("/k"))
    with pytest.raises(SettingsInvalid, match="line break"):
        write_mosquitto_files(tmp_path, BrokerAccess("s"), USERS, listener)
    for access in (BrokerAccess("s/#\n"), BrokerAccess("s", "edge\nuser x")):
        with pytest.raises(SettingsInvalid, match="short id"):
            write_mosquitto_files(tmp_path, access, USERS)


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match="cannot be written"):
        write_mosquitto_files(tmp_path / "absent", BrokerAccess("s"), USERS)
