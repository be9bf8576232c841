"""The bell in the other role."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from devices.driver import SimulatorPorts, SimulatorSpec
from devices.scripted_actions import Action, NoArguments
from devices.transports.byte_stream import ByteStream
from edge.contract.device_states import DeviceClass
from edge.contract.errors import DeviceUnreachable


class SimulatedBellSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`answer`: what it says when it is asked."""

    answer: str = "ok"


class SimulatedBell:
    """Answers each question; `ring` rings it."""

    def __init__(self, settings: SimulatedBellSettings, _ports: SimulatorPorts) -> None:
        self._answer = settings.answer.encode() + b"\n"
        self._stream: ByteStream | None = None
        self.rung = 0

    async def attend(self, stream: ByteStream) -> None:
        self._stream = stream
        try:
            while data := await stream.read(64):
                for _ in range(data.count(b"?")):
                    await stream.write(self._answer)
        except DeviceUnreachable:
            pass
        finally:
            await stream.close()

    async def ring(self) -> None:
        self.rung += 1
        if self._stream is not None:
            await self._stream.write(b"ring\n")


def _shows(bell: SimulatedBell) -> dict[str, Any]:
    return {"rung": bell.rung}


SIMULATOR: Final = SimulatorSpec(
    name="dummy_bell",
    device_class=DeviceClass.SCANNER,
    settings=SimulatedBellSettings,
    build=SimulatedBell,
    actions={"ring": Action("Ring the bell.", NoArguments, lambda bell, _: bell.ring())},
    shows=_shows,
)
