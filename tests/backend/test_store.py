"""What was written is read, and what is no fit is told apart."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from dopafit.backend.store import read_tree, write_tree
from dopafit.core.errors import FitError


def groups() -> dict[str, xr.Dataset]:
    rng = np.random.default_rng(0)
    dims = ("chain", "draw")
    posterior = xr.Dataset(
        {
            "a": (dims, rng.standard_normal((2, 9))),
            "b_group": ((*dims, "member"), rng.standard_normal((2, 9, 3))),
        },
        coords={"member": ["1|subject[s1]", "1|subject[ü b]", "1|subject[]"]},
    )
    posterior["a"].attrs["unit"] = "ln 1/s"
    stats = xr.Dataset(
        {
            "diverging": (dims, rng.random((2, 9)) < 0.4),
            "n_steps": (dims, rng.integers(1, 99, (2, 9))),
            "energy": (dims, np.where(rng.random((2, 9)) < 0.2, np.nan, 1.5)),
        }
    )
    x = xr.Dataset({"x": ((*dims, "k"), rng.standard_normal((2, 9, 4)))})
    return {"posterior": posterior, "coordinates": x, "sample_stats": stats}


def test_round_trip_into_a_new_folder(tmp_path) -> None:
    made, blob = groups(), bytes(range(256)) * 5
    path = tmp_path / "fits" / "deep" / "trough.nc"
    attributes = {"format": 1, "model": '{"drive": "tröugh"}', "empty": ""}
    assert write_tree(path, made, attributes, blob) == path
    assert [p.name for p in path.parent.iterdir()] == ["trough.nc"]
    found, read, stored = read_tree(path)
    assert stored == blob and read == attributes
    for name, group in made.items():
        xr.testing.assert_identical(found[name], group)
        for variable in group.data_vars:
            assert found[name][variable].dtype == group[variable].dtype
    # the file is closed: it can be replaced and read again
    write_tree(path, made, attributes | {"format": 2}, b"x")
    assert read_tree(path)[1]["format"] == 2 and read_tree(path)[2] == b"x"


def test_a_failed_write_leaves_nothing(tmp_path) -> None:
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "folder.nc").mkdir()
    before = sorted(tmp_path.rglob("*"))
    for target in (tmp_path / "file" / "fit.nc", tmp_path / "folder.nc"):
        with pytest.raises(FitError, match="could not be written"):
            write_tree(target, groups(), {}, b"x")
    assert sorted(tmp_path.rglob("*")) == before


def test_what_is_no_fit(tmp_path) -> None:
    with pytest.raises(FitError, match="does not exist"):
        read_tree(tmp_path / "none.nc")
    with pytest.raises(FitError, match="does not exist"):
        read_tree(tmp_path)
    text, plain = tmp_path / "text.nc", tmp_path / "plain.nc"
    text.write_text("no netCDF")
    groups()["posterior"].to_netcdf(plain, engine="h5netcdf")
    whole = write_tree(tmp_path / "whole.nc", groups(), {}, b"x").read_bytes()
    cut = tmp_path / "cut.nc"
    cut.write_bytes(whole[: len(whole) // 2])
    empty = tmp_path / "empty.nc"
    empty.touch()
    for path in (text, plain, cut, empty):
        with pytest.raises(FitError, match="is not a fit"):
            read_tree(path)
