"""Where PostgreSQL is and who we are there: one line of a private file, and nothing else.

Neither the environment (`PGPASSWORD`, `PGSSLMODE`, ...) nor a `.pgpass` has a say, and what
goes over a network goes over TLS to a server that the given authority vouches for.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

from edge.contract.errors import SettingsInvalid
from edge.contract.limits import POSTGRES_COMMAND_S_MAX
from edge.runtime.private_file import read_private_file
from edge.runtime.settings_file import require_tls
from edge.runtime.tls_contexts import client_context

_PORT: Final = 5432
_EXAMPLE: Final = "postgresql://tillbox:PASSWORD@db.example:5432/tillbox"


@dataclass(frozen=True)
class PostgresAddress:
    """A database and a login. `host` is a name, an address, or the folder of a Unix socket.

    `answer_s` is how long the server may take over one statement.
    """

    host: str
    port: int
    database: str
    user: str
    password: str = field(repr=False)
    tls: ssl.SSLContext | None = field(default=None, repr=False)
    answer_s: float = POSTGRES_COMMAND_S_MAX

    @property
    def words(self) -> str:
        """The address as a person may read it: no password."""
        return f"PostgreSQL at {self.host}:{self.port}, database {self.database}"


def read_address(dsn_file: Path, ca_file: Path | None) -> PostgresAddress:
    """Read `postgresql://user:password@host:port/database`. `?host=/folder` is a Unix socket.

    Raises SettingsInvalid: not readable, not private, no such line, or cleartext over a
    network. What the line says is in none of its words.
    """
    try:
        parts = urlsplit(read_private_file(dsn_file).decode().strip())
        query = parse_qs(parts.query, strict_parsing=bool(parts.query))
        host = unquote(parts.hostname or "") or query.pop("host", [""])[0]
        address = PostgresAddress(
            host,
            parts.port or _PORT,
            unquote(parts.path.removeprefix("/")),
            unquote(parts.username or ""),
            unquote(parts.password or ""),
            client_context(ca_file) if ca_file is not None else None,
        )
    except ValueError:
        raise _malformed(dsn_file) from None
    if parts.scheme not in {"postgresql", "postgres"} or query or parts.fragment:
        raise _malformed(dsn_file)
    if not (address.host and address.database and address.user):
        raise _malformed(dsn_file)
    if not address.host.startswith("/"):
        require_tls(address.host, address.tls is not None, "PostgreSQL")
    return address


def _malformed(dsn_file: Path) -> SettingsInvalid:
    return SettingsInvalid(
        "dsn_malformed",
        f"{dsn_file} does not hold one line that says where PostgreSQL is.",
        advice=f"Write it like {_EXAMPLE} (signs like @ or / in a password as %40, %2F); TLS is "
        "the setting postgres.ca_file, other parameters are not taken.",
    )
