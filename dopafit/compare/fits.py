"""Weigh fits of rival claims by how well they predict what they have not seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from dopafit.compare.loo import Comparison, compare_loo
from dopafit.compare.refit import LIMIT, refitted
from dopafit.compare.score import INNER, Score, check_unit, score
from dopafit.compare.settled import Settled, moved
from dopafit.core.arguments import require, takes
from dopafit.core.errors import SpecError
from dopafit.fit.fit import Fit
from dopafit.fit.progress import Progress

__all__ = ["compare", "unweighed"]

MOST_INNER = 8 * INNER
"""Inner draws at most, where doubling them still moves a difference."""


@takes(fits=Mapping)
def compare(
    fits: Mapping[str, Fit],
    *,
    unit: str,
    after: float | None = None,
    draws: int | None = 250,
    seed: int = 0,
    refits: int = LIMIT,
    keep: Path | None = None,
    progress: Progress | None = None,
) -> Comparison:
    """Compare fits of one study by what they predict of left-out units, all channels summed.

    By session, by subject and of the future, each subject's own coordinates are integrated out; see
    `dopafit.backend.evidence.integrated`. A unit whose score cannot be trusted is left out in fact:
    the fit is made again without it.

    Parameters
    ----------
    fits : mapping of str to Fit
        Two or more fits of the same study with the same channels.
    unit : {"session", "subject", "future", "trial"}
        What is left out together; there is no default, because the answer depends on it.
    after : float, optional
        Where the future begins: at a share of each session, or so many seconds after its start if
        1 or more; half a session unless given.
    draws : int or None
        Draws per chain that are used, evenly spread; all where None.
    seed : int
        Source of randomness of the inner draws, of refits and of the weights' interval.
    refits : int
        Units of a hypothesis that are fitted without at most; 0 for none.
    keep : Path, optional
        A file that keeps the refits: a later call goes on from there.
    progress : Progress, optional
        Where progress is shown.

    Returns
    -------
    Comparison
        Unrounded table, weights with intervals, warnings where Pareto k is bad.

    Raises
    ------
    SpecError
        Fits of different studies or channels; said before anything costly is done.
    """
    check_unit(unit, after)
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
    show = Progress() if progress is None else progress
    scores, settled = _scored(fits, unit, after, draws, seed, show)
    for name, fit in fits.items():
        if unit != "trial" and fit.verdict.converged and not fit.verdict.approximation:
            scores[name] = refitted(
                fit, scores[name], limit=refits, seed=seed, keep=keep, show=show
            )
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
        after=first.after,
        settled=settled,
        notes=[note for name, fit in fits.items() for note in unweighed(name, fit)],
    )


def unweighed(name: str, fit: Fit) -> Iterator[str]:
    """Tell where a score mixes modes by weights that are not known."""
    modes = fit.record.get("pilot", {}).get("modes") or []
    if all(item.ok for item in fit.verdict.items if item.name == "rival modes"):
        return
    shares = " and ".join(f"{100 * mode['share']:.0f} %" for mode in modes)
    yield (
        f"{name}: its chains do not pass between {len(modes)} modes, so that what each weighs is "
        f"not known (Laplace: {shares}); its score mixes them as the draws happen to"
    )


def _scored(
    fits: Mapping[str, Fit],
    unit: str,
    after: float | None,
    draws: int | None,
    seed: int,
    show: Progress,
) -> tuple[dict[str, Score], Settled | None]:
    """Return every fit's score, with as many inner draws as the differences need."""
    scores: dict[str, Score] = {}
    inner, todo, found = INNER, list(fits), None
    while todo:
        for name in todo:
            again = f", {inner} inner draws" if inner > INNER else ""
            show.phase("comparing", f"{name}: leave one {unit} out{again}")
            scores[name] = one = score(
                fits[name], unit, after=after, draws=draws, inner=inner, seed=seed
            )
            bad = int(one.result.bad.sum())
            doubt = f", {bad} of {len(one.labels)} not reliable" if bad else ""
            show.done(f"elpd {one.result.elpd:.1f}{doubt}")
        # where a fit did not converge nobody reads a difference
        found = moved({name: scores[name] for name in fits if fits[name].verdict.converged}, inner)
        more = found is not None and inner < MOST_INNER
        inner, todo = 2 * inner, list(found.unsettled) if more else []
    return scores, found
