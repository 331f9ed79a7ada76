"""How frequent is each hypothesis among subjects? Random-effects model selection.

Each subject follows one hypothesis, drawn with unknown frequencies that have a Dirichlet prior; a
variational Dirichlet posterior is found from the subjects' log evidence (Stephan, Penny, Daunizeau,
Moran & Friston 2009, NeuroImage 46:1004). The omnibus risk is the probability that all frequencies
are equal, and protects exceedance probabilities from it (Rigoux, Stephan, Friston & Daunizeau 2014,
NeuroImage 84:971). Recalled, not re-read. It rests on marginal likelihoods, and so on priors as
much as on data: it is told beside a comparison and decides no claim.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.special import digamma, expit, gammainc, gammaln, logsumexp, softmax

from dopafit.core.arguments import takes
from dopafit.core.errors import FitError, SpecError
from dopafit.core.shown import Shown

__all__ = ["Frequencies", "Selection", "exceedance", "select"]

STEPS = 100_000
SETTLED = 1e-10
"""Change of every count, a step, at which the posterior has settled."""


@dataclass(frozen=True, eq=False)
class Frequencies:
    """What a group of subjects says of the frequencies of hypotheses, or of families.

    Parameters
    ----------
    table : DataFrame
        Index ``hypothesis`` or ``family``: `count` (of the Dirichlet posterior), `frequency` (its
        mean), `exceedance` (probability of being the most frequent) and `protected` (the same,
        averaged over whether frequencies differ at all).
    omnibus_risk : float
        Probability that all are equally frequent.
    log_evidence : float
        Variational bound of the log probability of all subjects' data.
    """

    table: pd.DataFrame
    omnibus_risk: float
    log_evidence: float


@dataclass(frozen=True, eq=False)
class Selection(Shown):
    """Random-effects selection among hypotheses.

    Parameters
    ----------
    hypotheses : Frequencies
        With one prior count for each hypothesis.
    families : Frequencies or None
        With one prior count for each family, spread evenly over its members.
    attribution : DataFrame
        Probability that each subject (index) follows each hypothesis (columns).
    groups : mapping of str to Selection
        Of each group of subjects by itself.
    groups_differ : float
        Probability, from even odds, that groups have frequencies of their own (of families, where
        there are some); NaN without groups.
    """

    hypotheses: Frequencies
    families: Frequencies | None
    attribution: pd.DataFrame
    groups: Mapping[str, Selection] = field(default_factory=dict)
    groups_differ: float = float("nan")

    def _table_shown(self) -> pd.DataFrame:
        return self.hypotheses.table

    def __repr__(self) -> str:
        lines = [f"random-effects selection over {len(self.attribution)} subjects; no claim"]
        for found in (self.hypotheses, self.families):
            if found is not None:
                lines += [found.table.round(3).to_string()]
                lines += [f"probability that all are equally frequent: {found.omnibus_risk:.3f}"]
        if self.groups:
            names = ", ".join(self.groups)
            lines += [f"probability that {names} differ in frequencies: {self.groups_differ:.3f}"]
        return "\n".join(lines)


@takes(evidence=pd.DataFrame)
def select(
    evidence: pd.DataFrame,
    *,
    families: Mapping[str, str] | None = None,
    groups: Sequence[Hashable] | None = None,
    prior: float = 1.0,
) -> Selection:
    """Say how frequent hypotheses are among subjects.

    Parameters
    ----------
    evidence : DataFrame
        Log marginal likelihood of every subject (index) under every hypothesis (columns).
    families : mapping of str to str, optional
        Family of each hypothesis.
    groups : sequence, optional
        Group of each subject.
    prior : float
        Dirichlet count of each hypothesis, and of each family, before any subject.

    Returns
    -------
    Selection

    Raises
    ------
    SpecError
        Evidence that is not finite, fewer than two hypotheses or families, a hypothesis without a
        family, a subject without a group.

    Examples
    --------
    >>> import pandas as pd
    >>> evidence = pd.DataFrame({"trough": [-10.0, -12.0], "peak": [-13.0, -12.5]})
    >>> select(evidence).hypotheses.table["frequency"].round(2).to_dict()
    {'trough': 0.64, 'peak': 0.36}
    """
    values = _checked(evidence, prior)
    names = [str(name) for name in evidence.columns]
    own = np.arange(len(names))
    every = _level(values, own, names, "hypothesis", prior)
    found, family = every, None
    if families is not None:
        kinds, member_of = _families(names, families)
        found = family = _level(values, member_of, kinds, "family", prior)
    counts = every[1]
    share = softmax(values + digamma(counts) - digamma(counts.sum()), axis=1)
    attribution = pd.DataFrame(share, index=evidence.index, columns=names)
    parts, differ = {}, float("nan")
    if groups is not None:
        parts = {
            name: select(evidence[rows], families=families, prior=prior)
            for name, rows in _groups(groups, len(values)).items()
        }
        each = ((part.families or part.hypotheses).log_evidence for part in parts.values())
        differ = float(expit(sum(each) - found[0].log_evidence))
    return Selection(every[0], family and family[0], attribution, parts, differ)


def exceedance(counts: np.ndarray) -> np.ndarray:
    """Return for each part of a Dirichlet distribution the probability that it is the largest.

    Parameters
    ----------
    counts : array, (part,)
        The distribution's counts, all positive.

    Returns
    -------
    array, (part,)
        Exact up to rounding: shares of a Dirichlet distribution are independent gamma variables
        over their sum, so it takes one integral, whose integrand is smooth in the logarithm.

    Examples
    --------
    >>> exceedance([2.0, 1.0]).round(6).tolist()
    [0.75, 0.25]
    """
    counts = np.asarray(counts, dtype=float)
    largest = counts.max()
    low = min(-60.0 / counts.sum(), np.log(largest) - 12.0 / np.sqrt(largest))
    high = np.log(largest + 12.0 * np.sqrt(largest) + 60.0)
    step = 0.1 / np.sqrt(1.0 + largest)
    at = np.arange(low, high, step)[:, None]
    x = np.exp(at)
    below = gammainc(counts, x)
    density = np.exp(counts * at - x - gammaln(counts))
    others = [np.delete(below, k, axis=1).prod(axis=1) for k in range(len(counts))]
    chance = (density.T * np.array(others)).sum(axis=1)
    return chance / chance.sum()


def _level(
    values: np.ndarray, member_of: np.ndarray, names: Sequence[str], index: str, prior: float
) -> tuple[Frequencies, np.ndarray]:
    """Return frequencies of these families, and the posterior counts of all hypotheses.

    Under the null all families are equally frequent, and members of a family as they will.
    """
    size = len(names)
    start = prior / np.bincount(member_of)[member_of]
    counts, bound = _posterior(values, start, np.zeros_like(member_of))
    _, null = _posterior(values, start, member_of)
    risk = float(expit(null - bound))
    total = np.bincount(member_of, weights=counts)
    chance = exceedance(total)
    table = pd.DataFrame(
        {
            "count": total,
            "frequency": total / total.sum(),
            "exceedance": chance,
            "protected": (1.0 - risk) * chance + risk / size,
        },
        index=pd.Index(names, name=index),
    )
    return Frequencies(table, risk, bound), counts


def _posterior(
    values: np.ndarray, prior: np.ndarray, block: np.ndarray
) -> tuple[np.ndarray, float]:
    """Return Dirichlet counts of each hypothesis, and the bound on the log evidence.

    Blocks of hypotheses have equal shares; within each, shares are Dirichlet.
    """
    subjects, size = values.shape
    starts = [softmax(values, axis=1), *np.eye(size)[:, None].repeat(subjects, axis=1)]
    ends = [_climb(values, prior, block, prior + share.sum(axis=0)) for share in starts]
    return max(ends, key=lambda end: end[1])


def _climb(
    values: np.ndarray, prior: np.ndarray, block: np.ndarray, counts: np.ndarray
) -> tuple[np.ndarray, float]:
    for _ in range(STEPS):
        scores = values + _expected(counts, block)
        moved = prior + softmax(scores, axis=1).sum(axis=0)
        if np.abs(moved - counts).max() < SETTLED:
            return moved, _bound(values, prior, block, moved)
        counts = moved
    raise FitError(
        "the frequencies of hypotheses did not settle",
        allowed="log evidence that is finite",
        todo="report this with the table of log evidence",
    )


def _expected(counts: np.ndarray, block: np.ndarray) -> np.ndarray:
    """Return the expected logarithm of each hypothesis's frequency."""
    total = np.bincount(block, weights=counts)
    return digamma(counts) - digamma(total)[block] - np.log(len(total))


def _bound(values: np.ndarray, prior: np.ndarray, block: np.ndarray, counts: np.ndarray) -> float:
    """Return the bound, with every subject's attribution the best one given the counts."""
    after, before = (np.bincount(block, weights=each) for each in (counts, prior))
    away = gammaln(after).sum() - gammaln(before).sum() - (gammaln(counts) - gammaln(prior)).sum()
    away += ((counts - prior) * (digamma(counts) - digamma(after)[block])).sum()
    return float(logsumexp(values + _expected(counts, block), axis=1).sum() - away)


def _checked(evidence: pd.DataFrame, prior: float) -> np.ndarray:
    if evidence.shape[1] < 2 or not len(evidence):
        raise SpecError(
            f"log evidence of {len(evidence)} subjects under {evidence.shape[1]} hypotheses",
            allowed="one row a subject, one column a hypothesis, two hypotheses or more",
            todo="give the table of log marginal likelihoods by subject",
        )
    values = evidence.to_numpy(dtype=float)
    if not np.isfinite(values).all():
        row, column = np.argwhere(~np.isfinite(values))[0]
        raise SpecError(
            f"log evidence of subject {evidence.index[row]} under {evidence.columns[column]} is "
            f"{values[row, column]}",
            allowed="finite numbers",
            todo="leave the subject out, or find out why the hypothesis cannot be scored",
        )
    if not (np.isfinite(prior) and prior > 0):
        raise SpecError(f"prior = {prior!r}", allowed="a number above 0", todo="leave prior out")
    return values


def _families(names: Sequence[str], families: Mapping[str, str]) -> tuple[list[str], np.ndarray]:
    without = [name for name in names if not families.get(name)]
    kinds = list(dict.fromkeys(families[name] for name in names if name not in without))
    if without or len(kinds) < 2:
        raise SpecError(
            f"no family is given for {', '.join(without)}" if without else f"one family: {kinds}",
            allowed="a family for each hypothesis, two families or more",
            todo="name them, e.g. {'trough': 'trough', 'level': 'no trough'}, or leave them out",
        )
    return kinds, np.array([kinds.index(families[name]) for name in names])


def _groups(groups: Sequence[Hashable], subjects: int) -> dict[str, np.ndarray]:
    labels = np.array([str(label) for label in groups])
    found = {str(label): labels == label for label in dict.fromkeys(labels)}
    if len(labels) != subjects or len(found) < 2:
        raise SpecError(
            f"groups: {len(labels)} labels, {len(found)} different, for {subjects} subjects",
            allowed="one label for each subject, two groups or more",
            todo="give the group of every row of the table, or leave groups out",
        )
    return found
