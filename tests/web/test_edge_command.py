"""`tillbox edge key` and `tillbox edge enrol`, as a technician types them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from edge.cli import main
from edge.runtime.certificates import issue_server_certificate, make_ca
from edge.runtime.keys import load_or_create_key
from edge.runtime.system_clock import SystemClock
from edge.settings import WebSettings
from tests.brokers import find_free_port
from tests.flows.box import TOKEN, bare_box

SETTINGS = """
data_dir = "edge"
tills = ["till-1", "till-2"]

[store]
slug = "harbour-street"
number = 1

[secrets]
box_key_file = "box.key"
pepper_file = "pepper"
service_token_file = "service.token"

[broker]
user = "edge"
password_file = "unused"

[web]
port = {port}
"""


def written(folder: Path, port: int, token: str = TOKEN) -> str:
    (folder / "service.token").write_text(token)
    path = folder / "edge.toml"
    path.write_text(SETTINGS.format(port=port))
    return str(path)


def test_the_key_is_made_once_and_its_public_half_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = written(tmp_path, 8080)
    assert main(["edge", "key", "--config", config]) == 0
    printed = capsys.readouterr().out.strip()
    assert printed == load_or_create_key(tmp_path / "box.key").public.hex
    assert main(["edge", "key", "--config", config]) == 0
    assert capsys.readouterr().out.strip() == printed


async def test_a_code_of_the_command_makes_a_till(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    port = find_free_port()
    async with bare_box(tmp_path, web=WebSettings(port=port)) as box:
        config = written(tmp_path, port)
        command = ["edge", "enrol", "--config", config, "--till", "till-2"]
        assert await asyncio.to_thread(main, command) == 0
        printed = capsys.readouterr().out
        assert "good for 15 minutes, once" in printed
        code = printed.split()[1]
        status, body = await box.call("POST", "/api/v1/enrol", {"code": code})
        assert (status, body["till"]) == (200, "till-2")
        status, body = await box.call("POST", "/api/v1/enrol", {"code": code})
        assert (status, body["code"]) == (403, "enrol_code_wrong")


@pytest.mark.parametrize(
    ("token", "till", "words"),
    [
        (TOKEN, "till-9", "no till till-9"),
        ("another token", "till-1", "for programs of this box"),
    ],
)
async def test_what_the_box_refuses_is_said_in_its_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], token: str, till: str, words: str
) -> None:
    port = find_free_port()
    async with bare_box(tmp_path, web=WebSettings(port=port)):
        config = written(tmp_path, port, token)
        command = ["edge", "enrol", "--config", config, "--till", till]
        assert await asyncio.to_thread(main, command) == 2
    assert words in capsys.readouterr().err


def test_a_box_that_does_not_run_cannot_give_a_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = written(tmp_path, find_free_port())
    assert main(["edge", "enrol", "--config", config, "--till", "till-1"]) == 2
    said = capsys.readouterr().err
    assert "No box answers at 127.0.0.1" in said
    assert "Start it first" in said


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"220 mail.example ready\r\n", "No box answers"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", "No box answers"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "No box answers"),
        (b"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno", "answered 403, and not as a box"),
        (b"", "No box answers"),
    ],
)
async def test_another_server_on_the_port_is_no_box(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], answer: bytes, words: str
) -> None:
    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    async with await asyncio.start_server(reply, "127.0.0.1", 0) as server:
        config = written(tmp_path, server.sockets[0].getsockname()[1])
        command = ["edge", "enrol", "--config", config, "--till", "till-1"]
        assert await asyncio.to_thread(main, command) == 2
    assert words in capsys.readouterr().err


async def test_a_box_on_every_address_is_asked_over_tls(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clock, port = SystemClock(), find_free_port()
    files = tmp_path / "box.pem", tmp_path / "box.pem.key"
    authority = make_ca("Retailer", clock)
    issue_server_certificate(authority, names=["box-7"], ips=[], clock=clock).write(*files)
    web = WebSettings("0.0.0.0", port, ("box-7",), *files)  # noqa: S104 - as in a shop, with TLS
    async with bare_box(tmp_path, web=web):
        config = written(tmp_path, port)
        certificate = f'certificate_file = "{files[0]}"\nkey_file = "{files[1]}"\n'
        with Path(config).open("a") as settings:
            settings.write(f'address = "0.0.0.0"\n{certificate}')
        command = ["edge", "enrol", "--config", config, "--till", "till-1"]
        assert await asyncio.to_thread(main, command) == 0
        assert "Code: " in capsys.readouterr().out
        other = issue_server_certificate(authority, names=["box-7"], ips=[], clock=clock)
        files[0].unlink()
        other.write(files[0], tmp_path / "other.key")
        assert await asyncio.to_thread(main, command) == 2
        assert "CERTIFICATE_VERIFY_FAILED" in capsys.readouterr().err
