"""What this machine has."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from threadpoolctl import threadpool_limits

__all__ = ["available_cores", "free_memory", "side_by_side", "single_threaded"]

_ENTERED = threading.Lock()
_limits: list[threadpool_limits] = []


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


def side_by_side[Item, Made](
    make: Callable[[Item], Made], items: Iterable[Item], workers: int
) -> Iterator[Made]:
    """Yield what is made of each item, in order; one worker is this thread.

    There Ctrl-C ends the work at once. Threads finish what they have begun, and begin nothing more.
    """
    if workers == 1:
        yield from map(make, items)
        return
    with ThreadPoolExecutor(workers) as pool:
        try:
            yield from pool.map(make, items)
        finally:
            pool.shutdown(cancel_futures=True)


@contextmanager
def single_threaded() -> Iterator[None]:
    """Keep linear algebra to the thread that calls it, for as long as this context lasts.

    Our matrices are small and our own threads take the cores: threads of BLAS besides made searches
    ten times slower on a busy machine. Whoever leaves last takes the limit back.
    """
    with _ENTERED:
        _limits.append(_limits[-1] if _limits else threadpool_limits(1, user_api="blas"))
    try:
        yield
    finally:
        with _ENTERED:
            limit = _limits.pop()
            if not _limits:
                limit.restore_original_limits()
