"""A fit read from its file is the fit that was written, alive, or it is refused."""

from __future__ import annotations

import dataclasses
import json

import h5py
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from dopafit.backend.store import sealed
from dopafit.check.predict import predictive_check
from dopafit.core.errors import FitError
from dopafit.fit.fit import Fit
from dopafit.fit.judge import judge_draws
from dopafit.fit.verdict import Diagnostic, Verdict


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
        ("dopafit_format", 1),
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
        ("record", "[1]"),
        ("record", "[" * 100_000),
        ("model", "[]"),
        ("model", [1.0, 2.0]),
        ("verdict", "[]"),
        ("seed", [1, 2]),
    ],
)
def test_changed_attributes(saved, tmp_path, name, value) -> None:
    path = copy(saved[1], tmp_path)
    with h5py.File(path, "r+") as file:
        assert name in file.attrs
        del file.attrs[name]
        if value is not None:
            file.attrs[name] = value
    with pytest.raises(FitError, match="checksum"):
        Fit.load(path)
    path.write_bytes(sealed(path.read_bytes()))  # a new checksum does not make it a fit
    with pytest.raises(FitError) as caught:
        Fit.load(path)
    assert str(path) in caught.value.wrong and caught.value.allowed and caught.value.todo


def test_changed_study_bytes(saved, tmp_path) -> None:
    with h5py.File(saved[1], "r") as file:
        size = file["study/archive"].size
    for at in (size // 4, size // 3, size // 2):  # inside the tables
        path = copy(saved[1], tmp_path)
        with h5py.File(path, "r+") as file:
            file["study/archive"][at] ^= 0xFF
        path.write_bytes(sealed(path.read_bytes()))
        with pytest.raises(FitError, match="changed or damaged"):
            Fit.load(path)


def test_damaged_files(saved, tmp_path) -> None:
    """Cut anywhere or a byte changed anywhere: refused."""
    whole, rng = saved[1].read_bytes(), np.random.default_rng(1)
    target = tmp_path / "damaged.nc"
    for share in (0.1, 0.99):
        target.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(FitError):
            Fit.load(target)
    for at in rng.integers(0, len(whole), 12):
        target.write_bytes(whole[:at] + bytes([whole[at] ^ 0x5A]) + whole[at + 1 :])
        with pytest.raises(FitError, match="checksum"):
            Fit.load(target)


# ---------------------------------------------------------------- verdicts that do not follow
@pytest.fixture(scope="module")
def sound(tiny_fits):
    """A fit of independent draws, rightly called converged."""
    made, rng = tiny_fits["no_drive"], np.random.default_rng(4)
    dims, shape = ("chain", "draw"), (4, 400)

    def drawn(group):
        return xr.Dataset(
            {n: ((*dims, *v.dims[2:]), rng.standard_normal((*shape, *v.shape[2:])))
             for n, v in group.data_vars.items()}
        )  # fmt: skip

    stats = xr.Dataset(
        {
            "diverging": (dims, np.zeros(shape, dtype=bool)),
            "energy": (dims, rng.standard_normal(shape)),
            "maxdepth_reached": (dims, np.zeros(shape, dtype=bool)),
            "step_size_bar": (dims, np.full(shape, 0.5)),
        }
    )
    posterior = drawn(made.posterior)
    verdict = judge_draws(posterior, stats)
    assert verdict.converged, verdict
    return dataclasses.replace(
        made,
        posterior=posterior,
        coordinates=drawn(made.coordinates),
        sample_stats=stats,
        verdict=verdict,
    )


def test_control_a_sound_fit_is_loaded(sound, tmp_path) -> None:
    assert Fit.load(sound.save(tmp_path / "fit.nc")).verdict == sound.verdict


def spoilt(fit: Fit, how: str) -> Fit:
    """A fit that is no longer what its verdict says, with a right checksum over it all."""
    posterior, stats = fit.posterior.copy(deep=True), fit.sample_stats.copy(deep=True)
    coordinates, verdict = fit.coordinates.copy(deep=True), fit.verdict
    first = list(posterior.data_vars)[-1]
    if how == "NaN draws":
        posterior[first][1, 7] = np.nan
    elif how == "NaN coordinates":
        coordinates["x"][1, 3] = np.nan
    elif how == "chains apart":
        posterior[first][0] += 3.0
    elif how == "divergences":
        stats["diverging"][0, :3] = True
    elif how == "few draws":
        posterior, stats, coordinates = (
            one.isel(draw=slice(50)) for one in (posterior, stats, coordinates)
        )
    elif how == "other coordinates":
        coordinates = coordinates.isel(chain=slice(2))
    elif how == "nothing recorded":
        stats = stats[[]]
    elif how == "forged":  # the draws fail, and the verdict was written by hand
        posterior[first][0] += 3.0
        verdict = Verdict(True, (Diagnostic("R-hat", 1.0, "< 1.01", True),))
    elif how == "said otherwise":
        posterior[first][0] += 3.0
        verdict = Verdict(True, (Diagnostic("everything", 1.0, "fine", True),))
    return dataclasses.replace(
        fit, posterior=posterior, sample_stats=stats, coordinates=coordinates, verdict=verdict
    )


@pytest.mark.parametrize(
    "how",
    ["NaN draws", "NaN coordinates", "chains apart", "divergences", "few draws",
     "other coordinates", "nothing recorded", "forged", "said otherwise"],
)  # fmt: skip
def test_a_verdict_that_does_not_follow_is_refused(sound, tmp_path, how) -> None:
    path = spoilt(sound, how).save(tmp_path / "fit.nc")
    with pytest.raises(FitError) as caught:
        Fit.load(path)
    assert str(path) in caught.value.wrong and caught.value.allowed and caught.value.todo


def test_a_bad_verdict_is_believed(saved) -> None:
    """It promises nothing, so it is not held against the draws."""
    assert not Fit.load(saved[1]).verdict.converged
