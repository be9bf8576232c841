"""The topic tree: `tillbox/v1/{store}/host/{host}/…`; built and taken apart in one place."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from edge.contract.identity import is_short_id

ROOT: Final = "tillbox/v1"


@dataclass(frozen=True)
class HostTopics:
    """The topics of one host (a machine that runs `devices`)."""

    store: str
    host: str

    @property
    def prefix(self) -> str:
        """`tillbox/v1/{store}/host/{host}`."""
        return f"{ROOT}/{self.store}/host/{self.host}"

    @property
    def availability(self) -> str:
        """Retained, last will: `online` or `offline`."""
        return f"{self.prefix}/availability"

    @property
    def info(self) -> str:
        """Retained `HostInfo`."""
        return f"{self.prefix}/info"

    @property
    def config(self) -> str:
        """Retained `HostConfig`, written by edge."""
        return f"{self.prefix}/config"

    @property
    def all_jobs(self) -> str:
        """The filter for the jobs of every device of this host."""
        return f"{self.prefix}/dev/+/job"

    def device(self, device: str) -> DeviceTopics:
        """Return the topics of one device of this host."""
        return DeviceTopics(self.store, self.host, device)


@dataclass(frozen=True)
class DeviceTopics:
    """The topics of one device; they hang below its host, so the ACL is a few patterns."""

    store: str
    host: str
    device: str

    @property
    def prefix(self) -> str:
        """`tillbox/v1/{store}/host/{host}/dev/{device}`."""
        return f"{HostTopics(self.store, self.host).prefix}/dev/{self.device}"

    @property
    def availability(self) -> str:
        """Retained: `online` or `offline`; a reader ANDs it with the host's."""
        return f"{self.prefix}/availability"

    @property
    def meta(self) -> str:
        """Retained `DeviceMeta`."""
        return f"{self.prefix}/meta"

    @property
    def state(self) -> str:
        """Retained `DeviceState`."""
        return f"{self.prefix}/state"

    @property
    def job(self) -> str:
        """Never retained `Job`."""
        return f"{self.prefix}/job"

    @property
    def result(self) -> str:
        """Never retained `JobResult`."""
        return f"{self.prefix}/result"

    @property
    def stats(self) -> str:
        """Retained, QoS 0, every 60 s: `DeviceStatistics`."""
        return f"{self.prefix}/stats"

    def event(self, kind: str) -> str:
        """Never retained `DeviceEvent` of a kind."""
        return f"{self.prefix}/event/{kind}"


@dataclass(frozen=True)
class ParsedTopic:
    """A topic taken apart. `device` is empty for a topic of the host itself."""

    store: str
    host: str
    device: str
    leaf: str
    """`availability`, `info`, `config`, `meta`, `state`, `job`, `result`, `stats`, `event`."""
    event_kind: str = ""


_TOPIC_CHARS_MAX: Final = 256
"""The longest of ours has 4 ids of 40 characters and 34 of its own."""
_HOST_LEAVES: Final = frozenset({"availability", "info", "config"})
_DEVICE_LEAVES: Final = frozenset({"availability", "meta", "state", "job", "result", "stats"})


def every_host(store: str, leaf: str) -> str:
    """Return the filter for one leaf of all hosts of a store."""
    return f"{ROOT}/{store}/host/+/{leaf}"


def every_device(store: str, leaf: str) -> str:
    """Return the filter for one leaf (or `event/+`) of all devices of a store."""
    return f"{ROOT}/{store}/host/+/dev/+/{leaf}"


def parse_topic(topic: str) -> ParsedTopic | None:
    """Take a topic apart; None for one that is not ours or has an id that is none."""
    return _parse(topic) if len(topic) <= _TOPIC_CHARS_MAX else None


@lru_cache(maxsize=1_024)
def _parse(topic: str) -> ParsedTopic | None:
    match topic.split("/"):
        case ["tillbox", "v1", store, "host", host, leaf] if leaf in _HOST_LEAVES:
            names: tuple[str, ...] = (store, host)
            parsed = ParsedTopic(store, host, "", leaf)
        case ["tillbox", "v1", store, "host", host, "dev", device, leaf] if leaf in _DEVICE_LEAVES:
            names = (store, host, device)
            parsed = ParsedTopic(store, host, device, leaf)
        case ["tillbox", "v1", store, "host", host, "dev", device, "event", kind]:
            names = (store, host, device, kind)
            parsed = ParsedTopic(store, host, device, "event", kind)
        case _:
            return None
    return parsed if all(map(is_short_id, names)) else None
