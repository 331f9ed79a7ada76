"""Figures straight from a fit, a check or a comparison: ``dopafit.plot.kernel(fit)``.

Each function returns a matplotlib ``Figure``; `save` writes it with the table behind it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING

import pandas as pd

from dopafit.check.identifiability import identifiability
from dopafit.check.predict import PredictiveCheck
from dopafit.compare.any_shape import ANY_SHAPE
from dopafit.compare.loo import Comparison
from dopafit.compare.superposition import Superposition
from dopafit.compare.superposition import response as any_response
from dopafit.core.arguments import PATH, require, takes
from dopafit.core.errors import SpecError
from dopafit.fit import quantities
from dopafit.fit.fit import Fit
from dopafit.fit.joint import joint_stamp
from dopafit.fit.judge import ESS_LEAST, ESS_PER_CHAIN
from dopafit.model.equations import event_in_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from dopafit.fit.verdict import Verdict

Tables = Mapping[str, pd.DataFrame]
"""Tables behind a figure, for a caller that has them already."""

__all__ = [
    "comparison",
    "diagnostics",
    "forest",
    "gain_plane",
    "kernel",
    "prior_posterior",
    "response",
    "save",
    "signatures",
    "trace",
]


LABEL = 60
"""Most characters of an axis' label."""


def _marks(fit: Fit) -> dict[str, object]:
    return _joint_marks({fit.hypothesis: fit.verdict}, fit.study.simulated)


def _joint_marks(verdicts: Mapping[str, Verdict], simulated: bool) -> dict[str, object]:
    """Return the stamp of one fit, or what has to be said of several."""
    failed = [name for name, verdict in verdicts.items() if not verdict.converged]
    stamp = joint_stamp(failed, [name for name in failed if verdicts[name].approximation])
    if len(verdicts) == 1:
        stamp = next(iter(verdicts.values())).stamp
    return {
        "stamp": stamp or "all fits converged",
        "converged": not failed,
        "simulated": simulated,
    }


def _event(fit: Fit) -> str:
    """Say what one unit event is, where that is short enough for an axis."""
    words = event_in_words(fit.model, fit.study)
    return words if len(words) <= LABEL else "one unit event"


@takes(fit=Fit)
def kernel(fit: Fit, *, ax: Axes | None = None, tables: Tables | None = None) -> Figure:
    """Draw the response to one unit event with its landmarks, prior behind."""
    from dopafit.figure import kernel as module

    tables = tables or kernel_tables(fit)
    return module.draw(
        tables["curves"],
        tables["landmarks"],
        prior=tables["prior"],
        event=_event(fit),
        hypothesis=fit.hypothesis,
        ax=ax,
        **_marks(fit),
    )


def kernel_tables(fit: Fit) -> dict[str, pd.DataFrame]:
    """Return the tables behind `kernel`."""
    prior = quantities.kernel_table(fit, source="prior")
    curves = quantities.kernel_table(fit)
    return {
        "curves": curves,
        "landmarks": quantities.landmark_table(fit),
        "prior": prior[prior["time"] <= curves["time"].max()],
    }


@takes(fit=Fit, subject=str, session=str)
def trace(
    fit: Fit,
    subject: str,
    session: str,
    *,
    ax: Axes | None = None,
    tables: Tables | None = None,
) -> Figure:
    """Draw the level of one subject's session with its events and acts."""
    from dopafit.figure import trace as module

    tables = tables or quantities.trace_table(fit, subject, session)
    return module.draw(
        tables["trace"],
        tables["events"],
        tables["acts"],
        title=f"subject {subject}, session {session}",
        hypothesis=fit.hypothesis,
        ax=ax,
        **_marks(fit),
    )


@takes(fit=Fit)
def gain_plane(fit: Fit, *, ax: Axes | None = None, tables: Tables | None = None) -> Figure:
    """Draw the joint posterior of the effects at both lobes, one panel per channel."""
    from dopafit.figure import gain_plane as module

    tables = tables or gain_plane_tables(fit)
    return module.draw(
        tables["draws"], rays=tables["rays"], hypothesis=fit.hypothesis, ax=ax, **_marks(fit)
    )


def gain_plane_tables(fit: Fit) -> dict[str, pd.DataFrame]:
    """Return the tables behind `gain_plane`."""
    parts = [quantities.gain_draws(fit), quantities.gain_draws(fit, source="prior")]
    return {"draws": pd.concat(parts, ignore_index=True), "rays": quantities.gain_rays(fit)}


@takes(fit=Fit, parameters=(Iterable, NoneType))
def prior_posterior(
    fit: Fit,
    *,
    parameters: Iterable[str] | None = None,
    ax: Axes | None = None,
    tables: Tables | None = None,
) -> Figure:
    """Draw prior against posterior for the population quantities, contraction printed."""
    from dopafit.figure import prior_posterior as module

    tables = tables or prior_posterior_tables(fit, parameters=parameters)
    return module.draw(
        tables["draws"], tables["contraction"], hypothesis=fit.hypothesis, ax=ax, **_marks(fit)
    )


def prior_posterior_tables(
    fit: Fit, *, parameters: Iterable[str] | None = None
) -> dict[str, pd.DataFrame]:
    """Return the tables behind `prior_posterior`."""
    draws = quantities.prior_posterior_table(fit)
    if parameters is not None:
        draws = draws[draws["parameter"].isin(list(parameters))]
    card = identifiability(fit, scaling=False).table
    card = card[card["parameter"].isin(draws["parameter"])]
    return {"draws": draws, "contraction": card[["parameter", "unit", "contraction", "status"]]}


@takes(fit=Fit, parameter=str)
def forest(
    fit: Fit, parameter: str, *, ax: Axes | None = None, tables: Tables | None = None
) -> Figure:
    """Draw every group member's value of a parameter beside the population's."""
    from dopafit.figure import forest as module

    tables = tables or forest_tables(fit, parameter)
    term = quantities.member_term(fit, parameter) or ""
    return module.draw(
        tables["rows"],
        tables["population"],
        hypothesis=fit.hypothesis,
        member=term.partition("|")[2] or "member",
        ax=ax,
        **_marks(fit),
    )


def forest_tables(fit: Fit, parameter: str) -> dict[str, pd.DataFrame]:
    """Return the tables behind `forest`."""
    rows, population = quantities.member_table(fit, parameter)
    return {"rows": rows, "population": population}


@takes(checks=(PredictiveCheck, Iterable))
def signatures(
    checks: PredictiveCheck | Iterable[PredictiveCheck],
    *,
    ax: Axes | None = None,
    table: pd.DataFrame | None = None,
) -> Figure:
    """Draw observed behaviour over what one or several fitted hypotheses would produce.

    `table` takes some of the checks' rows instead of all.
    """
    from dopafit.figure import signatures as module

    found = [checks] if isinstance(checks, PredictiveCheck) else list(checks)
    if not found:
        raise SpecError(
            "there is no predictive check to draw",
            allowed="one or more",
            todo="dopafit.predictive_check(fit, seed=1) makes one",
        )
    if table is None:
        table = pd.concat([check.table for check in found], ignore_index=True)
    verdicts = {check.hypothesis: check.verdict for check in found}
    marks = _joint_marks(verdicts, any(check.simulated for check in found))
    return module.draw(table, ax=ax, **marks)


@takes(found=Superposition, fit=Fit)
def response(
    found: Superposition, fit: Fit, *, ax: Axes | None = None, tables: Tables | None = None
) -> Figure:
    """Draw typical outcomes after one event, by a response of any shape and by a fit."""
    from dopafit.figure import response as module

    table = (tables or response_tables(found, fit))["response"]
    return module.draw(table, free=ANY_SHAPE, event="one unit event", ax=ax, **_marks(fit))


def response_tables(found: Superposition, fit: Fit) -> dict[str, pd.DataFrame]:
    """Return the table behind `response`."""
    return {"response": any_response(found, fit)}


@takes(found=Comparison)
def comparison(found: Comparison, *, ax: Axes | None = None) -> Figure:
    """Draw differences in predictive density and stacking weights."""
    from dopafit.figure import comparison as module

    table = found.table.reset_index()
    return module.draw(
        table,
        unit=found.unit,
        n_units=found.n_units,
        stamp=found.stamp or "all fits converged",
        converged=bool(table["converged"].all()),
        simulated=found.simulated,
        ax=ax,
    )


@takes(fits=(Fit, Mapping))
def diagnostics(
    fits: Fit | Mapping[str, Fit], *, ax: Axes | None = None, tables: Tables | None = None
) -> Figure:
    """Draw R-hat and effective sample sizes of every quantity of one fit or of several by name."""
    from dopafit.figure import diagnostics as module

    found = _by_name(fits)
    chains = max(fit.posterior.sizes["chain"] for fit in found.values())
    return module.draw(
        (tables or diagnostics_tables(found))["diagnostics"],
        limit_ess=max(ESS_LEAST, ESS_PER_CHAIN * chains),
        ax=ax,
        **_joint_marks(
            {name: fit.verdict for name, fit in found.items()},
            any(fit.study.simulated for fit in found.values()),
        ),
    )


def diagnostics_tables(fits: Fit | Mapping[str, Fit]) -> dict[str, pd.DataFrame]:
    """Return the table behind `diagnostics`."""
    parts = [fit.summary.assign(hypothesis=name) for name, fit in _by_name(fits).items()]
    return {"diagnostics": pd.concat(parts, ignore_index=True)}


def _by_name(fits: Fit | Mapping[str, Fit]) -> dict[str, Fit]:
    """Return fits by name.

    Raises
    ------
    SpecError
        No fit, or something else among them.
    """
    found = {fits.hypothesis: fits} if isinstance(fits, Fit) else fits
    for name, each in found.items():
        require(f"diagnostics: fits[{name!r}]", each, Fit)
    if not found:
        raise SpecError(
            "there is no fit to draw", allowed="one fit or more", todo="give the fits by name"
        )
    return dict(found)


@takes(tables=Mapping, stem=PATH)
def save(figure: Figure, tables: dict[str, pd.DataFrame], stem: str | Path) -> list[Path]:
    """Write the figure as PDF and PNG and the tables behind it as CSV."""
    from dopafit.figure.save import save as write

    return write(figure, tables, Path(stem))
