"""A multiverse on disk: made once, resumed, drawn, and told on the command line."""

from __future__ import annotations

import json
import sys

import pandas as pd
import pytest
import yaml

from dopafit import cli, write_study
from dopafit.core.errors import FitError
from dopafit.report import multiverse as module
from dopafit.report.written import write_table

STATED = {"kernels": ["opponent"], "history": [True], "sessions": [True], "kernel_prior": [1.0]}


@pytest.fixture
def folder(tmp_path, tiny_world, fit_at, monkeypatch):
    write_study(tiny_world, tmp_path / "study")
    content = {
        "study": "study",
        "drives": ["trough"],
        "channels": {"choice": {"column": "pursue"}},
        "effects": {"choice_rest": "drug"},
        "typical_spacing": 15,
        "multiverse": STATED | {"time_on_task": [False, True]},
    }
    (tmp_path / "analysis.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    made = []

    def explore(model, study, *, seed, draws):
        made.append(model)
        sd = model.parameters["choice_gain_trough"].prior.scale
        return fit_at(model, study, {"choice_gain_trough": sd}, draws=40, wiggle=0.1)

    monkeypatch.setattr(module, "explore", explore)
    return tmp_path, made


@pytest.fixture
def typed(folder, monkeypatch, capsys):
    def call(*words):
        base = folder[0]
        line = ["dopafit", "multiverse", base / "analysis.yaml", "--out", base / "out", *words]
        monkeypatch.setattr(sys, "argv", [*map(str, line), "--progress", "silent"])
        try:
            cli.main()
            status = 0
        except SystemExit as leave:
            status = int(leave.code or 0)
        return status, *capsys.readouterr()

    return call


def without_pictures(figure, tables, stem):
    write_table(stem.with_suffix(".csv"), tables["multiverse"])


def test_one_table_one_figure_and_what_held(folder, typed):
    base, made = folder
    status, out, err = typed()
    assert status == 3 and err == ""  # none of these fits converged
    assert "the sign held in 5 of 5 specifications" in out and len(made) == 5
    names = {path.name for path in (base / "out").iterdir()}
    assert names >= {"multiverse.csv", "multiverse.pdf", "multiverse.png", "multiverse.json"}
    table = pd.read_csv(base / "out" / "multiverse.csv")
    here = table[(table["channel"] == "choice") & (table["at"] == "trough")]
    assert list(here["specification"]) == [1, 2, 3, 4, 5] and here["own"].tolist()[0]
    assert here["median"].is_monotonic_increasing is False
    assert table["level"].notna().any()  # the drug's effect as well
    told = json.loads((base / "out" / "multiverse.json").read_text("utf-8"))
    assert told["headline"] == {"channel": "choice", "at": "trough"}
    assert told["summary"][0] in out


def test_what_is_finished_is_kept(folder, typed, monkeypatch):
    base, made = folder
    monkeypatch.setattr(module, "save", without_pictures)
    known, looks = module.explore, []

    def stopped(*given, **options):
        looks.append(1)
        if len(looks) == 3:
            raise KeyboardInterrupt
        return known(*given, **options)

    monkeypatch.setattr(module, "explore", stopped)
    status, _, err = typed()
    assert status == 130 and "stopped in specification 3 of 5" in err
    assert len(list((base / "out" / "specifications").glob("*.json"))) == 2
    damaged = next((base / "out" / "specifications").glob("*.json"))
    damaged.write_text("{", encoding="utf-8")
    made.clear()
    assert typed()[0] == 3 and len(made) == 4
    made.clear()
    first = (base / "out" / "multiverse.csv").read_bytes()
    assert typed()[0] == 3 and made == []
    assert (base / "out" / "multiverse.csv").read_bytes() == first


def test_one_that_cannot_be_fitted_is_told(folder, typed, monkeypatch):
    monkeypatch.setattr(module, "save", without_pictures)
    known = module.explore

    def failing(model, study, **options):
        if model.parameters["choice_gain_trough"].prior.scale > 2:
            raise FitError("no usable draws", allowed="others", todo="sample")
        return known(model, study, **options)

    monkeypatch.setattr(module, "explore", failing)
    status, out, _ = typed()
    assert status == 3 and "1 of 5 specifications have no such effect or failed" in out
    table = pd.read_csv(folder[0] / "out" / "multiverse.csv")
    assert table["stamp"].str.startswith("failed: no usable draws").sum() == 1


@pytest.mark.slow
def test_explored_for_real(folder, typed, monkeypatch):
    monkeypatch.undo()
    from dopafit.fit.progress import Progress
    from dopafit.model.analysis import read_analysis

    base = folder[0]
    result = module.run_multiverse(read_analysis(base / "analysis.yaml"), base / "out", Progress())
    assert (result.headline["median"] > 0).all()  # the study was made so
