"""What this machine has."""

from __future__ import annotations

import os

__all__ = ["available_cores", "free_memory"]


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
