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

Classes in which they do something, 20 studies each, simulated from the model itself with every
value stated (`benchmarks.claims_studies`): a resting level that changes with time by curves,
people's slopes and sessions of sd 0.3, peaks of sd 0.3, and a gain of 2.0 on the log odds:

* ``trough``: opponent kernel (half-life 12 s, trough ratio 0.5, onset ratio 0.3); the log odds rise
  by 2.0 at the bottom of the trough;
* ``level``: at once, then one exponential, with half-lives of 6, 12 and 24 s in turn;
* ``two_scales``: 4 s and 60 s, 0.3 of the peak slow.

Planned power: 20, 20 and 19 of 20 other studies were ahead (`benchmarks.claims_power`). Earlier
studies of these classes, with a gain of 1.0 and kernels drawn from their priors, were too weak and
not what this text said; they are not counted.

Controls: 39 exchanges for null studies (stopped early where they cannot reach p = .05), 20 for the
others; the trough's control where the other conditions of a trough are met. To save time nothing is
drawn for a null study whose best log Bayes factor over no drive is under -2 (being ahead by 4 nats
left out goes with one of about +2), and else from all but the three best only if one of these is
ahead. Results go to ``benchmarks/results/claims.json`` after every few studies.

    python -m benchmarks.claims --curves

Adds the conditions on curves of other widths to claims that were stored before there were such.

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

from scipy import stats

from benchmarks.claims_engine import Approximate, decided
from benchmarks.claims_studies import NULL, TRUE, claims_of, null_study, true_study
from benchmarks.record import record, recorded

HOPELESS = -2.0
"""Log Bayes factor below which no hypothesis can be ahead of no drive by 4 nats left out."""


def claim_of(study: Any, seed: int, *, full: bool, count: int) -> dict[str, Any]:
    """Return what the fast engine claims of a study, the conditions that it met and the others."""
    from dopafit.check.control import events_control, trough_control
    from dopafit.check.curve_width import curve_width
    from dopafit.check.predict import predictive_check
    from dopafit.compare.claim import Condition
    from dopafit.fit.effects import lobe_effects
    from dopafit.fit.explore import explored
    from dopafit.report.claimed import conditions
    from dopafit.report.controlled import any_curve, looked

    models = claims_of(study)
    families = {name: model.family for name, model in models.items()}
    engine = Approximate(models, study, seed)
    moved = [name for name in engine.order if name != "no_drive"]
    if not full and engine.value[moved[0]] - engine.value["no_drive"] < HOPELESS:
        return {"claim": "undecided", "met": [], "screened": True}
    table = engine.left_out(["no_drive", *(moved if full else moved[:3])])
    claim = decided(table, families)
    met = {one.name for one in claim.conditions if one.met}
    if "ahead_of_no_drive" not in met:
        return {"claim": claim.word, "met": sorted(met)}
    table = engine.left_out(engine.order)
    fits = {name: explored(models[name], study, seed=seed, draws=500)[0] for name in engine.order}
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
    others += any_curve(curve_width(fits, study))
    claim = decided(table, families, others)
    if {c.name for c in claim.unmet} == {"trough_control"}:
        control = trough_control(fits, study, **shared)
        others.append(Condition("trough_control", control.met, None, None, control.told))
        claim = decided(table, families, others)
    met = sorted(one.name for one in claim.conditions if one.met)
    unmet = {c.name: [c.value, c.limit, c.told] for c in claim.conditions if not c.met}
    told = {"claim": claim.word, "met": met, "unmet": unmet, "best": next(iter(ranked))}
    return told | {"control": control.told}


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
    kept = recorded("claims_fits").get("studies", {})
    tasks = [(k, i) for i in range(first, last) for k in classes if str(i) not in kept.get(k, {})]
    with ProcessPoolExecutor(2) as pool:
        for kind, number, found in pool.map(fitted, tasks):
            kept.setdefault(kind, {})[str(number)] = found
            counts = {
                k: {"studies": len(v), "ahead of no drive": sum(one["ahead"] for one in v.values())}
                for k, v in kept.items()
            }
            told = {"command": "python -m benchmarks.claims --fits", "summary": counts}
            record("claims_fits", told | {"studies": kept})
            print(kind, number, json.dumps(found), flush=True)


def curved(task: tuple[str, int, dict[str, Any]]) -> tuple[str, int, dict[str, Any]]:
    """Return a stored claim with the conditions on curves of other widths."""
    from dopafit.check.curve_width import curve_width
    from dopafit.compare.claim import Claim, Condition
    from dopafit.report.controlled import any_curve

    kind, number, told = task
    study = true_study(kind, number) if kind in TRUE else null_study(kind, number)
    new = any_curve(curve_width(claims_of(study), study))
    met = sorted({*told["met"], *(one.name for one in new if one.met)})
    unmet = {one.name: [one.value, one.limit, one.told] for one in new if not one.met}
    word = Claim.of(Condition(name, True) for name in met).word
    return kind, number, told | {"claim": word, "met": met, "unmet": told.get("unmet", {}) | unmet}


def add_curves() -> None:
    """Add to every stored claim other than undecided what it lacks."""
    kept = recorded("claims").get("studies", {})
    lacking = [
        (kind, int(number), told)
        for kind, studies in kept.items()
        for number, told in studies.items()
        if told["claim"] != "undecided"
        and "events_any_curve" not in {*told["met"], *told.get("unmet", ())}
    ]
    with ProcessPoolExecutor(2) as pool:
        for kind, number, told in pool.map(curved, lacking):
            kept[kind][str(number)] = told
            store(kept)
            print(kind, number, told["claim"], told["unmet"], flush=True)


def store(kept: dict[str, Any]) -> None:
    """Store claims by class and study, with their counts."""
    told = {"command": "python -m benchmarks.claims", "summary": summary(kept), "studies": kept}
    record("claims", told)


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
    parser.add_argument("--curves", action="store_true", help="add conditions to stored claims")
    parser.add_argument("--fits", action="store_true", help="confirm by the sampler")
    options = parser.parse_args()
    if options.fits:
        confirm([k for k in options.classes if k in NULL], options.first, options.studies)
        return
    if options.curves:
        add_curves()
        return
    kept = recorded("claims").get("studies", {})
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
                store(kept)
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
