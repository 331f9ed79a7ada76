"""The command line: verbs, exit statuses, and errors without a traceback."""

from __future__ import annotations

import hashlib
import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from dopafit import cli
from dopafit.cli import shared, studies
from dopafit.core.errors import StoppedError
from dopafit.report import doctor
from dopafit.study import bundled, read_study

ROOT = Path(__file__).parents[2]
VERBS = ["run", "fit", "explore", "multiverse", "compare", "report", "simulate", "validate"]
VERBS += ["doctor", "recover", "data", "data list", "data fetch"]
ANALYSIS = {
    "drives": ["trough"],
    "channels": {"choice": {"column": "pursue"}},
    "effects": {"peak": "drug", "choice_rest": "1"},
    "simulate": {"design": {"subjects": 2, "duration": 60}, "truth": {"trough_ratio": 0.4}},
}


@pytest.fixture
def analysis(tmp_path: Path) -> Path:
    path = tmp_path / "analysis.yaml"
    path.write_text(yaml.safe_dump(ANALYSIS), encoding="utf-8")
    return path


@pytest.fixture
def typed(monkeypatch, capsys):
    """Type a command in this process; return exit status, standard output and error."""

    def call(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["dopafit", *map(str, words)])
        try:
            cli.main()
            status = 0
        except SystemExit as leave:
            status = int(leave.code or 0)
        return status, *capsys.readouterr()

    return call


def process(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "dopafit.cli", *map(str, words)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb):
    done = CliRunner().invoke(cli.app, [*verb.split(), "--help"])
    assert done.exit_code == 0 and "Usage:" in done.output
    assert len(done.output.split()) > 15  # control: more than a name


def test_no_verb_is_missing_here():
    names = {c.name for c in cli.app.registered_commands}
    names |= {f"data {c.name}" for c in studies.data.registered_commands} | {"data"}
    assert names == set(VERBS)


def test_unknown_words_exit_2(typed):
    assert typed("nosuchverb")[0] == 2
    assert typed("run", "--out", "x")[0] == 2
    assert typed("simulate", "a.yaml", "--out", "x", "--seed", "-1")[0] == 2


def test_the_version(typed):
    from dopafit import __version__

    assert typed("--version") == (0, f"dopafit {__version__}\n", "")
    done = subprocess.run([sys.executable, "-m", "dopafit", "--version"], capture_output=True)
    assert done.stdout.split() == [b"dopafit", __version__.encode()]


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        ("runn", ["no such command 'runn'", "validate", "did you mean 'run'?"]),
        ("data ftch", ["no such command 'ftch'", "list, fetch", "did you mean 'fetch'?"]),
        ("run a.yaml", ["missing option '--out'", "--progress", "add --out"]),
        ("fit", ["missing argument 'ANALYSIS.yaml'", "--hypothesis", "add ANALYSIS.yaml"]),
        ("recover a.yaml --out x", ["what is to be recovered", "--models", "add --models"]),
        ("recover a.yaml --out x --model", ["no such option: --model", "--studies", "'--models'"]),
        ("run a.yaml --ot x", ["no such option: --ot", "--out", "'--out'"]),
        ("simulate a --out x --seed -1", ["'--seed'", "greater than or equal to 0", "--help"]),
        ("simulate a --out x --seed b", ["'--seed'", "a whole number", "--help"]),
    ],
)
def test_words_that_cannot_be_used_are_answered_in_three_parts(typed, words, parts):
    status, out, err = typed(*words.split())
    assert status == 2 and out == ""
    wrong, allowed, todo = err.splitlines()  # and no frame around them
    assert wrong.startswith("dopafit: ") and parts[0] in wrong
    assert allowed.startswith("  allowed: ") and parts[1] in allowed
    assert todo.startswith("  to do:   ") and parts[2] in todo


def test_no_word_at_all_shows_the_help(typed):
    for words in ((), ("data",)):
        status, out, err = typed(*words)
        assert status == 2 and "Usage:" in out + err and "to do" not in out + err


def test_one_kind_of_file_for_another(typed, analysis, tmp_path):
    study = bundled("cue-pursuit")
    out = tmp_path / "run"
    for given, words in (
        (study / "study.yaml", "describes a study, not an analysis"),
        (analysis.parent, f"name the file: {analysis}"),
        (tmp_path / "none.yaml", "does not exist"),
    ):
        status, _, err = typed("run", given, "--out", out)
        assert status == 2 and words in err and "allowed" in err and "to do" in err
    status, said, _ = typed("validate", study / "events.csv")
    assert status == 2 and "is a file, not the folder of a study" in said
    status, _, err = typed("validate", analysis)  # an analysis is read, and its study with it
    assert status == 2 and "allowed" in err and "to do" in err
    assert typed("validate", study / "study.yaml")[0] == 0
    assert not out.exists()


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("drives", [], "drives is empty"),
        ("events", [], "events names no kind"),
        ("sampling", {"draws": "many"}, "sampling.draws: 'many'\n  allowed: a whole number"),
        ("sampling", {"chains": 0}, "sampling.chains: 0\n  allowed: a number >= 1"),
        ("sampling", [], "sampling: []\n  allowed: draws, sampler, max_draws, tune"),
        ("sampling", {"drws": 3}, "did you mean 'draws'?"),
        ("chanels", {}, "did you mean 'channels'?"),
        ("channels", [], "channels: []\n  allowed: lines 'key: value'"),
        ("title", 3, "title: 3\n  allowed: text"),
        ("compare", {"unit": "mouse"}, "compare.unit: 'mouse'\n  allowed: trial, session"),
        ("seed", -1, "seed: -1\n  allowed: a number >= 0"),
    ],
)
def test_values_an_analysis_cannot_have(tmp_path, key, value, words):
    from dopafit.core.errors import SpecError
    from dopafit.model.analysis import read_analysis

    path = tmp_path / "a.yaml"
    path.write_text(yaml.safe_dump(ANALYSIS | {key: value}), encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        read_analysis(path)
    error = caught.value
    assert words in str(error) and error.allowed and error.todo
    assert "Input should" not in str(error)


# ---------------------------------------------------------------------- validate
def test_validate_a_sound_study(typed):
    status, out, err = typed("validate", bundled("cue-pursuit"))
    assert status == 0 and err == "" and out


def test_validate_prints_all_findings(typed, tmp_path):
    shutil.copytree(bundled("cue-pursuit"), tmp_path / "study")
    events = tmp_path / "study" / "events.csv"
    lines = events.read_text("utf-8").splitlines()
    head = lines[0].split(",")
    first, second = lines[1].split(","), lines[4].split(",")
    first[head.index("time")] = "soon"
    second[head.index("subject")] = "nobody"
    lines[1], lines[4] = ",".join(first), ",".join(second)
    events.write_text("\n".join(lines) + "\n", encoding="utf-8")
    status, out, _ = typed("validate", tmp_path / "study")
    assert status == 2
    assert all(part in out for part in ("events.csv", "soon", "nobody"))


def test_validate_no_study(typed, tmp_path):
    for folder in (tmp_path, tmp_path / "none"):
        status, out, err = typed("validate", folder)
        assert status == 2 and "study.yaml" in out + err and "Traceback" not in err


# ---------------------------------------------------------------------- simulate
def digests(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()}


def test_simulate_writes_a_study_with_its_truth(typed, analysis, tmp_path):
    made = {}
    for name, seed in (("a/s", 1), ("b/s", 1), ("c/s", 2)):
        status, out, err = typed("simulate", analysis, "--out", tmp_path / name, "--seed", seed)
        assert status == 0 and "SIMULATED" in out and "truth.json" in out, err
        made[name] = digests(tmp_path / name)
    assert made["a/s"] == made["b/s"]
    assert made["a/s"]["observations.csv"] != made["c/s"]["observations.csv"]  # control
    study = read_study(tmp_path / "a/s")
    assert study.simulated and "seed 1" in study.description
    truth = yaml.safe_load((tmp_path / "a/s/truth.json").read_text("utf-8"))
    assert truth["simulated"] is True and truth["hypothesis"] == "trough"
    assert truth["study_hash"] == study.hash and truth["values"]["trough_ratio"] == 0.4
    assert truth["values"]["choice_gain_trough"] > 0  # drawn from its prior


def test_simulate_says_what_it_lacks(typed, analysis, tmp_path):
    bare = {k: v for k, v in ANALYSIS.items() if k != "simulate"}
    analysis.write_text(yaml.safe_dump(bare), encoding="utf-8")
    status, _, err = typed("simulate", analysis, "--out", tmp_path / "s", "--seed", 1)
    assert status == 2 and "timetable" in err and "Traceback" not in err
    wrong = ANALYSIS | {"simulate": ANALYSIS["simulate"] | {"truth": {"trough_rato": 0.4}}}
    analysis.write_text(yaml.safe_dump(wrong), encoding="utf-8")
    status, _, err = typed("simulate", analysis, "--out", tmp_path / "s", "--seed", 1)
    assert status == 2 and "trough_rato" in err and "'trough_ratio'" in err
    assert not (tmp_path / "s").exists()


def test_simulate_does_not_overwrite_other_things(typed, analysis, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years\n")
    status, _, err = typed("simulate", analysis, "--out", tmp_path / "mine", "--seed", 1)
    assert status == 2 and "mine" in err
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


# ---------------------------------------------------------------------- data
def test_data_list(typed):
    status, out, _ = typed("data", "list")
    assert status == 0 and out.split() == ["cue-pursuit", "operant-fed3"]


def test_data_fetch_what_ships(typed):
    status, out, _ = typed("data", "fetch", "cue-pursuit")
    assert status == 0 and f"in {bundled('cue-pursuit')}" in out and "CC0-1.0" in out


def test_data_fetch_from_a_mirror(typed, data_mirror, tmp_path, monkeypatch):
    monkeypatch.setenv("DOPAFIT_DATA_MIRROR", str(data_mirror))
    monkeypatch.setenv("DOPAFIT_CACHE", str(tmp_path))
    status, out, _ = typed("data", "fetch", "operant-fed3")
    assert status == 0 and "licence:" in out and "citation:" in out
    assert len(read_study(Path(out.splitlines()[-1].removeprefix("in "))).events) == 3463


def test_data_fetch_refusals(typed, tmp_path, monkeypatch):
    status, _, err = typed("data", "fetch", "cue-persuit")
    assert status == 2 and "did you mean 'cue-pursuit'?" in err
    monkeypatch.setenv("DOPAFIT_DATA_MIRROR", str(tmp_path / "empty"))
    monkeypatch.setenv("DOPAFIT_CACHE", str(tmp_path / "cache"))
    status, _, err = typed("data", "fetch", "operant-fed3")
    assert status == 2 and "not in the mirror" in err and "DOPAFIT_DATA_MIRROR" in err


# ---------------------------------------------------------------------- doctor
def test_doctor_on_this_machine(typed):
    status, out, _ = typed("doctor")
    assert status == 0 and "ok    compiling" in out and "FAIL" not in out


def test_doctor_finds_what_is_wrong(typed, monkeypatch):
    sick = doctor.Examined("numba", "0.1", False, "install numba 0.66 or newer")
    monkeypatch.setattr(doctor, "examine", lambda: iter([sick]))
    status, out, _ = typed("doctor")
    assert status == 1 and "FAIL  numba: 0.1" in out and "install numba" in out


# ---------------------------------------------------------------------- errors and signals
def test_errors_in_a_process_of_its_own(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_text("chanels: {}\n")
    done = process("run", path, "--out", tmp_path / "out")
    assert done.returncode == 2 and "Traceback" not in done.stderr and done.stdout == ""
    assert "dopafit: " in done.stderr and "did you mean 'channels'?" in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "names no study"),
        ({"study": "nowhere"}, "neither a folder"),
        ({"study": "broken"}, "study.yaml"),
    ],
)
def test_run_without_a_study(typed, analysis, tmp_path, changes, said):
    (tmp_path / "broken").mkdir()
    analysis.write_text(yaml.safe_dump(ANALYSIS | changes), encoding="utf-8")
    status, out, err = typed("run", analysis, "--out", tmp_path / "out")
    assert status == 2 and said in err and out == "" and "Traceback" not in err


def test_fit_names_its_drives(typed, analysis, tmp_path):
    status, _, err = typed("fit", analysis, "--drive", "trouhg", "--out", tmp_path / "out")
    assert status == 2 and "did you mean 'trough'?" in err
    status, _, err = typed("fit", analysis, "--drive", "trough", "--out", "o", "--progress", "loud")
    assert status == 2 and "loud" in err


def test_explore_prints_its_name_and_writes_nothing(typed, analysis, tmp_path):
    content = ANALYSIS | {"simulate": {"design": {"subjects": 6, "duration": 600}}}
    analysis.write_text(yaml.safe_dump(content), encoding="utf-8")
    typed("simulate", analysis, "--out", tmp_path / "s", "--seed", 1)
    content |= {"study": str(tmp_path / "s"), "drives": ["no_drive"]}
    analysis.write_text(yaml.safe_dump(content), encoding="utf-8")
    before = sorted(tmp_path.rglob("*"))
    status, out, err = typed("explore", analysis, "--drive", "no_drive")
    assert status == 0, err
    assert "APPROXIMATE (nested Laplace, Pareto k" in out and "choice_rest" in out
    assert "converged" not in out.replace("NOT CONVERGED", "") and "ok   Pareto k" in out
    assert sorted(tmp_path.rglob("*")) == before
    assert "did you mean 'no_drive'?" in typed("explore", analysis, "--drive", "no_drve")[2]
    status, _, err = typed("explore", analysis, "--drive", "no_drive", "--method", "laplace")
    assert status == 2 and "no such option: --method" in err  # there is one way only


@pytest.mark.parametrize("verb", ["compare", "report"])
def test_no_run_folder(typed, tmp_path, verb):
    for folder in (tmp_path, tmp_path / "none"):
        status, _, err = typed(verb, folder)
        assert status == 2 and str(folder) in err and "Traceback" not in err


@pytest.mark.skipif(os.name == "nt", reason="a file where a folder should be, said the POSIX way")
def test_a_folder_that_cannot_be_made(typed, analysis, tmp_path):
    (tmp_path / "file").write_text("")
    analysis.write_text(yaml.safe_dump(ANALYSIS | {"study": "cue-pursuit"}), encoding="utf-8")
    status, _, err = typed("run", analysis, "--out", tmp_path / "file" / "out")
    assert status == 2 and "cannot be made" in err


@pytest.mark.parametrize(
    ("raised", "status", "said"),
    [
        (KeyboardInterrupt(), 130, "stopped; what was finished is kept"),
        (StoppedError("stopped while sampling peak", todo="again"), 130, "while sampling peak"),
        (PermissionError(13, "Permission denied", "/x"), 2, "Permission denied"),
    ],
    ids=["ctrl-c", "stopped", "disk"],
)
def test_what_stops_a_command(typed, monkeypatch, raised, status, said):
    def stop(folder: Path) -> None:
        raise raised

    monkeypatch.setattr(importlib.import_module("dopafit.study.validate"), "validate", stop)
    found, _, err = typed("validate", "x")
    assert found == status and said in err and "Traceback" not in err


def test_a_fault_of_the_program_is_not_hidden(typed, monkeypatch):
    def stop(folder: Path) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(importlib.import_module("dopafit.study.validate"), "validate", stop)
    with pytest.raises(ZeroDivisionError):
        typed("validate", "x")


def test_the_command_is_recorded_as_typed(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/some/bin/dopafit", "run", "my file.yaml"])
    assert shared.command_line() == "dopafit run 'my file.yaml'"
