from __future__ import annotations

import io
import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dopafit.channel.choice import Choice
from dopafit.compare.claim import CONDITIONS, Claim, Condition
from dopafit.core.prior import Prior
from dopafit.drive import Drive
from dopafit.fit.verdict import Diagnostic, Verdict
from dopafit.model.claim import Model
from dopafit.model.record import prior_records
from dopafit.trace.kernel import LOAD
from dopafit.trace.opponent import Opponent

DRIVES = ("no_drive", "trough", "level", "encompassing")
RANKED = ("trough", "encompassing", "level", "no_drive")
GAINS = {drive: tuple(Drive.named(drive).gains) for drive in DRIVES}
DERIVED = {
    name: {"meaning": mark.meaning, "unit": mark.unit, "phrase": mark.phrase}
    for name, mark in (Opponent.landmark_words | {"load": LOAD}).items()
}
WORDS = {
    "no_drive": "motivation does not follow the events",
    "trough": "the deficit below baseline drives pursuit",
    "level": "the level drives pursuit: more above baseline, less below",
    "encompassing": "excess and deficit each have an effect of their own, of either sign",
}
LATEX = {
    "no_drive": r"M(t) = 0",
    "trough": r"M(t) = \mathrm{sp}_k(-s(t)) / \mathrm{sp}_k(\rho)",
    "level": r"M(t) = s(t)",
    "encompassing": r"M_+(t) = \mathrm{sp}_k(s(t))/\mathrm{sp}_k(1),\quad "
    r"M_-(t) = \mathrm{sp}_k(-s(t))/\mathrm{sp}_k(\rho)",
}
KINDS = ("kernel", "gain_plane", "prior_posterior", "signatures", "forest", "trace")


def png() -> bytes:
    figure = Figure(figsize=(2, 1.2))
    FigureCanvasAgg(figure)
    figure.add_subplot().plot([0, 1, 2], [0, 1, -0.3])
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    return buffer.getvalue()


PNG = png()


def verdict(good: bool) -> Verdict:
    split, divergences = (1.0041, 0) if good else (1.0873, 31)
    items = (
        Diagnostic("chains", 4.0, ">= 4", True),
        Diagnostic("R-hat", split, "< 1.01", good, "trough_ratio", "" if good else "run longer"),
        Diagnostic("bulk ESS", 913.4, "> 400", True, "peak_sd[1|subject]"),
        Diagnostic(
            "divergences", divergences, "= 0", good, "", "" if good else "raise target_accept"
        ),
        Diagnostic("E-BFMI", 0.8123, "> 0.3", True, "chain 2"),
    )
    return Verdict(good, items)


def model_of(drive: str) -> Model:
    return Model(
        drive=drive,
        channels=[Choice("pursue")],
        effects={"peak": "drug + (1 | subject)", "choice_rest": "drug + (1 | subject)"},
        priors={"onset_ratio": Prior.lognormal(0.05, 0.8)},
        typical_spacing=30.0,
        reference={"drug": "placebo"},
    )


def summary(rng: np.random.Generator, subjects: list[str], prob: float = 0.9) -> pd.DataFrame:
    rows = []

    def add(fit: str, name: str, unit: str, mean: float, sd: float) -> None:
        z = 1.6449
        middle = mean + 0.02 * sd
        rows.append(
            [
                *(fit, name, unit, mean + rng.normal(0, 1e-3) * sd, sd, middle),
                *(mean - z * sd, mean + z * sd, "eti", prob, 1 + abs(rng.normal(0, 0.002))),
                *(rng.uniform(900, 5e3), rng.uniform(900, 5e3), sd / 50),
            ]
        )

    for fit in DRIVES:
        if fit != "no_drive":
            add(fit, "trough_ratio", "1", 0.3341, 0.0312)
            add(fit, "recovery_half_life", "s", 423.7, 41.2)
            add(fit, "onset_ratio", "1", 0.0513, 0.012)
            add(fit, "time_to_peak", "s", 31.2, 2.1)
            add(fit, "time_to_crossing", "s", 241.3, 15.2)
            add(fit, "time_to_trough", "s", 512.2, 33.1)
            add(fit, "opponent_gain", "1", 2.46, 0.15)
            add(fit, "area", "peak s", -61.2, 12.3)
            add(fit, "load", "peak", -0.612, 0.123)
            add(fit, "peak_effect[drug[precursor]]", "link", 0.213, 0.104)
        add(fit, "choice_rest", "log odds", -0.512, 0.183)
        for gain in GAINS[fit]:
            add(fit, f"choice_{gain}", "log odds", 1.213, 0.312)
        add(fit, "choice_rest_effect[drug[precursor]]", "link", 0.031, 0.124)
        add(fit, "choice_rest_sd[1|subject]", "link", 0.81, 0.14)
        for subject in subjects:
            add(fit, f"choice_rest_group[1|subject[{subject}]]", "link", rng.normal(0, 0.8), 0.31)
    columns = "hypothesis parameter unit mean sd median lower upper interval_kind".split()
    columns += ["interval_prob", "r_hat", "ess_bulk", "ess_tail", "mcse_mean"]
    return pd.DataFrame(rows, columns=columns)


NO_TOTAL = (math.nan, math.nan, math.nan, "")


def identifiability() -> pd.DataFrame:
    columns = "hypothesis parameter unit status contraction prior_sd posterior_sd shift".split()
    columns += ["convention", "prior_sensitivity", "data_sensitivity", "sensitivity"]
    rows, low, unscaled = [], (0.012, 0.3, "low"), (math.nan, math.nan, "")
    for fit in DRIVES:
        if fit != "no_drive":
            rows += [
                [
                    *(fit, "peak", "trace", "fixed by convention", math.nan, 0.0, 0.0, math.nan),
                    *("1: population peak of the reference event is the unit", *unscaled),
                ],
                [fit, "trough_ratio", "1", "informed", 0.982, 0.7, 0.0931, -3.42, "", *low],
                [
                    fit,
                    "onset_ratio",
                    "1",
                    "not informed by your data",
                    0.08,
                    0.8,
                    0.77,
                    0.11,
                    "",
                    0.11,
                    0.01,
                    "prior weighs more than the data",
                ],
            ]
        rows.append(
            [fit, "choice_rest", "log odds", "informed", 0.985, 1.5, 0.183, 0.4, "", *unscaled]
        )
    return pd.DataFrame(rows, columns=columns)


def comparison(failed: tuple[str, ...], unit: str = "session") -> pd.DataFrame:
    return pd.DataFrame(
        {
            "hypothesis": RANKED,
            "rank": range(1, 5),
            "elpd": [-612.3421, -613.1187, -640.2, -655.9],
            "se": [14.2, 14.3, 15.1, 15.4],
            "p": [21.2, 22.9, 20.1, 14.3],
            "elpd_diff": [0.0, -0.7766, -27.8579, -43.5579],
            "dse": [0.0, 0.91, 6.31, 8.92],
            "quantile": 2.069,
            "p_flip": float("nan"),
            "behind": [False, False, True, True],
            "weight": [0.874, 0.126, 0.0, 0.0],
            "weight_lower": [0.41, 0.0, 0.0, 0.0],
            "weight_upper": [1.0, 0.59, 0.04, 0.0],
            "max_pareto_k": [0.41, 0.52, 0.81, 0.33],
            "n_bad_k": [0, 0, 2, 0],
            "warning": ["", "", "Pareto k above 0.70 in 2 of 48 units", ""],
            "unit": unit,
            "n_units": 48,
            "n_subjects": 24,
            "converged": [name not in failed for name in RANKED],
        }
    )


MET = {
    "trough": [name for name in CONDITIONS if name != "trough_effect_small"],
    "no_trough": [n for n in CONDITIONS if n != "none_ahead" and "trough_rival" not in n],
    "events": [name for name in CONDITIONS if name not in ("lobe_seen", "trough_effect_small")],
}  # fmt: skip


def lobe(fit: str, at: str, before: float, after: float, *change: float) -> dict[str, object]:
    sizes = dict(zip(("median", "lower", "upper", "bound"), change, strict=True))
    words = {"channel": "choice", "words": "the probability of pursuit", "unit": ""}
    told = words | {"hypothesis": fit, "at": at, "change": "points"}
    return told | {"before": before, "after": after} | sizes


def contrast(fit: str, parameter: str, change: str, *sizes: float) -> dict[str, object]:
    found = dict(zip(("median", "lower", "upper", "bound"), sizes, strict=True))
    told = {"hypothesis": fit, "parameter": parameter, "level": "drug[precursor]"}
    told |= {"against": "placebo", "change": change, "unit": "", "words": "peak"} | found
    if change == "points":
        told |= {"channel": "choice", "words": "the probability of pursuit"}
    return told


def answer(word: str, failed: tuple[str, ...] = ()) -> dict[str, object]:
    """What ``answer.json`` holds for a claim, with sizes known in advance."""
    met = [] if word == "undecided" else MET[word]
    conditions = [Condition(name, True, 9.0, 4.0, "as made up") for name in met]
    if word == "undecided":
        told = f"not converged: {', '.join(failed) or 'none'}"
        conditions = [
            Condition("converged", not failed, len(failed), 0, told),
            Condition("rivals_present", False, 1, 0, "not fitted: level_two_scales"),
            Condition("ahead_of_no_drive", True, 43.6, 18.5, "nearest: no_drive, 43.6 +- 8.9"),
        ]
    elif word == "no_trough":
        small = Condition("trough_effect_small", True, 0.0124, 0.02, "choice in trough")
        conditions = [c for c in conditions if c.name != small.name] + [small]
    effects = [
        lobe("trough", "trough", 0.271, 0.432, 0.161, 0.094, 0.223, 0.214)
        | {"prior_sensitivity": 0.13, "data_sensitivity": 0.31}
        | {"sensitivity": "prior and data disagree"},
        lobe("encompassing", "peak", 0.27, 0.26, -0.01, -0.052, 0.031, 0.047),
        lobe("encompassing", "trough", 0.27, 0.43, 0.16, 0.09, 0.22, 0.21),
        lobe("level", "peak", 0.27, 0.18, -0.09, -0.14, -0.04, 0.13),
        *(
            [lobe("trough", "trough", 0.27, 0.28, 0.005, -0.01, 0.013, 0.0124)]
            * (word == "no_trough")
        ),
        contrast("trough", "peak", "ratio", 0.237, 0.01, 0.517, 0.47),
        contrast("trough", "choice_rest", "points", 0.007, -0.04, 0.061, 0.05),
        contrast("no_drive", "choice_rest", "points", 0.012, -0.03, 0.066, 0.06),
    ]
    return Claim.of(conditions).to_dict() | {"effects": effects}


def build(
    root: Path,
    *,
    claim: str = "undecided",
    simulated: bool = True,
    failed: tuple[str, ...] = (),
    optional: bool = True,
    question: str | None = "Does the trough below baseline drive pursuit?",
    name: str = "cue-pursuit",
    description: str = "12 pretend animals, cued choices, saline and precursor",
    subjects: tuple[str, ...] = ("s01", "s02", "s03"),
    title: str = "Cue pursuit",
    image: bytes = PNG,
) -> Path:
    """Write a run folder as `dopafit run` does, with numbers known in advance."""
    root.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(5)
    channels = {"choice": {"likelihood": None, "column": "pursue"}}
    baseline = "The baseline level is not identified; the resting predictor is (baseline := 0)."
    spec = {
        "analysis": "analyses/cue-pursuit/analysis.yaml",
        "title": title,
        "question": question,
        "study": name,
        "seed": 20260,
        "hypotheses": list(DRIVES),
        "sampling": {"draws": 1000, "tune": 800, "chains": 4, "target_accept": 0.9},
        "compare": {"unit": "session"},
        "models": {
            drive: {
                "drive": drive,
                "family": "no trough" if drive == "level" else model_of(drive).family,
                "hash": f"{i}" * 64,
                "words": WORDS[drive],
                "equations_latex": [
                    r"s(t) = \sum_{t_j < t} m_j P_j\, h(t - t_j), \quad \max h = 1,\ "
                    r"\min h = -\rho",
                    LATEX[drive],
                    r"\text{choice}:\ y \sim \mathrm{Bernoulli}(\epsilon/2 + (1-\epsilon)\,"
                    r"\mathrm{logit}^{-1}(\eta))",
                ],
                "conventions": [baseline, "choice_lapse is fixed at 0: no lapses."],
                "parameters": prior_records(model_of(drive)),
                "derived": DERIVED if GAINS[drive] else {},
                "level": Opponent.words if GAINS[drive] else None,
                "overlap": "trough" if GAINS[drive] else None,
                "cites": list(Opponent.cites) if GAINS[drive] else [],
                "channels": channels,
                "said": {"choice": list(Choice().said())},
                "typical_spacing": 30.0,
                "kernel": "opponent",
            }
            for i, drive in enumerate(DRIVES)
        },
    }
    (root / "spec.yaml").write_text(yaml.safe_dump(spec, sort_keys=False), "utf-8")
    data = {
        "name": name,
        "simulated": simulated,
        "description": description,
        "licence": "CC0-1.0",
        "citation": "",
        "hash": "ab" * 32,
        "time_unit": "s",
        "files": [{"file": "events.csv", "sha256": "cd" * 32, "rows": 812}],
        "counts": {
            "subjects": len(subjects),
            "sessions": 48,
            "events": 812,
            "observations": 3840,
            "presses": 0,
            "hours": 41.3,
        },
        "events_by_kind": {"cue": 600, "food": 212},
        "rows_used": {"choice": 3812},
        "excluded": {"choice": 28},
        "warnings": ["events.csv: 3 events lie outside every window"],
        "close_pairs": 0.713,
    }
    (root / "data.json").write_text(json.dumps(data), "utf-8")
    environment = {
        "dopafit": "0.1.0",
        "python": "3.13.1",
        "packages": {"pymc": "6.4.0", "nutpie": "0.16.11", "arviz": "1.3.0", "numpy": "2.5.0"},
        "seed": 20260,
        "command": "dopafit run analyses/cue-pursuit/analysis.yaml --out runs/cue-pursuit",
        "machine": {"cpu_count": 2, "system": "Linux", "machine": "x86_64"},
        "started": "2026-03-01T10:00:00+00:00",
        "finished": "2026-03-01T10:21:12+00:00",
        "seconds": {drive: {"compile": 41.2, "sample": 182.9} for drive in DRIVES},
    }
    (root / "environment.json").write_text(json.dumps(environment), "utf-8")
    verdicts = {drive: verdict(drive not in failed).to_dict() for drive in DRIVES}
    (root / "verdict.json").write_text(json.dumps(verdicts), "utf-8")
    summary(rng, list(subjects)).to_csv(root / "summary.csv", index=False)
    if optional:
        _optional(root, failed, simulated, image)
        told = json.dumps(answer("undecided" if failed else claim, failed))
        (root / "answer.json").write_text(told, "utf-8")
    return root


def _optional(root: Path, failed: tuple[str, ...], simulated: bool, image: bytes) -> None:
    identifiability().to_csv(root / "identifiability.csv", index=False)
    comparison(failed).to_csv(root / "comparison.csv", index=False)
    told = {
        "reading": [
            "trough and encompassing are not distinguishable: 0.8 +- 0.9 (elpd, unit: session)",
            "trough is ahead of level by 27.9 +- 6.3 (elpd, unit: session)",
            "trough is ahead of no_drive by 43.6 +- 8.9 (elpd, unit: session)",
        ],
        "warnings": ["level: Pareto k above 0.70 in 2 of 48 units"],
    }
    (root / "comparison.json").write_text(json.dumps(told), "utf-8")
    if simulated:
        truth = [
            ["trough", "trough_ratio", "population", 0.35, 0.2828, 0.3854, True, *NO_TOTAL],
            ["trough", "choice_gain_trough", "population", 2.1, 0.7, 1.7262, False, *NO_TOTAL],
            [
                *("trough", "choice_rest_group[1|subject[s01]]", "subject", 0.5, 0.6, 1.1, False),
                *(-0.25, -0.4, 0.1, True),
            ],
        ]
        columns = "hypothesis parameter member_of truth lower upper covered".split()
        columns += [f"total_{name}" for name in ("truth", "lower", "upper", "covered")]
        pd.DataFrame(truth, columns=columns).to_csv(root / "truth.csv", index=False)
    folder = root / "figures"
    folder.mkdir(exist_ok=True)
    index = []
    for kind in (*KINDS, "comparison", "diagnostics"):
        fit = "trough" if kind in KINDS else None
        stem = f"{kind}_{fit}" if fit else kind
        (folder / f"{stem}.png").write_bytes(image)
        (folder / f"{stem}.csv").write_text("source,x\nposterior,1\n")
        title = f"{kind.replace('_', ' ').capitalize()}"
        index.append({"stem": stem, "title": title, "caption": "As run.", "fit": fit, "kind": kind})
    (folder / "index.json").write_text(json.dumps(index), "utf-8")


@pytest.fixture
def make(tmp_path) -> Callable[..., Path]:
    """Return a maker of run folders."""
    return lambda **options: build(tmp_path / "run", **options)


@pytest.fixture(scope="session")
def one_run(tmp_path_factory) -> Path:
    """A complete run of simulated data that claims a trough; not to be changed."""
    return build(tmp_path_factory.mktemp("complete") / "run", claim="trough")


@pytest.fixture
def claim() -> Callable[[str], Model]:
    """Return the claim of a drive that the run folders hold."""
    return model_of
