"""`tillbox devices join`: makes this machine a device host of a shop, from the file of its box."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path
from typing import Any, Final

from devices.settings import DevicesSettings
from edge.contract.errors import SettingsInvalid
from edge.runtime.bus import BusUnavailable
from edge.runtime.host_credentials import HostCredentials, as_toml, read_credentials
from edge.runtime.mqtt_bus import MqttBus
from edge.runtime.private_file import replace_private_file
from edge.runtime.settings_file import load
from edge.runtime.structured_log import open_log
from edge.runtime.system_clock import SystemClock

JOINED: Final = 0
NOT_JOINED: Final = 1
WRONG: Final = 2

_SETTINGS: Final = "devices.toml"
_PASSWORD: Final = "broker.password"  # noqa: S105 - the name of a file
_AUTHORITY: Final = "shop-ca.pem"


def configure(actions: Any) -> None:
    """Add it to the subcommands of `tillbox devices` (argparse has no public type for them)."""
    joining = actions.add_parser(
        "join",
        help="make this machine a device host of a shop, with the file that its box made",
        description="Takes the file of `tillbox broker add-host`, tries the connection, and "
        "leaves devices.toml with a password and the shop's authority. Exit status: 0 joined, "
        "1 the broker did not let us in and nothing was left, 2 the file cannot be used.",
    )
    joining.add_argument("credentials", type=Path, metavar="FILE.join", help="from the box")
    joining.add_argument(
        "--folder", type=Path, required=True, help="where this host keeps its files; made"
    )
    joining.add_argument(
        "--again", action="store_true", help="take new credentials for a host that has joined"
    )
    joining.set_defaults(act=join)


def join(arguments: argparse.Namespace) -> int:
    """Join, or say why not; return the exit status."""
    folder: Path = arguments.folder.absolute()
    try:
        credentials = read_credentials(arguments.credentials)
        before = _files_before(folder, credentials, again=arguments.again)
        _write(folder, credentials)
    except SettingsInvalid as error:
        return _complain(str(error), WRONG)
    settings = folder / _SETTINGS
    try:
        asyncio.run(_try(load(settings, DevicesSettings)))
    except (SettingsInvalid, BusUnavailable) as error:
        _restore(folder, before)
        return _complain(f"{error}\nNothing was changed here.", NOT_JOINED)
    sys.stdout.write(
        f"The broker of {credentials.store} knows this machine as {credentials.host}.\n"
        f"Run its devices, as a service: tillbox devices --config {settings}\n"
        f"Then delete {arguments.credentials}: whoever has it is {credentials.host}.\n"
    )
    return JOINED


async def _try(settings: DevicesSettings) -> None:
    bus = MqttBus(settings.broker, None, SystemClock(), open_log("devices"))
    await bus.try_once()


def _files_before(
    folder: Path, credentials: HostCredentials, *, again: bool
) -> dict[str, bytes | None]:
    """Return what stands in the folder. Raises SettingsInvalid when it is another host's."""
    path = folder / _SETTINGS
    if path.exists():
        known = load(path, DevicesSettings)
        if not again or (known.store, known.host) != (credentials.store, credentials.host):
            raise SettingsInvalid(
                "joined_already",
                f"{path} is there already: this is {known.host} of {known.store}.",
                advice="New credentials for that same host are taken with --again, while it does "
                "not run; another host needs another folder.",
            )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return {
            name: (folder / name).read_bytes() if (folder / name).exists() else None
            for name in (_SETTINGS, _PASSWORD, _AUTHORITY)
        }
    except OSError as error:
        raise SettingsInvalid(
            "folder_unusable",
            f"{folder} cannot be used: {error.strerror}.",
            advice="Take a folder in which this user may write.",
        ) from None


def _write(folder: Path, credentials: HostCredentials) -> None:
    host = as_toml({"store": credentials.store, "host": credentials.host})
    broker = as_toml(
        {
            "host": credentials.broker,
            "port": credentials.port,
            "user": credentials.host,
            "password_file": _PASSWORD,
            "ca_file": _AUTHORITY,
            "protocol": credentials.protocol,
        }
    )
    text = f'{host}database = "devices.db"\n\n[broker]\n{broker}'
    replace_private_file(folder / _PASSWORD, credentials.password.encode())
    replace_private_file(folder / _AUTHORITY, credentials.authority.encode())
    replace_private_file(folder / _SETTINGS, text.encode())


def _restore(folder: Path, before: dict[str, bytes | None]) -> None:
    for name, content in before.items():
        if content is None:
            (folder / name).unlink(missing_ok=True)
        else:
            replace_private_file(folder / name, content)


def _complain(words: str, status: int) -> int:
    sys.stderr.write(f"{words}\n")
    return status
