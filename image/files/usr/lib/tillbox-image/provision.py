"""The first boot of a card: looks for `provision.json` on its FAT partition or a USB stick.

What it says goes to `tillbox setup`. A file with secrets is taken away once it was used.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

NAME = "provision.json"
BYTES_MAX = 65_536
"""A shop with all its devices is a few thousand."""
LOOK_S = 10
"""A stick that was in the socket at power-on is there by then."""
SETTINGS = Path("/etc/tillbox")
KNOWN = {"store", "number", "names", "tills", "office", "pepper", "devices"}


class ProvisionError(Exception):
    """In words for the person who wrote the file."""


def setup_words(wish: dict[str, Any], folder: Path) -> list[str]:
    """Return the words of `tillbox setup`; what it reads from files is written to `folder`.

    Raises ProvisionError when the file says what nobody understands.
    """
    if unknown := sorted(set(wish) - KNOWN):
        raise ProvisionError(f"nobody knows what {unknown[0]!r} is; known are {sorted(KNOWN)}")
    words = ["--store", _word(wish, "store"), "--number", str(_number(wish))]
    for key, option in (("names", "--name"), ("tills", "--till")):
        values = wish.get(key, [])
        if not isinstance(values, list) or not all(isinstance(each, str) for each in values):
            raise ProvisionError(f"{key!r} is no list of texts")
        for value in values:
            words += [option, _word({key: value}, key)]
    if "--name" not in words:
        raise ProvisionError(
            "'names' is missing: the names or addresses by which tills call the box"
        )
    if "pepper" in wish:
        words += ["--pepper", _file(folder / "pepper", _decoded(_text(wish, "pepper")))]
    if "office" in wish:
        office = wish["office"]
        if not isinstance(office, dict):
            raise ProvisionError("'office' is no table with url, key and authority")
        authority = _file(folder / "office.pem", _text(office, "authority").encode())
        words += ["--office-url", _word(office, "url"), "--office-key", _word(office, "key")]
        words += ["--office-ca", authority]
    return words


def device_tables(wish: dict[str, Any]) -> str:
    """Return the fixed devices of the shop as the end of `edge.toml`."""
    lines: list[str] = []
    devices = wish.get("devices", [])
    if not isinstance(devices, list) or not all(isinstance(each, dict) for each in devices):
        raise ProvisionError("'devices' is no list of tables")
    for device in devices:
        lines.append("\n[[devices]]")
        # a JSON text, number, truth or list of texts is the same in TOML
        tables = {key: value for key, value in device.items() if isinstance(value, dict)}
        lines += [
            f"{key} = {json.dumps(value)}" for key, value in device.items() if key not in tables
        ]
        for name, table in tables.items():
            lines.append(f"[devices.{name}]")
            lines += [f"{key} = {json.dumps(value)}" for key, value in table.items()]
    return "\n".join(lines) + "\n" if lines else ""


def _text(table: dict[str, Any], key: str) -> str:
    value = table.get(key)
    if not isinstance(value, str) or not value:
        raise ProvisionError(f"{key!r} is missing or no text")
    return value


def _word(table: dict[str, Any], key: str) -> str:
    """Return a text that is one word of a command line, and not one of its options."""
    value = _text(table, key)
    if value.startswith("-"):
        raise ProvisionError(f"{key!r} begins with -")
    return value


def _number(wish: dict[str, Any]) -> int:
    number = wish.get("number", 1)
    if not isinstance(number, int) or isinstance(number, bool):
        raise ProvisionError("'number' is no number")
    return number


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise ProvisionError("'pepper' is not base64") from None


def _file(path: Path, content: bytes) -> str:
    path.touch(mode=0o600)
    path.write_bytes(content)
    return str(path)


# --- on the box ---------------------------------------------------------------------------


@contextmanager
def _mounted(device: str) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="tillbox-provision-", dir="/run") as folder:
        subprocess.run(
            ["mount", "-t", "vfat", "-o", "nodev,nosuid,noexec,sync", device, folder], check=True
        )
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", folder], check=True)


def _fat_partitions() -> list[str]:
    found = subprocess.run(
        ["blkid", "-c", "/dev/null", "-o", "device", "-t", "TYPE=vfat"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return found.stdout.split()


def _look_once() -> bool:
    for device in _fat_partitions():
        with _mounted(device) as folder:
            file = folder / NAME
            if file.is_file():
                _provision(file)
                return True
    return False


def _provision(file: Path) -> None:
    if file.stat().st_size > BYTES_MAX:
        raise ProvisionError(f"it is longer than {BYTES_MAX} bytes")
    try:
        wish = json.loads(file.read_bytes())
    except ValueError as error:
        raise ProvisionError(f"it is no JSON: {error}") from None
    if not isinstance(wish, dict):
        raise ProvisionError("it is no JSON object")
    devices = device_tables(wish)
    with tempfile.TemporaryDirectory(dir="/run") as folder:
        words = setup_words(wish, Path(folder))
        # nobody sees a half: settings come into being in a folder of their own
        subprocess.run(["tillbox", "setup", *words], check=True)
    edge = SETTINGS / "edge.toml"
    edge.write_text(edge.read_text("utf-8") + devices, "utf-8")
    os.sync()
    if "pepper" in wish:
        file.unlink()


def main() -> int:
    """Look for the file, and make this card a box; 0 too when there is none."""
    end = time.monotonic() + LOOK_S
    try:
        while not _look_once():
            if time.monotonic() > end:
                print(f"No {NAME} on a FAT partition or USB stick: this box has no shop yet.")
                print("Put one there and start it anew, or run: tillbox setup")
                return 0
            time.sleep(1)
    except ProvisionError as error:
        print(f"{NAME} cannot be used: {error}.", file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(f"{error.cmd[0]} did not work; see above.", file=sys.stderr)
        return 1
    print("This card is a box now.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
