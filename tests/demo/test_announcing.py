"""What the demo tells the person in front of it, and what it opens."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from edge.demo.command import COMMAND, DemoOptions, _announce
from edge.demo.layout import DemoLayout
from tests.brokers import find_free_port

READY: dict[str, Any] = {
    "till_url": "http://127.0.0.1:8080/#code",
    "counter_url": "http://127.0.0.1:8081/",
    "office_url": "http://127.0.0.1:8090/",
    "office_user": "head",
    "office_password": "invented",
    "pins": {"marta": "1234"},
    "broker": "embedded",
}


def options(folder: Path, ready_file: Path | None = None) -> DemoOptions:
    return DemoOptions(folder, 8080, 8090, ready_file, browser=False, broker="auto")


def test_a_person_is_told_where_to_click_and_who_they_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _announce(READY, options(tmp_path))
    told = capsys.readouterr().out
    for word in (READY["till_url"], READY["counter_url"], READY["office_url"], "marta 1234"):
        assert word in told
    assert list(tmp_path.iterdir()) == []


def test_a_program_reads_all_of_it_and_nobody_else_does(tmp_path: Path) -> None:
    ready_file = tmp_path / "ready.json"
    _announce(READY, options(tmp_path, ready_file))
    assert json.loads(ready_file.read_text()) == READY
    assert ready_file.stat().st_mode & 0o077 == 0
    assert list(tmp_path.iterdir()) == [ready_file], "a draft is left"


def test_a_browser_opens_till_and_counter(tmp_path: Path) -> None:
    opened = tmp_path / "opened"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" >> {opened}\n')
    browser.chmod(0o700)
    script = (
        "import json, sys; from pathlib import Path\n"
        "from edge.demo.command import COMMAND, DemoOptions, _announce\n"
        "ready = json.loads(sys.argv[1])\n"
        "_announce(ready, DemoOptions(Path('.'), 1, 2, None, browser=True, broker='auto'))\n"
    )
    subprocess.run(
        [sys.executable, "-c", script, json.dumps(READY)],
        env={**os.environ, "BROWSER": f"{browser} %s", "PYTHONPATH": ":".join(sys.path)},
        check=True,
        capture_output=True,
        timeout=50,
    )
    assert opened.read_text().split() == [READY["till_url"], READY["counter_url"]]


@pytest.mark.parametrize("port", ["99999", "0", "-1", "http", "9" * 5_000])
@pytest.mark.parametrize("option", ["--port", "--office-port"])
def test_a_port_that_is_none_is_refused_in_words(
    option: str, port: str, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = argparse.ArgumentParser()
    COMMAND.configure(parser)
    with pytest.raises(SystemExit) as caught:
        parser.parse_args([f"{option}={port}"])
    assert caught.value.code == 2
    assert "from 1 to 65535" in capsys.readouterr().err


@pytest.mark.parametrize("tills", ["1", "21", "two"])
def test_a_shop_has_a_number_of_tills_that_a_demo_can_have(
    tills: str, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = argparse.ArgumentParser()
    COMMAND.configure(parser)
    assert parser.parse_args(["--tills=8"]).tills == 8
    with pytest.raises(SystemExit) as caught:
        parser.parse_args([f"--tills={tills}"])
    assert caught.value.code == 2
    assert "--tills" in capsys.readouterr().err


def test_the_box_has_the_tills_that_were_asked_for(tmp_path: Path) -> None:
    layout = DemoLayout(tmp_path, find_free_port(), find_free_port(), embedded_broker=True, tills=3)
    layout.prepare()
    layout.write_edge("", "ab" * 32)
    written = tomllib.loads(layout.config("edge").read_text("utf-8"))
    assert written["tills"] == ["till-1", "till-2", "till-3"]
    assert {each["till"] for each in written["devices"]} == {"till-1"}


def test_box_link_and_second_copy_are_told_of_each_other(tmp_path: Path) -> None:
    layout = DemoLayout(tmp_path, find_free_port(), find_free_port(), embedded_broker=True)
    layout.prepare()
    layout.write_edge("", "ab" * 32)
    read = {
        name: tomllib.loads(layout.config(name).read_text("utf-8"))
        for name in ("edge", "sync", "keep")
    }
    assert read["edge"]["keeper_keys"] == {"back-office": "ab" * 32}
    (keeper,) = read["sync"]["keepers"]
    assert keeper == {"url": f"ws://127.0.0.1:{read['keep']['web']['port']}", "key": "ab" * 32}


def test_no_port_is_given_away_twice(tmp_path: Path) -> None:
    till, office = find_free_port(), find_free_port()
    (tmp_path / "config").mkdir()
    names = ("broker", "counter", "printer", "terminal", "scale", "link", "keep")
    taken = dict(zip(names, [till, office, till, office, till, office, office], strict=True))
    (tmp_path / "config" / "ports.json").write_text(json.dumps(taken))
    layout = DemoLayout(tmp_path, till, office, embedded_broker=True)
    layout.prepare()
    assert len({till, office, *layout.ports.values()}) == 9
