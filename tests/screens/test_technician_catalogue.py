"""The device wall's own words in six languages, and its types and parts in step with the rest."""

from __future__ import annotations

import json
import re
from typing import Any, Final

import msgspec
import pytest

from edge.contract import (
    device_adoption,
    device_states,
    session_views,
    technician_views,
    terminal_day_events,
)
from tests.screens.conftest import SCREENS
from tests.screens.test_catalogues import _FORMS, LANGUAGES

WALL: Final = SCREENS / "technician"
MIRRORED: Final = (technician_views, device_states, session_views, terminal_day_events)
PARTS: Final = ("disk_", "clock_", "temperature_", "hosts_", "bus_", "link_", "ledger_",
                "reference_", "cards_", "feeds_", "terminal_days_", "tse_", "line_",
                "history_", "replaced_", "twin_")  # fmt: skip
"""Families of words; `test_wall_words` holds that they have no more than what can be said."""
_WORD: Final = re.compile(r"^  (\w+): (.+),$", re.MULTILINE)


def catalogue(language: str) -> dict[str, str]:
    return dict(_WORD.findall((WALL / "words" / f"{language}.js").read_text("utf-8")))


def code() -> str:
    return "".join(path.read_text("utf-8") for path in WALL.glob("*.js"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_every_word_with_the_same_blanks(language: str) -> None:
    english, own = catalogue("en"), catalogue(language)
    assert len(english) > 120
    assert list(own) == list(english)
    for word, phrase in own.items():
        assert set(re.findall(r"\{(\w+)\}", phrase)) >= set(
            re.findall(r"\{(\w+)\}", english[word])
        ) - {"n"}, word
        if phrase.startswith("{"):
            assert set(re.findall(r"(\w+): \"", phrase)) == _FORMS[language], word
            assert english[word].startswith("{"), word


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_other_languages_are_not_english(language: str) -> None:
    english, own = catalogue("en"), catalogue(language)
    same = {word for word in own if own[word] == english[word] and len(own[word]) > 12}
    assert same <= {"of_till"}, same


def test_english_words_say_what_to_do_and_never_blame() -> None:
    for word, phrase in catalogue("en").items():
        blaming = re.search(r"\b(error|failed|oops|please|invalid)\b|!", phrase, re.IGNORECASE)
        assert blaming is None, word


def test_every_word_is_used() -> None:
    said = code()
    families = ("refusal_", "role_", "kind_", "paper_", "cover_", "drawer_", "weight_",
                "attached_", "theme_", "show_", "test_", "settle_", "job_", "log_", "answer_",
                "part_", "day_", *PARTS)  # fmt: skip
    unused = [
        word
        for word in catalogue("en")
        if f'"{word}"' not in said and not word.startswith(families)
    ]
    assert unused == []


def test_every_role_class_and_test_has_words() -> None:
    english = catalogue("en")
    kinds = {role.value for role in device_adoption.DeviceRole}
    kinds |= {each.value for each in device_states.DeviceClass}
    assert {f"kind_{kind}" for kind in kinds} <= set(english)
    assert {f"test_{test.value}" for test in technician_views.DeviceTest} <= set(english)
    weights = set(device_states.WeightState) - {"stable", "unstable"}
    assert {f"weight_{state.value}" for state in weights} <= set(english)


def test_no_page_text_stands_outside_the_catalogue() -> None:
    for path in WALL.glob("*.js"):
        for template in re.findall(r"html`([^`]*)`", path.read_text("utf-8")):
            assert re.findall(r">\s*([A-Za-z]{4,}[A-Za-z ]*)\s*<", template) == [], path.name


def test_javascript_types_mirror_the_contract() -> None:
    text = (WALL / "protocol.d.ts").read_text("utf-8")
    mirrored = dict(re.findall(r"export interface (\w+) \{(.*?)\n\}", text, re.DOTALL))
    assert len(mirrored) > 8
    for name, body in mirrored.items():
        struct: Any = next(getattr(each, name) for each in MIRRORED if hasattr(each, name))
        wanted = [field.encode_name for field in msgspec.structs.fields(struct)]
        assert re.findall(r"^  (\w+)\??: ", body, re.MULTILINE) == wanted, name


def test_the_page_preloads_just_what_it_reaches() -> None:
    page = (WALL / "index.html").read_text("utf-8")
    (given,) = re.findall(r"<script type=\"importmap\">(.*?)</script>", page, re.DOTALL)
    wanted = {
        *json.loads(given)["imports"].values(),
        *re.findall(r'(?:href|src)="(/[^"]+)"', page),
    }
    assert [name for name in wanted if not (SCREENS / name.removeprefix("/")).is_file()] == []
    reached, todo = {"/technician/main.js"}, ["/technician/main.js"]
    while todo:
        path = SCREENS / todo.pop().removeprefix("/")
        for name in re.findall(
            r"^import (?:.*? from )?\"(\.[^\"]+)\";$", path.read_text("utf-8"), re.MULTILINE
        ):
            found = f"/{(path.parent / name).resolve().relative_to(SCREENS.resolve())}"
            if found not in reached:
                reached.add(found)
                todo.append(found)
    given_scripts = {
        name for name in wanted if name.endswith(".js") and name != "/kit/first_paint.js"
    }
    assert given_scripts == reached, given_scripts ^ reached
    assert {name for name in reached if name.startswith("/till/")} == {"/till/box_api.js"}


def test_nothing_inline_that_the_policy_forbids() -> None:
    assert "<style" not in (WALL / "index.html").read_text("utf-8")
    for path in (*WALL.glob("*.js"), *WALL.glob("*.html")):
        assert not re.search(r"\sstyle=|\son[a-z]+=\"", path.read_text("utf-8")), path.name
