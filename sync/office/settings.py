"""The settings of `tillbox office`, as they stand in its TOML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from edge.contract.limits import (
    POSTGRES_PARTITIONS_MAX,
)
from edge.contract.reference_data import Name

Port = Annotated[int, Meta(ge=0, le=65_535)]


class WebSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where boxes and browsers reach head office.

    `hosts` are further names under which it may be called. Every address but loopback needs
    `certificate_file` and `key_file`.
    """

    address: str = "127.0.0.1"
    port: Port = 8090
    hosts: tuple[str, ...] = ()
    certificate_file: Path | None = None
    key_file: Path | None = None


class MailSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How receipts by e-mail leave: through the mail server `host`, or as files into `folder`.

    `security` is `starttls` (usually port 587), `tls` (465), or `none`, which only a mail server
    on this machine may have. The server's certificate is checked against the authorities of the
    system, or `ca_file`. `sender` is the address that receipts come from, `sender_name` its name
    instead of the store's.
    """

    sender: str
    sender_name: str = ""
    host: str = ""
    port: Port = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str = ""
    password_file: Path | None = None
    ca_file: Path | None = None
    folder: Path | None = None


class PostgresSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the frames are with `store = "postgres"`.

    `dsn_file` is a private file with one line, `postgresql://user:password@host:port/database`.
    Over a network `ca_file` is needed: the authority that vouches for the server. `partitions`
    is how many a new database gets (8); later it may be left out, or says what is there.
    """

    dsn_file: Path
    ca_file: Path | None = None
    partitions: Annotated[int, Meta(ge=1, le=POSTGRES_PARTITIONS_MAX)] | None = None


class ArchiveSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where closed pieces of the archive go; in `data_dir`/archive by default.

    A piece is closed `close_after_s` after its first frame came. What is archived is settled:
    boxes may forget it after their retention, so the folder belongs on a disk that is backed up.
    """

    folder: Path | None = None
    close_after_s: Annotated[int, Meta(ge=1, le=31_536_000)] = 86_400


class OfficeSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything `tillbox office` is told. Relative paths are relative to the file's folder.

    `pepper_file` is the retailer's, shared with its boxes; `signing_key_file` signs what
    head office acknowledges. The retailer's authority lies in `data_dir` unless
    `ca_certificate_file` and `ca_key_file` say otherwise: its key belongs on a machine that
    serves nobody. Without `mail`, receipts by e-mail are kept waiting. `store` says where frames
    are kept: in `office.db`, or in PostgreSQL (then `postgres` says which); `sales` likewise
    where the sales are kept that follow from them: in PostgreSQL, beside the frames, only where
    these are there too. All else that head office knows is in `office.db`.
    """

    data_dir: Path
    pepper_file: Path
    signing_key_file: Path
    retailer: Name = "Tillbox"
    ca_certificate_file: Path | None = None
    ca_key_file: Path | None = None
    web: WebSettings = WebSettings()
    mail: MailSettings | None = None
    store: Literal["sqlite", "postgres"] = "sqlite"
    sales: Literal["sqlite", "postgres"] = "sqlite"
    postgres: PostgresSettings | None = None
    archive: ArchiveSettings = ArchiveSettings()

    @property
    def database_file(self) -> Path:
        """Where `office.db` lies."""
        return self.data_dir / "office.db"

    @property
    def archive_folder(self) -> Path:
        """Where the pieces of the archive lie."""
        return self.archive.folder or self.data_dir / "archive"

    @property
    def authority_files(self) -> tuple[Path, Path]:
        """Certificate and key of the retailer's authority."""
        return (
            self.ca_certificate_file or self.data_dir / "retailer-ca.pem",
            self.ca_key_file or self.data_dir / "retailer-ca.key",
        )
