"""`devices/DRIVERS.md`: every driver, what it can do and how well it is proven."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import msgspec

from devices import driver_catalogue
from devices.driver import DriverSpec, Replay, Rung

FILE: Final = Path(__file__).parents[2] / "devices" / "DRIVERS.md"
HEAD: Final = """# Drivers

Written by `make golden` from the drivers themselves.

How well a driver is proven: *simulated*, against a simulator written from the wire facts in the
opposite role; *bench*, on a real device whose model and firmware are named; *in shops*. What its
flight recorder keeps can be played again whole (`tillbox devices replay`), played with card data
blanked, or read by people only. `tillbox simulate NAME --actions` says what its simulator can play.
"""
RUNGS: Final = {Rung.SIMULATED: "simulated", Rung.BENCH: "bench", Rung.IN_SHOPS: "in shops"}
REPLAYS: Final = {
    Replay.WHOLE: "played whole",
    Replay.REDACTED: "played, card data blanked",
    Replay.READ_ONLY: "read by people",
}


def text() -> str:
    """Return the page, a section for each class of devices."""
    specs: list[DriverSpec[Any]] = [
        driver_catalogue.driver(name) for name in driver_catalogue.driver_names()
    ]
    parts = [HEAD]
    for device_class in sorted({spec.device_class for spec in specs}):
        parts.append(f"\n## {device_class.value}\n")
        parts += [_section(spec) for spec in specs if spec.device_class is device_class]
    return "".join(parts)


def _section(spec: DriverSpec[Any]) -> str:
    rows = [
        ("for", spec.model),
        ("proven", RUNGS[spec.rung]),
        ("jobs", ", ".join(f"`{kind.value}`" for kind in sorted(spec.job_kinds))),
        ("can", ", ".join(f"`{each}`" for each in spec.capabilities) or "nothing beyond its jobs"),
        ("recordings", REPLAYS[spec.replay]),
        ("example", f"`{msgspec.json.encode(_shown(spec.example)).decode()}`"),
    ]
    table = "".join(f"| {name} | {text} |\n" for name, text in rows)
    return f"\n### {spec.name}\n\n| | |\n|---|---|\n{table}"


def _shown(example: msgspec.Struct) -> dict[str, object]:
    """Return what has to be set: the rest has defaults."""
    values = {field.name: getattr(example, field.name) for field in msgspec.structs.fields(example)}
    return {
        field.name: _in_a_shop(values[field.name])
        for field in msgspec.structs.fields(example)
        if field.required or values[field.name] != field.default
    }


def _in_a_shop(value: object) -> object:
    """Return a setting as a shop has it: files of ours that tests use lie in its own folder."""
    ours = isinstance(value, str) and value.startswith(str(FILE.parent))
    return f"/etc/tillbox/{Path(str(value)).name}" if ours else value


def write() -> None:
    """Write the page."""
    FILE.write_text(text(), "utf-8")
