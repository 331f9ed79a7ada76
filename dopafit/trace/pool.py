r"""The depletable pool: an event releases a share of what is left, and the pool refills.

.. math:: z \to z + m R,\quad R \to R (1 - U), \quad
          R' = (1 - R) / \tau_R, \quad z' = -\lambda z
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from dopafit.core.component import Parameter
from dopafit.core.prior import Prior
from dopafit.trace.dynamics import Dynamics
from dopafit.trace.kernel import Kernel
from dopafit.trace.parameters import DECAY, LN2

__all__ = ["Pool"]


@dataclass(frozen=True)
class Depletion(Dynamics):
    """Two states: the level, and how much of the pool is missing; both decay exponentially."""

    states: int = 2

    def advance(self, xp, state, gap, parameters):
        """Return the decayed level and the rest of what is missing."""
        level, missing = state
        return (
            level * xp.exp(-parameters["rate"] * gap),
            missing * xp.exp(-parameters["refill_rate"] * gap),
        )

    def kick(self, xp, state, size, parameters):
        """Return the states after an event whose effect is its size times what is left."""
        level, missing = state
        left = 1 - missing
        return level + size * left, missing + parameters["release_share"] * left

    def read(self, xp, state, gap, parameters):
        """Return the level and its derivative by time."""
        level = state[0] * xp.exp(-parameters["rate"] * gap)
        return {"level": level, "slope": -parameters["rate"] * level}


class Pool(Kernel):
    """Decaying responses that shrink in dense trains, as a pool runs down and refills.

    An event draws the same share of what is left whatever its magnitude; the magnitude says how
    much reaches the level. An event after a long rest has a response of 1. With a release share of
    0 every event has, and the kernel is `monophasic`. Share and refill trade off unless the
    intervals between events vary.
    """

    name = "pool"
    reference = "depression at depleting synapses, Tsodyks and Markram (1997) (recalled)"
    words = (
        "jumps up and decays to baseline, by less the fuller the recent past was of events, as a "
        "pool runs down and refills"
    )
    formula = "prepare"
    dynamics = Depletion()
    scales = frozenset({"initial_slope"})
    goes_below = False
    # no area: responses do not add up, so that no mean level follows from it
    landmark_words: ClassVar = {}
    train = (
        r"s(t) = \sum_{j:\, t_j < t} \frac{m_j}{m_0} P\, R(t_j)\, h(t - t_j),\quad \max h = 1,"
        r"\quad R' = \ln 2\, (1 - R) / T,\quad R(t_j) \to (1 - U) R(t_j)"
    )
    latex = r"h(t) = e^{-\lambda t},\quad \lambda = \ln 2 / t_{1/2}"
    notation: ClassVar = {
        "peak": "P",
        "decay_half_life": "t_{1/2}",
        "release_share": "U",
        "refill_half_life": "T",
    }
    symbols: ClassVar = {
        r"\lambda": "rate of the decay [1/s]",
        "R": "what is left of the pool, 1 at a session's start",
    }

    decay_half_life = DECAY
    release_share = Parameter(
        meaning="share of what is left in the pool that an event takes",
        unit="1",
        prior=Prior.logit_normal(0.3, 1.0),
        link="logit",
        spread=Prior.half_normal(0.3),
        reason="some, seldom nearly all; wide",
    )
    refill_half_life = replace(DECAY, meaning="half-life of the refilling of the pool", phrase="")

    def exponentials(self, xp, decay_half_life, **_):
        """Return the coefficient [1] and the rate [1/s] of the response of a full pool."""
        return [1.0 + 0.0 * decay_half_life], [LN2 / decay_half_life]

    def marks(self, **_):
        """Return nothing: the parameters say it all."""
        return {}

    def prepare(self, xp, decay_half_life, release_share, refill_half_life):
        """Return the rates [1/s] and the share."""
        return {
            "rate": LN2 / decay_half_life,
            "refill_rate": LN2 / refill_half_life,
            "release_share": release_share,
        }
