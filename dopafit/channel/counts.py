"""Counts of acts in windows: a negative binomial channel."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pandas as pd
from scipy.special import betainc

from dopafit.channel.channel import (
    At,
    Channel,
    Moments,
    Rows,
    Scales,
    Signature,
    Typical,
    named_column,
    numbers,
    outcome_column,
    refuse_cells,
    times_by_session,
    with_columns,
)
from dopafit.channel.parameters import LOG_RATE, LOG_RATE_GAIN
from dopafit.channel.quadrature import LARGEST_SHARE, TOLERANCE, Marks, grid, segments
from dopafit.core.component import Parameter
from dopafit.core.errors import FitError
from dopafit.core.prior import Prior
from dopafit.core.xp import gammaln, softplus
from dopafit.study.lasting import input_times
from dopafit.study.sessions import KEYS
from dopafit.study.study import Study

__all__ = ["Counts"]

ACTS = 100.0
"""Least number of acts a window that the quadrature is fine enough for: a simulation has none yet,
and must see the same means as the fit of what it makes."""

MOST = 1e15
"""Largest mean that is simulated; above it whole numbers are no longer exact."""


@dataclass(frozen=True)
class Counts(Channel):
    r"""Negative binomial counts whose rate follows the mean motivation over a window.

    .. math:: y \sim \mathrm{NegBin},\quad \ln\mu = \ln e + \alpha + b \bar M,\quad
        \mathrm{Var}(y) = \mu + \kappa^2 \mu^2

    with the mean of M over the window by Gauss-Legendre quadrature, cut where events and windows
    begin or end. :math:`\kappa = 1/\sqrt\phi` is 0 for Poisson counts.

    Parameters
    ----------
    column : str
        Column of `observations`: whole numbers from 0; missing rows are left out.
    duration : str
        Column with the window's length [s]; it begins at the row's time.
    exposure : str or None
        Column that the mean is proportional to (opportunities, animals); the window's length [s]
        where None.
    """

    column: str = "count"
    duration: str = "duration"
    exposure: str | None = None

    name = "counts"
    prefix = "counts"
    reference = "negative binomial regression, Hilbe (2011), recalled"
    outcome = "acts in a window"
    words = (
        "counts of acts in windows, with a negative binomial likelihood and the mean of the "
        "motivation over each window by Gauss-Legendre quadrature"
    )
    latex = (
        r"y \sim \mathrm{NegBin}(\mu),\quad \ln\mu = \ln e + \overline{\eta},\quad "
        r"\mathrm{Var}(y) = \mu + \kappa^2 \mu^2"
    )
    notation: ClassVar = {"rest": r"\alpha", "dispersion": r"\kappa"}
    symbols: ClassVar = {
        "y": "number of acts in a window",
        r"\mu": "expected number of acts in a window",
        "e": "exposure: the window's length [s] unless the analysis names a column",
        r"\overline{\eta}": "mean of the predictor over the window",
    }
    signature = Signature("acts per minute")
    typical_words = Typical("the rate of acts")
    on_grid = True
    arguments = frozenset({"eta", "count", "log_exposure", "log_factorial"})

    rest = replace(
        LOG_RATE, meaning="log of the expected number per unit of exposure (second) at baseline"
    )
    gain = LOG_RATE_GAIN
    dispersion = Parameter(
        "spread of the rate over its mean beyond Poisson noise, 1 / sqrt(phi)",
        "1",
        Prior.lognormal(0.3, 1.0),
        link="log",
    )

    def details(self) -> tuple[str, ...]:
        """Return what the counts are relative to, if not to time."""
        return (f"relative to {self.exposure}",) if self.exposure else ()

    def rows(self, study: Study, at: At, scales: Scales) -> Rows:
        """Return one row per observation with a count, and the moments of its window."""
        frame = at(study.observations)
        count = outcome_column(frame, self.column, self.prefix)
        keep = count.notna().to_numpy()
        refuse_cells(
            count[(count < 0) | (count % 1 > 0)],
            self.prefix,
            allowed="whole numbers from 0; an empty cell where nothing was counted",
            todo="correct the cell, or name the column that holds the counts",
        )
        length = self._positive(frame, self.duration, keep, "lengths of windows above 0 s")
        exposure = length
        if self.exposure is not None:
            exposure = self._positive(frame, self.exposure, keep, "exposures above 0")
        kept, number = frame[keep].reset_index(drop=True), count[keep].to_numpy()
        data = {
            "count": number,
            "log_exposure": np.log(exposure),
            "log_factorial": gammaln(np, number + 1.0),
        }
        unit = kept["trial_number"].to_numpy(np.int64)
        moments = self._moments(study, kept, length, max(number.mean(), ACTS), scales)
        return Rows(kept, data, unit, int((~keep).sum()), moments=moments)

    def _positive(
        self, frame: pd.DataFrame, column: str, keep: np.ndarray, allowed: str
    ) -> np.ndarray:
        """Return a column where there are counts, or refuse what is missing or not above 0."""
        values = numbers(named_column(frame, column, self.prefix), column, self.prefix)
        refuse_cells(
            values[keep & ~(values > 0)],
            self.prefix,
            allowed=f"{allowed}, wherever there is a {self.column}",
            todo=f"correct the cell, or leave {self.column} empty in that row",
        )
        return values[keep].to_numpy()

    def _moments(
        self, study: Study, frame: pd.DataFrame, length: np.ndarray, acts: float, scales: Scales
    ) -> Moments:
        """Return the nodes of every window; windows of a session that overlap share theirs."""
        start = frame["time"].to_numpy(float)
        stop = start + length
        times = times_by_session(input_times(study.events))
        share = min(TOLERANCE / np.sqrt(len(study.events) + 1.0), LARGEST_SHARE)
        rows, nodes, weights = [], [], []
        for key, own in frame.groupby(KEYS, sort=False).indices.items():
            edges = np.unique(np.concatenate([start[own], stop[own]]))
            marks = Marks(times.get(key, np.empty(0)), np.empty(0), edges)
            pieces = segments(_union(start[own], stop[own]), marks, scales)
            found = grid(pieces, marks, scales, acts / length.mean(), share)
            first, last = (np.searchsorted(found.time, t[own]) for t in (start, stop))
            for row, a, b in zip(own, first, last, strict=True):
                rows.append(np.full(b - a, row))
                nodes.append(found.time[a:b])
                weights.append(found.weight[a:b] / found.weight[a:b].sum())
        row = np.concatenate(rows)
        order = np.argsort(row, kind="stable")
        return Moments(row[order], np.concatenate(nodes)[order], np.concatenate(weights)[order])

    def simulation_rows(self, study: Study, at: At, scales: Scales) -> Rows:
        """Return the rows of the likelihood: a mean over a window needs no finer grid."""
        return self.rows(study, at, replace(scales, refine=1))

    def logp(self, xp, eta, count, log_exposure, log_factorial, dispersion):
        """Return the log probability of each count."""
        phi = 1.0 / dispersion**2
        z = eta + log_exposure + 2.0 * xp.log(dispersion)  # ln(mu / phi)
        choose = gammaln(xp, count + phi) - gammaln(xp, phi) - log_factorial
        return choose - phi * softplus(xp, z) - count * softplus(xp, -z)

    def cumulative(self, eta, count, log_exposure, log_factorial, dispersion):
        """Return P(fewer) and P(so many or fewer)."""
        phi = 1.0 / np.asarray(dispersion) ** 2
        failure = 1.0 / (1.0 + np.exp(eta + log_exposure) / phi)
        below = np.where(count > 0, betainc(phi, np.maximum(count, 1.0), failure), 0.0)
        return below, betainc(phi, count + 1.0, failure)

    def values(self, outcome: pd.DataFrame, rows: Rows) -> np.ndarray:
        """Return acts per minute of each window."""
        return 60.0 * outcome[self.column].to_numpy(float) / rows.frame[self.duration].to_numpy()

    def blank(self, study: Study) -> Study:
        """Return the study with every count set to 0."""
        return with_columns(study, {self.column: 0.0})

    def typical(self, eta, dispersion):
        """Return the expected number of acts per minute, or per 60 units of another exposure."""
        return 60.0 * np.exp(eta)

    def simulate(self, rng, eta, data, dispersion):
        """Draw counts: Poisson with a rate that is gamma distributed around its mean."""
        phi = 1.0 / np.asarray(dispersion) ** 2
        mean = np.exp(eta + data["log_exposure"]) * rng.gamma(phi, 1.0 / phi, size=eta.shape)
        if not (mean < MOST).all():
            raise FitError(
                f"the parameters imply more than {MOST:g} acts in a window",
                allowed="a rate that a subject could reach",
                todo=f"narrow the priors of {self.prefix}_rest and of its gain",
            )
        return {self.column: rng.poisson(mean).astype(float)}


def _union(start: np.ndarray, stop: np.ndarray) -> np.ndarray:
    """Return the windows (window, 2) that cover the given ones and do not overlap, sorted."""
    order = np.argsort(start, kind="stable")
    start, stop = start[order], np.maximum.accumulate(stop[order])
    fresh = np.append(True, start[1:] > stop[:-1])
    return np.column_stack([start[fresh], stop[np.append(fresh[1:], True)]])
