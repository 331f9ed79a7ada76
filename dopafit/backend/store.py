"""One netCDF file per fit: groups of draws, plain-text attributes, the study as bytes."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dopafit.core.errors import FitError

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["read_tree", "write_tree"]


def write_tree(
    path: Path, groups: Mapping[str, xr.Dataset], attributes: Mapping[str, Any], blob: bytes
) -> Path:
    """Write groups, attributes and a blob; the file appears only when it is whole.

    Raises
    ------
    FitError
        The folder cannot be written to.
    """
    import xarray as xr

    data = xr.Dataset({"archive": ("byte", np.frombuffer(blob, dtype=np.uint8).copy())})
    tree = xr.DataTree.from_dict({**{f"/{k}": v for k, v in groups.items()}, "/study": data})
    tree.attrs.update(attributes)
    part = path.with_name(path.name + ".part")
    compress = {"zlib": True, "complevel": 1}
    encoding = {
        f"/{name}": {str(v): compress for v in group.data_vars if group[v].dtype.kind in "fiu"}
        for name, group in groups.items()
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        tree.to_netcdf(part, engine="h5netcdf", encoding=encoding)
        os.replace(part, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink()
        raise FitError(
            f"the fit could not be written to {path}: {error}", todo="choose another folder"
        ) from error
    return path


def read_tree(path: Path) -> tuple[dict[str, xr.Dataset], dict[str, Any], bytes]:
    """Read what `write_tree` wrote.

    Raises
    ------
    FitError
        The file is missing or is not one of these files.
    """
    import xarray as xr

    if not path.is_file():
        raise FitError(f"{path} does not exist", todo="name a file fits/<drive>.nc of a run folder")
    try:
        with xr.open_datatree(path, engine="h5netcdf") as tree:
            groups = {
                name: tree[name].to_dataset().load()
                for name in ("posterior", "coordinates", "sample_stats")
            }
            blob = tree["study"]["archive"].values.tobytes()
            return groups, dict(tree.attrs), blob
    except Exception as error:  # damaged bytes fail anywhere inside HDF5 and xarray
        raise FitError(
            f"{path} is not a fit: {error}",
            allowed="a netCDF file written by Fit.save",
            todo="the file may be damaged; fit again",
        ) from error
