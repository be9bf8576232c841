"""An MQTT 3.1.1 broker where no Mosquitto is installed: amqtt behind a gate of ours.

For the demo and for tests, in a process of its own: it takes a third of a core for 20 busy
devices, loses QoS 1 messages that were not acknowledged at a disconnection, and has no
back-pressure. The contract's ids and answers carry correctness; a shop uses Mosquitto.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import signal
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from amqtt.broker import Broker
from amqtt.contexts import Action, BrokerConfig, ListenerConfig, ListenerType
from amqtt.plugins.base import BaseAuthPlugin, BaseTopicPlugin
from typing_extensions import override

from edge.contract.errors import SettingsInvalid
from edge.contract.limits import (
    STOP_S_MAX,
)
from edge.runtime import broker_commands
from edge.runtime.broker_access import BrokerAccess
from edge.runtime.broker_gate import BrokerGate
from edge.runtime.broker_passwords import BrokerPasswords
from edge.runtime.broker_settings import BrokerSettings
from edge.runtime.command_line import Command
from edge.runtime.settings_file import load, require_tls
from edge.runtime.structured_log import Log, open_log
from edge.runtime.systemd_notify import notify
from edge.runtime.tls_contexts import server_context

_DOOR: Final = "default"
_LOOPBACK: Final = "127.0.0.1"


class GateDecided(BaseAuthPlugin):  # type: ignore[misc]  # amqtt ships no types
    """Tells amqtt what the gate decided: whoever reaches it may come in, as who he is."""

    @dataclass
    class Config:
        """No settings."""

    @override
    async def authenticate(self, *, session: Any) -> bool:
        """Say yes to a client whose id is its user, as the gate lets in no other."""
        return bool(session.username) and session.username == session.client_id


class StoreRules(BaseTopicPlugin):  # type: ignore[misc]  # amqtt ships no types
    """Tells amqtt the rules of `BrokerAccess`."""

    @dataclass
    class Config:
        """Whose rules."""

        store: str
        edge_user: str
        home_assistant_user: str = ""

    @override
    async def topic_filtering(
        self, *, session: Any = None, topic: str | None = None, action: Any = None
    ) -> bool:
        """Say whether a user may publish to a topic or be sent what a filter stands for."""
        config = self.config
        access = BrokerAccess(config.store, config.edge_user, config.home_assistant_user)
        user = "" if session is None else session.username or ""
        if action == Action.PUBLISH:
            return access.may_say(user, topic or "")
        return access.may_hear(user, topic or "")


class StoreBroker(Broker):  # type: ignore[misc]  # amqtt ships no types
    """amqtt's broker without its greatest leak."""

    @override
    async def _publish_retained_messages_for_subscription(
        self, subscription: tuple[str, int], session: Any
    ) -> None:
        # amqtt 0.12.1 sends each new client what is retained for everybody's filters
        subscribed = self.subscriptions.get(subscription[0], ())
        if any(who is session for who, _ in subscribed):
            await super()._publish_retained_messages_for_subscription(subscription, session)


async def serve(settings: BrokerSettings, log: Log, ending: asyncio.Event) -> None:
    """Run the broker until `ending` is set. Raises SettingsInvalid."""
    tls = _tls(settings)
    access = settings.access
    passwords = BrokerPasswords(settings.password_file)
    users = passwords.load()
    if settings.edge_user not in users:
        raise SettingsInvalid(
            "broker_user_missing",
            f"{settings.password_file} has no user {settings.edge_user!r}.",
            advice="Add it, or name the user of `tillbox edge` as edge_user.",
        )
    _quieten(log)
    broker = StoreBroker(_amqtt_settings(settings))

    async def admit(reader: Any, writer: Any) -> None:
        await broker.external_connected(reader, writer, _DOOR)

    gate = BrokerGate(access, passwords, admit, log)
    await broker.start()
    try:
        port = await gate.open(settings.address, settings.port, tls)
        if settings.loopback_port is not None:
            inner = await gate.open(_LOOPBACK, settings.loopback_port, None)
            log.info("loopback_door", port=inner)
        log.info("ready", address=settings.address, port=port, users=sorted(users))
        notify("READY=1")
        await ending.wait()
        notify("STOPPING=1")
    finally:
        async with asyncio.timeout(STOP_S_MAX):
            await gate.close()
            await broker.shutdown()


def _amqtt_settings(settings: BrokerSettings) -> BrokerConfig:
    here = __name__
    return BrokerConfig(
        listeners={_DOOR: ListenerConfig(type=ListenerType.EXTERNAL, bind="the gate")},
        plugins={
            f"{here}.{GateDecided.__name__}": {},
            f"{here}.{StoreRules.__name__}": {
                "store": settings.store,
                "edge_user": settings.edge_user,
                "home_assistant_user": settings.home_assistant_user or "",
            },
        },
    )


def _tls(settings: BrokerSettings) -> ssl.SSLContext | None:
    certificate, key = settings.certificate_file, settings.key_file
    require_tls(settings.address, bool(certificate and key), "The broker")
    if certificate is None or key is None:
        return None
    return server_context(certificate, key)


class _Bridge(logging.Handler):
    """What amqtt says at warning or above, as lines of our log."""

    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self._log = log
        self._count = 0

    @override
    def emit(self, record: logging.LogRecord) -> None:
        self._count += 1
        # at 1, 2, 4, 8 …: one client's trouble fills no disk
        if self._count.bit_count() == 1:
            self._log.warning("amqtt", said=record.getMessage()[:200], lines=self._count)


def _quieten(log: Log) -> None:
    logger = logging.getLogger("amqtt")
    logger.handlers[:] = [_Bridge(log)]
    logger.setLevel(logging.WARNING)  # below, it would write passwords and payloads
    logger.propagate = False


# --- tillbox broker -----------------------------------------------------------------------


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE.toml",
        help="store, password_file, address, port, edge_user, certificate_file, key_file",
    )
    broker_commands.configure(parser.add_subparsers(dest="action", metavar="ACTION"))
    parser.set_defaults(act=_serve)


def _run(namespace: argparse.Namespace) -> int:
    status: int = namespace.act(namespace)
    return status


def _serve(namespace: argparse.Namespace) -> int:
    if namespace.config is None:
        raise SettingsInvalid(
            "config_missing",
            "--config FILE.toml is missing: it says whose broker this is.",
            advice="`tillbox broker setup` makes one.",
        )
    settings = load(namespace.config, BrokerSettings)
    asyncio.run(_run_until_told(settings, open_log("broker")))
    return 0


async def _run_until_told(settings: BrokerSettings, log: Log) -> None:
    ending = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ending.set)
    await serve(settings, log, ending)


COMMAND: Final = Command(
    "broker", "run the embedded MQTT broker, where no Mosquitto is installed", _configure, _run
)
