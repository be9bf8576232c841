"""A support bundle: one file with what somebody far away needs to find a fault, and nobody's data.

Versions, how the box and its devices are, counters, the newest lines of the log, and what the
flight recorders hold. What may leave is decided by `edge.engine.redaction`; here is only put
together what was built to be shown, never a file of the box.
"""

from __future__ import annotations

import asyncio
import io
import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from edge.contract.device_limits import (
    BUNDLE_BYTES_MAX,
    BUNDLES_MADE_MAX,
)
from edge.contract.errors import Refused, TillboxError
from edge.contract.identity import Ids
from edge.contract.instant import Clock, iso_utc
from edge.contract.technician_views import RecordingRequest, WallDevice, WallView
from edge.engine.redaction import Redactor
from edge.flows.device_wall import DeviceWall
from edge.flows.saved_recordings import SavedRecordings
from edge.runtime.log_tail import LogTail
from edge.runtime.metrics import Metrics
from edge.runtime.structured_log import Log

_ABOUT: Final = """\
Tillbox support bundle of {store}, made {at}.

versions.json        programs, machine, drivers of each host
health.json          the parts of the box, with words and a next step
wall.json            every device as it is now, and what was found
metrics.txt          counters
log.jsonl            the newest lines of the box's log
devices/ID/log.jsonl the newest things that happened with a device
devices/ID/recording.jsonl  what its flight recorder holds

Left out on purpose: names of people, PINs, keys and other secrets, sums of money of terminals, card
numbers, what was scanned, printed or shown. A whole recording is saved on the wall, device by
device; it has what was scanned and printed.
"""
_WALL_KEPT: Final = (
    "id", "host", "driver", "till", "roles", "fixed", "device_class", "model", "serial_number",
    "firmware", "address", "settings", "state", "well", "code", "words", "advice", "paper",
    "cover", "drawer", "weight", "jobs_waiting", "last_scan_at", "statistics", "tests", "ends_day",
    "records", "noted",
)  # fmt: skip
"""Of a device on the wall. Not here: what people call it, and what it scanned last."""
_DAY_KEPT: Final = ("state", "code", "outcome", "at", "told", "inferred")


@dataclass(frozen=True)
class Bundle:
    """A file to be saved: its name, and its bytes."""

    name: str
    content: bytes


@dataclass
class SupportBundles:
    """Puts bundles together. `names` are those of the shop's people, `secrets` of the box."""

    store: str
    wall: DeviceWall
    recordings: SavedRecordings
    metrics: Metrics
    tail: LogTail
    names: Callable[[], Iterable[str]]
    secrets: tuple[str, ...]
    ids: Ids
    clock: Clock
    log: Log
    _under_way: int = 0

    async def make(self, actor: str) -> Bundle:
        """Return a bundle; raises Refused when several are being made.

        A recording that cannot be had in time is left out, and said to be.
        """
        if self._under_way >= BUNDLES_MADE_MAX:
            raise Refused(
                "busy", "Support bundles are being made already.", advice="Wait a moment."
            )
        self._under_way += 1
        try:
            self.log.info("support_bundle_asked", by=actor)
            view, at = self.wall.view(), self.clock.now_ms()
            asked = [each for each in view.devices if each.records]
            told = await asyncio.gather(*(self._recording(actor, each) for each in asked))
            bundled = self._bundle(view, at, dict(zip((e.id for e in asked), told, strict=True)))
        finally:
            self._under_way -= 1
        stamp = datetime.fromtimestamp(at / 1000, tz=UTC).strftime("%Y%m%d-%H%M%S")
        return Bundle(f"tillbox-support-{self.store}-{stamp}.zip", bundled)

    async def _recording(self, actor: str, device: WallDevice) -> tuple[str, str]:
        """Return a device's recording as it came, and why there is none."""
        try:
            body = await self.recordings.save(actor, device.id, RecordingRequest(self.ids.new()))
        except TillboxError as error:
            return "", str(error)
        if body.outcome != "done":
            return "", f"{body.words} {body.advice}"
        return body.content, "" if body.content else f"It lies on {body.host} as {body.file}."

    def _bundle(self, view: WallView, at: int, recordings: dict[str, tuple[str, str]]) -> bytes:
        clean = Redactor(self.names(), self.secrets)
        made = _Files()
        about = _ABOUT.format(store=self.store, at=iso_utc(at))
        made.add("versions.json", _json(clean.plain(_versions(view))))
        made.add("health.json", _json(clean.plain(_built(view.box.parts))))
        made.add("wall.json", _json(clean.plain(_wall(view))))
        made.add("metrics.txt", self.metrics.render().decode())
        made.add("log.jsonl", "".join(f"{clean.log_line(line)}\n" for line in self.tail.lines()))
        missing = []
        for device in view.devices:
            noted = self.wall.log.view(device.host, device.id).entries
            lines = (msgspec.json.encode(clean.plain(_built(each))).decode() for each in noted)
            made.add(f"devices/{device.id}/log.jsonl", "".join(f"{line}\n" for line in lines))
            content, why = recordings.get(device.id, ("", "Its machine does not answer."))
            if content:
                told = clean.recording(content, device.device_class)
                made.add(f"devices/{device.id}/recording.jsonl", "".join(f"{e}\n" for e in told))
            else:
                missing.append(f"{device.id}: no recording. {clean.text(why)}")
        missing += [f"{name}: over the limit of a bundle." for name in made.over]
        if missing:
            about += "\nNot here, though it should be:\n" + "\n".join(missing) + "\n"
        return made.packed(about, at)


class _Files:
    """The files of a bundle, within its limit; `over` are those that had no room."""

    def __init__(self) -> None:
        self._files: dict[str, bytes] = {}
        self._bytes = 0
        self.over: list[str] = []

    def add(self, name: str, content: str) -> None:
        data = content.encode()
        if self._bytes + len(data) > BUNDLE_BYTES_MAX:
            self.over.append(name)
            return
        self._bytes += len(data)
        self._files[name] = data

    def packed(self, about: str, at: int) -> bytes:
        moment = datetime.fromtimestamp(at / 1000, tz=UTC).timetuple()[:6]
        into = io.BytesIO()
        with zipfile.ZipFile(into, "w", zipfile.ZIP_DEFLATED) as packing:
            for name, data in {"README.txt": about.encode(), **self._files}.items():
                packing.writestr(zipfile.ZipInfo(name, moment), data, zipfile.ZIP_DEFLATED)
        return into.getvalue()


def _versions(view: WallView) -> dict[str, Any]:
    box = _built(view.box)
    del box["parts"]
    hosts = [
        {
            "name": host.name,
            "online": host.online,
            "version": host.version,
            "drivers": [
                {"name": each.offer.name, "class": each.offer.device_class, "rung": each.offer.rung}
                for each in host.drivers
            ],
        }
        for host in view.hosts
    ]
    return {"box": box, "hosts": hosts, "tills": view.tills, "bus": view.bus}


def _wall(view: WallView) -> dict[str, Any]:
    devices = []
    for device in view.devices:
        told = _built(device)
        kept = {name: told[name] for name in _WALL_KEPT}
        if device.day is not None:
            kept["day"] = {name: told["day"][name] for name in _DAY_KEPT}
        devices.append(kept)
    found = {host.name: _built(host.found) for host in view.hosts}
    return {"at": iso_utc(view.at), "devices": devices, "found": found}


def _built(value: Any) -> Any:
    return msgspec.to_builtins(value)


def _json(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=1).decode() + "\n"
