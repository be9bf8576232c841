"""Goods on a till's scale. The wish is committed before the scale is asked; nothing is guessed."""

from __future__ import annotations

from typing import ClassVar

from edge.contract.event_registry import Event, declare


@declare
class WeighingAsked(Event, frozen=True):
    """The scale will be asked for the weight of an article. What it says becomes a `LineAdded`.

    `tare_g` is taken off what the scale shows; `shown_g` is what the till's screen showed as
    the cashier took it, 0 when it showed none: another weight is then not sold.
    """

    TYPE: ClassVar[str] = "weighing_asked"

    sale: str
    weighing: str
    scale: str
    code: str
    sku: str
    name: str
    tare_g: int = 0
    shown_g: int = 0


@declare
class WeighingEnded(Event, frozen=True):
    """The weighing gave no line. `reason` is its code, such as `scale_unstable`."""

    TYPE: ClassVar[str] = "weighing_ended"

    sale: str
    weighing: str
    reason: str
