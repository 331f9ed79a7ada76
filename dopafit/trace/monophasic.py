r"""The monophasic kernel: the level goes up and comes back; no crossing, no trough.

.. math:: h(t) = C (e^{-\lambda t} - e^{-\lambda t / r}), \quad r \to 0: e^{-\lambda t}
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from dopafit.core.component import Parameter
from dopafit.core.prior import Prior
from dopafit.trace.dynamics import Exponentials
from dopafit.trace.kernel import Kernel
from dopafit.trace.parameters import AREA, DECAY, LN2, PEAK_TIME

__all__ = ["Monophasic"]

LARGEST = 1 - 1e-6  # beyond, both exponentials are one in double precision


class Monophasic(Kernel):
    """Exponential decay, at once or after a rise: nothing ever falls below baseline.

    It is what a trough has to be held against. A trough drive cannot be scaled by it.
    """

    name = "monophasic"
    reference = "exponential decay; with a rise the response of one-compartment kinetics (recalled)"
    words = "goes up and decays back to baseline; the responses to successive events add up"
    dynamics = Exponentials(2)
    scales = frozenset({"initial_slope"})
    goes_below = False
    landmark_words: ClassVar = {"time_to_peak": PEAK_TIME, "area": AREA}
    latex = (
        r"h(t) = C (e^{-\lambda t} - e^{-\lambda t/r}),\quad \lambda = \ln 2 / t_{1/2},\quad "
        r"r \to 0:\ h(t) = e^{-\lambda t}"
    )
    notation: ClassVar = {"peak": "P", "decay_half_life": "t_{1/2}", "rise_ratio": "r"}
    symbols: ClassVar = {
        "C": "the scale at which the maximum of the response is 1",
        r"\lambda": "rate of the decay [1/s]",
    }

    decay_half_life = DECAY
    rise_ratio = Parameter(
        meaning="rate of the decay over rate of the rise",
        unit="1",
        prior=None,
        fixed=0.0,
        convention="the response is there at once; give it a prior to let it rise",
        link="logit",
        spread=Prior.half_normal(0.2),
    )

    def exponentials(self, xp, decay_half_life, rise_ratio):
        """Return two coefficients [1] and rates [1/s] of the response with peak 1."""
        rises = rise_ratio > 0
        r = xp.where(rises, xp.minimum(rise_ratio, LARGEST), 0.5)
        scale = xp.where(rises, xp.exp(-r * xp.log(r) / (1 - r)) / (1 - r), 1.0)
        lam = LN2 / decay_half_life
        return [scale, xp.where(rises, -scale, 0.0)], [lam, lam / xp.where(rises, r, 1.0)]

    def marks(self, decay_half_life, rise_ratio):
        """Return the area [s] and, where there is a rise, the time to the peak [s]."""
        found = super().marks(decay_half_life=decay_half_life, rise_ratio=rise_ratio)
        if np.any(rise_ratio > 0):
            r = np.clip(rise_ratio, 1e-300, LARGEST)
            found["time_to_peak"] = -r * np.log(r) / (1 - r) * decay_half_life / LN2
        return found
