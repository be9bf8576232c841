"""Head office outside the machine: a real one on loopback, which the machine has at 10.0.2.2."""

from __future__ import annotations

import base64
import json
import signal
import ssl
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

from edge.demo.layout import DEMO_SHOP, to_toml
from edge.runtime.private_file import create_private_file
from tests.brokers import find_free_port
from tests.image.guest import DYING_WITH_US, until

STORE, NUMBER = "harbour-street", 1
SEEN_AS = "10.0.2.2"
_USER, _PASSWORD = "owner", "invented for a test of an image"


class HeadOffice:
    """Set up in a folder; `start` once the box's key is known."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = find_free_port()
        self._config = folder / "office.toml"
        self._process: subprocess.Popen[bytes] | None = None

    def set_up(self) -> dict[str, Any]:
        """Make head office; return what a box's `provision.json` says of it."""
        self.folder.mkdir()
        create_private_file(self.folder / "password", _PASSWORD.encode())
        web = {
            "port": self.port,
            "hosts": [SEEN_AS],
            "certificate_file": "web/office.pem",
            "key_file": "web/office.key",
        }
        settings = {
            "data_dir": str(self.folder / "data"),
            "pepper_file": "pepper",
            "signing_key_file": "office.key",
        }
        self._config.write_text(to_toml(settings))
        self._tillbox("init")
        self._tillbox(
            *("issue-certificate", "--name", "office", "--dns", "localhost"),
            *("--ip", "127.0.0.1", "--ip", SEEN_AS, "--out", str(self.folder / "web")),
        )
        self._config.write_text(to_toml({**settings, "web": web}))
        return {
            "pepper": base64.b64encode((self.folder / "pepper").read_bytes()).decode(),
            "office": {
                "url": f"wss://{SEEN_AS}:{self.port}",
                "key": self._tillbox("key"),
                "authority": self._authority.read_text(),
            },
        }

    @property
    def _authority(self) -> Path:
        return self.folder / "data/retailer-ca.pem"

    def start(self, box_key: str) -> None:
        """Register the shop, open, and send down goods, prices and people of the demo's shop."""
        self._tillbox(
            *("add-store", "--store", STORE, "--number", str(NUMBER)),
            *("--name", "Harbour Street", "--box-key", box_key),
        )
        password = ("--password-file", str(self.folder / "password"))
        self._tillbox("add-user", "--user", _USER, *password)
        with (self.folder / "office.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*DYING_WITH_US, *self._words()], stdout=log, stderr=log
            )
        until(lambda: self._get("/health")[0] == 200, what="head office answers")
        self._tillbox(
            *("load", str(DEMO_SHOP), "--url", f"https://localhost:{self.port}"),
            *("--ca", str(self._authority), "--user", _USER, *password),
            *("--pepper", str(self.folder / "pepper")),
        )

    def sales(self) -> list[str]:
        """Return the ids of the shop's sales that head office has."""
        _, cookie = self._get(
            "/api/v1/session", body={"user": _USER, "password": _PASSWORD}, give_cookie=True
        )
        found: list[str] = []
        after: Any = 0
        while True:
            _, page = self._get(f"/api/v1/sales?store={STORE}&after={after}", cookie=cookie)
            found += [sale["sale_id"] for sale in page["sales"]]
            if not page["sales"] or page["next"] in {None, after}:
                return found
            after = page["next"]

    def stop(self) -> None:
        """End it in good order."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(60)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def _get(
        self, path: str, *, body: Any = None, cookie: str = "", give_cookie: bool = False
    ) -> tuple[int, Any]:
        origin = f"https://localhost:{self.port}"
        headers = {"Origin": origin, "Content-Type": "application/json", "Cookie": cookie}
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(origin + path, content, headers)  # noqa: S310 - https
        trust = ssl.create_default_context(cafile=self._authority)
        with urllib.request.urlopen(  # noqa: S310 - https
            request, timeout=30, context=trust
        ) as response:
            made = (response.headers.get("Set-Cookie") or "").partition(";")[0]
            return response.status, made if give_cookie else json.load(response)

    def _words(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "edge.cli", "office", "--config", str(self._config), *words]

    def _tillbox(self, *words: str) -> str:
        done = subprocess.run(self._words(*words), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout.strip()


def first_cashier() -> tuple[str, str]:
    """Return a cashier of the demo's shop and the PIN."""
    person = json.loads((DEMO_SHOP / "staff.json").read_text("utf-8"))[0]
    return person["id"], person["demo_pin"]
