"""What the doctor says of each thing that can be wrong, and that the page puts it first."""

from __future__ import annotations

import contextlib
import http.server
import json
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from edge.contract.device_limits import CLOCK_MS_MIN, DISK_WATCH_BYTES
from edge.contract.limits import DISK_FREE_BYTES_MIN
from edge.doctor import looks
from edge.doctor.finding import Finding, State
from edge.doctor.looks import (
    Line,
    look_at_box,
    look_at_certificates,
    look_at_machine,
    look_at_services,
)
from edge.doctor.page import examine, page
from edge.doctor.settings_on_disk import BoxFiles, Office
from edge.runtime.certificates import issue_server_certificate, make_ca, write_ca
from edge.runtime.machine_readings import Machine
from edge.runtime.system_clock import SystemClock
from edge.runtime.tls_contexts import client_context, server_context
from edge.setting_up import BoxPlan, set_up_box
from tests.brokers import find_free_port
from tests.runtime.hand_clock import HandClock

DAY_MS = 86_400_000


# --- services -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "state", "words"),
    [
        (
            "ActiveState=active\nSubState=running\nNRestarts=0\nResult=success",
            State.WELL,
            "It runs.",
        ),
        (
            "ActiveState=active\nSubState=running\nNRestarts=7\nResult=success",
            State.WATCH,
            "7 times",
        ),
        (
            "ActiveState=failed\nSubState=failed\nNRestarts=2\nResult=watchdog",
            State.ILL,
            "failed, watchdog",
        ),
        ("ActiveState=inactive\nSubState=dead\nNRestarts=0\nResult=success", State.ILL, "dead"),
        ("", State.ILL, "does not run"),
    ],
)
def test_a_service(told: str, state: State, words: str, tmp_path: Path) -> None:
    asked: list[Sequence[str]] = []

    def run(given: Sequence[str]) -> str:
        asked.append(given)
        return told

    found = look_at_services(["edge"], run, booted=tmp_path)
    assert [each.what for each in found] == ["mosquitto", "tillbox-edge"]
    assert [each[-1] for each in asked] == ["mosquitto.service", "tillbox-edge.service"]
    assert {each.state for each in found} == {state}
    assert words in found[1].words
    assert ("journalctl -u tillbox-edge" in found[1].advice) is (state is not State.WELL)


def test_without_systemd_nothing_is_said_of_services(tmp_path: Path) -> None:
    def run(_: Sequence[str]) -> str:
        raise subprocess.CalledProcessError(1, "systemctl")

    assert look_at_services(["edge"], run, booted=tmp_path / "no") == []
    assert {each.state for each in look_at_services(["edge"], run, booted=tmp_path)} == {
        State.WATCH
    }


# --- the box itself -----------------------------------------------------------------------


@contextlib.contextmanager
def answering(status: int, body: bytes) -> Iterator[int]:
    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("status", [200, 503])
def test_the_box_says_how_its_parts_are(status: int) -> None:
    items = [
        {"name": "ledger", "well": True, "words": "Sales are kept on disk."},
        {"name": "bus", "well": False, "words": "No broker.", "advice": "Start it."},
    ]
    with answering(status, json.dumps({"ready": False, "items": items}).encode()) as port:
        found = look_at_box(port, None)
    assert found == [
        Finding("box: ledger", State.WELL, "Sales are kept on disk."),
        Finding("box: bus", State.ILL, "No broker.", "Start it."),
    ]


@pytest.mark.parametrize(("status", "body"), [(200, b"<html>"), (404, b""), (200, b"{}")])
def test_another_server_on_its_port_is_no_box(status: int, body: bytes) -> None:
    with answering(status, body) as port:
        (found,) = look_at_box(port, None)
    assert found.state is State.ILL
    assert f"port {port}" in found.words


def test_a_silent_box_is_told_with_its_port() -> None:
    port = find_free_port()
    (found,) = look_at_box(port, None)
    assert found.state is State.ILL
    assert "refused" in found.words
    assert "urlopen" not in found.words


# --- certificates, machine ------------------------------------------------------------------


def test_certificates_by_the_days_they_have_left(tmp_path: Path) -> None:
    begun = SystemClock().now_ms()
    authority = make_ca("Some Shops", HandClock(begun))
    made = issue_server_certificate(authority, names=["box"], ips=[], clock=HandClock(begun))
    made.write(tmp_path / "web.pem", tmp_path / "web.key")
    for days, state in ((0, State.WELL), (366, State.WELL), (368, State.WATCH), (398, State.ILL)):
        clock = HandClock(begun + days * DAY_MS)
        (found,) = look_at_certificates([tmp_path / "web.pem"], clock)
        assert (found.what, found.state) == ("web.pem", state), days
        assert bool(found.advice) is (state is not State.WELL)
    (tmp_path / "garbage.pem").write_text("garbage")
    (found,) = look_at_certificates([tmp_path / "garbage.pem"], HandClock(begun))
    assert found.state is State.ILL


@pytest.mark.parametrize(
    ("free", "state"),
    [
        (DISK_FREE_BYTES_MIN - 1, State.ILL),
        (DISK_WATCH_BYTES - 1, State.WATCH),
        (DISK_WATCH_BYTES, State.WELL),
    ],
)
def test_the_disk(free: int, state: State, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    usage = type("Usage", (), {"free": free})
    monkeypatch.setattr(looks.shutil, "disk_usage", lambda _: usage)
    found = {each.what: each for each in look_at_machine(tmp_path, HandClock(), Machine(tmp_path))}
    assert found["disk"].state is state
    assert f"{free // 1_048_576} MiB" in found["disk"].words


def test_clock_warmth_and_power(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    zone = tmp_path / "sys/class/thermal/thermal_zone0"
    zone.mkdir(parents=True)
    throttled = tmp_path / "sys/devices/platform/soc/soc:firmware/get_throttled"
    throttled.parent.mkdir(parents=True)
    (tmp_path / "run/systemd/timesync").mkdir(parents=True)
    (tmp_path / "run/systemd/timesync/synchronized").touch()

    def look(now_ms: int = CLOCK_MS_MIN) -> dict[str, State]:
        found = look_at_machine(tmp_path, HandClock(now_ms), machine)
        return {each.what: each.state for each in found}

    assert "power" not in look()
    for milli, bits, states in (
        (45_000, "0\n", (State.WELL, State.WELL)),
        (72_000, "50000\n", (State.WATCH, State.WATCH)),
        (85_000, "50005\n", (State.ILL, State.ILL)),
        (85_000, "20002\n", (State.ILL, State.WELL)),  # the clock was capped, the supply is good
    ):
        (zone / "temp").write_text(str(milli))
        throttled.write_text(bits)
        found = look()
        assert (found["warmth"], found["power"]) == states
        assert found["clock"] is State.WELL
    assert look(CLOCK_MS_MIN - 1)["clock"] is State.ILL


# --- the line -----------------------------------------------------------------------------


@contextlib.contextmanager
def tls_server(folder: Path) -> Iterator[tuple[int, Path]]:
    """A server by an authority of its own: its port, and the authority's certificate."""
    clock = SystemClock()
    authority = make_ca("Some Office", clock)
    write_ca(authority, folder / "ca.pem", folder / "ca.key")
    made = issue_server_certificate(authority, names=["localhost"], ips=[], clock=clock)
    made.write(folder / "o.pem", folder / "o.key")
    context = server_context(folder / "o.pem", folder / "o.key")
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(20)

        def serve() -> None:
            with contextlib.suppress(OSError):
                connection, _ = listening.accept()
                with connection, contextlib.suppress(ssl.SSLError):
                    context.wrap_socket(connection, server_side=True).close()

        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()[1], folder / "ca.pem"
        thread.join()


def test_head_office_that_answers(tmp_path: Path) -> None:
    with tls_server(tmp_path) as (port, authority):
        found = Line(Office("localhost", port, client_context(authority))).look()
    assert found == Finding("head office", State.WELL, f"localhost:{port} answers.")


def test_somebody_else_in_the_place_of_head_office(tmp_path: Path) -> None:
    write_ca(make_ca("Ours", SystemClock()), tmp_path / "ours.pem", tmp_path / "ours.key")
    with tls_server(tmp_path) as (port, _):
        found = Line(Office("localhost", port, client_context(tmp_path / "ours.pem"))).look()
    assert found.state is State.ILL
    assert "not whom this box trusts" in found.words


def test_a_line_that_is_cut_and_a_name_that_leads_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    port = find_free_port()
    cut = Line(Office("127.0.0.1", port, None)).look()
    assert cut.state is State.ILL
    assert f"127.0.0.1:{port}" in cut.words

    def nowhere(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(looks.socket, "getaddrinfo", nowhere)
    lost = Line(Office("office.example", 443, None)).look()
    assert "office.example leads nowhere: Name or service not known" in lost.words


# --- the page -----------------------------------------------------------------------------


def test_a_machine_that_is_no_box(tmp_path: Path) -> None:
    (found,) = examine(BoxFiles(tmp_path), HandClock(), Machine(tmp_path))
    assert found.state is State.ILL
    assert "tillbox setup" in page([found])


def test_a_box_that_stands_still(tmp_path: Path) -> None:
    authority = tmp_path / "office.pem"
    write_ca(make_ca("Some Shops", SystemClock()), authority, tmp_path / "office.key")
    office = (f"wss://localhost:{find_free_port()}", "ab" * 32, authority)
    plan = BoxPlan(
        *(tmp_path / "etc", tmp_path / "state", "harbour-street", 1, ("localhost",)),
        units=False,
        port=find_free_port(),
        office=office,
    )
    set_up_box(plan)
    found = {
        each.what: each for each in examine(BoxFiles(plan.folder), SystemClock(), Machine(tmp_path))
    }
    assert found["settings"].words == "Settings of edge, devices, sync."
    assert {name for name, each in found.items() if each.state is State.ILL} == {
        "box",
        "head office",
    }
    shown = page(tuple(found.values())).splitlines()
    assert shown[0].startswith("ILL")
    assert shown[1].lstrip().startswith("->")
    assert shown[-1].startswith("2 ill")
    (plan.folder / "edge.toml").write_text("tills = 3\n")
    broken = examine(BoxFiles(plan.folder), SystemClock(), Machine(tmp_path))
    assert broken[0].state is State.ILL
    assert "edge.toml" in broken[0].words
    (plan.folder / "sync.toml").write_text("office_url = 7\n")
    last = examine(BoxFiles(plan.folder), SystemClock(), Machine(tmp_path))[-1]
    assert (last.what, last.state) == ("head office", State.ILL)


def test_a_page_without_anything_ill() -> None:
    well = Finding("disk", State.WELL, "Room.")
    assert page([well]).endswith("\n\nAll is well.\n")
    watch = Finding("clock", State.WATCH, "Off.", "Set it.")
    assert page([well, watch]).startswith("watch  clock  Off.")
    assert "Nothing is ill; 1 to watch." in page([well, watch])
