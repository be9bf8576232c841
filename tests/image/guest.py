"""A virtual machine with the box's image: powered, looked into and pulled like a box in a shop.

QEMU translates (TCG): a machine that computes on other things is slow, and every deadline is long.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BOOT_S = 420
ANSWER_S = 180
STOP_S = 120
DYING_WITH_US = ("setpriv", "--pdeathsig", "KILL")
"""A test that is killed leaves no machine behind (util-linux)."""
_SECTOR = 512
_AGENT = """
import json, os, subprocess, time
port = "/dev/virtio-ports/tillbox.test"
while not os.path.exists(port):
    time.sleep(0.2)
with open(port, "r+b", buffering=0) as line:
    while True:
        asked = line.readline()
        if not asked:
            time.sleep(0.2)
            continue
        done = subprocess.run(["sh", "-c", json.loads(asked)], capture_output=True)
        said = {"status": done.returncode, "out": done.stdout.decode("utf-8", "replace"),
                "err": done.stderr.decode("utf-8", "replace")}
        answer = json.dumps(said).encode() + b"\\n"
        while answer:
            answer = answer[line.write(answer):]
"""
_AGENT_UNIT = """[Unit]
Description=What a test asks of this machine
DefaultDependencies=no
[Service]
ImportCredential=tillbox.agent
ExecStart=/usr/bin/python3 %d/tillbox.agent
"""


@dataclass(frozen=True)
class Done:
    """What a command in the machine answered."""

    status: int
    out: str
    err: str


def until(
    attempt: Callable[[], Any], *, what: str, seconds: float = ANSWER_S, every_s: float = 0.2
) -> Any:
    """Return the first answer that is true; fail naming what never came."""
    end = time.monotonic() + seconds
    last = ""
    while time.monotonic() < end:
        try:
            answer = attempt()
        except (OSError, ValueError) as error:
            last, answer = f": {error}", None
        if answer:
            return answer
        time.sleep(every_s)
    raise AssertionError(f"never: {what}{last}")


class Disk:
    """The disk of a box, and what the firmware of a board does with it before a kernel runs."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def copied(cls, image: Path, path: Path, *, more_mib: int) -> Disk:
        """Flash a card: the image on a larger disk."""
        subprocess.run(["cp", "--sparse=always", image, path], check=True)
        os.truncate(path, path.stat().st_size + more_mib * 1024 * 1024)
        return cls(path)

    def partitions(self) -> dict[str, tuple[int, int]]:
        """Return first byte and length of each partition by its label (UEFI 2.10, 5.3.3)."""
        found: dict[str, tuple[int, int]] = {}
        with self.path.open("rb") as file:
            file.seek(2 * _SECTOR)
            for _ in range(128):
                entry = file.read(128)
                first, last = struct.unpack_from("<QQ", entry, 32)
                if first:
                    name = entry[56:].decode("utf-16-le").rstrip("\0")
                    found[name] = first * _SECTOR, (last - first + 1) * _SECTOR
        return found

    def put(self, label: str, name: str, content: bytes) -> None:
        """Write a file into a FAT partition, as a person with a card reader does."""
        draft = self.path.with_name(f"{name}.draft")
        draft.write_bytes(content)
        subprocess.run(["mcopy", "-o", "-i", self._fat(label), draft, f"::{name}"], check=True)
        draft.unlink()

    def read(self, label: str, name: str) -> bytes:
        """Return a file of a FAT partition."""
        return subprocess.run(
            ["mtype", "-i", self._fat(label), f"::{name}"], capture_output=True, check=True
        ).stdout

    def names(self, label: str) -> list[str]:
        """Return the names of the files in a FAT partition."""
        done = subprocess.run(
            ["mdir", "-b", "-i", self._fat(label), "::"], capture_output=True, text=True, check=True
        )
        return [line.removeprefix("::/").lower() for line in done.stdout.split()]

    def _fat(self, label: str) -> str:
        return f"{self.path}@@{self.partitions()[label][0]}"

    def firmware(self, folder: Path, *, tryboot: bool = False) -> tuple[Path, Path, str]:
        """Return kernel, first ramdisk and command line of the slot that `autoboot.txt` names."""
        section, chosen = "all", {}
        for line in self.read("autoboot", "autoboot.txt").decode("ascii").split():
            if line.startswith("["):
                section = line.strip("[]")
            elif section == "all" or (section == "tryboot" and tryboot):
                key, _, value = line.partition("=")
                chosen[key] = value
        label = {"2": "boot-a", "3": "boot-b"}[chosen["boot_partition"]]
        for name in ("vmlinuz", "initrd.img"):
            (folder / name).write_bytes(self.read(label, name))
        words = self.read(label, "cmdline.txt").decode("ascii").strip()
        return folder / "vmlinuz", folder / "initrd.img", words


def _credential(name: str, content: str) -> tuple[str, str]:
    """Return how QEMU hands systemd a credential: the image itself has no door for tests."""
    text = base64.b64encode(content.encode()).decode()
    return "-smbios", f"type=11,value=io.systemd.credential.binary:{name}={text}"


@dataclass
class Guest:
    """A machine with a disk. `power_on` starts it; `pull_the_plug` ends it as a power cut does."""

    disk: Disk
    folder: Path
    port: int
    more: list[str] = field(default_factory=list)
    boots: int = 0
    _process: subprocess.Popen[bytes] | None = None
    _agent: socket.socket | None = None
    _qmp: socket.socket | None = None
    _heard: dict[int, bytes] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)

    @property
    def console(self) -> Path:
        """What the machine said on its serial console at this boot."""
        return self.folder / f"console-{self.boots}.log"

    def power_on(self) -> None:
        """Start the machine."""
        self.boots += 1
        kernel, ramdisk, words = self.disk.firmware(self.folder)
        for name in ("agent.sock", "qmp.sock"):
            (self.folder / name).unlink(missing_ok=True)
        command = [
            *DYING_WITH_US,
            "qemu-system-x86_64",
            *(
                "-M",
                "q35",
                "-cpu",
                "max",
                "-accel",
                "tcg,thread=multi",
                "-m",
                "1024",
                "-smp",
                "2",
            ),
            *("-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
            *("-kernel", str(kernel), "-initrd", str(ramdisk), "-append"),
            f"{words} systemd.wants=tillbox-test-agent.service",
            *("-drive", f"file={self.disk.path},format=raw,if=none,id=hd,cache=writeback"),
            *("-device", "virtio-blk-pci,drive=hd", "-device", "virtio-rng-pci"),
            *("-netdev", f"user,id=n0,hostfwd=tcp:127.0.0.1:{self.port}-:443"),
            *("-device", "virtio-net-pci,netdev=n0", "-device", "qemu-xhci,id=xhci"),
            *("-device", "i6300esb", "-serial", f"file:{self.console}"),
            *("-qmp", f"unix:{self.folder}/qmp.sock,server=on,wait=off"),
            *(
                "-device",
                "virtio-serial-pci",
                "-device",
                "virtserialport,chardev=ag,name=tillbox.test",
            ),
            *("-chardev", f"socket,id=ag,path={self.folder}/agent.sock,server=on,wait=off"),
            *_credential("systemd.extra-unit.tillbox-test-agent.service", _AGENT_UNIT),
            *_credential("tillbox.agent", _AGENT),
            *self.more,
        ]
        with (self.folder / "qemu.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self._heard.clear()
        self._qmp = until(lambda: self._connect("qmp.sock"), what="QEMU listens")
        self._read_json(self._qmp, 30)
        self.qmp("qmp_capabilities")
        self._agent = until(lambda: self._connect("agent.sock"), what="QEMU listens")

    def _connect(self, name: str) -> socket.socket:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError((self.folder / "qemu.log").read_text(errors="replace")[-2000:])
        caller = socket.socket(socket.AF_UNIX)
        try:
            caller.connect(str(self.folder / name))
        except OSError:
            caller.close()
            raise
        return caller

    def _read_json(self, line: socket.socket, seconds: float) -> dict[str, Any]:
        end = time.monotonic() + seconds
        heard = self._heard.pop(line.fileno(), b"")
        while b"\n" not in heard:
            line.settimeout(max(end - time.monotonic(), 0.01))
            try:
                more = line.recv(65_536)
            except TimeoutError:
                more = b""
            if not more:
                raise AssertionError(f"the machine does not answer: {self.last_words()}")
            heard += more
        first, _, rest = heard.partition(b"\n")
        self._heard[line.fileno()] = rest
        answer: dict[str, Any] = json.loads(first)
        return answer

    def qmp(self, command: str, **arguments: Any) -> Any:
        """Give QEMU a command."""
        assert self._qmp is not None
        asked = {"execute": command, "arguments": arguments} if arguments else {"execute": command}
        self._qmp.sendall(json.dumps(asked).encode())
        while True:
            answer = self._read_json(self._qmp, 60)
            if "return" in answer:
                return answer["return"]
            assert "error" not in answer, answer
            self.events.append(answer)

    def run(self, command: str, *, seconds: float = ANSWER_S) -> Done:
        """Run a command of a shell in the machine, as root."""
        assert self._agent is not None
        self._agent.sendall(json.dumps(command).encode() + b"\n")
        return Done(**self._read_json(self._agent, seconds))

    def told(self, command: str, *, seconds: float = ANSWER_S) -> str:
        """Return what a command that must work printed."""
        done = self.run(command, seconds=seconds)
        assert done.status == 0, f"{command}: {done.err[-2000:]}{done.out[-2000:]}"
        return done.out.strip()

    def failed_units(self) -> list[str]:
        """Return what failed at this boot."""
        return self.told("systemctl --failed --plain --no-legend | cut -d' ' -f1").split()

    def last_words(self) -> str:
        """Return the end of the console."""
        with contextlib.suppress(OSError):
            return self.console.read_text(errors="replace")[-3000:]
        return ""

    def pull_the_plug(self) -> None:
        """Cut the power: what was not written is gone."""
        self._end(lambda process: process.kill())

    def power_off(self) -> None:
        """Press the power button, and wait until the machine has ended by itself."""
        self.qmp("system_powerdown")
        self._end(lambda process: process.wait(STOP_S))

    def _end(self, how: Callable[[subprocess.Popen[bytes]], Any]) -> None:
        if self._process is not None:
            try:
                how(self._process)
                self._process.wait(STOP_S)
            finally:
                self._process.kill()
                self._process.wait()
        for line in (self._agent, self._qmp):
            if line is not None:
                line.close()
        self._process = self._agent = self._qmp = None


@contextlib.contextmanager
def ended(guest: Guest) -> Iterator[Guest]:
    """Leave no machine behind."""
    try:
        yield guest
    finally:
        guest.pull_the_plug()


def missing_tools() -> list[str]:
    """Return the programs that such a machine needs and this one lacks."""
    return [name for name in ("qemu-system-x86_64", "mcopy", "mtype") if shutil.which(name) is None]
