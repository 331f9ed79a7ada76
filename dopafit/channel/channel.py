"""What a channel is: how motivation becomes behaviour."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from numbers import Integral, Real
from types import NoneType
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from dopafit.channel.summed import Signature, Typical
from dopafit.core.arguments import require
from dopafit.core.component import Component, Parameter
from dopafit.core.errors import SpecError
from dopafit.core.prior import Prior
from dopafit.study.sessions import KEYS
from dopafit.study.study import Study

__all__ = ["At", "Channel", "Moments", "Rows", "Scales", "Signature", "Typical"]

At = Callable[[pd.DataFrame], pd.DataFrame]


# by the annotation of an option, what it may be; other annotations are the member's own to check
_KINDS: dict[str, type] = {"str": str, "int": Integral, "float": Real}


@dataclass(frozen=True)
class Scales:
    """Time scales [s] a grid over time has to resolve.

    Parameters
    ----------
    finest : float
        Shortest time over which the trace moves after an event.
    coarsest : float
        Longest step that slow covariates (time of day) allow.
    refine : int
        1, or more for a finer grid against which the error is measured.
    """

    finest: float = 1.0
    coarsest: float = 3600.0
    refine: int = 1


@dataclass(frozen=True)
class Moments:
    """When the rows of a window channel read the trace: a row's motivation is their weighted sum.

    Parameters
    ----------
    row : array of int, (moment,)
        Row of each moment, sorted; every row has at least one.
    time : array, (moment,)
        Times in the row's session [s].
    weight : array, (moment,)
        Weights; those of a row sum to 1 where its motivation is a mean.
    """

    row: np.ndarray
    time: np.ndarray
    weight: np.ndarray


@dataclass(frozen=True)
class Rows:
    """The rows at which one channel's likelihood is evaluated.

    Parameters
    ----------
    frame : DataFrame, (row,)
        `subject`, `session`, `time` [s] and every column a formula may use.
    data : mapping of str to array, (row,)
        What `Channel.logp` takes beside the predictor and the parameters.
    unit : array of int, (row,)
        Position of the row's trial within its session; rows of different channels with the same
        number are left out together.
    excluded : int
        Rows of the table that were left out because the outcome is missing.
    warnings : tuple of str
        What about these rows the user should know before believing a result.
    moments : Moments or None
        When the rows read the trace; at their own time where None.
    coding : DataFrame or None
        Rows on which formulas are coded (levels, means, knots), where those of the likelihood
        depend on a grid: a finer grid and a simulation must give the same parameters the same
        meaning. `frame` where None.
    """

    frame: pd.DataFrame
    data: Mapping[str, np.ndarray]
    unit: np.ndarray
    excluded: int = 0
    warnings: tuple[str, ...] = ()
    moments: Moments | None = None
    coding: pd.DataFrame | None = None

    def __len__(self) -> int:
        return len(self.frame)

    def read_at(self) -> Moments:
        """Return when the rows read the trace."""
        if self.moments is not None:
            return self.moments
        time = self.frame["time"].to_numpy(float)
        return Moments(np.arange(time.size), time, np.ones(time.size))


@dataclass(frozen=True)
class Channel(Component, family=True):
    r"""Base of the likelihoods.

    A member is a frozen dataclass whose fields say which columns it reads. Its `logp` is a plain
    function over an array namespace: predictor, data and parameters in, one log density a row out.
    The predictor is :math:`\eta = \alpha + \sum_l b_l M_l(t)`; more motivation is always more
    pursuit (`logp` turns the sign where more pursuit is a smaller outcome). `words` say in a clause
    what was observed and with which likelihood, `signature` how a predictive check sums outcomes
    up, `cumulative` where outcomes lie in their distribution (None: the channel has no residual
    check), `on_grid` that the rows come from a grid over time, whose error is then measured. A
    channel may have several predictors: parameters that vary by row. `moves` names the one that
    motivation adds to (a value's gain, a cost); unless it is the rest, `logp` takes it by name.
    """

    formula = "logp"
    arguments = frozenset({"eta"})
    elsewhere = frozenset({"rest", "gain"})  # they make the predictor
    prefix: ClassVar[str] = ""
    gain: ClassVar[Parameter]
    parameters: ClassVar[dict[str, Parameter]]
    table: ClassVar[str] = "observations"
    outcome: ClassVar[str] = ""
    words: ClassVar[str] = ""
    signature: ClassVar[Signature] = Signature()
    # what `typical` returns; None where a member has no such number, so that no size is said
    typical_words: ClassVar[Typical | None] = None
    on_grid: ClassVar[bool] = False
    moves: ClassVar[str] = "rest"
    # takes what `logp` takes but for `xp`; P(below the outcome) and P(up to it) for every row:
    # equal where outcomes are continuous, the second 1 where one is censored
    cumulative: ClassVar[Callable[..., tuple[np.ndarray, np.ndarray]] | None] = None

    called: str = field(default="", kw_only=True, repr=False)

    def __post_init__(self) -> None:
        if self.called != "" and not str(self.called).isidentifier():
            raise SpecError(
                f"a channel cannot be called {self.called!r}",
                allowed="letters, digits and _, beginning with a letter",
                todo="give a name like left or approach",
            )
        object.__setattr__(self, "called", "" if self.called == self.prefix else self.called)
        object.__setattr__(self, "prefix", self.called or self.prefix)
        for option in fields(self):
            optional = (NoneType,) if "None" in str(option.type) else ()
            if kind := _KINDS.get(str(option.type).partition(" ")[0]):
                where = f"{type(self).__name__}: {option.name}"
                require(where, getattr(self, option.name), kind, *optional)

    @property
    def sequential(self) -> bool:
        """Whether a row's likelihood takes something of the row before it."""
        return "previous" in self.arguments

    @property
    def explained(self) -> tuple[str, ...]:
        """Columns that the channel explains."""
        named = (getattr(self, field, None) for field in ("column", "censored"))
        return tuple(name for name in named if isinstance(name, str))

    def extra_terms(self) -> dict[str, Prior]:
        """Columns of the rows that always enter the resting predictor, with their priors."""
        return {}

    def own_past(self) -> tuple[float, ...] | None:
        """Return the time constants [s] of the acts' own past; None where a member knows none."""
        return None

    def with_own_past(self, study: Study) -> Channel:
        """Return the channel with three scales of the acts' own past, unless it states some."""
        return self

    def predictor_terms(self) -> dict[str, dict[str, str]]:
        """Return what a member adds to rest and motivation in the predictor, in LaTeX, signed.

        Each term with the meaning of those of its symbols that stand for no parameter.
        """
        return {}

    def said(self) -> tuple[str, ...]:
        """Return clauses for the methods text: the member's words, then its options'."""
        words = self.words or f"{self.outcome or self.prefix}, with the likelihood {self.name}"
        return (words, *self.details())

    def details(self) -> tuple[str, ...]:
        """Return what this member's options add to its words."""
        return ()

    def active(self) -> dict[str, Parameter]:
        """Parameters in use with this member's options, the gains aside."""
        return {k: v for k, v in self.parameters.items() if k != "gain"}

    def rows(self, study: Study, at: At, scales: Scales) -> Rows:
        """Return the rows of this channel.

        Parameters
        ----------
        study : Study
            The data.
        at : callable
            Joins every covariate to a frame with `subject`, `session`, `time` [s] and numbers
            its trials (`trial_number`).
        scales : Scales
            Time scales of the trace, for channels that integrate over time.
        """
        raise TypeError(f"{type(self).__name__} defines no rows")

    def simulation_rows(self, study: Study, at: At, scales: Scales) -> Rows:
        """Return the rows a simulation needs: those of the likelihood unless a member differs."""
        return self.rows(study, at, scales)

    def blank(self, study: Study) -> Study:
        """Return the study with a placeholder outcome in every row, to lay out a simulation.

        The study itself, where the rows of a simulation do not depend on outcomes.
        """
        return study

    def logp(self, xp: Any, eta: Any) -> Any:
        """Return the log density of every row."""
        raise TypeError(f"{type(self).__name__} defines no logp")

    def outcomes(self, rows: Rows) -> int:
        """Return how many outcomes there are in the rows."""
        return len(rows)

    def acts(self, study: Study) -> pd.DataFrame:
        """Return what a figure marks over time: `subject`, `session`, `time` [s] and `kind`."""
        return study.events.loc[[], [*KEYS, "time", "kind"]]

    def observed(self, study: Study, rows: Rows) -> pd.DataFrame:
        """Return the outcomes of the study in the form in which `draw` returns replicates."""
        return rows.frame

    def values(self, outcome: pd.DataFrame, rows: Rows) -> np.ndarray:
        """Return the numbers that `signature` sums up, one a row of what `draw` returns."""
        return outcome[self.column].to_numpy(float)  # type: ignore[attr-defined]

    def typical(self, eta: Any) -> Any:
        """Return the outcome that is typical of a predictor, as `typical_words` say it.

        A member adds its parameters by name.
        """
        raise TypeError(f"{type(self).__name__} defines no typical")

    def simulate(
        self, rng: np.random.Generator, eta: np.ndarray, data: Mapping[str, Any]
    ) -> dict[str, np.ndarray]:
        """Draw one outcome a row; return the columns of the table and their values.

        A member adds its parameters by name; `data` is that of `simulation_rows`.
        """
        raise TypeError(f"{type(self).__name__} defines no simulate")

    def draw(
        self,
        rng: np.random.Generator,
        eta: np.ndarray,
        rows: Rows,
        parameters: Mapping[str, Any],
        terms: Mapping[str, float],
        limit: int,
    ) -> pd.DataFrame:
        """Draw the behaviour of all rows once.

        Parameters
        ----------
        rng : Generator
            Source of randomness.
        eta : array, (row,)
            The predictor at the rows of `simulation_rows`.
        rows : Rows
            Those rows.
        parameters : mapping of str to value
            The member's own parameters.
        terms : mapping of str to float
            The coefficients of `extra_terms`.
        limit : int
            Most acts, for members whose number of outcomes is not given.
        """
        return pd.DataFrame(self.simulate(rng, eta, rows.data, **parameters))

    def filled(self, study: Study, drawn: pd.DataFrame) -> Study:
        """Return the study that `blank` prepared with what was drawn put in."""
        return with_columns(study, {column: drawn[column].to_numpy() for column in drawn})

    def to_dict(self) -> dict[str, Any]:
        """Return the options as an analysis file holds them."""
        options: dict[str, Any] = {}
        for option in fields(self):
            value = getattr(self, option.name)
            options[option.name] = list(value) if isinstance(value, tuple) else value
        del options["called"]  # the key of the entry
        own = None if self.name == self.prefix else self.name.removeprefix(f"{self.prefix}_")
        return {"likelihood": own} | options


def with_columns(study: Study, values: Mapping[str, Any]) -> Study:
    """Return the study with columns of `observations` set."""
    return study.with_tables({"observations": study.observations.assign(**values)})


def times_by_session(table: pd.DataFrame) -> dict[tuple[str, str], np.ndarray]:
    """Return the sorted times [s] of a table's rows by (subject, session)."""
    return {key: np.sort(time.to_numpy(float)) for key, time in table.groupby(KEYS)["time"]}


def refuse_cells(wrong: pd.Series, channel: str, *, allowed: str, todo: str) -> None:
    """Refuse the first of the wrong cells of a column, if there are any."""
    for row, cell in wrong.head(1).items():
        shown = f"{cell:g}" if isinstance(cell, float) else repr(cell)
        raise SpecError(
            f"channel {channel}: {wrong.name} = {shown} in observation {row + 1}",
            allowed=allowed,
            todo=todo,
        )


def outcome_column(frame: pd.DataFrame, column: str, channel: str) -> pd.Series:
    """Return the outcome column as numbers, or say which columns there are."""
    return numbers(named_column(frame, column, channel), column, channel)


def named_column(
    frame: pd.DataFrame, column: str, channel: str, *, otherwise: str = ""
) -> pd.DataFrame:
    """Return the frame if it has the column a channel names, or say which columns there are."""
    if column not in frame:
        raise SpecError(
            f"channel {channel}: the study's observations have no column {column!r}",
            allowed=", ".join(map(str, frame.columns)) or "(the study has no observations)",
            given=column,
            known=frame.columns,
            todo=otherwise or "name a column of the study's observations",
        )
    return frame


def numbers(frame: pd.DataFrame, column: str, channel: str) -> pd.Series:
    """Return a column as numbers; missing cells are NaN."""
    values = pd.to_numeric(frame[column], errors="coerce").astype(float)
    bad = (values.isna() & frame[column].notna()) | np.isinf(values)
    refuse_cells(
        frame[column][bad],
        channel,
        allowed="finite numbers; an empty cell where nothing was measured",
        todo="correct the cell, or name another column",
    )
    return values


def zero_one(values: pd.Series, channel: str) -> np.ndarray:
    """Return the values as an array of 0 and 1."""
    wrong = values[~values.isin([0.0, 1.0])]
    refuse_cells(wrong, channel, allowed="0 or 1", todo="recode the column, or name another")
    return values.to_numpy(float)
