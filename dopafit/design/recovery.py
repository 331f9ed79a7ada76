"""Would this design tell the hypotheses apart? Studies simulated from each, and what is chosen.

Every study has the design's subjects, sessions, events and trial times; its behaviour follows one
hypothesis, with values from the priors or as given. All hypotheses are then held against it by
their marginal likelihoods (nested Laplace, corrected by importance sampling); the best is chosen.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from types import NoneType
from typing import Any

import numpy as np
import pandas as pd

from dopafit.backend.evidence.marginal import Marginal
from dopafit.backend.evidence.proposals import log_mean
from dopafit.channel.thinning import LIMIT
from dopafit.core.arguments import takes
from dopafit.core.errors import FitError, SpecError
from dopafit.core.machine import available_cores, single_threaded
from dopafit.core.seed import generator, integer_seed
from dopafit.core.shown import Shown
from dopafit.design.confusion import confusion
from dopafit.fit.evidence import log_evidence
from dopafit.fit.progress import Progress
from dopafit.model.claim import Model
from dopafit.model.layout.layout import build_layout
from dopafit.model.play import draw_population, simulate
from dopafit.model.rivals import NO_TROUGH, TROUGH
from dopafit.study.study import Study

__all__ = ["ENOUGH", "ModelRecovery", "recover_models"]

ENOUGH = 0.8
"""Where a true hypothesis is chosen less often than this, comparisons carry a warning."""

STUDIES = 20
"""Studies simulated from each hypothesis unless asked for more."""

DRAWS = 100
"""Draws by which each evidence is corrected and judged."""

POOR = 0.7
"""Pareto k above which an evidence is not trusted."""

NEAR = 6.0
"""An evidence further behind the best [nats] decides nothing, however rough it is."""

TIE = 0.1
"""Evidences that differ by less [nats] are equal, and one is drawn: a Bayes factor of 1.1."""

ATTEMPTS = 50
"""Draws of the prior after which there is taken to be none that this design could bear."""

BUSY = 20
"""Studies with so many times the acts of the design's own, and more than one a second, are drawn
again."""

Record = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class ModelRecovery(Shown):
    """What was chosen in studies whose truth is known.

    Parameters
    ----------
    families : mapping of str to str
        Family of every hypothesis, in the order of the tables.
    studies : DataFrame, (study,)
        `true`, `number`, `chosen`, `family` (true), `family_chosen`; `margin` [nats], the true
        hypothesis's log marginal likelihood less that of the best other; `k`, the largest Pareto k
        of those that decide; `redrawn`, draws of the prior that this design could not bear.
    """

    families: Mapping[str, str]
    studies: pd.DataFrame

    @cached_property
    def table(self) -> pd.DataFrame:
        """What `confusion` returns, by hypothesis."""
        return confusion(self.studies["true"], self.studies["chosen"], list(self.families))

    @cached_property
    def by_family(self) -> pd.DataFrame:
        """What `confusion` returns, by family: its members mixed equally, truths of all members."""
        names = list(dict.fromkeys(self.families.values()))
        return confusion(self.studies["family"], self.studies["family_chosen"], names)

    @property
    def poor(self) -> dict[str, float]:
        """Hypotheses that are chosen too rarely where they are true, with p(chosen | true)."""
        right = self.table[self.table["true"] == self.table["chosen"]]
        return {r.true: r.p for r in right.itertuples() if not r.p >= ENOUGH}

    @property
    def warning(self) -> str:
        """What comparisons on this design have to say; empty where nothing."""
        if not self.poor:
            return ""
        told = ", ".join(f"{name} in {_share(self.table, name)}" for name in self.poor)
        return (
            "on this design a comparison can name the wrong hypothesis: of simulated studies where "
            f"it is true, too few (under {100 * ENOUGH:.0f} %) had it chosen: {told}"
        )

    @property
    def summary(self) -> tuple[str, ...]:
        """What was found, in sentences."""
        right = int((self.studies["true"] == self.studies["chosen"]).sum())
        found = [f"the true hypothesis was chosen in {right} of {len(self.studies)} studies"]
        every = set(self.families.values())
        if {TROUGH, NO_TROUGH} <= every:
            table = self.by_family.set_index(["true", "chosen"])
            for true, told in (
                (NO_TROUGH, "studies without a trough were taken for ones with a trough"),
                (TROUGH, "studies with a trough were recognised"),
            ):
                row = table.loc[true, TROUGH]
                found.append(
                    f"{told} in {row['count']:.0f} of {row['studies']:.0f} (exact 95 % interval "
                    f"{row['lower']:.3f} to {row['upper']:.3f})"
                )
        poor = int((self.studies["k"] > POOR).sum())
        if poor:
            found.append(f"in {poor} an evidence has a Pareto k above {POOR:g}: approximate")
        if again := int(self.studies["redrawn"].sum()):
            found.append(f"{again} draws of the priors implied absurd behaviour and were replaced")
        return tuple(found)

    def _table_shown(self) -> pd.DataFrame:
        return self.table

    def __repr__(self) -> str:
        matrix = self.table.pivot(index="true", columns="chosen", values="p")
        names = list(self.families)
        told = matrix.loc[names, names].to_string(float_format="{:.2f}".format)
        lines = ["p(chosen | true)", told, *self.summary]
        return "\n".join([*lines, f"warning: {self.warning}"] if self.warning else lines)


def _share(table: pd.DataFrame, name: str) -> str:
    row = table.set_index(["true", "chosen"]).loc[name, name]
    return f"{row['count']:.0f} of {row['studies']:.0f}"


@single_threaded()
@takes(hypotheses=Mapping, design=Study, truth=(Mapping, NoneType))
def recover_models(
    hypotheses: Mapping[str, Model],
    design: Study,
    *,
    seed: int,
    studies: int = STUDIES,
    truth: Mapping[str, float] | None = None,
    kept: Iterable[Record] = (),
    keep: Callable[[list[Record]], None] | None = None,
    progress: Progress | None = None,
) -> ModelRecovery:
    """Simulate studies from every hypothesis, and choose among all of them in each.

    Parameters
    ----------
    hypotheses : mapping of str to Model
        All that are compared: at least two.
    design : Study
        Supplies everything but the behaviour.
    seed : int
        Source of randomness: a study follows from it, its hypothesis and its number.
    studies : int
        Studies simulated from each hypothesis.
    truth : mapping of str to float, optional
        Values by summary name, in every hypothesis that has such a quantity; all else is drawn
        from the priors, anew for each study.
    kept : iterable of record
        Studies that were finished before.
    keep : callable, optional
        Called with all records whenever studies are finished.
    progress : Progress, optional
        Where progress is shown.

    Raises
    ------
    SpecError
        Fewer than two hypotheses, or a name in `truth` that none of them has.
    FitError
        The priors of a hypothesis allow no behaviour that the design could bear.
    """
    if len(hypotheses) < 2:
        raise SpecError(
            f"{len(hypotheses)} hypothesis to choose from: {', '.join(hypotheses) or 'none'}",
            allowed="two or more",
            todo="name others, or leave drives and hypotheses out for the default ones",
        )
    show = Progress() if progress is None else progress
    own = _own_truths(hypotheses, design, truth or {})
    limit = min(LIMIT, max(BUSY * len(design.presses), round(3600 * design.hours)))
    families = {name: model.family for name, model in hypotheses.items()}
    known = {(record["true"], record["number"]): dict(record) for record in kept}

    def one(name: str, number: int) -> dict[str, Any]:
        study, redrawn = _made(hypotheses[name], design, own[name], seed, f"{name}/{number}", limit)
        found = log_evidence(hypotheses, study, draws=DRAWS)
        rng = generator(seed, f"recover/{name}/{number}/tie")
        return {"true": name, "number": number, "redrawn": redrawn} | _chosen(
            name, found, families, rng
        )

    with ThreadPoolExecutor(available_cores()) as pool:
        for number in range(1, studies + 1):
            todo = [name for name in hypotheses if (name, number) not in known]
            if not todo:
                continue
            show.phase("recovering", f"study {number} of {studies} from each hypothesis")
            jobs = {name: pool.submit(one, name, number) for name in todo}
            try:
                for name, job in jobs.items():
                    known[name, number] = job.result()
                    if keep is not None:
                        keep(list(known.values()))
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
            right = sum(known[name, number]["chosen"] == name for name in hypotheses)
            so_far = sum(r["chosen"] == r["true"] for r in known.values())
            show.done(f"{right} of {len(hypotheses)} right; so far {so_far} of {len(known)}")
    wanted = [known[name, number] for name in hypotheses for number in range(1, studies + 1)]
    return ModelRecovery(families, pd.DataFrame(wanted))


def _own_truths(
    hypotheses: Mapping[str, Model], design: Study, truth: Mapping[str, float]
) -> dict[str, dict[str, float]]:
    """Return the values that each hypothesis knows; refuse those that none knows."""
    found, every = {}, {}
    for name, model in hypotheses.items():
        blank = design
        for channel in model.channels:
            blank = channel.blank(blank)
        coordinates = build_layout(model, blank, simulation=True).coordinates
        _, values = draw_population(coordinates, generator(0, "recover/names"))
        found[name] = {key: value for key, value in truth.items() if key in values}
        every |= values
    for key in truth:
        if key not in every:
            wrong = f"truth: {key!r} is not a quantity of any hypothesis"
            raise SpecError(
                wrong, given=key, known=[name for name in every if "_group[" not in name]
            )
    return found


def _made(
    model: Model, design: Study, truth: Mapping[str, float], seed: int, which: str, limit: int
) -> tuple[Study, int]:
    """Return a study, and how many draws were refused before it."""
    for attempt in range(ATTEMPTS):
        drawn = integer_seed(seed, f"recover/{which}/{attempt}")
        with contextlib.suppress(FitError):  # a rate that nobody could reach
            return simulate(model, design, seed=drawn, truth=truth, limit=limit)[0], attempt
    raise FitError(
        f"recover: {ATTEMPTS} draws of the priors of {model.hypothesis} imply absurd rates",
        allowed=f"priors under which a study has at most {limit:,} acts",
        todo="narrow the priors of resting rate and gains, or give values under simulate: truth:",
    )


def _chosen(
    true: str,
    found: Mapping[str, Marginal],
    families: Mapping[str, str],
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Return what is chosen: the best, or one of those that equal it."""
    values = {name: one.value for name, one in found.items()}
    members: dict[str, list[str]] = {}
    for name, family in families.items():
        members.setdefault(family, []).append(name)
    mixed = {
        family: float(log_mean(np.array([values[name] for name in names])))
        for family, names in members.items()
    }
    other = max(value for name, value in values.items() if name != true)
    best = max(values.values())
    near = [name for name, value in values.items() if value > best - NEAR or name == true]
    return {
        "chosen": _best(values, rng),
        "family": families[true],
        "family_chosen": _best(mixed, rng),
        "margin": values[true] - other,
        "k": max(
            (found[name].k for name in near if found[name].k == found[name].k), default=np.inf
        ),
        "values": values,
    }


def _best(values: Mapping[str, float], rng: np.random.Generator) -> str:
    top = max(values.values())
    ties = [name for name, value in values.items() if value == top or top - value < TIE]
    return str(rng.choice(ties))
