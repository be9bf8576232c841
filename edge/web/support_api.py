"""What a technician takes home from the device wall: logs, recordings, a support bundle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, cast

from aiohttp import hdrs, web

from edge.contract.errors import Refused
from edge.contract.limits import (
    ID_CHARS_MAX,
)
from edge.contract.technician_views import DeviceLogView, RecordingBody, RecordingRequest
from edge.flows.access import CashierSession
from edge.flows.device_wall import DeviceWall
from edge.flows.saved_recordings import SavedRecordings
from edge.flows.support_bundle import SupportBundles
from edge.runtime.http_errors import json_response
from edge.runtime.http_guard import read_message
from edge.runtime.openapi import Route
from edge.web.caller import TECHNICIAN, till_caller

ZIP_TYPE: Final = "application/zip"


@dataclass(frozen=True)
class SupportApi:
    """The routes of it."""

    wall: DeviceWall
    recordings: SavedRecordings
    bundles: SupportBundles

    def routes(self) -> tuple[Route, ...]:
        """Return the route table of this part."""
        return (
            Route(
                method="GET",
                path="/api/v1/technician/devices/{device}/log",
                handler=self._log,
                summary="What happened with a device last, without anybody's data",
                access=TECHNICIAN,
                response=DeviceLogView,
                refusals={404: "No such device."},
            ),
            Route(
                method="POST",
                path="/api/v1/technician/devices/{device}/recordings",
                handler=self._record,
                summary="Save what a device's flight recorder holds, and fetch it",
                access=TECHNICIAN,
                request=RecordingRequest,
                response=RecordingBody,
                refusals={
                    404: "No such device.",
                    409: "Its machine does not answer.",
                    503: "The broker does not answer.",
                },
            ),
            Route(
                method="POST",
                path="/api/v1/technician/support-bundle",
                handler=self._bundle,
                summary="Versions, health, devices, log, recordings in one file without secrets",
                access=TECHNICIAN,
                gives=ZIP_TYPE,
                refusals={409: "Others are being made."},
            ),
        )

    async def _log(self, request: web.Request) -> web.Response:
        device = _device(request)
        known = next((each for each in self.wall.devices if each.id == device), None)
        if known is None:
            raise Refused(
                "device_unknown",
                f"This store has no device {device}.",
                advice="Look at the device wall again: it may have been given up meanwhile.",
                status=404,
                params={"device": device},
            )
        return json_response(self.wall.log.view(known.host, known.id))

    async def _record(self, request: web.Request) -> web.Response:
        wish = await read_message(request, RecordingRequest)
        who = _who(request)
        return json_response(await self.recordings.save(who.cashier, _device(request), wish))

    async def _bundle(self, request: web.Request) -> web.Response:
        bundle = await self.bundles.make(_who(request).cashier)
        return web.Response(
            body=bundle.content,
            content_type=ZIP_TYPE,
            headers={
                hdrs.CONTENT_DISPOSITION: f'attachment; filename="{bundle.name}"',
                hdrs.CACHE_CONTROL: "no-store",
            },
        )


def _who(request: web.Request) -> CashierSession:
    return cast("CashierSession", till_caller(request).session)  # the gate has seen to it


def _device(request: web.Request) -> str:
    return request.match_info["device"][:ID_CHARS_MAX]
