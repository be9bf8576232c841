"""What announces itself on the shop's network (mDNS and DNS-SD), behind python-zeroconf.

The library is optional (`tillbox[discovery]`) and named here alone. It is asked for services of
a few kinds and only listened to; nothing is ever connected to. What the network says is hostile
until shown otherwise: counted, bounded, taken only where its address lies on a network that this
machine is itself on, and believed in nothing but what is shown to a person. IPv4 only, as the
addresses of drivers are written.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface
from typing import TYPE_CHECKING, Any, Final

from typing_extensions import override

from devices.transports.network_interfaces import NetworkInterfaces, is_neighbour
from edge.contract.device_limits import (
    NETWORK_ANEW_MS,
    NETWORK_ANSWER_MS_MAX,
    NETWORK_CHECK_S,
    NETWORK_FIRST_S,
    NETWORK_PAUSE_S,
    NETWORK_RECORDS_MAX,
    NETWORK_SERVICES_MAX,
    NETWORK_WINDOW_MS,
)
from edge.contract.errors import SettingsInvalid
from edge.contract.instant import Clock
from edge.runtime.structured_log import Log

if TYPE_CHECKING:
    from zeroconf import RecordUpdate, Zeroconf
    from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo

_DOMAIN: Final = ".local."
_ASKED_AT_ONCE: Final = 16
"""Names asked about in one go; a hostile network may announce hundreds that nobody answers for."""
_A: Final = 1
_PTR: Final = 12
_TXT: Final = 16
_SRV: Final = 33
_IN: Final = 1
"""Types and class of records (RFC 1035, RFC 2782)."""
_A_BYTES: Final = 4
_LABEL_BYTES_MAX: Final = 63
_NAME_BYTES_MAX: Final = 254
"""Of a name and its labels (RFC 1035, 2.3.4); as text with the dots between them."""


@dataclass(frozen=True)
class Announcement:
    """A service as it was announced; `kind` is such as `_ipp._tcp`, `text` its raw TXT record.

    `name` and `host` are a stranger's words: they are cleaned before they are shown. `address`
    lies on a network of this machine and is not its own; `port` 0 says that it is not offered.
    """

    kind: str
    name: str
    host: str
    address: str
    port: int
    text: bytes


def check_library() -> None:
    """Raise SettingsInvalid, with what to do, where python-zeroconf is not installed."""
    try:
        import ifaddr  # noqa: F401, PLC0415
        import zeroconf  # noqa: F401, PLC0415
    except ImportError:
        raise SettingsInvalid(
            "network_not_searched",
            "Devices on the network are not looked for: python-zeroconf is not installed.",
            advice="Install tillbox[discovery]. Until then network devices are adopted by their "
            "address.",
        ) from None


class ServiceListener:
    """Listens for services of some kinds. `run` until cancelled; `heard` at any time."""

    def __init__(
        self,
        kinds: Sequence[str],
        interfaces: NetworkInterfaces,
        clock: Clock,
        log: Log,
    ) -> None:
        self._kinds = tuple(kinds)
        self._interfaces = interfaces
        self._clock = clock
        self._log = log
        self._heard: tuple[Announcement, ...] = ()
        self._told = ""
        self._noted = False

    def heard(self) -> tuple[Announcement, ...]:
        """Return what announces itself now, in a stable order. May be called from a thread."""
        return self._heard

    async def run(self, news: Callable[[], None]) -> None:
        """Listen until cancelled; a network that cannot be listened to is tried again.

        `news` is called when what `heard` returns has become something else.
        """
        from zeroconf import Error as LibraryError  # noqa: PLC0415 - optional

        # it writes what the network sends to standard error as it comes; what matters is said here
        logging.getLogger("zeroconf").addHandler(logging.NullHandler())
        logging.getLogger("zeroconf").propagate = False
        while True:
            interfaces = self._interfaces.now()
            if not interfaces:
                self._tell((), news)
                await self._clock.sleep(NETWORK_CHECK_S)
                continue
            try:
                pause_s = await self._listen(interfaces, news)
            except (OSError, LibraryError) as error:
                self._say("network_not_heard", str(error) or type(error).__name__)
                pause_s = NETWORK_CHECK_S
            await self._clock.sleep(pause_s)

    async def _listen(
        self, interfaces: tuple[IPv4Interface, ...], news: Callable[[], None]
    ) -> float:
        """Listen on these until there are others or too much comes; return how long to pause."""
        from zeroconf import IPVersion  # noqa: PLC0415 - optional
        from zeroconf.asyncio import AsyncZeroconf  # noqa: PLC0415

        addresses = [str(interface.ip) for interface in interfaces]
        ears = AsyncZeroconf(interfaces=addresses, ip_version=IPVersion.V4Only)
        hearing = _Hearing(ears.zeroconf, self._kinds, interfaces, self._clock)
        begun_ms = self._clock.monotonic_ms()
        try:
            await hearing.open()
            gather_s = NETWORK_ANSWER_MS_MAX / 1000 if self._heard else NETWORK_FIRST_S
            while not hearing.flooded:
                # so that a service which comes and goes all the time costs two passes a second
                await self._clock.sleep(gather_s)
                gather_s = NETWORK_FIRST_S
                self._tell(hearing.announcements(), news)
                age_ms = self._clock.monotonic_ms() - begun_ms
                if self._interfaces.now() != interfaces or age_ms > NETWORK_ANEW_MS:
                    return 0.0
                self._note_unusable(hearing.unusable)
                if hearing.crowded:
                    self._say(
                        "network_crowded",
                        f"More than {NETWORK_SERVICES_MAX} services of one kind announce "
                        "themselves: not all are shown.",
                    )
                elif age_ms > NETWORK_WINDOW_MS:
                    self._told = ""  # well again: the next trouble is another one
                await hearing.ask()
                await hearing.changed()
            self._say("network_floods", f"More than {NETWORK_RECORDS_MAX} records came at once.")
            return NETWORK_PAUSE_S
        finally:
            await hearing.close()
            await ears.async_close()

    def _tell(self, heard: tuple[Announcement, ...], news: Callable[[], None]) -> None:
        if heard != self._heard:
            self._heard = heard
            news()

    def _note_unusable(self, name: str) -> None:
        """Say once that somebody announces a name under which nobody can be asked for."""
        if name and not self._noted:
            self._noted = True
            self._log.info(
                "network_name_unusable",
                detail=f"Somebody announces {name[:_NAME_BYTES_MAX]!r}: it is not shown.",
                advice="Give the device a name without a dot at its end, of letters and digits.",
            )

    def _say(self, what: str, detail: str) -> None:
        """Log it once until the network is well again."""
        if what != self._told:
            self._told = what
            self._log.warning(
                what,
                detail=detail,
                advice="Nothing to do for what is adopted. Other devices on the network are "
                "adopted by their address until it is well again.",
            )


class _Hearing:
    """One stretch of listening: which names were announced, and when each was asked about."""

    def __init__(
        self,
        ears: Zeroconf,
        kinds: Sequence[str],
        interfaces: Sequence[IPv4Interface],
        clock: Clock,
    ) -> None:
        self._ears = ears
        self._interfaces = tuple(interfaces)
        self._clock = clock
        self._names: dict[str, dict[str, int | None]] = {kind: {} for kind in kinds}
        self._browser: AsyncServiceBrowser | None = None
        self._woken = asyncio.Event()
        self._records = 0
        self._window_ms = clock.monotonic_ms()
        self._refused_ms: int | None = None
        self.flooded = False
        self.unusable = ""
        """The last name that could not be used."""

    @property
    def crowded(self) -> bool:
        """Whether there was no room for a service lately."""
        refused_ms = self._refused_ms
        return (
            refused_ms is not None and self._clock.monotonic_ms() - refused_ms <= NETWORK_WINDOW_MS
        )

    async def open(self) -> None:
        """Ask for the kinds, and hear everything that is said from then on."""
        from zeroconf import RecordUpdateListener  # noqa: PLC0415 - optional
        from zeroconf import asyncio as library  # noqa: PLC0415

        count = self._count

        class Counter(RecordUpdateListener):
            """Called for each packet with the records that it holds."""

            @override
            def async_update_records(
                self, zc: Zeroconf, now: float, records: list[RecordUpdate]
            ) -> None:
                del zc, now
                count(len(records))

            @override
            def async_update_records_complete(self) -> None:
                pass

        await self._ears.async_wait_for_start()
        self._ears.async_add_listener(Counter(), None)
        kinds = [kind + _DOMAIN for kind in self._names]
        self._browser = library.AsyncServiceBrowser(self._ears, kinds, handlers=[self._on_change])

    async def close(self) -> None:
        """Hear and ask no more."""
        if self._browser is not None:
            await self._browser.async_cancel()

    async def changed(self) -> None:
        """Return when something was said of a service, or it is time to go through them."""
        try:
            async with self._clock.timeout(NETWORK_CHECK_S):
                _ = await self._woken.wait()
        except TimeoutError:
            return

    # --- what is known ---------------------------------------------------------------------

    def announcements(self) -> tuple[Announcement, ...]:
        """Return all services whose address is known and lies on our networks, in order."""
        self._woken.clear()
        near: dict[str, IPv4Address | None] = {}
        found = [
            announcement
            for kind, names in self._names.items()
            for name in names
            if (announcement := self._announcement(kind, name, near)) is not None
        ]
        return tuple(sorted(found, key=lambda each: (each.address, each.kind, each.name)))

    def _announcement(
        self, kind: str, name: str, near: dict[str, IPv4Address | None]
    ) -> Announcement | None:
        """Return what the records of a name say now. `near` spares a host's second look."""
        services = self._records_of(name, _SRV)
        if not services:
            return None
        host: str = services[0].server.lower()
        if host not in near:
            near[host] = self._near_address(host)
        address = near[host]
        if address is None:
            return None
        texts = self._records_of(name, _TXT)
        return Announcement(
            kind,
            name.removesuffix(f".{kind}{_DOMAIN}"),
            host.removesuffix("."),
            str(address),
            services[0].port,
            texts[0].text if texts else b"",
        )

    def _near_address(self, host: str) -> IPv4Address | None:
        """Return the newest of a host's addresses that could be another machine of our network."""
        for record in self._records_of(host, _A):
            if len(record.address) == _A_BYTES:
                address = IPv4Address(record.address)
                if is_neighbour(address, self._interfaces):
                    return address
        return None

    def _records_of(self, name: str, kind: int) -> list[Any]:
        """Return what was said of a name and still holds, the last word first.

        What a new word replaces holds for a second more (RFC 6762, 10.2): the library dates it
        anew and gives it that second to live.
        """
        from zeroconf import current_time_millis  # noqa: PLC0415 - optional

        now = current_time_millis()
        records = self._ears.cache.get_all_by_details(name, kind, _IN)
        valid = [record for record in records if not record.is_expired(now)]
        return sorted(valid, key=lambda record: (record.created, record.ttl), reverse=True)

    # --- what is asked ----------------------------------------------------------------------

    async def ask(self) -> None:
        """Ask for what is not known of some names, each twice a minute at most."""
        from zeroconf import BadTypeInNameException  # noqa: PLC0415 - optional
        from zeroconf import asyncio as library  # noqa: PLC0415

        now_ms = self._clock.monotonic_ms()
        questions: list[AsyncServiceInfo] = []
        for kind, names in self._names.items():
            for name, asked_ms in names.items():
                fresh = asked_ms is not None and now_ms - asked_ms < NETWORK_CHECK_S * 1000
                if fresh or len(questions) == _ASKED_AT_ONCE or self._is_known(name):
                    continue
                names[name] = now_ms
                with suppress(BadTypeInNameException):  # a name that may not be: as it was told
                    questions.append(library.AsyncServiceInfo(kind + _DOMAIN, name))
        _ = await asyncio.gather(*map(self._ask_about, questions))
        if questions:
            self._woken.set()

    async def _ask_about(self, question: AsyncServiceInfo) -> None:
        # whatever the library makes of a stranger's words (its host's name may be one that cannot
        # be sent), others are asked all the same
        with suppress(Exception):
            _ = await question.async_request(self._ears, NETWORK_ANSWER_MS_MAX)

    def _is_known(self, name: str) -> bool:
        services = self._records_of(name, _SRV)
        return bool(services) and bool(self._records_of(services[0].server, _A))

    # --- what is heard ----------------------------------------------------------------------

    def _on_change(self, **change: object) -> None:
        """Take a name that came, changed or went; the library's state is `Removed` for gone."""
        service_type, name = str(change["service_type"]), str(change["name"])
        names = self._names.get(service_type.removesuffix(_DOMAIN), {})
        if getattr(change["state_change"], "name", "") == "Removed":
            names.pop(name, None)
        elif not _can_be_sent(name):
            self.unusable = name
            self._forget(service_type, name)
        elif name in names or len(names) < NETWORK_SERVICES_MAX:
            names.setdefault(name, None)
        else:
            self._refused_ms = self._clock.monotonic_ms()
        self._woken.set()

    def _forget(self, service_type: str, name: str) -> None:
        """Take a name out of the library's memory that it could not send again.

        Its own questions name what is known already (RFC 6762, 7.1): with such a name among it
        they fail or are garbled, and it would ask the network nothing any more (0.154).
        """
        pointers = self._ears.cache.get_all_by_details(service_type, _PTR, _IN)
        self._ears.cache.async_remove_records(
            [pointer for pointer in pointers if getattr(pointer, "alias", "") == name]
        )

    def _count(self, records: int) -> None:
        now_ms = self._clock.monotonic_ms()
        if now_ms - self._window_ms > NETWORK_WINDOW_MS:
            self._window_ms, self._records = now_ms, 0
        self._records += records
        if self._records > NETWORK_RECORDS_MAX:
            self.flooded = True
            self._woken.set()


def _can_be_sent(name: str) -> bool:
    """Say whether a name can be written again as it was read.

    One that is no UTF-8 has grown, and a dot in an instance (`No.`) is taken for a new label.
    """
    labels = name.removesuffix(".").split(".")
    return len(name.encode()) <= _NAME_BYTES_MAX and all(
        0 < len(label.encode()) <= _LABEL_BYTES_MAX for label in labels
    )
