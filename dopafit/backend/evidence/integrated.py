"""Leave-one-out by session and subject with the subject's own coordinates integrated out.

Given the shared coordinates phi, a subject with own coordinates z has

    A   = p(y_i | phi)     = integral prod_u p(y_iu | phi, z) N(z) dz
    B_u = p(y_i,-u | phi)  = the same without its session u

A session left out is predicted by the mean of A / B_u over what phi would be without it, weighted
by B_u / A (a subject: 1 / A). Both integrals are importance sampled from one set of draws, one of
which is the posterior's own z: then the mean of B_u / A over the posterior is right for any number
of draws. Draws that carry too little weight are doubled; then B_u gets a mode of its own.

References
----------
Pseudo-marginal identity: Andrieu & Roberts (2009), Annals of Statistics 37:697; importance sampled
leave-one-out: Vehtari et al. (2024), JMLR 25:72; recalled, not re-read.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from dopafit.backend.evidence.conditional import find_peak
from dopafit.backend.evidence.estimate import LEAST_EFFECTIVE, Estimate, estimate
from dopafit.backend.evidence.given import deviations, sessions_given
from dopafit.backend.evidence.scores import LooResult, importance_weights, loo
from dopafit.backend.evidence.subjects import Subjects, find_subjects
from dopafit.core.machine import available_cores, single_threaded
from dopafit.core.seed import spawn
from dopafit.model.layout.layout import Layout

__all__ = ["Integrated", "integrate_subjects"]

SEEN = 32
"""Draws of the shared coordinates at most whose inner weights are kept, for their tail."""

POOR_SHARE = 0.05
"""Share of draws with too few effective inner draws from which a unit has to be refitted."""

INNER_K = 0.7

REACH = 3.0
"""Prior standard deviations within which the search for modes starts."""


@dataclass(frozen=True, eq=False)
class Integrated:
    """Every subject's and session's density given draws of the shared coordinates.

    Parameters
    ----------
    subjects, sessions : tuple of str
        Labels.
    subject : array of int, (session,)
        Subject of each session.
    log_subject : array, (chain, draw, subject)
        Log of p(y_i | phi).
    log_session : array, (chain, draw, session)
        Log of p(y_iu | phi, y_i,-u): of a known subject if it has other sessions.
    half_subject, half_session : array, (chain, draw, ...)
        The same from half the inner draws.
    effective : array, (chain, draw, subject + session)
        Effective inner draws behind p(y_i | phi) and p(y_i,-u | phi).
    inner_k : array, (subject + session,)
        Tail shape of the inner weights, over several draws of phi together.
    count : int
        Inner draws.
    draws : tuple of int
        Draws used, and draws there are.
    doubled : array of bool, (chain, draw)
        Where inner draws were doubled.
    own_mode : array of bool, (chain, draw, session)
        Where p(y_i,-u | phi) got a mode of its own.
    lost : int
        Draws at which a search for modes did not end.
    scored : array of bool, (session,)
        Which sessions, or parts of them, are units.
    """

    subjects: tuple[str, ...]
    sessions: tuple[str, ...]
    subject: np.ndarray
    log_subject: np.ndarray
    log_session: np.ndarray
    half_subject: np.ndarray
    half_session: np.ndarray
    effective: np.ndarray
    inner_k: np.ndarray
    count: int
    draws: tuple[int, int]
    doubled: np.ndarray
    own_mode: np.ndarray
    lost: int
    scored: np.ndarray

    @property
    def known(self) -> np.ndarray:
        """Whether a session's subject has others: else its score is that of a new subject."""
        return np.bincount(self.subject)[self.subject] > 1

    def loo(self, unit: str, *, half: bool = False) -> LooResult:
        """Return leave-one-out by subject, or by session or part of one.

        Parameters
        ----------
        unit : {"session", "subject", "future"}
        half : bool
            Whether from half the inner draws only.
        """
        if unit == "subject":
            return loo(self.half_subject if half else self.log_subject)
        return loo((self.half_session if half else self.log_session)[..., self.scored])

    def unreliable(self, unit: str) -> np.ndarray:
        """Return which units need a fit without them, (unit,).

        Because few inner draws carry the weight, at one draw of phi in twenty or more, or the tail
        of their weights is heavy. That `LooResult.bad` is another reason.
        """
        first = len(self.subjects)
        place = slice(first) if unit == "subject" else slice(first, None)
        few = (self.effective < LEAST_EFFECTIVE).mean(axis=(0, 1)) > POOR_SHARE
        bad = few | ~(self.inner_k <= INNER_K)
        if unit == "subject":
            return bad[place]
        return (bad[place] | bad[self.subject])[self.scored]


@single_threaded()
def integrate_subjects(
    layout: Layout,
    x: np.ndarray,
    h: np.ndarray,
    *,
    seed: int,
    draws: int | None = 250,
    count: int = 100,
    subjects: Subjects | None = None,
    own: bool = True,
) -> Integrated:
    """Integrate every subject's own coordinates out, draw by draw.

    Parameters
    ----------
    layout : Layout
        A model laid out over a study.
    x, h : array, (chain, draw, ...)
        Posterior draws of the standard coordinates.
    seed : int
        Source of the inner draws.
    draws : int or None
        Draws per chain that are used, evenly spread; all where None.
    count : int
        Inner draws of every block.
    subjects : Subjects, optional
        Those of the layout, whose rows alone it has; found unless given.
    own : bool
        Whether the draws are of a posterior that knows the units: then one of the inner draws is
        its own.

    Returns
    -------
    Integrated
    """
    there = x.shape[1]
    if draws is not None and draws < there:
        kept = np.linspace(0, there - 1, draws).astype(int)
        x, h = x[:, kept], h[:, kept]
    shape, subjects = x.shape[:2], subjects or find_subjects(layout)
    flat_x, flat_h = x.reshape(-1, x.shape[-1]), h.reshape(-1, h.shape[-1])
    given = sessions_given(layout, subjects)
    typical = np.exp(np.log(flat_h).mean(axis=0))
    reference = given(flat_x.mean(axis=0), typical)
    every = np.ones(len(subjects.sessions))
    around, _ = find_peak(reference, subjects, np.zeros(subjects.shape), every)
    deviation = deviations(layout, subjects, typical) * around.peak(every).mode
    streams = spawn(seed, f"integrated/{layout.program.model.hypothesis}").spawn(len(flat_x))

    def one(i: int) -> Estimate:
        start = np.clip(deviation / deviations(layout, subjects, flat_h[i]), -REACH, REACH)
        mine = np.where(subjects.own >= 0, flat_x[i][subjects.own], 0.0) if own else None
        rng = np.random.default_rng(streams[i])
        found = estimate(given(flat_x[i], flat_h[i]), subjects, start, mine, rng, count)
        if i % spacing:
            found.log_weight = []
        return found

    spacing = -(-len(flat_x) // SEEN)
    with ThreadPoolExecutor(max_workers=available_cores()) as pool:
        found = list(pool.map(one, range(len(flat_x))))

    def split(log_values: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Return log A of every subject, and log A / B of every session."""
        log_value = np.array(log_values).reshape(*shape, -1)
        log_a, log_b = np.split(log_value, [len(subjects.names)], axis=-1)
        with np.errstate(invalid="ignore"):
            log_session = log_a[..., subjects.subject] - log_b
        # where not even the rest has a density, the session has none either
        return log_a, np.where(np.isnan(log_session), -np.inf, log_session)

    return Integrated(
        subjects.names,
        subjects.sessions,
        subjects.subject,
        *split([each.log_value for each in found]),
        *split([each.log_half for each in found]),
        np.array([each.effective for each in found]).reshape(*shape, -1),
        _tails([each for each in found if each.log_weight]),
        count,
        (len(flat_x), shape[0] * there),
        np.array([each.doubled for each in found]).reshape(shape),
        np.array([each.own_mode for each in found]).reshape(*shape, -1),
        sum(not each.found for each in found),
        subjects.scored,
    )


def _tails(found: list[Estimate]) -> np.ndarray:
    """Return the tail shape of the weights over their mean, (subject + session,)."""
    result = np.zeros(found[0].log_value.size)
    for place in range(result.size):
        # where there is no density there are no weights; too few draws count say so then
        parts = [
            each.log_weight[place] - each.log_value[place]
            for each in found
            if np.isfinite(each.log_value[place])
        ]
        ratio = np.concatenate([np.zeros(1), *parts])[1:]
        finite = ratio[np.isfinite(ratio)]
        if not parts:
            result[place] = np.inf
        elif np.ptp(finite) > 1e-9:
            result[place] = importance_weights(ratio)[1]
    return result
