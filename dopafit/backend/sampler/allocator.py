"""Keep the memory of one evaluation for the next.

The C library gives large blocks back to the system as soon as they are free, and every evaluation
of the density then pays for fresh pages: at 300,000 rows a fifth of the time.
"""

from __future__ import annotations

import ctypes
import os
import sys
from functools import cache

__all__ = ["free_memory", "keep_pages"]

TRIM, MAPPED, ARENAS = -1, -3, -8
"""Option numbers of glibc's ``mallopt``."""

KEPT = 512 * 2**20
"""Free memory kept at the end of the heap [bytes]."""

LARGEST_MAPPED = 32 * 2**20
"""Blocks above this [bytes] still come straight from the system; glibc takes no larger value."""


@cache
def keep_pages() -> bool:
    """Ask the C library to keep free memory, for this process and for good.

    Returns
    -------
    bool
        Whether it understood; False on systems without glibc, where nothing is changed.
    """
    if sys.platform != "linux":
        return False
    try:
        options = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    # one arena: those of threads are cut into pieces that are given back whole
    wanted = ((TRIM, KEPT), (MAPPED, LARGEST_MAPPED), (ARENAS, 1))
    return all(options(name, value) == 1 for name, value in wanted)


def free_memory() -> int | None:
    """Return the memory [bytes] that programs may still take; None where that is not known."""
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:
            kinds = dict(line.split(":", 1) for line in lines)
        free = int(kinds["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        try:
            return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        except (AttributeError, OSError, ValueError):
            return None
    return free
