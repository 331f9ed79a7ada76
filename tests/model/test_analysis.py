"""Analysis files: what is read, and what is said about what cannot be."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
import yaml

from dopafit.core.errors import SpecError
from dopafit.model.analysis import Sampling, read_analysis
from dopafit.model.nuisance import ALL
from dopafit.model.rivals import RIVALS
from dopafit.model.schedule import Schedule, timetable

ROOT = Path(__file__).parents[2]
VERSION_1 = {"no_drive", "trough", "peak", "level", "encompassing"}
LAUGHS = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"a{i + 1}: &a{i + 1} [{','.join([f'*a{i}'] * 10)}]\n" for i in range(9)
)
LEAST = "channels:\n  choice: {column: pursue}\n"


@pytest.fixture
def write(tmp_path: Path):
    """Write an analysis file: the text, or what YAML makes of the least one with changes."""

    def put(text: str = LEAST, **changes: object) -> Path:
        content = yaml.safe_load(text) | changes if changes else None
        path = tmp_path / "analysis.yaml"
        path.write_text(text if content is None else yaml.safe_dump(content), encoding="utf-8")
        return path

    return put


def refusal(path: Path) -> SpecError:
    with pytest.raises(SpecError) as caught:
        read_analysis(path)
    assert str(path) in caught.value.wrong
    return caught.value


# ---------------------------------------------------------------------- what is read
def test_defaults(write):
    found = read_analysis(write())
    assert tuple(found.models) == tuple(RIVALS)
    assert found.nuisance == ALL and found.rivals == "default"
    assert found.sampling == Sampling() and found.unit == "session" and found.seed == 1
    assert found.title == found.path.parent.name and found.study is None
    assert found.study_folder is None and found.schedule is None
    assert found.models["peak"].effects == {"choice_rest": "(1 | subject)", "peak": "(1 | subject)"}


@pytest.mark.parametrize("written", ["null", '"null"', "no_drive", 'no_drive, "null"'])
def test_the_former_name_of_no_drive_is_understood(write, written):
    found = read_analysis(write(LEAST + f"drives: [{written}, trough]\n"))
    assert list(found.models) == ["no_drive", "trough"]
    assert [m.drive for m in found.models.values()] == ["no_drive", "trough"]


def test_one_name_is_a_list(write):
    found = read_analysis(write(drives="peak", events="cue"))
    assert list(found.models) == ["peak"] and found.models["peak"].events == ("cue",)


def test_a_drive_given_twice_is_one_fit(write):
    assert list(read_analysis(write(drives=["peak", "trough", "peak"])).models) == [
        "peak",
        "trough",
    ]


def test_whole_numbers_are_formulas(write):
    effects = {"peak": 1, "choice_rest": 1}
    model = read_analysis(write(effects=effects)).models["peak"]
    assert model.effects == {"peak": "1", "choice_rest": "1"}


def test_channels_without_options(write):
    (channel,) = read_analysis(write("channels:\n  choice:\n")).models["no_drive"].channels
    assert channel.prefix == "choice" and channel.column == "pursue"


def test_everything_given_arrives(write):
    found = read_analysis(
        write(
            title="T",
            question="Q?",
            study="folder",
            seed=7,
            typical_spacing=12.5,
            fixed={"onset_ratio": 0.1},
            priors={"trough_ratio": {"lognormal": {"median": 0.2, "sigma": 0.5}}},
            sampling={"draws": 9, "tune": 8, "chains": 3, "target_accept": 0.7, "backend": "jax"},
            compare={"unit": "trial"},
            check={"draws": 5, "pair_within": 3.0},
            simulate={"drive": "peak", "design": {"subjects": 3}, "truth": {"trough_ratio": 0.4}},
        )
    )
    assert (found.title, found.question, found.study, found.seed) == ("T", "Q?", "folder", 7)
    model = found.models["trough"]
    assert model.typical_spacing == 12.5 and model.fixed == {"onset_ratio": 0.1}
    assert model.priors["trough_ratio"].location == 0.2
    assert found.sampling == Sampling(draws=9, tune=8, chains=3, target_accept=0.7, backend="jax")
    assert (found.unit, found.check_draws, found.pair_within) == ("trial", 5, 3.0)
    assert found.truth_hypothesis == "peak" and found.truth == {"trough_ratio": 0.4}
    assert found.schedule is not None and found.schedule.subjects == 3


def test_the_study_is_looked_for_beside_the_file(write, tmp_path):
    (tmp_path / "mine").mkdir()
    assert read_analysis(write(study="mine")).study_folder == (tmp_path / "mine").resolve()
    assert read_analysis(write(study="other")).study_folder is None


def test_the_guides_example_is_read_and_states_the_defaults(write):
    text = (ROOT / "docs" / "guide.md").read_text("utf-8")
    blocks = [b for b in re.findall(r"^```yaml\n(.*?)^```", text, re.M | re.S) if "channels:" in b]
    whole, simulated = (read_analysis(write(block)) for block in blocks)
    assert set(whole.models) == VERSION_1 and whole.sampling == Sampling()
    assert (whole.unit, whole.check_draws, whole.seed) == ("session", 200, 1)
    assert whole.models["no_drive"].typical_spacing == 30
    assert simulated.schedule == Schedule()


# ---------------------------------------------------------------------- what is refused
@pytest.mark.parametrize(
    ("changes", "wrong", "todo"),
    [
        ({"efects": {}}, "efects: no such key", "'effects'"),
        ({"sampling": {"drws": 5}}, "sampling.drws: no such key", "'draws'"),
        ({"sampling": {"backend": "jaxx"}}, "sampling.backend: 'jaxx'", "'jax'"),
        ({"simulate": {"design": {"subjcts": 2}}}, "simulate.design.subjcts", "'subjects'"),
        ({"compare": {"units": "trial"}}, "compare.units: no such key", "'unit'"),
        ({"drives": ["trouhg"]}, "drive 'trouhg' is not known", "'trough'"),
        ({"simulate": {"drive": "peek"}}, "drive 'peek' is not known", "'peak'"),
        ({"kernel": "oponent"}, "kernel 'oponent' is not known", "'opponent'"),
        ({"channels": {"choise": {}}}, "'choise' is not known", "'choice'"),
        ({"channels": {"choice": {"colum": "x"}}}, "option 'colum' is not known", "'column'"),
        ({"effects": {"peek": "drug"}}, "effects: 'peek' is not a parameter", "'peak'"),
        ({"priors": {"trough_rato": {}}}, "priors: 'trough_rato' is not a", "'trough_ratio'"),
        ({"fixed": {"onset_rato": 1}}, "fixed: 'onset_rato' is not a", "'onset_ratio'"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_a_typo_gets_a_suggestion(write, changes, wrong, todo):
    error = refusal(write(**changes))
    assert wrong in error.wrong and error.allowed and todo in error.todo


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"sampling": {"draws": "many"}}, "sampling.draws: 'many'"),
        ({"sampling": {"chains": 0}}, "sampling.chains: 0"),
        ({"sampling": {"target_accept": 1.0}}, "sampling.target_accept: 1.0"),
        ({"sampling": 5}, "sampling: 5"),
        ({"seed": -1}, "seed: -1"),
        ({"seed": 1.5}, "seed: 1.5"),
        ({"compare": {"unit": "block"}}, "compare.unit: 'block'"),
        ({"compare": {"unit": "session", "after": 0.5}}, "compare.after: 0.5"),
        ({"compare": {"unit": "future", "after": 0.0}}, "compare.after: 0.0"),
        ({"compare": {"refits": -1}}, "compare.refits: -1"),
        ({"channels": [1]}, "channels: [1]"),
        ({"channels": {}}, "no channels"),
        ({"channels": {"choice": 5}}, "channels.choice: 5"),
        ({"channels": {"choice": {"column": 5}}}, "choice: column = 5"),
        ({"effects": "drug"}, "effects: 'drug'"),
        ({"effects": {"peak": 1.5}}, "effects.peak: 1.5"),
        ({"effects": {"peak": True}}, "effects.peak: True"),
        ({"effects": {"peak": "drug +"}}, "effects: peak"),
        ({"fixed": {"onset_ratio": "a"}}, "fixed.onset_ratio: 'a'"),
        ({"fixed": {"onset_ratio": -1.0}}, "fixed: onset_ratio = -1.0"),
        ({"priors": {"trough_ratio": {"cauchy": {}}}}, "priors: trough_ratio"),
        ({"typical_spacing": 0}, "typical_spacing = 0"),
        ({"drives": []}, "drives is empty"),
        ({"drives": [["peak"]]}, "drives.0: ['peak']"),
        ({"study": 5}, "study: 5"),
        ({"check": {"pair_within": 0}}, "check.pair_within: 0"),
        ({"simulate": {"truth": {"peak": "x"}}}, "simulate.truth.peak: 'x'"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_wrong_value_is_named(write, changes, wrong):
    assert wrong in refusal(write(**changes)).wrong


def test_all_findings_at_once(write):
    error = refusal(write(efects={}, seed=-1, sampling={"draws": 0}))
    assert all(part in error.wrong for part in ("efects", "seed", "sampling.draws"))


def test_a_missing_section_is_named(write):
    assert "channels: missing" in refusal(write("drives: [peak]\n")).wrong


def test_broken_yaml_is_placed(write):
    error = refusal(write("channels:\n  choice: {column: pursue\nseed: 1\n"))
    assert ", line 3, column 5" in error.wrong and "not valid YAML" in error.wrong


def test_a_key_given_twice_is_placed(write):
    twice = LEAST + "effects:\n  peak: drug\n  choice_rest: drug\n  peak: '1'\n"
    error = refusal(write(twice))
    assert ", line 6, column 3" in error.wrong and "'peak' is given twice" in error.wrong
    merged = "base: &b {column: pursue}\n"  # control: a merge may repeat what it overrides
    path = write(LEAST + "effects: {<<: &e {peak: drug}, peak: '1'}\n")
    assert read_analysis(path).models["peak"].effects["peak"] == "1"
    assert "base: no such key" in refusal(write(merged + LEAST)).wrong


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        (LEAST + "seed: 2026-13-45\n", "seed: '2026-13-45'"),
        ("[" * 3000, "more than 40 deep"),
        ("a: !!python/name:os.system x\n", "not valid YAML"),
        ("\x00", "a NUL byte"),
        ("a: *b\n", "not valid YAML"),
        ("a: &a [*a]\n", "a value that holds itself"),
        (LAUGHS, "values, aliases (*name) unfolded"),
        (LEAST + "#" * 500_000, "characters"),
    ],
    ids=lambda text: text[:20],
)
def test_hostile_yaml_is_refused(write, text, wrong):
    error = refusal(write(text))
    assert wrong in error.wrong and len(str(error)) < 1000


@pytest.mark.parametrize("text", ["", "# nothing\n"])
def test_an_empty_file(write, text):
    error = refusal(write(text))
    assert "is empty" in error.wrong and "channels" in error.allowed


@pytest.mark.parametrize("text", ["- a\n", "word\n", "1: 2\n"])
def test_a_file_without_keys(write, text):
    assert "holds no keys" in refusal(write(text)).wrong


def test_no_file_and_a_folder(tmp_path):
    assert "does not exist" in refusal(tmp_path / "none.yaml").wrong
    assert "is a folder" in refusal(tmp_path).wrong
    (tmp_path / "latin.yaml").write_bytes(b"title: caf\xe9\n")
    assert "line 1 holds byte 0xe9" in refusal(tmp_path / "latin.yaml").wrong
    (tmp_path / "wide.yaml").write_bytes(LEAST.encode("utf-16"))
    assert "is in UTF-16" in refusal(tmp_path / "wide.yaml").wrong
    os.mkfifo(tmp_path / "pipe.yaml")
    error = refusal(tmp_path / "pipe.yaml")
    assert "is a named pipe (FIFO), not a file" in error.wrong and error.allowed and error.todo


def test_words_that_yaml_1_1_takes_for_something_else(write):
    """``no`` is a word, 007 a name and 1e-3 a number; in YAML 1.1 false, 7 and a word."""
    design = "simulate: {design: {contexts: [no, on], sessions: {007: {drug: yes}}}}\n"
    found = read_analysis(write(LEAST + design + "title: 12:30\nfixed: {onset_ratio: 1e-1}\n"))
    assert found.schedule.contexts == ("no", "on") and found.title == "12:30"
    assert found.schedule.sessions == {"007": {"drug": "yes"}}
    assert found.models["peak"].fixed == {"onset_ratio": 0.1}


def test_the_path_of_study_yaml_is_the_study(write, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "study.yaml").write_text("name: x\n")
    assert read_analysis(write(study="mine/study.yaml")).study_folder == tmp_path / "mine"


# ---------------------------------------------------------------------- timetables
def test_a_timetable_follows_its_numbers():
    study = timetable({"subjects": 3, "duration": 100, "trial_gap": 2}, seed=5)
    assert study == timetable(Schedule(subjects=3, duration=100), seed=5)
    assert study != timetable(Schedule(subjects=3, duration=100), seed=6)
    assert len(study.subjects) == 3 and len(study.sessions) == 6 and study.simulated
    for table in (study.events, study.observations):
        assert table["time"].between(0, 100).all()
    gaps = study.observations.groupby(["subject", "session"])["time"].diff().dropna()
    assert gaps.min() >= 2 - 1e-3  # times are rounded to milliseconds


def test_an_impossible_timetable_is_named():
    with pytest.raises(SpecError, match=r"simulate: design: duration"):
        timetable({"duration": 0}, seed=1)
    with pytest.raises(SpecError, match=r"simulate: design: days"):
        timetable({"days": 1}, seed=1)


def test_what_no_drive_uses_is_said(tmp_path) -> None:
    path = tmp_path / "analysis.yaml"
    path.write_text(
        "drives: [peak, no_drive]\nchannels: {choice: {column: pursue}}\n"
        "effects: {choice_gain_trough: drug, peak: drug}\n"
        "priors: {choice_gain_trough_effect: {normal: {mean: 0, sd: 1}}}\n"
        "fixed: {onset_ratio: 0.1}\n",
        encoding="utf-8",
    )
    told = read_analysis(path).warnings
    assert [text.partition(" belongs")[0] for text in told] == [
        "effects: choice_gain_trough",
        "priors: choice_gain_trough_effect",
    ]
    assert all("(peak, no_drive)" in text for text in told)
    both = path.read_text("utf-8").replace("[peak, no_drive]", "[peak, trough]")
    path.write_text(both, encoding="utf-8")
    assert read_analysis(path).warnings == ()


NAMED = """
traces: {dopamine: {kernel: opponent, events: [cue], unit_magnitude: 2, typical_spacing: 12}}
channels:
  approach: {likelihood: choice, column: pursue}
  craving: {likelihood: latency_wald, column: vas}
hypotheses:
  trough: {drive: trough}
  slow: {drive: level, kernel: monophasic}
  mixed: {drive: {approach: trough, craving: peak}}
effects: {dopamine.peak: drug, approach.rest: drug + (1 | subject)}
priors: {dopamine.trough_ratio: {lognormal: {median: 0.4, sigma: 0.2}}}
fixed: {approach.lapse: 0.02}
"""


def test_hypotheses_traces_and_channels_have_names(tmp_path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(NAMED)
    models = read_analysis(path).models
    assert list(models) == ["trough", "slow", "mixed"] == [m.hypothesis for m in models.values()]
    assert models["slow"].kernel == "monophasic" and models["trough"].kernel == "opponent"
    assert dict(models["mixed"].drive) == {"approach": "trough", "craving": "peak"}
    mixed = models["mixed"]
    assert mixed.gains == ["approach_gain_trough", "craving_gain_peak"]
    assert mixed.effects["peak"] == "drug" and "(1 | subject)" in mixed.effects["approach_rest"]
    assert mixed.fixed["approach_lapse"] == 0.02 and mixed.typical_spacing == 12.0
    assert mixed.events == ("cue",) and "0.4" in str(mixed.priors["trough_ratio"])
    assert "trough_ratio" not in models["slow"].priors  # of another hypothesis's kernel
    path.write_text(NAMED.replace("dopamine.", "").replace("approach.", "approach_"))
    assert read_analysis(path).models["mixed"] == mixed


@pytest.mark.parametrize(
    ("was", "now", "wrong", "todo"),
    [
        ("{dopamine: {", "{a: {}, dopamine: {", "traces: 2 are named: a, dopamine", "one trace"),
        ("kernel: opponent,", "kernl: opponent,", "traces.dopamine.kernl", "'kernel'"),
        ("{drive: trough}", "{drives: trough}", "hypotheses.trough.drives", "'drive'"),
        ("{drive: trough}", "{drive: trugh}", "drive 'trugh'", "'trough'"),
        ("  trough:", "  Mixed:", "differ in capitals", "rename"),
        ("  trough:", "  a/b:", "'a/b' cannot be its name", "plainer"),
        (", craving: peak}", "}", "channel craving has none", "craving: no_drive"),
        ("craving: peak}", "carving: peak}", "no channel is called 'carving'", "'craving'"),
        ("dopamine.peak", "dopamin.peak", "no trace or channel is called 'dopamin'", "'dopamine'"),
        ("{dopamine.peak: drug,", "{peak: '1', dopamine.peak: drug,", "given twice", "remove"),
        ("dopamine.peak", "dopamine.approach_rest", "not a parameter of the", "approach_rest"),
        ("  approach: {", "  a b: {", "cannot be called 'a b'", "left or approach"),
        ("likelihood: choice, ", "", "channel 'approach' is not known", "likelihood: ..."),
        ("kernel: monophasic}", "kernel2: jump}", "kernel2: no such key", "'kernel'"),
        ("{drive: level, k", "{drive: trough, k", "monophasic has none", "take one of these"),
        ("channels:", "drives: [trough]\nchannels:", "both given", "{drive: trough}"),
        ("channels:", "kernel: jump\nchannels:", "kernel stands", "under the trace"),
        ("\nhypotheses:", "\nhypotheses: {}\nquestion: >", "is empty", "leave hypotheses"),
    ],
)  # fmt: skip
def test_a_wrong_name_is_refused(tmp_path, was, now, wrong, todo) -> None:
    assert was in NAMED
    path = tmp_path / "a.yaml"
    path.write_text(NAMED.replace(was, now, 1))
    error = refusal(path)
    assert wrong in error.wrong and todo in error.todo, str(error)


def test_the_future_and_the_number_of_refits(write) -> None:
    found = read_analysis(write(compare={"unit": "future", "after": 0.3, "refits": 5}))
    assert (found.unit, found.after, found.refits) == ("future", 0.3, 5)
    usual = read_analysis(write())
    assert (usual.unit, usual.after, usual.refits) == ("session", None, 20)
