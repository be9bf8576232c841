"""A printer of the USB class at QEMU's usb-redir socket: what it is sent goes to a TCP printer.

Source: usbredirproto 0.7 (packets), USB 2.0 chapter 9 (descriptors), USB printer class 1.1 (device
id, port status). QEMU's xHCI asks for the capabilities named below, or refuses the device.
"""

from __future__ import annotations

import socket
import struct
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

VENDOR, PRODUCT, SERIAL = 0x04B8, 0x0E15, "PRNT0001"
_DEVICE_ID: Final = b"MFG:EPSON;CMD:ESC/POS;MDL:TM-T20II;CLS:PRINTER;"
_OUT, _IN = 0x01, 0x82
_PACKET: Final = 512

# types of packets
_HELLO, _CONNECT, _DISCONNECT, _RESET = 0, 1, 2, 3
_INTERFACES, _ENDPOINTS = 4, 5
_SET_CONFIGURATION, _GET_CONFIGURATION, _CONFIGURATION = 6, 7, 8
_SET_ALTERNATE, _GET_ALTERNATE, _ALTERNATE = 9, 10, 11
_CANCEL, _CONTROL, _BULK = 21, 100, 101
_CAPABILITIES: Final = 1 << 1 | 1 << 4 | 1 << 5 | 1 << 6
"""Device version, packet sizes of end points, ids of 64 bits, lengths of 32 bits."""
_SUCCESS, _CANCELLED, _STALL = 0, 1, 4

_DEVICE: Final = struct.pack(
    "<BBHBBBBHHHBBBB", 18, 1, 0x0200, 0, 0, 0, 64, VENDOR, PRODUCT, 0x0100, 1, 2, 3, 1
)
_CONFIGURED: Final = (
    struct.pack("<BBHBBBBB", 9, 2, 32, 1, 1, 0, 0xC0, 1)
    + struct.pack("<BBBBBBBBB", 9, 4, 0, 0, 2, 7, 1, 2, 0)
    + struct.pack("<BBBBHB", 7, 5, _OUT, 2, _PACKET, 0)
    + struct.pack("<BBBBHB", 7, 5, _IN, 2, _PACKET, 0)
)
_TEXTS: Final = {1: "EPSON", 2: "TM-T20II", 3: SERIAL}


@dataclass
class UsbPrinterPort:
    """Listens before QEMU starts; `printer` is host and port of what prints."""

    path: Path
    printer: tuple[str, int]
    written: bytearray = field(default_factory=bytearray)
    _line: socket.socket | None = None
    _paper: socket.socket | None = None
    _asked: list[int] = field(default_factory=list)
    _answers: bytearray = field(default_factory=bytearray)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def listen(self) -> None:
        """Take QEMU's call, whenever it comes, and each after it."""
        door = socket.socket(socket.AF_UNIX)
        door.bind(str(self.path))
        door.listen()
        threading.Thread(target=self._serve, args=(door,), daemon=True).start()

    def unplug(self) -> None:
        """Pull the cable."""
        with self._lock:
            self._send(_DISCONNECT, 0, b"")
            self._hang_up()

    def plug_in(self) -> None:
        """Put it in again."""
        with self._lock:
            self._introduce()

    # --- the line to QEMU -----------------------------------------------------------------

    def _serve(self, door: socket.socket) -> None:
        while True:
            line, _ = door.accept()
            with self._lock:
                self._line = line
                hello = b"tillbox test".ljust(64, b"\0") + struct.pack("<I", _CAPABILITIES)
                # this one packet has an id of 32 bits, for nobody knows yet what the other can
                line.sendall(struct.pack("<III", _HELLO, len(hello), 0) + hello)
            try:
                _, length, _ = struct.unpack("<III", _exactly(line, 12))
                _exactly(line, length)
                self.plug_in()
                while True:
                    kind, length, number = struct.unpack("<IIQ", _exactly(line, 16))
                    body = _exactly(line, length)
                    with self._lock:
                        self._hear(kind, number, body)
            except (OSError, EOFError):
                with self._lock:
                    self._line = None
                    line.close()
                    self._hang_up()

    def _send(self, kind: int, number: int, body: bytes) -> None:
        if self._line is not None:
            self._line.sendall(struct.pack("<IIQ", kind, len(body), number) + body)

    def _introduce(self) -> None:
        one = b"\x01\0\0\0"
        names = [bytes([each]).ljust(32, b"\0") for each in (0, 7, 1, 2)]
        self._send(_INTERFACES, 0, one + b"".join(names))
        kinds, sizes = bytearray(b"\xff" * 32), [0] * 32
        kinds[0] = kinds[16] = 0
        sizes[0] = sizes[16] = 64
        for endpoint in (_OUT, _IN):
            place = (endpoint & 0x80) >> 3 | endpoint & 0x0F
            kinds[place], sizes[place] = 2, _PACKET
        self._send(_ENDPOINTS, 0, bytes(kinds) + bytes(64) + struct.pack("<32H", *sizes))
        self._send(
            _CONNECT, 0, struct.pack("<BBBBHHH", 2, 0, 0, 0, VENDOR, PRODUCT, 0x0100)
        )  # 2: high speed

    def _hear(self, kind: int, number: int, body: bytes) -> None:
        if kind == _SET_CONFIGURATION:
            self._send(_CONFIGURATION, number, bytes([_SUCCESS, body[0]]))
        elif kind == _GET_CONFIGURATION:
            self._send(_CONFIGURATION, number, bytes([_SUCCESS, 1]))
        elif kind == _SET_ALTERNATE:
            self._send(_ALTERNATE, number, bytes([_SUCCESS, body[0], body[1]]))
        elif kind == _GET_ALTERNATE:
            self._send(_ALTERNATE, number, bytes([_SUCCESS, body[0], 0]))
        elif kind == _CONTROL:
            self._control(number, body)
        elif kind == _BULK:
            self._bulk(number, body)
        elif kind == _CANCEL and number in self._asked:
            self._asked.remove(number)
            self._send(_BULK, number, struct.pack("<BBHIH", _IN, _CANCELLED, 0, 0, 0))

    # --- the device -----------------------------------------------------------------------

    def _control(self, number: int, body: bytes) -> None:
        endpoint, request, kind, _, value, index, length = struct.unpack_from("<BBBBHHH", body)
        answer = self._answer(kind, request, value)
        status = _STALL if answer is None else _SUCCESS
        data = (answer or b"")[:length]
        size = len(data) if kind & 0x80 else length
        head = struct.pack("<BBBBHHH", endpoint, request, kind, status, value, index, size)
        self._send(_CONTROL, number, head + data)

    @staticmethod
    def _answer(kind: int, request: int, value: int) -> bytes | None:
        """Return what a request of endpoint 0 is answered with; None stalls."""
        if (kind, request) == (0x80, 6):
            which, place = value >> 8, value & 0xFF
            if which == 3:
                text = b"\x09\x04" if place == 0 else _TEXTS.get(place, "").encode("utf-16-le")
                return struct.pack("<BB", len(text) + 2, 3) + text
            return {1: _DEVICE, 2: _CONFIGURED}.get(which)
        if (kind, request) == (0x80, 0):
            return b"\x01\x00"
        if (kind, request) == (0xA1, 0):
            return struct.pack(">H", len(_DEVICE_ID) + 2) + _DEVICE_ID
        if (kind, request) == (0xA1, 1):
            return b"\x18"  # selected, no fault, paper
        return b"" if kind in {0x00, 0x02, 0x21} else None

    def _bulk(self, number: int, body: bytes) -> None:
        endpoint, _, low, _, high = struct.unpack_from("<BBHIH", body)
        if endpoint == _IN:
            self._asked.append(number)
            self._give()
            return
        data = body[10:]
        self.written += data
        self._to_paper(data)
        self._send(_BULK, number, struct.pack("<BBHIH", _OUT, _SUCCESS, low, 0, high))

    def _to_paper(self, data: bytes) -> None:
        if self._paper is None:
            self._paper = socket.create_connection(self.printer)
            threading.Thread(target=self._listen_to, args=(self._paper,), daemon=True).start()
        self._paper.sendall(data)

    def _listen_to(self, paper: socket.socket) -> None:
        while True:
            try:
                heard = paper.recv(4_096)
            except OSError:
                return  # it was unplugged
            if not heard:
                return
            with self._lock:
                self._answers += heard
                self._give()

    def _give(self) -> None:
        while self._asked and self._answers:
            data = bytes(self._answers[:_PACKET])
            del self._answers[:_PACKET]
            head = struct.pack("<BBHIH", _IN, _SUCCESS, len(data), 0, 0)
            self._send(_BULK, self._asked.pop(0), head + data)

    def _hang_up(self) -> None:
        self._asked.clear()
        self._answers.clear()
        if self._paper is not None:
            self._paper.close()
            self._paper = None


def _exactly(line: socket.socket, count: int) -> bytes:
    heard = b""
    while len(heard) < count:
        more = line.recv(count - len(heard))
        if not more:
            raise EOFError
        heard += more
    return heard
