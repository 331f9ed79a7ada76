"""What one draw of the shared coordinates says about every subject, with and without each session.

Subject i's A and the B of each of its sessions are means of weighted likelihoods over draws of its
block. Coordinates of the session left out alone (its intercepts) are integrated out of B.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dopafit.backend.evidence.conditional import Evaluate, Expansion, find_peak
from dopafit.backend.evidence.proposals import Proposal, effective_size, log_mean
from dopafit.backend.evidence.subjects import Subjects

__all__ = ["LEAST_EFFECTIVE", "Estimate", "around_modes", "estimate", "log_weights"]

LEAST_EFFECTIVE = 50.0
"""Effective draws under which an integral is tried again."""

FEW = 4
"""Sessions up to which the draws are spread over where the subject is without each of them."""


@dataclass(eq=False)
class Estimate:
    """Integrals given one draw of the shared coordinates; subjects first, then sessions.

    Parameters
    ----------
    log_value, log_half : array, (subject + session,)
        Log of A of each subject, of B of each session; the same from the first half of the draws.
    effective : array, (subject + session,)
        Effective draws behind them.
    log_weight : list of array, (draw,)
        Log weights of the draws behind each.
    doubled : bool
        Whether the draws had to be doubled.
    own_mode : array of bool, (session,)
        Whether B got a mode of its own.
    found : bool
        Whether every mode was found.
    """

    log_value: np.ndarray
    log_half: np.ndarray
    effective: np.ndarray
    log_weight: list[np.ndarray]
    doubled: bool
    own_mode: np.ndarray
    found: bool


def estimate(
    evaluate: Evaluate,
    subjects: Subjects,
    start: np.ndarray,
    own: np.ndarray | None,
    rng: np.random.Generator,
    count: int,
) -> Estimate:
    """Integrate every subject's block.

    Parameters
    ----------
    evaluate : callable
        Log likelihoods of the sessions given the shared coordinates.
    subjects : Subjects
        Who owns what.
    start : array, (subject, place)
        Where the search for the modes starts; it must not depend on `own`.
    own : array, (subject, place), or None
        The posterior's own draw of the blocks, for means of B / A; None for means of A and A / B.
    rng : Generator
        Source of the other draws.
    count : int
        Draws, the posterior's own among them.
    """
    names = len(subjects.names)
    around, found = find_peak(evaluate, subjects, start, np.ones(len(subjects.sessions)))
    proposal = around_modes(around)
    blocks = proposal.draw(rng, count if own is None else count - 1)
    if own is not None:
        blocks = np.concatenate([own[None], blocks])
    log_lik = evaluate(blocks)
    weights = log_weights(subjects, proposal, blocks, log_lik)
    effective = effective_size(weights)
    asked = np.append(np.ones(names, bool), subjects.scored)
    doubled = bool((effective < LEAST_EFFECTIVE)[asked].any())
    if doubled:
        more = proposal.draw(rng, count)
        added = log_weights(subjects, proposal, more, evaluate(more))
        weights = np.concatenate([weights, added])
        effective = effective_size(weights)
    log_value, log_weight = log_mean(weights), list(weights.T)
    log_half = log_mean(weights[: len(weights) // 2])
    own_mode = np.zeros(len(subjects.sessions), bool)
    # subjects with a B that is still poor go on together, one session each at a time
    poor = subjects.ranks((effective[names:] < LEAST_EFFECTIVE) & subjects.scored)
    for rank in poor:
        kept = subjects.without(rank)
        own_around, ended = find_peak(evaluate, subjects, around.peak(kept).mode, kept)
        other, found = Proposal((own_around.peak(kept),)), found and ended
        blocks = other.draw(rng, count)
        weights = log_weights(subjects, other, blocks, evaluate(blocks))
        for session in subjects.left_out(rank):
            place = names + session
            if not np.isfinite(log_mean(weights[:, place])):  # a mode that was not found
                continue
            log_weight[place], own_mode[session] = weights[:, place], True
            log_value[place] = log_mean(weights[:, place])
            log_half[place] = log_mean(weights[: count // 2, place])
            effective[place] = effective_size(weights[:, place])
    return Estimate(log_value, log_half, effective, log_weight, doubled, own_mode, found)


def around_modes(around: Expansion) -> Proposal:
    """Return t around the modes, and around those without a session where there are few of them."""
    subjects = around.subjects
    every = np.ones(len(subjects.sessions))
    peaks, ranks = [around.peak(every)], subjects.of_subject.shape[1]
    if not 1 < ranks <= FEW:
        return Proposal(tuple(peaks))
    for rank in range(ranks):
        has = (subjects.of_subject[:, rank] >= 0) & (subjects.of_subject[:, 1] >= 0)
        left_out = np.where(has, rank, -1)
        less = around.peak(subjects.without(left_out))
        peaks.append(peaks[0].given_places(less, subjects.places_left(left_out)))
    return Proposal(tuple(peaks))


def log_weights(
    subjects: Subjects, proposal: Proposal, blocks: np.ndarray, log_lik: np.ndarray
) -> np.ndarray:
    """Return the log weights times likelihoods behind A and every B, (draw, subject + session)."""
    owned, ranks = subjects.own >= 0, subjects.of_subject.shape[1]
    # one more column stands for the sessions that a subject does not have
    padded = np.concatenate([log_lik, np.zeros((len(log_lik), 1))], axis=1)
    by_rank = padded[:, subjects.of_subject]
    whole = proposal.log_weight(blocks, owned)
    found = np.empty((len(log_lik), len(owned) + len(subjects.sessions)))
    found[:, : len(owned)] = whole + by_rank.sum(axis=2)
    for rank in range(ranks):
        session = subjects.of_subject[:, rank]
        has = session >= 0
        left = subjects.places_left(np.where(has, rank, -1))
        ratio = whole if (left == owned).all() else proposal.log_weight(blocks, left)
        others = np.delete(by_rank, rank, axis=2).sum(axis=2)
        found[:, len(owned) + session[has]] = (ratio + others)[:, has]
    return found
