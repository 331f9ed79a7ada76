"""How often is something claimed that is not so, and how often what is? Whole claims, fast engine.

    python -m benchmarks.claims [--classes none falling ...] [--studies 200]

Every study has 20 people, two sessions of 600 s, an event every 25 to 45 s at times of its own and
a choice every 12 s: 2,000 choices. All nine default hypotheses with their nuisance terms are
compared by the product's own rule (`compare.claim.decide`), leaving out subjects, from the nested
Laplace engine in place of the sampler. Every fit counts as converged, which can only add claims.

Classes in which events do nothing, 200 studies each; resting log odds -0.3, sd 0.8 over people:

* ``none``: nothing changes;
* ``falling``, ``rising``: by 0.5 to 2 over the session; in odd studies a line, in even ones steps
  or a random walk, neither of which the splines of the nuisance terms can follow;
* ``practice``: rarer at first, by 0.5 to 2; odd an exponential of 60 s, even a step or a walk;
* ``caused``: half of all pursuits are followed by an event, and pursuit drifts by a random walk.

Classes in which they do something, 20 studies each, simulated from the model itself:

* ``trough``: opponent kernel (half-life 12 s, trough ratio 0.5, onset ratio 0.3), gain 1.0;
* ``level``: one exponential (half-life 10 s), gain 1.0; ``two_scales``: 4 and 60 s, gain 1.0.

Planned: power .9 or more for ``ahead_of_no_drive``, from the expected log likelihood ratio: with
rates of about 15 points between troughs and rest over some 1,000 choices it exceeds 15 nats.

Controls: 39 exchanges for null studies (stopped early where they cannot reach p = .05), 20 for the
others; the trough's control where the other conditions of a trough are met. To save time nothing is
drawn for a null study whose best log Bayes factor over no drive is under -2 (being ahead by 4 nats
left out goes with one of about +2), and else from all but the three best only if one of these is
ahead. Results go to ``benchmarks/results/claims.json`` after every few studies.

    python -m benchmarks.claims --fits [--studies 20]

Confirms the first 20 null studies of a class by the sampler: no drive and the two best hypotheses
by the engine are fitted, scored by left-out subjects as `dopafit compare` does, and held against
each other by the same rule; converged or not, each counts. A study in which one is ahead of no
drive is counted: that alone is no claim, but without it there is none. Results go to
``benchmarks/results/claims_fits.json``.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from benchmarks.claims_studies import NULL, TRUE, claims_of, null_study, true_study
from benchmarks.record import RESULTS

HOPELESS = -2.0
"""Log Bayes factor below which no hypothesis can be ahead of no drive by 4 nats left out."""


def claim_of(study: Any, seed: int, *, full: bool, count: int) -> dict[str, Any]:
    """Return what the fast engine claims of a study, and the conditions that it met."""
    from dopafit.backend.evidence.first_draws import first_draws
    from dopafit.backend.evidence.marginal import STARTS, coordinate_names
    from dopafit.backend.evidence.maximum import locate_maxima
    from dopafit.backend.evidence.scores import loo
    from dopafit.backend.geometry.search import starting_points
    from dopafit.backend.sampler.compiled import Density
    from dopafit.check.control import events_control, trough_control
    from dopafit.check.predict import predictive_check
    from dopafit.compare.claim import Condition, decide
    from dopafit.fit.effects import lobe_effects
    from dopafit.fit.explore import explored
    from dopafit.model.layout.layout import build_layout
    from dopafit.report.claimed import conditions
    from dopafit.report.controlled import looked

    models = claims_of(study)
    families = {name: model.family for name, model in models.items()}
    known, found, value, points = {}, {}, {}, {}
    for name, model in models.items():  # no_drive comes first
        layout = build_layout(model, study)
        start = starting_points(layout.coordinates, 0, STARTS)
        names = coordinate_names(layout.coordinates)
        for point in start:
            point[:] = [known.get(n, v) for n, v in zip(names, point, strict=True)]
        located = locate_maxima(layout, start, Density(layout))
        nested, best = located.nested, located.maxima[0]
        scale = np.log(2.0 / np.array(layout.coordinates.half_scale)).sum()
        value[name], found[name] = best.log_mass + scale, (layout, located)
        mode = located.change.to_model(nested.full(best.inner.shared, best.inner.own))
        known = known or dict(zip(names, mode, strict=True))
    order = sorted(value, key=lambda name: -value[name])

    def draw(names: list[str]) -> pd.DataFrame:
        for name in set(names) - set(points):
            rng = np.random.default_rng([seed, order.index(name)])
            drawn = first_draws(*found[name], rng, count=400, proposed=100)
            points[name] = loo(drawn.log_subject[None]).elpd_i
        return pd.DataFrame(points)

    def decided(table: pd.DataFrame, others: list[Condition]) -> Any:
        people = [str(i) for i in range(len(table))]
        fine = dict.fromkeys(table, True)
        return decide(
            table,
            people,
            families,
            without="no_drive",
            converged=fine,
            missing=(),
            others=others,
        )

    moved = [name for name in order if name != "no_drive"]
    if not full and value[moved[0]] - value["no_drive"] < HOPELESS:
        return {"claim": "undecided", "met": [], "screened": True}
    table = draw(["no_drive", *(moved if full else moved[:3])])
    claim = decided(table, [])
    met = {one.name for one in claim.conditions if one.met}
    if "ahead_of_no_drive" not in met:
        return {"claim": claim.word, "met": sorted(met)}
    table = draw(order)
    fits = {name: explored(models[name], study, seed=seed, draws=500)[0] for name in order}
    ranked = {name: fits[name] for name in table.sum().sort_values(ascending=False).index}
    leading = [n for n in ranked if n != "no_drive"][:1]
    leading += [n for n in ranked if families[n] == "trough"][:1]
    checks = {n: predictive_check(fits[n], seed=seed, draws=80) for n in dict.fromkeys(leading)}
    effects = [e for fit in ranked.values() for e in lobe_effects(fit)]
    others = looked(ranked, checks)
    others += conditions(ranked, effects, timed=True, smallest={"choice": 0.02})
    shared = {"seed": seed, "count": count}
    control = events_control(fits, study, **shared)
    others.append(Condition("events_control", control.met, None, None, control.told))
    claim = decided(table, others)
    if {c.name for c in claim.unmet} == {"trough_control"}:
        control = trough_control(fits, study, **shared)
        others.append(Condition("trough_control", control.met, None, None, control.told))
        claim = decided(table, others)
    met = sorted(one.name for one in claim.conditions if one.met)
    return {"claim": claim.word, "met": met, "best": next(iter(ranked)), "control": control.told}


def fitted(task: tuple[str, int]) -> tuple[str, int, dict[str, Any]]:
    """Return by how much the best of two fitted hypotheses is ahead of no drive."""
    from dopafit.compare.difference import difference
    from dopafit.compare.score import score
    from dopafit.fit.evidence import log_evidence
    from dopafit.fit.fit import fit

    kind, number = task
    study = null_study(kind, number)
    models = claims_of(study)
    value = {name: one.value for name, one in log_evidence(models, study).items()}
    best = sorted(set(models) - {"no_drive"}, key=lambda name: -value[name])[:2]
    elpd, converged = {}, {}
    for name in ("no_drive", *best):
        made = fit(models[name], study, seed=number, cores=1, progress="silent")
        scored = score(made, "subject", draws=150, seed=number)
        elpd[name], converged[name] = scored.result.elpd_i, made.verdict.converged
    gaps = {n: difference(elpd[n], elpd["no_drive"], scored.subjects) for n in best}
    found = {
        name: {"ahead_by": gap.total, "se": gap.se, "ahead": gap.ahead, "fine": converged[name]}
        for name, gap in gaps.items()
    }
    return kind, number, {"ahead": any(g.ahead for g in gaps.values()), "hypotheses": found}


def confirm(classes: list[str], first: int, last: int) -> None:
    """Fit what is not stored yet, and store it after every study."""
    path = RESULTS / "claims_fits.json"
    kept = json.loads(path.read_text("utf-8"))["studies"] if path.exists() else {}
    tasks = [(k, i) for i in range(first, last) for k in classes if str(i) not in kept.get(k, {})]
    with ProcessPoolExecutor(2) as pool:
        for kind, number, found in pool.map(fitted, tasks):
            kept.setdefault(kind, {})[str(number)] = found
            counts = {
                k: {"studies": len(v), "ahead of no drive": sum(one["ahead"] for one in v.values())}
                for k, v in kept.items()
            }
            told = {"command": "python -m benchmarks.claims --fits", "summary": counts}
            path.write_text(json.dumps(told | {"studies": kept}, indent=1) + "\n", "utf-8")
            print(kind, number, json.dumps(found), flush=True)


def job(task: tuple[str, int]) -> tuple[str, int, dict[str, Any]]:
    kind, number = task
    null = kind in NULL
    study = null_study(kind, number) if null else true_study(kind, number)
    return kind, number, claim_of(study, number, full=not null, count=39 if null else 20)


def interval(k: int, n: int) -> list[float]:
    """Return the exact 95 % interval of a share."""
    low = stats.beta.ppf(0.025, k, n - k + 1) if k else 0.0
    high = stats.beta.ppf(0.975, k + 1, n - k) if k < n else 1.0
    return [round(float(low), 4), round(float(high), 4)]


def summary(studies: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return counts of claims by class, with exact intervals."""
    found = {}
    groups = {kind: [kind] for kind in studies} | {"fixed events, null": list(NULL[:4])}
    for group, kinds in groups.items():
        claims = [one["claim"] for kind in kinds for one in studies.get(kind, {}).values()]
        counts, n = Counter(claims), len(claims)
        if n:
            found[group] = {"studies": n, "claims": dict(counts)} | {
                "claimed": interval(n - counts["undecided"], n),
                "trough": interval(counts["trough"], n),
            }
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--classes", nargs="+", default=[*NULL, *TRUE])
    parser.add_argument("--studies", type=int, default=200)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--fits", action="store_true", help="confirm by the sampler")
    options = parser.parse_args()
    if options.fits:
        confirm([k for k in options.classes if k in NULL], options.first, options.studies)
        return
    path = RESULTS / "claims.json"
    kept = json.loads(path.read_text("utf-8"))["studies"] if path.exists() else {}
    tasks = [
        (kind, i)
        for i in range(options.first, options.studies)
        for kind in options.classes
        if str(i) not in kept.get(kind, {}) and (kind in NULL or i < 20)
    ]
    with ProcessPoolExecutor(2) as pool:
        for done, (kind, number, found) in enumerate(pool.map(job, tasks), start=1):
            kept.setdefault(kind, {})[str(number)] = found
            if done % 5 == 0 or done == len(tasks) or found["claim"] != "undecided":
                text = {"command": "python -m benchmarks.claims", "summary": summary(kept)}
                path.write_text(json.dumps(text | {"studies": kept}, indent=1) + "\n", "utf-8")
            print(
                kind,
                number,
                found["claim"],
                found.get("best", ""),
                found.get("control", ""),
                flush=True,
            )
    print(json.dumps(summary(kept), indent=1))


if __name__ == "__main__":
    main()
