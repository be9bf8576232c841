"""Files that only their owner reads: keys, peppers, tokens."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path
from typing import Final

from edge.contract.errors import SettingsInvalid

PRIVATE_MODE: Final = 0o600
PRIVATE_BYTES_MAX: Final = 65_536
"""A key, a certificate chain; more is another file."""


def create_private_file(path: Path, content: bytes) -> None:
    """Make a file with mode 0600, whole and synced, or not at all; never over another one.

    Root gives it to whom the folder belongs: it is for the service that lives there.
    Raises SettingsInvalid when it exists already or the folder cannot be written.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_MODE)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                _give(file.fileno(), path.parent)
                os.fsync(file.fileno())
            os.link(draft, path)
        finally:
            draft.unlink(missing_ok=True)
        _sync_folder(path.parent)
    except FileExistsError:
        raise SettingsInvalid(
            "file_exists",
            f"{path} exists already and is not written over.",
            advice="Move it away first if it is really to be replaced.",
        ) from None
    except OSError as error:
        raise SettingsInvalid(
            "file_not_written",
            f"{path} cannot be written: {error.strerror}.",
            advice="Check that the folder exists and belongs to the user of this process.",
        ) from None


def replace_private_file(path: Path, content: bytes) -> None:
    """Write a file with mode 0600, whole and synced, in the place of one that may be there.

    Root leaves it to whom it belonged, and a new one to whom the folder belongs. Raises
    SettingsInvalid.
    """
    draft = path.with_name(f".{path.name}.draft")
    try:
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_MODE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            _give(file.fileno(), path if path.exists() else path.parent)
            os.fsync(file.fileno())
        draft.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise SettingsInvalid(
            "file_not_written",
            f"{path} cannot be written: {error.strerror}.",
            advice="Check that the folder exists and belongs to the user of this process.",
        ) from None


def read_private_file(path: Path) -> bytes:
    """Return a private file's bytes.

    Raises SettingsInvalid when it cannot be read, is too large, or others may read or write
    it. A credential that systemd handed over is of this process alone: it is given to it by an
    access list, which the file's mode shows as readable by a group.
    """
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            content = file.read(PRIVATE_BYTES_MAX + 1)
    except OSError as error:
        raise SettingsInvalid(
            "file_unreadable",
            f"{path} cannot be read: {error.strerror}.",
            advice="Check that it exists and belongs to the user of this process.",
        ) from None
    foreign = 0o037 if path.parent == _credentials() else 0o077
    if mode & foreign:
        raise SettingsInvalid(
            "file_not_private",
            f"{path} has mode {mode:04o}: others may read or change it.",
            advice=f"Run: chmod 600 {path}",
        )
    if len(content) > PRIVATE_BYTES_MAX:
        raise SettingsInvalid(
            "file_too_large", f"{path} is over {PRIVATE_BYTES_MAX} bytes: it is another file."
        )
    return content


def _credentials() -> Path | None:
    """Return the folder of what systemd handed to this process (systemd.exec(5), CREDENTIALS)."""
    given = os.environ.get("CREDENTIALS_DIRECTORY")
    return Path(given) if given else None


def _give(descriptor: int, like: Path) -> None:
    """Let a new file belong to whom another path belongs; only root can."""
    if os.geteuid() == 0:
        owner = like.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
