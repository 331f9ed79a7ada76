"""How well each of several hypotheses accounts for one study, in seconds."""

from __future__ import annotations

from collections.abc import Mapping

from dopafit.backend.evidence.marginal import Marginal, log_marginal
from dopafit.model.claim import Model
from dopafit.model.layout.layout import build_layout
from dopafit.study.study import Study

__all__ = ["log_evidence"]


def log_evidence(
    models: Mapping[str, Model],
    study: Study,
    same: Mapping[str, Marginal] | None = None,
    *,
    draws: int = 0,
) -> dict[str, Marginal]:
    """Return every hypothesis's evidence; those without an effect of events first.

    They say where the others start to search: the same for surrogates of the same behaviour.

    Parameters
    ----------
    models : mapping of str to Model
        All that are compared.
    study : Study
        The data.
    same : mapping of str to Marginal, optional
        Evidence that is known already.
    draws : int
        Draws by which each is corrected and judged; none unless given.
    """
    found, known = dict(same or {}), {}
    for name in sorted(models, key=lambda each: models[each].moved):
        if name not in found:
            found[name] = log_marginal(build_layout(models[name], study), known, draws=draws)
        if not models[name].moved:
            known = found[name].mode
    return found
