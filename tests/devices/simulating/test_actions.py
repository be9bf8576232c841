"""What each simulator offers to scripts does what it says, to the real simulator."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from devices import driver_catalogue
from devices.driver import SimulatorPorts
from devices.scripted_actions import Action, NoArguments, described, read_play, usage
from devices.simulating.stage import actions_of, common_actions, settings_of
from devices.simulators.printer_escpos import Paper, SimulatedPrinter
from devices.simulators.scale_cas import SimulatedScale
from devices.simulators.scanner_serial import SYMBOLOGY_TO_AIM, Symbology
from devices.simulators.terminal_zvt.scripts import Point
from devices.simulators.terminal_zvt.terminal import SimulatedTerminal
from devices.transports.memory_pipe import memory_pipe
from edge.contract.errors import DeviceUnreachable, Refused, SettingsInvalid
from edge.runtime.structured_log import open_log
from tests.devices.virtual_clock import VirtualClock

NAMES = driver_catalogue.simulator_names()


def built(name: str, **settings: Any) -> Any:
    spec = driver_catalogue.simulator(name)
    ports = SimulatorPorts(VirtualClock(), open_log("test", io.StringIO()))
    return spec.build(settings_of(spec, settings), ports)


async def play(name: str, device: object, action: str, **args: Any) -> None:
    spec = driver_catalogue.simulator(name)
    await read_play(spec.actions, action, args).on(device)


@pytest.mark.parametrize("name", NAMES)
def test_every_simulator_offers_actions_and_shows_itself(name: str) -> None:
    spec = driver_catalogue.simulator(name)
    assert spec.actions, f"{name} offers no actions: give SimulatorSpec.actions"
    assert set(spec.actions) < set(actions_of(spec))
    for action in spec.actions.values():
        assert action.words.endswith(".")
        assert action.args.__struct_config__.forbid_unknown_fields
    assert len(list(described(spec.actions))) == 2 * len(spec.actions)
    shown = spec.shows(spec.build(spec.settings(), SimulatorPorts(VirtualClock(), open_log("t"))))
    assert shown
    assert msgspec.json.decode(msgspec.json.encode(shown))


def test_a_simulator_that_takes_the_name_of_a_common_action_is_a_defect() -> None:
    spec = driver_catalogue.simulator("scale_cas")
    taken = replace(spec, actions={"line_cut": Action("Cut.", NoArguments, lambda _d, _a: None)})
    with pytest.raises(ValueError, match="line_cut"):
        actions_of(taken)


def test_usage_says_what_an_action_takes() -> None:
    spec = driver_catalogue.simulator("terminal_zvt")
    assert usage("approve", spec.actions["approve"]) == "approve"
    assert usage("manners", spec.actions["manners"]) == (
        "manners delay_ms=INTEGER (0) fragment=BOOLEAN (false) coalesce=BOOLEAN (false)"
    )
    points = "|".join(sorted(Point))
    assert usage("cut_at", spec.actions["cut_at"]) == f"cut_at point={points}"
    assert usage("line_cut", common_actions()["line_cut"]) == "line_cut for_s=NUMBER (1.0)"


@pytest.mark.parametrize("name", NAMES)
def test_settings_that_do_not_fit_are_refused_with_those_there_are(name: str) -> None:
    spec = driver_catalogue.simulator(name)
    with pytest.raises(SettingsInvalid, match="It takes: ") as caught:
        settings_of(spec, {"colour": "red"})
    assert ", ".join(spec.settings.__struct_fields__) in caught.value.advice


# --- the scale ----------------------------------------------------------------------------


async def test_goods_are_put_on_the_scale_and_its_unit_changes() -> None:
    scale: SimulatedScale = built("scale_cas")
    await play("scale_cas", scale, "put", grams=1_234)
    assert scale.block() == b"\x01\x02S 01.234kg\x0c\x03\x04".replace(b"\x0c", _bcc(b"S 01.234kg"))
    await play("scale_cas", scale, "put", grams=5, swaying=True)
    assert not scale.still
    await play("scale_cas", scale, "fault", fault="wrong_unit")
    assert b"lb" in scale.block()
    await play("scale_cas", scale, "refuse")
    assert scale.refuses
    await play("scale_cas", scale, "refuse", on=False)
    assert not scale.refuses
    shown = driver_catalogue.simulator("scale_cas").shows(scale)
    assert shown == {
        "grams": 5,
        "still": False,
        "overloaded": False,
        "unit": "lb",
        "fault": "wrong_unit",
        "asked": 0,
    }


def _bcc(text: bytes) -> bytes:
    total = 0
    for byte in text:
        total ^= byte
    return bytes([total])


# --- the scanner --------------------------------------------------------------------------


async def test_a_label_is_read_and_bytes_are_typed_as_they_are() -> None:
    scanner = built("scanner_serial", send_aim=True)
    with pytest.raises(DeviceUnreachable):
        await play("scanner_serial", scanner, "scan", text="1")
    pipe = memory_pipe()
    scanner._stream = pipe.far
    await play("scanner_serial", scanner, "scan", text="4006381333931")
    assert await pipe.near.read(100) == b"]E04006381333931\r"
    await play("scanner_serial", scanner, "scan", text="ABC", symbology="qr")
    assert await pipe.near.read(100) == b"]Q1ABC\r"
    await play("scanner_serial", scanner, "type", hex="00fF1d")
    assert await pipe.near.read(100) == b"\x00\xff\x1d"
    shown = driver_catalogue.simulator("scanner_serial").shows(scanner)
    assert shown == {"connected": True, "scanned": 3}


def test_every_symbology_of_the_scanner_can_be_named() -> None:
    assert set(SYMBOLOGY_TO_AIM) | {""} == set(Symbology.__args__)  # type: ignore[attr-defined]


# --- the printer --------------------------------------------------------------------------


async def test_hands_on_the_printer_are_felt_by_its_sensors() -> None:
    printer: SimulatedPrinter = built("printer_escpos")
    for action, paper in (
        ("paper_out", Paper.OUT),
        ("paper_near_end", Paper.NEAR_END),
        ("paper_ok", Paper.OK),
    ):
        await play("printer_escpos", printer, action)
        assert printer.paper is paper
    await play("printer_escpos", printer, "cover_open")
    assert printer.cover_open
    await play("printer_escpos", printer, "cover_closed")
    assert not printer.cover_open
    await play("printer_escpos", printer, "trouble", cutter_jammed=True)
    assert printer._mechanics.cutter_jammed
    await play("printer_escpos", printer, "trouble", hot=True)
    assert (printer._mechanics.cutter_jammed, printer._mechanics.hot) == (False, True)
    await play("printer_escpos", printer, "trouble")
    assert not printer._mechanics.offline


async def test_the_printers_drawer_is_opened_shut_and_locked() -> None:
    printer: SimulatedPrinter = built("printer_escpos")
    await play("printer_escpos", printer, "drawer_open")
    assert printer.drawer_open
    await play("printer_escpos", printer, "drawer_close")
    assert not printer.drawer_open
    await play("printer_escpos", printer, "drawer_lock")
    assert printer.drawer_locked
    await play("printer_escpos", printer, "drawer_lock", locked=False)
    assert not printer.drawer_locked


async def test_the_paper_runs_out_and_power_goes_in_the_middle_of_a_receipt() -> None:
    printer: SimulatedPrinter = built("printer_escpos")
    await play("printer_escpos", printer, "paper_lasts", lines=2)
    printer._receive(b"one\ntwo\nthree\n")
    printer._work()
    assert (printer.current(), printer.paper) == (["one", "two"], Paper.OUT)
    shown = driver_catalogue.simulator("printer_escpos").shows(printer)
    assert shown["hanging"] == ["one", "two"]
    assert shown["waiting_bytes"] == 6
    await play("printer_escpos", printer, "power_cycle")
    assert printer.waiting_bytes == 0
    await play("printer_escpos", printer, "drop_after", bytes=3)
    printer._receive(b"abcdef")
    assert printer.waiting_bytes == 3
    printer._attended, printer._hang_up = True, False
    await play("printer_escpos", printer, "hang_up")
    assert printer._hang_up


# --- the terminal -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "script"),
    [
        ("approve", "approve"),
        ("decline", "decline"),
        ("stop_key", "abort"),
        ("no_answer", "silent"),
        ("cut_before_result", "cut_before_result"),
        ("cut_after_approval", "cut_after_approval"),
        ("approve_after_cut", "approve_after_cut"),
    ],
)
async def test_the_next_payment_goes_as_the_script_says(action: str, script: str) -> None:
    terminal: SimulatedTerminal = built("terminal_zvt")
    await play("terminal_zvt", terminal, action)
    assert terminal.next_script == script
    assert driver_catalogue.simulator("terminal_zvt").shows(terminal)["next"] == script


async def test_the_terminal_waits_for_keys_stalls_and_has_manners() -> None:
    terminal: SimulatedTerminal = built("terminal_zvt")
    await play("terminal_zvt", terminal, "ask")
    assert terminal.mode == "ask"
    with pytest.raises(Refused, match="No payment waits"):
        await play("terminal_zvt", terminal, "press", key="approve")
    terminal.pending_minor = 100
    await play("terminal_zvt", terminal, "press", key="decline")
    assert terminal._decision == "decline"
    await play("terminal_zvt", terminal, "ask", on=False)
    assert terminal.mode == "automatic"
    await play("terminal_zvt", terminal, "cut_at", point="booked")
    await play("terminal_zvt", terminal, "stall_at", point="told", seconds=2)
    assert (terminal.cut_at, terminal.stall_at, terminal.stall_s) == (Point.BOOKED, Point.TOLD, 2)
    manners = terminal.manners
    await play("terminal_zvt", terminal, "manners", delay_ms=5, fragment=True)
    assert (manners.delay_ms, manners.fragment, manners.coalesce) == (5, True, False)
    await play("terminal_zvt", terminal, "manners", coalesce=True)
    assert (manners.delay_ms, manners.fragment, manners.coalesce) == (0, False, True)
    await play("terminal_zvt", terminal, "abort_instead_of_completion")
    assert terminal.abort_instead_of_completion
