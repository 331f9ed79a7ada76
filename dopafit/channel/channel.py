"""What a channel is: how motivation becomes behaviour."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from dopafit.core.component import Component, Parameter
from dopafit.core.errors import SpecError, suggest
from dopafit.core.prior import Prior
from dopafit.study.study import Study

__all__ = ["At", "Channel", "Rows", "Scales", "channel_from_dict"]

At = Callable[[pd.DataFrame], pd.DataFrame]


@dataclass(frozen=True)
class Scales:
    """Time scales [s] a grid over time has to resolve.

    Parameters
    ----------
    finest : float
        Shortest time over which the trace moves after an event.
    longest : float
        Longest half-life with which it settles.
    coarsest : float
        Longest step that slow covariates (time of day) allow.
    refine : int
        1, or more for a finer grid against which the error is measured.
    """

    finest: float = 1.0
    longest: float = 60.0
    coarsest: float = 3600.0
    refine: int = 1


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
    """

    frame: pd.DataFrame
    data: Mapping[str, np.ndarray]
    unit: np.ndarray
    excluded: int = 0

    def __len__(self) -> int:
        return len(self.frame)


class Channel(Component, family=True):
    r"""Base of the likelihoods.

    A member is a frozen dataclass whose fields say which columns it reads. Its `logp` is a plain
    function over an array namespace: predictor, data and parameters in, one log density a row out.
    The predictor is :math:`\eta = \alpha + \sum_l b_l M_l(t)`; more motivation is always more
    pursuit (`logp` turns the sign where more pursuit is a smaller outcome).
    """

    formula = "logp"
    arguments = frozenset({"eta"})
    elsewhere = frozenset({"rest", "gain"})  # they make the predictor
    prefix: ClassVar[str] = ""
    gain: ClassVar[Parameter]
    parameters: ClassVar[dict[str, Parameter]]
    table: ClassVar[str] = "observations"
    latex: ClassVar[str] = ""
    outcome: ClassVar[str] = ""

    def extra_terms(self) -> dict[str, Prior]:
        """Columns of the rows that always enter the resting predictor, with their priors."""
        return {}

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
        """Return the study with a placeholder outcome in every row, to lay out a simulation."""
        raise TypeError(f"{type(self).__name__} defines no blank")

    def logp(self, xp: Any, eta: Any) -> Any:
        """Return the log density of every row."""
        raise TypeError(f"{type(self).__name__} defines no logp")

    def to_dict(self) -> dict[str, Any]:
        """Return the options as an analysis file holds them."""
        options: dict[str, Any] = {}
        for field in fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            options[field.name] = list(value) if isinstance(value, tuple) else value
        return {"likelihood": self.name.partition("_")[2] or None} | options


def gain_prior(parameter: Parameter, directed: bool) -> Parameter:
    """Return the gain with the sign the hypothesis fixes (half-normal), or free (normal)."""
    from dataclasses import replace

    scale = parameter.prior.scale if parameter.prior else 1.5
    return replace(
        parameter, prior=Prior.half_normal(scale) if directed else Prior.normal(0, scale)
    )


def channel_from_dict(name: str, options: Mapping[str, Any] | None) -> Channel:
    """Build a channel from its entry in an analysis file.

    Raises
    ------
    SpecError
        Unknown channel, likelihood or option, or an option of the wrong type.
    """
    options = dict(options or {})
    likelihood = options.pop("likelihood", None)
    full = f"{name}_{likelihood}" if likelihood else name
    member = Channel.named(full)
    known = [field.name for field in fields(member)]
    for option in options:
        if option not in known:
            raise SpecError(
                f"channels: {name}: option {option!r} is not known",
                allowed=", ".join(["likelihood", *known]),
                todo=suggest(option, known),
            )
    options = {k: tuple(v) if isinstance(v, list) else v for k, v in options.items()}
    try:
        return member(**options)
    except TypeError as error:
        raise SpecError(f"channels: {name}: {error}", allowed=", ".join(known)) from error


def with_columns(study: Study, values: Mapping[str, Any]) -> Study:
    """Return the study with columns of `observations` set."""
    return study.with_tables({"observations": study.observations.assign(**values)})


def outcome_column(frame: pd.DataFrame, column: str, channel: str) -> pd.Series:
    """Return the outcome column, or say which columns there are."""
    if column not in frame:
        raise SpecError(
            f"channel {channel}: the study's observations have no column {column!r}",
            allowed=", ".join(map(str, frame.columns)),
            todo=suggest(column, frame.columns),
        )
    return frame[column]
