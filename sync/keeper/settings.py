"""The settings of `tillbox keep`, as they stand in its TOML file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from edge.contract.errors import SettingsInvalid

Port = Annotated[int, Meta(ge=0, le=65_535)]


class WebSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the box reaches the second copy.

    `hosts` are further names under which it may be called. Every address but loopback needs
    `certificate_file` and `key_file`.
    """

    address: str = "127.0.0.1"
    port: Port = 8095
    hosts: tuple[str, ...] = ()
    certificate_file: Path | None = None
    key_file: Path | None = None


class KeeperSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything `tillbox keep` is told. Relative paths are relative to the file's folder.

    `signing_key_file` is its own, made by `tillbox keep init`. With `mounted_at`, a disk has to be
    mounted there: else the copy would be written to the very disk that it is a copy of.

    `office_key` is head office's public key, as the box's settings have it: with it, a box whose
    history head office mended is followed without a person.
    """

    data_dir: Path
    signing_key_file: Path
    mounted_at: Path | None = None
    web: WebSettings = WebSettings()
    office_key: Annotated[str, Meta(pattern=r"^([0-9a-f]{64})?$(?!\n)")] = ""

    @property
    def database_file(self) -> Path:
        """Where `keep.db` lies."""
        return self.data_dir / "keep.db"

    def check_mounted(self) -> None:
        """Return when the disk is there. Raises SettingsInvalid."""
        place = self.mounted_at
        if place is None:
            return
        if not self.data_dir.absolute().is_relative_to(place.absolute()):
            raise SettingsInvalid(
                "data_dir_elsewhere",
                f"data_dir is {self.data_dir}, which is not below mounted_at, {place}.",
                advice="Put data_dir on the disk that mounted_at names.",
            )
        if not os.path.ismount(place):
            raise SettingsInvalid(
                "disk_not_mounted",
                f"No disk is mounted at {place}.",
                advice="Plug the disk in and mount it; nothing is written before.",
            )
