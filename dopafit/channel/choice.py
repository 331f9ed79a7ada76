"""Pursue or not: a Bernoulli channel with an optional lapse."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from dopafit.channel.channel import (
    At,
    Channel,
    Rows,
    Scales,
    Signature,
    Typical,
    outcome_column,
    with_columns,
    zero_one,
)
from dopafit.core.component import Parameter
from dopafit.core.prior import Prior
from dopafit.core.xp import sigmoid, softplus
from dopafit.study.sessions import KEYS
from dopafit.study.study import Study

__all__ = ["Choice"]


def _one_sided(pursued: np.ndarray, column: str) -> tuple[str, ...]:
    """Say where nobody ever chose otherwise: nothing about gains can be learned from that."""
    if len(pursued) < 2 or len(np.unique(pursued)) > 1:
        return ()
    return (f"channel choice: {column} is {pursued[0]:g} in all {len(pursued)} observations",)


@dataclass(frozen=True)
class Choice(Channel):
    r"""Bernoulli with a logistic link.

    .. math:: P(y=1) = \epsilon/2 + (1-\epsilon)\,\mathrm{logit}^{-1}(\eta)

    Parameters
    ----------
    column : str
        Column of `observations`: 1 pursued, 0 did not; missing rows are left out.
    """

    column: str = "pursue"

    name = "choice"
    prefix = "choice"
    reference = "logistic mixed model; lapse as in Wichmann & Hill (2001), recalled"
    outcome = "pursue or not"
    words = "choices, with a Bernoulli likelihood"
    signature = Signature("pursuit")
    typical_words = Typical("the probability of pursuit", "points")
    latex = r"y \sim \mathrm{Bernoulli}(\epsilon/2 + (1-\epsilon)\,\mathrm{logit}^{-1}(\eta))"
    notation: ClassVar = {"rest": r"\alpha", "lapse": r"\epsilon"}
    symbols: ClassVar = {"y": "pursued (1) or not (0)"}
    arguments = frozenset({"eta", "pursued"})

    rest = Parameter(
        "log odds of pursuit at baseline",
        "log odds",
        Prior.normal(0, 1.5),
        effect=Prior.normal(0, 0.5),
        spread=Prior.half_normal(1),
        varies="row",
    )
    gain = Parameter(
        "change of the log odds per unit lobe", "log odds", Prior.normal(0, 1.5), varies="row"
    )
    lapse = Parameter(
        "share of responses that ignore the predictor",
        "1",
        None,
        link="logit",
        fixed=0.0,
        convention="no lapses unless a prior is given",
        varies="session",
    )

    def rows(self, study: Study, at: At, scales: Scales) -> Rows:
        """Return one row per observation with an outcome."""
        frame = at(study.observations)
        value = outcome_column(frame, self.column, self.name)
        keep = value.notna().to_numpy()
        kept = frame[keep].reset_index(drop=True)
        pursued = zero_one(value[keep], self.name)
        unit = kept["trial_number"].to_numpy(np.int64)
        return Rows(
            kept, {"pursued": pursued}, unit, int((~keep).sum()), _one_sided(pursued, self.column)
        )

    def logp(self, xp, eta, pursued, lapse=0.0):
        """Return the log probability of each response."""
        if isinstance(lapse, float) and lapse == 0.0:
            return pursued * eta - softplus(xp, eta)
        hit = sigmoid(xp, (2.0 * pursued - 1.0) * eta)
        return xp.log(0.5 * lapse + (1.0 - lapse) * hit)

    def acts(self, study: Study) -> pd.DataFrame:
        """Return when there was pursuit and when not."""
        seen = study.observations.dropna(subset=[self.column])
        kind = np.where(seen[self.column] > 0, "pursue", "no pursuit")
        return seen[[*KEYS, "time"]].assign(kind=kind)

    def blank(self, study: Study) -> Study:
        """Return the study with every response set to 0."""
        return with_columns(study, {self.column: 0.0})

    def typical(self, eta, lapse=0.0):
        """Return the probability of pursuit."""
        return 0.5 * lapse + (1.0 - np.asarray(lapse)) * sigmoid(np, eta)

    def simulate(self, rng, eta, data, lapse=0.0):
        """Draw responses; returns the table column and its values."""
        pursued = rng.random(eta.shape) < self.typical(eta, lapse)
        return {self.column: pursued.astype(float)}
