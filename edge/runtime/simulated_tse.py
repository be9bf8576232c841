"""A simulated German security device: signs with a key of its own, keeps its counters on disk.

It is no certified device and makes no shop lawful. What it signs is laid out as TR-03151 lays out
the log message of a transaction (DER; certified data of the type id-SE-API-transaction-log),
signed with ECDSA on P-384 over SHA-384 in the plain form r || s of TR-03111.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from edge.contract.errors import DeviceNeedsPerson, DeviceUnreachable, Refused, SettingsInvalid
from edge.contract.fiscal import OpenTransaction, TseFinished, TseStarted
from edge.contract.instant import Clock
from edge.runtime.private_file import create_private_file, read_private_file

ALGORITHM: Final = "ecdsa-plain-SHA384"
TIME_FORMAT: Final = "unixTime"
_ALGORITHM_OID: Final = bytes.fromhex("04007f000701010401" + "04")
"""0.4.0.127.0.7.1.1.4.1.4."""
_LOG_OID: Final = bytes.fromhex("04007f000703070101")
"""0.4.0.127.0.7.3.7.1.1: a log message of a transaction."""
_HALF: Final = 48
_OPEN_MAX: Final = 512
_LONG_FORM: Final = 0x80
"""DER: a length from here on is written in bytes of its own."""

T = TypeVar("T")


class _Open(msgspec.Struct):
    client: str
    started_at: int


class _Kept(msgspec.Struct):
    """What survives a restart."""

    transactions: int = 0
    counter: int = 0
    open: dict[int, _Open] = {}


class SimulatedTse:
    """A device that a test can break; `folder` holds its key and its counters.

    `down` answers nothing, `delay_ms` waits before it answers, `full` takes nothing more; `asked`
    counts what it was asked.
    """

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        self._key: ec.EllipticCurvePrivateKey | None = None
        self._kept = _Kept()
        self._busy = threading.Lock()
        self.down = False
        self.full = False
        self.delay_ms = 0
        self.asked = 0

    @classmethod
    def opened(cls, folder: Path, clock: Clock) -> SimulatedTse:
        """Return a device that is open. Raises SettingsInvalid."""
        tse = cls(folder, clock)
        tse.open()
        return tse

    def open(self) -> None:
        """Make or read the key and the counters. Raises SettingsInvalid."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / "tse.key"
        if not path.exists():
            made = ec.generate_private_key(ec.SECP384R1())
            pem = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            create_private_file(path, pem)
        try:
            key = load_pem_private_key(read_private_file(path), None)
        except ValueError:
            key = None
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp384r1":
            raise SettingsInvalid(
                "tse_key_invalid",
                f"{path} is no key of the simulated security device.",
                advice="Move it away: a new one is made.",
            )
        self._key = key
        counters = self._folder / "tse.json"
        if counters.exists():
            self._kept = msgspec.json.decode(counters.read_bytes(), type=_Kept)

    @property
    def public_key(self) -> bytes:
        """The public key as an uncompressed point: 97 bytes."""
        return self._own().public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    async def start(self, client: str) -> TseStarted:
        """Start a transaction; see `Tse.start`."""
        return await self._do(lambda at: self._start(client, at))

    async def finish(
        self, client: str, transaction: int, process_type: str, process_data: str
    ) -> TseFinished:
        """Sign the end of a transaction; see `Tse.finish`."""
        return await self._do(
            lambda at: self._finish(client, transaction, process_type, process_data, at)
        )

    async def update(
        self, client: str, transaction: int, process_type: str, process_data: str
    ) -> None:
        """Let a transaction say what it is so far; see `Tse.update`."""
        del process_type, process_data
        await self._do(lambda _: self._update(client, transaction))

    async def open_transactions(self) -> tuple[OpenTransaction, ...]:
        """Return what is open."""
        return await self._do(
            lambda _: tuple(
                OpenTransaction(each.client, number) for number, each in self._kept.open.items()
            )
        )

    async def _do(self, work: Callable[[int], T]) -> T:
        self.asked += 1
        if self.delay_ms:
            await self._clock.sleep(self.delay_ms / 1000)
        if self.down:
            raise DeviceUnreachable(
                "tse_down", "The security device does not answer.", advice="Check its power."
            )
        # TR-03153 has whole seconds
        at = self._clock.now_ms() // 1000 * 1000
        return await asyncio.to_thread(self._alone, work, at)

    def _alone(self, work: Callable[[int], T], at: int) -> T:
        with self._busy:  # whoever gave up waiting may have left a thread at work
            return work(at)

    def _start(self, client: str, at: int) -> TseStarted:
        if self.full or len(self._kept.open) >= _OPEN_MAX:
            raise _full()
        self._kept.transactions += 1
        self._kept.counter += 1
        self._kept.open[self._kept.transactions] = _Open(client, at)
        self._save()
        return TseStarted(self._kept.transactions, at)

    def _update(self, client: str, transaction: int) -> None:
        self._check_open(client, transaction)
        if self.full:
            raise _full()
        self._kept.counter += 1
        self._save()

    def _finish(
        self, client: str, transaction: int, process_type: str, process_data: str, at: int
    ) -> TseFinished:
        self._check_open(client, transaction)
        if self.full:
            raise _full()
        self._kept.counter += 1
        del self._kept.open[transaction]
        self._save()  # a counter is never used twice: on disk before anybody sees it
        point = self.public_key
        serial = hashlib.sha256(point).digest()
        message = _log_message(
            client, transaction, process_type, process_data, serial, self._kept.counter, at
        )
        r, s = decode_dss_signature(self._own().sign(message, ec.ECDSA(SHA384())))
        return TseFinished(
            transaction,
            self._kept.counter,
            at,
            base64.b64encode(r.to_bytes(_HALF, "big") + s.to_bytes(_HALF, "big")).decode(),
            serial.hex(),
            base64.b64encode(point).decode(),
            ALGORITHM,
            TIME_FORMAT,
        )

    def _check_open(self, client: str, transaction: int) -> None:
        found = self._kept.open.get(transaction)
        if found is None or found.client != client:
            raise Refused(
                "transaction_not_open",
                f"The security device has no open transaction {transaction} of {client}.",
            )

    def _own(self) -> ec.EllipticCurvePrivateKey:
        if self._key is None:
            raise AssertionError("the device was not opened")
        return self._key

    def _save(self) -> None:
        draft = self._folder / "tse.json.new"
        with draft.open("wb") as file:
            file.write(msgspec.json.encode(self._kept))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._folder / "tse.json")


def _full() -> DeviceNeedsPerson:
    return DeviceNeedsPerson(
        "tse_full",
        "The security device takes nothing more: its memory is full.",
        advice="Export and clear it, or replace it.",
    )


def _log_message(
    client: str,
    transaction: int,
    process_type: str,
    process_data: str,
    serial: bytes,
    counter: int,
    at: int,
) -> bytes:
    """Return what is signed: the fields of the log message, one behind the other."""
    return b"".join(
        (
            _der(0x02, b"\x02"),
            _der(0x06, _LOG_OID),
            _der(0x80, b"FinishTransaction"),
            _der(0x81, client.encode("ascii")),
            _der(0x82, process_data.encode("utf-8")),
            _der(0x83, process_type.encode("ascii")),
            _der(0x85, _integer(transaction)),
            _der(0x04, serial),
            _der(0x30, _der(0x06, _ALGORITHM_OID)),
            _der(0x02, _integer(counter)),
            _der(0x02, _integer(at // 1000)),
        )
    )


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < _LONG_FORM:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, _LONG_FORM | len(length))) + length + content


def _integer(number: int) -> bytes:
    return number.to_bytes(number.bit_length() // 8 + 1, "big")
