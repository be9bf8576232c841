"""What the technician's device wall shows, and what it may ask of devices."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from edge.contract.device_states import DriverOffer, FoundDevice
from edge.contract.identity import CommandId
from edge.contract.limits import (
    REASON_CHARS_MAX,
    TERMINAL_TOTAL_MINOR_MAX,
)
from edge.contract.session_views import CashierView
from edge.contract.terminal_day_events import SchemeSum


class TechnicianView(msgspec.Struct, frozen=True):
    """What the wall's page knows before anybody signed in, and who did.

    `staff` are those who may: technicians, supervisors, managers.
    """

    till: str
    store_name: str
    person: CashierView | None
    staff: tuple[CashierView, ...]


class StatisticView(msgspec.Struct, frozen=True):
    """One of the UnifiedPOS statistics of a device, since its driver's start."""

    name: str
    count: int


class DeviceTest(StrEnum):
    """How a device is asked to show itself. None of them is ever a payment."""

    TEST_PAGE = "test_page"
    HEALTH = "health"
    OPEN_DRAWER = "open_drawer"
    """Opens it as without a sale: it is recorded as that, with the reason."""


class TerminalDayView(msgspec.Struct, frozen=True):
    """How a terminal's day is: whether its end is under way, and how the last one ended.

    `state`: empty, `asked`, or `in_doubt` (its answer is lost; a person may settle it). `code`,
    `words` and `advice` say so, or how the last day ended. `outcome`: of that day, as in
    `terminal_day_ended`, empty when there was none; `at` when it ended, in ms since 1970 UTC,
    `told` whether the terminal said its sum. The sums are minor units of `currency`: the
    ledger's has a sign, the terminal's has none; `schemes` has both by kind of card. `reason` is
    why it is not known, or was not done, in the words of the terminal or of a person.
    """

    state: str = ""
    job: str = ""
    code: str = ""
    words: str = ""
    advice: str = ""
    outcome: str = ""
    at: int = 0
    told: bool = False
    amount_minor: int = 0
    ledger_minor: int = 0
    difference_minor: int = 0
    inferred: bool = False
    currency: str = ""
    reason: str = ""
    schemes: tuple[SchemeSum, ...] = ()


class EndDayRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Have a terminal end its day; the id names the job, so a repeat ends no second one."""

    command_id: CommandId


class SettleDayRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Say what became of an end of day that its terminal cannot tell.

    `amount_minor` is the sum on the terminal's slip, None when there is none to read.
    """

    command_id: CommandId
    outcome: Literal["closed", "not_closed", "unknown"]
    reason: Annotated[str, Meta(min_length=1, max_length=REASON_CHARS_MAX)]
    amount_minor: Annotated[int, Meta(ge=0, le=TERMINAL_TOTAL_MINOR_MAX)] | None = None


class WallDevice(msgspec.Struct, frozen=True):
    """One device of the shop.

    `state` is a `DriverState`, `offline` (its host is gone) or `refused` (its host cannot run
    it so). `words` and `advice` say how it is and what to do next; `code` stands for them as
    in a till's `DeviceView`. `address` is where it is, `settings` all of how it is set up.
    `fixed`: it stands in edge.toml. `last_scan_at` is in ms since 1970 UTC, 0 for none since
    the box started. `tests` are what it can be asked now; `ends_day`: it is a terminal that can be
    asked to end its day, `day` how that is. `records`: its flight recorder can be saved now.
    `noted` counts the entries of its live log: another number means that there is news.
    """

    id: str
    name: str
    host: str
    driver: str
    till: str
    roles: tuple[str, ...]
    fixed: bool
    device_class: str
    model: str
    serial_number: str
    firmware: str
    address: str
    settings: dict[str, Any]
    state: str
    well: bool
    code: str
    words: str
    advice: str
    paper: str
    cover: str
    drawer: str
    weight: str
    weight_g: int
    jobs_waiting: int
    last_scan: str
    last_scan_at: int
    statistics: tuple[StatisticView, ...]
    tests: tuple[DeviceTest, ...]
    ends_day: bool = False
    day: TerminalDayView | None = None
    records: bool = False
    noted: int = 0


class OfferView(msgspec.Struct, frozen=True):
    """A driver of a host with the roles that its devices can serve."""

    offer: DriverOffer
    roles: tuple[str, ...]


class WallHost(msgspec.Struct, frozen=True):
    """A machine with devices: whether it is there, what it found, what it can run."""

    name: str
    online: bool
    version: str
    found: tuple[FoundDevice, ...]
    drivers: tuple[OfferView, ...]


class PartState(StrEnum):
    """How a part of the box is."""

    WELL = "well"
    WATCH = "watch"
    """Nothing is lost and the shop sells; somebody should know."""
    PERSON = "person"
    """Somebody has to do something."""


class BoxPart(msgspec.Struct, frozen=True):
    """One part of the box: `code` stands for `words` and `advice`, `params` are its figures."""

    name: str
    state: PartState
    code: str
    words: str
    advice: str
    params: dict[str, int | str]


class BoxView(msgspec.Struct, frozen=True):
    """The box itself.

    `up_s`: for how long this program has been running, `machine_up_s` the machine, -1 where that
    does not say.
    """

    version: str
    python: str
    system: str
    sqlite: str
    up_s: int
    machine_up_s: int
    parts: tuple[BoxPart, ...]


class WallView(msgspec.Struct, frozen=True):
    """The whole device wall. `bus`: whether the box hears its devices at all."""

    store: str
    at: int
    bus: bool
    tills: tuple[str, ...]
    devices: tuple[WallDevice, ...]
    hosts: tuple[WallHost, ...]
    box: BoxView


class LogEntry(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that happened between the box and a device, without anybody's data.

    `what`: `asked` and `answered` (`name` is the kind of job, `value` its `JobStatus`), `state`
    (`value` is a `DriverState`), `paper`, `cover`, `drawer` (`value`), `there`, `gone`, `scan`
    (`count` signs were read; which is nobody's business here), `event` (`name`). `code` and
    `words` are the device's own, of an answer or a state. `at` in ms since 1970 UTC.
    """

    at: int
    what: str
    name: str = ""
    value: str = ""
    count: int = 0
    code: str = ""
    words: str = ""


class DeviceLogView(msgspec.Struct, frozen=True):
    """A device's newest entries, oldest first; `noted` as in `WallDevice`."""

    device: str
    noted: int
    entries: tuple[LogEntry, ...]


class RecordingRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Save what a device's flight recorder holds; the id names the job."""

    command_id: CommandId


class RecordingBody(msgspec.Struct, frozen=True):
    """A saved recording. `outcome` as in `TestBody`.

    `file` is its name in the folder of recordings of `host`, empty when that keeps none;
    `content` is the same, empty when it is too large to be sent: it is then fetched there.
    """

    outcome: str
    host: str
    file: str = ""
    size_bytes: int = 0
    content: str = ""
    code: str = ""
    words: str = ""
    advice: str = ""


class TestRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Ask a device to show itself; the id names the job, so a repeat is no second test."""

    command_id: CommandId
    test: DeviceTest
    reason: Annotated[str, Meta(max_length=REASON_CHARS_MAX)] = ""


class TestBody(msgspec.Struct, frozen=True):
    """How a test went: `done`, `failed`, `unknown` or `waiting`; words where it is not done."""

    outcome: str
    code: str = ""
    words: str = ""
    advice: str = ""
