"""`previous(column)` in a formula: the row before in the session, by hand and when simulated."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import dopafit as dp
from dopafit.channel.choice import Choice
from dopafit.channel.latency import Latency
from dopafit.core.errors import SpecError
from dopafit.model.claim import Model
from dopafit.model.equations import conventions
from dopafit.model.formula.parse import parse
from dopafit.model.layout.layout import build_layout
from dopafit.model.numpy_operations import evaluate, numpy_operations
from dopafit.model.play import Replicator, simulate
from dopafit.study import Study

KEYS = ["subject", "session"]
TRUTH = {"choice_rest": 0.2, "choice_rest_effect[previous(pursue)]": 3.0}


def rows(cells: list[dict]) -> Study:
    """Two sessions of one subject, their rows shuffled; an event each."""
    table = pd.DataFrame(cells).assign(subject="a")
    sessions = pd.DataFrame({"subject": "a", "session": ["1", "2"], "start": 0.0, "end": 99.0})
    events = sessions[KEYS].assign(time=3.0)
    return Study("s", sessions=sessions, events=events, observations=table.sample(frac=1))


@pytest.fixture(scope="module")
def study() -> Study:
    pursue = [1.0, 0.0, np.nan, 1.0, 1.0, 0.0, 1.0, 0.0]
    size = [2.0, 4.0, 6.0, 3.0, np.nan, 9.0, 1.0, 5.0]
    cue = ["x", "y", "x", "x", "y", "z", "x", "y"]
    times = [5.0, 10.0, 15.0, 20.0, 4.0, 8.0, 12.0, 16.0]
    columns = zip(times, pursue, size, cue, strict=True)
    names = ("time", "pursue", "size", "cue")
    cells = [dict(zip(names, values, strict=True)) for values in columns]
    return rows([cell | {"session": "1" if i < 4 else "2"} for i, cell in enumerate(cells)])


def model(rest: str, **more) -> Model:
    effects = {"choice_rest": rest, "peak": "1"} | more.pop("effects", {})
    return Model("trough", more.pop("channels", [Choice()]), effects, typical_spacing=20.0, **more)


def columns(claim: Model, study: Study) -> dict[str, np.ndarray]:
    found = build_layout(claim, study).designs["choice_rest"]
    return dict(zip(found.columns, found.fixed.T, strict=True))


def test_of_the_row_before_half_or_the_mean_is_taken(study) -> None:
    """The row without a choice is left out, but is the row before the next: it held a size."""
    found = columns(model("previous(pursue) + previous(size) + previous(cue)"), study)
    # rows of pursue: 1 0 . 1 | 1 0 1 0; the third is left out
    assert found["previous(pursue)"].tolist() == [0, 0.5, 0, 0, 0.5, -0.5, 0.5]
    size = np.array([2.0, 6.0, 9.0, 1.0])  # before rows 2, 4 | 3, 4
    left = size - size.mean()
    assert found["previous(size)"].tolist() == [0, left[0], left[1], 0, 0, left[2], left[3]]
    before = [None, "x", "x", None, "y", "z", "x"]
    for level, share in (("y", 1 / 5), ("z", 1 / 5)):
        expected = [0 if b is None else (b == level) - share for b in before]
        np.testing.assert_allclose(found[f"previous(cue)[{level}]"], expected, atol=1e-15)
    stated = columns(model("previous(cue)", reference={"previous(cue)": "z"}), study)
    assert [*stated] == ["previous(cue)[x]", "previous(cue)[y]"]
    assert [*columns(model("cue + previous(cue)", reference={"cue": "z"}), study)] == [
        "cue[x]",
        "cue[y]",
        *stated,
    ]


def test_a_trial_that_a_rule_takes_out_is_no_row_before(study) -> None:
    left = dp.exclude(study, [{"where": {"size": [4]}, "reason": "too fast"}]).study
    found = columns(model("previous(pursue)"), left)
    assert found["previous(pursue)"].tolist() == [0, 0, 0, 0.5, -0.5, 0.5]


def test_it_is_the_same_as_a_column_made_by_hand(study) -> None:
    table = study.observations
    before = table.groupby(KEYS)["pursue"].shift()
    by_hand = study.with_tables({"observations": table.assign(before=(before - 0.5).fillna(0.0))})
    theta, values = None, []
    for rest, data in (("previous(pursue) * size", study), ("before * size", by_hand)):
        data = data.with_tables({"observations": data.observations.fillna({"size": 1.0})})
        layout = build_layout(model(rest), data)
        theta = np.linspace(-1, 1, len(layout.coordinates.entries)) if theta is None else theta
        values.append(evaluate(layout, theta)["choice"])
    np.testing.assert_allclose(*values, rtol=1e-14)


def test_a_claim_with_it_is_written_read_and_said() -> None:
    claim = model(
        "previous(pursue) + (previous(`my cue`) | subject)",
        priors={"choice_rest_effect[previous(pursue)]": {"normal": {"mean": 0, "sd": 1}}},
    )
    assert Model.from_dict(claim.to_dict()) == claim
    text = parse("previous( pursue )+drug", "here").canonical
    assert text == "1 + previous(pursue) + drug"
    told = "\n".join(conventions(claim))
    assert "previous(pursue) is pursue in the session's row before" in told
    assert "previous(`my cue`) is my cue in" in told and "left out still counts" in told
    assert "row before" not in "\n".join(conventions(model("1")))


@pytest.mark.parametrize(
    ("effects", "wrong"),
    [
        ({"choice_rest": "log(previous(pursue))"}, "is of another row"),
        ({"choice_rest": "previous(previous(pursue))"}, "is of another row"),
        ({"choice_rest": "C(previous(cue))"}, "is of another row"),
        ({"choice_rest": "previous(pursue, 2)"}, "one column as it is"),
        ({"choice_rest": "previous(log(size))"}, "one column as it is"),
        ({"choice_rest": "(1 | previous(cue))"}, "stands between"),
        ({"choice_rest": "previous(pursu)"}, "no column 'pursu'"),
        ({"choice_rest": "previous(time)"}, "no column 'time'"),
        ({"choice_rest": "previous(pursue):previous(size)"}, "two columns of the row before"),
        ({"peak": "previous(magnitude)"}, "does not belong to rows of observations"),
    ],
)
def test_what_has_no_row_before_is_refused(study, effects, wrong) -> None:
    with pytest.raises(SpecError, match=rf"{wrong}(.|\n)*allowed(.|\n)*to do"):
        build_layout(model(effects.get("choice_rest", "1"), effects=effects), study)


# ------------------------------------------------------------------ simulation
def spied(monkeypatch) -> dict[str, list]:
    """Keep the predictors at which choices and latencies are drawn, in the order of drawing."""
    seen: dict[str, list] = {"choice": [], "latency": []}
    for member in (Choice, Latency):
        drawn = member.simulate

        def spy(self, rng, eta, data, drawn=drawn, **own):
            seen[self.prefix].append(np.array(eta))
            return drawn(self, rng, eta, data, **own)

        monkeypatch.setattr(member, "simulate", spy)
    return seen


def both(**effects: str) -> Model:
    terms = {"latency_rest": "previous(pursue)", "choice_gain_trough": "previous(pursue)"}
    rest = "drug + previous(pursue) + (previous(pursue) | subject)"
    return model(rest, channels=[Choice(), Latency()], effects=terms | effects)


def predictors(claim: Model, drawn: Study, values) -> dict[str, np.ndarray]:
    """Return each channel's predictor in a layout of what was drawn."""
    layout = build_layout(claim, drawn)
    theta = layout.coordinates.theta_from_truth(values, np.array(layout.coordinates.loc))
    m = numpy_operations(layout.arrays)
    moved = layout.program.motivation(layout.arrays, theta, m)
    own = (c.prefix for c in claim.channels)
    return {p: layout.program.arguments(p, moved, layout.arrays, theta, m)[0] for p in own}


def test_a_simulation_takes_its_own_past(monkeypatch, tiny_design) -> None:
    seen, claim = spied(monkeypatch), both()
    drawn, values = simulate(claim, tiny_design, seed=2, truth=TRUTH)
    turn = drawn.observations.groupby(KEYS).cumcount()
    for prefix, eta in predictors(claim, drawn, values).items():
        expected = eta[np.argsort(turn, kind="stable")]
        np.testing.assert_allclose(np.concatenate(seen[prefix]), expected, rtol=1e-11, atol=1e-12)
    pursue = drawn.observations["pursue"]
    before = drawn.observations.groupby(KEYS)["pursue"].shift()
    assert pursue[before == 1].mean() - pursue[before == 0].mean() > 0.3


def test_a_replicate_takes_its_own_past_and_not_the_observed_one(monkeypatch, tiny_design) -> None:
    claim = both(choice_rest="previous(pursue) + previous(latency)")
    opposite = TRUTH | {"choice_rest_effect[previous(pursue)]": -3.0}
    observed, _ = simulate(both(), tiny_design, seed=2, truth=opposite)
    table = observed.observations
    table.loc[[4, 11, 12], "pursue"] = np.nan  # left out, and then no past
    observed = observed.with_tables({"observations": table})
    replicator = Replicator.of(claim, observed)
    coordinates = replicator.layout.coordinates
    truth = TRUTH | {"choice_rest_effect[previous(latency)]": 0.4}
    theta = coordinates.theta_from_truth(truth, np.array(coordinates.loc))
    seen = spied(monkeypatch)
    drawn = replicator.draw(theta, np.random.default_rng(1))
    table = table.assign(**drawn["latency"])
    table.loc[table["pursue"].notna(), "pursue"] = drawn["choice"]["pursue"].to_numpy()
    again = observed.with_tables({"observations": table})
    # latencies are taken from the mean of the observed ones: a layout of the drawn ones has another
    low, high = (
        build_layout(claim, one).designs["choice_rest"].previous["previous(latency)"].middle[0]
        for one in (observed, again)
    )
    truth |= {"choice_rest": truth["choice_rest"] + 0.4 * (high - low)}
    frame = build_layout(claim, again).rows["choice"].frame
    order = np.argsort(frame["place in the session"].to_numpy(), kind="stable")
    has_past = frame["previous(latency)"].notna().to_numpy()
    found = np.empty(len(frame))
    found[order] = np.concatenate(seen["choice"])
    expected = predictors(claim, again, truth)["choice"]
    assert abs(high - low) > 1e-3 and 3 < (~has_past).sum() < 20
    np.testing.assert_allclose(found[has_past], expected[has_past], rtol=1e-11, atol=1e-12)
    before = table.groupby(KEYS)["pursue"].shift()
    assert table["pursue"][before == 1].mean() > table["pursue"][before == 0].mean()


def test_a_past_that_has_no_middle_yet_cannot_be_simulated(tiny_design) -> None:
    claim = Model("trough", [Latency()], {"latency_rest": "previous(latency)"})
    with pytest.raises(SpecError, match=r"cannot be simulated(.|\n)*allowed(.|\n)*to do"):
        simulate(claim, tiny_design, seed=1)
