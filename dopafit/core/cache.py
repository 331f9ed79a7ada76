"""The one folder for what can be made again: fetched data sets and compiled functions."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["CACHE", "cache_folder"]

CACHE = "DOPAFIT_CACHE"


def cache_folder() -> Path:
    """Return the folder that ``DOPAFIT_CACHE`` names, else dopafit's own in the user's cache.

    It need not exist.
    """
    if os.environ.get(CACHE):
        return Path(os.environ[CACHE])
    from platformdirs import user_cache_path

    return user_cache_path("dopafit")
