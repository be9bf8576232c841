"""Drawers that were left open: said on their till until they are shut, logged and counted.

Whatever opened them, a sale or a key, and whatever they hang on: a printer or a port of their
own. A drawer whose device is not there is not known to be open.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from edge.contract.instant import Clock
from edge.contract.limits import (
    DRAWERS_LOOK_S,
)
from edge.flows.device_directory import DeviceDirectory
from edge.runtime.structured_log import Log


@dataclass
class OpenDrawers:
    """Watches the drawers of the directory; `open_s` is how long one may stand open, 0 for ever."""

    directory: DeviceDirectory
    clock: Clock
    log: Log
    open_s: int
    _since: dict[str, int] = field(default_factory=dict)

    @property
    def left_open(self) -> int:
        """How many are left open now."""
        return len(self.directory.left_open)

    async def run(self) -> None:
        """Look every `DRAWERS_LOOK_S`, until cancelled."""
        while self.open_s:
            self.look()
            await self.clock.sleep(DRAWERS_LOOK_S)

    def look(self) -> None:
        """Compare what is open with what was."""
        now = self.clock.monotonic_ms()
        drawers = [each for each in self.directory.devices if "drawer" in each.roles]
        known = {device.id for device in drawers}
        for given_up in [device for device in self._since if device not in known]:
            del self._since[given_up]
        for device in drawers:
            if self.directory.drawer(device.id) != "open":
                since = self._since.pop(device.id, now)
                if self.directory.mark_left_open(device.id, left_open=False):
                    self.log.info(
                        "drawer_shut", device=device.id, till=device.till, open_ms=now - since
                    )
                continue
            since = self._since.setdefault(device.id, now)
            if now - since < self.open_s * 1000:
                continue
            if self.directory.mark_left_open(device.id, left_open=True):
                self.log.warning(
                    "drawer_left_open", device=device.id, till=device.till, open_ms=now - since
                )
