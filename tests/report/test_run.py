"""The whole way, once: a tiny study is simulated, fitted, compared, drawn and reported."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import yaml

from dopafit import cli
from dopafit.core.errors import SpecError, StudyError
from dopafit.fit.fit import Fit
from dopafit.fit.progress import Progress
from dopafit.model.analysis import read_analysis
from dopafit.model.layout.layout import resolved
from dopafit.report import record
from dopafit.report.run import compare_folder, run, run_fits
from dopafit.report.said.truth import read_truth, truth_rows
from dopafit.report.set.html import write_report
from dopafit.report.simulated import simulate_folder
from dopafit.study import read_study
from tests.pdf_text import pdf_text

ROOT = Path(__file__).parents[2]
ANALYSIS = {
    "title": "Tiny <b>study</b>",
    "question": "Does anything move?",
    "study": "tiny",
    "drives": [None, "trough"],
    "typical_spacing": 10,
    "channels": {"choice": {"column": "pursue"}},
    "effects": {"peak": "drug", "choice_rest": "1"},
    "sampling": {"draws": 50, "max_draws": 50, "tune": 60, "chains": 2},
    "check": {"draws": 10},
    "controls": {"surrogates": 2},
    "seed": 3,
    "simulate": {
        "drive": "trough",
        "design": {"subjects": 2, "duration": 80, "cue_interval": 10, "trial_interval": 4},
        "truth": {"trough_ratio": 0.4, "choice_rest": 0.0},
    },
}
FILES = """
spec.yaml data.json environment.json verdict.json identifiability.csv summary.csv comparison.csv
answer.json truth.csv report.html methods.md checklist.md fits/no_drive.nc fits/trough.nc
figures/index.json tables/conditions.csv tables/conditions.tex tables/evidence.csv
tables/curve_width.csv tables/effects.csv tables/effects.tex
tables/comparison.csv tables/comparison.tex tables/predictive_checks.csv
tables/predictive_checks.tex
""".split()


def write(folder: Path, **changes: object) -> Path:
    path = folder / "analysis.yaml"
    path.write_text(yaml.safe_dump(ANALYSIS | changes), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """Simulate and run once; nobody may change what lies here."""
    base = tmp_path_factory.mktemp("tiny")
    path = write(base)
    simulate_folder(path, base / "tiny", seed=1)
    result = run(path, base / "out", progress="silent", command="dopafit run analysis.yaml")
    return SimpleNamespace(base=base, path=path, out=base / "out", result=result)


@pytest.fixture
def copy(tiny: SimpleNamespace, tmp_path: Path) -> SimpleNamespace:
    """A copy that a test may change."""
    shutil.copytree(tiny.base, tmp_path / "copy")
    base = tmp_path / "copy"
    return SimpleNamespace(base=base, path=base / "analysis.yaml", out=base / "out")


def typed(monkeypatch, *words: object) -> int:
    monkeypatch.setattr(sys, "argv", ["dopafit", *map(str, words)])
    try:
        cli.main()
    except SystemExit as leave:
        return int(leave.code or 0)
    return 0


# ---------------------------------------------------------------------- what a run writes
def test_every_file_is_there(tiny):
    assert [name for name in FILES if not (tiny.out / name).is_file()] == []
    index = json.loads((tiny.out / "figures" / "index.json").read_text("utf-8"))
    kinds = {entry["kind"] for entry in index}
    assert kinds >= {"comparison", "kernel", "gain_plane", "prior_posterior", "signatures"}
    assert kinds >= {"trace", "diagnostics"}
    for entry in index:
        found = {p.suffix for p in (tiny.out / "figures").glob(f"{entry['stem']}.*")}
        assert found == {".pdf", ".png", ".csv"}, entry["stem"]
    assert [p for p in tiny.out.rglob("*") if ".part" in p.name] == []


def test_the_verdict_travels(tiny):
    assert not tiny.result.converged
    verdicts = json.loads((tiny.out / "verdict.json").read_text("utf-8"))
    assert set(verdicts) == {"no_drive", "trough"}
    for found in verdicts.values():
        failed = {d["name"] for d in found["diagnostics"] if not d["ok"]}
        assert not found["converged"] and "draws" in failed
    for name in ("report.html", "methods.md"):
        text = (tiny.out / name).read_text("utf-8").lower()
        assert "not converge" in text, name
    page = (tiny.out / "report.html").read_text("utf-8")
    assert "NOT CONVERGED" in page and "SIMULATED" in page
    assert "Tiny &lt;b&gt;study&lt;/b&gt;" in page and "<b>study" not in page
    drawn = sorted((tiny.out / "figures").glob("*.pdf"))
    assert len(drawn) == len(list((tiny.out / "figures").glob("*.png"))) > 8
    for path in drawn:
        text = pdf_text(path)
        assert "SIMULATED DATA" in text and "NOT CONVERGED" in text, path.name


def test_what_the_record_says(tiny):
    spec = yaml.safe_load((tiny.out / "spec.yaml").read_text("utf-8"))
    assert spec["hypotheses"] == ["no_drive", "trough"] and spec["seed"] == 3
    analysis, study = read_analysis(tiny.path), read_study(tiny.base / "tiny")
    model = resolved(analysis.models["trough"], study)
    assert spec["models"]["trough"]["hash"] == model.hash
    assert Fit.load(tiny.out / "fits" / "trough.nc").model == model
    data = json.loads((tiny.out / "data.json").read_text("utf-8"))
    assert data["hash"] == study.hash and data["simulated"] is True
    assert data["rows_used"] == {"choice": len(study.observations)}
    assert 0 <= data["close_pairs"] <= 1
    environment = json.loads((tiny.out / "environment.json").read_text("utf-8"))
    assert environment["command"] == "dopafit run analysis.yaml"
    assert set(environment["seconds"]) == {"no_drive", "trough"}
    assert environment["packages"]["pymc"] and environment["started"] <= environment["finished"]


def test_the_tables_are_those_of_the_fits(tiny):
    summary = pd.read_csv(tiny.out / "summary.csv", keep_default_na=False)
    for drive, fit in tiny.result.fits.items():
        mine = summary[summary["hypothesis"] == drive].set_index("parameter")
        assert mine.loc["choice_rest", "mean"] == float(fit.posterior["choice_rest"].mean())
    assert set(summary["interval_prob"]) == {0.9}
    truth = pd.read_csv(tiny.out / "truth.csv")
    assert set(truth["hypothesis"]) == {"trough"}
    row = truth.set_index("parameter").loc["trough_ratio"]
    assert row["truth"] == 0.4 and row["covered"] == (row["lower"] <= 0.4 <= row["upper"])
    table = pd.read_csv(tiny.out / "comparison.csv", keep_default_na=False)
    assert set(table["hypothesis"]) == {"no_drive", "trough"} and set(table["unit"]) == {"session"}
    assert table["elpd"].max() == tiny.result.comparison.table["elpd"].max()


def test_what_the_study_decided_is_frozen_and_said(tiny):
    """One unit event and the reference level: in the claim, the fit and the page."""
    spec = yaml.safe_load((tiny.out / "spec.yaml").read_text("utf-8"))["models"]["trough"]
    size = read_study(tiny.base / "tiny").events["magnitude"]
    assert spec["unit_magnitude"] == size.median() and spec["reference"] == {"drug": "placebo"}
    unit = f"one event of magnitude {size.median():g} (the median)"
    assert spec["unit_event"] == unit
    card = pd.read_csv(tiny.out / "identifiability.csv", keep_default_na=False)
    card = card[card["hypothesis"] == "trough"].set_index("parameter")
    effect = "peak_effect[drug[precursor]]"
    assert card.loc[effect, "convention"] == "against drug = placebo"
    data = json.loads((tiny.out / "data.json").read_text("utf-8"))
    (asked,) = [text for text in data["warnings"] if text.startswith("the reference level of drug")]
    assert "'placebo'" in asked and "reference: {drug: placebo}" in asked
    page = (tiny.out / "report.html").read_text("utf-8")
    assert unit in page and "reference: {drug: placebo}" in page
    assert "drug[precursor] on peak, against drug = placebo" in page
    for name in ("report.html", "methods.md"):
        text = (tiny.out / name).read_text("utf-8")
        assert f"One unit event is {unit}." in text, name
        assert "Effects of drug are differences from drug = placebo." in text, name


# ---------------------------------------------------------------------- again
def test_a_second_run_keeps_the_fits(copy, monkeypatch, capsys):
    before = {p.name: p.stat().st_mtime_ns for p in (copy.out / "fits").iterdir()}
    tables = {n: (copy.out / n).read_bytes() for n in ("summary.csv", "comparison.csv")}
    (copy.out / "report.html").unlink()
    assert typed(monkeypatch, "run", copy.path, "--out", copy.out, "--progress", "log") == 3
    out, err = capsys.readouterr()
    assert "keeping no_drive: already fitted" in err and "keeping trough" in err
    assert "sampling" not in err and "trough: NOT CONVERGED" in out
    assert {p.name: p.stat().st_mtime_ns for p in (copy.out / "fits").iterdir()} == before
    assert {n: (copy.out / n).read_bytes() for n in tables} == tables
    assert (copy.out / "report.html").is_file()
    seconds = json.loads((copy.out / "environment.json").read_text("utf-8"))["seconds"]
    assert set(seconds) == {"no_drive", "trough"}  # of the run that made them


def test_one_drive_after_the_other(copy, monkeypatch, capsys):
    """`fit` into a folder adds to its record; a changed claim forgets what was made from others."""
    write(copy.base, seed=4)
    (copy.out / "figures" / "mine.pdf").write_bytes(b"not dopafit's")
    assert typed(monkeypatch, "fit", copy.path, "--hypothesis", "no_drive", "--out", copy.out) == 3
    assert [path.name for path in (copy.out / "figures").iterdir()] == ["mine.pdf"]
    assert "NOT CONVERGED" in capsys.readouterr().out
    assert Fit.load(copy.out / "fits" / "no_drive.nc").seed == 4
    for name in ("comparison.csv", "comparison.json", "figures/index.json", "truth.csv"):
        assert not (copy.out / name).exists(), name
    assert list(json.loads((copy.out / "verdict.json").read_text("utf-8"))) == ["no_drive"]
    assert typed(monkeypatch, "report", copy.out) == 0  # one fit alone has a page
    # the fit of the old seed is no part of it
    assert typed(monkeypatch, "compare", copy.out) == 2
    assert "holds 1 fit to compare" in capsys.readouterr().err
    # back to the first claim: the fit of the other drive is still there and counts again
    write(copy.base)
    found, seconds, *_ = run_fits(
        read_analysis(copy.path), copy.out, Progress(), hypotheses=("trough",)
    )
    assert list(found) == ["trough"] and seconds == {}
    assert list(json.loads((copy.out / "verdict.json").read_text("utf-8"))) == ["trough"]


def test_compare_and_report_rebuild(copy, monkeypatch, capsys):
    first = (copy.out / "comparison.csv").read_bytes()
    page = (copy.out / "report.html").read_text("utf-8")
    for name in ("comparison.csv", "report.html", "methods.md"):
        (copy.out / name).unlink()
    assert typed(monkeypatch, "compare", copy.out) == 0
    assert "leave-one-out by session" in capsys.readouterr().out
    assert (copy.out / "comparison.csv").read_bytes() == first
    assert typed(monkeypatch, "report", copy.out) == 0
    assert (copy.out / "report.html").read_text("utf-8") == page
    assert (copy.out / "methods.md").is_file()
    assert typed(monkeypatch, "compare", copy.out, "--unit", "trial") == 0  # control: it differs
    assert (copy.out / "comparison.csv").read_bytes() != first
    assert typed(monkeypatch, "compare", copy.out, "--unit", "trail") == 2
    assert "did you mean 'trial'?" in capsys.readouterr().err


def test_a_run_that_lost_a_fit_says_which(copy, monkeypatch, capsys):
    fits = copy.out / "fits"
    spec = yaml.safe_load((copy.out / "spec.yaml").read_text("utf-8"))
    (copy.out / "spec.yaml").write_text(
        yaml.safe_dump(spec | {"hypotheses": ["no_drive", "trough", "level"]})
    )
    found = compare_folder(copy.out)
    assert "level is not compared: fits/level.nc is missing" in found.warnings
    assert "level is not compared" in (copy.out / "comparison.json").read_text("utf-8")
    (fits / "trough.nc").unlink()
    assert typed(monkeypatch, "compare", copy.out) == 2
    assert "holds 1 fit to compare; lost: fits/trough.nc, fits/level.nc" in capsys.readouterr().err


def test_damaged_fits_are_made_again_or_named(copy, monkeypatch, capsys):
    (copy.out / "fits" / "no_drive.nc").write_bytes(b"no netCDF")
    assert typed(monkeypatch, "compare", copy.out) == 2
    assert "no_drive.nc" in capsys.readouterr().err
    (copy.out / "spec.yaml").write_text("drives: [")
    assert typed(monkeypatch, "report", copy.out) == 2
    assert "spec.yaml" in capsys.readouterr().err


def test_a_warning_of_a_fit_reaches_the_record_and_the_page(copy):
    found = {d: Fit.load(copy.out / "fits" / f"{d}.nc") for d in ("no_drive", "trough")}
    for one in found.values():
        one.record["warnings"] = ["typical_spacing is <far> from these data"]
    record.write_data(copy.out, read_study(copy.base / "tiny"), ["events.csv: odd"], found)
    data = json.loads((copy.out / "data.json").read_text("utf-8"))
    assert data["warnings"] == ["events.csv: odd", "typical_spacing is <far> from these data"]
    write_report(copy.out)
    page = (copy.out / "report.html").read_text("utf-8")
    assert page.count("typical_spacing is &lt;far&gt; from these data") == 1


def test_a_damaged_truth_is_named(copy):
    study = read_study(copy.base / "tiny")
    assert read_truth(study)["values"]["trough_ratio"] == 0.4
    path = copy.base / "tiny" / "truth.json"
    for text in ("{", "[]", '{"drive": "trough"}', '{"drive": "trough", "values": {"a": "x"}}'):
        path.write_text(text)
        with pytest.raises(StudyError, match=r"truth\.json is damaged"):
            read_truth(study)
    path.unlink()
    assert read_truth(study) is None


def test_comparing_nothing(tmp_path):
    with pytest.raises(SpecError, match="holds 0 fits"):
        compare_folder(tmp_path / "none")


# ---------------------------------------------------------------------- Ctrl-C
@pytest.mark.skipif(os.name == "nt", reason="SIGINT is sent the POSIX way")
def test_ctrl_c_while_sampling(copy):
    """A run stopped in its second fit: status 130, no traceback, the first fit is kept."""
    slow = {"draws": 20_000, "max_draws": 20_000, "tune": 60, "chains": 2, "target_accept": 0.999}
    path, out = write(copy.base, sampling=slow), copy.base / "stopped"
    words = ["run", str(path), "--out", str(out), "--progress", "log"]
    child = subprocess.Popen(
        [sys.executable, "-m", "dopafit.cli", *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    said = []
    try:
        for line in child.stderr:
            said.append(line)
            if line.startswith("sampling trough"):
                time.sleep(0.5)
                child.send_signal(signal.SIGINT)
                break
        rest = child.communicate(timeout=120)[1]
    finally:
        child.kill()
    error = "".join(said) + rest
    assert child.returncode == 130, error
    assert "stopped while sampling trough" in error and "Traceback" not in error
    assert "run the same command again" in error
    assert Fit.load(out / "fits" / "no_drive.nc").record["interrupted"] is False
    assert not (out / "fits" / "trough.nc").exists()
    partial = out / "fits" / "trough.interrupted.nc"
    if partial.exists():  # it was stopped after 50 draws per chain
        assert not Fit.load(partial).verdict.converged


def test_members_are_held_against_the_truth_apart_and_in_total(tiny_model, tiny_world, fit_at):
    """A population too high and deviations too low by the same amount: the totals are right."""
    effects = {"choice_rest": "(1 | subject)", "peak": "(1 | subject)"}
    model = tiny_model("trough", effects=effects)
    fit = fit_at(model, tiny_world, {"choice_rest": 1.0}, draws=50, wiggle=0.01)
    members = [m for m in fit.summary["parameter"] if "_group[" in m]
    assert any(m.startswith("choice_rest_group[1|subject[") for m in members)
    values = {m: 0.5 if m.startswith("choice_rest") else 0.0 for m in members}
    values |= {"choice_rest": 0.5, "trough_ratio": 0.3}
    table = truth_rows("trough", fit, values).set_index("parameter")
    assert set(table.index) == set(values)
    assert table.loc["choice_rest", "member_of"] == "population"
    assert not table.loc["choice_rest", "covered"]
    assert np.isnan(table.loc["choice_rest", "total_truth"])
    of_rest = table[table.index.str.startswith("choice_rest_group")]
    assert set(of_rest["member_of"]) == {"subject"} and not of_rest["covered"].any()
    assert of_rest["total_covered"].all() and (of_rest["total_truth"] == 1.0).all()
    # on the natural scale: a peak's population is fixed at 1, and its members' totals around it
    of_peak = table[table.index.str.startswith("peak_group")]
    assert (of_peak["total_truth"] == 1.0).all()
    assert ((of_peak["total_lower"] > 0.5) & (of_peak["total_upper"] < 2)).all()
    alone = truth_rows("trough", fit, {"trough_ratio": 0.3})
    assert list(alone.columns) == list(table.reset_index().columns[[1, 0, *range(2, 11)]])


def test_exclusions_are_fitted_counted_and_never_mixed_with_other_fits(copy, monkeypatch, capsys):
    rules = [{"subjects": ["s2"], "reason": "fell <ill>"}, {"before": 20}]
    path = write(copy.base, exclude=rules, effects={"choice_rest": "1"})
    assert typed(monkeypatch, "validate", path) == 0
    assert "left out: subject s2 (fell <ill>): 1 subject, 2 sessions" in capsys.readouterr().out
    whole = read_study(copy.base / "tiny")
    found, seconds, opened = run_fits(
        read_analysis(path), copy.out, Progress(), hypotheses=("no_drive",)
    )
    assert list(seconds) == ["no_drive"]  # the fit to the whole study is not this one
    left = found["no_drive"].study
    assert left.hash == opened.study.hash != whole.hash and list(left.subjects["subject"]) == ["s1"]
    assert left.observations["time"].min() >= 20
    data = json.loads((copy.out / "data.json").read_text("utf-8"))
    assert data["hash"] == left.hash
    assert data["counts"]["observations"] == len(left.observations)
    assert [r["reason"] for r in data["exclusions"]] == ["fell <ill>", ""]
    gone = len(whole.observations) - len(left.observations)
    assert sum(r["observations"] for r in data["exclusions"]) == gone > 0
    spec = yaml.safe_load((copy.out / "spec.yaml").read_text("utf-8"))
    assert spec["exclude"] == [rules[0], {"before": 20.0}]
    write_report(copy.out)
    assert "fell &lt;ill&gt;" in (copy.out / "report.html").read_text("utf-8")
    text = (copy.out / "methods.md").read_text("utf-8")
    assert "By rules of the analysis were left out: subject s2" in text
    again = run_fits(read_analysis(path), copy.out, Progress(), hypotheses=("no_drive",))
    assert again[1] == {}  # control: the same rules keep the fit


def test_what_an_analysis_names_must_be_there(copy, monkeypatch, capsys):
    def said(**changes) -> str:
        assert typed(monkeypatch, "validate", write(copy.base, **changes)) == 2
        return capsys.readouterr().err

    text = said(exclude=[{"subjects": ["s3"]}])
    assert "analysis.yaml: exclude: rule 1: subject 's3' does not occur" in text
    assert "allowed: s1, s2" in text
    text = said(exclude=[{"befor": 3}])
    assert "exclude: rule 1: 'befor' is not known" in text and "did you mean 'before'?" in text
    frame = pd.read_csv(copy.base / "tiny" / "observations.csv").assign(latency=1.5)
    frame.to_csv(copy.base / "tiny" / "observations.csv", index=False)
    named = {"latency": {"censored": "latency_censored"}}  # the default's own name
    text = said(channels=named, effects={})
    assert "channels: latency: the study's observations have no column 'latency_censored'" in text
    assert "to do:" in text
    assert (
        typed(monkeypatch, "validate", write(copy.base, channels={"latency": None}, effects={}))
        == 0
    )
    assert "warning: channel latency: all " in capsys.readouterr().out
