"""What leads where behaviour may drift less, or more, over a session.

How far the curve over time on task may bend is a choice, and a slow response to events can take
from it, or give to it, what is a trend.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd

from dopafit.check.kept import Kept
from dopafit.check.lead import events_lead, models_of, trough_lead
from dopafit.core.arguments import takes
from dopafit.core.machine import single_threaded
from dopafit.fit.evidence import log_evidence
from dopafit.fit.fit import Fit
from dopafit.fit.progress import Progress
from dopafit.model.claim import Model
from dopafit.model.nuisance import with_curve_sd
from dopafit.study.study import Study

__all__ = ["FACTORS", "curve_width"]

FACTORS = (0.5, 2.0)
"""What the curve's prior standard deviation is multiplied by."""


@single_threaded()
@takes(hypotheses=Mapping, study=Study)
def curve_width(
    hypotheses: Mapping[str, Model | Fit],
    study: Study,
    *,
    keep: Path | None = None,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Return what leads by how much where the curve over session time is narrower, or wider.

    Parameters
    ----------
    hypotheses : mapping of str to Model or Fit
        All that are compared.
    study : Study
        The data.
    keep : Path, optional
        A file that keeps what is computed: a later call goes on from there.
    progress : Progress, optional
        Where progress is shown.

    Returns
    -------
    DataFrame
        `sd_times`, `events` and `trough`: by how much the log marginal likelihood (nested Laplace)
        of the best hypothesis in which events move something is above that of the best in which
        they do not, and that of the trough family above the best without a trough [nats]; NaN where
        one side is missing. No row where no hypothesis has such a curve.
    """
    given = models_of(hypotheses)
    models = {f: {k: with_curve_sd(m, f) for k, m in given.items()} for f in FACTORS}
    leads = {"events": events_lead(given), "trough": trough_lead(given)}
    if models[FACTORS[0]] == given:
        return pd.DataFrame(columns=["sd_times", *leads])
    show = Progress() if progress is None else progress
    kept = Kept(keep, [study.hash, *FACTORS, *((k, m.hash) for k, m in given.items())])
    left = [factor for factor in FACTORS if str(factor) not in kept.values]
    if left:
        show.phase("controlling", "a narrower and a wider curve over session time")
        with ThreadPoolExecutor(len(left)) as pool:
            found = pool.map(lambda factor: log_evidence(models[factor], study), left)
            for factor, evidence in zip(left, found, strict=True):
                kept.values[str(factor)] = {name: one.value for name, one in evidence.items()}
                kept.save()
        show.done()
    rows = []
    for factor in FACTORS:
        value = kept.values[str(factor)]
        told = {name: float("nan") if lead is None else lead(value) for name, lead in leads.items()}
        rows.append({"sd_times": factor} | told)
    return pd.DataFrame(rows)
