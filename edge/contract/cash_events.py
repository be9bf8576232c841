"""What happens to the drawer and its cash beside sales."""

from __future__ import annotations

from typing import ClassVar

from edge.contract.event_registry import Event, declare


@declare
class NoSale(Event, frozen=True):
    """The drawer was to be opened without a sale; `approver` is the second person, if one had to.

    `job` is the job that kicks the drawer; `DrawerOpened` says how that ended.
    """

    TYPE: ClassVar[str] = "no_sale"

    job: str
    reason: str
    approver: str = ""
