"""The same command id is the same wish: it gets the same answer, and no other wish may have it."""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec

from edge.contract.errors import Refused
from edge.contract.till_commands import AnyTillCommand, ConfirmAge, EmailReceipt
from edge.contract.wire import encode
from edge.flows.till import Till
from edge.ledger.records import CommandReply

_FINGERPRINT_BYTES: Final = 16


def fingerprint(till: Till, command: AnyTillCommand) -> bytes:
    """Return what tells a command at a till from any other, its id included."""
    if isinstance(command, ConfirmAge) and command.birth_date is not None:
        # a hash of so few possible dates would give the date away to whoever tries them all
        command = msgspec.structs.replace(command, birth_date="0000-00-00")
    if isinstance(command, EmailReceipt):
        # nor may an address be found out by trying: it is sealed with a salt, and nowhere else
        command = msgspec.structs.replace(command, address="-")
    text = till.id.encode() + b"|" + encode(command)
    return hashlib.sha256(text).digest()[:_FINGERPRINT_BYTES]


def same_answer(kept: CommandReply, command: CommandReply) -> bytes:
    """Return the kept answer to a command; refuse another command under its id."""
    if kept.fingerprint != command.fingerprint:
        raise Refused(
            "command_id_reused",
            f"The command id {command.command_id} was used for another command.",
            advice="Give every new wish an id of its own.",
        )
    return kept.reply
