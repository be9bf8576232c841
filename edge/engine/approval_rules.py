"""Whether whoever is at the till may do something, alone or with a second person."""

from __future__ import annotations

from edge.contract.errors import Refused
from edge.contract.permissions import Permission, Verdict, verdict
from edge.engine.circumstances import Circumstances


def authorise(permission: Permission, given: Circumstances) -> str:
    """Return the approver's id, empty where none is needed; or refuse in words.

    `needs_approval` tells the screen to ask for a second person's PIN.
    """
    says = verdict(given.role, permission)
    if says is Verdict.ALLOWED:
        return ""
    if says is Verdict.DENIED:
        raise Refused(
            "not_permitted",
            "You may not do this at a till.",
            advice="Ask a supervisor.",
            params={"permission": permission},
        )
    return _approver(permission, given, "This needs a second person's approval.")


def second_person(permission: Permission, given: Circumstances, why: str) -> str:
    """Return the id of a second person who approved, needed by everybody; or refuse with `why`."""
    if verdict(given.role, permission) is Verdict.DENIED:
        return authorise(permission, given)  # refuses
    return _approver(permission, given, why)


def _approver(permission: Permission, given: Circumstances, why: str) -> str:
    approval = given.approval
    if approval is None or approval.permission is not permission:
        raise Refused(
            "needs_approval",
            why,
            advice="Ask a supervisor to type their PIN.",
            params={"permission": permission},
        )
    return approval.approver
