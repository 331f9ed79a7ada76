"""The one folder for what can be made again: fetched data sets and compiled functions.

A cache may be shared, and what lies in it may be code. Code is therefore kept in a folder of each
user's own inside it, and is read only if folder and file belong to this user and nobody else can
write them.
"""

from __future__ import annotations

import contextlib
import os
import stat
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

__all__ = ["CACHE", "cache_folder", "own_folder", "read_own", "sweep_own", "write_own"]

CACHE = "DOPAFIT_CACHE"
DAY = 86_400.0
LARGEST = 64 * 2**20
"""A file larger than this [bytes] is none of ours."""

OPEN = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
# a link is not followed, a pipe does not make us wait
STRICT = OPEN | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


def cache_folder() -> Path:
    """Return the folder that ``DOPAFIT_CACHE`` names, else dopafit's own in the user's cache.

    It need not exist.
    """
    if os.environ.get(CACHE):
        return Path(os.environ[CACHE])
    return _users_cache()


def own_folder(name: str) -> Path | None:
    """Return a folder that only this user can write, inside the cache; it is made if missing.

    Where the cache has no room for one (it is another user's), the user's own cache has.

    Returns
    -------
    Path or None
        None where there is no such folder: nothing is to be kept, and nothing to be read.
    """
    for base in dict.fromkeys((cache_folder(), _users_cache())):
        folder = base / (f"{name}-{os.geteuid()}" if hasattr(os, "geteuid") else name)
        with contextlib.suppress(OSError):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if _is_own(os.lstat(folder), stat.S_ISDIR) and os.access(folder, os.W_OK | os.X_OK):
                return folder
    return None


def read_own(folder: Path, name: str) -> bytes | None:
    """Return what a file of an own folder holds.

    Folder and file are looked at after they are opened, so that nobody can exchange them between
    the look and the reading.

    Returns
    -------
    bytes or None
        None where there is no such file, or where it or the folder belongs to or can be written
        by somebody else.
    """
    try:
        with _opened(folder) as place:
            file = os.open(name if place is not None else folder / name, STRICT, dir_fd=place)
            with open(file, "rb") as handle:
                found = os.fstat(file)
                if not _is_own(found, stat.S_ISREG) or found.st_size > LARGEST:
                    return None
                if time.time() - found.st_mtime > DAY and os.utime in os.supports_fd:
                    os.utime(file)  # it is in use: `sweep_own` lets it be
                return handle.read(LARGEST)
    except OSError:
        return None


def write_own(folder: Path, name: str, content: bytes) -> bool:
    """Write a file of an own folder, whole or not at all; return whether it was written."""
    part = f".{name}.{uuid.uuid4().hex}.part"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | (STRICT & ~os.O_RDONLY)
    try:
        with _opened(folder) as place:
            beside = {"src_dir_fd": place, "dst_dir_fd": place} if place is not None else {}
            root = Path() if place is not None else folder
            try:
                file = os.open(root / part, flags, 0o600, dir_fd=place)
                with open(file, "wb") as handle:
                    handle.write(content)
                os.replace(root / part, root / name, **beside)
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(root / part, dir_fd=place)
                raise
    except OSError:
        return False
    return True


def sweep_own(folder: Path, *, days: float, total: int) -> None:
    """Remove files that were not used for so many days, and the oldest beyond so many bytes."""
    now, size = time.time(), 0
    with contextlib.suppress(OSError):
        found = [(path, path.lstat()) for path in folder.iterdir()]
        for path, status in sorted(found, key=lambda one: -one[1].st_mtime):
            age = (now - status.st_mtime) / DAY
            size += status.st_size
            if age > days or size > total or (path.suffix == ".part" and age > 1):
                with contextlib.suppress(OSError):
                    path.unlink()


def _users_cache() -> Path:
    from platformdirs import user_cache_path

    return user_cache_path("dopafit")


@contextlib.contextmanager
def _opened(folder: Path) -> Iterator[int | None]:
    """Open an own folder; None where the system opens no folders (there accounts guard them)."""
    if os.open not in os.supports_dir_fd:
        yield None
        return
    place = os.open(folder, STRICT | os.O_DIRECTORY)
    try:
        if not _is_own(os.fstat(place), stat.S_ISDIR):
            raise PermissionError(f"{folder} is not this user's own")
        yield place
    finally:
        os.close(place)


def _is_own(found: os.stat_result, kind: Callable[[int], bool]) -> bool:
    """Whether it is of this kind, this user's, and nobody else's to write."""
    if not kind(found.st_mode):
        return False
    if not hasattr(os, "geteuid"):
        return True
    return found.st_uid == os.geteuid() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
