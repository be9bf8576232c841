"""`tillbox demo`, from its arguments to a clean end."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import webbrowser
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp

from edge.demo.layout import (
    DEMO_SHOP,
    FIRST_TILL,
    LOOPBACK,
    OFFICE_USER,
    STORE,
    STORE_NUMBER,
    DemoLayout,
    find_mosquitto,
)
from edge.demo.processes import DemoFailedError, Processes, hold, run_once, tillbox
from edge.demo.walk_in import WalkIn
from edge.runtime.command_line import Command
from edge.runtime.pin_hash import load_pepper
from edge.runtime.structured_log import Log, open_log
from edge.runtime.supervisor import Supervisor
from edge.runtime.system_clock import SystemClock

_READY_S: Final = 60.0
_PORT_MAX: Final = 65_535
_TILLS_MAX: Final = 20


@dataclass(frozen=True)
class DemoOptions:
    """What the command line says."""

    data: Path
    port: int
    office_port: int
    ready_file: Path | None
    browser: bool
    broker: str
    tills: int = 2


def _port(text: str) -> int:
    plain = text.isascii() and text.isdigit() and len(text) <= len(str(_PORT_MAX))
    number = int(text) if plain else 0
    if not 0 < number <= _PORT_MAX:
        raise argparse.ArgumentTypeError(f"a port is a number from 1 to {_PORT_MAX}, not {text}")
    return number


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data", type=Path, default=Path(".demo"), help="where the demo keeps its files"
    )
    parser.add_argument("--port", type=_port, default=8080, help="the box: tills (8080)")
    parser.add_argument("--office-port", type=_port, default=8090, help="head office (8090)")
    parser.add_argument(
        "--ready-file", type=Path, help="write addresses and sessions here (JSON) when ready"
    )
    parser.add_argument("--no-browser", action="store_true", help="do not open a browser")
    parser.add_argument(
        "--broker",
        choices=("auto", "mosquitto", "embedded"),
        default="auto",
        help="the MQTT broker: Mosquitto where it is installed (auto)",
    )
    parser.add_argument(
        "--tills",
        type=int,
        choices=range(2, _TILLS_MAX + 1),
        default=2,
        metavar="N",
        help=f"tills of the shop, up to {_TILLS_MAX}; the hardware is the first one's (2)",
    )


def _run(namespace: argparse.Namespace) -> int:
    options = DemoOptions(
        namespace.data.resolve(),
        namespace.port,
        namespace.office_port,
        namespace.ready_file,
        not namespace.no_browser,
        namespace.broker,
        namespace.tills,
    )
    return asyncio.run(_demo(options, open_log("demo")))


async def _demo(options: DemoOptions, log: Log) -> int:
    clock = SystemClock()
    ending = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ending.set)
    mosquitto = find_mosquitto() if options.broker != "embedded" else None
    if options.broker == "mosquitto" and mosquitto is None:
        raise DemoFailedError("no_mosquitto", "Mosquitto is not installed on this machine.")
    layout = DemoLayout(
        options.data,
        options.port,
        options.office_port,
        embedded_broker=mosquitto is None,
        tills=options.tills,
    )
    async with Supervisor(clock, log) as tasks, aiohttp.ClientSession() as client:
        processes = Processes(layout.root, clock, log, tasks)
        _held = hold(layout.root)
        await processes.end_leftovers()
        layout.prepare()
        introduce_box_and_office(layout)
        starting = tasks.spawn("start", _start(layout, options, processes, client, mosquitto))
        stopped = tasks.spawn("signal", ending.wait())
        try:
            await asyncio.wait({starting, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                ready = starting.result()
                _announce(ready, options)
                await ending.wait()
        finally:
            starting.cancel()
            await asyncio.wait({starting})  # a child that is being made is known, or is gone
            await processes.stop()
            if options.ready_file is not None:
                options.ready_file.unlink(missing_ok=True)
    print("The demo has stopped. Its files stay in", options.data)  # noqa: T201 - for a person
    return 0


def introduce_box_and_office(layout: DemoLayout) -> None:
    """Do once what a technician and an owner do: keys, store, user. Repeating changes nothing."""
    load_pepper(layout.secret("pepper"))
    office = ("office", "--config", str(layout.config("office")))
    run_once(tillbox(*office, "init"), what="Setting head office up")
    keep = ("keep", "--config", str(layout.config("keep")))
    run_once(tillbox(*keep, "init"), what="Setting the second copy up")
    layout.write_edge(
        run_once(tillbox(*office, "key"), what="Reading head office's key"),
        run_once(tillbox(*keep, "key"), what="Reading the second copy's key"),
    )
    box_key = run_once(
        tillbox("edge", "--config", str(layout.config("edge")), "key"), what="Making the box key"
    )
    run_once(
        tillbox(
            *keep,
            "add-box",
            *("--store-number", str(STORE_NUMBER), "--slug", STORE, "--box-key", box_key),
        ),
        what="Introducing the box to the second copy",
    )
    run_once(
        tillbox(
            *office,
            "add-store",
            *("--store", STORE, "--number", str(STORE_NUMBER)),
            *("--name", "Harbour Street", "--box-key", box_key),
        ),
        what="Registering the store",
    )
    run_once(
        tillbox(
            *office,
            "add-user",
            *("--user", OFFICE_USER, "--password-file", str(layout.secret("office.password"))),
        ),
        what="Making the head-office user",
    )


async def _start(
    layout: DemoLayout,
    options: DemoOptions,
    processes: Processes,
    client: aiohttp.ClientSession,
    mosquitto: str | None,
) -> dict[str, Any]:
    walk_in = WalkIn(client, SystemClock())
    broker = (
        [mosquitto, "-c", str(layout.mosquitto_conf)]
        if mosquitto
        else tillbox("broker", "--config", str(layout.config("broker")))
    )
    await processes.start("broker", broker)
    for name in ("office", "keep", "counter", "devices", "edge", "sync"):
        await processes.start(name, tillbox(name, "--config", str(layout.config(name))))
    edge = f"http://{LOOPBACK}:{options.port}"
    office = f"http://{LOOPBACK}:{options.office_port}"
    await walk_in.until_answers(f"{office}/health", what="Head office", seconds=_READY_S)
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(None, load_shop, layout, office)
    await walk_in.until_answers(f"{edge}/health", what="The box", seconds=_READY_S)
    token = layout.secret("service.token").read_text()
    code = await walk_in.enrolment_code(edge, token, FIRST_TILL)
    pins = {
        person["id"]: person["demo_pin"]
        for person in json.loads((DEMO_SHOP / "staff.json").read_text("utf-8"))
    }
    cashier = next(iter(pins))
    session = await walk_in.till_session(
        edge, code, cashier, pins[cashier], layout.secret("session.json")
    )
    await walk_in.until_devices_well(edge, FIRST_TILL, session, seconds=_READY_S)
    password = layout.secret("office.password").read_text()
    counter = f"http://{LOOPBACK}:{layout.ports['counter']}"
    return {
        "till_url": f"http://localhost:{options.port}/till/#enrol={code}",
        "counter_url": f"http://localhost:{layout.ports['counter']}/",
        "office_url": f"http://localhost:{options.office_port}/",
        "edge_api": edge,
        "office_api": office,
        "counter_api": counter,
        "ledger": str(layout.ledger),
        "till": FIRST_TILL,
        "pins": pins,
        "session": session,
        "office_session": await walk_in.office_session(office, OFFICE_USER, password),
        "office_user": OFFICE_USER,
        "office_password": password,
        "store": STORE,
        "broker": "mosquitto" if mosquitto else "embedded",
        "pids_file": str(processes.pids_file),
    }


def load_shop(layout: DemoLayout, office: str) -> None:
    """Give head office the demo's goods, prices and people."""
    run_once(
        tillbox(
            *("office", "--config", str(layout.config("office")), "load", str(DEMO_SHOP)),
            *("--url", office, "--user", OFFICE_USER),
            *("--password-file", str(layout.secret("office.password"))),
            *("--pepper", str(layout.secret("pepper"))),
        ),
        what="Loading the demo shop",
    )


def _announce(ready: dict[str, Any], options: DemoOptions) -> None:
    people = ", ".join(f"{person} {pin}" for person, pin in ready["pins"].items())
    print(  # noqa: T201 - for a person
        f"""
Tillbox is ready. Open these two beside each other:

  the till      {ready["till_url"]}
  the counter   {ready["counter_url"]}   (goods to scan, paper, card terminal, drawer)

then look at head office:

  head office   {ready["office_url"]}
                user {ready["office_user"]}, password {ready["office_password"]}

Sign in at the till as: {people}
Click an article on the counter, take the money at the till, watch head office.
Files: {options.data}   broker: {ready["broker"]}   stop with Ctrl-C.
""",
        flush=True,
    )
    if options.ready_file is not None:
        draft = options.ready_file.with_name(f".{options.ready_file.name}.draft")
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(ready, indent=2), "utf-8")
        draft.replace(options.ready_file)
    if options.browser:
        for page in ("till_url", "counter_url"):
            webbrowser.open(ready[page])


COMMAND: Final = Command(
    "demo", "the whole shop on this machine, with simulated hardware", _configure, _run
)
