"""A device of `tillbox simulate` on the host, at whose socket the machine's USB ends."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from tests.image.guest import DYING_WITH_US, until


class SimulatedDevice:
    """Runs until `stop`; plays what `play` names, and what it shows is in `shown`."""

    def __init__(self, driver: str, folder: Path, *settings: str) -> None:
        words = ["simulate", driver, "--tcp", "127.0.0.1:0", "--script", "-"]
        words += [word for each in settings for word in ("--set", each)]
        self._log = (folder / f"{driver}.log").open("wb")
        self._process = subprocess.Popen(
            [*DYING_WITH_US, sys.executable, "-u", "-m", "edge.cli", *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
        )
        self._said: list[str] = []
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        self.port = int(until(self._ready, what=f"{driver} is ready").rpartition(":")[2])

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._said.append(line.decode("utf-8", "replace").rstrip("\n"))

    def _ready(self) -> str | None:
        assert self._process.poll() is None, self._log.name
        return next((line for line in self._said if line.startswith("ready ")), None)

    def play(self, action: str, **args: object) -> None:
        """Do something to the device."""
        assert self._process.stdin is not None
        step = {"play": action, "args": args} if args else {"play": action}
        self._process.stdin.write(json.dumps(step).encode() + b"\n")
        self._process.stdin.flush()

    def shown(self) -> dict[str, Any]:
        """Return what a person sees of it now."""
        known = len(self._said)
        self.play("show")
        state = until(
            lambda: next((line for line in self._said[known:] if line.startswith("state ")), None),
            what="what the device shows",
        )
        shown: dict[str, Any] = json.loads(state.removeprefix("state "))
        return shown

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(60)
        self._listener.join(60)
        for pipe in (self._process.stdin, self._process.stdout, self._log):
            if pipe is not None:
                pipe.close()
