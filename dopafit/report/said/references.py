"""The sources a run rests on; only those it used are cited. All recalled, none re-read."""

from __future__ import annotations

from dopafit.report.folder import RunFolder
from dopafit.report.set.escape import clean

__all__ = ["cited"]

ALWAYS = (
    "Hoffman MD, Gelman A (2014). The No-U-Turn sampler: adaptively setting path lengths in "
    "Hamiltonian Monte Carlo. Journal of Machine Learning Research 15, 1593-1623.",
    "Kumar R, Carroll C, Hartikainen A, Martin O (2019). ArviZ: a unified library for exploratory "
    "analysis of Bayesian models in Python. Journal of Open Source Software 4(33), 1143.",
    "Vehtari A, Gelman A, Simpson D, Carpenter B, Bürkner PC (2021). Rank-normalization, folding, "
    "and localization: an improved R-hat for assessing convergence of MCMC. Bayesian Analysis 16, "
    "667-718.",
    "Betancourt M (2016). Diagnosing suboptimal cotangent disintegrations in Hamiltonian Monte "
    "Carlo. arXiv:1604.00695.",
    "Kruschke JK (2021). Bayesian analysis reporting guidelines. Nature Human Behaviour 5, "
    "1282-1291.",
)
SAMPLERS = {
    "nutpie": "Seyboldt A and the PyMC developers. nutpie: a sampler for Bayesian models "
    "(software).",
    "pymc": "Abril-Pla O, et al. (2023). PyMC: a modern and comprehensive probabilistic "
    "programming framework in Python. PeerJ Computer Science 9, e1516.",
}
COMPARED = (
    "Vehtari A, Gelman A, Gabry J (2017). Practical Bayesian model evaluation using leave-one-out "
    "cross-validation and WAIC. Statistics and Computing 27, 1413-1432.",
    "Vehtari A, Simpson D, Gelman A, Yao Y, Gabry J (2024). Pareto smoothed importance sampling. "
    "Journal of Machine Learning Research 25(72), 1-58.",
    "Yao Y, Vehtari A, Simpson D, Gelman A (2018). Using stacking to average Bayesian predictive "
    "distributions. Bayesian Analysis 13, 917-1007.",
    "Sivula T, Magnusson M, Matamoros AA, Vehtari A (2020). Uncertainty in Bayesian leave-one-out "
    "cross-validation based model comparison. arXiv:2008.10296.",
)


def cited(folder: RunFolder) -> list[str]:
    """Return the references of this run, by first author."""
    sampling = folder.spec.get("sampling") or {}
    found = [*ALWAYS, SAMPLERS.get(sampling.get("sampler"), SAMPLERS["nutpie"])]
    for fit in folder.fits:
        found += [clean(text) for text in folder.model(fit).get("cites") or []]
    if folder.comparison is not None:
        found += COMPARED
    return sorted(set(found))
