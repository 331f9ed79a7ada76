r"""The two-scale kernel: a fast and a slow decay, both above baseline.

.. math:: h(t) = w e^{-\lambda t} + (1 - w) e^{-\lambda t / r}
"""

from __future__ import annotations

from typing import ClassVar

from dopafit.core.component import Landmark, Parameter
from dopafit.core.prior import Prior
from dopafit.trace.dynamics import Exponentials
from dopafit.trace.kernel import Kernel
from dopafit.trace.parameters import AREA, DECAY, LN2

__all__ = ["TwoScales"]


class TwoScales(Kernel):
    """Two positive exponentials that begin at once: a sharp start with a long tail, no trough.

    Fast and slow part are told apart only where events are read at lags of both half-lives; where
    they are not, `slow_weight` and `fast_ratio` keep their priors.
    """

    name = "two_scales"
    reference = "phasic and tonic time scales, after Grace (1991) (recalled)"
    words = (
        "jumps up and decays to baseline, at first fast and then slowly; the responses to "
        "successive events add up"
    )
    dynamics = Exponentials(2)
    scales = frozenset({"initial_slope"})
    goes_below = False
    landmark_words: ClassVar = {
        "fast_half_life": Landmark("half-life of the fast part of the decay", "s"),
        "area": AREA,
    }
    latex = r"h(t) = w e^{-\lambda t} + (1 - w) e^{-\lambda t/r},\quad \lambda = \ln 2 / t_{1/2}"
    notation: ClassVar = {
        "peak": "P",
        "decay_half_life": "t_{1/2}",
        "fast_ratio": "r",
        "slow_weight": "w",
    }
    symbols: ClassVar = {r"\lambda": "rate of the slow decay [1/s]"}

    decay_half_life = DECAY
    fast_ratio = Parameter(
        meaning="half-life of the fast part over half-life of the slow part",
        unit="1",
        prior=Prior.logit_normal(0.1, 1.0),
        link="logit",
        reason="the fast part is usually several times faster than the slow one; wide",
        spread=Prior.half_normal(0.2),
    )
    slow_weight = Parameter(
        meaning="share of the peak that decays slowly",
        unit="1",
        prior=Prior.logit_normal(0.5, 1.0),
        link="logit",
        reason="either part may be the larger one; wide",
        spread=Prior.half_normal(0.3),
    )

    def exponentials(self, xp, decay_half_life, fast_ratio, slow_weight):
        """Return two coefficients [1] and rates [1/s] of the response with peak 1."""
        lam = LN2 / decay_half_life
        return [slow_weight, 1 - slow_weight], [lam, lam / xp.maximum(fast_ratio, 1e-12)]

    def marks(self, decay_half_life, fast_ratio, slow_weight):
        """Return the half-life of the fast part [s] and the area [s]."""
        own = {"decay_half_life": decay_half_life, "fast_ratio": fast_ratio}
        return super().marks(**own, slow_weight=slow_weight) | {
            "fast_half_life": fast_ratio * decay_half_life
        }
