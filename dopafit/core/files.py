"""Files read with care and written whole: what comes from a disk may be anything, or nothing."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import uuid
from pathlib import Path

from dopafit.core.errors import FitError

__all__ = ["read_regular", "remove_parts", "write_result", "write_whole"]

PART = ".part"
KINDS = {
    stat.S_ISDIR: "a folder",
    stat.S_ISFIFO: "a named pipe (FIFO)",
    stat.S_ISCHR: "a device",
    stat.S_ISBLK: "a device",
    stat.S_ISSOCK: "a socket",
}


def read_regular(path: str | Path, *, limit: int | None = None) -> bytes:
    """Return the content of a regular file; a pipe or a device is refused, not waited for.

    Parameters
    ----------
    path : path
        A link to a regular file counts as one.
    limit : int, optional
        Refuse a file of more bytes, before it is read.

    Raises
    ------
    OSError
        No such file, no regular file, or one beyond the limit.
    """
    _check(os.stat(path), limit)  # to open a device may already do something
    flags = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    # without O_NONBLOCK, a pipe put in the file's place meanwhile would wait for a writer
    file = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
    try:
        _check(os.fstat(file), limit)
        with open(file, "rb", closefd=False) as handle:
            content = handle.read() if limit is None else handle.read(limit + 1)
    finally:
        os.close(file)
    if limit is not None and len(content) > limit:  # files of /proc say that they hold nothing
        raise OSError(errno.EFBIG, f"it has more than {limit:,} bytes")
    return content


def _check(found: os.stat_result, limit: int | None) -> None:
    if not stat.S_ISREG(found.st_mode):
        kind = [word for is_it, word in KINDS.items() if is_it(found.st_mode)]
        raise OSError(errno.EINVAL, f"it is {' '.join(kind) or 'something else'}, not a file")
    if limit is not None and found.st_size > limit:
        size = f"it has {found.st_size:,} bytes, more than {limit:,}"
        raise OSError(errno.EFBIG, size)


def write_result(path: Path, content: bytes) -> Path:
    """Write a file of a run as `write_whole` does.

    Raises
    ------
    FitError
        The file cannot be written; nothing is left of it.
    """
    try:
        return write_whole(path, content)
    except OSError as error:
        raise FitError(
            f"{path} cannot be written: {error.strerror or error}",
            allowed="a folder you may write to, with room left",
            todo="check the folder's permissions and the space left",
        ) from None


def write_whole(path: str | Path, content: bytes, *, sync: bool = False) -> Path:
    """Write a file so that a kill, a fault or a full disk leaves the old one or the new one.

    Parameters
    ----------
    path : path
        Its folder is made if it is missing.
    content : bytes
        Everything.
    sync : bool
        Return only when it is on the disk: for what cannot be made again in moments.

    Raises
    ------
    OSError
        The file cannot be written; nothing is left of it.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}{PART}")
    try:
        with open(part, "xb") as handle:
            handle.write(content)
            if sync:
                handle.flush()
                os.fsync(handle.fileno())
        os.replace(part, path)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink()
        raise
    return path


def remove_parts(*folders: Path) -> None:
    """Remove what processes that were killed left half-written in these folders."""
    for folder in folders:
        with contextlib.suppress(OSError):
            for path in folder.glob(f".*{PART}"):
                path.unlink()
