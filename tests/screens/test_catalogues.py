"""Six languages, complete; the page's types and parts in step with what they mirror."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge.contract import (
    article_views,
    customer_views,
    display_view,
    refusal_body,
    session_views,
    sold_sale_views,
    till_commands,
    till_protocol,
)
from edge.contract.device_messages import WeighArgs
from tests.screens.conftest import SCREENS

MIRRORED = (
    till_protocol,
    article_views,
    customer_views,
    display_view,
    refusal_body,
    session_views,
    sold_sale_views,
)
PAGES = ("till", "display")
LANGUAGES = ("en", "pl", "zh", "ar", "ko", "pt")
_WORD = re.compile(r"^  (\w+): (.+),$", re.MULTILINE)
_FORMS = {"en": {"one", "other"}, "pt": {"one", "other"}, "zh": {"other"}, "ko": {"other"}}
_FORMS |= {"pl": {"one", "few", "many", "other"}}
_FORMS |= {"ar": {"zero", "one", "two", "few", "many", "other"}}


def catalogue(language: str) -> dict[str, str]:
    text = (SCREENS / "words" / f"{language}.js").read_text("utf-8")
    return dict(_WORD.findall(text))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_every_word_with_the_same_blanks(language: str) -> None:
    english, own = catalogue("en"), catalogue(language)
    assert len(english) > 200
    assert own.keys() == english.keys()
    for word, phrase in own.items():
        blanks = set(re.findall(r"\{(\w+)\}", english[word]))
        assert set(re.findall(r"\{(\w+)\}", phrase)) == blanks, word
        if phrase.startswith("{"):
            forms = set(re.findall(r"(\w+): \"", phrase))
            assert forms == _FORMS[language], word


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_other_languages_are_not_english(language: str) -> None:
    english, own = catalogue("en"), catalogue(language)
    same = {word for word in own if own[word] == english[word] and len(own[word]) > 12}
    assert same <= {"weighed"}, same


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_reason_of_a_scale_has_words_that_say_what_to_do(language: str) -> None:
    named = set(re.findall(r"`(scale_\w+)`", WeighArgs.__doc__ or ""))
    assert {"scale_unstable", "scale_faulty", "scale_wants_certified_till"} <= named
    own = catalogue(language)
    words = [own.get(f"refusal_{code}", "") for code in sorted(named)]
    assert all(words), named
    assert len(set(words)) == len(words)


def test_english_words_say_what_to_do_and_never_blame() -> None:
    for word, phrase in catalogue("en").items():
        blaming = re.search(r"\b(error|failed|oops|please|invalid)\b|!", phrase, re.IGNORECASE)
        assert blaming is None, word


def test_every_word_is_used() -> None:
    code = "".join(
        p.read_text("utf-8") for d in (*PAGES, "kit") for p in (SCREENS / d).glob("*.js")
    )
    families = ("refusal_", "role_", "device_", "receipt_")
    unused = {
        word
        for word in catalogue("en")
        if f'"{word}"' not in code and not word.startswith(families)
    }
    assert unused == set()


def test_no_page_text_stands_outside_the_catalogue() -> None:
    for path in (path for page in PAGES for path in (SCREENS / page).glob("*.js")):
        for template in re.findall(r"html`([^`]*)`", path.read_text("utf-8")):
            between = re.sub(r"\$\{[^{}]*\}|<[^>]*>", " ", template)
            words = re.findall(r">\s*([A-Za-z]{4,}[A-Za-z ]*)\s*<", template)
            assert words in ([], ["Enter"]) or not between, (path.name, words)


@pytest.mark.parametrize(("page", "least"), [("till", 10), ("display", 4)])
def test_javascript_types_mirror_the_contract(page: str, least: int) -> None:
    text = (SCREENS / page / "protocol.d.ts").read_text("utf-8")
    mirrored = dict(re.findall(r"export interface (\w+) \{(.*?)\n\}", text, re.DOTALL))
    assert len(mirrored) > least
    for name, body in mirrored.items():
        struct: Any = next(getattr(each, name) for each in MIRRORED if hasattr(each, name))
        wanted = [field.encode_name for field in msgspec.structs.fields(struct)]
        assert re.findall(r"^  (\w+)\??: ", body, re.MULTILINE) == wanted, name


def test_every_command_has_a_type_in_javascript() -> None:
    text = (SCREENS / "till" / "protocol.d.ts").read_text("utf-8")
    union = text[text.index("export type Command") :]
    tags = {
        msgspec.inspect.type_info(each).tag  # type: ignore[union-attr] # structs have tags
        for each in till_commands.AnyTillCommand.__args__
    }
    assert set(re.findall(r'type: "(\w+)"', union)) == tags


def test_the_page_imports_what_is_shipped() -> None:
    page = (SCREENS / "till" / "index.html").read_text("utf-8")
    imports = json.loads(
        re.findall(r"<script type=\"importmap\">(.*?)</script>", page, re.DOTALL)[0]
    )
    wanted = {*imports["imports"].values(), *re.findall(r'(?:href|src)="(/[^"]+)"', page)}
    missing = [name for name in wanted if not (SCREENS / name.removeprefix("/")).is_file()]
    assert missing == []
    modules = {
        f"/{p.relative_to(SCREENS)}" for d in ("till", "kit") for p in (SCREENS / d).glob("*.js")
    }
    assert modules <= wanted, "a module that is not preloaded costs a round trip"


def test_the_display_imports_what_is_shipped_and_nothing_of_the_till() -> None:
    page = (SCREENS / "display" / "index.html").read_text("utf-8")
    (given,) = re.findall(r"<script type=\"importmap\">(.*?)</script>", page, re.DOTALL)
    imports = json.loads(given)["imports"]
    wanted = {*imports.values(), *re.findall(r'(?:href|src)="(/[^"]+)"', page)}
    assert [name for name in wanted if not (SCREENS / name.removeprefix("/")).is_file()] == []
    reached = {"/display/main.js"}
    todo = [*reached]
    while todo:
        path = SCREENS / todo.pop().removeprefix("/")
        for name in re.findall(
            r"^import .*?\"(\.[^\"]+)\";$", path.read_text("utf-8"), re.MULTILINE
        ):
            found = f"/{(path.parent / name).resolve().relative_to(SCREENS.resolve())}"
            if found not in reached:
                reached.add(found)
                todo.append(found)
    assert reached - wanted == set(), "a module that is not preloaded costs a round trip"
    preloaded = {name for name in wanted if name.endswith(".js")} - {"/kit/first_paint.js"}
    assert preloaded == reached
    assert not any(name.startswith("/till/") for name in wanted)


def test_nothing_inline_that_the_policy_forbids() -> None:
    for name in PAGES:
        assert "<style" not in (SCREENS / name / "index.html").read_text("utf-8")
    for path in [*SCREENS.glob("till/*"), *SCREENS.glob("display/*"), *SCREENS.glob("kit/*")]:
        assert not re.search(r"\sstyle=|\son[a-z]+=\"", path.read_text("utf-8")), path.name


@pytest.mark.screens
def test_types_are_sound(node_modules: Path) -> None:
    tsc = node_modules / ".bin" / "tsc"
    if node_modules.parent != SCREENS:
        pytest.skip(
            "the types of the libraries are looked for beside the screens: run npm ci there"
        )
    done = subprocess.run(
        [tsc, "--noEmit"], cwd=SCREENS, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
