"""The bus over MQTT: the only module that knows aiomqtt (formerly asyncio-mqtt) and paho.

aiomqtt does not reconnect, does not wake a publisher whose connection was lost, makes a
task for each message taken and another for each publish waited for, and leaves Nagle's
algorithm on. So here: one client per connection, deliveries straight from the socket's
callback into the subscriptions' queues, and deadlines of our own.
"""

from __future__ import annotations

import asyncio
import logging
import math
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Annotated, Final

import aiomqtt
import msgspec
from aiomqtt.exceptions import MqttConnectError
from msgspec import Meta
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from typing_extensions import override

from edge.contract.errors import SettingsInvalid
from edge.contract.instant import Clock
from edge.contract.limits import (
    BACKOFF_MS_MAX,
    BACKOFF_MS_MIN,
    MQTT_ACK_S_MAX,
    MQTT_CONNECT_S_MAX,
    MQTT_KEEP_ALIVE_S,
    MQTT_PAYLOAD_BYTES_MAX,
    MQTT_QUEUE_MAX,
    SUBSCRIPTION_QUEUE_MAX,
)
from edge.runtime.backoff import Backoff
from edge.runtime.broker_trouble import BrokerPlace, BrokerTrouble
from edge.runtime.bus import BusMessage, BusUnavailable, LastWill
from edge.runtime.outgoing_message import check_outgoing
from edge.runtime.private_file import read_private_file
from edge.runtime.settings_file import require_tls
from edge.runtime.structured_log import Log
from edge.runtime.subscription_queue import SubscriptionQueue
from edge.runtime.tls_contexts import client_context

_PROTOCOLS: Final = {"5": aiomqtt.ProtocolVersion.V5, "3.1.1": aiomqtt.ProtocolVersion.V311}
_NO_DELAY: Final = (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
_GOODBYE_S: Final = 0.5
_SILENT_GOODBYE_S: Final = 0.05
"""Long enough to write DISCONNECT; of a connection not yet made there is no answer."""
_REFUSED: Final = 0x80
"""Return codes of a SUBACK from here on say no, in both versions of the protocol."""


class MqttSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the broker is and who we are there.

    `user` is the client identifier as well. The file with the password is readable by this
    user alone. `ca_file` turns TLS on; every broker but one on loopback needs it.
    `protocol` is `5`, or `3.1.1` for the embedded broker.
    """

    user: str
    password_file: Path
    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65_535)] = 1883
    protocol: Annotated[str, Meta(pattern=r"^(5|3\.1\.1)$(?!\n)")] = "5"
    ca_file: Path | None = None


class MqttBus:
    """One client of an MQTT broker; a `Bus`. `run` connects, and connects again.

    `will` is what the broker says, retained, when this process ends without a goodbye.
    Acknowledged means that the broker has the message: it does not say that somebody may
    read it (Mosquitto acknowledges what its ACL drops).
    """

    def __init__(
        self, settings: MqttSettings, will: LastWill | None, clock: Clock, log: Log
    ) -> None:
        self._settings = settings
        self._will = will
        self._clock = clock
        self._log = log.bind(broker=f"{settings.host}:{settings.port}", user=settings.user)
        self._client: aiomqtt.Client | None = None
        self._subscriptions: list[SubscriptionQueue] = []
        self._greetings: list[Callable[[], Awaitable[None]]] = []
        self._mourners: list[Callable[[], None]] = []
        self._fresh: list[str] = []
        self._gone: list[str] = []
        self._changed = asyncio.Event()
        self._settled = asyncio.Event()
        self._waits: set[asyncio.Timeout] = set()
        self._told: set[str] = set()

    @property
    def connected(self) -> bool:
        """Whether there is a connection now."""
        return self._client is not None

    async def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        qos: int = 1,
        retain: bool = False,
        expiry_s: int | None = None,
    ) -> None:
        """Hand a message to the broker; with QoS 1 return once it has acknowledged.

        What this process subscribed to before is subscribed by then. Raises BusUnavailable
        when there is no connection, it is lost, or `MQTT_ACK_S_MAX` pass before that;
        Refused when the payload is too large.
        """
        check_outgoing(topic, payload, qos)
        client = self._client
        if client is None:
            raise BusUnavailable("bus_unavailable", "There is no connection to the broker.")
        try:
            async with asyncio.timeout(MQTT_ACK_S_MAX) as wait:
                self._waits.add(wait)
                try:
                    if not self._settled.is_set():
                        await self._settled.wait()
                    # inf: with a deadline of its own aiomqtt makes a task for each publish
                    await client.publish(
                        topic,
                        payload,
                        qos,
                        retain,
                        properties=self._expiry(expiry_s),
                        timeout=math.inf,
                    )
                finally:
                    self._waits.discard(wait)
        except (TimeoutError, aiomqtt.MqttError) as error:
            raise BusUnavailable(
                "bus_unavailable", f"The broker did not acknowledge a message for {topic}."
            ) from error

    def subscribe(
        self, filters: Sequence[str], *, queue_max: int = SUBSCRIPTION_QUEUE_MAX
    ) -> SubscriptionQueue:
        """Return the deliveries for some topic filters from now on, over all reconnections.

        Retained messages may come again whenever somebody here subscribes to the same.
        """
        subscription = SubscriptionQueue(filters, queue_max, self._unsubscribe)
        self._subscriptions.append(subscription)
        self._fresh.extend(subscription.filters)
        self._settled.clear()
        self._changed.set()
        return subscription

    def on_connect(self, greet: Callable[[], Awaitable[None]]) -> None:
        """Have `greet` awaited after each connection, when the filters are subscribed."""
        self._greetings.append(greet)

    def on_lost(self, tell: Callable[[], None]) -> None:
        """Have `tell` called when a connection is lost."""
        self._mourners.append(tell)

    async def run(self) -> None:
        """Hold the connection until cancelled; then say goodbye (no last will is sent).

        Raises SettingsInvalid when the settings cannot be used.
        """
        tls = self._tls()
        backoff = Backoff(BACKOFF_MS_MIN, BACKOFF_MS_MAX)
        while True:
            client = self._new_client(tls)
            try:
                await self._connect(client)
                try:
                    await self._serve(client, backoff)
                finally:
                    self._lose()
                    await _leave(client, _GOODBYE_S)
            except aiomqtt.MqttError as error:
                self._tell_down(error)
            await self._clock.sleep(backoff.next_ms() / 1000)

    async def try_once(self) -> None:
        """Connect, say goodbye and return: the settings work. Not beside `run`.

        A client of the same name is thrown off by it. Raises BusUnavailable with words and
        advice when the broker does not let us in, SettingsInvalid as `run` does.
        """
        client = self._new_client(self._tls())
        try:
            await self._connect(client)
        except aiomqtt.MqttError as error:
            trouble = self._trouble(error)
            raise BusUnavailable(trouble.code, trouble.words, advice=trouble.advice) from None
        await _leave(client, _GOODBYE_S)

    # --- one connection -------------------------------------------------------------------

    def _new_client(self, tls: ssl.SSLContext | None) -> aiomqtt.Client:
        settings, will = self._settings, self._will
        protocol = _PROTOCOLS[settings.protocol]
        properties = None
        if protocol is aiomqtt.ProtocolVersion.V5:
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho's
            # what is over our limit is dropped and counted here; a monster is not even sent
            properties.MaximumPacketSize = 2 * MQTT_PAYLOAD_BYTES_MAX
        client = aiomqtt.Client(
            settings.host,
            settings.port,
            username=settings.user,
            password=_password(settings.password_file),
            identifier=settings.user,
            logger=_silent_logger(),
            queue_type=_straight_to(self._deliver),
            protocol=protocol,
            properties=properties,
            will=aiomqtt.Will(will.topic, will.payload, qos=1, retain=True) if will else None,
            timeout=MQTT_CONNECT_S_MAX,
            keepalive=MQTT_KEEP_ALIVE_S,
            tls_context=tls,
            socket_options=[_NO_DELAY],
        )
        client.pending_calls_threshold = MQTT_QUEUE_MAX  # its warning is none
        return client

    async def _connect(self, client: aiomqtt.Client) -> None:
        connecting = asyncio.get_running_loop().create_task(client.__aenter__())
        try:
            await asyncio.shield(connecting)
        except asyncio.CancelledError:
            # cancelled in its thread, aiomqtt would leave a socket behind: it gets a moment
            await asyncio.wait({connecting}, timeout=_GOODBYE_S)
            connecting.cancel()
            await asyncio.gather(connecting, return_exceptions=True)
            await _leave(client, _SILENT_GOODBYE_S)
            raise
        except aiomqtt.MqttError:
            # a broker that took the connection and said nothing must not say yes later
            await _leave(client, _SILENT_GOODBYE_S)
            raise

    async def _serve(self, client: aiomqtt.Client, backoff: Backoff) -> None:
        """Subscribe, greet, and stay until the connection is lost: raises MqttError then."""
        self._settled.clear()
        self._fresh = [name for queue in self._subscriptions for name in queue.filters]
        self._gone.clear()
        self._changed.set()
        self._client = client
        # no TaskGroup: in 3.11 and 3.12 it swallows a cancellation that comes with a failure
        loop = asyncio.get_running_loop()
        tasks = [
            loop.create_task(self._watch(client), name="mqtt watch"),
            loop.create_task(self._keep_subscribed(client), name="mqtt subscriptions"),
            loop.create_task(self._welcome(backoff), name="mqtt greetings"),
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        failures = [task.exception() for task in done if not task.cancelled()]
        found = [failure for failure in failures if failure is not None]
        # a defect in a greeting is told rather than the loss that came with it
        raise min(found, key=lambda failure: isinstance(failure, aiomqtt.MqttError))

    async def _watch(self, client: aiomqtt.Client) -> None:
        # nothing is ever put where this looks: it ends with the connection
        try:
            async for _ in client.messages:
                pass
        finally:
            self._lose()

    async def _keep_subscribed(self, client: aiomqtt.Client) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            fresh, self._fresh = list(dict.fromkeys(self._fresh)), []
            gone, self._gone = self._gone, []
            if fresh:
                await self._send_subscribe(client, fresh)
            wanted = {name for queue in self._subscriptions for name in queue.filters}
            if unwanted := [name for name in dict.fromkeys(gone) if name not in wanted]:
                async with _answer_in_time():
                    await client.unsubscribe(unwanted, timeout=math.inf)
            if not self._fresh:
                self._settled.set()

    async def _send_subscribe(self, client: aiomqtt.Client, filters: list[str]) -> None:
        wanted = [(name, 1) for name in filters]
        async with _answer_in_time():
            codes = await client.subscribe(wanted, timeout=math.inf)
        numbers = [code.value if isinstance(code, ReasonCode) else code for code in codes]
        for name, number in zip(filters, numbers, strict=True):
            if number >= _REFUSED:
                self._log.error("bus_subscription_denied", filter=name)

    async def _welcome(self, backoff: Backoff) -> None:
        await self._settled.wait()
        backoff.reset()
        self._tell_up()
        for greet in self._greetings:
            try:
                await greet()
            except BusUnavailable:
                return  # lost again meanwhile: the next connection greets anew

    def _lose(self) -> None:
        """Nobody waits for a connection that is gone."""
        was, self._client = self._client, None
        if was is not None:
            for tell in self._mourners:
                tell()
        now = asyncio.get_running_loop().time()
        for wait in self._waits:
            with suppress(RuntimeError):  # its deadline is passing at this moment
                wait.reschedule(now)
        self._waits.clear()

    # --- deliveries -----------------------------------------------------------------------

    def _deliver(self, message: aiomqtt.Message) -> None:
        delivery = BusMessage(message.topic.value, bytes(message.payload), message.retain)
        room = sum(map(len, self._subscriptions)) < MQTT_QUEUE_MAX
        for subscription in self._subscriptions:
            dropped = subscription.offer(delivery, room=room)
            # at 1, 2, 4, 8 …: a flood of messages is no flood of lines
            if dropped and subscription.dropped.bit_count() == 1:
                self._log.warning(
                    "bus_deliveries_dropped", topic=delivery.topic, dropped=subscription.dropped
                )

    def _unsubscribe(self, subscription: SubscriptionQueue) -> None:
        self._subscriptions.remove(subscription)
        self._gone.extend(subscription.filters)
        self._changed.set()

    # --- settings and words ---------------------------------------------------------------

    def _tls(self) -> ssl.SSLContext | None:
        settings = self._settings
        if settings.protocol not in _PROTOCOLS:
            raise SettingsInvalid(
                "wrong_protocol",
                f"The broker's protocol is {settings.protocol!r}.",
                advice="It is 5 or 3.1.1.",
            )
        require_tls(settings.host, settings.ca_file is not None, "The broker")
        return None if settings.ca_file is None else client_context(settings.ca_file)

    def _expiry(self, expiry_s: int | None) -> Properties | None:
        if expiry_s is None or self._settings.protocol != "5":
            return None
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho's
        properties.MessageExpiryInterval = expiry_s
        return properties

    def _tell_up(self) -> None:
        self._told.clear()
        self._log.info("bus_connected")

    def _tell_down(self, error: aiomqtt.MqttError) -> None:
        trouble = self._trouble(error)
        # the reason again and again is told once; another one (refused after silence) is told
        if trouble.words not in self._told:
            self._told.add(trouble.words)
            self._log.warning(
                "bus_lost", code=trouble.code, reason=trouble.words, advice=trouble.advice
            )

    def _trouble(self, error: aiomqtt.MqttError) -> BrokerTrouble:
        settings = self._settings
        place = BrokerPlace(
            settings.host, settings.port, settings.user, tls=settings.ca_file is not None
        )
        return place.trouble(error, refused=_refusal(error))


def _refusal(error: aiomqtt.MqttError) -> int | None:
    """Return the code with which the broker refused the connection; None when it did not."""
    if not isinstance(error, MqttConnectError):
        return None
    return error.rc.value if isinstance(error.rc, ReasonCode) else error.rc


@asynccontextmanager
async def _answer_in_time() -> AsyncIterator[None]:
    """Give the broker `MQTT_ACK_S_MAX`; raise MqttError after it.

    aiomqtt's own deadline is asyncio.wait_for, which in Python 3.11 swallows a cancellation
    that comes together with the answer: the task would go on for ever.
    """
    try:
        async with asyncio.timeout(MQTT_ACK_S_MAX):
            yield
    except TimeoutError:
        raise aiomqtt.MqttError("The broker did not answer in time.") from None


async def _leave(client: aiomqtt.Client, goodbye_s: float) -> None:
    """Say goodbye and close the socket; a broker that does not listen is not waited for."""
    client.timeout = goodbye_s
    # in a task of its own, for the same reason: asyncio.wait swallows nothing
    leaving = asyncio.get_running_loop().create_task(client.__aexit__(None, None, None))
    leaving.add_done_callback(lambda task: task.cancelled() or task.exception())
    await asyncio.wait({leaving})


def _straight_to(
    deliver: Callable[[aiomqtt.Message], None],
) -> type[asyncio.Queue[aiomqtt.Message]]:
    """Return what aiomqtt takes for its queue: each message goes on at once, none is kept."""

    class Straight(asyncio.Queue[aiomqtt.Message]):
        @override
        def put_nowait(self, item: aiomqtt.Message) -> None:
            deliver(item)

    return Straight


def _silent_logger() -> logging.Logger:
    """Return a logger for the library whose lines go nowhere: ours says what matters, once."""
    logger = logging.getLogger("tillbox.mqtt")
    logger.setLevel(logging.CRITICAL + 1)
    logger.propagate = False
    return logger


def _password(path: Path) -> str:
    return read_private_file(path).decode("utf-8", "replace").strip()
