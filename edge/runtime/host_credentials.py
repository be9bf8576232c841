"""What a machine needs to become a device host of a shop: one file that a person carries there.

Made on the box (`tillbox broker add-host`), taken on the other machine (`tillbox devices join`).
Whoever has it is that host until it is given new credentials.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from edge.contract.identity import ShortId
from edge.runtime.private_file import replace_private_file
from edge.runtime.settings_file import load

_PEM_CHARS_MAX: Final = 16_384
"""A certificate of an authority has about 700 characters."""


class HostCredentials(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of such a file.

    `broker` is a name or address that the broker's certificate has; `authority` the certificate
    (PEM) that it is signed by; `password` that of the user `host`.
    """

    store: ShortId
    host: ShortId
    broker: Annotated[str, Meta(min_length=1, max_length=253)]
    port: Annotated[int, Meta(ge=1, le=65_535)]
    protocol: Literal["5", "3.1.1"]
    password: Annotated[str, Meta(min_length=20, max_length=200)]
    authority: Annotated[str, Meta(min_length=1, max_length=_PEM_CHARS_MAX)]

    def write(self, path: Path) -> None:
        """Write the file, 0600. Raises SettingsInvalid."""
        text = (
            f"# Tillbox: the credentials of the device host {self.host}. Whoever has this file\n"
            "# is that host: carry it there, join, and delete it.\n"
        )
        replace_private_file(path, (text + as_toml(msgspec.to_builtins(self))).encode())


def read_credentials(path: Path) -> HostCredentials:
    """Read such a file; a stick may have no modes, so none is asked for. Raises SettingsInvalid."""
    return load(path, HostCredentials)


def as_toml(values: dict[str, str | int]) -> str:
    """Return plain values as lines of TOML: JSON's texts and numbers are TOML's."""
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items())
