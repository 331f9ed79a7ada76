"""One netCDF file per fit: groups of draws, plain-text attributes, the study as bytes.

The file's last line is a checksum of everything before it; netCDF and HDF5 do not look beyond their
own end. HDF5 gets to see memory only: it dies of a full disk, and of some damage. A checksum shows
that a file changed. It is no signature: who changes a file can write a new one.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dopafit.core.errors import FitError
from dopafit.core.files import read_regular, write_whole

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["read_tree", "sealed", "write_tree"]

SEAL = b"\ndopafit sha256 "
LENGTH = len(SEAL) + 2 * hashlib.sha256().digest_size + 1
LARGEST_RATIO, SMALL = 100, 2**28
"""Draws hardly compress: a file that unpacks to more than this times its size [bytes], and to more
than what is small, is none of ours."""
GROUPS = ("posterior", "coordinates", "sample_stats")


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
    compress = {"zlib": True, "complevel": 1}
    encoding = {
        f"/{name}": {str(v): compress for v in group.data_vars if group[v].dtype.kind in "fiu"}
        for name, group in groups.items()
    }
    memory = io.BytesIO()
    tree.to_netcdf(memory, engine="h5netcdf", encoding=encoding)
    try:
        return write_whole(path, sealed(memory.getvalue()), sync=True)
    except OSError as error:
        raise FitError(
            f"the fit could not be written to {path}: {error.strerror or error}",
            allowed=f"a folder you may write to, with {memory.tell() / 1e6:.3g} MB left",
            todo="make room or choose another folder; an earlier file there is whole",
        ) from error


def sealed(content: bytes) -> bytes:
    """Return bytes with their checksum behind them."""
    return content + SEAL + hashlib.sha256(content).hexdigest().encode() + b"\n"


def read_tree(path: Path) -> tuple[dict[str, xr.Dataset], dict[str, Any], bytes]:
    """Read what `write_tree` wrote.

    Raises
    ------
    FitError
        The file is missing, is not one of these files, or changed since it was written.
    """
    import xarray as xr

    if not path.exists():
        raise FitError(
            f"{path} does not exist",
            allowed="a netCDF file written by Fit.save",
            todo="name a file fits/<hypothesis>.nc of a run folder",
        )
    try:
        content = read_regular(path)
    except OSError as error:
        raise _no_fit(path, error.strerror or str(error)) from error
    if content[-LENGTH:][: len(SEAL)] != SEAL:
        raise _no_fit(path, "its checksum is missing")
    if sealed(content[:-LENGTH]) != content:
        raise _no_fit(path, "it was changed since it was written; its checksum differs")
    try:
        with xr.open_datatree(io.BytesIO(content), engine="h5netcdf") as tree:
            size = sum(v.nbytes for node in tree.subtree for v in node.dataset.variables.values())
            if size > max(SMALL, LARGEST_RATIO * len(content)):
                raise ValueError(f"{len(content):,} bytes that unpack to {size:,}")
            groups = {name: tree[name].to_dataset().load() for name in GROUPS}
            blob = tree["study"]["archive"].values.tobytes()
            return groups, dict(tree.attrs), blob
    except Exception as error:  # damaged bytes fail anywhere inside HDF5 and xarray
        raise _no_fit(path, " ".join(str(error).split())) from error


def _no_fit(path: Path, why: str) -> FitError:
    return FitError(
        f"{path} is not a fit: {why}",
        allowed="a netCDF file as Fit.save wrote it, changed by nothing and cut nowhere",
        todo="restore it from a copy, or fit again",
    )
