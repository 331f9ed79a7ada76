"""A claim met a study as a PyMC model, with the quantities that a fit has."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import NoneType
from typing import Any

from dopafit.core.arguments import takes
from dopafit.fit.derived import event_rate, landmarks
from dopafit.model.claim import Model
from dopafit.model.layout.layout import build_layout
from dopafit.study.study import Study

__all__ = ["to_pymc"]


@takes(model=Model, study=Study, priors=(Mapping, NoneType))
def to_pymc(model: Model, study: Study, *, priors: Mapping[str, Any] | None = None) -> Any:
    """Return the claim as a PyMC model, for whatever PyMC can do with one.

    Free variables have the names of a fit's summary and natural scales: ``trough_ratio``,
    ``<parameter>_effect`` and ``<parameter>_sd`` with the labels of their terms,
    ``<parameter>_offset`` (standard normal; the deviation of a group's member over their sd). The
    potential ``log_likelihood`` is one operation around the compiled likelihood of all channels,
    with its gradient. ``<parameter>_group``, the kernel's landmarks and the load are
    `Deterministic`. Log density and posterior are those of `fit`.

    Parameters
    ----------
    model : Model
        The claim.
    study : Study
        The data.
    priors : mapping of str to PyMC distribution, optional
        Made with ``.dist``, instead of the claim's prior of the free variable of that name. Within
        the families that claims know, give the claim other priors instead: ``Model(priors=...)``.

    Returns
    -------
    pymc.Model
        PyMC's own NUTS, SMC and variational inference run on it, in every sampler that takes
        PyTensor's numba or Python mode. It has no observed variables: replicate by
        `predictive_check`, compare by `compare`.

    Raises
    ------
    SpecError
        The model does not fit the study, or a name in `priors` is no free variable.

    Examples
    --------
    >>> import pymc as pm  # doctest: +SKIP
    >>> with dp.to_pymc(model, study, priors={"trough_ratio": pm.Gamma.dist(2, 8)}) as claim:
    ...     pm.Potential("belief", pm.logp(pm.Normal.dist(0.5, 0.1), claim["onset_ratio"]))
    ...     draws = pm.sample(nuts_sampler="pymc")
    """
    from dopafit.backend.bridges.pymc import pymc_model

    layout = build_layout(model, study)
    resolved = layout.program.model
    derived = partial(landmarks, resolved, event_rate(resolved, study), shape=())
    return pymc_model(layout, landmarks=derived, priors=priors)
