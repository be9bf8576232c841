"""A real PostgreSQL for tests: own data, on loopback, on a free port, stopped by its pid."""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg

from sync.appending.postgres_address import PostgresAddress
from tests.brokers import find_free_port

START_S = 30.0
ADMIN, OWNER = "admin", "tillbox"
PASSWORD = "tills and boxes"
_MEMORY_BYTES_MIN = 1 << 30
_NOT_ROOT = ("postgres", "nobody")


def postgres_folder() -> Path | None:
    """Where `initdb` and `postgres` are: the newest; None where there are none."""
    # Debian keeps them apart from PATH, by version
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=_version)
    if found:
        return found[-1].parent
    program = shutil.which("postgres")
    return Path(program).parent if program else None


def _version(program: Path) -> int:
    name = program.parents[1].name
    return int(name) if name.isdigit() else 0


def _as_whom() -> tuple[list[str], int | None]:
    """Words before a command, and the owner of its files: PostgreSQL refuses to run as root."""
    if os.getuid() != 0:
        return [], None
    for name in _NOT_ROOT:
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            words = ["setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}"]
            return [*words, "--clear-groups"], entry.pw_uid
    raise RuntimeError(f"root, and none of the users {_NOT_ROOT}")


def _new_folder() -> Path:
    """In memory where that can be had: every commit is synced, and a test's need no disk."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder of our own in it
    roomy = os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > _MEMORY_BYTES_MIN
    place = memory if roomy else None
    return Path(tempfile.mkdtemp(prefix="tillbox-pg-", dir=place))


@dataclass
class PostgresServer:
    """One cluster. `settings` are those of postgresql.conf, given on its command line."""

    programs: Path
    settings: dict[str, str] = field(default_factory=dict)
    folder: Path = field(default_factory=_new_folder)
    port: int = field(default_factory=find_free_port)
    process: subprocess.Popen[bytes] | None = None

    def make(self) -> None:
        """Run initdb: passwords over TCP, everybody over the socket."""
        words, owner = _as_whom()
        password_file = self.folder / "password"
        password_file.write_text(PASSWORD)
        if owner is not None:
            os.chown(self.folder, owner, -1)
            os.chown(password_file, owner, -1)
        subprocess.run(
            [
                *words,
                str(self.programs / "initdb"),
                *("-D", str(self.data), "-U", ADMIN, f"--pwfile={password_file}", "--no-sync"),
                *("--auth-local=trust", "--auth-host=scram-sha-256", "-E", "UTF8", "--locale=C"),
            ],
            check=True,
            capture_output=True,
            cwd="/",
        )

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def start(self) -> None:
        """Start, or start again, and wait until it takes connections."""
        until = time.monotonic() + START_S
        while True:
            self._launch()
            if self._answers(until):
                return
            # a killed server's children may hold its memory for a moment
            if time.monotonic() > until or "still in use" not in self.log[-2_000:]:
                raise RuntimeError(self.log[-4_000:])
            time.sleep(0.1)

    def _launch(self) -> None:
        words, _ = _as_whom()
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": str(self.folder),
            "shared_buffers": "16MB",
            "max_connections": "60",
            "dynamic_shared_memory_type": "mmap",  # in the folder: a killed server leaves nothing
            **self.settings,
        }
        given = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*words, str(self.programs / "postgres"), "-D", str(self.data), *given],
                stdout=log,
                stderr=log,
                cwd="/",
                start_new_session=True,
            )

    def _answers(self, until: float) -> bool:
        assert self.process is not None
        ready = [str(self.programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        while self.process.poll() is None and time.monotonic() < until:
            if subprocess.run(ready, check=False).returncode == 0:
                return True
            time.sleep(0.02)
        return False

    def stop(self) -> None:
        """Stop in good order: every client is thrown out."""
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(START_S)
            self.process = None

    def crash(self) -> None:
        """Kill all of it at once, as a power cut would; what the disk has stays."""
        if self.process is None:
            return
        children = _children(self.process.pid)
        self.process.kill()
        self.process.wait(START_S)
        self.process = None
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        until = time.monotonic() + START_S
        while any(Path(f"/proc/{child}").exists() for child in children):
            if time.monotonic() > until:
                raise RuntimeError("children of a killed server would not die")
            time.sleep(0.005)

    def halt(self) -> None:
        """Stop without a checkpoint: the next start recovers, if there is one."""
        if self.process is not None:
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(START_S)
            self.process = None

    def remove(self) -> None:
        self.halt()
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- as its administrator -------------------------------------------------------------

    async def admin(self, database: str = "postgres") -> Any:
        return await asyncpg.connect(
            host=str(self.folder), port=self.port, user=ADMIN, database=database
        )

    async def run(self, *statements: str, database: str = "postgres") -> None:
        connection = await self.admin(database)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    async def new_database(self) -> PostgresAddress:
        """Make a database of its own for `OWNER` and return how to get there."""
        name = f"office_{secrets.token_hex(4)}"
        connection = await self.admin()
        try:
            if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", OWNER):
                await connection.execute(f"CREATE ROLE {OWNER} LOGIN PASSWORD '{PASSWORD}'")
            await connection.execute(f"CREATE DATABASE {name} OWNER {OWNER}")
        finally:
            await connection.close()
        return PostgresAddress("127.0.0.1", self.port, name, OWNER, PASSWORD)

    async def drop_database(self, name: str) -> None:
        await self.run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    async def backends(self, database: str) -> list[int]:
        """The processes that serve the connections of head office to a database."""
        connection = await self.admin()
        try:
            rows = await connection.fetch(
                "SELECT pid FROM pg_stat_activity WHERE datname = $1"
                " AND application_name = 'tillbox office' ORDER BY pid",
                database,
            )
        finally:
            await connection.close()
        return [row["pid"] for row in rows]

    async def lock_holders(self) -> list[int]:
        """The processes that hold advisory locks, in any database."""
        connection = await self.admin()
        try:
            rows = await connection.fetch("SELECT pid FROM pg_locks WHERE locktype = 'advisory'")
        finally:
            await connection.close()
        return [row["pid"] for row in rows]


def _children(pid: int) -> list[int]:
    words = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(word) for word in words]


@contextlib.contextmanager
def running_postgres(**settings: str) -> Iterator[PostgresServer]:
    """A server with settings of its own. Skips the test where there is no PostgreSQL."""
    import pytest  # noqa: PLC0415 - the bench uses servers too, and no pytest

    programs = postgres_folder()
    if programs is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt install postgresql)")
    server = PostgresServer(programs, settings)
    try:
        server.make()
        server.start()
        yield server
    finally:
        server.remove()
