"""Limits of a process's life under systemd; `systemd/` has the same figures in its units."""

from __future__ import annotations

from typing import Final

WORK_HANGS_S: Final = 20.0
"""A write that waits for the disk this long is taken for hung and the watchdog is not fed.

Memory cards tidy up for seconds at a time; nothing well takes that long. With the units' 30 s a
box that hangs is started anew within a minute."""

INHERITED_SOCKETS_MAX: Final = 16
"""More than a socket unit of ours hands over: another number is somebody's mistake."""

DOCTOR_LOOK_S_MAX: Final = 5.0
"""What does not answer a look of `tillbox doctor` by then is told as silent: a person waits."""
RESTARTS_WATCH: Final = 3
"""A unit that was started anew this often since the machine's start is worth a look."""
CERTIFICATE_RENEW_DAYS: Final = 30
"""From then on a certificate's end is told: a shop may be away for weeks."""
