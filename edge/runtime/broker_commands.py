"""`tillbox broker setup`, `add-host` and the others: who may come to a shop's broker, and how.

They write files and print what a person does next; the running broker is not touched.
"""

from __future__ import annotations

import argparse
import ipaddress
import secrets
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from edge.contract.errors import SettingsInvalid
from edge.contract.identity import is_short_id
from edge.runtime.broker_passwords import BrokerPasswords, forget_user, set_password
from edge.runtime.broker_settings import BrokerSettings
from edge.runtime.host_credentials import HostCredentials, as_toml
from edge.runtime.mosquitto_files import (
    CONFIGURATION,
    PASSWORDS,
    MosquittoListener,
    write_mosquitto_rules,
)
from edge.runtime.private_file import (
    create_private_file,
    read_private_file,
    replace_private_file,
)
from edge.runtime.settings_file import load
from edge.runtime.tls_contexts import client_context, server_context

SETTINGS: Final = "broker.toml"
AUTHORITY: Final = "shop-ca.pem"
AUTHORITY_KEY: Final = "shop-ca.key"
CERTIFICATE: Final = "broker.pem"
KEY: Final = "broker.key"
_EVERYWHERE: Final = "0.0.0.0"  # noqa: S104 - TLS only
_EDGE: Final = "edge"
_HOME_ASSISTANT: Final = "homeassistant"
_BEGIN_ANEW: Final = (
    "Start the broker anew: after a mere reload others would not learn that the host is gone."
)
"""Mosquitto 2.0.11 sends away who lost his password at a reload, without his last will."""
_START_EMBEDDED: Final = "Start the embedded broker anew."


def configure(actions: Any) -> None:
    """Add the actions to `tillbox broker` (argparse has no public type for them)."""
    setup = actions.add_parser(
        "setup",
        help="make the files of a shop's broker: TLS on the network, plain on this machine",
        description="Makes a folder with certificate, users and settings for Mosquitto (or the "
        "embedded broker): a TLS door for other machines, a plain one on loopback for the box.",
    )
    setup.add_argument("--folder", type=Path, required=True, help="where; made when missing")
    setup.add_argument("--store", required=True, help="the store, as in edge.toml")
    setup.add_argument(
        "--name",
        action="append",
        required=True,
        help="a name or IP address by which other machines reach this one; repeatable",
    )
    setup.add_argument("--host", default="box", help="this machine as a device host (box)")
    setup.add_argument("--address", default=_EVERYWHERE, help=f"TLS listens here ({_EVERYWHERE})")
    setup.add_argument("--port", type=int, default=8883, help="the TLS port (8883)")
    setup.add_argument("--loopback-port", type=int, default=1883, help="the plain one (1883)")
    setup.add_argument("--embedded", action="store_true", help="for the embedded broker")
    setup.add_argument("--certificate", type=Path, help="made by head office, with --key and --ca")
    setup.add_argument("--key", type=Path, help="its private key")
    setup.add_argument("--ca", type=Path, help="the authority that signed it")
    setup.set_defaults(act=_setup)

    adding = actions.add_parser(
        "add-host",
        help="make the credentials of one more device host, and say what to do there",
        description="Makes a file that the other machine joins with. Given again for the same "
        "name it makes new credentials; the old ones are good no more.",
    )
    adding.add_argument("host", help="the new host's name, such as till2")
    adding.add_argument("--at", help="the name of this broker to give; by default its first one")
    adding.add_argument("--out", type=Path, default=Path(), help="folder of the file (here)")
    adding.set_defaults(act=_add_host)

    removing = actions.add_parser("remove-host", help="take a device host's credentials away")
    removing.add_argument("host", help="its name")
    removing.set_defaults(act=_remove_host)

    renewing = actions.add_parser(
        "renew-certificate", help="make a new certificate for the broker, by the shop's authority"
    )
    renewing.add_argument(
        "--name", action="append", help="its names from now on; by default those it has"
    )
    renewing.set_defaults(act=_renew)

    home = actions.add_parser(
        "add-home-assistant",
        help="let a Home Assistant read how the shop's devices are, and nothing else",
    )
    home.add_argument("--at", help="the name of this broker to give; by default its first one")
    home.set_defaults(act=_add_home_assistant)
    gone = actions.add_parser("remove-home-assistant", help="let it in no more")
    gone.set_defaults(act=_remove_home_assistant)
    for action in (adding, removing, renewing, home, gone):
        action.add_argument("--folder", type=Path, required=True, help="the broker's folder")


# --- setup --------------------------------------------------------------------------------


@dataclass(frozen=True)
class BrokerPlan:
    """What a new broker of a shop is to be.

    `names`: host names and IP addresses by which other machines reach this one; `host`: this
    machine as a device host. Without `brought` (certificate, key, authority; PEM files) the shop
    gets an authority of its own. `embedded`: for the embedded broker instead of Mosquitto.
    """

    folder: Path
    store: str
    names: tuple[str, ...]
    host: str = "box"
    address: str = _EVERYWHERE
    port: int = 8883
    loopback_port: int = 1883
    embedded: bool = False
    brought: tuple[Path, Path, Path] | None = None


def set_up_broker(plan: BrokerPlan) -> BrokerSettings:
    """Make a broker's folder: certificate, users `edge` and `plan.host`, rules, settings.

    The users' passwords are in `edge.mqtt` and `HOST.mqtt`. Raises SettingsInvalid: a folder
    that has a broker's files already, a name that is none, a certificate that does not fit.
    """
    folder = plan.folder
    for name, what in ((plan.store, "--store"), (plan.host, "--host")):
        if not is_short_id(name):
            raise SettingsInvalid("name_malformed", f"{what} {name!r}: a-z, 0-9 and - only, to 40.")
    _check_host(plan.host, _EDGE)
    if (folder / SETTINGS).exists():
        raise SettingsInvalid(
            "broker_is_set_up",
            f"{folder} has a broker's files already; they are not written over.",
            advice="Add hosts with `tillbox broker add-host`, or take another folder.",
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsInvalid(
            "folder_unusable",
            f"{folder} cannot be made: {error.strerror}.",
            advice="Take a folder in which this user may write.",
        ) from None
    _make_certificate(plan)
    for user in (_EDGE, plan.host):
        password = secrets.token_urlsafe(32)
        replace_private_file(folder / f"{user}.mqtt", password.encode())
        set_password(folder / PASSWORDS, user, password)
    settings = BrokerSettings(
        plan.store,
        folder / PASSWORDS,
        address=plan.address,
        port=plan.port,
        certificate_file=folder / CERTIFICATE,
        key_file=folder / KEY,
        loopback_port=plan.loopback_port,
    )
    _write_rules(folder, settings, embedded=plan.embedded)
    return settings


def _setup(given: argparse.Namespace) -> int:
    folder: Path = given.folder.absolute()
    brought = (given.certificate, given.key, given.ca)
    if any(brought) and not all(brought):
        raise SettingsInvalid(
            "certificate_incomplete", "--certificate, --key and --ca go together."
        )
    settings = set_up_broker(
        BrokerPlan(
            folder,
            given.store,
            tuple(given.name),
            given.host,
            given.address,
            given.port,
            given.loopback_port,
            given.embedded,
            brought if all(brought) else None,
        )
    )
    _say(
        f"The broker of {given.store} is set up in {folder}.",
        "1. Let it run as a service: " + _run_words(folder, embedded=given.embedded),
        "2. edge.toml and this machine's devices.toml get:",
        *(
            _broker_table(folder, user, settings, embedded=given.embedded)
            for user in (_EDGE, given.host)
        ),
        f"3. Another machine: tillbox broker add-host NAME --folder {folder}",
        "Its certificate is good for 13 months: `tillbox broker renew-certificate` makes the next.",
    )
    return 0


def _make_certificate(plan: BrokerPlan) -> None:
    folder = plan.folder
    if plan.brought is not None:
        certificate, key, authority_file = plan.brought
        server_context(certificate, key)
        client_context(authority_file)
        create_private_file(folder / KEY, read_private_file(key))
        replace_private_file(folder / CERTIFICATE, certificate.read_bytes())
        replace_private_file(folder / AUTHORITY, authority_file.read_bytes())
        return
    from edge.runtime import certificates  # noqa: PLC0415 - loaded when one is made
    from edge.runtime.system_clock import SystemClock  # noqa: PLC0415 - as above

    clock = SystemClock()
    authority = certificates.make_ca(plan.store, clock)
    names, ips = names_and_ips(plan.names)
    made = certificates.issue_server_certificate(authority, names=names, ips=ips, clock=clock)
    certificates.write_ca(authority, folder / AUTHORITY, folder / AUTHORITY_KEY)
    made.write(folder / CERTIFICATE, folder / KEY)


def _renew(given: argparse.Namespace) -> int:
    from edge.runtime import certificates  # noqa: PLC0415 - loaded when one is made
    from edge.runtime.system_clock import SystemClock  # noqa: PLC0415 - as above

    folder: Path = given.folder.absolute()
    _settings(folder)
    if not (folder / AUTHORITY_KEY).exists():
        raise SettingsInvalid(
            "authority_elsewhere",
            f"{folder} has no {AUTHORITY_KEY}: the broker's certificate is head office's.",
            advice=f"Have one made there (`tillbox office issue-certificate`) and put it in place "
            f"of {CERTIFICATE} and {KEY}.",
        )
    authority = certificates.load_ca(folder / AUTHORITY, folder / AUTHORITY_KEY)
    names, ips = names_and_ips(given.name or _certified(folder))
    made = certificates.issue_server_certificate(
        authority, names=names, ips=ips, clock=SystemClock()
    )
    replace_private_file(folder / KEY, made.key_pem)
    replace_private_file(folder / CERTIFICATE, made.certificate_pem)
    _say(
        f"The broker has a new certificate for {', '.join([*names, *ips])}.",
        "Start the broker anew. Hosts that have joined stay: they trust the authority.",
    )
    return 0


# --- hosts --------------------------------------------------------------------------------


def _add_host(given: argparse.Namespace) -> int:
    folder: Path = given.folder.absolute()
    settings = _settings(folder)
    _check_host(given.host, settings.edge_user)
    if given.host == (settings.home_assistant_user or _HOME_ASSISTANT):
        raise SettingsInvalid("host_name_taken", f"{given.host} is the name of Home Assistant.")
    embedded = _is_embedded(folder)
    password = secrets.token_urlsafe(32)
    credentials = HostCredentials(
        settings.store,
        given.host,
        _reached_at(folder, given.at),
        settings.port,
        "3.1.1" if embedded else "5",
        password,
        (folder / AUTHORITY).read_text("ascii"),
    )
    path = given.out.absolute() / f"{given.host}.join"
    before = given.host in BrokerPasswords(folder / PASSWORDS).load()
    credentials.write(path)
    set_password(folder / PASSWORDS, given.host, password)
    _say(
        f"{given.host} may come to the broker; its credentials are in {path}.",
        f"1. {_BEGIN_ANEW if before else _read_again(embedded=embedded)}",
        "2. Carry the file to the other machine, by scp or on a stick. Whoever has it is "
        f"{given.host}.",
        "3. There, with Tillbox installed:",
        f"     tillbox devices join {path.name} --folder tillbox-{given.host}"
        + (" --again" if before else ""),
        f"     tillbox devices --config tillbox-{given.host}/devices.toml",
        "   (the second one as a service)",
        "4. Delete the file, here and on the stick.",
        f"The technician's page then shows what is plugged in at {given.host}.",
    )
    return 0


def _remove_host(given: argparse.Namespace) -> int:
    folder: Path = given.folder.absolute()
    settings = _settings(folder)
    _check_host(given.host, settings.edge_user)
    if not forget_user(folder / PASSWORDS, given.host):
        raise SettingsInvalid("host_unknown", f"The broker in {folder} has no user {given.host!r}.")
    _say(
        f"{given.host} may not come to the broker any more.",
        _BEGIN_ANEW,
        "Its devices stay adopted: give them up, or bind them to another host, on the "
        "technician's page.",
    )
    return 0


# --- Home Assistant -----------------------------------------------------------------------


def _add_home_assistant(given: argparse.Namespace) -> int:
    folder: Path = given.folder.absolute()
    settings = _settings(folder)
    at = _reached_at(folder, given.at)
    password = secrets.token_urlsafe(32)
    file = folder / f"{_HOME_ASSISTANT}.mqtt"
    replace_private_file(file, password.encode())
    set_password(folder / PASSWORDS, _HOME_ASSISTANT, password)
    embedded = _is_embedded(folder)
    _write_rules(folder, settings, embedded=embedded, home_assistant=_HOME_ASSISTANT)
    _say(
        "Home Assistant may read how the shop's devices are.",
        f"1. {_START_EMBEDDED if embedded else _read_again(embedded=False)}",
        "2. edge.toml gets the line [home_assistant]; start edge anew.",
        "3. In Home Assistant add the integration MQTT: "
        f"broker {at}, port {settings.port}, user {_HOME_ASSISTANT}, the password in {file}, "
        f"its advanced options: the CA certificate {folder / AUTHORITY}.",
    )
    return 0


def _remove_home_assistant(given: argparse.Namespace) -> int:
    folder: Path = given.folder.absolute()
    settings = _settings(folder)
    embedded = _is_embedded(folder)
    forget_user(folder / PASSWORDS, _HOME_ASSISTANT)
    (folder / f"{_HOME_ASSISTANT}.mqtt").unlink(missing_ok=True)
    _write_rules(folder, settings, embedded=embedded)
    _say(
        "Home Assistant may read nothing any more.",
        _START_EMBEDDED if embedded else _read_again(embedded=False),
    )
    return 0


# --- files --------------------------------------------------------------------------------


def _settings(folder: Path) -> BrokerSettings:
    if not (folder / SETTINGS).exists():
        raise SettingsInvalid(
            "broker_not_set_up",
            f"{folder} is no folder of a broker.",
            advice="Make one with `tillbox broker setup`, or name the right one.",
        )
    return load(folder / SETTINGS, BrokerSettings)


def _write_rules(
    folder: Path, settings: BrokerSettings, *, embedded: bool, home_assistant: str = ""
) -> None:
    """Write the settings of both brokers, or of the embedded one alone."""
    values: dict[str, str | int] = {
        "store": settings.store,
        "password_file": PASSWORDS,
        "address": settings.address,
        "port": settings.port,
        "edge_user": settings.edge_user,
        "certificate_file": CERTIFICATE,
        "key_file": KEY,
        "loopback_port": settings.loopback_port or 0,
    }
    if home_assistant:
        values["home_assistant_user"] = home_assistant
    text = f"# written by tillbox broker\n{as_toml(values)}"
    replace_private_file(folder / SETTINGS, text.encode())
    if embedded:
        return
    write_mosquitto_rules(
        folder,
        load(folder / SETTINGS, BrokerSettings).access,
        MosquittoListener(port=settings.loopback_port or 1883),
        MosquittoListener(settings.address, settings.port, folder / CERTIFICATE, folder / KEY),
    )


def _is_embedded(folder: Path) -> bool:
    return not (folder / CONFIGURATION).exists()


def _check_host(host: str, edge_user: str) -> None:
    if not is_short_id(host) or host in {edge_user, _EDGE}:
        raise SettingsInvalid(
            "host_invalid",
            f"{host!r} is no name for a device host.",
            advice="Use up to 40 of a-z, 0-9 and the hyphen; edge is the box itself.",
        )


def names_and_ips(given: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return which of some names are host names, and which IP addresses."""
    ips = [name for name in given if _is_ip(name)]
    return [name for name in given if name not in ips], ips


def _is_ip(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _certified(folder: Path) -> list[str]:
    """Return the names of the broker's certificate, in its order. Raises SettingsInvalid."""
    from edge.runtime import certificates  # noqa: PLC0415 - loaded when one is read

    names = certificates.names_of(certificates.load_certificate(folder / CERTIFICATE))
    if not names:
        raise SettingsInvalid(
            "certificate_without_name",
            f"{folder / CERTIFICATE} has no names by which the broker is reached.",
            advice="Have one made with names: nobody believes this one.",
        )
    return names


def _reached_at(folder: Path, wanted: str | None) -> str:
    names = _certified(folder)
    if wanted is None:
        return names[0]
    if wanted not in names:
        raise SettingsInvalid(
            "name_not_certified",
            f"The broker's certificate is not made for {wanted!r}.",
            advice=f"It is for: {', '.join(names)}. `tillbox broker renew-certificate --name …` "
            "makes one for other names.",
        )
    return wanted


# --- words --------------------------------------------------------------------------------


def _run_words(folder: Path, *, embedded: bool) -> str:
    if embedded:
        return f"tillbox broker --config {folder / SETTINGS}"
    return f"mosquitto -c {folder / CONFIGURATION}"


def _read_again(*, embedded: bool) -> str:
    if embedded:
        return "The embedded broker looks at its users at each connection: nothing to do here."
    return (
        "Let Mosquitto read its files again: sudo systemctl reload mosquitto "
        "(or send it the signal HUP)."
    )


def _broker_table(folder: Path, user: str, settings: BrokerSettings, *, embedded: bool) -> str:
    lines = as_toml(
        {
            "user": user,
            "password_file": str(folder / f"{user}.mqtt"),
            "port": settings.loopback_port or 0,
            "protocol": "3.1.1" if embedded else "5",
        }
    )
    return f"\n[broker]\n{lines}"


def _say(*lines: str) -> None:
    sys.stdout.write("\n".join(lines) + "\n")
