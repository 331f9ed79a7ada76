"""Can this machine fit? Versions, compiler-free numba, cores, memory, a place to cache."""

from __future__ import annotations

import importlib.metadata
import math
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Examined", "examine"]

LEAST = {"pymc": (6, 4), "arviz": (1, 3), "nutpie": (0, 16), "numba": (0, 66), "h5netcdf": (1, 6)}


@dataclass(frozen=True)
class Examined:
    """One thing looked at: its name, what was found, whether it will do, what to do if not."""

    name: str
    found: str
    ok: bool
    todo: str = ""


def examine() -> Iterator[Examined]:
    """Look at everything a fit needs, one thing after the other."""
    version = sys.version_info[:3]
    yield Examined(
        "Python", ".".join(map(str, version)), version >= (3, 12), "install Python 3.12 or newer"
    )
    for name, least in LEAST.items():
        wanted = ".".join(map(str, least))
        try:
            found = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            yield Examined(name, "not installed", False, f"install {name} {wanted} or newer")
            continue
        number = re.match(r"\d+(\.\d+)?", found)
        have = tuple(int(p) for p in number[0].split(".")) if number else ()
        yield Examined(name, found, have >= least, f"install {name} {wanted} or newer")
    yield Examined("cores", str(os.cpu_count()), True)
    yield _writable("temporary folder", Path(tempfile.gettempdir()))
    yield _kept()
    yield _numba()


def _writable(name: str, folder: Path) -> Examined:
    try:
        with tempfile.TemporaryFile(dir=folder):
            return Examined(name, str(folder), True)
    except OSError as error:
        return Examined(
            name, f"{folder}: {error.strerror}", False, "set TMPDIR to a folder you can write"
        )


def _kept() -> Examined:
    """Say where compiled functions are kept; a machine without such a place is slow, not unfit."""
    from dopafit.core.cache import CACHE, own_folder

    folder = own_folder("compiled")
    nowhere = f"not kept, so every start compiles: set {CACHE} to a folder of your own"
    return Examined("compiled functions", nowhere if folder is None else f"kept in {folder}", True)


def _decays(gaps: Any, rate: float) -> float:
    total = 0.0
    for gap in gaps:
        total += math.exp(-rate * gap)
    return total


def _numba() -> Examined:
    """Compile a loop and hold its result against a known one."""
    try:
        import numpy as np

        from dopafit.core.machine_code import kept

        decays = kept(nogil=True)(_decays)
        found, expected = decays(np.array([1.0, 2.0]), 0.5), np.exp(-0.5) + np.exp(-1.0)
    except Exception as error:  # whatever broke is the finding
        return Examined("compiling", f"{type(error).__name__}: {error}", False, "reinstall numba")
    ok = bool(abs(found - expected) < 1e-12)
    return Examined(
        "compiling",
        "a loop compiled and exact" if ok else "wrong result",
        ok,
        "reinstall numba; report this",
    )
