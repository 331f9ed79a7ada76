"""What this machine has."""

from __future__ import annotations

import os
from typing import Any

from threadpoolctl import threadpool_limits

__all__ = ["available_cores", "free_memory", "single_threaded"]


def available_cores() -> int:
    """Return how many cores this process may use."""
    count = getattr(os, "process_cpu_count", os.cpu_count)  # of Python 3.13 and newer
    return count() or 1


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


def single_threaded() -> Any:
    """Return a context, or decorator, in which linear algebra keeps to the thread that calls it.

    Our matrices are small and our own threads take the cores: threads of BLAS besides made searches
    ten times slower on a busy machine. The limit is taken back at the end; enter it from one
    thread only.
    """
    return threadpool_limits.wrap(limits=1, user_api="blas")
