"""Which fit predicts left-out units best, and whether the difference can be told from noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from dopafit.backend.evidence.scores import LooResult, compare_elpd
from dopafit.compare.difference import FEW_SUBJECTS, THESE_ONLY, difference
from dopafit.compare.settled import Settled
from dopafit.core.errors import SpecError
from dopafit.core.shown import Shown
from dopafit.fit.fit import Fit
from dopafit.fit.joint import joint_stamp

__all__ = ["Comparison", "compare_loo"]


@dataclass(frozen=True, eq=False)
class Comparison(Shown):
    """Fits ranked by leave-one-out predictive density.

    Parameters
    ----------
    table : pandas.DataFrame
        Index `hypothesis`, best first; the columns of `compare_elpd`, with `dse` over subjects;
        `quantile`, `p_flip` and `behind` of `dopafit.compare.difference` against the best; `unit`,
        `n_units`, `n_subjects`, `converged`.
    unit : str
        What was left out, e.g. ``"session"``.
    n_units : int
        How many of them.
    pointwise : pandas.DataFrame
        Predictive density of every unit (index) under every fit (columns).
    pareto_k : pandas.DataFrame
        Same shape: how far each left-out density can be trusted.
    warnings : tuple of str
        What a reader must know before believing the table.
    simulated : bool
        Whether the data were made by a program.
    approximate : tuple of str
        Fits whose draws are an approximation.
    subjects : tuple of str
        Whose each unit is.
    refitted : pandas.DataFrame or None
        Same shape as `pareto_k`: whether the density is that of a fit without the unit.
    after : float or None
        Where the future begins, as a share of a session or in seconds.
    settled : Settled or None
        How far twice the inner draws moved the differences; None where nothing is integrated.
    """

    table: pd.DataFrame
    unit: str
    n_units: int
    pointwise: pd.DataFrame
    pareto_k: pd.DataFrame
    warnings: tuple[str, ...] = field(default=())
    simulated: bool = False
    approximate: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    refitted: pd.DataFrame | None = None
    after: float | None = None
    settled: Settled | None = None

    @property
    def notes(self) -> tuple[str, ...]:
        """How the scores were made, in sentences."""
        told = []
        if self.after is not None:
            cut = (
                f"{100 * self.after:g} % of it" if self.after < 1 else f"its first {self.after:g} s"
            )
            told.append(
                f"the future of a session is what comes after {cut}; what came before, and the "
                "subject's other sessions, are known; each act is predicted from all acts before "
                "it, those of the part left out among them"
            )
        for name, count in self.table.get("n_refitted", pd.Series(dtype=int)).items():
            if count:
                told.append(f"{name} was fitted again without {count} of {self.n_units} units")
        if self.settled is not None:
            told.append(
                f"{self.settled.draws} draws of each subject's own coordinates: the last doubling "
                f"moved no difference by more than {self.settled.moved:.2g}"
            )
        return tuple(told)

    @property
    def best(self) -> str:
        """The fit with the largest elpd."""
        return str(self.table.index[0])

    @property
    def distinguishable(self) -> pd.Series:
        """Per fit, whether it can be told from the best; False for the best itself."""
        return self.table["behind"].astype(bool).rename("distinguishable")

    def ranked(self, fits: Mapping[str, Fit]) -> dict[str, Fit]:
        """Return the fits that were compared, best first."""
        return {str(name): fits[str(name)] for name in self.table.index}

    @property
    def reading(self) -> tuple[str, ...]:
        """One sentence per rival of the best fit."""
        sentences = []
        for name, row in self.table.iloc[1:].iterrows():
            size = f"{-row['elpd_diff']:.1f} +- {row['dse']:.1f} (elpd, unit: {self.unit})"
            if self.distinguishable[name]:
                sentences.append(f"{self.best} is ahead of {name} by {size}")
            else:
                sentences.append(f"{self.best} and {name} are not distinguishable: {size}")
        return tuple(sentences)

    @property
    def stamp(self) -> str:
        """A warning for figures if a fit did not converge, else an empty string."""
        failed = [str(name) for name in self.table.index[~self.table["converged"]]]
        return joint_stamp(failed, self.approximate)

    def __str__(self) -> str:
        lines = [f"leave-one-out by {self.unit} ({self.n_units} units)"]
        lines += ["SIMULATED DATA"] if self.simulated else []
        if self.stamp:
            lines.append(f"{self.stamp}: no conclusion can rest on this table")
        lines += [
            self._table_shown().round(2).to_string(),
            *self.reading,
            *self.notes,
            *(f"warning: {w}" for w in self.warnings),
        ]
        return "\n".join(lines)

    __repr__ = __str__

    def _table_shown(self) -> pd.DataFrame:
        return self.table[["elpd", "se", "elpd_diff", "dse", "weight", "max_pareto_k"]]


def compare_loo(
    results: Mapping[str, LooResult],
    *,
    unit: str,
    labels: Mapping[str, Sequence[str]],
    converged: Mapping[str, bool],
    subjects: Sequence[str] | None = None,
    seed: int = 0,
    simulated: bool = False,
    approximate: Sequence[str] = (),
    after: float | None = None,
    settled: Settled | None = None,
    notes: Sequence[str] = (),
) -> Comparison:
    """Compare fits whose left-out densities are known already.

    Parameters
    ----------
    results : mapping of str to LooResult
        Per fit, its left-out densities.
    unit : str
        What is left out, one of `dopafit.compare.score.UNITS`.
    labels : mapping of str to sequence of str
        Per fit, names of the units in the order of its densities.
    converged : mapping of str to bool
        Each fit's verdict.
    subjects : sequence of str, optional
        Whose each unit is; a subject of its own unless given.
    seed : int
        Seed of the weights' interval.
    simulated, approximate, after, settled
        As in `Comparison`.
    notes : sequence of str
        Warnings to be added.

    Raises
    ------
    SpecError
        Fewer than two fits, or fits of different units.
    """
    shared = _shared(labels, unit)
    table = compare_elpd(results, seed=seed)
    best, whose = results[table.index[0]].elpd_i, shared if subjects is None else subjects
    gaps = [difference(best, results[name].elpd_i, whose) for name in table.index]
    table["dse"] = [gap.se for gap in gaps]
    table["quantile"] = [gap.quantile for gap in gaps]
    table["p_flip"] = [gap.p_flip for gap in gaps]
    table["behind"] = [gap.ahead for gap in gaps]
    table["unit"], table["n_units"], table["n_subjects"] = unit, len(shared), gaps[0].subjects
    table["converged"] = [bool(converged[name]) for name in table.index]
    index = pd.Index(shared, name=unit)
    order = list(table.index)
    points = pd.DataFrame({n: results[n].elpd_i for n in order}, index=index)
    shape = pd.DataFrame({n: results[n].pareto_k for n in order}, index=index)
    exact = pd.DataFrame({n: results[n].refitted for n in order}, index=index)
    return Comparison(
        table,
        unit,
        len(shared),
        points,
        shape,
        (*_warnings(table, gaps[0].subjects, settled), *notes),
        bool(simulated),
        tuple(approximate),
        tuple(str(subject) for subject in whose),
        exact,
        after,
        settled,
    )


def _shared(labels: Mapping[str, Sequence[str]], unit: str) -> list[str]:
    """Return the units' labels if all fits have the same."""
    names = list(labels)
    first = [str(v) for v in labels[names[0]]]
    for name in names[1:]:
        other = [str(v) for v in labels[name]]
        if other != first:
            raise SpecError(
                f"{names[0]!r} and {name!r} were scored on different {unit}s: {_gap(first, other)}",
                allowed="the same units in the same order for every fit",
                todo="compare fits of one study with the same channels",
            )
    if len(set(first)) != len(first):
        twice = sorted({v for v in first if first.count(v) > 1})[:3]
        raise SpecError(
            f"{unit} labels occur twice: {', '.join(twice)}",
            allowed="unique labels",
            todo="name each unit once",
        )
    return first


def _gap(first: list[str], other: list[str]) -> str:
    if len(first) != len(other):
        return f"{len(first)} against {len(other)}"
    place = next(i for i, (a, b) in enumerate(zip(first, other, strict=True)) if a != b)
    return f"number {place + 1} is {first[place]!r} in one and {other[place]!r} in the other"


def _warnings(table: pd.DataFrame, subjects: int, settled: Settled | None) -> tuple[str, ...]:
    notes = [f"{name} did not converge" for name in table.index[~table["converged"]]]
    notes += [f"{name}: {text}" for name, text in table["warning"].items() if text]
    if settled is not None and settled.unsettled:
        notes.append(
            f"{settled.draws} draws of each subject's own coordinates are too few: the last "
            f"doubling moved a difference by {settled.share:.2g} of its +-"
        )
    if subjects < THESE_ONLY:
        notes.append(
            f"with {subjects} {'subject' if subjects == 1 else 'subjects'} nothing can be said "
            "beyond these: the +- of a difference is over their units"
        )
    elif subjects < FEW_SUBJECTS:
        notes.append(
            f"with {subjects} subjects the +- of a difference is itself uncertain; a rival is "
            "called behind only where the exact test that flips signs says so too"
        )
    return tuple(notes)
