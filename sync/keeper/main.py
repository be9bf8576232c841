"""`tillbox keep`: the second copy of a shop's history, on another host or a mounted disk."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from edge.contract.errors import Refused, SettingsInvalid, StorageFailed
from edge.contract.identity import is_short_id
from edge.contract.instant import Clock
from edge.contract.replication import Head
from edge.runtime.command_line import Command
from edge.runtime.database_file import DatabaseFile
from edge.runtime.frame_codec import shipped_dictionaries
from edge.runtime.keys import load_key, load_or_create_key
from edge.runtime.process_life import live, run_process, told_to_stop
from edge.runtime.settings_file import load
from edge.runtime.structured_log import Log
from edge.runtime.system_clock import SystemClock
from sync.appending.alarms import Alarm
from sync.appending.carrying import Carried, write_store
from sync.appending.event_store import EventStore
from sync.appending.ingest import Ingest
from sync.appending.sqlite_event_store import SqliteEventStore
from sync.keeper.box_directory import BoxDirectory, KnownBox
from sync.keeper.branches_aside import TAKEN_UP, THERE, UNSURE, BranchAside, BranchesAside
from sync.keeper.database import keeper_database
from sync.keeper.desk import KEEPER
from sync.keeper.server import running_keeper
from sync.keeper.settings import KeeperSettings

T = TypeVar("T")
Act = Callable[[KeeperSettings, argparse.Namespace], int]

_NUMBER_MAX: Final = 4_294_967_295
_ANSWER: Final = print


async def serve(settings: KeeperSettings, clock: Clock, log: Log) -> None:
    """Keep until SIGTERM or SIGINT, or raise what no restart of a task mends."""
    stop = told_to_stop()
    async with running_keeper(settings, log, clock) as keeper:
        log.info("ready", origin=keeper.web.origin)
        await live(keeper.tasks, clock, stop, (keeper.file,))
    log.info("stopped")


def _serve(settings: KeeperSettings, _: argparse.Namespace) -> int:
    return run_process("keep", lambda clock, log: serve(settings, clock, log))


def _init(settings: KeeperSettings, _: argparse.Namespace) -> int:
    settings.check_mounted()
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    settings.signing_key_file.parent.mkdir(parents=True, exist_ok=True)
    key = load_or_create_key(settings.signing_key_file)
    asyncio.run(_in_database(settings, _nothing))
    _ANSWER(f"The second copy is set up in {settings.data_dir}.")
    _ANSWER(f"Its key, for the settings of the box: {key.public.hex}")
    return 0


def _key(settings: KeeperSettings, _: argparse.Namespace) -> int:
    _ANSWER(load_key(settings.signing_key_file).public.hex)
    return 0


def _add_box(settings: KeeperSettings, given: argparse.Namespace) -> int:
    if not is_short_id(given.slug):
        raise SettingsInvalid(
            "store_malformed", f"--slug {given.slug!r}: a-z, 0-9 and - only, 40 at most."
        )
    if not 1 <= given.store_number <= _NUMBER_MAX or not 1 <= given.gen <= _NUMBER_MAX:
        raise SettingsInvalid("number_range", f"--store-number and --gen are 1 to {_NUMBER_MAX}.")
    box = KnownBox(given.store_number, given.slug, given.box_key.lower(), given.gen)

    async def add(file: DatabaseFile) -> bool:
        return await BoxDirectory(file, SystemClock()).add(box)

    added = asyncio.run(_in_database(settings, add))
    _ANSWER(f"The box of store {box.slug} is {'known now' if added else 'known already'}.")
    return 0


def _replace_box(settings: KeeperSettings, given: argparse.Namespace) -> int:
    async def replace(file: DatabaseFile) -> KnownBox:
        directory = BoxDirectory(file, SystemClock())
        return await directory.replace(given.slug, given.box_key.lower(), given.gen)

    box = asyncio.run(_in_database(settings, replace))
    _ANSWER(f"Store {box.slug} is in generation {box.gen} now; the box before is let in no more.")
    return 0


def _status(settings: KeeperSettings, _: argparse.Namespace) -> int:
    async def read(
        file: DatabaseFile,
    ) -> tuple[list[tuple[KnownBox, Head]], dict[int, tuple[Alarm, ...]], list[BranchAside]]:
        directory = BoxDirectory(file, SystemClock())
        events = SqliteEventStore(file, SystemClock())
        boxes = await directory.all()
        heads = [(box, await events.head(box.number, box.gen)) for box in boxes]
        branches: list[BranchAside] = []
        for box, _ in heads:
            ingest = Ingest(box.identity, events, shipped_dictionaries(), keeper=KEEPER)
            branches += await BranchesAside(file, SystemClock()).of(box.number, ingest)
        return heads, await directory.alarms.all(), branches

    boxes, alarms, branches = asyncio.run(_in_database(settings, read))
    if not boxes:
        _ANSWER("No box is known here yet: introduce one with `tillbox keep add-box`.")
    for box, head in boxes:
        behind = max(0, box.box_seq - head.seq)
        _ANSWER(
            f"{box.slug} ({box.number}): events up to {head.seq} are kept, generation {box.gen}; "
            f"behind the box as of its last greeting: {behind}; {_heard(box)}."
        )
        for branch in branches:
            if branch.store == box.number:
                _ANSWER(f"  {_branch_words(branch)}")
        for alarm in alarms.get(box.number, ()):
            _ANSWER(f"  ! {alarm.words} ({alarm.count} times, last {_time(alarm.last_at)})")
    return 0


_FATES: Final = {
    TAKEN_UP: "the box took its sales up again, and set that ledger aside, too",
    THERE: "by now the new history has all of it",
    UNSURE: "sales among it may be nowhere else",
}


def _branch_words(branch: BranchAside) -> str:
    return (
        f"history mended, generation {branch.next_gen} since {_time(branch.at)}: events "
        f"{branch.common_seq + 1} to {branch.head_seq} of generation {branch.gen} are set aside as "
        f"{branch.n}; {_FATES[branch.fate]}."
    )


def _heard(box: KnownBox) -> str:
    return f"last heard {_time(box.last_contact)}" if box.last_contact else "never heard"


def _time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _export(settings: KeeperSettings, given: argparse.Namespace) -> int:
    settings.check_mounted()
    key = load_key(settings.signing_key_file)

    async def write(file: DatabaseFile) -> tuple[KnownBox, Carried]:
        clock = SystemClock()
        directory = BoxDirectory(file, clock)
        boxes = await directory.all()
        events: EventStore = SqliteEventStore(file, clock)
        if given.set_aside is not None:
            aside = await BranchesAside(file, clock).events(given.set_aside)
            branch, events = aside.branches[0], aside
            boxes = [
                msgspec.structs.replace(box, gen=branch.gen, behind_seq=0)
                for box in boxes
                if box.number == branch.store
            ]
        chosen = [box for box in boxes if given.slug in {None, box.slug}]
        if len(chosen) != 1:
            known = ", ".join(box.slug for box in boxes) or "none"
            raise Refused(
                "store_unclear",
                f"It is not clear which history is meant; boxes known here: {known}.",
                advice="Name the store with --slug.",
            )
        done = await write_store(
            given.out,
            chosen[0].identity,
            events,
            shipped_dictionaries(),
            before=await directory.before(chosen[0].number),
            written_by=f"the second copy {key.public.fingerprint}",
            written_at=clock.now_ms(),
        )
        return chosen[0], done

    box, done = asyncio.run(_in_database(settings, write))
    _ANSWER(
        f"{given.out}: events 1 to {done.head.seq} of store {box.slug}, in {done.frames} frames."
    )
    return 0


async def _in_database(settings: KeeperSettings, work: Callable[[DatabaseFile], Awaitable[T]]) -> T:
    settings.check_mounted()
    if not settings.data_dir.is_dir():
        raise SettingsInvalid(
            "not_set_up",
            f"{settings.data_dir} does not exist.",
            advice="Run `tillbox keep --config FILE init` first.",
        )
    file = keeper_database(settings.database_file)
    await file.open()
    try:
        return await work(file)
    finally:
        await file.close()


async def _nothing(_: DatabaseFile) -> None:
    """Open and close: the file is there from now on."""


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, required=True, help="the settings, a TOML file")
    parser.set_defaults(act=_serve)
    actions = parser.add_subparsers(dest="action", metavar="ACTION")

    def action(name: str, act: Act, words: str) -> argparse.ArgumentParser:
        sub = actions.add_parser(name, help=words, description=words)
        sub.set_defaults(act=act)
        return sub

    action("serve", _serve, "keep what boxes send (what happens without an action)")
    action("init", _init, "make signing key and database where missing")
    action("key", _key, "print the public key, for the settings of the box")
    box = action("add-box", _add_box, "get to know a box; nobody else's frames are taken")
    box.add_argument("--store-number", type=int, required=True, help="as in the box's settings")
    box.add_argument("--slug", required=True, help="the store, likewise")
    box.add_argument("--box-key", required=True, help="what `tillbox edge key` prints")
    box.add_argument("--gen", type=int, default=1, help="the generation (1)")
    other = action("replace-box", _replace_box, "let a new box go on with the history of another")
    other.add_argument("--slug", required=True, help="the store, as in the box's settings")
    other.add_argument("--box-key", required=True, help="what `tillbox rebuild` said")
    other.add_argument("--gen", type=int, required=True, help="the new box's generation")
    action("status", _status, "say what is kept of each box, and what is wrong")
    export = action("export", _export, "write what is kept as a file that a person carries")
    export.add_argument("--slug", help="the store, where several are kept")
    export.add_argument(
        "--set-aside",
        type=int,
        metavar="NUMBER",
        help="a history that was set aside when the box's was mended, as `status` names it",
    )
    export.add_argument("--out", type=Path, required=True, metavar="FILE")


def _run(namespace: argparse.Namespace) -> int:
    act: Act = namespace.act
    settings = load(namespace.config, KeeperSettings)
    try:
        return act(settings, namespace)
    except StorageFailed as error:
        _ANSWER(str(error))
        return 1


COMMAND: Final = Command(
    "keep",
    "the second copy in the shop: keeps what the box sends, on another disk",
    _configure,
    _run,
)
