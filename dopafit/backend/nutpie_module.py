"""nutpie without what it does not need at once.

Importing nutpie imports all of ArviZ with its plots, some six seconds; it is used only to gather
the draws at the end. So it is loaded then.
"""

from __future__ import annotations

import importlib
import sys
from functools import cache
from types import ModuleType
from typing import Any

__all__ = ["nutpie_module"]

LATER = "arviz"


class _Later(ModuleType):
    """Stands for a module until something of it is asked for."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(importlib.import_module(self.__name__), name)


@cache
def nutpie_module() -> ModuleType:
    """Return nutpie; ArviZ, unless it is loaded already, follows when it is first used."""
    if LATER in sys.modules:
        return importlib.import_module("nutpie")
    sys.modules[LATER] = _Later(LATER)
    try:
        return importlib.import_module("nutpie")
    finally:
        del sys.modules[LATER]  # whoever imports it from now on gets the real one
