"""Weigh fits of rival claims by how well they predict what they have not seen."""

from __future__ import annotations

from collections.abc import Mapping

from dopafit.compare.loo import Comparison, compare_loo
from dopafit.compare.score import score
from dopafit.core.arguments import require, takes
from dopafit.core.errors import SpecError
from dopafit.fit.fit import Fit

__all__ = ["compare"]


@takes(fits=Mapping)
def compare(
    fits: Mapping[str, Fit], *, unit: str, draws: int | None = 250, seed: int = 0
) -> Comparison:
    """Compare fits of one study by what they predict of left-out units, all channels summed.

    By session and by subject, each subject's own coordinates are integrated out; see
    `dopafit.backend.evidence.integrated`.

    Parameters
    ----------
    fits : mapping of str to Fit
        Two or more fits of the same study with the same channels.
    unit : {"session", "subject", "trial"}
        What is left out together; there is no default, because the answer depends on it.
    draws : int or None
        Draws per chain that are used, evenly spread; all where None.
    seed : int
        Source of randomness of the inner draws and of the weights' interval.

    Returns
    -------
    Comparison
        Unrounded table, weights with intervals, warnings where Pareto k is bad.

    Raises
    ------
    SpecError
        Fits of different studies or channels; said before anything costly is done.
    """
    for name, each in fits.items():
        require(f"compare: fits[{name!r}]", each, Fit)
    if len(fits) < 2:
        raise SpecError(
            f"a comparison of {len(fits)} fit",
            allowed="two fits or more",
            todo="fit another hypothesis to the same study",
        )
    channels = {
        name: str(sorted(f.model.to_dict()["channels"].items())) for name, f in fits.items()
    }
    if len(set(channels.values())) > 1:
        raise SpecError(
            "the fits have different channels: "
            + "; ".join(f"{k}: {v}" for k, v in channels.items()),
            allowed="the same channels with the same options in every fit",
            todo="fit the hypotheses again with the same channels",
        )
    hashes = {name: f.study.hash for name, f in fits.items()}
    if len(set(hashes.values())) > 1:
        raise SpecError(
            f"the fits were made from different data: {hashes}",
            allowed="one study for every fit",
            todo="fit the hypotheses again to one study",
        )
    scores = {name: score(f, unit, draws=draws, seed=seed) for name, f in fits.items()}
    first = next(iter(scores.values()))
    return compare_loo(
        {name: one.result for name, one in scores.items()},
        unit=unit,
        labels={name: one.labels for name, one in scores.items()},
        seed=seed,
        converged={name: f.verdict.converged for name, f in fits.items()},
        subjects=first.subjects,
        simulated=any(f.study.simulated for f in fits.values()),
        approximate=[name for name, f in fits.items() if f.verdict.approximation],
    )
