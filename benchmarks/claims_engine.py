"""Fits and left-out scores of many hypotheses of one study, by the nested Laplace engine."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

__all__ = ["Approximate", "decided"]

DRAWS, PROPOSED = 400, 100


class Approximate:
    """Maxima of every hypothesis, and scores of left-out subjects of those that are asked for.

    Parameters
    ----------
    models : dict of str to Model
        The hypothesis without an effect of events comes first: its maximum starts the others.
    study : Study
        To fit.
    seed : int
        Of the draws.
    """

    def __init__(self, models: dict[str, Any], study: Any, seed: int) -> None:
        from dopafit.backend.evidence.marginal import located_marginal
        from dopafit.model.layout.layout import build_layout

        known: dict[str, float] = {}
        self.seed = seed
        self.value: dict[str, float] = {}
        """Log marginal likelihood by Laplace."""
        self._found: dict[str, Any] = {}
        self._points: dict[str, np.ndarray] = {}
        for name, model in models.items():
            layout = build_layout(model, study)
            marginal, located = located_marginal(layout, known)
            self.value[name], self._found[name] = marginal.value, (layout, located)
            known = known or dict(marginal.mode)
        self.order = sorted(self.value, key=lambda name: -self.value[name])
        """Names, the largest marginal likelihood first."""

    def left_out(self, names: list[str]) -> pd.DataFrame:
        """Return elpd of every left-out subject under these hypotheses and all drawn before."""
        from dopafit.backend.evidence.first_draws import first_draws
        from dopafit.backend.evidence.scores import loo

        for name in set(names) - set(self._points):
            rng = np.random.default_rng([self.seed, self.order.index(name)])
            drawn = first_draws(*self._found[name], rng, count=DRAWS, proposed=PROPOSED)
            self._points[name] = loo(drawn.log_subject[None]).elpd_i
        return pd.DataFrame(self._points)


def decided(table: pd.DataFrame, families: dict[str, str], others: list[Any] | None = None) -> Any:
    """Return the claim by the product's own rule, with every fit converged."""
    from dopafit.compare.claim import decide

    return decide(
        table,
        [str(i) for i in range(len(table))],
        families,
        without="no_drive",
        converged=dict.fromkeys(table, True),
        missing=(),
        others=others or [],
    )
