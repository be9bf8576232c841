"""The settings of `tillbox edge`, as they stand in its TOML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from edge.contract.device_adoption import BoundDevice
from edge.contract.identity import ShortId
from edge.contract.limits import (
    DEVICES_PER_HOST_MAX,
    DRAWER_OPEN_S,
    DRAWER_OPEN_S_MAX,
    KEEPERS_MAX,
)
from edge.contract.replication import PublicKey
from edge.runtime.mqtt_bus import MqttSettings

Port = Annotated[int, Meta(ge=0, le=65_535)]


class StoreSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which store this box is of, as head office knows it.

    `office_key` is head office's public key (64 hexadecimal digits): its acknowledgements
    are checked against it. Without one they are kept, and not believed for anything.
    """

    slug: ShortId
    number: Annotated[int, Meta(ge=1, le=4_294_967_295)]
    gen: Annotated[int, Meta(ge=1, le=4_294_967_295)] = 1
    office_key: Annotated[str, Meta(pattern=r"^([0-9a-f]{64})?$(?!\n)")] = ""


class WebSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where tills reach the box.

    `hosts` are further names under which browsers may call it. Every address but loopback
    needs `certificate_file` and `key_file`.
    """

    address: str = "127.0.0.1"
    port: Port = 8080
    hosts: tuple[str, ...] = ()
    certificate_file: Path | None = None
    key_file: Path | None = None


class DeviceSettings(BoundDevice, frozen=True, forbid_unknown_fields=True):
    """A device of the fixed part of a shop; its keys are those of `BoundDevice`.

    Nobody can give it up or replace it on a screen, only here. Further devices are adopted on
    the device wall. A printer with a drawer on its kick port, or a line display behind it, has
    those roles too.
    """


class SecretSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Files with secrets, readable by this user alone.

    `box_key` is made at the first start; `pepper` is the retailer's, given out by head
    office; `service_token` lets `sync` and the technician's commands on this box in.
    """

    box_key_file: Path
    pepper_file: Path
    service_token_file: Path


class TseSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The security device of this box, where head office wants sales signed.

    `driver` is `simulated` (so far the only one: it makes no shop lawful), `folder` where that
    keeps its key and its counters.
    """

    driver: Literal["simulated"]
    folder: Path


class HomeAssistantSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether Home Assistant is told of the shop's devices; without the table it never was.

    `enabled = false` takes away what was told before: the table may go after the next start.
    """

    enabled: bool = True


class EdgeSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything `tillbox edge` is told. Relative paths are relative to the file's folder.

    `watch_disk`: open no sale on a disk that is nearly full. `drawer_open_s`: how long a drawer
    may stand open before its till says so; 0 for ever. `tse`: the security device, if any.
    `home_assistant`: describe the shop's devices to a Home Assistant on the same broker.
    `keeper_keys`: the second copies in the shop, by the name that people see: the public key of
    each, which its words are checked against.
    """

    data_dir: Path
    store: StoreSettings
    secrets: SecretSettings
    broker: MqttSettings
    web: WebSettings = WebSettings()
    tills: tuple[ShortId, ...] = ("till-1",)
    devices: Annotated[tuple[DeviceSettings, ...], Meta(max_length=DEVICES_PER_HOST_MAX)] = ()
    watch_disk: bool = True
    tse: TseSettings | None = None
    keeper_keys: Annotated[dict[ShortId, PublicKey], Meta(max_length=KEEPERS_MAX)] = {}
    drawer_open_s: Annotated[int, Meta(ge=0, le=DRAWER_OPEN_S_MAX)] = DRAWER_OPEN_S
    home_assistant: HomeAssistantSettings | None = None
