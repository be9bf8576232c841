"""What second persons allowed at a till, until the command that it was for has used it.

In memory only: an approval is good for a minute, and a box that starts again asks again.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Final

from edge.contract.errors import Refused
from edge.contract.limits import (
    APPROVAL_S_MAX,
    APPROVALS_OPEN_MAX,
)
from edge.engine.circumstances import Approval

_VALID_MS: Final = int(APPROVAL_S_MAX * 1000)


@dataclass(frozen=True)
class _Kept:
    approval: Approval
    till: str
    given_at_monotonic: int


@dataclass
class Approvals:
    """Approvals by the id that their command will name."""

    _kept: OrderedDict[str, _Kept] = field(default_factory=OrderedDict)

    def keep(self, approval_id: str, approval: Approval, till: str, now_monotonic: int) -> None:
        """Keep an approval for a command at this till; beyond the limit the oldest goes."""
        self._kept[approval_id] = _Kept(approval, till, now_monotonic)
        if len(self._kept) > APPROVALS_OPEN_MAX:
            self._kept.popitem(last=False)

    def find(self, approval_id: str, till: str, now_monotonic: int) -> Approval:
        """Return an approval that still holds. Raises Refused for one that does not."""
        kept = self._kept.get(approval_id)
        if kept is None or kept.till != till or now_monotonic - kept.given_at_monotonic > _VALID_MS:
            raise Refused(
                "approval_over",
                "The approval is used up, or too old.",
                advice="Ask the supervisor to type their PIN again.",
            )
        return kept.approval

    def spend(self, approval_id: str) -> None:
        """Forget an approval that was used."""
        self._kept.pop(approval_id, None)
