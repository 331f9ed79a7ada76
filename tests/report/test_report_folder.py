from __future__ import annotations

import csv
import json
import os

import pandas as pd
import pytest

from dopafit.core.errors import DopafitError, FitError, SpecError
from dopafit.report.files import read_table
from dopafit.report.folder import TRUTH, RunFolder
from dopafit.report.set.html import write_report
from dopafit.report.written import write_table


def test_a_run_is_read_as_it_was_written(one_run):
    run = RunFolder.read(one_run)
    assert run.fits == ("trough", "encompassing", "level", "no_drive")  # as ranked
    assert run.focus == "trough" and run.simulated and run.failed == ()
    assert run.interval == "90 % equal-tailed posterior interval"
    assert len(run.figures) == 8 and run.figures[0].kind == "kernel"
    assert run.figures[0].width == pytest.approx(50.8, rel=1e-3)  # 200 px at 100 dpi
    assert [f.fit for f in run.drawn("kernel", "comparison")] == [None, "trough"]


def test_stored_numbers_keep_every_digit(one_run):
    run = RunFolder.read(one_run)
    with open(one_run / "summary.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for column in ("mean", "lower", "r_hat", "mcse_mean"):
        assert run.summary[column].tolist() == [float(row[column]) for row in rows]
        assert repr(float(run.summary[column].iloc[0])) == rows[0][column]


def test_no_drive_is_a_name_and_not_a_missing_value(one_run):
    run = RunFolder.read(one_run)
    assert set(run.summary["hypothesis"]) == {"no_drive", "trough", "level", "encompassing"}
    assert "no_drive" in run.comparison["hypothesis"].tolist()
    assert run.comparison["converged"].dtype == bool
    assert len(run.of(run.identifiability, "no_drive")) == 1


def test_fits_without_a_comparison_keep_the_order_of_the_analysis(make):
    run = RunFolder.read(make(optional=False))
    assert run.fits == ("no_drive", "trough", "level", "encompassing")
    assert run.comparison is run.truth is run.identifiability is None
    assert run.figures == () and run.reading == ()


def test_an_empty_truth_is_no_truth(make):
    folder = make()
    (folder / "truth.csv").write_text("\n")
    assert RunFolder.read(folder).truth is None
    (folder / "truth.csv").write_text(",".join(TRUTH) + "\n")
    assert RunFolder.read(folder).truth is None


@pytest.mark.parametrize(
    "name", ["spec.yaml", "data.json", "environment.json", "verdict.json", "summary.csv"]
)
def test_a_missing_file_is_named(make, name):
    folder = make()
    (folder / name).unlink()
    with pytest.raises(FitError, match=f"{name} is missing") as caught:
        write_report(folder)
    assert caught.value.allowed and "dopafit run" in caught.value.todo


def change(name: str, text: str):
    return lambda folder: (folder / name).write_text(text)


def edit_index(folder, **values):
    path = folder / "figures" / "index.json"
    index = json.loads(path.read_text())
    index[0] |= values
    path.write_text(json.dumps(index))


DAMAGE = {
    "json": (change("data.json", "{"), FitError, "data.json is damaged"),
    "not an object": (change("data.json", "[1]"), FitError, "holds a list"),
    "yaml": (change("spec.yaml", "a: [1"), SpecError, "not valid YAML"),
    "yaml objects": (change("spec.yaml", "!!python/name:os.system"), SpecError, "not valid YAML"),
    "spec list": (change("spec.yaml", "- a"), SpecError, "holds a list"),
    "models": (change("spec.yaml", "models: [1]"), FitError, "models is"),
    "table": (
        change("summary.csv", "hypothesis,mean\ntrough,1\n"),
        FitError,
        "no column parameter",
    ),
    "row": (
        change("truth.csv", ",".join(TRUTH) + "\na,b\n"),
        FitError,
        "row 2",
    ),
    "verdict": (change("verdict.json", '{"trough": {}}'), FitError, "no stored verdict"),
    "no verdict": (change("verdict.json", "{}"), FitError, "no verdict"),
    "png": (change("figures/comparison.png", "GIF89a"), FitError, "not a PNG"),
    "index": (change("figures/index.json", '[{"title": 1}]'), FitError, "index.json is damaged"),
    "utf": (lambda f: (f / "summary.csv").write_bytes(b"\xff\xfe"), FitError, "damaged"),
    "gone": (lambda f: (f / "figures/comparison.png").unlink(), FitError, "png is missing"),
    "path": (lambda f: edit_index(f, stem="../summary"), FitError, "is no file name"),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_a_damaged_file_is_named_with_what_to_do(make, case):
    damage, kind, words = DAMAGE[case]
    folder = make()
    damage(folder)
    with pytest.raises(kind, match=words) as caught:
        RunFolder.read(folder)
    assert isinstance(caught.value, DopafitError) and "dopafit run" in caught.value.todo


def test_a_comparison_of_another_run_is_refused(make):
    folder = make()
    table = pd.read_csv(folder / "comparison.csv", keep_default_na=False)
    table.assign(hypothesis=["a", "b", "c", "d"]).to_csv(folder / "comparison.csv", index=False)
    with pytest.raises(FitError, match="does not belong"):
        RunFolder.read(folder)


def test_a_folder_that_is_none_is_named(tmp_path):
    with pytest.raises(FitError, match="is no run folder"):
        RunFolder.read(tmp_path / "nowhere")


def test_labels_that_are_formulas_come_back_and_do_not_run(tmp_path):
    names = ["=cmd|x", "-1", "'+a", "peak", "@b"]
    table = pd.DataFrame({"parameter": names, "mean": [-1.5, 2, 3, 4, 5], "=x": ["=y"] * 5})
    path = write_table(tmp_path / "summary.csv", table)
    lines = path.read_text().splitlines()
    assert lines[:2] == ["parameter,mean,'=x", "'=cmd|x,-1.5,'=y"] and lines[2].startswith("-1,2.0")
    back = read_table(path, ["parameter"])
    pd.testing.assert_frame_equal(back, table.astype({"parameter": object, "=x": object}))


@pytest.mark.parametrize(
    "name", ["summary.csv", "spec.yaml", "data.json", "figures/comparison.png"]
)
def test_a_pipe_in_a_run_folder_is_not_read(make, name):
    folder = make()
    (folder / name).unlink()
    os.mkfifo(folder / name)
    with pytest.raises(DopafitError, match=r"is a named pipe \(FIFO\), not a file") as caught:
        RunFolder.read(folder)
    assert caught.value.allowed and caught.value.todo


def test_a_folder_of_version_0_1_is_refused_with_what_to_do(make):
    folder = make()
    text = (folder / "spec.yaml").read_text()
    (folder / "spec.yaml").write_text(text.replace("hypotheses:", "drives:"))
    with pytest.raises(FitError, match="written by dopafit") as caught:
        RunFolder.read(folder)
    assert "same --out" in caught.value.todo
