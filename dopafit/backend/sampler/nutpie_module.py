"""nutpie without ArviZ's plots.

Importing nutpie imports all of ArviZ, some six seconds, for one function that puts the draws into a
tree. It gets that function from here.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["from_dict", "nutpie_module"]

NAME = "arviz"


def from_dict(
    groups: Mapping[str, Mapping[str, np.ndarray]],
    *,
    dims: Mapping[str, list[str]],
    coords: Mapping[str, Any] | None = None,
    save_warmup: bool = True,
    attrs: Mapping[str, Mapping[str, Any]] | None = None,
) -> xr.DataTree:
    """Return a tree of groups, as ``arviz.from_dict`` does for what nutpie hands over.

    Parameters
    ----------
    groups : mapping of str to mapping of str to array, (chain, draw, ...)
        Variables by group; groups without variables are left out.
    dims : mapping of str to list of str
        Names of a variable's dimensions after chain and draw, where it has names.
    coords : mapping of str to labels, optional
        Labels along those dimensions.
    save_warmup : bool
        Keep the groups whose name starts with ``warmup``.
    attrs : mapping of str to mapping, optional
        Attributes by group.
    """
    import xarray as xr

    found = {}
    for group, variables in groups.items():
        if not variables or (group.startswith("warmup") and not save_warmup):
            continue
        data = {}
        for name, values in variables.items():
            value = np.asarray(values)
            known = list(dims.get(name, []))
            more = [f"{name}_dim_{k}" for k in range(len(known), value.ndim - 2)]
            data[name] = (("chain", "draw", *known, *more), value)
        made = xr.Dataset(data, attrs=dict((attrs or {}).get(group, {})))
        labels = {name: np.arange(size) for name, size in made.sizes.items()}
        given = {name: one for name, one in (coords or {}).items() if name in made.sizes}
        found[group] = made.assign_coords(labels | given)
    return xr.DataTree.from_dict(found)


@cache
def nutpie_module() -> ModuleType:
    """Return nutpie; ArviZ is not imported for it, unless it is there already."""
    if NAME in sys.modules:
        return importlib.import_module("nutpie")
    stand_in = ModuleType(NAME)
    stand_in.from_dict = from_dict  # type: ignore[attr-defined]
    sys.modules[NAME] = stand_in
    try:
        return importlib.import_module("nutpie")
    finally:
        del sys.modules[NAME]  # whoever imports it from now on gets the real one
