"""A shop for a bench: the box, its broker and, where asked for, hardware; real processes."""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from edge.contract.reference_data import (
    Article,
    Feed,
    FeedItem,
    FeedPage,
    Price,
    QuickKeyPage,
    StaffMember,
    StoreProfile,
    TaxRule,
)
from edge.contract.wire import encode
from edge.demo.layout import DEMO_SHOP, find_mosquitto, to_toml
from edge.runtime.broker_access import BrokerAccess
from edge.runtime.mosquitto_files import MosquittoListener, write_mosquitto_files
from edge.runtime.pin_hash import PinHasher, load_pepper
from edge.runtime.private_file import create_private_file
from tests.bench.counting_link import CountingLink
from tests.bench.processes import ROOT, BenchFailedError, Program, free_port, python

STORE: Final = "bench-street"
PIN: Final = "2580"
TOKEN: Final = "token-of-the-service-in-a-bench"
_READY_S: Final = 60.0
_PAGE: Final = 1_000
_ID_REST: Final = "0000-7000-8000-000000000000"
"""Behind eight digits that count up: an id of the kind that tills make (UUID, version 7)."""
_QUICK_KEYS: Final = 24
_SYLLABLES: Final = [a + b for a in "bdfgklmnprstvz" for b in "aeiou"]
_SIZES: Final = ("100 g", "250 g", "500 g", "1 kg", "33 cl", "1 l", "6 x 1 l", "large", "small")


def gtin(number: int) -> str:
    """Return the n-th GTIN-13 of GS1's demonstration prefix."""
    body = f"952{number:09d}"
    check = -sum(int(digit) * (3 if at % 2 else 1) for at, digit in enumerate(body)) % 10
    return f"{body}{check}"


@dataclass
class Shop:
    """A running box. `sessions` are the Cookie headers of tills with a signed-in cashier."""

    folder: Path
    tills: int = 1
    articles: int = 300
    hardware: bool = False
    traced: bool = False
    scanner_port: int = 0
    printer_port: int = 0
    office: bool = False
    port: int = field(default_factory=free_port)
    broker_port: int = field(default_factory=free_port)
    sessions: dict[str, str] = field(default_factory=dict)
    programs: dict[str, Program] = field(default_factory=dict)
    counter_port: int = 0
    edge_pid: int = 0
    link: CountingLink = field(default_factory=CountingLink)
    _ports: dict[str, int] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """The ids of the tills."""
        return tuple(f"till-{number}" for number in range(1, self.tills + 1))

    @property
    def strace_log(self) -> Path:
        """Where the box's syncs are listed, when it is traced."""
        return self.folder / "syncs.log"

    # --- life -----------------------------------------------------------------------------

    def start(self) -> None:
        """Start the box as a shop has it: fed, tills enrolled, cashiers signed in."""
        self._prepare()
        self._start_box()
        self._feed()  # before the line: after a signed page of head office these are refused
        self._start_line()
        for till in self.names:
            self._sign_in(till)
        if self.hardware:
            self.until_devices_well()

    def start_processes(self) -> None:
        """Start everything and wait until the box answers."""
        self._start_box()
        self._start_line()

    def _start_box(self) -> None:
        self._start_broker()
        if self.office:
            self.start_program("office")
            until_listening(self.link.office_port)
        if self.hardware:
            self.start_program("counter")
        if self.hardware or self.scanner_port:
            self.start_program("devices")
        self.start_edge()

    def _start_line(self) -> None:
        if self.office:
            self.start_program("sync")

    def stop_processes(self) -> None:
        """Stop what `start_processes` started."""
        self.stop()
        self.programs.clear()

    def start_broker_only(self) -> None:
        """Start the broker of a shop that has nothing else."""
        self._prepare()
        self._start_broker()

    def start_edge(self) -> None:
        """Start the box and wait until it answers."""
        words = self._tillbox("edge")
        if self.traced:
            trace = ["strace", "-f", "--seccomp-bpf", "-e", "trace=fsync,fdatasync"]
            words = [*trace, "-o", str(self.strace_log), *words]
        program = self.start_program("edge", words)
        self.until_healthy()
        self.edge_pid = _only_child(program.pid) if self.traced else program.pid

    def until_healthy(self) -> None:
        """Wait until the box answers."""
        deadline = time.monotonic() + _READY_S
        while True:
            try:
                status, _, _ = self.call("GET", "/health")
            except OSError:
                status = 0
            if status:
                return
            process = self.programs["edge"].process
            if time.monotonic() > deadline or process is None or process.poll() is not None:
                raise BenchFailedError(f"the box: {self.programs['edge'].tail()}")
            time.sleep(0.005)

    def stop(self) -> None:
        """Stop everything, the broker last."""
        if self.traced and self.edge_pid:
            os.kill(self.edge_pid, signal.SIGTERM)  # strace ends with what it watches
        for program in reversed(self.programs.values()):
            if program.name == "edge" and self.traced and program.process is not None:
                program.process.wait(20)
            program.stop()

    def close(self) -> None:
        """Stop everything for good."""
        self.stop()
        self.link.close()

    def start_program(self, name: str, words: list[str] | None = None) -> Program:
        """Start one of the programs that have a settings file here."""
        program = Program(name, words or self._tillbox(name), self.folder / f"{name}.log")
        self.programs[name] = program
        program.start()
        return program

    def _tillbox(self, name: str) -> list[str]:
        return python("edge.cli", name, "--config", str(self._config(name)))

    def _config(self, name: str) -> Path:
        return self.folder / f"{name}.toml"

    def _start_broker(self) -> None:
        mosquitto = find_mosquitto()
        if mosquitto is None:
            raise BenchFailedError("Mosquitto is not installed: apt install mosquitto")
        conf = self.folder / "broker" / "mosquitto.conf"
        program = Program("broker", [mosquitto, "-c", str(conf)], self.folder / "broker.log")
        self.programs["broker"] = program
        program.start()
        until_listening(self.broker_port)

    # --- files ----------------------------------------------------------------------------

    def _prepare(self) -> None:
        folder = self.folder
        (folder / "broker").mkdir(parents=True)
        secrets = {"edge": "secret-of-edge-in-a-bench", "box": "secret-of-box-in-a-bench"}
        for name, secret in secrets.items():
            create_private_file(folder / f"{name}.mqtt", secret.encode())
        create_private_file(folder / "service.token", TOKEN.encode())
        write_mosquitto_files(
            folder / "broker",
            BrokerAccess(STORE),
            secrets,
            MosquittoListener("127.0.0.1", self.broker_port),
        )
        self._write("edge", self._edge())
        if self.office:
            self._prepare_office()
        if self.hardware or self.scanner_port:
            self._write("devices", self._devices())
        if self.hardware:
            self.counter_port = free_port()
            self._write("counter", self._counter())

    def _write(self, name: str, settings: dict[str, Any]) -> None:
        self._config(name).write_text(to_toml(settings), "utf-8")

    def _broker(self, user: str) -> dict[str, Any]:
        password = str(self.folder / f"{user}.mqtt")
        return {"user": user, "password_file": password, "port": self.broker_port}

    def _edge(self) -> dict[str, Any]:
        folder = self.folder
        settings: dict[str, Any] = {
            "data_dir": str(folder / "edge"),
            "tills": list(self.names),
            "store": {"slug": STORE, "number": 1},
            "secrets": {
                "box_key_file": str(folder / "box.key"),
                "pepper_file": str(folder / "pepper"),
                "service_token_file": str(folder / "service.token"),
            },
            "broker": self._broker("edge"),
            "web": {"address": "127.0.0.1", "port": self.port},
        }
        if self.hardware:
            self._ports = self._ports or {
                name: free_port() for name in ("printer", "terminal", "link")
            }
            at = "tcp://127.0.0.1"
            settings["devices"] = [
                _device("scanner-1", "scanner_serial", ["scanner"], f"serial://{self.scanner}"),
                _device(
                    "printer-1",
                    "printer_escpos",
                    ["printer", "drawer"],
                    f"{at}:{self._ports['printer']}",
                ),
                _device(
                    "terminal-1", "terminal_zvt", ["terminal"], f"{at}:{self._ports['terminal']}"
                ),
            ]
        else:
            settings["devices"] = self._plugs()
        return settings

    def _plugs(self) -> list[dict[str, Any]]:
        """Return the devices that a bench plays itself, at ports of its own."""
        plugs = [
            (self.scanner_port, "scanner-1", "scanner_serial", ["scanner"]),
            (self.printer_port, "printer-1", "printer_escpos", ["printer", "drawer"]),
        ]
        return [
            _device(name, driver, roles, f"tcp://127.0.0.1:{port}")
            for port, name, driver, roles in plugs
            if port
        ]

    def _prepare_office(self) -> None:
        """Set head office up as its people would, and let both know each other."""
        folder = self.folder
        self._write(
            "office",
            {
                "data_dir": str(folder / "office"),
                "pepper_file": str(folder / "pepper"),
                "signing_key_file": str(folder / "office.key"),
                "web": {"port": self.link.office_port},
            },
        )
        load_pepper(folder / "pepper")
        office = self._tillbox("office")
        _run(*office, "init")
        settings = self._edge()
        settings["store"]["office_key"] = _run(*office, "key")
        self._write("edge", settings)
        box_key = _run(*self._tillbox("edge"), "key")
        store = ("--store", STORE, "--number", "1", "--name", "Bench Street")
        _run(*office, "add-store", *store, "--box-key", box_key)
        self._write(
            "sync",
            {
                "edge_url": self.origin,
                "service_token_file": str(folder / "service.token"),
                "office_url": f"ws://127.0.0.1:{self.link.port}",
            },
        )

    @property
    def scanner(self) -> Path:
        """The stable name of the simulated scanner's serial line."""
        return self.folder / "scanner-1"

    def _devices(self) -> dict[str, Any]:
        return {
            "store": STORE,
            "host": "box",
            "database": str(self.folder / "devices.db"),
            "broker": self._broker("box"),
        }

    def _counter(self) -> dict[str, Any]:
        return {
            "port": self.counter_port,
            "goods": str(DEMO_SHOP),
            "scanner": {"link": str(self.scanner)},
            "printer": {"port": self._ports["printer"]},
            "terminal": {
                "port": self._ports["terminal"],
                "journal": str(self.folder / "terminal.json"),
            },
            "link": {"port": self._ports["link"], "office_port": 9},
        }

    # --- over HTTP ------------------------------------------------------------------------

    def call(
        self, method: str, path: str, body: object = None, **headers: str
    ) -> tuple[int, Any, list[str]]:
        """Call the box; return status, decoded body and the cookies it set."""
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            data = None if body is None else encode(body)
            more = {"Content-Type": "application/json"} if data is not None else {}
            line.request(method, path, data, {**more, "Origin": self.origin, **headers})
            response = line.getresponse()
            content = response.read()
            cookies = [
                text.partition(";")[0] for text in response.headers.get_all("Set-Cookie", ())
            ]
        finally:
            line.close()
        return response.status, json.loads(content) if content else None, cookies

    @property
    def origin(self) -> str:
        """The box's own origin."""
        return f"http://127.0.0.1:{self.port}"

    def _must(
        self, method: str, path: str, body: object = None, **headers: str
    ) -> tuple[Any, list[str]]:
        status, answer, cookies = self.call(method, path, body, **headers)
        if status != 200:
            raise BenchFailedError(f"{method} {path}: {status} {answer}")
        return answer, cookies

    def _feed(self) -> None:
        hasher = PinHasher(load_pepper(self.folder / "pepper"), memory_kib=64, passes=1)
        staff = StaffMember("marta", "Marta", "cashier", hasher.hash_pin(PIN))
        profile = StoreProfile(
            name="Bench Street",
            currency="EUR",
            time_zone="Europe/Lisbon",
            taxes=(TaxRule("A", "full", 190_000), TaxRule("B", "reduced", 70_000)),
            quick_key_pages=(QuickKeyPage("1", "Favourites"),),
        )
        numbers = range(1, self.articles + 1)
        feeds: list[tuple[Feed, list[tuple[str, Any]]]] = [
            (Feed.CONFIG, [("store", profile)]),
            (Feed.STAFF, [("marta", staff)]),
            (Feed.PRICE, [(f"{n}", Price(f"{n}", 49 + n * 7 % 900)) for n in numbers]),
            (Feed.CATALOGUE, [(f"{n}", article(n)) for n in numbers]),
        ]
        for feed, rows in feeds:
            items = [
                FeedItem(key, cursor, msgspec.Raw(encode(value)))
                for cursor, (key, value) in enumerate(rows, 1)
            ]
            for at in range(0, len(items), _PAGE):
                some = items[at : at + _PAGE]
                page = FeedPage(feed, tuple(some), some[-1].cursor, at + _PAGE < len(items))
                self._must(
                    "POST", "/internal/v1/replica/feed", page, Authorization=f"Bearer {TOKEN}"
                )

    def _sign_in(self, till: str) -> None:
        answer, _ = self._must(
            "POST",
            "/internal/v1/enrolment-codes",
            {"till": till},
            Authorization=f"Bearer {TOKEN}",
        )
        _, enrolled = self._must("POST", "/api/v1/enrol", {"code": answer["code"]})
        _, signed_in = self._must(
            "POST", "/api/v1/session", {"cashier": "marta", "pin": PIN}, Cookie="; ".join(enrolled)
        )
        self.sessions[till] = "; ".join([*enrolled, *signed_in])

    def view(self, till: str = "till-1") -> Any:
        """Return a till's view."""
        return self._must("GET", f"/api/v1/tills/{till}/view", Cookie=self.sessions[till])[0]

    def until_devices_well(self) -> None:
        """Wait until every device of the first till is ready."""
        deadline = time.monotonic() + _READY_S
        while not all(device["well"] for device in self.view()["devices"]):
            if time.monotonic() > deadline:
                raise BenchFailedError(f"devices: {self.view()['devices']}")
            time.sleep(0.1)

    def command(self, till: str, kind: str, **fields: object) -> Any:
        """Give one command; the answer is the view."""
        body = {"command_id": f"shop-{time.time_ns():x}", "type": kind, **fields}
        path = f"/api/v1/tills/{till}/commands"
        return self._must("POST", path, body, Cookie=self.sessions[till])[0]

    def head_seq(self) -> int:
        """Return the seq of the newest event on the box."""
        return self._ask_file(self.ledger_file, "SELECT max(seq) FROM event")

    def completed_seq(self) -> int:
        """Return the seq at which the newest sale was completed."""
        return self._ask_file(self.ledger_file, "SELECT max(seq) FROM sale")

    def accepted_seq(self) -> int:
        """Return up to which seq head office has the box's events."""
        return self._ask_file(self.folder / "office" / "office.db", "SELECT max(seq) FROM head")

    @property
    def ledger_file(self) -> Path:
        """The box's ledger."""
        return self.folder / "edge" / "ledger.db"

    @staticmethod
    def _ask_file(path: Path, question: str) -> int:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as file:
            return file.execute(question).fetchone()[0] or 0

    def until_accepted(self, seq: int, *, seconds: float = 120) -> None:
        """Wait until head office has everything up to a seq."""
        deadline = time.monotonic() + seconds
        while self.accepted_seq() < seq:
            if time.monotonic() > deadline:
                raise BenchFailedError(
                    f"head office has {self.accepted_seq()} of {seq}: "
                    f"{self.programs['sync'].tail()}"
                )
            time.sleep(0.01)

    def open_jobs(self) -> list[str]:
        """Return the jobs that the ledger says the devices owe."""
        address = self.ledger_file.as_uri() + "?mode=ro"
        with closing(sqlite3.connect(address, uri=True)) as ledger:
            return [row[0] for row in ledger.execute("SELECT job_id FROM device_job")]

    # --- what tills send ------------------------------------------------------------------

    def request(self, till: str, kind: str, **fields: object) -> str:
        """Return a prebuilt command; `@@@@@@@@` in it becomes a number of its own."""
        body = json.dumps({"command_id": f"@@@@@@@@-{_ID_REST}", "type": kind, **fields})
        return (
            f"POST /api/v1/tills/{till}/commands HTTP/1.1\r\n"
            f"Host: 127.0.0.1:{self.port}\r\nOrigin: {self.origin}\r\n"
            f"Cookie: {self.sessions[till]}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        )

    def sale(self, till: str, lines: int = 3, seed: int = 1) -> list[str]:
        """Return the commands of a cash sale of articles that the seed chooses."""
        chance = random.Random(seed)
        codes = [gtin(number) for number in chance.sample(range(1, self.articles + 1), lines)]
        scans = [self.request(till, "add_item", code=code) for code in codes]
        given = chance.choice((5_000, 10_000, 20_000)) + 1_000 * lines
        return [*scans, self.request(till, "take_cash", amount_minor=given)]

    def target(self, tills: int = 1, lines: int = 3, seed: int = 1) -> dict[str, Any]:
        """Return whole sales of some tills as a target of the load generator."""
        connections = [
            self.sale(till, lines, seed + number) for number, till in enumerate(self.names[:tills])
        ]
        return {"port": self.port, "connections": connections, "expect": '"state":"done"'}


def _device(name: str, driver: str, roles: list[str], address: str) -> dict[str, Any]:
    return {
        "id": name,
        "host": "box",
        "driver": driver,
        "roles": roles,
        "till": "till-1",
        "settings": {"address": address},
    }


def article(number: int) -> Article:
    """Return the n-th article of the catalogue."""
    # names as different from each other as in a shop: what they cost on the line is measured
    chance = random.Random(number)
    words = ["".join(chance.choices(_SYLLABLES, k=chance.randint(2, 4))) for _ in range(2)]
    name = f"{' '.join(words).capitalize()} {chance.choice(_SIZES)}"
    key = f"1:{number}" if number <= _QUICK_KEYS else ""
    return Article(f"{number}", name, "AB"[number % 2], (gtin(number),), key=key)


def _only_child(pid: int) -> int:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(children[0])


def _run(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=ROOT)
    if done.returncode:
        raise BenchFailedError(f"{' '.join(words[2:])}: {done.stderr}")
    return done.stdout.strip()


def until_listening(port: int, *, seconds: float = _READY_S) -> None:
    """Wait until somebody listens on a port of loopback."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise BenchFailedError(f"nobody listens on port {port}") from None
            time.sleep(0.005)
        else:
            return


@contextmanager
def open_shop(folder: Path, **settings: Any) -> Iterator[Shop]:
    """Run a shop for a block."""
    shop = Shop(folder, **settings)
    try:
        shop.start()
        yield shop
    finally:
        shop.close()
