"""A room whose name is also its verb: ``dopafit.fit(model, study)``."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

__all__ = ["make_callable"]


class _Room(ModuleType):
    """A package that, called, does what its name says."""

    _verb: tuple[str, str]

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        module, name = self._verb
        return getattr(importlib.import_module(module), name)(*arguments, **options)


def make_callable(package: str, module: str, name: str) -> None:
    """Let the package be called as the function `name` of `module`, loaded on first use.

    The package and the verb share a name; without this, importing the package would hide the
    function of the same name at the front door.
    """
    room = sys.modules[package]
    room.__class__ = _Room
    room._verb = (module, name)
