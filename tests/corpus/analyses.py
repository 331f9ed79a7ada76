"""Malformed analysis files: a hundred ways to ask for what does not exist or cannot be meant."""

from __future__ import annotations

from tests.corpus.base import ANALYSIS, Case, Edit, column, swap, whole
from tests.corpus.keys import doubt, error, fine

__all__ = ["CASES"]

FILE = "analysis.yaml"


def put(old: str, new: str) -> Edit:
    return swap(FILE, old, new)


def add(text: str) -> Edit:
    return whole(FILE, ANALYSIS + text + "\n")


def wrong(name: str, says: str, old: str, new: str) -> Case:
    return error(name, says, put(old, new))


def more(name: str, says: str, text: str) -> Case:
    return error(name, says, add(text))


FILES = [
    error("no file", "analysis.yaml", whole(FILE, None)),
    error("an empty file", "empty", whole(FILE, "")),
    error("only a comment", "empty", whole(FILE, "# nothing\n")),
    error("a list", "keys", whole(FILE, "- a\n- b\n")),
    error("a word", "keys", whole(FILE, "analysis\n")),
    error("a number as key", "keys", whole(FILE, "1: 2\n")),
    error("a tab", "line 2", whole(FILE, "title: x\n\tseed: 1\n")),
    error("an open bracket", "line", whole(FILE, ANALYSIS + "events: [cue\n")),
    error("a binary file", "analysis.yaml", whole(FILE, b"\x00\x01\x02\xff\xfe")),
    error("Latin-1", "UTF-8", whole(FILE, b"title: caf\xe9\n")),
    error(
        "a study.yaml",
        "study|tables",
        whole(FILE, "name: x\ntime_unit: s\ntables: {events: e.csv}\n"),
    ),
    error("an object", "tag|YAML", whole(FILE, "title: !!python/object/apply:os.getcwd []\n")),
    error("a key twice", "twice", add("seed: 2")),
    error(
        "aliases that explode",
        "alias|YAML",
        whole(
            FILE,
            "a: &a [x, x]\n"
            + "".join(
                f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n"
                for a, b in zip("abcdefgh", "bcdefghi", strict=True)
            ),
        ),
    ),
    error("a bottomless list", "levels|deep", whole(FILE, "title: " + "[" * 5000)),
]

KEYS = [
    more("an unknown key", "drive", "drive: trough"),
    more("a key misspelt", "effects", "efects: {peak: drug}"),
    wrong(
        "no channels",
        "channels",
        "channels:\n  choice: {column: pursue}\n  latency: {}\n  presses: {kind: press}\n",
        "",
    ),
    wrong(
        "channels is a word",
        "channels",
        "channels:\n  choice: {column: pursue}\n  latency: {}\n  presses: {kind: press}\n",
        "channels: choice\n",
    ),
    wrong(
        "channels is empty",
        "channel",
        "channels:\n  choice: {column: pursue}\n  latency: {}\n  presses: {kind: press}\n",
        "channels: {}\n",
    ),
    wrong("an unknown channel", "did you mean 'choice'", "choice:", "choise:"),
    wrong("an unknown option", "did you mean 'column'", "{column: pursue}", "{colum: pursue}"),
    wrong("an unknown likelihood", "wald", "latency: {}", "latency: {likelihood: walt}"),
    wrong("options are a word", "choice", "{column: pursue}", "pursue"),
    wrong("a column that is a number", "column", "{column: pursue}", "{column: 3}"),
    wrong("a column that is missing", "pursu", "{column: pursue}", "{column: pursued}"),
    wrong(
        "a censoring column that is missing",
        "latency_cens",
        "latency: {}",
        "latency: {censored: latency_cens}",
    ),
    wrong("no such kind of press", "lever", "{kind: press}", "{kind: lever}"),
    wrong(
        "pause after no such event", "pellet", "{kind: press}", "{kind: press, pause_after: pellet}"
    ),
    wrong(
        "a negative refractory time", "refractory", "{kind: press}", "{kind: press, refractory: -1}"
    ),
    wrong("a history of words", "history", "{kind: press}", "{kind: press, history: [long]}"),
    wrong("a history of 0 s", "history", "{kind: press}", "{kind: press, history: [0]}"),
    wrong("drives is empty", "drives", "[encompassing]", "[]"),
    wrong("an unknown drive", "did you mean 'trough'", "[encompassing]", "[trouhg]"),
    wrong("drives are numbers", "drives", "[encompassing]", "[1, 2]"),
    wrong("drives are a mapping", "drives", "[encompassing]", "{a: trough}"),
    more("an unknown kernel", "did you mean 'opponent'", "kernel: oponent"),
    more("no such event", "did you mean 'cue'", "events: [cues]"),
    more("events is empty", "events", "events: []"),
    wrong("no study", "names no study", "study: study\n", ""),
    wrong("a study that is not there", "studie", "study: study", "study: studie"),
    wrong("a study that is a number", "study", "study: study", "study: 3"),
    wrong("a study that is a file", "sessions.csv", "study: study", "study: study/sessions.csv"),
    fine("the study.yaml itself", put("study: study", "study: study/study.yaml")),
    wrong(
        "typical_spacing is a word",
        "typical_spacing",
        "typical_spacing: 20",
        "typical_spacing: long",
    ),
    wrong("typical_spacing is 0", "typical_spacing", "typical_spacing: 20", "typical_spacing: 0"),
    wrong(
        "typical_spacing is negative",
        "typical_spacing",
        "typical_spacing: 20",
        "typical_spacing: -20",
    ),
    wrong(
        "typical_spacing is not a number",
        "typical_spacing",
        "typical_spacing: 20",
        "typical_spacing: .nan",
    ),
    doubt(
        "typical_spacing in ms",
        "typical_spacing",
        put("typical_spacing: 20", "typical_spacing: 20000"),
    ),
    doubt(
        "typical_spacing in minutes",
        "typical_spacing",
        put("typical_spacing: 20", "typical_spacing: 0.33"),
    ),
]

SAMPLING = [
    wrong(f"{name} = {value}", name, f"{name}: {had}", f"{name}: {value}")
    for name, had, values in (
        ("draws", "100", ("0", "-5", "many", "1.5", "1e9", "1000000000", ".inf")),
        ("tune", "100", ("0", "-1", "1000000000")),
        ("chains", "2", ("0", "-1", "100000")),
        ("seed", "1", ("-1", "one", "1.5")),
    )
    for value in values
] + [
    wrong(
        "sampling is a word",
        "sampling",
        "sampling: {draws: 100, tune: 100, chains: 2}",
        "sampling: fast",
    ),
    wrong("an unknown setting", "did you mean 'draws'", "draws: 100", "drawz: 100"),
    wrong("target_accept is 1", "target_accept", "chains: 2", "target_accept: 1"),
    wrong("target_accept is 90", "target_accept", "chains: 2", "target_accept: 90"),
    wrong("an unknown backend", "numba", "chains: 2", "backend: cuda"),
    more("leave out what is not", "session", "compare: {unit: animal}"),
    more("checks without replicates", "draws", "check: {draws: 0}"),
    more("a negative pair", "pair_within", "check: {pair_within: -3}"),
]

EFFECTS = [
    wrong("an effect on nothing", "did you mean 'peak'", 'peak: "1"', "peek: drug"),
    wrong("an unknown column", "drog", "drug + (1", "drog + (1"),
    wrong("a formula without end", "choice_rest", "drug + (1 | subject)", "drug + (1 | subject"),
    wrong("a formula with a hole", "choice_rest", "drug + (1", "drug + + * (1"),
    wrong("a formula with a left side", "choice_rest", "drug + (1", "y ~ drug + (1"),
    fine(
        "an empty formula, which is the population's value alone",
        put("drug + (1 | subject)", '""'),
        put("reference: {drug: placebo}", ""),
    ),
    wrong("code in a formula", "choice_rest", "drug + (1 | subject)", "__import__('os').getcwd()"),
    wrong("an unknown function", "choice_rest", "drug + (1 | subject)", "sqrtt(age)"),
    wrong("a formula that is a list", "effects", "drug + (1 | subject)", "[drug]"),
    wrong(
        "effects is a list",
        "effects",
        'effects:\n  choice_rest: drug + (1 | subject)\n  peak: "1"\n',
        "effects: [drug]\n",
    ),
    wrong("the outcome explains itself", "pursue", "drug + (1 | subject)", "pursue"),
    doubt("another outcome explains it", "latency", put("drug + (1 | subject)", "latency + drug")),
    error(
        "two columns that say the same",
        "arm",
        put("drug + (1 | subject)", "drug + arm + (1 | subject)"),
        put("{drug: placebo}", "{drug: placebo, arm: off}"),
        column("sessions.csv", "arm", lambda row, k: "on" if row["drug"] == "active" else "off"),
    ),
    wrong("a row's column on the peak", "peak", 'peak: "1"', "peak: latency"),
    doubt("groups by another outcome", "latency", put("(1 | subject)", "(1 | latency)")),
    doubt("no reference for a level", "sex", put("drug + (1 | subject)", "sex + drug")),
    wrong(
        "a reference that is no level",
        "did you mean 'placebo'",
        "{drug: placebo}",
        "{drug: placbo}",
    ),
    wrong("a reference of no column", "drog", "{drug: placebo}", "{drog: placebo}"),
    wrong(
        "a reference of a number",
        "age",
        "reference: {drug: placebo}",
        "reference: {drug: placebo, age: 31}",
    ),
    wrong("reference is a word", "reference", "reference: {drug: placebo}", "reference: placebo"),
]

PRIORS = [
    more(
        "a prior of nothing",
        "did you mean 'peak_effect'|peak",
        "priors: {peek_effect: {normal: {mean: 0, sd: 1}}}",
    ),
    more("an unknown family", "norml|normal", "priors: {choice_rest: {norml: {mean: 0, sd: 1}}}"),
    more("an unknown argument", "scale|sd", "priors: {choice_rest: {normal: {mean: 0, scale: 1}}}"),
    more("sd is 0", "sd", "priors: {choice_rest: {normal: {mean: 0, sd: 0}}}"),
    more("sd is negative", "sd", "priors: {choice_rest: {normal: {mean: 0, sd: -1}}}"),
    more("mean is a word", "mean", "priors: {choice_rest: {normal: {mean: low, sd: 1}}}"),
    more("a prior that is a number", "choice_rest", "priors: {choice_rest: 3}"),
    more(
        "a family that does not fit",
        "lognormal",
        "priors: {trough_ratio: {normal: {mean: 0, sd: 1}}}",
    ),
    more("priors is a list", "priors", "priors: [choice_rest]"),
    more(
        "a prior for no effect",
        "drug",
        "priors: {'choice_rest_effect[drug[nothing]]': {normal: {mean: 0, sd: 1}}}",
    ),
    more(
        "a prior for effects that are not",
        "peak_effect",
        "priors: {peak_effect: {normal: {mean: 0, sd: 1}}}",
    ),
    more(
        "a prior for groups that are not",
        "latency_sigma_sd|group",
        "priors: {latency_sigma_sd: {half_normal: {sd: 1}}}",
    ),
    more(
        "fixed and prior",
        "both",
        "fixed: {trough_ratio: 0.3}\n"
        "priors: {trough_ratio: {lognormal: {median: 0.3, sigma: 0.5}}}",
    ),
    more("fixed outside its range", "above 0", "fixed: {trough_ratio: -0.3}"),
    more("fixed is a word", "trough_ratio", "fixed: {trough_ratio: deep}"),
    more("fixed is nothing known", "did you mean 'trough_ratio'", "fixed: {trouhg_ratio: 0.3}"),
    more("a lapse of 2", "lapse", "fixed: {choice_lapse: 2}"),
]

LEFT_OUT = [
    more("an exclusion of nobody", "s7", "exclude: [{subjects: [s7], reason: none}]"),
    more("an exclusion of everybody", "left|all", "exclude: [{subjects: [s1, s2, s3]}]"),
    more("an exclusion by an unknown key", "subject", "exclude: [{subjcts: [s1]}]"),
    more("simulate is a word", "simulate", "simulate: now"),
    more("simulate an unknown drive", "did you mean 'trough'", "simulate: {drive: trugh}"),
    more("a truth that is a word", "truth", "simulate: {truth: {trough_ratio: deep}}"),
    more("a negative magnitude's unit", "unit_magnitude", "unit_magnitude: -2"),
    more("a unit of 0", "unit_magnitude", "unit_magnitude: 0"),
]

CASES = [*FILES, *KEYS, *SAMPLING, *EFFECTS, *PRIORS, *LEFT_OUT]
