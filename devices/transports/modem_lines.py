"""The modem lines of a serial port: inputs `cts`, `dsr`, `ri`, `dcd`; outputs `dtr`, `rts`.

serialx opens a port with DTR and RTS on. It takes an error while reading the lines for "all
off", so a port whose own outputs read as off though they are driven is taken for gone.
"""

from __future__ import annotations

from typing import Any, Final, Protocol

from devices.transports.signal_lines import SignalLines, looked_at
from edge.contract.errors import DeviceUnreachable
from edge.contract.instant import Clock

_INPUTS: Final = {"cts": "cts", "dsr": "dsr", "rng": "ri", "car": "dcd"}
"""serialx's names and ours."""
OUTPUTS: Final = ("dtr", "rts")


class ModemPort(Protocol):
    """What is used of a transport of serialx."""

    async def get_modem_pins(self) -> Any:
        """Return an object with one attribute a pin: HIGH, LOW or UNDEFINED."""
        ...

    async def set_modem_pins(self, *, dtr: bool | None = ..., rts: bool | None = ...) -> None:
        """Set the pins that are not None."""
        ...


async def modem_lines(port: ModemPort, clock: Clock, name: str) -> SignalLines | None:
    """Return a port's lines; None when it has none, as a pseudo-terminal."""
    pins = await port.get_modem_pins()
    if all(getattr(pins, pin).to_bool() is None for pin in _INPUTS):
        return None
    shows_own = any(_on(pins, pin) for pin in OUTPUTS)
    return _ModemLines(port, clock, name, shows_own=shows_own)


class _ModemLines:
    def __init__(self, port: ModemPort, clock: Clock, name: str, *, shows_own: bool) -> None:
        import serialx  # noqa: PLC0415 - whoever has such a port has paid for it

        self._errors = (OSError, serialx.SerialException)
        self._port = port
        self._clock = clock
        self._name = name
        self._shows_own = shows_own
        self._driven = set(OUTPUTS)

    async def levels(self) -> frozenset[str]:
        try:
            pins = await self._port.get_modem_pins()
        except self._errors as error:
            raise self._gone() from error
        if self._shows_own and self._driven and not any(_on(pins, pin) for pin in self._driven):
            raise self._gone()
        return frozenset(name for pin, name in _INPUTS.items() if _on(pins, pin))

    async def changed(self, since: frozenset[str]) -> frozenset[str]:
        return await looked_at(self.levels, since, self._clock)

    async def drive(self, line: str, *, on: bool) -> None:
        if line not in OUTPUTS:
            raise ValueError(f"a serial port cannot drive {line!r}")
        try:
            await self._port.set_modem_pins(**{line: on})
        except self._errors as error:
            raise self._gone() from error
        (self._driven.add if on else self._driven.discard)(line)

    def _gone(self) -> DeviceUnreachable:
        return DeviceUnreachable(
            "port_gone",
            f"The port {self._name} is gone.",
            advice="Check its adapter and its cable.",
        )


def _on(pins: Any, pin: str) -> bool:
    return getattr(pins, pin).to_bool() is True
