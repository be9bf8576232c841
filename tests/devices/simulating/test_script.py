from __future__ import annotations

from itertools import takewhile
from pathlib import Path
from typing import Annotated, Any

import msgspec
import pytest
from msgspec import Meta

from devices import driver_catalogue
from devices.scripted_actions import Action, Actions, NoArguments
from devices.simulating.script import load_script
from devices.simulating.stage import actions_of
from edge.contract.errors import SettingsInvalid


class PutArgs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    grams: Annotated[int, Meta(ge=0)]


def nothing(_device: object, _args: msgspec.Struct) -> None:
    pass


ACTIONS: Actions = {
    "put": Action("Put it there.", PutArgs, nothing),
    "off": Action("Off.", NoArguments, nothing),
}

TOML = """
[[step]]
at_s = 2
play = "put"
args = { grams = 500 }

[[step]]
on = "received"
has = "11aB"
count = 2
times = 0
play = "off"
"""
LINES = """
{"at_s": 2, "play": "put", "args": {"grams": 500}}

{"on": "received", "has": "11aB", "count": 2, "times": 0, "play": "off"}
"""


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


@pytest.mark.parametrize(("name", "text"), [("a.toml", TOML), ("a.jsonl", LINES)])
def test_a_script_is_read_from_toml_and_from_lines_of_json(
    tmp_path: Path, name: str, text: str
) -> None:
    first, second = load_script(written(tmp_path, name, text), ACTIONS)
    assert (first.step.at_s, first.play.name, first.play.args) == (2.0, "put", PutArgs(500))
    assert (second.step.on, second.has, second.step.count, second.step.times) == (
        "received",
        b"\x11\xab",
        2,
        0,
    )
    assert second.play.args == NoArguments()


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.toml", "[[step]]\nat_s = 1\n", "play"),
        ("a.toml", '[[step]]\nplay = "off"\nwhen = 1', "when"),
        ("a.toml", '[[step]]\nplay = "off"\n[[step]]\nplay = "fly"', "step 2: .*'fly'.*off, put"),
        ("a.toml", "[[step", "not TOML"),
        ("a.jsonl", '{"play": "off"}\n\n{"play": 3}', "line 3 is no step"),
        ("a.jsonl", "off", "line 1 is no step.*Write one object a line"),
        ("a.jsonl", "[" * 100_000, "line 1 is no step"),
        ("a.jsonl", '{"play": "put", "args": {"grams": -1}}', "line 1: .*put.*put grams=INTEGER"),
        ("a.jsonl", '{"play": "put", "args": {"kg": 1}}', "line 1: .*put do not fit"),
        ("a.jsonl", '{"play": "off", "at_s": 1, "on": "sent"}', "not both"),
        ("a.jsonl", '{"play": "off", "every_s": 1, "on": "sent"}', "not both"),
        ("a.jsonl", '{"play": "off", "has": "00"}', "belong to a step with on"),
        ("a.jsonl", '{"play": "off", "count": 2}', "belong to a step with on"),
        ("a.jsonl", '{"play": "off", "after_s": 2}', "belong to a step with on"),
        ("a.jsonl", '{"play": "off", "times": 2}', "name every_s"),
        ("a.jsonl", '{"play": "off", "on": "connected", "has": "00"}', "Only what is received"),
        ("a.jsonl", '{"play": "off", "on": "sent", "has": "0"}', "line 1 is no step"),
        ("a.jsonl", '{"play": "off", "at_s": -1}', "line 1 is no step"),
        ("a.jsonl", '{"play": "off"}\n' * 10_001, "10000 steps"),
        ("a.jsonl", " " * 1_048_577, "over 1048576 bytes"),
    ],
)
def test_what_is_no_script_is_refused_with_its_place(
    tmp_path: Path, name: str, text: str, words: str
) -> None:
    path = written(tmp_path, name, text)
    with pytest.raises(SettingsInvalid, match=f"(?s){words}"):
        load_script(path, ACTIONS)


def test_a_script_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match=r"none\.jsonl cannot be read"):
        load_script(tmp_path / "none.jsonl", ACTIONS)


def test_an_argument_of_no_table_is_refused(tmp_path: Path) -> None:
    wrong: Any = '{"play": "off", "args": {"a": 1}}'
    with pytest.raises(SettingsInvalid, match="Write off"):
        load_script(written(tmp_path, "a.jsonl", wrong), ACTIONS)


@pytest.mark.parametrize("document", ["README.md", "devices/simulating/main.py"])
def test_the_scripts_in_the_documents_can_be_played(document: str, tmp_path: Path) -> None:
    text = (Path(__file__).parents[3] / document).read_text("utf-8")
    steps = text[text.index("  [[step]]") :]
    lines = list(takewhile(lambda line: line.startswith("  ") or not line, steps.splitlines()))
    given = [line.strip() for line in lines]
    everything = {
        name: action
        for driver in driver_catalogue.simulator_names()
        for name, action in actions_of(driver_catalogue.simulator(driver)).items()
    }
    toml = "\n".join(line for line in given if not line.startswith('{"'))
    cues = load_script(written(tmp_path, "a.toml", toml), everything)
    assert len(cues) == 2
    for line in given:
        if line.startswith('{"'):
            (cue,) = load_script(written(tmp_path, "a.jsonl", line), everything)
            assert cue.play.name == "paper_out"
