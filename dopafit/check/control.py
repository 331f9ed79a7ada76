"""Controls: whether what is found in the data is also found where it cannot be.

The same statistic is computed for the data and for surrogates, its maximum over hypotheses taken
anew in each. Surrogates are drawn one after the other until so many were at least as large that
the p-value cannot be .05 any more (Besag & Clifford 1991, recalled), or there are enough.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from dopafit.backend.evidence.marginal import Marginal
from dopafit.check.caused import caused
from dopafit.check.kept import Kept
from dopafit.check.lead import Lead, events_lead, members, models_of, trough_lead
from dopafit.check.sequential import LIMIT, p_value
from dopafit.check.surrogates import (
    LEAST,
    Surrogates,
    exchanged,
    redrawn,
    replicated,
    shifted,
)
from dopafit.core.arguments import takes
from dopafit.core.errors import FitError, SpecError
from dopafit.core.machine import available_cores, single_threaded
from dopafit.core.seed import generator, spawn
from dopafit.core.shown import Shown
from dopafit.fit.evidence import log_evidence
from dopafit.fit.explore import explore
from dopafit.fit.fit import Fit
from dopafit.fit.progress import Progress
from dopafit.model.claim import Model
from dopafit.model.rivals import NO_TROUGH, TROUGH
from dopafit.study.study import Study
from dopafit.trace.kernel import Kernel

__all__ = ["COUNT", "Control", "events_control", "trough_control"]

COUNT = 39
"""Surrogates unless asked for more: the least of which one may be as large at p = .05."""

NEAR = 6.0
"""Rivals whose log marginal likelihood is so far [nats] behind the best one's explain the data
clearly worse, and are not simulated from."""

RANDOMISED = ("events", "magnitudes", "nothing")

JUDGED = 100
"""Draws by which the approximation of the data's own evidence is judged."""


@dataclass(frozen=True, eq=False)
class Control(Shown):
    """A statistic of the data among those of surrogates.

    Parameters
    ----------
    name : {"events_control", "trough_control"}
        The condition that it decides.
    kind : str
        How surrogates were made, as a clause; empty where there are none.
    statistic : float
        Of the data: a difference of log marginal likelihoods [nats].
    surrogates : array
        The same of each surrogate, in the order in which they were drawn; of several claims
        that were simulated from, those of the one with the largest p-value.
    p : float
        Share of studies like the data whose statistic is at least as large; NaN without surrogates.
    distinct : int
        Surrogates there were to draw from.
    reason : str
        Why there are none, or too few.
    k : float
        Largest Pareto k of the approximation behind `statistic`.
    evidence : DataFrame
        `hypothesis`; `log_marginal` [nats] of the data by importance sampling around the mode,
        with its Monte Carlo `error` and `pareto_k`; `laplace`, which statistics are made of.
    """

    name: str
    kind: str
    statistic: float
    surrogates: np.ndarray
    p: float
    distinct: int
    reason: str = ""
    k: float = field(default=float("nan"), kw_only=True)
    evidence: pd.DataFrame = field(default_factory=pd.DataFrame, kw_only=True)

    @property
    def met(self) -> bool:
        """Whether the data lie outside of what surrogates show."""
        return self.distinct >= LEAST and self.p <= LIMIT

    @property
    def limit(self) -> float:
        """The largest p-value at which it is met."""
        return LIMIT

    @property
    def told(self) -> str:
        """What was found, or why nothing was."""
        if np.isnan(self.p):
            return self.reason
        as_large = int((self.surrogates >= self.statistic).sum())
        found = (
            f"{self.kind}: {as_large} of {len(self.surrogates)} at least as large as the data's "
            f"{self.statistic:.1f}"
        )
        return f"{found}; {self.reason}" if self.reason else found

    @property
    def table(self) -> pd.DataFrame:
        """`study` and `statistic` [nats], the data first."""
        names = ["data", *(f"surrogate {i + 1}" for i in range(len(self.surrogates)))]
        return pd.DataFrame({"study": names, "statistic": [self.statistic, *self.surrogates]})

    def _table_shown(self) -> pd.DataFrame:
        return self.table

    def __repr__(self) -> str:
        word = "met" if self.met else "not met"
        value = "" if np.isnan(self.p) else f", p = {self.p:.3f}"
        return f"{self.name}: {word}{value}\n{self.told}"


@single_threaded()
@takes(hypotheses=Mapping, study=Study)
def events_control(
    hypotheses: Mapping[str, Model | Fit],
    study: Study,
    *,
    seed: int,
    count: int = COUNT,
    randomised: str | None = None,
    contingency: Callable[[Study], Study] | None = None,
    keep: Path | None = None,
    progress: Progress | None = None,
) -> Control:
    """Ask whether the events of the data explain more than events that cannot have done anything.

    The statistic is the log marginal likelihood of the best hypothesis in which events move
    something, less that of the best in which they do not.

    Parameters
    ----------
    hypotheses : mapping of str to Model or Fit
        All that are compared.
    study : Study
        The data.
    seed : int
        Source of the surrogates.
    count : int
        Surrogates wanted; 99 to publish.
    randomised : {"events", "magnitudes", "nothing"}, optional
        What of the events was set independently of behaviour. Looked for unless given: nothing
        where events follow acts, else events.
    contingency : callable (study) -> study, optional
        Where acts cause events: returns a study with the events that its acts cause.
    keep : Path, optional
        A file that keeps what is computed: a later call goes on from there.
    progress : Progress, optional
        Where progress is shown.

    Raises
    ------
    SpecError
        A word for `randomised` that is none.
    """
    if randomised is not None and randomised not in RANDOMISED:
        raise SpecError(f"randomised: {randomised!r}", given=randomised, known=RANDOMISED)
    engine = _Engine(hypotheses, study, "events_control", seed, count, keep, progress)
    statistic = events_lead(engine.models)
    if statistic is None:
        return engine.none("a hypothesis with, or without, an effect of events is missing")
    moved = [name for name, model in engine.models.items() if model.moved]
    idle = [name for name in engine.models if name not in moved]
    given = [engine.models[name].events for name in moved]
    kinds = None if None in given else sorted(set().union(*given))
    followers = ()
    if randomised is None:
        channels = (channel for model in engine.models.values() for channel in model.channels)
        explained = {column for channel in channels for column in channel.explained}
        followers = caused(study, kinds, explained.intersection(study.observations))
    rng = generator(seed, "events_control")
    if randomised == "magnitudes":
        found = redrawn(study, kinds, rng, count)
    elif randomised == "events" or not (followers or randomised):
        found = exchanged(study, kinds, rng, count)
        if found.count < LEAST:
            reach = max(_reach(engine.models[name]) for name in moved)
            other = shifted(study, kinds, rng, count, least=reach)
            better = other.count > found.count
            found, why = (other, found.reason) if better else (found, other.reason)
            if found.count < LEAST:
                return engine.none(f"{found.kind}: {found.reason}; {why}", found.count)
    elif contingency is not None:
        best = max(idle, key=lambda name: engine.real[name].value)
        return engine.compared(statistic, [engine.simulated(best, contingency)])
    else:
        which = f" ({', '.join(followers)})" if followers else ""
        return engine.none(f"events follow acts{which}: their effects cannot be separated")
    # behaviour is that of the data: where events move nothing, so is the evidence
    same = {name: engine.real[name] for name in idle}
    return engine.compared(statistic, [found], same)


@single_threaded()
@takes(hypotheses=Mapping, study=Study)
def trough_control(
    hypotheses: Mapping[str, Model | Fit],
    study: Study,
    *,
    seed: int,
    count: int = COUNT,
    rivals: Sequence[str] | None = None,
    keep: Path | None = None,
    progress: Progress | None = None,
) -> Control:
    """Ask whether studies without a trough favour it as much as the data do.

    The statistic is the log marginal likelihood of the trough family, its members mixed equally,
    less that of the best rival without a trough. Studies are simulated, events as they were, from
    each such rival that is not clearly behind; the largest p-value counts.

    Parameters
    ----------
    rivals : sequence of str, optional
        Hypotheses that are simulated from; unless given those within 6 nats of the best.

    Notes
    -----
    The other parameters are those of `events_control`.
    """
    engine = _Engine(hypotheses, study, "trough_control", seed, count, keep, progress)
    statistic = trough_lead(engine.models)
    if statistic is None:
        return engine.none("a hypothesis with, or without, a trough is missing")
    trough, plain = (members(engine.models, family) for family in (TROUGH, NO_TROUGH))
    if rivals is None:
        best = max(engine.real[name].value for name in plain)
        rivals = [name for name in plain if engine.real[name].value > best - NEAR]
    engine.models = {name: engine.models[name] for name in (*trough, *plain)}
    return engine.compared(statistic, [engine.simulated(name) for name in rivals])


class _Engine:
    """Evidence for every hypothesis, of the data and of surrogates; kept as it is made."""

    def __init__(
        self,
        hypotheses: Mapping[str, Model | Fit],
        study: Study,
        name: str,
        seed: int,
        count: int,
        keep: Path | None,
        progress: Progress | None,
    ) -> None:
        self.given, self.study, self.name = hypotheses, study, name
        self.seed, self.count = seed, count
        self.models = models_of(hypotheses)
        self.show = Progress() if progress is None else progress
        hashes = [study.hash, name, seed, count, *((k, m.hash) for k, m in self.models.items())]
        self.kept = Kept(keep, hashes)
        self.show.phase("controlling", f"{name}: the data")
        self.real = log_evidence(self.models, study, draws=JUDGED)
        self.show.done(", ".join(f"{k} {m.value:.1f}" for k, m in self.real.items()))

    def none(self, reason: str, distinct: int = 0) -> Control:
        """Return that there is nothing to hold the data against."""
        nothing = np.zeros(0)
        return Control(
            self.name, "", np.nan, nothing, np.nan, distinct, reason, evidence=self.evidence
        )

    @property
    def evidence(self) -> pd.DataFrame:
        """Log marginal likelihoods of the data."""
        rows = [(name, m.corrected, m.error, m.k, m.value) for name, m in self.real.items()]
        columns = ["hypothesis", "log_marginal", "error", "pareto_k", "laplace"]
        return pd.DataFrame(rows, columns=columns).sort_values("laplace", ascending=False)

    def simulated(
        self, name: str, contingency: Callable[[Study], Study] | None = None
    ) -> Surrogates:
        """Return studies simulated from one hypothesis, given the data."""
        one = self.given[name]
        if not isinstance(one, Fit):
            one = explore(one, self.study, seed=self.seed, draws=max(self.count, 100))
        seed = spawn(self.seed, f"{self.name}/{name}")
        return replicated(one.model, self.study, one.thinned(self.count), seed, contingency)

    def compared(
        self,
        statistic: Lead,
        several: Iterable[Surrogates],
        same: Mapping[str, Marginal] | None = None,
    ) -> Control:
        """Return the control over surrogates of several kinds, with the largest p-value."""
        mine = statistic({name: one.value for name, one in self.real.items()})
        worst = max(one.k for one in self.real.values())
        found = []
        for surrogates in several:
            values = self._drawn(statistic, mine, surrogates, same or {})
            p, decided = p_value(mine, values, surrogates.count)
            each = np.array(values[:decided])
            about = surrogates.kind, mine, each, p, surrogates.count, surrogates.reason
            found.append(Control(self.name, *about, k=worst, evidence=self.evidence))
            if not found[-1].met:  # the largest p-value counts
                break
        return max(found, key=lambda one: one.p)

    def _drawn(
        self,
        statistic: Lead,
        mine: float,
        surrogates: Surrogates,
        same: Mapping[str, Marginal],
    ) -> list[float]:
        """Return statistics of surrogates, in order, until the p-value is known."""

        def one(number: int) -> float:
            try:
                found = log_evidence(self.models, surrogates.make(number), same)
            except FitError:  # a simulated rate that exploded
                return np.inf
            return statistic({name: marginal.value for name, marginal in found.items()})

        values = self.kept.values.setdefault(surrogates.kind, [])
        cores, count = available_cores(), surrogates.count
        with ThreadPoolExecutor(cores) as pool:
            while len(values) < count and p_value(mine, values, count)[1] is None:
                numbers = range(len(values), min(len(values) + cores, count))
                self.show.phase("controlling", f"{surrogates.kind}, {numbers[0] + 1} of {count}")
                values += pool.map(one, numbers)
                self.show.done(", ".join(f"{values[i]:.1f}" for i in numbers))
                self.kept.save()
        return values


def _reach(model: Model) -> float:
    """Return the time [s] after which a response has all but ended, at the centre of the prior."""
    kernel, shape = Kernel.named(model.kernel)(), {}
    for name in kernel.parameters:
        parameter = model.parameters[name]
        if name not in kernel.elsewhere:
            centre = parameter.fixed if parameter.prior is None else parameter.prior.location
            shape[name] = np.array(centre)
    return float(np.max(kernel.horizon(**shape)))
