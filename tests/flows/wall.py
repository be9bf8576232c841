"""A box with its device wall, and a host that says what it can run: the technician's side."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

from edge.contract.device_messages import JobKind
from edge.contract.device_states import (
    ONLINE,
    DriverOffer,
    FoundDevice,
    HostInfo,
    SettingKind,
    SettingOffer,
)
from edge.contract.wire import encode
from edge.runtime.memory_bus import MemoryBroker
from tests.flows.box import PIN, Box, selling_box
from tests.flows.fake_host import FakeHost, fake_host, until_view

ADDRESS = SettingOffer("address", SettingKind.TEXT, required=True)
FOUND = FoundDevice(
    "serial:///dev/serial/by-id/usb-Symbol_X-if00",
    "Symbol Bar Code Scanner",
    "scanner_serial",
    ("scale_cas", "scanner_serial"),
    "serial",
    "05e0:1701",
    "S1",
)
OFFERS = (
    DriverOffer(
        "printer_escpos",
        "printer",
        settings=(ADDRESS, SettingOffer("columns", SettingKind.NUMBER, low=24, high=96)),
        capabilities=("print", "drawer"),
        job_kinds=(JobKind.CHECK_HEALTH, JobKind.KICK_DRAWER, JobKind.PRINT_RECEIPT),
    ),
    DriverOffer(
        "scanner_serial",
        "scanner",
        "any scanner on a serial line",
        settings=(ADDRESS,),
        job_kinds=(JobKind.CHECK_HEALTH,),
    ),
    DriverOffer("scale_cas", "scale", settings=(ADDRESS,), job_kinds=(JobKind.CHECK_HEALTH,)),
    DriverOffer(
        "terminal_zvt",
        "terminal",
        settings=(ADDRESS,),
        job_kinds=(JobKind.AUTHORISE_PAYMENT, JobKind.CHECK_HEALTH),
    ),
)
PRINTER_2 = {
    "host": "box",
    "driver": "printer_escpos",
    "till": "till-2",
    "roles": ["printer", "drawer"],
    "settings": {"address": "tcp://192.0.2.8:9100"},
    "name": "Bar",
}
_NUMBERS = itertools.count(1)
SCREEN = Path(__file__).parents[2] / "edge" / "screens" / "technician"
ENGLISH = (SCREEN / "words" / "en.js").read_text("utf-8")
PAGE = (SCREEN / "access.js").read_text("utf-8")


class Wall:
    """What a technician's page does."""

    def __init__(self, box: Box, host: FakeHost) -> None:
        self.box = box
        self.host = host

    async def sign_in(self, person: str = "tech", pin: str = PIN) -> tuple[int, Any]:
        return await self.box.call(
            "POST", "/api/v1/technician/session", {"cashier": person, "pin": pin}
        )

    async def wish(self, path: str = "", *, command_id: str = "", **fields: Any) -> tuple[int, Any]:
        body = {"command_id": command_id or f"wish-{next(_NUMBERS):06d}", **fields}
        status, answer = await self.box.call("POST", f"/api/v1/technician/devices{path}", body)
        if status >= HTTPStatus.BAD_REQUEST and isinstance(answer, dict):
            # whatever is ever refused here, a technician reads in words
            assert f"  refusal_{answer['code']}: " in ENGLISH or f'"{answer["code"]}"' in PAGE, (
                answer
            )
        return status, answer

    async def view(self) -> Any:
        status, view = await self.box.call("GET", "/api/v1/technician/devices")
        assert status == 200, view
        return view

    async def device(self, device: str) -> Any:
        return next(each for each in (await self.view())["devices"] if each["id"] == device)

    async def until_device(self, device: str, what: str, **wanted: Any) -> Any:
        def fits(view: Any) -> bool:
            return any(
                each["id"] == device and wanted.items() <= each.items() for each in view["devices"]
            )

        await until_view(self.view, fits, what=what)
        return await self.device(device)

    async def inform(self, boot: str = "boot-1", **more: Any) -> None:
        info = HostInfo("0.1.0", boot, **{"found": (FOUND,), "drivers": OFFERS, **more})
        await self.host.bus.publish(self.host.topics.info, encode(info), retain=True)

    async def say(self, topic: str, payload: bytes = ONLINE, *, retain: bool = True) -> None:
        await self.host.bus.publish(topic, payload, retain=retain)

    def configured(self) -> dict[str, Any]:
        config = self.host.config
        return {each.id: each for each in config.devices} if config else {}


@asynccontextmanager
async def wall(
    folder: Path, *, broker: MemoryBroker | None = None, signed_in: bool = True, **changes: Any
) -> AsyncIterator[Wall]:
    """Run a box and a host that offers drivers, with the technician signed in."""
    broker = broker or MemoryBroker()
    async with selling_box(folder, broker=broker, **changes) as box, fake_host(broker) as host:
        made = Wall(box, host)
        await made.inform()
        if signed_in:
            status, body = await made.sign_in()
            assert status == 200, body
            await until_view(
                made.view,
                lambda view: any(each["found"] for each in view["hosts"]),
                what="the host was heard",
            )
        yield made
