"""Every public function answers arguments of a wrong kind in three parts."""

from __future__ import annotations

import inspect

import pytest

import dopafit as dp
from dopafit.core.arguments import require, takes
from dopafit.core.errors import DopafitError, SpecError

MODEL = dp.Model(drive="trough", channels=[dp.Choice("pursue")])
STUDY = dp.load_dataset("cue-pursuit")
# a call of each public name with something wrong, and words of the answer
WRONG = {
    "Choice": [(lambda: dp.Choice(3), "Choice: column cannot be int 3")],
    "Comparison": [],  # made by compare
    "DopafitError": [],
    "Fit": [(lambda: dp.Fit.load(None), "Fit.load: path cannot be None")],
    "Latency": [(lambda: dp.Latency(3), "Latency: column cannot be int 3")],
    "Model": [
        (lambda: dp.Model(channels=3), "channels: 3 is not a list"),
        (lambda: dp.Model(channels=["choice"]), "'choice' is not a channel"),
        (lambda: dp.Model(drive=3, channels=[dp.Choice()]), "drive 3 is not known"),
        (lambda: dp.Model(channels=[dp.Choice()], effects=["drug"]), "effects: ['drug']"),
        (lambda: dp.Model(channels=[dp.Choice()], priors="tight"), "priors: 'tight'"),
        (lambda: dp.Model(channels=[dp.Choice()], typical_spacing="long"), "typical_spacing"),
    ],
    "Presses": [
        (lambda: dp.Presses(3), "Presses: kind cannot be int 3"),
        (lambda: dp.Presses("press", history="long"), "history = 'long'"),
    ],
    "Prior": [
        (lambda: dp.Prior("cauchy", 0, 1), "'cauchy' is not known"),
        (lambda: dp.Prior.normal("a", 1), "normal('a', 1)"),
    ],
    "Study": [],  # its tables are tested in tests/study
    "WaldLatency": [(lambda: dp.WaldLatency(3), "WaldLatency: column cannot be int 3")],
    "compare": [
        (lambda: dp.compare(3, unit="trial"), "compare: fits cannot be int 3"),
        (lambda: dp.compare({"a": 3}, unit="trial"), "fits['a'] cannot be int 3"),
    ],
    "exclude": [
        (lambda: dp.exclude("a", []), "exclude: study cannot be str 'a'"),
        (lambda: dp.exclude(STUDY, 3), "3"),
    ],
    "explore": [(lambda: dp.explore(STUDY, MODEL, seed=1), "explore: model cannot be Study")],
    "fetch": [(lambda: dp.fetch(3), "fetch: name cannot be int 3")],
    "fit": [
        (lambda: dp.fit("model", STUDY, seed=1), "fit: model cannot be str 'model'"),
        (lambda: dp.fit(MODEL, "path", seed=1), "dp.read_study(FOLDER)"),
        (lambda: dp.fit(MODEL, STUDY, seed="a"), "seed = 'a'"),
        (lambda: dp.fit(MODEL, STUDY, seed=1, draws="many"), "draws = 'many'"),
        (lambda: dp.fit(MODEL, STUDY, seed=1, chains=True), "chains = True"),
        (lambda: dp.fit(MODEL, STUDY, seed=1, progress=3), "fit: progress cannot be int 3"),
    ],
    "identifiability": [(lambda: dp.identifiability(MODEL), "cannot be Model")],
    "load_dataset": [(lambda: dp.load_dataset(3), "load_dataset: name cannot be int 3")],
    "Counts": [(lambda: dp.Counts(3), "Counts: column cannot be int 3")],
    "Event": [(lambda: dp.Event("a"), "Event: time")],
    "Offer": [(lambda: dp.Offer(1.0, 3), "Offer: channel")],
    "play": [(lambda: dp.play(None, STUDY, {}, None), "play: model cannot be Study")],
    "predictive_check": [
        (lambda: dp.predictive_check(MODEL, seed=1), "predictive_check: fit cannot be Model")
    ],
    "read_analysis": [(lambda: dp.read_analysis(None), "read_analysis: path cannot be None")],
    "read_study": [(lambda: dp.read_study(None), "read_study: path cannot be None")],
    "resolved": [(lambda: dp.resolved(STUDY, STUDY), "resolved: model cannot be Study")],
    "run": [
        (lambda: dp.run(None, "out"), "run: analysis cannot be None"),
        (lambda: dp.run("a.yaml", 3), "run: out cannot be int 3"),
    ],
    "simulate": [
        (lambda: dp.simulate(MODEL, "path", seed=1), "simulate: design cannot be str"),
        (lambda: dp.simulate(MODEL, STUDY, seed=1, truth=3), "simulate: truth cannot be int 3"),
        (lambda: dp.simulate(MODEL, STUDY, seed="a"), "seed = 'a'"),
    ],
    "to_pymc": [
        (lambda: dp.to_pymc(STUDY, STUDY), "to_pymc: model cannot be Study"),
        (lambda: dp.to_pymc(MODEL, STUDY, priors=3), "to_pymc: priors cannot be int 3"),
    ],
    "timetable": [(lambda: dp.timetable(3, seed=1), "timetable: options cannot be int 3")],
    "validate": [(lambda: dp.validate(3), "validate: study cannot be int 3")],
    "with_nuisance": [
        (lambda: dp.with_nuisance(MODEL, "path"), "with_nuisance: study cannot be str"),
        (lambda: dp.with_nuisance(MODEL, STUDY, time_on_task="a"), "time_on_task='a'"),
        (lambda: dp.with_nuisance(MODEL, STUDY, history=3), "history=3"),
    ],
    "write_study": [(lambda: dp.write_study("a", "b"), "write_study: study cannot be str 'a'")],
    "plot.comparison": [(lambda: dp.plot.comparison(3), "dp.compare(fits")],
    "plot.diagnostics": [(lambda: dp.plot.diagnostics(3), "diagnostics: fits cannot be int")],
    "plot.forest": [(lambda: dp.plot.forest(MODEL, "peak"), "forest: fit cannot be Model")],
    "plot.gain_plane": [(lambda: dp.plot.gain_plane(3), "gain_plane: fit cannot be int 3")],
    "plot.kernel": [(lambda: dp.plot.kernel(MODEL), "kernel: fit cannot be Model")],
    "plot.prior_posterior": [(lambda: dp.plot.prior_posterior(3), "prior_posterior: fit")],
    "plot.save": [(lambda: dp.plot.save(None, 3, "x"), "save: tables cannot be int 3")],
    "plot.response": [(lambda: dp.plot.response(3, 4), "response: found cannot be int 3")],
    "plot.signatures": [(lambda: dp.plot.signatures(3), "signatures: checks cannot be int")],
    "plot.trace": [(lambda: dp.plot.trace(3, "a", "b"), "trace: fit cannot be int 3")],
}
CALLS = [(name, i) for name, calls in WRONG.items() for i in range(len(calls))]


def test_every_public_name_is_asked():
    names = set(dp.__all__) - {"__version__", "plot"}
    assert set(WRONG) == names | {f"plot.{name}" for name in dp.plot.__all__}


@pytest.mark.parametrize(("name", "which"), CALLS, ids=lambda v: str(v))
def test_a_wrong_kind_is_answered_in_three_parts(name, which):
    call, words = WRONG[name][which]
    with pytest.raises(DopafitError) as caught:
        call()
    error = caught.value
    assert words in str(error) and error.wrong and error.allowed and error.todo
    assert "object at 0x" not in str(error)


def test_control_a_right_kind_passes():
    @takes(size=int, name=(str, type(None)))
    def made(size, *, name=None, more=()):
        """Return what was given."""
        return size, name, more

    assert made(3) == (3, None, ()) and made(3, name="a", more=5) == (3, "a", 5)
    assert str(inspect.signature(made)) == "(size, *, name=None, more=())"
    with pytest.raises(SpecError, match="made: name cannot be int 4"):
        made(3, name=4)
    with pytest.raises(TypeError, match="missing a required argument: 'size'"):
        made()
    with pytest.raises(TypeError, match="no argument"):
        takes(other=int)(lambda size: size)


def test_true_is_no_number():
    from numbers import Integral

    require("f: draws", 3, Integral)
    with pytest.raises(SpecError, match="cannot be bool True"):
        require("f: draws", True, Integral)
