"""One command at a time in a folder: the second is told so, the first is not disturbed."""

from __future__ import annotations

import contextlib
import errno
import os
import platform
import stat
from collections.abc import Iterator
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path

from dopafit.core.errors import FitError

__all__ = ["hold"]

LOCK = ".lock"
BUSY = (errno.EAGAIN, errno.EACCES)
NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
_HELD: ContextVar[frozenset[str]] = ContextVar("held", default=frozenset())


@contextlib.contextmanager
def hold(folder: Path, what: str) -> Iterator[None]:
    """Hold a folder, made if it is missing, until the block ends; blocks may be nested.

    The operating system gives the lock back when a process ends, however it ends. Where it has
    no such locks (Windows, some network drives) nothing is held.

    Parameters
    ----------
    folder : Path
        What is written to.
    what : str
        Who holds it, told to whoever comes second.

    Raises
    ------
    FitError
        Another process or thread holds it, or it cannot be written to.
    """
    place = os.path.realpath(folder)
    if place in _HELD.get():
        yield
        return
    made = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = _locked(folder)
    except OSError as error:
        raise FitError(
            f"{folder} cannot be {'made' if made else 'written to'}: {error.strerror or error}",
            allowed="a folder you may write to",
            todo="choose another folder (run and fit: with --out), or change its permissions",
        ) from error
    token = _HELD.set(_HELD.get() | {place})
    try:
        if file is not None:
            since = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
            os.ftruncate(file, 0)
            note = f"{what}, process {os.getpid()} on {platform.node()}, since {since}\n"
            os.write(file, note.encode())
        yield
    finally:
        _HELD.reset(token)
        with contextlib.suppress(OSError):
            if file is not None:
                (folder / LOCK).unlink()  # before it is let go: nobody else can hold this one
                os.close(file)
            if made:
                folder.rmdir()  # nothing came of it


def _locked(folder: Path) -> int | None:
    """Return the open lock file; None where the system has no locks."""
    try:
        import fcntl
    except ImportError:
        return None
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    while True:
        file = os.open(folder / LOCK, flags, 0o666)
        try:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                raise OSError(errno.EINVAL, f"its {LOCK} is no file")
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # whoever held it may have removed it meanwhile: then this is a lock of nothing
            if os.path.samestat(os.fstat(file), os.stat(folder / LOCK)):
                return file
        except FileNotFoundError:
            pass
        except OSError as error:
            note = os.read(file, 400) if error.errno in BUSY else b""
            os.close(file)
            if error.errno in BUSY:
                raise _busy(folder, note) from None
            if error.errno in NO_LOCKS:
                return None
            raise
        os.close(file)


def _busy(folder: Path, note: bytes) -> FitError:
    who = " ".join(note.decode("utf-8", "replace").split()) or "another command"
    return FitError(
        f"{folder} is in use: {who}",
        allowed="one command at a time in a run folder",
        todo="wait until it is done or stop it, or choose another folder with --out",
    )
