"""Settings from TOML, checked against a struct; what is wrong is said exactly."""

from __future__ import annotations

import difflib
import re
import tomllib
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from edge.contract.errors import SettingsInvalid

T = TypeVar("T")
_UNKNOWN: Final = re.compile(r"unknown field `(?P<field>[^`]*)`")


def load(path: Path, shape: type[T]) -> T:
    """Read a settings file into a struct. Relative paths in it are relative to its folder.

    Raises SettingsInvalid naming file, key, value and what is allowed.
    """
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise SettingsInvalid(
            "settings_unreadable",
            f"The settings file {path} cannot be read: {error.strerror}.",
            advice="Check the path and the file's permissions.",
        ) from None
    except UnicodeDecodeError as error:
        raise SettingsInvalid(
            "settings_not_utf8",
            f"The settings file {path} is not UTF-8 at byte {error.start}.",
            advice="Save it as UTF-8.",
        ) from None
    try:
        plain = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsInvalid(
            "settings_not_toml", f"The settings file {path} is not TOML: {error}."
        ) from None
    folder = path.resolve().parent

    def from_text(kind: type[Any], value: Any) -> Any:
        if kind is Path or issubclass(kind, Path):
            return folder / str(value)
        raise NotImplementedError(kind)

    try:
        return msgspec.convert(plain, shape, dec_hook=from_text)
    except msgspec.ValidationError as error:
        raise SettingsInvalid(
            "settings_value_wrong", f"In {path}: {error}.{_suggestion(str(error), shape)}"
        ) from None


def _suggestion(words: str, shape: type[Any]) -> str:
    match = _UNKNOWN.search(words)
    if match is None:
        return ""
    near = difflib.get_close_matches(match["field"], _names(shape), n=1)
    return f" Did you mean {near[0]!r}?" if near else ""


def _names(shape: Any) -> list[str]:
    names: list[str] = []
    for field in msgspec.structs.fields(shape):
        names.append(field.encode_name)
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            names += _names(field.type)
    return names
