"""A channel from outside whose rows depend on the row before: ratings with AR(1) noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.special import ndtr

from dopafit.channel.channel import Channel, Rows, Signature, outcome_column, with_columns
from dopafit.core.component import Parameter
from dopafit.core.prior import Prior

__all__ = ["Rating"]

HALF_LOG_2PI = 0.5 * np.log(2.0 * np.pi)


@dataclass(frozen=True)
class Rating(Channel):
    r"""Ratings around the predictor, with noise that carries over from one to the next.

    The noise of a session is stationary from its first rating on: its standard deviation is sigma
    everywhere, its correlation from rating to rating rho.

    Parameters
    ----------
    column : str
        Column of `observations`; missing rows are left out.
    """

    column: str = "vas"

    name = "rating"
    prefix = "rating"
    reference = "autoregressive noise of order 1, Box and Jenkins (1970), recalled"
    outcome = "rating"
    words = "ratings, with a normal likelihood and noise that carries over to the next rating"
    signature = Signature("mean rating")
    latex = (
        r"y_i - \eta_i \mid y_{i-1} \sim "
        r"N(\phi (y_{i-1} - \eta_{i-1}),\, \sigma^2 (1 - \phi^2))"
    )
    notation: ClassVar = {"rest": r"\alpha", "rho": r"\phi", "sigma": r"\sigma"}
    symbols: ClassVar = {
        "y_i": "rating i of a session; the first has no one before it: N(0, \\sigma^2)"
    }
    arguments = frozenset({"eta", "rating", "previous"})

    rest = Parameter("rating at baseline", "1", Prior.normal(0, 2), varies="row")
    gain = Parameter("change of the rating per unit lobe", "1", Prior.normal(0, 1), varies="row")
    sigma = Parameter("standard deviation of the noise", "1", Prior.lognormal(1.0, 0.7), link="log")
    rho = Parameter(
        "correlation of the noise from one rating to the next",
        "1",
        Prior.logit_normal(0.3, 1.0),
        link="logit",
    )

    def rows(self, study, at, scales):
        """Return one row per observation with a rating."""
        frame = at(study.observations)
        value = outcome_column(frame, self.column, self.prefix)
        keep = value.notna().to_numpy()
        kept = frame[keep].reset_index(drop=True)
        unit = kept["trial_number"].to_numpy(np.int64)
        return Rows(kept, {"rating": value[keep].to_numpy()}, unit, int((~keep).sum()))

    def standardized(self, xp, eta, rating, previous, sigma, rho):
        """Return each rating's distance from what is expected of it, and the scale of that."""
        rest = rho * previous(rating - eta)
        scale = sigma * xp.sqrt(1.0 - previous(rho**2))
        return (rating - eta - rest) / scale, scale

    def logp(self, xp, eta, rating, previous, sigma, rho):
        """Return the log density of each rating, given the one before."""
        z, scale = self.standardized(xp, eta, rating, previous, sigma, rho)
        return -0.5 * z**2 - xp.log(scale) - HALF_LOG_2PI

    def cumulative(self, eta, rating, previous, sigma, rho):
        """Return P(below) and P(up to) each rating, given the one before."""
        below = ndtr(self.standardized(np, eta, rating, previous, sigma, rho)[0])
        return below, below

    def blank(self, study):
        """Return the study with every rating set to 0."""
        return with_columns(study, {self.column: 0.0})

    def simulate(self, rng, eta, data, previous, sigma, rho):
        """Draw ratings one after the other."""
        fresh = rng.standard_normal(eta.shape) * sigma * np.sqrt(1.0 - previous(rho**2))
        return {self.column: eta + previous.carried(lambda noise: rho * noise + fresh)}
