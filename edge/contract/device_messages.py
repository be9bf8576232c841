"""What edge asks of devices over MQTT, and what they answer and tell: jobs, results, events.

`DELIVERY` states the delivery rule of each job; the body carries ids, deadlines and
correlation, so that the contract holds on a plain MQTT 3.1.1 broker.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from edge.contract.device_limits import (
    DISPLAY_LINES_MAX,
    DISPLAY_TEXT_CHARS_MAX,
    LABEL_BARCODE_CHARS_MAX,
    LABEL_COPIES_MAX,
    LABEL_NAME_CHARS_MAX,
    LABEL_PRICE_CHARS_MAX,
    LABELS_PER_JOB_MAX,
)
from edge.contract.identity import CommandId
from edge.contract.limits import (
    AMOUNT_MINOR_MAX,
    BARCODE_CHARS_MAX,
    SCALE_WEIGHT_G_MAX,
)
from edge.contract.receipt_document import ReceiptDocument
from edge.contract.terminal_messages import (
    AbortPaymentArgs,
    AuthorisePaymentArgs,
    CaptureReservationArgs,
    EndOfDayArgs,
    InquireEndOfDayArgs,
    InquirePaymentArgs,
    LogOffTerminalArgs,
    RefundPaymentArgs,
    ReleaseReservationArgs,
    RepeatCardReceiptArgs,
    ReservePaymentArgs,
    ReversePaymentArgs,
    ServiceTerminalArgs,
)

MESSAGE_VERSION: Final = 1


class Delivery(StrEnum):
    """What may be done with a message whose fate is not known."""

    AT_MOST_ONCE = "at_most_once"
    """Never a second time: a drawer, and the end of a terminal's day."""
    AT_LEAST_ONCE_MARKED = "at_least_once_marked"
    """Again, but the repeat says it is one: a receipt marked COPY."""
    AT_LEAST_ONCE = "at_least_once"
    """Again as it is, under a new id: a shelf label that comes out twice does no harm."""
    INQUIRE_ONLY = "inquire_only"
    """Never again, only asked about: a card payment, and money that goes back to a card."""
    REPEATABLE = "repeatable"
    """Asking twice does no harm: an inquiry, a weight, a health check, lines on a display."""


class JobKind(StrEnum):
    """What a device can be asked to do."""

    PRINT_RECEIPT = "print_receipt"
    KICK_DRAWER = "kick_drawer"
    AUTHORISE_PAYMENT = "authorise_payment"
    REFUND_PAYMENT = "refund_payment"
    REVERSE_PAYMENT = "reverse_payment"
    RESERVE_PAYMENT = "reserve_payment"
    CAPTURE_RESERVATION = "capture_reservation"
    RELEASE_RESERVATION = "release_reservation"
    INQUIRE_PAYMENT = "inquire_payment"
    ABORT_PAYMENT = "abort_payment"
    END_OF_DAY = "end_of_day"
    INQUIRE_END_OF_DAY = "inquire_end_of_day"
    REPEAT_CARD_RECEIPT = "repeat_card_receipt"
    SERVICE_TERMINAL = "service_terminal"
    LOG_OFF_TERMINAL = "log_off_terminal"
    WEIGH = "weigh"
    SHOW_LINES = "show_lines"
    PRINT_LABELS = "print_labels"
    CHECK_HEALTH = "check_health"
    SAVE_RECORDING = "save_recording"


DELIVERY: Final[dict[JobKind, Delivery]] = {
    JobKind.PRINT_RECEIPT: Delivery.AT_LEAST_ONCE_MARKED,
    JobKind.KICK_DRAWER: Delivery.AT_MOST_ONCE,
    JobKind.AUTHORISE_PAYMENT: Delivery.INQUIRE_ONLY,
    JobKind.REFUND_PAYMENT: Delivery.INQUIRE_ONLY,
    JobKind.REVERSE_PAYMENT: Delivery.INQUIRE_ONLY,
    JobKind.RESERVE_PAYMENT: Delivery.INQUIRE_ONLY,
    JobKind.CAPTURE_RESERVATION: Delivery.INQUIRE_ONLY,
    JobKind.RELEASE_RESERVATION: Delivery.INQUIRE_ONLY,
    JobKind.INQUIRE_PAYMENT: Delivery.REPEATABLE,
    JobKind.ABORT_PAYMENT: Delivery.REPEATABLE,
    JobKind.END_OF_DAY: Delivery.AT_MOST_ONCE,
    JobKind.INQUIRE_END_OF_DAY: Delivery.REPEATABLE,
    JobKind.REPEAT_CARD_RECEIPT: Delivery.REPEATABLE,
    JobKind.SERVICE_TERMINAL: Delivery.REPEATABLE,
    JobKind.LOG_OFF_TERMINAL: Delivery.REPEATABLE,
    JobKind.WEIGH: Delivery.REPEATABLE,
    JobKind.SHOW_LINES: Delivery.REPEATABLE,
    JobKind.PRINT_LABELS: Delivery.AT_LEAST_ONCE,
    JobKind.CHECK_HEALTH: Delivery.REPEATABLE,
    JobKind.SAVE_RECORDING: Delivery.REPEATABLE,
}

DEVICE_NOT_CONFIGURED: Final = "device_not_configured"
"""The code of `failed` for a job that a host never began, since the device is not (no more) its."""

NEWEST_COUNTS: Final = frozenset({JobKind.SHOW_LINES})
"""Kinds of which a device does the newest only: one that waits is answered `failed` with code
`superseded` when the next one comes. Which is the newer is told by the order of arrival, which
MQTT keeps for one publisher and topic: edge sends the next when the broker has the one before.
"""


class JobStatus(StrEnum):
    """How far a job is. All but `ACCEPTED` are final."""

    ACCEPTED = "accepted"
    """Taken over; it waits, and `error` says for what (paper, a cable, its turn)."""
    DONE = "done"
    FAILED = "failed"
    """It did certainly not happen."""
    UNKNOWN = "unknown"
    """It may have happened."""


# --- arguments of jobs -------------------------------------------------------------------


class PrintReceiptArgs(msgspec.Struct, frozen=True):
    """Print one document. A repeat is a new job whose document says COPY."""

    document: ReceiptDocument


class KickDrawerArgs(msgspec.Struct, frozen=True, omit_defaults=True):
    """Open the drawer once."""

    reason: str = "sale"


class WeighArgs(msgspec.Struct, frozen=True, omit_defaults=True):
    """Read what lies on the scale, once it is still. Sells nothing, at the scale or elsewhere.

    `price_minor`: the listed price of a kilogram of it, for scales that weigh only at a price
    and show it to the customer; 0 is not known. `tare_g`: what is to be taken off, for scales that
    do it themselves and say so in their `WeighOutcome`; from all others the weight is gross.

    The answer is `done` with a `WeighOutcome`: each time the weight of that moment, so asking
    twice does no harm, and an answer past the job's deadline is never given. `failed` has a
    code and words for the cashier: `scale_unstable`, `scale_overloaded`, `scale_below_zero`,
    `scale_not_kilograms`, `scale_silent`, `scale_faulty`; from scales that weigh at a price also
    `scale_wants_price`, `scale_refuses_price`, `scale_not_moved` (this load was weighed already),
    `scale_other_dialog` and `scale_wants_certified_till`; from scales that take a tare off also
    `scale_refuses_tare` and `scale_tare_too_large`.
    """

    price_minor: Annotated[int, Meta(ge=0, le=AMOUNT_MINOR_MAX)] = 0
    tare_g: Annotated[int, Meta(ge=0, le=SCALE_WEIGHT_G_MAX)] = 0


class DisplayLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """One line of a customer display: a text at its start, an amount at its end.

    The driver sets both in the display's own columns and signs: the text is cut where they
    would meet, the amount is not.
    """

    start: Annotated[str, Meta(max_length=DISPLAY_TEXT_CHARS_MAX)] = ""
    end: Annotated[str, Meta(max_length=DISPLAY_TEXT_CHARS_MAX)] = ""


class ShowLinesArgs(msgspec.Struct, frozen=True):
    """Show these lines on a display and nothing else; no lines make it dark.

    They stay until the next job. Answered `done` with a `ShowOutcome`.
    """

    lines: Annotated[tuple[DisplayLine, ...], Meta(max_length=DISPLAY_LINES_MAX)]


class ShelfLabel(msgspec.Struct, frozen=True, omit_defaults=True):
    """What stands on a shelf below goods. The texts are ready to be read: price with currency.

    `unit_price` is the price per kilogram or litre, empty where the law asks for none;
    `barcode` a GTIN of 8, 12 or 13 digits, or an own number, empty for none.
    """

    name: Annotated[str, Meta(min_length=1, max_length=LABEL_NAME_CHARS_MAX)]
    price: Annotated[str, Meta(min_length=1, max_length=LABEL_PRICE_CHARS_MAX)]
    unit_price: Annotated[str, Meta(max_length=LABEL_PRICE_CHARS_MAX)] = ""
    barcode: Annotated[
        str, Meta(pattern=r"^[\x20-\x7e]*$(?!\n)", max_length=LABEL_BARCODE_CHARS_MAX)
    ] = ""
    copies: Annotated[int, Meta(ge=1, le=LABEL_COPIES_MAX)] = 1


class PrintLabelsArgs(msgspec.Struct, frozen=True):
    """Print shelf labels in this order.

    Each job id is printed once. Of one that ended `unknown` some may hang out of the printer or
    come out later: whoever asked for it may ask again under a new id, for a label that is there
    twice does no harm and one that is missing does. Answered `done` with a `LabelsOutcome`.
    """

    labels: Annotated[tuple[ShelfLabel, ...], Meta(min_length=1, max_length=LABELS_PER_JOB_MAX)]


class CheckHealthArgs(msgspec.Struct, frozen=True):
    """Ask the device for its state now (UnifiedPOS check health, internal). Never a payment."""


class SaveRecordingArgs(msgspec.Struct, frozen=True):
    """Keep what the device's flight recorder holds, in a file of its host, and send it.

    Every device takes it, whatever its driver and its state; the device is not touched. The
    answer is `done` with a `RecordingOutcome`.
    """


JOB_ARGS: Final[dict[JobKind, type[msgspec.Struct]]] = {
    JobKind.PRINT_RECEIPT: PrintReceiptArgs,
    JobKind.KICK_DRAWER: KickDrawerArgs,
    JobKind.AUTHORISE_PAYMENT: AuthorisePaymentArgs,
    JobKind.REFUND_PAYMENT: RefundPaymentArgs,
    JobKind.REVERSE_PAYMENT: ReversePaymentArgs,
    JobKind.RESERVE_PAYMENT: ReservePaymentArgs,
    JobKind.CAPTURE_RESERVATION: CaptureReservationArgs,
    JobKind.RELEASE_RESERVATION: ReleaseReservationArgs,
    JobKind.INQUIRE_PAYMENT: InquirePaymentArgs,
    JobKind.ABORT_PAYMENT: AbortPaymentArgs,
    JobKind.END_OF_DAY: EndOfDayArgs,
    JobKind.INQUIRE_END_OF_DAY: InquireEndOfDayArgs,
    JobKind.REPEAT_CARD_RECEIPT: RepeatCardReceiptArgs,
    JobKind.SERVICE_TERMINAL: ServiceTerminalArgs,
    JobKind.LOG_OFF_TERMINAL: LogOffTerminalArgs,
    JobKind.WEIGH: WeighArgs,
    JobKind.SHOW_LINES: ShowLinesArgs,
    JobKind.PRINT_LABELS: PrintLabelsArgs,
    JobKind.CHECK_HEALTH: CheckHealthArgs,
    JobKind.SAVE_RECORDING: SaveRecordingArgs,
}


class Job(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a device is asked to do. Every job id runs at most once on its host.

    `deadline` is milliseconds since 1970 UTC: a job not begun by then is answered `failed`
    with code `expired`. `args` has the shape that `JOB_ARGS` names for `kind`.
    """

    id: CommandId
    kind: str
    args: msgspec.Raw
    deadline: int
    delivery: str
    correlation: str = ""
    v: int = MESSAGE_VERSION


# --- results -----------------------------------------------------------------------------


class JobError(msgspec.Struct, frozen=True, omit_defaults=True):
    """What happened, to what, and what a person should do."""

    code: str
    detail: str
    advice: str = ""


class PrintOutcome(msgspec.Struct, frozen=True):
    """`evidence`: `confirmed` (the printer answered behind the data) or `sent_unconfirmed`."""

    evidence: str


class DrawerOutcome(msgspec.Struct, frozen=True):
    """`outcome`: `opened` (the sensor saw it) or `pulsed` (nothing is known of the sensor).

    `pulsed` also while it is not learnt yet which of the sensor's levels means open, and when
    the pulse may still wait its turn in a printer. A sensor that is known and says that the
    drawer stayed shut makes the job fail with code `open_failed`.
    """

    outcome: str


ALREADY_REVERSED: Final = "already_reversed"
"""Code of a declined reversal: that payment was reversed before, the customer has the money."""


TERMINAL_CANNOT_SAY: Final = "terminal_cannot_say"
"""Code of an unknown outcome: the terminal was asked and could not say, only a person can."""


class WeighOutcome(msgspec.Struct, frozen=True):
    """A weight that was still: two readings in a row, asked for after the job came, agreed.

    From a scale that weighs at a price it is the one result that it gives for a load: that price
    and the amount must fit the weight.

    `weight_g` is what the scale shows, 0 for nothing on it; `unit` the unit it shows it in.
    `load` names what lies there: it is another one once the goods were moved or taken off, so
    that nobody pays for the last customer's. `tare_g` was taken off by the scale itself: the
    weight is net then, and nothing is to be taken off again; 0 for a gross weight.
    """

    weight_g: Annotated[int, Meta(ge=0, le=SCALE_WEIGHT_G_MAX)]
    load: str
    unit: str = "kg"
    tare_g: Annotated[int, Meta(ge=0, le=SCALE_WEIGHT_G_MAX)] = 0


class ShowOutcome(msgspec.Struct, frozen=True):
    """Lines were sent to a display; none of them answers. `substituted`: signs shown as `?`."""

    substituted: int = 0


class LabelsOutcome(msgspec.Struct, frozen=True):
    """`evidence` as in `PrintOutcome`; `labels` were asked for, copies counted."""

    evidence: str
    labels: int


class RecordingOutcome(msgspec.Struct, frozen=True):
    """A recording that was saved. `file`: its name in the host's folder of recordings.

    `bundle` is the same content as base64 of zlib (RFC 1950), empty where that is longer than
    `RECORDING_ANSWER_CHARS_MAX`: it is then fetched from the host. `size_bytes` is the file's.
    """

    file: str
    size_bytes: int
    bundle: str = ""


class JobResult(msgspec.Struct, frozen=True, omit_defaults=True):
    """How a job stands. `id` is the job's; `result` has the outcome's shape for its kind."""

    id: CommandId
    status: JobStatus
    ts: int
    result: Any = None
    error: JobError | None = None
    correlation: str = ""
    v: int = MESSAGE_VERSION


# --- events ------------------------------------------------------------------------------


class BarcodeScanned(msgspec.Struct, frozen=True, omit_defaults=True):
    """One code as the scanner gave it. `aim` is its AIM identifier (`]E0`) or empty."""

    text: Annotated[str, Meta(min_length=1, max_length=BARCODE_CHARS_MAX)]
    aim: str = ""


class DeviceEvent(msgspec.Struct, frozen=True):
    """Something a device saw. Every event id is used once; past `expires_at` it is dropped.

    `id` is the scan id of a scan: a UUIDv7 made where the code was read. `ts` and
    `expires_at` are milliseconds since 1970 UTC; `seq` counts the events of this driver's
    boot.
    """

    id: CommandId
    ts: int
    seq: int
    expires_at: int
    data: msgspec.Raw
    v: int = MESSAGE_VERSION


EVENT_SCAN: Final = "scan"
