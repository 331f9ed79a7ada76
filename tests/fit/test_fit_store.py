"""A fit read from its file is the fit that was written, alive, or it is refused."""

from __future__ import annotations

import json

import h5py
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from dopafit.check.predict import predictive_check
from dopafit.core.errors import FitError
from dopafit.fit.fit import Fit


@pytest.fixture(scope="module")
def saved(tiny_fits, tmp_path_factory):
    """The fit without a drive, which has divergences or gets some, in a file."""
    made = tiny_fits["no_drive"]
    stats = made.sample_stats.copy(deep=True)
    stats["diverging"][0, :3] = True
    made = Fit(
        made.model,
        made.study,
        made.posterior,
        made.coordinates,
        stats,
        made.verdict,
        made.seed,
        made.record,
    )
    return made, made.save(tmp_path_factory.mktemp("fits") / "no_drive.nc")


def test_round_trip(saved) -> None:
    made, path = saved
    found = Fit.load(path)
    for name in ("posterior", "coordinates", "sample_stats"):
        xr.testing.assert_identical(getattr(found, name), getattr(made, name))
    assert found.verdict == made.verdict and found.seed == made.seed
    assert found.model == made.model and found.model.hash == made.model.hash
    assert found.study.hash == made.study.hash and found.study.simulated
    assert found.record == json.loads(json.dumps(made.record))
    count = int(found.sample_stats["diverging"].sum())
    assert count == int(made.sample_stats["diverging"].sum()) >= 3


def test_a_loaded_fit_lives_by_its_file_alone(saved, monkeypatch, tmp_path) -> None:
    made, path = saved
    monkeypatch.chdir(tmp_path)
    found = Fit.load(str(path))
    assert found.study.source is None
    ours, theirs = (f.summary.set_index("parameter").sort_index() for f in (found, made))
    pd.testing.assert_frame_equal(ours, theirs, rtol=1e-12)
    assert np.array_equal(found.thinned(7), made.thinned(7))
    ours, labels = found.log_likelihood("session", draws=4)
    theirs, same = made.log_likelihood("session", draws=4)
    assert labels == same and np.array_equal(ours, theirs)
    one, two = (predictive_check(f, seed=3, draws=3) for f in (found, made))
    assert one.table.equals(two.table) and len(one.table)
    again = found.save(tmp_path / "again.nc")
    assert Fit.load(again).posterior.identical(made.posterior)


def copy(path, tmp_path):
    target = tmp_path / "changed.nc"
    target.write_bytes(path.read_bytes())
    return target


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("dopafit_format", 2),
        ("dopafit_format", "one"),
        ("dopafit_format", None),
        ("model", None),
        ("model", "{"),
        ("model", '{"drive": "crest", "channels": {"choice": {}}}'),
        ("model", '{"drive": "no_drive", "channels": {"choice": {}}}'),
        ("model_hash", "0" * 64),
        ("study_hash", "0" * 64),
        ("verdict", '{"converged": true, "diagnostics": []}'),
        ("verdict", None),
        ("seed", "three"),
        ("record", None),
    ],
)
def test_changed_attributes(saved, tmp_path, name, value) -> None:
    path = copy(saved[1], tmp_path)
    with h5py.File(path, "r+") as file:
        assert name in file.attrs
        del file.attrs[name]
        if value is not None:
            file.attrs[name] = value
    with pytest.raises(FitError) as caught:
        Fit.load(path)
    assert str(path) in caught.value.wrong and caught.value.todo


def test_changed_study_bytes(saved, tmp_path) -> None:
    with h5py.File(saved[1], "r") as file:
        size = file["study/archive"].size
    for at in (size // 4, size // 3, size // 2):  # inside the tables
        path = copy(saved[1], tmp_path)
        with h5py.File(path, "r+") as file:
            file["study/archive"][at] ^= 0xFF
        with pytest.raises(FitError, match="changed or damaged"):
            Fit.load(path)


def test_damaged_files(saved, tmp_path) -> None:
    """Cut anywhere: refused. A byte changed anywhere: refused, or it was a byte of no account."""
    made, path = saved
    whole, rng = path.read_bytes(), np.random.default_rng(1)
    target = tmp_path / "damaged.nc"
    for share in (0.1, 0.99):
        target.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(FitError):
            Fit.load(target)
    refused = 0
    for at in rng.integers(0, len(whole), 12):
        target.write_bytes(whole[:at] + bytes([whole[at] ^ 0x5A]) + whole[at + 1 :])
        try:
            found = Fit.load(target)
        except FitError:
            refused += 1
            continue
        assert found.study == made.study and found.model == made.model
    assert refused >= 2
