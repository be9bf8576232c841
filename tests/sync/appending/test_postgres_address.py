"""The one line that says where PostgreSQL is: what it may say, and that nobody repeats it."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.contract.errors import SettingsInvalid
from edge.runtime.private_file import create_private_file
from sync.appending.postgres_address import PostgresAddress, read_address


@pytest.mark.parametrize(
    "line",
    [
        "",
        "host=db user=tillbox password=very-secret",
        "mysql://tillbox:very-secret@127.0.0.1/office",
        "postgresql://tillbox:very-secret@127.0.0.1",
        "postgresql://127.0.0.1/office",
        "postgresql://tillbox:very-secret@127.0.0.1:port/office",
        "postgresql://tillbox:very-secret@127.0.0.1/office?sslmode=disable",
        "postgresql://tillbox:very-secret@127.0.0.1/office#very-secret",
        "postgresql://tillbox:very-secret@[127.0.0.1/office",
        "postgresql:///office?host=/run/postgresql&user=tillbox",
    ],
)
def test_a_line_that_names_no_database_is_refused_without_repeating_it(
    tmp_path: Path, line: str
) -> None:
    file = tmp_path / "postgres.dsn"
    create_private_file(file, line.encode())
    with pytest.raises(SettingsInvalid) as refused:
        read_address(file, None)
    assert refused.value.code == "dsn_malformed"
    assert "very-secret" not in f"{refused.value} {refused.value.__context__}"


@pytest.mark.parametrize(
    ("line", "address"),
    [
        (
            "postgresql://tillbox:a%40b%2Fc@127.0.0.1:5433/office\n",
            PostgresAddress("127.0.0.1", 5433, "office", "tillbox", "a@b/c"),
        ),
        (
            "postgres://tillbox@localhost/office",
            PostgresAddress("localhost", 5432, "office", "tillbox", ""),
        ),
        (
            "postgresql://tillbox@/office?host=/run/postgresql",
            PostgresAddress("/run/postgresql", 5432, "office", "tillbox", ""),
        ),
        (
            "postgresql://tillbox:x@[::1]/office",
            PostgresAddress("::1", 5432, "office", "tillbox", "x"),
        ),
    ],
)
def test_a_line_says_where_the_database_is(
    tmp_path: Path, line: str, address: PostgresAddress
) -> None:
    file = tmp_path / "postgres.dsn"
    create_private_file(file, line.encode())
    assert read_address(file, None) == address
    assert "a@b" not in repr(address)


def test_a_server_on_a_network_is_reached_over_tls_alone(tmp_path: Path) -> None:
    file = tmp_path / "postgres.dsn"
    create_private_file(file, b"postgresql://tillbox:x@db.example/office")
    with pytest.raises(SettingsInvalid) as refused:
        read_address(file, None)
    assert refused.value.code == "cleartext_refused"


def test_a_password_that_others_may_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "postgres.dsn"
    file.write_text("postgresql://tillbox:x@127.0.0.1/office")
    file.chmod(0o644)
    with pytest.raises(SettingsInvalid) as refused:
        read_address(file, None)
    assert refused.value.code == "file_not_private"
