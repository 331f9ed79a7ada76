"""Model recovery on disk: made once, resumed, drawn, and told by the page of the same folder."""

from __future__ import annotations

import json
import sys

import pandas as pd
import pytest
import yaml

from dopafit import cli
from dopafit.backend.evidence.marginal import Marginal
from dopafit.core.errors import FitError
from dopafit.design import recovery
from dopafit.design.confusion import confusion
from dopafit.report import recovered as module
from dopafit.report import run
from dopafit.report.folder import RunFolder
from dopafit.report.set.html import write_report

WARNING = "on this design a comparison can name the wrong hypothesis: level in 1 of 2"


@pytest.fixture
def typed(tmp_path, monkeypatch, capsys):
    content = {
        "drives": ["no_drive", "trough"],
        "channels": {"choice": {"column": "pursue"}},
        "simulate": {"design": {"subjects": 2, "duration": 60}},
    }
    made = []

    def evidence(models, study, same=None, *, draws=0):
        made.append(study)
        value = {"no_drive": 0.0, "trough": 3.0}
        return {name: Marginal(value[name], {}, 0.1, 0.1) for name in models}

    def simulate(model, design, *, seed, truth, limit):
        return (model.hypothesis, seed), {}

    monkeypatch.setattr(recovery, "log_evidence", evidence)
    monkeypatch.setattr(recovery, "simulate", simulate)
    monkeypatch.setattr(recovery, "available_cores", lambda: 1)

    def call(*words, **changed):
        (tmp_path / "analysis.yaml").write_text(yaml.safe_dump(content | changed), "utf-8")
        line = ["dopafit", "recover", tmp_path / "analysis.yaml", "--out", tmp_path / "out"]
        monkeypatch.setattr(sys, "argv", [*map(str, line), *words])
        try:
            cli.main()
            status = 0
        except SystemExit as leave:
            status = int(leave.code or 0)
        return status, *capsys.readouterr()

    return call, made, tmp_path / "out"


def test_written_kept_and_gone_on_with(typed, monkeypatch) -> None:
    call, made, out = typed
    status, told, log = call("--models", "--studies", "2", "--progress", "log")
    assert status == 3 and len(made) == 4
    assert "warning: on this design a comparison can name the wrong hypothesis" in told
    assert "no_drive in 0 of 2" in told and "SIMULATED" not in log
    assert "recovering study 2 of 2 from each hypothesis: 1 of 2 right; so far 2 of 4" in log
    names = {path.name for path in out.iterdir()}
    assert names >= {f"model_recovery.{kind}" for kind in ("csv", "json", "pdf", "png")}
    table = pd.read_csv(out / "model_recovery.csv")
    assert table["count"].tolist() == [0, 2, 0, 2] and table["studies"].eq(2).all()
    families = pd.read_csv(out / "model_recovery_families.csv")
    assert families["true"].tolist() == ["no trough"] * 2 + ["trough"] * 2
    monkeypatch.setattr(module, "save", lambda figure, tables, stem: None)  # drawn once is enough
    first = (out / "model_recovery.json").read_bytes()
    assert call("--models", "--studies", "2", "--progress", "silent")[0] == 3
    assert len(made) == 4  # nothing was made again
    assert (
        json.loads(first)["studies"]
        == json.loads((out / "model_recovery.json").read_text("utf-8"))["studies"]
    )

    known = recovery.log_evidence

    def stopped(*given, **options):
        if len(made) == 5:
            raise KeyboardInterrupt
        return known(*given, **options)

    monkeypatch.setattr(recovery, "log_evidence", stopped)
    status, _, err = call("--models", "--studies", "3", "--progress", "silent")
    assert status == 130 and "stopped; 5 of 6 studies are kept" in err and "again" in err
    monkeypatch.setattr(recovery, "log_evidence", known)
    call("--models", "--studies", "3", "--progress", "silent")
    assert len(made) == len(set(made)) == 6
    (out / "model_recovery.json").write_text("{", "utf-8")  # damaged: made anew
    call("--models", "--studies", "1", "--progress", "silent")
    assert len(made) == 8
    call("--models", "--studies", "1", "--progress", "silent", seed=2)
    assert len(made) == 10  # another seed: other studies


def test_a_typo_is_told_before_anything_is_made(typed) -> None:
    call, made, out = typed
    for words, changed, wrong in (
        (("--modles",), {}, "no such option: --modles"),
        ((), {}, "nothing says what is to be recovered"),
        (("--models", "--studies", "0"), {}, "'--studies'"),
        (("--models",), {"drvies": ["peak"]}, "did you mean 'drives'?"),
        (("--models",), {"drives": ["peak"]}, "1 hypothesis to choose from: peak"),
        (("--models",), {"simulate": {}}, "says neither a study nor a timetable"),
        (("--models",), {"simulate": {"design": {"subjects": 2}, "truth": {"choice_rst": 1}}},
         "choice_rest"),
    ):  # fmt: skip
        status, told, err = call(*words, **changed)
        assert status == 2 and wrong in err and "allowed" in err and told == ""
    assert made == [] and not (out / "model_recovery.csv").exists()


def recovered(root, **changed) -> None:
    """Write what `dopafit recover` does for a run folder."""
    spec = yaml.safe_load((root / "spec.yaml").read_text("utf-8"))
    names = list(spec["models"])
    table = confusion([*names, *names], [*names, *names[:-1], names[0]], names)
    table.to_csv(root / "model_recovery.csv", index=False)
    told = {
        "study": json.loads((root / "data.json").read_text("utf-8"))["hash"],
        "hypotheses": {name: model["hash"] for name, model in spec["models"].items()},
        "summary": ["the true hypothesis was chosen in 7 of 8 studies"],
        "warning": WARNING,
        "studies": [],
    }
    (root / "model_recovery.json").write_text(json.dumps(told | changed), "utf-8")
    image = next((root / "figures").glob("*.png")).read_bytes()
    (root / "model_recovery.png").write_bytes(image)


def test_the_page_carries_the_warning(make) -> None:
    root = make(claim="trough")
    before = write_report(root).read_text("utf-8")
    assert "Model recovery: studies" not in before
    recovered(root)
    folder = RunFolder.read(root)
    assert WARNING in folder.warnings and folder.figures[-1].kind == "model_recovery"
    page = write_report(root).read_text("utf-8")
    assert page.count("a comparison can name the wrong hypothesis") >= 2  # lead and table
    assert "Model recovery: studies on this design" in page
    assert (root / "tables" / "model_recovery.tex").is_file()
    checklist = (root / "checklist.md").read_text("utf-8")
    assert (
        "| [x] | Model recovery on this design | the true hypothesis was chosen in 7" in checklist
    )


def test_a_comparison_on_the_command_line_says_it_too(make, monkeypatch, capsys) -> None:
    root = make()
    monkeypatch.setattr(run, "compare_folder", lambda *given, **options: "compared")
    monkeypatch.setattr(sys, "argv", ["dopafit", "compare", str(root), "--progress", "silent"])
    cli.main()
    assert tuple(capsys.readouterr()) == ("compared\n", "")  # control
    recovered(root)
    cli.main()
    assert tuple(capsys.readouterr()) == ("compared\n", f"warning: {WARNING}\n")


@pytest.mark.parametrize("other", [{"study": "cd" * 32}, {"hypotheses": {"trough": "1"}},
                                   {"summary": []}])  # fmt: skip
def test_control_what_is_of_another_study_or_unfinished_is_not_told(make, other) -> None:
    root = make()
    recovered(root, **other)
    folder = RunFolder.read(root)
    assert folder.recovery == {} and folder.recovered is None
    assert WARNING not in folder.warnings


def test_a_damaged_record_is_named(make) -> None:
    root = make()
    recovered(root, summary="all is well")
    with pytest.raises(FitError, match=r"model_recovery.json is damaged: summary"):
        RunFolder.read(root)
