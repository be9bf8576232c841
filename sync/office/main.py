"""`tillbox office`: head office, and what a person of head office sets up."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo

import msgspec

from edge.contract.errors import Refused, SettingsInvalid, StorageFailed
from edge.contract.identity import is_short_id
from edge.contract.instant import Clock, business_day
from edge.contract.limits import (
    NAME_CHARS_MAX,
)
from edge.runtime.certificates import issue_server_certificate, load_ca, make_ca, write_ca
from edge.runtime.command_line import Command
from edge.runtime.database_file import DatabaseFile
from edge.runtime.frame_codec import shipped_dictionaries
from edge.runtime.ids import SystemIds
from edge.runtime.keys import load_key, load_or_create_key
from edge.runtime.pin_hash import PASSWORD_CHARS_MAX, PinHasher, load_pepper
from edge.runtime.process_life import live, run_process, told_to_stop
from edge.runtime.settings_file import load
from edge.runtime.structured_log import Log, open_log
from edge.runtime.supervisor import Supervisor
from edge.runtime.system_clock import SystemClock
from sync.appending.sqlite_event_store import SqliteEventStore
from sync.office.archive_check import check_archive
from sync.office.carrying import export, take
from sync.office.database import office_database
from sync.office.frame_keeping import kept_frames, remote_frames
from sync.office.frame_moving import move_frames
from sync.office.loading import OfficeClient, load_folder
from sync.office.people import People
from sync.office.rehearsal import price_list, rehearse
from sync.office.rehearsal_report import as_csv, as_text
from sync.office.server import running_office
from sync.office.settings import OfficeSettings
from sync.office.shop_folder import ShopFolder
from sync.office.store_directory import RegisteredStore, StoreDirectory

T = TypeVar("T")
Act = Callable[[Any, argparse.Namespace], int]

_NUMBER_MAX: Final = 4_294_967_295
_DAY_MS: Final = 86_400_000
_ANSWER: Final = print


# --- serve --------------------------------------------------------------------------------


async def serve(settings: OfficeSettings, clock: Clock, log: Log) -> None:
    """Run head office until SIGTERM or SIGINT, or raise what no restart of a task mends."""
    stop = told_to_stop()
    async with running_office(settings, log, clock) as office:
        log.info("ready", origin=office.web.origin)
        await live(office.tasks, clock, stop, office.watched)
    log.info("stopped")


def _serve(settings: OfficeSettings, _: argparse.Namespace) -> int:
    return run_process("office", lambda clock, log: serve(settings, clock, log))


# --- setting up ---------------------------------------------------------------------------


def _init(settings: OfficeSettings, _: argparse.Namespace) -> int:
    for folder in (settings.data_dir, *(path.parent for path in settings.authority_files)):
        folder.mkdir(parents=True, exist_ok=True)
    key = load_or_create_key(settings.signing_key_file)
    load_pepper(settings.pepper_file)
    certificate_file, key_file = settings.authority_files
    if certificate_file.exists() or key_file.exists():
        load_ca(certificate_file, key_file)
    else:
        write_ca(make_ca(settings.retailer, SystemClock()), certificate_file, key_file)
    asyncio.run(_in_database(settings, lambda file: _make_tables(settings, file)))
    _ANSWER(f"Head office is set up in {settings.data_dir}.")
    _ANSWER(f"Its key, for the boxes' settings: {key.public.hex}")
    _ANSWER(f"The authority that boxes and tablets trust: {certificate_file}")
    return 0


def _key(settings: OfficeSettings, _: argparse.Namespace) -> int:
    _ANSWER(load_key(settings.signing_key_file).public.hex)
    return 0


def _add_store(settings: OfficeSettings, given: argparse.Namespace) -> int:
    if not is_short_id(given.store):
        raise SettingsInvalid(
            "store_malformed", f"--store {given.store!r}: a-z, 0-9 and - only, 40 at most."
        )
    if not 0 < len(given.name) <= NAME_CHARS_MAX:
        raise SettingsInvalid("name_length", f"--name has 1 to {NAME_CHARS_MAX} characters.")
    if not 1 <= given.number <= _NUMBER_MAX or not 1 <= given.gen <= _NUMBER_MAX:
        raise SettingsInvalid("number_range", f"--number and --gen are 1 to {_NUMBER_MAX}.")
    store = RegisteredStore(given.number, given.store, given.name, given.box_key.lower(), given.gen)

    async def add(file: DatabaseFile) -> bool:
        return await StoreDirectory(file, SystemClock()).add(store)

    changed = asyncio.run(_in_database(settings, add))
    _ANSWER(f"Store {store.slug} is {'registered' if changed else 'registered already'}.")
    return 0


def _move_frames(settings: OfficeSettings, _: argparse.Namespace) -> int:
    _check_stopped(settings)
    moved = asyncio.run(_in_database(settings, lambda file: _move(settings, file)))
    _ANSWER(f"{moved} frames are moved; all that head office shows follows from PostgreSQL now.")
    return 0


def _replace_box(_: OfficeSettings | None, given: argparse.Namespace) -> int:
    if not is_short_id(given.store):
        raise SettingsInvalid(
            "store_malformed", f"--store {given.store!r}: a-z, 0-9 and - only, 40 at most."
        )
    client = OfficeClient(given.url, given.ca)
    client.sign_in(given.user, _password(given.password_file))
    client.replace_box(given.store, given.box_key.lower(), given.gen)
    client.sign_out()
    _ANSWER(
        f"Store {given.store} is in generation {given.gen} now; the box before is let in no more."
    )
    return 0


def _add_user(settings: OfficeSettings, given: argparse.Namespace) -> int:
    password = _password(given.password_file)
    hasher = PinHasher(load_pepper(settings.pepper_file))

    async def add(file: DatabaseFile) -> bool:
        clock = SystemClock()
        people = People(file, hasher, clock, SystemIds(clock))
        try:
            return await people.set_password(given.user, password)
        finally:
            people.close()

    changed = asyncio.run(_in_database(settings, add))
    _ANSWER(f"{given.user}: {'the password is set' if changed else 'has this password already'}.")
    return 0


def _issue_certificate(settings: OfficeSettings, given: argparse.Namespace) -> int:
    if not is_short_id(given.name):
        raise SettingsInvalid(
            "name_malformed", f"--name {given.name!r} names the files: a-z, 0-9 and - only."
        )
    authority = load_ca(*settings.authority_files)
    made = issue_server_certificate(authority, names=given.dns, ips=given.ip, clock=SystemClock())
    out: Path = given.out
    out.mkdir(parents=True, exist_ok=True)
    certificate_file, key_file = out / f"{given.name}.pem", out / f"{given.name}.key"
    made.write(certificate_file, key_file)
    (out / "retailer-ca.pem").write_bytes(authority.certificate_pem)
    _ANSWER(f"{certificate_file} and {key_file} are made; retailer-ca.pem is what clients trust.")
    return 0


def _export(settings: OfficeSettings, given: argparse.Namespace) -> int:
    _check_free(settings)
    done = asyncio.run(
        _in_database(settings, lambda file: export(settings, file, given.store, given.out))
    )
    _ANSWER(
        f"{given.out}: events 1 to {done.head.seq} of store {given.store}, in {done.frames} frames."
    )
    return 0


def _take(settings: OfficeSettings, given: argparse.Namespace) -> int:
    _check_free(settings)
    store, done = asyncio.run(_in_database(settings, lambda file: take(settings, file, given.file)))
    if done.head.seq == done.before.seq:
        _ANSWER(f"Head office has all of it: store {store.slug} is at event {done.head.seq}.")
    else:
        _ANSWER(
            f"Store {store.slug}: events {done.before.seq + 1} to {done.head.seq} are at head "
            f"office now, from {done.frames} frames."
        )
    return 0


def _check_archive(settings: OfficeSettings, _: argparse.Namespace) -> int:
    key = load_key(settings.signing_key_file).public
    found = asyncio.run(
        _in_database(
            settings,
            lambda file: check_archive(settings.archive_folder, file, key, shipped_dictionaries()),
        )
    )
    for problem in found.problems:
        _ANSWER(problem)
    _ANSWER(
        f"{found.segments} pieces, {found.frames} frames, {found.events} events of "
        f"{len(found.ends)} stores: {'all of it is whole' if not found.problems else 'see above'}."
    )
    return 1 if found.problems else 0


def _load(_: OfficeSettings | None, given: argparse.Namespace) -> int:
    password = _password(given.password_file)
    if not given.pepper.exists():
        raise SettingsInvalid(
            "pepper_missing",
            f"There is no pepper file {given.pepper}.",
            advice="Give the one that head office and its boxes share.",
        )
    hasher = PinHasher(load_pepper(given.pepper))
    client = OfficeClient(given.url, given.ca)
    client.sign_in(given.user, password)
    done = load_folder(given.folder, client, hasher)
    client.sign_out()
    for feed, applied in done.items():
        _ANSWER(f"{feed}: {applied.changed} changed, {applied.unchanged} as they were.")
    return 0


def _rehearse(_: OfficeSettings | None, given: argparse.Namespace) -> int:
    password = _password(given.password_file)
    if given.days < 1:
        raise SettingsInvalid("days_range", "--days is 1 or more.")
    shop = ShopFolder(given.folder)
    shop.read()
    prices = price_list(shop.items)
    now = SystemClock().now_ms()
    at_ms = max(now, prices.begins_ms) if given.at is None else _instant(given.at, prices.zone)
    from_day = business_day(
        now - given.days * _DAY_MS,
        prices.zone,
        day_starts_at_hour=prices.profile.day_starts_at_hour,
    )
    client = OfficeClient(given.url, given.ca)
    client.sign_in(given.user, password)
    sales = client.sales(shop.slug, from_day)
    found = rehearse(sales, prices, store=shop.slug, from_day=from_day, at_ms=at_ms)
    client.sign_out()
    if given.csv is not None:
        given.csv.write_text(as_csv(found), "utf-8")
    _ANSWER(msgspec.json.encode(found).decode() if given.json else as_text(found, prices.zone))
    return 0


def _instant(text: str, zone: ZoneInfo) -> int:
    try:
        local = datetime.fromisoformat(text)
    except ValueError:
        local = None
    if local is None or local.tzinfo is not None:
        raise SettingsInvalid(
            "at_malformed", f"--at {text!r} is no local time of the store like 2026-12-01T08:00."
        )
    return int(local.replace(tzinfo=zone).timestamp() * 1000)


async def _in_database(settings: OfficeSettings, work: Callable[[DatabaseFile], Awaitable[T]]) -> T:
    if not settings.data_dir.is_dir():
        raise SettingsInvalid(
            "not_set_up",
            f"{settings.data_dir} does not exist.",
            advice="Run `tillbox office --config FILE init` first.",
        )
    file = office_database(settings.database_file)
    await file.open()
    try:
        return await work(file)
    finally:
        await file.close()


async def _make_tables(settings: OfficeSettings, file: DatabaseFile) -> None:
    """Open and close: the file is there from now on, and the tables on a server."""
    clock = SystemClock()
    log = open_log("office", clock=clock)
    async with (
        Supervisor(clock, log) as tasks,
        kept_frames(settings, file, clock, log, tasks),
    ):
        pass


async def _move(settings: OfficeSettings, file: DatabaseFile) -> int:
    clock = SystemClock()
    log = open_log("office", clock=clock)
    async with (
        Supervisor(clock, log) as tasks,
        remote_frames(settings, clock, log, tasks) as there,
    ):
        return await move_frames(file, SqliteEventStore(file, clock), there)


def _check_free(settings: OfficeSettings) -> None:
    """Raise Refused while head office runs on a server that it alone may write to."""
    if settings.store != "sqlite":
        _check_stopped(settings)


def _check_stopped(settings: OfficeSettings) -> None:
    """Raise Refused when something serves where head office does."""
    with contextlib.suppress(OSError):
        socket.create_connection((settings.web.address, settings.web.port), timeout=1).close()
        raise Refused(
            "office_runs",
            f"Something serves at {settings.web.address}:{settings.web.port}.",
            advice="Stop head office first: what boxes send meanwhile would be left behind.",
        )


def _password(path: Path) -> str:
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsInvalid(
            "password_unreadable", f"The password file {path} cannot be read: {error}."
        ) from None
    password = text.removesuffix("\n").removesuffix("\r")
    if not password or len(password) > PASSWORD_CHARS_MAX or "\n" in password:
        raise SettingsInvalid(
            "password_malformed",
            f"{path} holds no password: one line of at most {PASSWORD_CHARS_MAX} characters.",
        )
    return password


# --- the command line ---------------------------------------------------------------------


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, help="the settings, a TOML file")
    parser.set_defaults(act=_serve)
    actions = parser.add_subparsers(dest="action", metavar="ACTION")

    def action(name: str, act: Act, words: str) -> argparse.ArgumentParser:
        sub = actions.add_parser(name, help=words, description=words)
        sub.set_defaults(act=act)
        return sub

    action("serve", _serve, "run head office (what happens without an action)")
    action("init", _init, "make signing key, pepper, authority and database where missing")
    action("key", _key, "print head office's public signing key")
    store = action("add-store", _add_store, "register a store and the key of its box")
    store.add_argument("--store", required=True, help="the slug, as in the box's settings")
    store.add_argument("--number", type=int, required=True, help="the number, likewise")
    store.add_argument("--name", required=True)
    store.add_argument("--box-key", required=True, help="what `tillbox edge key` prints")
    store.add_argument("--gen", type=int, default=1, help="the generation (1)")
    replacing = action(
        "replace-box",
        _replace_box,
        "let a new box go on with a store's history (`tillbox rebuild`)",
    )
    replacing.add_argument("--store", required=True, help="the slug, as in the box's settings")
    replacing.add_argument("--box-key", required=True, help="the new box's public key")
    replacing.add_argument("--gen", type=int, required=True, help="the new box's generation")
    user = action("add-user", _add_user, "let a person of head office in, or set the password")
    user.add_argument("--user", required=True)
    user.add_argument("--password-file", type=Path, required=True)
    action(
        "move-frames", _move_frames, "move what a stopped head office has of frames to PostgreSQL"
    )
    certificate = action(
        "issue-certificate", _issue_certificate, "make a server's certificate by our authority"
    )
    certificate.add_argument("--name", required=True, help="names the two files")
    certificate.add_argument("--dns", action="append", default=[], help="a host name; repeatable")
    certificate.add_argument("--ip", action="append", default=[], help="an address; repeatable")
    certificate.add_argument("--out", type=Path, required=True, help="the folder to write to")
    exporting = action("export", _export, "write a store's history as a file that a person carries")
    exporting.add_argument("--store", required=True, help="the slug")
    exporting.add_argument("--out", type=Path, required=True, metavar="FILE")
    taking = action("take", _take, "append such a file behind what is here of its store")
    taking.add_argument("file", type=Path, metavar="FILE")
    action("check-archive", _check_archive, "look through all that is archived, from first to last")
    loading = action("load", _load, "load a shop's folder through a running head office")
    loading.add_argument("--pepper", type=Path, required=True, help="the pepper shared with boxes")
    rehearsing = action(
        "rehearse", _rehearse, "price the store's last sales as a folder would, and change nothing"
    )
    rehearsing.add_argument("--days", type=int, default=7, help="how many days of sales (7)")
    rehearsing.add_argument(
        "--at", help="from which local time on prices are asked (when the newest book begins)"
    )
    rehearsing.add_argument("--json", action="store_true", help="answer as JSON")
    rehearsing.add_argument("--csv", type=Path, help="write every article to this file too")
    for reading in (loading, rehearsing):
        reading.add_argument("folder", type=Path, metavar="DIR")
    for asking in (loading, rehearsing, replacing):
        asking.add_argument("--url", required=True, help="head office, like http://127.0.0.1:8090")
        asking.add_argument("--user", required=True)
        asking.add_argument("--password-file", type=Path, required=True)
        asking.add_argument("--ca", type=Path, help="the authority to trust, for https")


def _run(namespace: argparse.Namespace) -> int:
    act: Act = namespace.act
    if act in {_load, _rehearse, _replace_box}:
        return act(None, namespace)
    if namespace.config is None:
        raise SettingsInvalid(
            "config_missing",
            "This needs the settings.",
            advice="Give them first: `tillbox office --config FILE ...`.",
        )
    settings = load(namespace.config, OfficeSettings)
    try:
        return act(settings, namespace)
    except StorageFailed as error:
        _ANSWER(str(error))
        return 1


COMMAND: Final = Command(
    "office", "head office: what boxes replicate, what goes down to them", _configure, _run
)
