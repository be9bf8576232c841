"""A real Mosquitto for one test, with the shop's own users and rules."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from edge.runtime.broker_access import BrokerAccess
from edge.runtime.mosquitto_files import MosquittoListener, write_mosquitto_files
from edge.runtime.mqtt_bus import MqttSettings

MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@dataclass
class RealBroker:
    """Mosquitto as a child; `users` are names, their password is the name twice."""

    folder: Path
    users: tuple[str, ...] = ("edge", "host-1")
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        assert MOSQUITTO is not None
        conf = write_mosquitto_files(
            self.folder,
            BrokerAccess("store-1"),
            {user: user * 2 for user in self.users},
            MosquittoListener(port=self.port),
        )
        with (self.folder / "mosquitto.log").open("ab") as log:
            self.process = subprocess.Popen([MOSQUITTO, "-c", str(conf)], stdout=log, stderr=log)
        over = time.monotonic() + 10
        while True:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            if self.process.poll() is not None or time.monotonic() > over:
                words = (self.folder / "mosquitto.log").read_text()
                raise AssertionError(f"Mosquitto did not start: {words}")
            time.sleep(0.02)

    def stop(self) -> None:
        if self.process is not None:
            with suppress(ProcessLookupError):
                os.kill(self.process.pid, signal.SIGTERM)
            self.process.wait(10)
            self.process = None

    def settings(self, user: str) -> MqttSettings:
        path = self.folder / f"{user}.password"
        path.write_text(user * 2)
        path.chmod(0o600)
        return MqttSettings(user=user, password_file=path, port=self.port)
