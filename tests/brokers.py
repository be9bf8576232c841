"""Real brokers for tests: on loopback, on a free port, stopped by their pid."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edge.runtime.broker_access import BrokerAccess
from edge.runtime.certificates import issue_server_certificate, make_ca, write_ca
from edge.runtime.mosquitto_files import MosquittoListener, write_mosquitto_files
from edge.runtime.system_clock import SystemClock
from edge.runtime.tls_contexts import client_context

STORE = "store-1"
READER = "homeassistant"
USERS = {
    "edge": "edge's own",
    "host-1": "first host's own",
    "host-2": "second host's own",
    READER: "the reader's own",
}
START_S = 10.0


def find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def mosquitto_program() -> str | None:
    # Debian puts it where a plain user's PATH does not look
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


def write_password(folder: Path, user: str, password: str) -> Path:
    path = folder / f"password of {user}"
    path.write_text(password + "\n")
    path.chmod(0o600)
    return path


@dataclass(frozen=True)
class TlsDoor:
    """Where a broker is reached from other machines, with a certificate of the shop's own."""

    port: int
    ca_file: Path
    certificate_file: Path
    key_file: Path

    def context(self) -> ssl.SSLContext:
        return client_context(self.ca_file)


def tls_door(folder: Path) -> TlsDoor:
    """Make an authority and a certificate for `localhost` and 127.0.0.1."""
    clock = SystemClock()
    door = TlsDoor(find_free_port(), *(folder / name for name in ("ca.pem", "b.pem", "b.key")))
    authority = make_ca("Some Shop", clock)
    write_ca(authority, door.ca_file, folder / "ca.key")
    made = issue_server_certificate(authority, names=["localhost"], ips=["127.0.0.1"], clock=clock)
    made.write(door.certificate_file, door.key_file)
    return door


@dataclass
class Mosquitto:
    """A running Mosquitto with the users and rules of a store."""

    folder: Path
    program: str
    port: int = 0
    users: Mapping[str, str] = field(default_factory=lambda: dict(USERS))
    certificate_file: Path | None = None
    key_file: Path | None = None
    process: subprocess.Popen[bytes] | None = None
    tls: TlsDoor | None = None

    @property
    def protocol(self) -> str:
        return "5"

    def password_file(self, user: str) -> Path:
        return write_password(self.folder, user, self.users[user])

    def start(self) -> None:
        self.port = self.port or find_free_port()
        here = "127.0.0.1"
        doors = [MosquittoListener(here, self.port, self.certificate_file, self.key_file)]
        if self.tls is not None:
            files = (self.tls.certificate_file, self.tls.key_file)
            doors.append(MosquittoListener(here, self.tls.port, *files))
        access = BrokerAccess(STORE, home_assistant_user=READER)
        self.launch(write_mosquitto_files(self.folder, access, self.users, *doors))

    def launch(self, conf: Path) -> None:
        """Start the program and wait until it listens."""
        with (self.folder / "mosquitto.log").open("ab") as log:
            self.process = subprocess.Popen([self.program, "-c", str(conf)], stderr=log)
        until = time.monotonic() + START_S
        while True:
            if self.process.poll() is not None or time.monotonic() > until:
                raise RuntimeError((self.folder / "mosquitto.log").read_text())
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(0.01)
            else:
                return

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(START_S)
            self.process = None
