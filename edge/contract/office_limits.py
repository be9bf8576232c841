"""Limits of head office alone, each with its reason."""

from __future__ import annotations

from typing import Final

# --- receipts by e-mail, at head office ---------------------------------------------------
MAIL_SEND_S_MAX: Final = 60.0
"""One mail, from dialling to the server's last word; a slow one answers within that."""
MAIL_RETRY_MS_MIN: Final = 30_000
"""The first wait after a "not now"; servers that greylist ask for a minute or more."""
MAIL_RETRY_MS_MAX: Final = 3_600_000
"""The longest wait between two tries."""
MAIL_PAUSE_MS_MAX: Final = 300_000
"""The longest wait for a mail server that takes nothing at all: it may be back any minute."""
MAIL_TRIED_MS_MAX: Final = 3 * 86_400_000
"""From the first "not now" to this very mail: who paid on Friday has it on Monday, or never."""
MAIL_WAITED_MS_MAX: Final = 30 * 86_400_000
"""From its arrival on, tried or not: without a mail server nobody's address is kept for ever."""
MAIL_ADDRESS_KEPT_MS: Final = 7 * 86_400_000
"""After a mail was sent, or given up: long enough to ask what became of it."""
MAIL_LOOK_S: Final = 60.0
"""How often the outbox is looked through for what is due, too old, or to be erased."""
MAIL_WORDS_CHARS_MAX: Final = 300
"""What a mail server said, as it is kept and shown."""
MAILS_SHOWN_MAX: Final = 50
"""The newest of the outbox, on the page of head office."""

# --- the archive -------------------------------------------------------------------------
ARCHIVE_SEGMENT_BYTES: Final = 67_108_864
"""A piece of head office's archive is closed at this size, or after a day."""
ARCHIVE_LOOK_S: Final = 60.0
"""How often head office looks whether a piece is due."""

# --- sales in PostgreSQL -----------------------------------------------------------------
PROJECTION_POSTGRES_FRAMES_MAX: Final = 16
"""Frames of a backlog in one transaction: it is some ten round trips, whatever is in it."""
PROJECTION_POSTGRES_BYTES_MAX: Final = 524_288
"""What they have together at most, beyond these."""
ACTS_TOLD_AT_ONCE_MAX: Final = 100
"""Acts of people that go over to `office.db` in one commit: each may have two whole events."""
CODES_TOLD_AT_ONCE_MAX: Final = 500
"""Used codes that go over to `office.db` in one commit."""
INDEXED_TEXT_BYTES_MAX: Final = 600
"""A name by which a sale or a part of it is found: PostgreSQL's indexes take 2,700 bytes a row."""
