"""A study in other units of size and time is the same study: same posterior, same ranking."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import yaml

from dopafit.backend.sampler.compiled import compile_layout
from dopafit.compare.fits import compare
from dopafit.fit.fit import Fit, fit
from dopafit.model.layout.layout import build_layout
from dopafit.study import read_study
from dopafit.study.write import write_study
from tests.backend.claims import flat

OPTIONS = {"seed": 3, "draws": 50, "max_draws": 50, "tune": 40, "chains": 2, "progress": "silent"}
SECONDS = {"s": 1.0, "ms": 1e-3, "min": 60.0, "h": 3600.0}


def resized(study, factor):
    events = study.events
    return study.with_tables({"events": events.assign(magnitude=factor * events["magnitude"])})


def retimed(study, unit, folder):
    """The same study as a folder whose times, and whose latencies, are in another unit."""
    write_study(study, folder)
    described = yaml.safe_load((folder / "study.yaml").read_text("utf-8"))
    described["time_unit"] = unit
    described["tables"]["observations"] = {
        "file": "observations.csv",
        "units": {"latency": unit, "deadline": unit},
    }
    (folder / "study.yaml").write_text(yaml.safe_dump(described), encoding="utf-8")
    for path in folder.glob("*.csv"):
        table = pd.read_csv(path)
        for column in {"time", "start", "end", "latency", "deadline"} & set(table):
            table[column] /= SECONDS[unit]
        table.to_csv(path, index=False)
    return read_study(folder)


@pytest.fixture(scope="module")
def short(tiny_model, tiny_world):
    return {d: fit(tiny_model(d), tiny_world, **OPTIONS) for d in ("trough", "no_drive")}


@pytest.mark.parametrize("factor", [0.01])
def test_draws_and_ranking_are_the_same_for_other_magnitudes(
    short, tiny_model, tiny_world, factor
) -> None:
    study = resized(tiny_world, factor)
    other = {drive: fit(tiny_model(drive), study, **OPTIONS) for drive in short}
    for drive, made in short.items():
        xr_same = made.posterior.drop_attrs().identical(other[drive].posterior.drop_attrs())
        assert xr_same and np.array_equal(made.coordinates["x"], other[drive].coordinates["x"])
    unit = short["trough"].model.unit_magnitude
    assert other["trough"].model.unit_magnitude == factor * unit
    ours, theirs = (compare(f, unit="session", seed=1).table for f in (short, other))
    pd.testing.assert_frame_equal(ours, theirs)


def test_a_fit_keeps_the_unit_in_its_file_and_in_fits_of_a_part(
    short, tiny_world, tmp_path
) -> None:
    made = short["trough"]
    again = Fit.load(made.save(tmp_path / "one.nc"))
    assert again.model == made.model and isinstance(again.model.unit_magnitude, float)
    size = again.layout.arrays["event_magnitude"]
    assert np.array_equal(size, made.layout.arrays["event_magnitude"])
    part = tiny_world.select(subjects=tiny_world.subjects["subject"].iloc[:1])
    big = part.with_tables({"events": part.events.assign(magnitude=8.0)})
    refit = build_layout(made.model, big)  # the unit of the whole, though all are equal here
    assert (refit.arrays["event_magnitude"] == 8.0 / made.model.unit_magnitude).all()


@pytest.mark.parametrize("unit", ["ms", "min", "h"])
def test_the_same_study_in_another_unit_of_time(short, tiny_model, tiny_world, unit, tmp_path):
    study = retimed(tiny_world, unit, tmp_path / unit)
    first, other = short["trough"].layout, build_layout(tiny_model("trough"), study)
    assert first.arrays.keys() == other.arrays.keys() and not other.warnings[1:]
    for name, values in first.arrays.items():  # reading keeps a time to the nanosecond
        np.testing.assert_allclose(other.arrays[name], values, rtol=1e-6, atol=1e-7, err_msg=name)
    one, two = compile_layout(first), compile_layout(other)
    c = first.coordinates
    for x, h in zip(*c.prior_draws(np.random.default_rng(1), (3,)), strict=True):
        (value, slope), (same, other_slope) = one(flat(x / 2, h / 2)), two(flat(x / 2, h / 2))
        assert same == pytest.approx(value, rel=1e-6)
        np.testing.assert_allclose(other_slope, slope, rtol=1e-4, atol=1e-4)
