"""Where the demo keeps its files, its ports and its secrets, and the settings it writes."""

from __future__ import annotations

import json
import secrets
import shutil
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from edge.contract.errors import SettingsInvalid
from edge.runtime.broker_access import BrokerAccess
from edge.runtime.mosquitto_files import MosquittoListener, write_mosquitto_files
from edge.runtime.private_file import create_private_file

STORE: Final = "harbour-street"
STORE_NUMBER: Final = 1
KEEPER_NAME: Final = "back-office"
FIRST_TILL: Final = "till-1"
OFFICE_USER: Final = "demo"
DEMO_SHOP: Final = Path(__file__).parents[2] / "sync" / "office" / "demo_shop"
LOOPBACK: Final = "127.0.0.1"
_INNER_PORTS: Final = ("broker", "counter", "printer", "terminal", "scale", "link", "keep")


@dataclass
class DemoLayout:
    """The demo's folder. `prepare` makes what is missing; a second start finds all of it."""

    root: Path
    till_port: int
    office_port: int
    embedded_broker: bool
    tills: int = 2
    ports: dict[str, int] = field(default_factory=dict)

    @property
    def ledger(self) -> Path:
        """The ledger's file."""
        return self.root / "edge" / "ledger.db"

    def config(self, name: str) -> Path:
        """Return the settings file of a process."""
        return self.root / "config" / f"{name}.toml"

    def secret(self, name: str) -> Path:
        """Return the file of a secret."""
        return self.root / "secrets" / name

    @property
    def mosquitto_conf(self) -> Path:
        """Mosquitto's settings, when it is the broker."""
        return self.root / "broker" / "mosquitto.conf"

    def prepare(self) -> None:
        """Make folders, secrets, ports and settings files.

        Raises SettingsInvalid when a port of the command line is taken.
        """
        for port, option in ((self.till_port, "--port"), (self.office_port, "--office-port")):
            if not _is_free(port):
                raise SettingsInvalid(
                    "port_taken",
                    f"Port {port} of this machine is in use.",
                    advice=f"Stop what uses it, or choose another with {option}.",
                )
        folders = "config secrets broker log edge devices office counter keep"
        for name in folders.split():
            (self.root / name).mkdir(parents=True, exist_ok=True)
        for name in ("edge.mqtt", "box.mqtt", "service.token", "office.password"):
            if not self.secret(name).exists():
                create_private_file(self.secret(name), secrets.token_urlsafe(32).encode())
        self._choose_ports()
        self._write_broker()
        self._write("devices", self._devices())
        self._write("counter", self._counter())
        self._write("office", self._office())
        self._write("keep", self._keep(""))

    def write_edge(self, office_key: str, keeper_key: str) -> None:
        """Write the settings of box, link and copy, with the public keys that they know."""
        self._write("keep", self._keep(office_key))
        self._write("edge", self._edge(office_key, keeper_key))
        self._write("sync", self._sync(keeper_key))

    # --- ports ----------------------------------------------------------------------------

    def _choose_ports(self) -> None:
        file = self.root / "config" / "ports.json"
        known: dict[str, int] = json.loads(file.read_text()) if file.exists() else {}
        # nobody listens at any of them yet: a free port may be one that was given away before
        given = {self.till_port, self.office_port}
        for name in _INNER_PORTS:
            port = known.get(name, 0)
            while port in given or not port or not _is_free(port):
                port = _free_port()
            self.ports[name] = port
            given.add(port)
        file.write_text(json.dumps(self.ports))

    # --- settings -------------------------------------------------------------------------

    def _write(self, name: str, lines: dict[str, Any]) -> None:
        self.config(name).write_text(to_toml(lines), "utf-8")

    def _write_broker(self) -> None:
        users = {name: self.secret(f"{name}.mqtt").read_text() for name in ("edge", "box")}
        write_mosquitto_files(
            self.root / "broker",
            BrokerAccess(STORE),
            users,
            MosquittoListener(LOOPBACK, self.ports["broker"]),
        )
        self._write(
            "broker",
            {
                "store": STORE,
                "password_file": str(self.root / "broker" / "passwords"),
                "port": self.ports["broker"],
            },
        )

    def _broker(self, user: str) -> dict[str, Any]:
        return {
            "user": user,
            "password_file": str(self.secret(f"{user}.mqtt")),
            "port": self.ports["broker"],
            "protocol": "3.1.1" if self.embedded_broker else "5",
        }

    def _edge(self, office_key: str, keeper_key: str) -> dict[str, Any]:
        return {
            "data_dir": str(self.root / "edge"),
            "tills": [f"till-{number}" for number in range(1, self.tills + 1)],
            "store": {"slug": STORE, "number": STORE_NUMBER, "office_key": office_key},
            "secrets": {
                "box_key_file": str(self.secret("box.key")),
                "pepper_file": str(self.secret("pepper")),
                "service_token_file": str(self.secret("service.token")),
            },
            "broker": self._broker("edge"),
            "keeper_keys": {KEEPER_NAME: keeper_key},
            "web": {"address": LOOPBACK, "port": self.till_port},
            "devices": [
                {
                    "id": "scanner-1",
                    "host": "box",
                    "driver": "scanner_serial",
                    "roles": ["scanner"],
                    "till": FIRST_TILL,
                    "settings": {"address": f"serial://{self.scanner_link}"},
                },
                {
                    "id": "printer-1",
                    "host": "box",
                    "driver": "printer_escpos",
                    "roles": ["printer", "drawer", "display"],
                    "till": FIRST_TILL,
                    "settings": {
                        "address": f"tcp://{LOOPBACK}:{self.ports['printer']}",
                        "other_code_pages": ["cp852", "cp866", "cp737"],
                        "pole_display": True,
                        "pole_page": "cp858",
                    },
                },
                {
                    "id": "terminal-1",
                    "host": "box",
                    "driver": "terminal_zvt",
                    "roles": ["terminal"],
                    "till": FIRST_TILL,
                    "settings": {"address": f"tcp://{LOOPBACK}:{self.ports['terminal']}"},
                },
                {
                    "id": "scale-1",
                    "host": "box",
                    "driver": "scale_cas",
                    "roles": ["scale"],
                    "till": FIRST_TILL,
                    "settings": {"address": f"tcp://{LOOPBACK}:{self.ports['scale']}"},
                },
            ],
        }

    @property
    def scanner_link(self) -> Path:
        """The stable name of the simulated scanner's serial line."""
        return self.root / "counter" / "scanner-1"

    def _devices(self) -> dict[str, Any]:
        return {
            "store": STORE,
            "host": "box",
            "database": str(self.root / "devices" / "devices.db"),
            "broker": self._broker("box"),
        }

    def _counter(self) -> dict[str, Any]:
        return {
            "port": self.ports["counter"],
            "goods": str(DEMO_SHOP),
            "till_url": f"http://localhost:{self.till_port}/till/",
            "scanner": {"link": str(self.scanner_link)},
            "printer": {"port": self.ports["printer"]},
            "terminal": {
                "port": self.ports["terminal"],
                "journal": str(self.root / "counter" / "terminal.json"),
            },
            "scale": {"port": self.ports["scale"]},
            "link": {"port": self.ports["link"], "office_port": self.office_port},
        }

    def _office(self) -> dict[str, Any]:
        return {
            "data_dir": str(self.root / "office"),
            "pepper_file": str(self.secret("pepper")),
            "signing_key_file": str(self.secret("office.key")),
            "web": {"address": LOOPBACK, "port": self.office_port},
            # nobody is written to: each receipt by e-mail is a file that mail programs open
            "mail": {"sender": "receipts@demo.example", "folder": str(self.root / "mail")},
        }

    def _keep(self, office_key: str) -> dict[str, Any]:
        return {
            "office_key": office_key,
            "data_dir": str(self.root / "keep"),
            "signing_key_file": str(self.secret("keep.key")),
            "web": {"address": LOOPBACK, "port": self.ports["keep"]},
        }

    def _sync(self, keeper_key: str) -> dict[str, Any]:
        keeper = {"url": f"ws://{LOOPBACK}:{self.ports['keep']}", "key": keeper_key}
        return {
            "edge_url": f"http://{LOOPBACK}:{self.till_port}",
            "service_token_file": str(self.secret("service.token")),
            "office_url": f"ws://{LOOPBACK}:{self.ports['link']}",
            "keepers": [keeper],
        }


def find_mosquitto() -> str | None:
    """Return the Mosquitto broker of this machine; Debian keeps it where users do not look."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


def to_toml(tables: dict[str, Any]) -> str:
    """Return settings as TOML: scalars and lists first, then tables, then lists of tables."""
    lines = [f"{key} = {_value(value)}" for key, value in tables.items() if _is_plain(value)]
    for key, value in tables.items():
        if isinstance(value, dict):
            lines += ["", f"[{key}]", to_toml(value)]
        elif not _is_plain(value):
            for item in value:
                lines += ["", f"[[{key}]]"]
                lines += [f"{name} = {_value(inner)}" for name, inner in item.items()]
    return "\n".join(lines) + "\n"


def _is_plain(value: Any) -> bool:
    if isinstance(value, list):
        return not any(isinstance(item, dict) for item in value)
    return not isinstance(value, dict)


def _value(value: Any) -> str:
    if isinstance(value, dict):
        inner = ", ".join(f"{key} = {_value(item)}" for key, item in value.items())
        return f"{{ {inner} }}"
    # strings, numbers, booleans and lists of them are written alike in JSON and TOML
    return json.dumps(value)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True
