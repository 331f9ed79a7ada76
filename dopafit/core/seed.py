"""One seed in, everything reproducible out."""

from __future__ import annotations

import zlib
from numbers import Integral

import numpy as np

from dopafit.core.errors import SpecError

__all__ = ["generator", "integer_seed", "spawn"]


def spawn(seed: int, purpose: str) -> np.random.SeedSequence:
    """Return the seed sequence of one purpose, e.g. ``"sampling/trough"``.

    The purpose is hashed into the spawn key, so adding a purpose never changes another's stream.

    Raises
    ------
    SpecError
        The seed is not a whole number, 0 or above.
    """
    if isinstance(seed, bool) or not isinstance(seed, Integral) or seed < 0:
        raise SpecError(
            f"seed = {seed!r}", allowed="a whole number, 0 or above", todo="give a number such as 1"
        )
    return np.random.SeedSequence(int(seed), spawn_key=(zlib.crc32(purpose.encode()),))


def generator(seed: int, purpose: str) -> np.random.Generator:
    """Return a generator for one purpose."""
    return np.random.default_rng(spawn(seed, purpose))


def integer_seed(seed: int, purpose: str) -> int:
    """Return a 63-bit integer for libraries that take plain integers."""
    return int(spawn(seed, purpose).generate_state(1, np.uint64)[0] >> 1)
