"""German counter scales with Dialog 06, as far as it goes without its certified part.

The scale weighs at a price that the till sends, once for each time goods were moved on it: it
has no live weight, and a second weighing of the same goods is refused by the scale itself. One
that demands the certified part gives no weight to a till that cannot prove it is certified; the
driver then says that, and never pretends.

A tare is told to the scale only where somebody who knows it says that it takes it off
(`takes_tare`): one that heeds no tare answers just so with the gross weight. Where it is told it
is told each time, 0 too: whether a price without a tare ends the one before is not written down.
"""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
from msgspec import Meta
from typing_extensions import override

from devices.driver import DriverPorts, DriverSpec, Rung
from devices.protocols.scale_dialog06 import (
    ASK_RESULT,
    ASK_STATUS,
    KILOGRAMS,
    ChecksumsWanted,
    Record,
    Status,
    Weighed,
    adds_up,
    answers,
    price_record,
    tare_record,
)
from devices.protocols.scale_dialog06 import Sign as Byte
from devices.protocols.weight_readings import Reading, Trouble
from devices.transports.addresses import connector_to
from devices.transports.byte_stream import ByteStream
from devices.weighing.live_scale import SCALE_JOBS, LiveScale, Sign
from edge.contract.device_limits import (
    SCALE_PRICE_MINOR_MAX,
    SCALE_TARE_G_MAX,
)
from edge.contract.device_messages import WeighArgs
from edge.contract.device_states import WEIGHT_AT_PRICE, DeviceClass, WeightState
from edge.contract.errors import DeviceNeedsPerson

_CERTIFIED: Final = Trouble(
    "scale_wants_certified_till",
    "The scale demands the certified part of Dialog 06: checksums that only its maker and a "
    "certified till know.",
    "A certified module is required, which Tillbox has not. Have the scale set to work without "
    "checksums where that is allowed, or use another scale; until then, type the weight.",
)
_NOT_MOVED: Final = Trouble(
    "scale_not_moved",
    "What lies on the scale was weighed already and has not been moved since.",
    "Take it off, put the next goods on and weigh again.",
)
_NO_PRICE: Final = Trouble(
    "scale_wants_price",
    "This scale weighs only at a price, and the price per kilogram is not known to it.",
    "Weigh an article that has a price of at most six digits, or type the weight.",
)
_REFUSES_PRICE: Final = Trouble(
    "scale_refuses_price",
    "The scale does not take the price per kilogram.",
    "Have its number of decimals set to those of the currency; until then, type the weight.",
)
_OTHER_DIALOG: Final = Trouble(
    "scale_other_dialog",
    "The scale does not know the records of Dialog 06 that it is sent.",
    "Have the scale set to Dialog 06; until then, type the weight.",
)
_REFUSES_TARE: Final = Trouble(
    "scale_refuses_tare",
    "The scale does not take this tare from the till.",
    "Put the tare right: a scale takes steps of its own, up to a limit. If it takes none at all, "
    "have `takes_tare` switched off in its settings; until then, type the weight.",
)
_TARE_TOO_LARGE: Final = Trouble(
    "scale_tare_too_large",
    "The tare is more than what lies on the scale.",
    "Put the goods on in their container, or put the tare right, and weigh again.",
)
_UNSTABLE: Final = Reading(WeightState.UNSTABLE)
_MEANS: Final[dict[str, Reading | Trouble]] = {
    "10": _OTHER_DIALOG,
    "11": _REFUSES_PRICE,
    "12": _OTHER_DIALOG,
    "13": _OTHER_DIALOG,
    "20": _UNSTABLE,
    "21": _NOT_MOVED,
    "22": _UNSTABLE,
    "30": Reading(WeightState.STABLE),  # too little to weigh is nothing to sell
    "31": Reading(WeightState.BELOW_ZERO),
    "32": Reading(WeightState.OVERLOAD),
}
"""Record 09 of an operation that gave no weight; `00` to `02` and others: it is begun anew."""
_MEANS_TOLD: Final = {**_MEANS, "10": _REFUSES_TARE, "12": _REFUSES_TARE}
"""The same of one that was told a tare."""
_BELOW_ZERO: Final = "31"


class ScaleDialog06Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`address` as in `devices.transports.addresses`; usually 9600 7O1.

    `amount_step_minor`: what the scale rounds amounts to, 5 where nothing smaller is paid.
    `takes_tare`: it takes off the tare that the till tells it, as its manual says and a try shows;
    without it the till takes the tare off, and the scale shows what the goods cost before.
    """

    address: str
    amount_step_minor: Annotated[int, Meta(ge=1, le=100)] = 1
    takes_tare: bool = False


class ScaleDialog06(LiveScale):
    """Asks how the scale is, and while a weighing waits, for the result at its price."""

    kind = "a scale with Dialog 06"
    language = "Dialog 06 at 9600 baud, 7 bits, odd parity"
    agree = 1  # a result is given once; price and amount must fit the weight

    def __init__(self, settings: ScaleDialog06Settings, ports: DriverPorts) -> None:
        super().__init__(ports)
        self._settings = settings
        self._answers = answers()
        self._wishes = 0
        """Weighings so far: what comes of one is never another's."""
        self._price_minor = 0
        """The price of the weighing that waits; 0: none does."""
        self._tare_g = 0
        """Its tare."""
        self._taken = 0
        """The weighing whose price the scale took and gave no result for."""
        self._demands = False

    @override
    async def serve(self, stream: ByteStream) -> None:
        self._taken, self._demands = 0, False
        await super().serve(stream)

    @override
    def begin_weighing(self, args: WeighArgs) -> None:
        if not 0 < args.price_minor <= SCALE_PRICE_MINOR_MAX:
            raise DeviceNeedsPerson(_NO_PRICE.code, _NO_PRICE.words, advice=_NO_PRICE.advice)
        if self.tare_taken_g(args) > SCALE_TARE_G_MAX:
            trouble = _REFUSES_TARE
            raise DeviceNeedsPerson(trouble.code, trouble.words, advice=trouble.advice)
        self._wishes += 1
        self._price_minor, self._tare_g = args.price_minor, args.tare_g

    @override
    def tare_taken_g(self, args: WeighArgs) -> int:
        return args.tare_g if self._settings.takes_tare else 0

    @override
    def end_weighing(self) -> None:
        self._price_minor = 0

    @override
    async def ask(self, stream: ByteStream) -> Reading | Trouble | Sign | None:
        if not self._price_minor:
            return await self._look(stream)
        wish = self._wishes
        heard = await self._weigh_at(stream, wish, self._price_minor, self._tare_g)
        if heard != _UNSTABLE:
            self._taken = 0  # 20 and 22 ask for the result again, all else begins anew
        waits = self._price_minor and wish == self._wishes
        return heard if waits or heard is None else Sign.LIFE

    async def _look(self, stream: ByteStream) -> Trouble | Sign | None:
        """See that the scale is there; what it says of the last operation is no news."""
        answer = await self._put(stream, ASK_STATUS)
        if not isinstance(answer, Status | ChecksumsWanted):
            return None
        return _CERTIFIED if self._demands else Sign.LIFE

    async def _weigh_at(
        self, stream: ByteStream, wish: int, price_minor: int, tare_g: int
    ) -> Reading | Trouble | None:
        if self._taken != wish:
            answer = await self._put(stream, self._wanted(price_minor, tare_g))
            if answer is not Byte.TAKEN:
                return await self._why_not(stream, answer, tare_g)
            self._taken = wish
        result = await self._put(stream, ASK_RESULT)
        if not isinstance(result, Weighed):
            return await self._why_not(stream, result, tare_g)
        self._demands = False
        if result.unit != KILOGRAMS:
            return Reading(WeightState.NOT_KILOGRAMS)
        if not adds_up(result, price_minor, self._settings.amount_step_minor):
            return None
        self.new_load()  # the scale gives one result for each time that goods were moved
        return Reading(WeightState.STABLE, result.weight_g)

    def _wanted(self, price_minor: int, tare_g: int) -> bytes:
        told = self._settings.takes_tare
        return tare_record(price_minor, tare_g) if told else price_record(price_minor)

    async def _why_not(
        self, stream: ByteStream, answer: Record | None, tare_g: int
    ) -> Reading | Trouble | None:
        if answer is Byte.NOT_TAKEN:
            answer = await self._put(stream, ASK_STATUS)
        if isinstance(answer, ChecksumsWanted):
            return _CERTIFIED
        if not isinstance(answer, Status):
            return None
        if not self._settings.takes_tare:
            return _MEANS.get(answer.code)
        if tare_g and answer.code == _BELOW_ZERO:
            return _TARE_TOO_LARGE
        return _MEANS_TOLD.get(answer.code)

    async def _put(self, stream: ByteStream, question: bytes) -> Record | None:
        answer = await self.exchange(stream, question, self._answers)
        if isinstance(answer, ChecksumsWanted):
            self._demands = True
        return answer


DRIVER: Final = DriverSpec(
    name="scale_dialog06",
    device_class=DeviceClass.SCALE,
    settings=ScaleDialog06Settings,
    example=ScaleDialog06Settings(address="serial:///dev/ttyUSB0?baud=9600&bits=7&parity=o"),
    connector=lambda settings, clock: connector_to(settings.address, clock),
    build=ScaleDialog06,
    job_kinds=SCALE_JOBS,
    model="a counter scale with Dialog 06, set to work without checksums",
    capabilities=(WEIGHT_AT_PRICE,),
    rung=Rung.SIMULATED,
)
