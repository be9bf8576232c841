"""`tillbox setup`: an ordinary machine becomes a shop's box, with every file that its units name.

It writes settings and secrets, and starts nothing; what a person does next is said at the end.
"""

from __future__ import annotations

import argparse
import os
import pwd
import secrets
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from edge.contract.errors import SettingsInvalid
from edge.contract.identity import is_short_id
from edge.runtime.broker_commands import AUTHORITY, BrokerPlan, set_up_broker
from edge.runtime.command_line import Command
from edge.runtime.host_credentials import as_toml
from edge.runtime.pin_hash import load_pepper
from edge.runtime.private_file import create_private_file, read_private_file
from edge.runtime.settings_file import load
from edge.settings import EdgeSettings

SETTINGS: Final = Path("/etc/tillbox")
STATE: Final = Path("/var/lib/tillbox")
TOKEN, PEPPER, WEB_KEY = "service-token", "pepper", "web-key"
_WEB: Final = "web.pem"
_TRUSTED: Final = "trusted.pem"
_BROKER: Final = "broker"
_SECRETS: Final = "secrets"
_TLS_PORT: Final = 443
_BROKER_USER: Final = "mosquitto"
_OWN_NAMES: Final = ("localhost", "127.0.0.1", "::1")
_NUMBER_MAX: Final = 4_294_967_295


@dataclass(frozen=True)
class BoxPlan:
    """What a new box is to be, and where its files go.

    `folder` gets settings and secrets, `state` is where the services keep what they know. With
    `units` secrets are read where systemd hands them over, as the units in `systemd/` have it;
    without, from `folder` itself. `port` and `broker_ports` (TLS, plain) are where they listen.
    `office`: head office's address (`wss://…`), its key and its authority.
    """

    folder: Path
    state: Path
    store: str
    number: int
    names: tuple[str, ...]
    tills: tuple[str, ...] = ("till-1",)
    units: bool = True
    port: int = _TLS_PORT
    broker_ports: tuple[int, int] = (8883, 1883)
    pepper: Path | None = None
    office: tuple[str, str, Path] | None = None


def set_up_box(plan: BoxPlan) -> tuple[Path, ...]:
    """Write everything; return the settings files. Over an older box nothing is written.

    Raises SettingsInvalid: names that are none, a folder with a box in it or that cannot be made.
    """
    _check(plan)
    secret_files = plan.folder / _SECRETS
    try:
        plan.folder.mkdir(parents=True, exist_ok=True, mode=0o755)
        secret_files.mkdir(mode=0o700)
    except FileExistsError:
        raise SettingsInvalid(
            "box_is_set_up",
            f"{plan.folder} has the secrets of a box already; nothing is written over.",
            advice="Take another folder. Move the old one away only when its box sells no more: "
            "its sales hang on its keys.",
        ) from None
    except OSError as error:
        raise SettingsInvalid(
            "folder_unusable",
            f"{plan.folder} cannot be made: {error.strerror}.",
            advice="Run it with sudo, or take a folder in which this user may write.",
        ) from None
    tls_port, plain_port = plan.broker_ports
    broker = BrokerPlan(
        plan.folder / _BROKER, plan.store, plan.names, port=tls_port, loopback_port=plain_port
    )
    _ = set_up_broker(broker)
    create_private_file(secret_files / TOKEN, secrets.token_urlsafe(32).encode())
    if plan.pepper is None:
        load_pepper(secret_files / PEPPER)
    else:
        create_private_file(secret_files / PEPPER, read_private_file(plan.pepper))
    for user in ("edge", broker.host):
        password = broker.folder / f"{user}.mqtt"
        create_private_file(secret_files / f"broker-{user}", read_private_file(password))
        password.unlink()
    _make_web_certificate(plan, secret_files)
    if not plan.units:  # systemd makes them, and gives them to the services' users
        (plan.state / "devices").mkdir(parents=True, exist_ok=True)
    written = _write_settings(plan, broker)
    _give_to_broker(broker.folder)
    return written


def _check(plan: BoxPlan) -> None:
    for name, what in (
        (plan.store, "--store"),
        *((till, "--till") for till in plan.tills),
    ):
        if not is_short_id(name):
            raise SettingsInvalid("name_malformed", f"{what} {name!r}: a-z, 0-9 and - only, to 40.")
    if not 1 <= plan.number <= _NUMBER_MAX:
        raise SettingsInvalid(
            "number_range",
            f"--number {plan.number} is not 1 to {_NUMBER_MAX}.",
            advice="Head office gives it; a shop that is its own head office takes 1.",
        )


def _make_web_certificate(plan: BoxPlan, secret_files: Path) -> None:
    """Make the certificate of the till port, by the shop's authority; and what `sync` trusts."""
    from edge.runtime import certificates  # noqa: PLC0415 - loaded when one is made
    from edge.runtime.broker_commands import AUTHORITY_KEY, names_and_ips  # noqa: PLC0415 - as above
    from edge.runtime.system_clock import SystemClock  # noqa: PLC0415 - as above

    broker = plan.folder / _BROKER
    authority = certificates.load_ca(broker / AUTHORITY, broker / AUTHORITY_KEY)
    names, ips = names_and_ips((*plan.names, *_OWN_NAMES))
    made = certificates.issue_server_certificate(
        authority, names=names, ips=ips, clock=SystemClock()
    )
    create_private_file(secret_files / WEB_KEY, made.key_pem)
    _write_public(plan.folder / _WEB, made.certificate_pem)
    trusted = (broker / AUTHORITY).read_bytes()
    if plan.office is not None:
        certificates.load_certificate(plan.office[2])
        trusted += plan.office[2].read_bytes()
    _write_public(plan.folder / _TRUSTED, trusted)


def _write_settings(plan: BoxPlan, broker: BrokerPlan) -> tuple[Path, ...]:
    files = {
        "edge": _edge_toml(plan, broker.loopback_port),
        "devices": _devices_toml(plan, broker.host, broker.loopback_port),
    }
    if plan.office is not None:
        files["sync"] = _sync_toml(plan, plan.office[0])
    written = []
    for name, text in files.items():
        path = plan.folder / f"{name}.toml"
        _write_public(path, f"# written by tillbox setup; yours from now on\n{text}".encode())
        written.append(path)
    _ = load(plan.folder / "edge.toml", EdgeSettings)
    return tuple(written)


def _edge_toml(plan: BoxPlan, broker_port: int) -> str:
    office_key = plan.office[1] if plan.office is not None else ""
    lists = f"tills = {_array(plan.tills)}\n"
    return (
        as_toml({"data_dir": str(plan.state / "edge")})
        + lists
        + "\n[store]\n"
        + as_toml({"slug": plan.store, "number": plan.number, "office_key": office_key})
        + "\n[secrets]\n"
        + as_toml(
            {
                "box_key_file": str(plan.state / "edge" / "box.key"),
                "pepper_file": _secret(plan, "edge", PEPPER),
                "service_token_file": _secret(plan, "edge", TOKEN),
            }
        )
        + "\n[broker]\n"
        + as_toml(
            {
                "user": "edge",
                "password_file": _secret(plan, "edge", "broker-edge"),
                "port": broker_port,
            }
        )
        + "\n[web]\n"
        + as_toml({"address": "", "port": plan.port})  # every one: it has TLS
        + f"hosts = {_array(plan.names)}\n"
        + as_toml(
            {"certificate_file": _WEB, "key_file": _secret(plan, "edge", WEB_KEY)},
        )
    )


def _devices_toml(plan: BoxPlan, host: str, broker_port: int) -> str:
    return (
        as_toml(
            {
                "store": plan.store,
                "host": host,
                "database": str(plan.state / "devices" / "devices.db"),
            }
        )
        + "\n[broker]\n"
        + as_toml(
            {
                "user": host,
                "password_file": _secret(plan, "devices", f"broker-{host}"),
                "port": broker_port,
            }
        )
        + "\n[network]\nfind = true\n"
    )


def _sync_toml(plan: BoxPlan, office_url: str) -> str:
    return as_toml(
        {
            "edge_url": f"https://localhost:{plan.port}",
            "service_token_file": _secret(plan, "sync", TOKEN),
            "office_url": office_url,
            "ca_file": _TRUSTED,
        }
    )


def _secret(plan: BoxPlan, service: str, name: str) -> str:
    """Return where a service reads a secret: systemd hands it over, or the folder itself."""
    if plan.units:
        return f"/run/credentials/tillbox-{service}.service/{name}"
    return f"{_SECRETS}/{name}"


def _array(texts: tuple[str, ...]) -> str:
    values = as_toml({str(place): text for place, text in enumerate(texts)}).splitlines()
    return f"[{', '.join(line.partition(' = ')[2] for line in values)}]"


def _write_public(path: Path, content: bytes) -> None:
    """Write what everybody may read: settings that name secrets, certificates."""
    try:
        path.write_bytes(content)
        path.chmod(0o644)
    except OSError as error:
        raise SettingsInvalid(
            "file_not_written", f"{path} cannot be written: {error.strerror}."
        ) from None


def _give_to_broker(folder: Path) -> None:
    """Let Mosquitto's own user have the broker's files, where root makes them."""
    if os.geteuid() != 0:
        return
    try:
        user = pwd.getpwnam(_BROKER_USER)
    except KeyError:
        return  # no Mosquitto here: the embedded broker runs as whoever starts it
    for path in (folder, *folder.iterdir()):
        shutil.chown(path, user.pw_uid, user.pw_gid)


# --- the command --------------------------------------------------------------------------


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--store", required=True, help="the shop's short name: a-z, 0-9 and -")
    parser.add_argument("--number", type=int, default=1, help="its number at head office (1)")
    parser.add_argument(
        "--name",
        action="append",
        required=True,
        help="a name or IP address by which tills reach this machine; repeatable",
    )
    parser.add_argument("--till", action="append", help="a till of the shop (till-1); repeatable")
    parser.add_argument("--folder", type=Path, default=SETTINGS, help=f"settings ({SETTINGS})")
    parser.add_argument("--state", type=Path, default=STATE, help=f"what is kept ({STATE})")
    parser.add_argument("--port", type=int, default=_TLS_PORT, help="tills call here (443)")
    parser.add_argument("--broker-port", type=int, default=8883, help="device hosts, TLS (8883)")
    parser.add_argument("--loopback-port", type=int, default=1883, help="the box itself (1883)")
    parser.add_argument("--pepper", type=Path, help="the retailer's; a shop alone makes its own")
    parser.add_argument("--office-url", help="head office: wss://HOST")
    parser.add_argument("--office-key", help="its public key, with --office-url")
    parser.add_argument("--office-ca", type=Path, help="its authority (PEM), with --office-url")
    parser.add_argument(
        "--without-units",
        action="store_true",
        help="let the programs read their secrets from the folder itself: they are started by hand",
    )


def _run(given: argparse.Namespace) -> int:
    office = (given.office_url, given.office_key, given.office_ca)
    if any(office) and not all(office):
        raise SettingsInvalid(
            "office_incomplete", "--office-url, --office-key and --office-ca go together."
        )
    plan = BoxPlan(
        given.folder.absolute(),
        given.state.absolute(),
        given.store,
        given.number,
        tuple(given.name),
        tuple(given.till or ("till-1",)),
        not given.without_units,
        given.port,
        (given.broker_port, given.loopback_port),
        given.pepper,
        office if all(office) else None,
    )
    written = set_up_box(plan)
    services = " ".join(f"tillbox-{path.stem}" for path in written)
    told: list[Any] = [f"{plan.store} is set up: {', '.join(map(str, written))}"]
    if plan.units:
        told += [
            f"1. sudo systemctl enable --now mosquitto {services}",
            f"2. Head office gets this box's key: sudo tillbox edge --config {written[0]} key",
            f"3. A till: sudo tillbox edge --config {written[0]} enrol --till {plan.tills[0]}",
            f"   and on the tablet: https://{plan.names[0]}",
            f"   Tablets and other hosts trust {plan.folder / _BROKER / AUTHORITY}.",
        ]
    sys.stdout.write("".join(f"{line}\n" for line in told))
    return 0


COMMAND: Final = Command(
    "setup",
    "make this machine the box of a shop: settings, secrets, certificates",
    _configure,
    _run,
)
