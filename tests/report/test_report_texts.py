from __future__ import annotations

import csv
import json
import re
from dataclasses import replace

import pandas as pd
import pytest
import yaml

from dopafit.channel.latency_wald import WaldLatency
from dopafit.channel.press import Presses
from dopafit.core.prior import Prior
from dopafit.model.record import prior_records
from dopafit.report.folder import RunFolder
from dopafit.report.numbers import MISSING
from dopafit.report.said.answer import answer
from dopafit.report.said.checklist import NOT_DONE, WHERE, checklist, write_checklist
from dopafit.report.said.methods import write_methods
from dopafit.report.said.priors import rows as prior_rows
from dopafit.report.set.escape import latex
from dopafit.report.set.evidence_tables import check_table, comparison_table
from dopafit.report.set.html import SECTIONS
from dopafit.report.set.tables import effects_table, parameter_table, prior_table, write_tables
from dopafit.report.set.tabular import Cell, Table, latex_table

HOSTILE = "<script>alert(1)</script> [x](javascript:y) `z` $w$ | a_b & \\end{table}"


@pytest.fixture(scope="module")
def run(one_run) -> RunFolder:
    return RunFolder.read(one_run)


@pytest.fixture(scope="module")
def methods(run) -> str:
    return write_methods(run).read_text("utf-8")


@pytest.fixture(scope="module")
def tables(run) -> dict[str, str]:
    return {path.name: path.read_text("utf-8") for path in write_tables(run)}


def test_methods_have_every_part(methods):
    heads = re.findall(r"^## (.*)$", methods, re.M)
    assert heads == [
        "Data", "Model", "Priors", "Computation", "Convergence", "Comparison", "References",
    ]  # fmt: skip
    for words in (
        "**SIMULATED DATA.**",
        "3 subjects, 48 sessions, 812 events and 3,840 observations over 41.3 observed hours",
        "choice 3,812, 28 left out because the outcome was missing",
        "choices, with a Bernoulli likelihood",
        "`trough_ratio` (fits: trough, encompassing, level)",
        r"lognormal(median=0.3, sigma=0.7) \[0.0949 to 0.949\]",
        "set by this analysis (default: lognormal(median=0.1, sigma=0.8))",
        "4 chains, 800 tuning draws per chain and 1,000 kept draws per chain",
        "nutpie 0.16.11",
        "The seed was 20260",
        "`trough` converged (R-hat ≤ 1.005, ESS ≥ 913, 0 divergences)",
        "left-out sessions (48 sessions",
        "not reliable (Pareto k, or too few inner draws) for 2 pairs",
        "ArviZ: a unified library",
        "nutpie: a sampler",
        "$$\nM(t) = s(t)\n$$",
    ):
        assert words in methods, words


def test_methods_leave_no_gap(methods):
    for gap in ("None", "nan", "TODO", "???", "{}", "<unknown", "  "):
        assert gap not in methods.replace("<  t", "< t"), gap


def test_methods_of_a_failed_run_say_so_first(make):
    text = write_methods(RunFolder.read(make(failed=("level",)))).read_text("utf-8")
    assert text.splitlines()[2] == "**SIMULATED DATA.** **PROVISIONAL: a fit did not converge.**"
    assert "`level` NOT CONVERGED: R-hat 1.09 (trough\\_ratio), 31 divergences" in text
    assert "**This run is provisional:** `level` did not converge" in text


def test_methods_of_a_bare_run(make):
    text = write_methods(RunFolder.read(make(optional=False, simulated=False))).read_text("utf-8")
    assert "No comparison of hypotheses was made." in text and "SIMULATED" not in text
    assert "Yao" not in text and "simulated" not in text


def test_methods_say_who_drew(make, methods):
    assert "sampler of nutpie" in methods and "PyMC: a modern" not in methods
    folder = make()
    spec = yaml.safe_load((folder / "spec.yaml").read_text("utf-8"))
    spec["sampling"]["sampler"] = "pymc"
    (folder / "spec.yaml").write_text(yaml.safe_dump(spec), "utf-8")
    text = write_methods(RunFolder.read(folder)).read_text("utf-8")
    assert "sampler of PyMC" in text and "PyMC 6.4.0" in text and "PyMC: a modern" in text
    assert "nutpie" not in text


def test_methods_say_what_computed(make, methods):
    assert "evaluated in NumPy" in methods and "JAX" not in methods
    folder = make()
    spec = yaml.safe_load((folder / "spec.yaml").read_text("utf-8"))
    spec["sampling"]["backend"] = "jax"
    (folder / "spec.yaml").write_text(yaml.safe_dump(spec), "utf-8")
    text = write_methods(RunFolder.read(folder)).read_text("utf-8")
    assert "compiled with JAX, in double precision" in text and "Numba" not in text


def test_only_what_was_used_is_cited(methods):
    assert "Solomon RL, Corbit JD" in methods and "Yao Y" in methods
    cited = methods.partition("## References")[2].strip().splitlines()
    assert cited == sorted(cited)


def test_no_item_of_the_checklist_is_blank(run):
    items = checklist(run)
    assert len(items) > 25 and all(i.answer.strip() and i.item.strip() for i in items)
    steps = list(dict.fromkeys(i.step for i in items))
    assert len(steps) == 8
    assert [s for s in steps if s.startswith("Step")] == [
        next(s for s in steps if s.startswith(f"Step {k}:")) for k in range(1, 7)
    ]
    answers = {i.item: i.answer for i in items}
    assert answers["Seed"] == "20260"
    assert answers["Prior predictive check"] == NOT_DONE
    assert answers["Posterior draws"] == NOT_DONE
    assert answers["Posterior predictive check"].endswith("behaviour, 1 figure")
    assert answers["Truth beside the estimates (simulated data)"] == (
        "1 of 2 of the population's lie inside; "
        "of the deviations by subject 0 of 1, of the totals 1 of 1"
    )
    assert "power scaling of 6" in answers["Sensitivity of the posterior to the priors"]


def test_the_checklist_sees_what_was_done(make):
    folder = make()
    (folder / "fits").mkdir()
    (folder / "fits" / "trough.nc").write_bytes(b"x")
    answers = {i.item: i.answer for i in checklist(RunFolder.read(folder))}
    assert answers["Posterior draws"] == "of trough; lost: encompassing, level, no_drive"
    assert answers["Prior predictive check"] == NOT_DONE


def test_the_checklist_of_a_bare_run_says_not_done(make):
    run = RunFolder.read(make(optional=False, question=None, simulated=False))
    answers = {i.item: i.answer for i in checklist(run)}
    for item in ("Question or goal of the analysis", "Model comparison",
                 "Posterior predictive check", "Identifiability: what the data informed",
                 "Sensitivity of the posterior to the priors"):  # fmt: skip
        assert answers[item] == NOT_DONE
    text = write_checklist(run).read_text("utf-8")
    assert text.count("| [ ] |") == sum(a == NOT_DONE for a in answers.values())
    assert not re.search(r"\|\s*\|\s*$", text, re.M)


def test_the_checklist_points_at_what_exists(make):
    folder = make()
    run = RunFolder.read(folder)
    write_tables(run)
    write_methods(run)
    items = checklist(run)
    assert {item.item for item in items} >= set(WHERE)
    assert set(SECTIONS) >= {section for section, _ in WHERE.values() if section}
    text = write_checklist(run).read_text("utf-8")
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert len(links) > 20 and "figures/prior_predictive" not in text
    assert all((folder / link).is_file() for link in links)
    for item in items:
        assert item.done or (item.section, item.files) == ("", ())
    (folder / "summary.csv").rename(folder / "away.csv")  # control
    assert "summary.csv" not in write_checklist(run).read_text("utf-8")


def test_every_row_of_the_checklist_has_three_cells(run):
    rows = [r for r in write_checklist(run).read_text("utf-8").splitlines() if r.startswith("| [")]
    assert len(rows) == len(checklist(run))
    assert all(len(re.findall(r"(?<!\\)\|", row)) == 4 for row in rows)


def test_tables_store_every_digit(tables, run, one_run):
    for fit in run.fits:
        assert f"parameters_{fit}.csv" in tables and f"identifiability_{fit}.tex" in tables
        stored = {
            r["parameter"]: r for r in csv.DictReader(tables[f"parameters_{fit}.csv"].splitlines())
        }
        wanted = run.of(run.summary, fit).set_index("parameter")
        assert set(stored) == {p for p in wanted.index if "_group[" not in p}
        for name, row in stored.items():
            for column in ("mean", "sd", "lower", "upper", "r_hat", "ess_tail"):
                assert float(row[column]) == wanted.loc[name, column]
            assert row["simulated"] == row["converged"] == "True"
    table = pd.read_csv(one_run / "tables" / "comparison.csv", keep_default_na=False)
    assert table["elpd"].tolist() == run.comparison["elpd"].tolist()
    assert {"priors.csv", "diagnostics.csv", "truth.csv", "comparison.tex"} <= set(tables)


COLUMN = re.compile(r"[lr]|>\{\\raggedright\\arraybackslash\}p\{([\d.]+)\\linewidth\}")


def columns_of(text: str) -> list[re.Match[str]]:
    """Return the columns of a table in LaTeX."""
    declared = re.search(r"\\begin\{(?:tabular|longtable)\}\{@\{\}(.*)@\{\}\}$", text, re.M)[1]
    found = list(COLUMN.finditer(declared))
    assert "".join(m[0] for m in found) == declared
    return found


def test_latex_tables_are_whole(tables):
    for name, text in tables.items():
        if not name.endswith(".tex"):
            continue
        for part in ("\\bottomrule", "\\caption{SIMULATED DATA."):
            assert text.count(part) == 1, (name, part)
        for part in ("table", "tabular", "longtable"):
            assert text.count(f"\\begin{{{part}}}") == text.count(f"\\end{{{part}}}") <= 1
        body = re.sub(r"\\[{}]", "", text)
        assert body.count("{") == body.count("}"), name
        columns = len(columns_of(text))
        for row in text.splitlines():
            if row.endswith(("\\\\", "\\\\*")) and not re.search("multicolumn|caption", row):
                assert len(re.findall(r"(?<!\\)&", row)) == columns - 1, (name, row)


def test_sizes_of_effects_say_what_pulls_on_them(run, tables):
    shown = [
        " / ".join(f"{cell.text} | {cell.sub}" for cell in row)
        for row in effects_table(run).rows
        if not isinstance(row, str)
    ]
    size = "at the trough, against rest / 16.1 | points / 9.4 to 22.3 |  / "
    assert (
        shown[0]
        == f"The probability of pursuit | {size}prior and data disagree | prior 0.13, data 0.31"
    )
    assert shown[1].endswith(f"/ {MISSING} | ")  # nothing was computed
    assert "choice_rest: drug[precursor] against placebo" in " ".join(shown)
    assert "prior and data disagree" in tables["effects.tex"]


def test_latex_tables_keep_second_lines(tables, run):
    every = [parameter_table(run, "trough"), comparison_table(run), prior_table(run)]
    for table in every:
        text = tables[f"{table.name}.tex"]
        cells = [cell for row in table.rows if not isinstance(row, str) for cell in row]
        small = [cell.sub for cell in cells if cell.sub]
        assert small and text.count("\\scriptsize") == len(small)
    assert "{\\scriptsize time from an event to the maximum}" in tables["parameters_trough.tex"]
    assert "{\\scriptsize $\\pm$ 6.3}" in tables["comparison.tex"]


def test_broken_columns_fit_the_text_width():
    wide = Table("t", "c", (*((h, "l") for h in "abcd"), ("n", "r")),
                 ((*(Cell("word " * 30, "second " * 9) for _ in range(4)), Cell("1.25")),),
                 pd.DataFrame())  # fmt: skip
    shares = [float(m[1]) for m in columns_of(latex_table(wide)) if m[1]]
    assert len(shares) == 4 and 0.8 < sum(shares) < 1
    narrow = replace(wide, rows=((*(Cell("word") for _ in range(4)), Cell("1.25")),))
    assert [m[0] for m in columns_of(latex_table(narrow))] == list("llllr")  # control
    tall = replace(narrow, rows=narrow.rows * 50)
    assert "\\begin{longtable}" in latex_table(tall) and "\\begin{longtable}" not in latex_table(
        narrow
    )


def test_names_of_any_script_compile():
    assert latex("s_é 鼠 ł $^{3}$ µ 10⁻⁵") == (
        r"s\_é U+9F20 U+0142 \$\textasciicircum{}\{3\}\$ $\mu$ 10$^{-5}$"
    )


def test_the_verdict_travels_into_tables(make):
    folder = make(failed=("level",))
    write_tables(RunFolder.read(folder))
    read = {
        name: (folder / "tables" / f"parameters_{name}.tex").read_text()
        for name in ("level", "no_drive")
    }
    assert "NOT CONVERGED: level." in read["level"] and "NOT CONVERGED" not in read["no_drive"]
    stored = pd.read_csv(folder / "tables" / "parameters_level.csv")
    assert not stored["converged"].any()
    assert "NOT CONVERGED: level." in (folder / "tables" / "comparison.tex").read_text()


def test_hostile_names_stay_text(make):
    folder = make(name=HOSTILE, description=HOSTILE, title=HOSTILE, question=HOSTILE)
    run = RunFolder.read(folder)
    for text in (write_methods(run).read_text("utf-8"), write_checklist(run).read_text("utf-8")):
        links = re.findall(r"(?<!\\)\]\(([^)]*)", text)
        assert "<script" not in text and all((folder / link).is_file() for link in links)
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    for path in write_tables(run):
        if path.suffix == ".tex":
            text = path.read_text("utf-8")
            assert len(re.findall(r"\\end\{(?:long)?table\}", text)) == 1
            assert "\\end\\{table" not in text


def test_hostile_fit_names_make_plain_files(make):
    folder = make(optional=False)
    for name in ("spec.yaml", "verdict.json", "summary.csv"):
        path = folder / name
        path.write_text(path.read_text("utf-8").replace("encompassing", "../_&%x"), "utf-8")
    run = RunFolder.read(folder)
    paths = write_tables(run)
    assert all(path.parent == folder / "tables" for path in paths)
    assert any(path.name == "parameters_x.csv" or "x.csv" in path.name for path in paths)
    text = next(p for p in paths if p.name.endswith("x.tex")).read_text("utf-8")
    assert "../\\_\\&\\%x fit" in text


def change(folder, name, **values):
    """Write values over those of a JSON file of the run."""
    path = folder / name
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | values), "utf-8")


def written(folder) -> str:
    return write_methods(RunFolder.read(folder)).read_text("utf-8")


def test_methods_say_of_the_data_only_what_holds(make):
    folder = make()
    assert "censored" not in written(folder) and "recorded in s " not in written(folder)
    spec = yaml.safe_load((folder / "spec.yaml").read_text("utf-8"))
    for model in spec["models"].values():
        presses = Presses(history=(2.0, 20.0), pause_after="food", refractory=0.05)
        for channel in (WaldLatency(), presses):
            model["said"][channel.prefix] = list(channel.said())
        model["events"] = ["food"]
    (folder / "spec.yaml").write_text(yaml.safe_dump(spec), "utf-8")
    used = {"choice": 3812, "latency": 500, "presses": 70}
    change(folder, "data.json", rows_used=used, censored={"latency": 12}, time_unit="min")
    text = written(folder)
    assert "shifted Wald likelihood (12 waits without a response, of 500, right-censored)" in text
    assert "the presses' own past over 2 and 20 s in the rate" in text
    assert "a pause after each event of kind food; no press within 0.05 s of another" in text
    assert "Each event of kind food moves" in text and "recorded in min and handled" in text
    change(folder, "data.json", censored={"latency": 0})  # control
    assert "censored" not in written(folder)


def test_methods_say_what_every_hypothesis_shares(make):
    folder = make()
    spec = yaml.safe_load((folder / "spec.yaml").read_text("utf-8"))
    for model in spec["models"].values():
        model |= {"kernel": "opponent", "nuisance": ["A curve over session time is not in x."]}
    spec |= {"rivals": "drives", "nuisance": {"time_on_task": False, "history": False}}
    (folder / "spec.yaml").write_text(yaml.safe_dump(spec), "utf-8")
    one_kernel = "names drives: all have the kernel opponent"
    assert f"{one_kernel} and no nuisance terms were added. A curve" in written(folder)
    spec["nuisance"]["history"] = True
    (folder / "spec.yaml").write_text(yaml.safe_dump(spec), "utf-8")
    assert f"{one_kernel}. A curve over session time is not in x." in written(folder)
    spec["rivals"] = "default"
    (folder / "spec.yaml").write_text(yaml.safe_dump(spec), "utf-8")
    assert one_kernel not in written(folder) and "is not in x." in written(folder)


def test_methods_say_how_it_was_sampled(make):
    folder = make()
    assert "sampled in" not in written(folder) and "first look" not in written(folder)
    term = "choice_rest_sd[1|subject]"
    told = {fit: {"draws": 1000, "looks": [1000], "centring": {term: 0.0}}
            for fit in ("trough", "level")}  # fmt: skip
    change(folder, "environment.json", sampled=told)
    assert "sampled in non-centred form" in written(folder)
    assert "first look" not in written(folder)
    told["level"] |= {"draws": 2000, "looks": [1000, 2000], "centring": {term: 0.9}}
    change(folder, "environment.json", sampled=told)
    text = written(folder)
    assert "centred as far as the data inform them" in text
    assert "1,000 kept draws per chain at the first look" in text
    assert "at the end: `trough` 1,000 after 1 look, `level` 2,000 after 2 looks." in text


def test_equations_stand_under_their_fits_and_symbols_are_said(make):
    folder = make()
    spec = yaml.safe_load((folder / "spec.yaml").read_text("utf-8"))
    for model in spec["models"].values():
        model["symbols"] = {r"\eta": "linear predictor", "<k": "hostile $ sign"}
    (folder / "spec.yaml").write_text(yaml.safe_dump(spec, sort_keys=False), "utf-8")
    text = written(folder)
    assert text.index("In every fit:") < text.index("In `trough`:") < text.index("M(t) = s(t)")
    assert r"Here $\eta$ is linear predictor; $< k$ is hostile \$ sign." in text


def test_the_ranking_is_about_whom_it_is_about(make):
    folder = make()

    def said() -> str:
        run = RunFolder.read(folder)
        return " ".join(s.text for line in answer(run).cannot for s in line)

    change(folder, "data.json", sessions_of_subjects={"one": 0, "more": 3})
    assert "the rest of that subject known" in said()
    change(folder, "data.json", sessions_of_subjects={"one": 3, "more": 0})
    assert "Every subject has one session" in said() and "subject known" not in said()
    change(folder, "data.json", sessions_of_subjects={"one": 2, "more": 1})
    assert "Of 1 subjects with several sessions" in said() and "of 2 with a single" in said()


def test_a_fit_that_is_not_compared_is_named(make):
    folder = make()
    table = pd.read_csv(folder / "comparison.csv", keep_default_na=False)
    table[table["hypothesis"] != "level"].to_csv(folder / "comparison.csv", index=False)
    told = "".join(s.text for line in answer(RunFolder.read(folder)).cannot for s in line)
    assert "Fitted and not in the comparison: level." in told


def test_effects_and_spreads_have_their_priors(make, methods, claim):
    assert "`peak_effect` (fits: trough, encompassing, level)" in methods
    assert "`choice_rest_sd`, standard deviation of choice\\_rest over group members" in methods
    assert "`trough_ratio_sd`" not in methods  # it varies over no group
    folder = make()
    spec = yaml.safe_load((folder / "spec.yaml").read_text("utf-8"))
    narrow = {"choice_rest_sd": Prior.half_normal(0.2)}
    for drive, model in spec["models"].items():
        changed = replace(claim(drive), priors={**claim(drive).priors, **narrow})
        model["parameters"] = prior_records(changed)
    (folder / "spec.yaml").write_text(yaml.safe_dump(spec), "utf-8")
    rows = {row.parameter: row for row in prior_rows(RunFolder.read(folder))}
    assert rows["choice_rest_sd"].prior == "half_normal(sd=0.2)"
    assert rows["choice_rest_sd"].changed and "half_normal(sd=1)" in rows["choice_rest_sd"].reason
    assert not rows["choice_rest_effect"].changed and rows["onset_ratio"].changed


def test_the_priors_are_read_from_the_folder_alone(make):
    folder = make()
    spec = yaml.safe_load((folder / "spec.yaml").read_text("utf-8"))
    for model in spec["models"].values():
        model["channels"] = {"telepathy": {}}
    (folder / "spec.yaml").write_text(yaml.safe_dump(spec), "utf-8")
    rows = {row.parameter: row for row in prior_rows(RunFolder.read(folder))}
    assert rows["trough_ratio"].range == "0.0949 to 0.949" and "peak_sd" in rows


def test_predictive_checks_are_shown_where_they_were_made(make):
    folder = make()
    assert check_table(RunFolder.read(folder)) is None
    (folder / "tables").mkdir()
    (folder / "tables" / "predictive_checks.csv").write_text(
        "signature,group,bins,inside,p_value,p_least,hypothesis,source\n"
        "choice by lag,placebo,8,0.875,0.4,0.005,trough,posterior\n"
        "choice by lag,1,8,0.5,0.005,0.005,no_drive,posterior\n"
        "choice by lag,placebo,8,1.0,0.9,0.005,trough,prior\n"
    )
    table = check_table(RunFolder.read(folder))
    assert table.plain == [
        ["choice by lag", "8", "87.5 %", "0.400"],
        ["choice by lag", "8", "50.0 %", "< 0.005"],
    ]
    marks = [row[3].mark for row in table.rows if not isinstance(row, str)]
    assert marks == ["", "warn"] and table.rows[1][0].sub == "placebo"


def test_components_from_outside_are_said(make):
    folder = make()
    before = write_methods(RunFolder.read(folder)).read_text("utf-8")
    path = folder / "environment.json"
    marks = {"mine.py": "ab" * 32, "their-kit": "1.2"}
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | {"components": marks}))
    after = write_methods(RunFolder.read(folder)).read_text("utf-8")
    assert "outside dopafit" not in before
    assert (
        "outside dopafit, which its tests do not cover," in after
        and "mine.py (abababababab)" in after
        and "1.2" in after
    )
