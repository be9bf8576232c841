"""How many files and sockets this process may hold open."""

from __future__ import annotations

import resource


def raise_open_files(wanted: int) -> int:
    """Raise the soft limit of open files to `wanted`, as far as the hard one allows.

    Returns what is allowed from now on. A soft limit that is higher already stays: 1,024 is
    the usual one, and the hard one half a million, so that nothing needs to be set up.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    infinite = resource.RLIM_INFINITY
    if soft == infinite or soft >= wanted:
        return wanted if soft == infinite else soft
    allowed = wanted if hard == infinite else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return allowed
