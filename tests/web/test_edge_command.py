"""`tillbox edge key` and `tillbox edge enrol`, as a technician types them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from edge.cli import main
from edge.runtime.keys import load_or_create_key
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
    assert "The box does not answer" in said
    assert "Start it first" in said


@pytest.mark.parametrize(
    ("token", "words"),
    [(b"", "is empty"), (b" \n", "is empty"), (b"\xff\xfe", "cannot be read"), (None, "cannot be")],
)
def test_a_token_file_that_is_none_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], token: bytes | None, words: str
) -> None:
    config = written(tmp_path, find_free_port())
    file = tmp_path / "service.token"
    file.unlink()
    if token is not None:
        file.write_bytes(token)
    assert main(["edge", "enrol", "--config", config, "--till", "till-1"]) == 2
    said = capsys.readouterr().err
    assert words in said
    assert str(file) in said
    assert "Traceback" not in said
