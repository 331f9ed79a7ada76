"""What was written is read, and what is no fit is told apart."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import h5netcdf
import h5py
import numpy as np
import pytest
import xarray as xr

from dopafit.backend.store import read_tree, sealed, write_tree
from dopafit.core.errors import FitError

ROOT = Path(__file__).parents[2]


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
    with pytest.raises(FitError, match="is a folder"):
        read_tree(tmp_path)
    text, plain = tmp_path / "text.nc", tmp_path / "plain.nc"
    text.write_text("no netCDF")
    groups()["posterior"].to_netcdf(plain, engine="h5netcdf")
    whole = write_tree(tmp_path / "whole.nc", groups(), {}, b"x").read_bytes()
    cut = tmp_path / "cut.nc"
    cut.write_bytes(whole[: len(whole) // 2])
    empty = tmp_path / "empty.nc"
    empty.touch()
    pipe, late = tmp_path / "pipe.nc", tmp_path / "late.nc"
    os.mkfifo(pipe)
    late.write_bytes(whole + b"x")
    for path in (text, plain, cut, empty, pipe, late):
        with pytest.raises(FitError, match="is not a fit") as caught:
            read_tree(path)
        assert caught.value.allowed and caught.value.todo


def test_the_checksum_covers_every_byte(tmp_path) -> None:
    path = write_tree(tmp_path / "fit.nc", groups(), {"seed": "1"}, b"x" * 99)
    whole = path.read_bytes()
    for at in np.random.default_rng(0).integers(0, len(whole), 60):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :])
        with pytest.raises(FitError, match="checksum"):
            read_tree(path)
    path.write_bytes(whole)
    with h5py.File(path) as file, xr.open_datatree(path, engine="h5netcdf") as tree:
        assert set(file) == set(tree.children) == {*groups(), "study"}  # still a netCDF file


def test_a_file_that_unpacks_without_end(tmp_path) -> None:
    path = tmp_path / "fit.nc"
    with h5netcdf.File(path, "w") as file:
        made = {name: file.create_group(name) for name in (*groups(), "study")}
        made["posterior"].dimensions = {"chain": 10**6, "draw": 10**6}
        made["posterior"].create_variable("a", ("chain", "draw"), float, chunks=(1000, 1000))
    path.write_bytes(sealed(path.read_bytes()))
    with pytest.raises(FitError, match="that unpack to 8,000,000,000,"):
        read_tree(path)


FULL = """
import resource, signal, sys
from pathlib import Path
from dopafit.backend.store import write_tree
from dopafit.core.errors import FitError
from tests.backend.test_store import groups
path = Path(sys.argv[1])
write_tree(path, groups(), {}, b"x")
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    write_tree(path, groups(), {}, bytes(range(256)) * 5000)
except FitError as error:
    print(error)
"""


@pytest.mark.skipif(os.name == "nt", reason="the limit is POSIX")
def test_a_full_disk(tmp_path) -> None:
    """A message, the earlier file is whole, nothing else is left; it was a segmentation fault."""
    path = tmp_path / "fit.nc"
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(path)],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    wrong, allowed, todo = done.stdout.strip().split("\n")
    assert "could not be written" in wrong and "MB left" in allowed and "make room" in todo
    assert [p.name for p in tmp_path.iterdir()] == ["fit.nc"] and read_tree(path)[2] == b"x"
