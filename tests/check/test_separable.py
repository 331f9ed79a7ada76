"""What of the trace nuisance terms could imitate; a trend is not taken for a drive."""

from __future__ import annotations

import numpy as np
import pytest

import dopafit as dp
from dopafit.check.separable import SEPARABLE, separable, shared_variance
from dopafit.drive import rectify
from dopafit.model.layout.layout import build_layout
from dopafit.model.schedule import Schedule, timetable
from dopafit.trace.kernel import Kernel


def shared(half_life: float, **schedule: float) -> float:
    """Return the share of a level's variance that nuisance terms explain."""
    options = {"subjects": 6, "duration": 600.0, "trial_interval": 6.0} | schedule
    plan = timetable(Schedule(**options), seed=3)
    model = dp.Model(
        drive="level",
        kernel="monophasic",
        channels=[dp.Choice()],
        effects={"peak": "1"},
        fixed={"decay_half_life": half_life, "rise_ratio": 0.01},
    )
    study, _ = dp.simulate(dp.Model(drive="no_drive", channels=[dp.Choice()]), plan, seed=1)
    table = shared_variance(build_layout(dp.with_nuisance(model, study), study))
    assert table[["channel", "gain"]].to_numpy().tolist() == [["choice", "gain_peak"]]
    return float(table["r_squared"].iloc[0])


def test_a_slow_trend_is_not_separable_and_short_responses_are() -> None:
    trend = shared(3000.0, cue_interval=4.0)
    short = shared(5.0, cue_interval=60.0)
    assert trend > SEPARABLE and short < 0.25


def test_the_share_is_that_of_least_squares() -> None:
    plan = timetable(Schedule(subjects=3, duration=300.0), seed=2)
    study, _ = dp.simulate(dp.Model(drive="no_drive", channels=[dp.Choice()]), plan, seed=1)
    model = dp.with_nuisance(dp.Model(drive="encompassing", channels=[dp.Choice()]), study)
    layout = build_layout(model, study)
    found = shared_variance(layout)
    # independently: dense dummies, and the trace as a sum over events
    frame, made = layout.rows["choice"].frame, layout.designs["choice_rest"]
    dummies = [
        term.values[:, None] * (term.codes[:, None] == np.arange(len(term.levels)))
        for term in made.groups
    ]
    known = np.column_stack([np.ones(len(frame)), made.fixed, *dummies])
    response = Kernel.named("opponent")().response
    level = np.zeros(len(frame))
    for i, row in enumerate(frame.itertuples()):
        own = study.events[
            (study.events["subject"] == row.subject) & (study.events["session"] == row.session)
        ]
        lag = row.time - own["time"].to_numpy(float)
        size = own["magnitude"].to_numpy(float)
        size = size / float(model.unit_magnitude or np.median(np.abs(study.events["magnitude"])))
        centre = np.log(2) * model.typical_spacing
        level[i] = size @ response(lag, recovery_half_life=centre)
    for gain, sign in (("gain_peak", 1), ("gain_trough", -1)):
        moved = rectify(np, sign * level)
        left = moved - known @ np.linalg.lstsq(known, moved, rcond=None)[0]
        share = 1 - left.var() / moved.var()
        assert found.set_index("gain")["r_squared"][gain] == pytest.approx(share, abs=1e-6)


def test_a_trend_is_taken_for_a_drive_only_without_nuisance_terms() -> None:
    plan = timetable(
        Schedule(subjects=8, duration=600.0, cue_interval=30.0, trial_interval=12.0), seed=5
    )
    trend = {"choice_rest": "line(time, 0, 600) + (1 | subject)"}
    values = {
        "choice_rest": -0.5,
        "choice_rest_effect[line(time, 0, 600)]": 1.2,
        "choice_rest_sd[1|subject]": 0.5,
    }
    null = dp.Model(drive="no_drive", channels=[dp.Choice()], effects=trend)
    study, _ = dp.simulate(null, plan, seed=2, truth=values)
    plain = dp.Model(
        drive="level",
        kernel="monophasic",
        channels=[dp.Choice()],
        effects={"peak": "1"},
        fixed={"decay_half_life": 120.0, "rise_ratio": 0.01},
    )
    near_zero = {}
    for name, model in {"plain": plain, "nuisance": dp.with_nuisance(plain, study)}.items():
        options = {"draws": 300, "max_draws": 300, "tune": 200, "chains": 2}
        fit = dp.fit(model, study, seed=1, progress="silent", **options)
        near_zero[name] = float((fit.posterior["choice_gain_peak"] < 0.03).mean())
    assert near_zero["plain"] < 0.01 and near_zero["nuisance"] > 0.1
    assert separable(fit)["r_squared"].between(0.5, 1).all()
