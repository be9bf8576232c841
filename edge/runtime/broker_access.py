"""Who may say and hear what on the broker: one table for Mosquitto and the embedded one.

`edge` hears everything of its store and says configuration and jobs; a device host hears
its own configuration and jobs and says the rest of its own topics; nobody else is let in.
Devices hang below their host in the topic tree, so adopting one never changes this.

Where a shop has Home Assistant, its user hears what edge tells of devices, and whether they
are there; the one thing it may say is that it has started. It is no device host: jobs, scans,
results and the weights of goods are not for it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from edge.contract.device_topics import HostTopics
from edge.contract.home_assistant import BIRTH, DISCOVERY, ShownTopics, discovery_topic
from edge.contract.identity import is_short_id
from edge.runtime.topic_filters import covers

_USER: Final = "%u"
"""Mosquitto's mark for the name of the user who asks."""


@dataclass(frozen=True)
class BrokerAccess:
    """The rules of one store's broker. Neither `edge_user` nor the other is a device host.

    `home_assistant_user` is empty where there is no Home Assistant: then edge says nothing
    outside its own topics either.
    """

    store: str
    edge_user: str = "edge"
    home_assistant_user: str = ""

    def may_hear(self, user: str, topic_filter: str) -> bool:
        """Say whether the user may be sent everything the filter stands for."""
        return _any_covers(self._heard_by(user), topic_filter)

    def may_say(self, user: str, topic: str) -> bool:
        """Say whether the user may publish to the topic, by a last will too."""
        return _any_covers(self._said_by(user), topic)

    def acl_file(self) -> str:
        """Return the same rules as Mosquitto's acl_file."""
        lines = ["# written by Tillbox; adopting a device or a host does not change it"]
        lines.append(f"user {self.edge_user}")
        lines += [f"topic read {rule}" for rule in self._edge_hears]
        lines += [f"topic write {rule}" for rule in self._edge_says]
        if self.home_assistant_user:
            lines.append(f"user {self.home_assistant_user}")
            # what follows is for every user: this one is no host, whatever he is called
            lines.append(f"topic deny {HostTopics(self.store, self.home_assistant_user).prefix}/#")
            lines += [f"topic read {rule}" for rule in self._home_assistant_hears]
            lines += [f"topic write {rule}" for rule in self._home_assistant_says]
        lines.append("# every user, below the host of his own name")
        lines += [f"pattern read {rule}" for rule in _host_hears(self.store, _USER)]
        lines += [f"pattern write {rule}" for rule in _host_says(self.store, _USER)]
        return "\n".join(lines) + "\n"

    @property
    def _edge_hears(self) -> tuple[str, ...]:
        own = HostTopics(self.store, "+").prefix.removesuffix("/host/+") + "/#"
        return (own, *((f"{DISCOVERY}/#",) if self.home_assistant_user else ()))

    @property
    def _edge_says(self) -> tuple[str, ...]:
        every = HostTopics(self.store, "+")
        if not self.home_assistant_user:
            return (every.config, every.device("+").job)
        shown = ShownTopics(self.store)
        return (
            every.config,
            every.device("+").job,
            shown.availability,
            shown.device("+"),
            # of one store alone: the wildcard stands for a whole level, so it is edge that
            # keeps to names of its own there
            discovery_topic("+"),
        )

    @property
    def _home_assistant_hears(self) -> tuple[str, ...]:
        every = HostTopics(self.store, "+")
        return (
            f"{DISCOVERY}/#",
            f"{ShownTopics(self.store).prefix}/#",
            every.availability,
            every.device("+").availability,
        )

    @property
    def _home_assistant_says(self) -> tuple[str, ...]:
        return (BIRTH,)

    def _heard_by(self, user: str) -> tuple[str, ...]:
        if user == self.edge_user:
            return self._edge_hears
        if user and user == self.home_assistant_user:
            return self._home_assistant_hears
        return _host_hears(self.store, user) if is_short_id(user) else ()

    def _said_by(self, user: str) -> tuple[str, ...]:
        if user == self.edge_user:
            return self._edge_says
        if user and user == self.home_assistant_user:
            return self._home_assistant_says
        return _host_says(self.store, user) if is_short_id(user) else ()


def _host_hears(store: str, host: str) -> tuple[str, ...]:
    topics = HostTopics(store, host)
    return (topics.config, topics.all_jobs)


def _host_says(store: str, host: str) -> tuple[str, ...]:
    topics = HostTopics(store, host)
    device = topics.device("+")
    return (
        topics.availability,
        topics.info,
        device.availability,
        device.meta,
        device.state,
        device.result,
        device.stats,
        device.event("+"),
    )


def _any_covers(rules: tuple[str, ...], asked: str) -> bool:
    return any(covers(rule, asked) for rule in rules)
