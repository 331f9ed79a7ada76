"""What a run may say: nothing, that events matter, that the trough does, or that it does not.

A claim is made of conditions, each with its value and its limit. One that was not computed is not
met: what nobody looked at supports nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from dopafit.compare.difference import SMALL, THESE_ONLY, Difference, difference, mixture
from dopafit.core.errors import SpecError
from dopafit.model.rivals import NO_TROUGH, TROUGH

__all__ = ["COMPARED", "CONDITIONS", "EVENTS", "NOT_COMPUTED", "NO_TROUGH_CLAIM", "TROUGH_CLAIM",
           "UNDECIDED", "Claim", "Condition", "decide"]  # fmt: skip

NOT_COMPUTED = "not computed"
"""What is told of a condition that nobody looked at."""

UNDECIDED, EVENTS, TROUGH_CLAIM, NO_TROUGH_CLAIM = "undecided", "events", "trough", "no_trough"

CONDITIONS = {
    "converged": "every fit converged",
    "rivals_present": "every rival was fitted",
    "ahead_of_no_drive": "a hypothesis in which events move pursuit is ahead of the one without",
    "separable": "the trace is not a trend over the session",
    "time_on_task": "nothing is left over that changes with time in the session",
    "events_control": "events that were exchanged, shifted or simulated explain less",
    "events_any_curve": "events lead whether behaviour may drift half or twice as much",
    "lobe_seen": "there are observations while the level is below baseline",
    "ahead_of_each_no_trough_rival": "the trough family is ahead of each rival without a trough",
    "none_ahead": "no other hypothesis is ahead of the trough family",
    "encompassing_gain": "with both lobes free, the trough's gain is positive",
    "trough_control": "studies simulated without a trough favour it less",
    "trough_any_curve": "the trough leads whether behaviour may drift half or twice as much",
    "prior_shift": "no estimate lies where its prior had all but ruled it out",
    "modes_agree": "no second mode says otherwise",
    "trough_effect_small": "whatever the trough does is smaller than what would matter",
}
"""Every condition, in the order in which a reader meets them, as a clause that is true if met."""

COMPARED = ("converged", "rivals_present", "ahead_of_no_drive", "ahead_of_each_no_trough_rival",
            "none_ahead")  # fmt: skip
"""Those that `decide` finds in a comparison."""

_FOR_EVENTS = ("converged", "rivals_present", "ahead_of_no_drive", "separable", "time_on_task",
               "events_control", "events_any_curve")  # fmt: skip
_FOR_TROUGH = ("lobe_seen", "ahead_of_each_no_trough_rival", "none_ahead", "encompassing_gain",
               "trough_control", "trough_any_curve", "prior_shift", "modes_agree")  # fmt: skip
_FOR_NO_TROUGH = ("trough_effect_small", "lobe_seen", "prior_shift", "modes_agree")


@dataclass(frozen=True)
class Condition:
    """One condition of a claim.

    Parameters
    ----------
    name : str
        One of `CONDITIONS`.
    met : bool
        False also where it was not computed.
    value, limit : float or None
        What was found, and what it was held against; None where it was not computed.
    told : str
        What the value is, or why there is none.
    """

    name: str
    met: bool
    value: float | None = None
    limit: float | None = None
    told: str = ""

    def __post_init__(self) -> None:
        if self.name not in CONDITIONS:
            raise SpecError(
                f"a condition called {self.name!r}",
                allowed=", ".join(CONDITIONS),
                todo="name one of those",
            )


@dataclass(frozen=True)
class Claim:
    """What may be said, and why not more.

    Parameters
    ----------
    word : {"undecided", "events", "trough", "no_trough"}
        The claim.
    conditions : tuple of Condition
        All of them, in the order of `CONDITIONS`.
    these_only : bool
        Whether there are so few subjects that it is about these alone.
    """

    word: str
    conditions: tuple[Condition, ...]
    these_only: bool = False

    @property
    def unmet(self) -> tuple[Condition, ...]:
        """The conditions that kept the claim from being `trough`, in order."""
        wanted = (*_FOR_EVENTS, *_FOR_TROUGH)
        return tuple(one for one in self.conditions if one.name in wanted and not one.met)

    @property
    def unlooked(self) -> bool:
        """Whether only what the run left out, and nothing in the data, keeps it undecided."""
        lacking = [one for one in self.conditions if one.name in _FOR_EVENTS and not one.met]
        left_out = (one.value is None or one.name == "rivals_present" for one in lacking)
        return bool(lacking) and all(left_out)

    @classmethod
    def of(cls, conditions: Iterable[Condition], *, these_only: bool = False) -> Claim:
        """Return the claim that follows from conditions; one that is lacking is not met."""
        found = {one.name: one for one in conditions}
        every = tuple(
            found.get(name, Condition(name, False, told=NOT_COMPUTED)) for name in CONDITIONS
        )
        met = {one.name for one in every if one.met}
        word = UNDECIDED
        if met.issuperset(_FOR_EVENTS):
            word = EVENTS
            if met.issuperset(_FOR_TROUGH):
                word = TROUGH_CLAIM
            elif met.issuperset(_FOR_NO_TROUGH):
                word = NO_TROUGH_CLAIM
        return cls(word, every, these_only)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, as ``answer.json`` has it."""
        conditions = [asdict(one) for one in self.conditions]
        return {"claim": self.word, "these_only": self.these_only, "conditions": conditions}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Claim:
        """Read what `to_dict` wrote.

        Raises
        ------
        SpecError
            Fields are missing or of another form, or the claim does not follow from its conditions.
        """
        todo = "run again; the file was changed or damaged"
        try:
            found = [Condition(**one) for one in values["conditions"]]
            wrong = [one.name for one in found if type(one.met) is not bool]
            claim = cls.of(found, these_only=bool(values.get("these_only")))
        except (KeyError, TypeError) as error:
            raise SpecError(
                f"this is no stored claim: {error!r}",
                allowed="claim and conditions, as Claim.to_dict writes them",
                todo=todo,
            ) from None
        if wrong or claim.word != values.get("claim"):
            raise SpecError(
                f"the claim {values.get('claim')!r} does not follow from its conditions",
                allowed=f"{claim.word!r} with these",
                todo=todo,
            )
        return claim


def decide(
    points: pd.DataFrame,
    subjects: Sequence[str],
    families: Mapping[str, str],
    *,
    without: str | None,
    converged: Mapping[str, bool],
    missing: Sequence[str],
    others: Iterable[Condition] = (),
) -> Claim:
    """Decide what a comparison and its controls may say.

    Parameters
    ----------
    points : DataFrame, (unit, hypothesis)
        elpd of every left-out unit.
    subjects : sequence of str, (unit,)
        Whose unit it is.
    families : mapping of str to str
        Each hypothesis's family.
    without : str or None
        The hypothesis in which events move nothing; None where it was not fitted.
    converged : mapping of str to bool
        By hypothesis.
    missing : sequence of str
        Rivals that were not fitted; one counts as not behind.
    others : iterable of Condition
        What was found by controls and checks. Those that are lacking are not met.

    Returns
    -------
    Claim

    Examples
    --------
    >>> points = pd.DataFrame({"none": [-3.0] * 8, "trough": [-1.0] * 8})
    >>> families = {"none": "no trough", "trough": "trough"}
    >>> fine = {"none": True, "trough": True}
    >>> decide(points, list("abcdefgh"), families, without="none", converged=fine, missing=()).word
    'undecided'
    """
    found = {one.name: one for one in others}
    failed = [name for name, fine in converged.items() if not fine]
    found["converged"] = Condition(
        "converged", not failed, len(failed), 0, f"not converged: {', '.join(failed) or 'none'}"
    )
    found["rivals_present"] = Condition(
        "rivals_present",
        not missing and without is not None,
        len(missing),
        0,
        f"not fitted: {', '.join(missing) or 'none'}",
    )
    gaps = _Gaps(points, subjects)
    if without is not None and len(points.columns) > 1:
        moved = points.drop(columns=without)
        best = str(moved.sum().idxmax())
        found["ahead_of_no_drive"] = gaps.condition("ahead_of_no_drive", points[best], [without])
    members = [name for name in points if families[name] == TROUGH]
    plain = [name for name in points if families[name] == NO_TROUGH]
    if members:
        trough = pd.Series(mixture(points[members].to_numpy()), points.index)
        rest = [name for name in points if name not in members]
        ahead = [name for name in rest if gaps.between(points[name], trough).ahead]
        found["none_ahead"] = Condition(
            "none_ahead", not ahead, len(ahead), 0, f"ahead of it: {', '.join(ahead) or 'none'}"
        )
        name = "ahead_of_each_no_trough_rival"
        if plain:
            found[name] = gaps.condition(name, trough, plain, missing)
    few = len(set(subjects)) < THESE_ONLY
    return Claim.of(found.values(), these_only=few)


class _Gaps:
    """Differences between columns of predictive densities."""

    def __init__(self, points: pd.DataFrame, subjects: Sequence[str]) -> None:
        self.points, self.subjects = points, list(subjects)

    def between(self, one: pd.Series, other: pd.Series) -> Difference:
        return difference(one.to_numpy(), other.to_numpy(), self.subjects)

    def condition(
        self, name: str, one: pd.Series, rivals: Sequence[str], missing: Sequence[str] = ()
    ) -> Condition:
        """Return whether `one` is ahead of every rival, with the nearest one's difference."""
        found = {rival: self.between(one, self.points[rival]) for rival in rivals}
        near = min(found, key=lambda rival: found[rival].total)
        told = f"nearest: {near}, {found[near].total:.1f} +- {found[near].se:.1f}"
        if missing:
            told += f"; not fitted, so not behind: {', '.join(missing)}"
        met = not missing and all(gap.ahead for gap in found.values())
        limit = max(SMALL, found[near].quantile * found[near].se)
        return Condition(name, met, found[near].total, float(limit), told)
