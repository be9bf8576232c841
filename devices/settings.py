"""What a host must know before it can ask edge for everything else."""

from __future__ import annotations

from pathlib import Path

import msgspec

from edge.contract.identity import ShortId
from edge.runtime.mqtt_bus import MqttSettings


class NetworkSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`[network]` of `devices.toml`: whether devices that announce themselves are looked for.

    `find`: a machine asks a network only where it is told to; needs `tillbox[discovery]`.
    `interfaces`: listen at these addresses of this machine only, instead of at all its own.
    """

    find: bool = False
    interfaces: tuple[str, ...] = ()


class DevicesSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`devices.toml`. Which devices there are comes from edge, over the broker.

    `store` and `host`: whose devices these are, as in the topics. `database`: where this
    host remembers which jobs it did. `broker`: where the broker is and who we are there.
    `look_in`: below which folder `dev` and `sys` say what is plugged in; a test has its own.
    `recordings`: the folder of recordings; by default `recordings` beside the database.
    `network`: whether devices on the network are looked for.
    """

    store: ShortId
    host: ShortId
    database: Path
    broker: MqttSettings
    look_in: Path = Path("/")
    recordings: Path | None = None
    network: NetworkSettings = NetworkSettings()

    @property
    def recordings_folder(self) -> Path:
        """Where recordings are kept."""
        return self.recordings or self.database.parent / "recordings"
