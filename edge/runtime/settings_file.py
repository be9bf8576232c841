"""Settings from TOML, whole and typed, or words that say what to correct.

Every refusal names the file, the key as a person would look for it (`web.port`,
`devices[2].driver`), what stands there and what is allowed.
"""

from __future__ import annotations

import difflib
import ipaddress
import re
import tomllib
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Final, TypeVar, Union, get_args, get_origin

import msgspec

from edge.contract.errors import SettingsInvalid
from edge.contract.limits import (
    SETTINGS_BYTES_MAX,
)

T = TypeVar("T", bound=msgspec.Struct)

_VALUE_CHARS_MAX: Final = 60
_SECRET: Final = re.compile(r"password|passphrase|pepper|pin$|secret|token")
_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")
_PLAIN_WORDS: Final = {"object": "a table", "Path": "the path of a file or folder"}
_WHERE: Final = re.compile(r" - at `[^`]*`$")


def load(path: Path, shape: type[T]) -> T:
    """Return the settings in a TOML file as `shape`, a Struct.

    Values of type Path are relative to the file's folder. Nothing is converted silently:
    "8080" is no number, and a key that nobody reads is refused, with its nearest name.
    Raises SettingsInvalid.
    """
    plain = _parsed(path, _read(path))
    _refuse_unknown(path, plain, shape, "")

    def resolve(wanted: type, value: Any) -> Any:
        if wanted is Path and isinstance(value, str) and value:
            return path.parent / value
        raise ValueError("Expected the path of a file or folder as text")

    try:
        return msgspec.convert(plain, shape, dec_hook=resolve)
    except msgspec.ValidationError as error:
        raise _Finder(path, resolve).refusal(plain, shape, "", error) from None


def is_loopback(address: str) -> bool:
    """Say whether an address is certain to stay on this machine.

    `localhost`, `127.0.0.0/8` and `::1` are. Other spellings (`127.1`, `0x7f.1`,
    `::ffff:127.0.0.1`) and names are not: who resolves them decides where they lead.
    """
    bare = address.removeprefix("[").removesuffix("]")
    if bare == "localhost":
        return True
    try:
        found = ipaddress.ip_address(bare)
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        return found == ipaddress.IPv6Address("::1")
    return found.is_loopback


def require_tls(address: str, tls_given: bool, what: str) -> None:  # noqa: FBT001 - brief's signature
    """Refuse cleartext to any address but loopback. `what`: "The broker", "head office".

    Raises SettingsInvalid.
    """
    if tls_given or is_loopback(address):
        return
    raise SettingsInvalid(
        "cleartext_refused",
        f"{what} is at {address or 'every address'!r}, which is not this machine alone, "
        "without TLS.",
        advice="Give certificates (TLS), or use 127.0.0.1, ::1 or localhost.",
    )


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(SETTINGS_BYTES_MAX + 1)
    except OSError as error:
        raise SettingsInvalid(
            "settings_unreadable",
            f"The settings file {path} cannot be read: {error.strerror}.",
            advice="Check the name, and that this user may read it.",
        ) from None
    if len(content) > SETTINGS_BYTES_MAX:
        raise SettingsInvalid(
            "settings_too_large",
            f"{path} is over {SETTINGS_BYTES_MAX} bytes: it is no settings file.",
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise SettingsInvalid(
            "settings_not_utf8",
            f"{path}, line {line}: the byte 0x{content[error.start]:02x} is not UTF-8.",
            advice="Save the file as UTF-8.",
        ) from None


def _parsed(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsInvalid(
            "settings_not_toml",
            f"{path} is not TOML: {error}.",
            advice="Correct that line.",
        ) from None
    except RecursionError:
        raise SettingsInvalid(
            "settings_not_toml", f"{path} is not TOML: it is nested too deep."
        ) from None


def _refuse_unknown(path: Path, value: Any, shape: Any, key: str) -> None:
    """Walk values and shape together; refuse the first key that the shape does not have."""
    for part, inner, inner_key in _parts(value, shape, key):
        _refuse_unknown(path, part, inner, inner_key)
    struct = _struct_of(shape)
    if struct is None or not isinstance(value, dict):
        return
    known = {field.encode_name for field in msgspec.structs.fields(struct)}
    for name in value:
        if name not in known:
            raise SettingsInvalid(
                "settings_unknown_key",
                f"{path}: there is no setting {_joined(key, name)!r}.",
                advice=_nearest(name, known, key),
            )


def _nearest(name: str, known: set[str], key: str) -> str:
    near = difflib.get_close_matches(name.lower(), sorted(known), n=1, cutoff=0.6)
    if near:
        return f"Did you mean {_joined(key, near[0])!r}?"
    return f"There are: {', '.join(sorted(known))}."


class _Finder:
    """Finds the innermost value that does not fit: msgspec names no index and no value."""

    def __init__(self, path: Path, resolve: Any) -> None:
        self._path = path
        self._resolve = resolve

    def refusal(
        self, value: Any, shape: Any, key: str, error: msgspec.ValidationError
    ) -> SettingsInvalid:
        """Return the words for `value`, which `error` says does not fit `shape`."""
        for part, inner, inner_key in _parts(value, shape, key):
            try:
                msgspec.convert(part, inner, dec_hook=self._resolve)
            except msgspec.ValidationError as inner_error:
                return self.refusal(part, inner, inner_key, inner_error)
        struct = _struct_of(shape)
        if struct is not None and isinstance(value, dict):
            for field in msgspec.structs.fields(struct):
                if field.required and field.encode_name not in value:
                    return SettingsInvalid(
                        "settings_missing_key",
                        f"{self._path}: the setting {_joined(key, field.encode_name)!r} "
                        "is missing.",
                        advice=f"Add it: {_allowed(field.type)}.",
                    )
        return SettingsInvalid(
            "settings_wrong_value",
            f"{self._path}: {key or 'the file'} = {_shown(key, value)} does not fit.",
            advice=_WHERE.sub("", str(error)).replace("`", "") + ".",
        )


def _parts(value: Any, shape: Any, key: str) -> list[tuple[Any, Any, str]]:
    """Return what a value is made of: (value, shape, key) of each field or item."""
    shape = _plain(shape)
    if isinstance(value, dict):
        struct = _struct_of(shape)
        if struct is not None:
            return [
                (value[field.encode_name], field.type, _joined(key, field.encode_name))
                for field in msgspec.structs.fields(struct)
                if field.encode_name in value
            ]
        inner = get_args(shape)
        if get_origin(shape) is dict and len(inner) == 2:  # noqa: PLR2004 - key and value
            return [(item, inner[1], _joined(key, name)) for name, item in value.items()]
    inner = get_args(shape)
    of_one_kind = get_origin(shape) in {list, set, frozenset} or inner[1:] == (Ellipsis,)
    if isinstance(value, list) and of_one_kind:
        return [(item, inner[0], f"{key}[{number}]") for number, item in enumerate(value)]
    return []


def _plain(shape: Any) -> Any:
    """Take `Annotated` and `| None` away; what stands in a file is never None."""
    if get_origin(shape) is Annotated:
        return _plain(get_args(shape)[0])
    if get_origin(shape) in {Union, UnionType}:
        others = [other for other in get_args(shape) if other is not type(None)]
        if len(others) == 1:
            return _plain(others[0])
    return shape


def _struct_of(shape: Any) -> type[msgspec.Struct] | None:
    shape = _plain(shape)
    if isinstance(shape, type) and issubclass(shape, msgspec.Struct):
        return shape
    return None


def _allowed(shape: Any) -> str:
    """Say what a missing setting takes, from msgspec's own words about a value that is none."""
    try:
        msgspec.convert(_Nothing(), _plain(shape))
    except msgspec.ValidationError as error:
        words = str(error).removeprefix("Expected ").partition(", got")[0].replace("`", "")
        return _PLAIN_WORDS.get(words, words)
    return "any value"


class _Nothing:
    """A value that fits no setting."""


def _joined(key: str, name: str) -> str:
    shown = name if _BARE_KEY.fullmatch(name) else repr(name)
    return f"{key}.{shown}" if key else shown


def _shown(key: str, value: Any) -> str:
    if _SECRET.search(key.rpartition(".")[2]):
        return "(hidden)"
    words = repr(value)
    return words if len(words) <= _VALUE_CHARS_MAX else words[:_VALUE_CHARS_MAX] + "…"
