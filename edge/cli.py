"""The `tillbox` command: finds its subcommands as entry points, one group for all packages."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points, version
from pathlib import Path
from typing import Final

import msgspec

from edge.contract.errors import TillboxError
from edge.runtime.command_line import Command

GROUP: Final = "tillbox.commands"
NOT_A_LEDGER: Final = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `tillbox` with these arguments (the process's own by default); return its status."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    found = {point.name: point for point in entry_points(group=GROUP)}
    chosen = next((word for word in given if not word.startswith("-")), None)
    # only the chosen command is imported: `tillbox ledger verify` needs no web server
    wanted = {chosen: found[chosen]} if chosen in found else found
    parser = _parser(wanted)
    namespace = parser.parse_args(given)
    try:
        status: int = namespace.run(namespace)
    except TillboxError as error:
        _complain(f"tillbox {namespace.command}: {error}")
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # the reader went away (`| head`): not worth a traceback
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    return status


def _parser(points: dict[str, EntryPoint]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tillbox",
        description="The store server: tills, devices, a durable ledger, and head office.",
        epilog="`tillbox COMMAND --help` says more about each.",
    )
    parser.add_argument("--version", action="version", version=f"tillbox {version('tillbox')}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, point in sorted(points.items()):
        command: Command = point.load()
        sub = commands.add_parser(name, help=command.summary, description=command.summary)
        command.configure(sub)
        sub.set_defaults(run=command.run)
    return parser


def _answer(words: str) -> None:
    sys.stdout.write(f"{words}\n")


def _complain(words: str) -> None:
    sys.stderr.write(f"{words}\n")


# --- tillbox ledger -----------------------------------------------------------------------


def _configure_ledger(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    check = actions.add_parser(
        "verify",
        help="check that a ledger is whole",
        description="Checks SQLite's own structure, the hash chain event by event, what follows "
        "from the events, and the event that head office acknowledged last. "
        "Exit status: 0 whole, 1 broken, 2 not a ledger. Safe beside a running box.",
    )
    check.add_argument("file", type=Path, help="a ledger.db")
    check.add_argument("--json", action="store_true", help="print one JSON object")
    check.set_defaults(act=_verify)
    export = actions.add_parser(
        "export",
        help="write every event as one line of JSON",
        description="Writes the canonical bytes of every event, one a line, in order, each "
        "with its hash. What it writes can be checked without Tillbox: hash = "
        "SHA-256(hash before || bytes of `event`).",
    )
    export.add_argument("file", type=Path, help="a ledger.db")
    export.add_argument("--after", type=int, default=0, help="begin behind this seq")
    export.set_defaults(act=_export)


def _run_action(namespace: argparse.Namespace) -> int:
    status: int = namespace.act(namespace)
    return status


def _verify(namespace: argparse.Namespace) -> int:
    from edge.ledger.integrity import NotALedgerError, verify  # noqa: PLC0415 - loaded when asked

    try:
        verdict = verify(namespace.file)
    except NotALedgerError as error:
        if namespace.json:
            _answer(json.dumps({"whole": False, "not_a_ledger": True, "reason": str(error)}))
        else:
            _complain(f"Not a ledger: {error}.")
        return NOT_A_LEDGER
    if namespace.json:
        _answer(msgspec.json.encode(verdict).decode())
    elif verdict.whole:
        _answer(
            f"Whole: {verdict.events} events of store {verdict.store} ({verdict.store_number}), "
            f"generation {verdict.gen}; head {verdict.head_hash}."
        )
    else:
        _complain(f"Broken: {verdict.reason}.")
        if verdict.first_bad_seq is not None:
            _complain(
                f"First bad seq: {verdict.first_bad_seq}. "
                f"Everything before it is whole ({verdict.events} events)."
            )
    return 0 if verdict.whole else 1


def _export(namespace: argparse.Namespace) -> int:
    from edge.ledger.integrity import (  # noqa: PLC0415 - loaded when asked
        BrokenLedgerError,
        NotALedgerError,
        stored_events,
    )

    try:
        for event in stored_events(namespace.file, namespace.after):
            body = event.body.decode("utf-8", errors="backslashreplace")
            _answer(f'{{"hash":"{event.hash.hex()}","event":{body}}}')
    except NotALedgerError as error:
        _complain(f"Not a ledger: {error}.")
        return NOT_A_LEDGER
    except BrokenLedgerError as error:
        _complain(f"Broken: {error}.")
        return 1
    return 0


LEDGER_COMMAND: Final = Command(
    "ledger", "verify or export a ledger file", _configure_ledger, _run_action
)


# --- tillbox receipt ----------------------------------------------------------------------


def _configure_receipt(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    check = actions.add_parser(
        "verify",
        help="check the signature of a receipt's QR code, and print the sale",
        description="Needs nothing but the text of the QR code and public keys of boxes. "
        "Exit status: 0 signed by one of them, 1 not, 2 no such code or key.",
    )
    check.add_argument("text", help="what the QR code says, in quotes; - reads it from a pipe")
    check.add_argument(
        "--key",
        type=Path,
        required=True,
        action="append",
        help="a file of public keys, one a line, as `tillbox edge key` prints them; repeatable",
    )
    check.add_argument("--json", action="store_true", help="print one JSON object")
    check.set_defaults(act=_verify_receipt)


def _verify_receipt(namespace: argparse.Namespace) -> int:
    from edge import receipt_check  # noqa: PLC0415 - loaded when asked

    text = sys.stdin.readline() if namespace.text == "-" else namespace.text
    found = receipt_check.check(text, receipt_check.read_keys(namespace.key))
    if namespace.json:
        _answer(msgspec.json.encode(found).decode())
    elif found.signed_by:
        _answer("\n".join(receipt_check.in_words(found)))
    else:
        _complain(
            f"Not signed by any of these keys: the code says receipt {found.receipt!r}, which "
            "proves nothing. The paper may be forged or altered, or a key is missing."
        )
    return 0 if found.signed_by else 1


RECEIPT_COMMAND: Final = Command(
    "receipt", "verify the signed code of a receipt", _configure_receipt, _run_action
)


if __name__ == "__main__":
    sys.exit(main())
