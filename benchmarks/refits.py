"""Are integrated scores those of fits without the unit? By session and by subject.

    python -m benchmarks.refits [--units 8] [--studies sessions single intercepts]

Three simulated studies: two sessions a subject, one session a subject, and four sessions a subject
with an intercept each. For every hypothesis, units spread over the study are left out in fact, and
the fits without them are held against the scores by integration and reweighting. Results go to
``benchmarks/results/refits.json`` after every hypothesis; what stands there for the same command
is kept.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np

from benchmarks.record import record, recorded

TRUTH = {
    "trough_ratio": 0.35,
    "recovery_half_life": 12.0,
    "onset_ratio": 0.3,
    "choice_rest": -0.7,
    "choice_gain_trough": 1.2,
    "latency_rest": -1.0,
    "latency_sigma": 0.6,
    "latency_gain_trough": 0.3,
    **{f"{name}_sd[1|subject]": sd for name, sd in (("choice_rest", 0.9), ("latency_rest", 0.35))},
}
SESSION = {
    "choice_rest_sd[1|subject:session]": 0.4,
    "latency_rest_sd[1|subject:session]": 0.2,
}
STUDIES = {
    "sessions": (24, 2, False),
    "single": (24, 1, False),
    "intercepts": (12, 4, True),
}
"""Subjects, sessions of each, and whether sessions have intercepts."""

ALL = "all three"
HYPOTHESES = ("trough", "level", "no_drive")
ERROR = 0.03
"""Monte Carlo error of a refit's score at which its draws are enough."""


def build(name: str) -> tuple[Any, dict[str, Any]]:
    """Return a study simulated with a trough, and the rival models."""
    import dopafit as dp
    from dopafit.model.play import simulate
    from dopafit.model.schedule import timetable

    subjects, sessions, intercepts = STUDIES[name]
    options = {
        "subjects": subjects,
        "sessions": {str(k + 1): {} for k in range(sessions)},
        "duration": 360.0,
        "cue_interval": 30.0,
        "trial_interval": 12.0,
        "block": 90.0,
    }
    effect = "(1 | subject)" + (" + (1 | subject:session)" if intercepts else "")
    models = {
        drive: dp.Model(
            drive=drive,
            channels=[dp.Choice("pursue"), dp.Latency("latency")],
            effects={"choice_rest": effect, "latency_rest": effect},
            typical_spacing=30.0,
        )
        for drive in HYPOTHESES
    }
    design = timetable(options, seed=7, name=name)
    truth = TRUTH | (SESSION if intercepts else {})
    return simulate(models["trough"], design, seed=7, truth=truth)[0], models


def held(name: str, drive: str, units: int) -> dict[str, Any]:
    """Fit one hypothesis, score it, and fit it again without some units."""
    from dopafit.backend.evidence.refits import Refits
    from dopafit.compare.score import score
    from dopafit.fit.fit import fit

    study, models = build(name)
    began = time.monotonic()
    made = fit(models[drive], study, seed=7, draws=1000, progress="silent")
    found: dict[str, Any] = {"converged": made.verdict.converged, "fit": time.monotonic() - began}
    refits = Refits(made.layout, made.coordinates["x"].values, made.coordinates["h"].values)
    for unit in ("session", "subject"):
        began = time.monotonic()
        scored = score(made, unit, seed=7)
        seconds, rows = time.monotonic() - began, []
        count = len(scored.labels)
        for place in np.unique(np.linspace(0, count - 1, min(units, count)).astype(int)):
            began = time.monotonic()
            one = refits.without(unit, int(place), seed=7, error=ERROR)
            rows.append(
                {
                    "unit": scored.labels[place],
                    "integrated": float(scored.result.elpd_i[place]),
                    "k": float(scored.result.pareto_k[place]),
                    "bad": bool(scored.result.bad[place]),
                    "refit": one.value,
                    "error": one.error,
                    "draws": one.draws,
                    "r_hat": one.r_hat,
                    "fine": one.fine,
                    "seconds": time.monotonic() - began,
                }
            )
            told = f"{rows[-1]['integrated']:.3f}, refit {one.value:.3f} +- {one.error:.3f}"
            print(f"{name} {drive} {unit} {scored.labels[place]}: {told}", flush=True)
        found[unit] = {
            "score_seconds": seconds,
            "bad": int(scored.result.bad.sum()),
            "units": count,
            "refits": rows,
        }
    return found


def summary(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Return mean and mean absolute difference by study and unit, over refits that are fine.

    Of all units, and of those whose score is trusted: `compare` refits the others itself.
    """
    rows = []
    for unit in ("session", "subject"):
        for study in (*found, ALL):
            cells = [one for name in found if study in (name, ALL) for one in found[name].values()]
            every = [r for one in cells for r in one[unit]["refits"] if r["fine"]]
            trusted = [r for r in every if not r["bad"]]
            if len(trusted) > 1:
                row = {"unit": unit, "study": study, **_gaps(every)}
                row |= {"scored": sum(one[unit]["units"] for one in cells)}
                row |= {"bad": sum(one[unit]["bad"] for one in cells)}
                rows.append(row | {f"trusted_{k}": v for k, v in _gaps(trusted).items()})
    return rows


def _gaps(refits: list[dict[str, Any]]) -> dict[str, Any]:
    gaps = np.array([r["integrated"] - r["refit"] for r in refits])
    errors = np.array([r["error"] for r in refits])
    return {
        "refits": int(gaps.size),
        "mean": float(gaps.mean()),
        "mean_error": float(gaps.std(ddof=1) / np.sqrt(gaps.size)),
        "mean_absolute": float(np.abs(gaps).mean()),
        "absolute_by_monte_carlo": float(np.sqrt(2 / np.pi) * errors.mean()),
        "largest": float(np.abs(gaps).max()),
    }


def main() -> None:
    """Run what is not stored yet, and store it after every hypothesis."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--units", type=int, default=8, help="left out of each kind")
    parser.add_argument("--studies", nargs="+", default=list(STUDIES), choices=STUDIES)
    options = parser.parse_args()
    command = f"python -m benchmarks.refits --units {options.units}"
    stored = recorded("refits")
    found = stored.get("studies", {}) if stored.get("command") == command else {}
    for name in options.studies:
        for drive in HYPOTHESES:
            if drive not in found.get(name, {}):
                found.setdefault(name, {})[drive] = held(name, drive, options.units)
                record("refits", _told(command, found))
    record("refits", _told(command, found))
    for row in summary(found):
        for trusted in ("", "trusted_"):
            print(
                f"{row['study']}, by {row['unit']}: {row[trusted + 'refits']} refits"
                f"{' of trusted scores' if trusted else ''}, mean {row[trusted + 'mean']:+.3f}, "
                f"mean absolute {row[trusted + 'mean_absolute']:.3f}, "
                f"largest {row[trusted + 'largest']:.3f}"
            )


def _told(command: str, found: dict[str, Any]) -> dict[str, Any]:
    return {"command": command, "summary": summary(found), "studies": found}


if __name__ == "__main__":
    main()
