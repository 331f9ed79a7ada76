"""Fits without the units whose score cannot be trusted otherwise, kept as they are made."""

from __future__ import annotations

import contextlib
import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from dopafit.backend.evidence.refits import CHAINS, Refit, Refits
from dopafit.backend.sampler.draw import Interrupted
from dopafit.compare.score import Score
from dopafit.core.errors import FitError
from dopafit.core.files import write_result
from dopafit.core.machine import available_cores, side_by_side
from dopafit.fit.fit import Fit
from dopafit.fit.progress import Progress

__all__ = ["LIMIT", "refitted"]

LIMIT = 20
"""Units of a hypothesis that are fitted without at most, unless another number is given."""

FORMAT = 1
"""Raised when refits are made in another way: those kept are then made anew."""


def refitted(
    fit: Fit, score: Score, *, limit: int, seed: int, keep: Path | None, show: Progress
) -> Score:
    """Return a score with fits made without the units that it cannot be trusted in.

    Parameters
    ----------
    fit : Fit
        The posterior that knows all units.
    score : Score
        Of that fit.
    limit : int
        Units at most, those with the largest k first.
    seed : int
        Source of the refits' draws.
    keep : Path or None
        A file that keeps what is made: a later call goes on from there.
    show : Progress
        Gets one line a unit.
    """
    result, name = score.result, fit.hypothesis
    worst = np.argsort(-np.nan_to_num(result.pareto_k, nan=np.inf), kind="stable")
    places = [int(place) for place in worst if result.bad[place]][:limit]
    if not places:
        return score
    kept = _Kept(keep)
    keys = {place: _key(fit, score, score.labels[place], seed) for place in places}
    todo = [place for place in places if kept.get(keys[place]) is None]
    found = {place: kept.get(keys[place]) for place in places if place not in todo}
    if todo:
        show.phase("preparing", f"fits of {name} without a unit")
        x, h = fit.coordinates["x"].values, fit.coordinates["h"].values
        refits = Refits(fit.layout, x, h, after=score.after)
        cores = available_cores()
        workers = max(1, cores // CHAINS)

        def made(place: int) -> Refit | None:
            share = cores if workers == 1 else CHAINS
            try:
                return refits.without(score.unit, place, seed=seed, cores=share)
            except Interrupted:
                raise KeyboardInterrupt from None
            except FitError:  # its chains broke down: the unit stays as it was
                return None

        results = side_by_side(made, todo, workers)
        for number, place in enumerate(todo, start=1):
            label = score.labels[place]
            show.phase("refitting", f"{name} without {label}, {number} of {len(todo)}")
            found[place] = one = next(results)
            show.done(_told(one, result.elpd_i[place]))
            kept.put(keys[place], one, hypothesis=name, unit=score.unit, label=label)
    fine = {place: one.value for place, one in found.items() if one is not None and one.fine}
    return score._replace(result=result.with_exact(fine))


def _told(one: Refit | None, before: float) -> str:
    if one is None:
        return "its chains broke down"
    told = f"log density {one.value:.2f} +- {one.error:.2f}, by reweighting {before:.2f}"
    return told if one.fine else f"{told}; not used (R-hat {one.r_hat:.2f})"


def _key(fit: Fit, score: Score, label: str, seed: int) -> str:
    """Return what a refit follows from."""
    draws = fit.posterior.sizes["draw"]
    of = [FORMAT, fit.study.hash, fit.model.hash, fit.seed, draws, score.unit, score.after, label,
          seed]  # fmt: skip
    return hashlib.sha256(json.dumps(of).encode()).hexdigest()


class _Kept:
    """Refits in a file, by key."""

    def __init__(self, path: Path | None) -> None:
        self.path, self.made = path, {}
        if path is not None:
            with contextlib.suppress(OSError, ValueError, LookupError, TypeError):
                self.made = dict(json.loads(path.read_text("utf-8"))["refits"])

    def get(self, key: str) -> Refit | None:
        with contextlib.suppress(LookupError, TypeError, ValueError):
            return Refit(**self.made[key]["refit"])
        return None

    def put(self, key: str, one: Refit | None, **about: Any) -> None:
        if one is None or self.path is None:
            return
        self.made[key] = about | {"refit": asdict(one)}
        write_result(self.path, json.dumps({"refits": self.made}, indent=1).encode())
