"""May this fit be believed? Every diagnostic with its value, its limit and what to do."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from dopafit.core.errors import FitError
from dopafit.core.shown import Shown

__all__ = ["Diagnostic", "Verdict", "all_pass"]

APPROXIMATE = "APPROXIMATE"
"""First word of the stamp of draws that were not sampled."""


@dataclass(frozen=True)
class Diagnostic:
    """One check.

    Parameters
    ----------
    name : str
        What is checked, e.g. ``"R-hat"``.
    value : float
        The worst value found; NaN if it could not be computed.
    limit : str
        What would pass, e.g. ``"< 1.01"``.
    ok : bool
        Whether it passes.
    where : str
        The quantity or chain with the worst value; empty where there is none.
    advice : str
        What to do, in plain words; empty where it passes.
    """

    name: str
    value: float
    limit: str
    ok: bool
    where: str = ""
    advice: str = ""

    def __str__(self) -> str:
        place = f" ({self.where})" if self.where else ""
        mark = "ok  " if self.ok else "FAIL"
        line = f"{mark} {self.name}: {_number(self.value)}{place}, limit {self.limit}"
        return line if self.ok else f"{line}\n     {self.advice}".rstrip()


@dataclass(frozen=True)
class Verdict(Shown):
    """The checks of one fit taken together.

    Parameters
    ----------
    items : tuple of Diagnostic
        Every check made.
    converged : bool
        True only if there are checks and all of them pass.
    approximation : str
        Name of the approximation that the draws come from; empty where they were sampled.

    Raises
    ------
    FitError
        `converged` contradicts the items.
    """

    converged: bool
    items: tuple[Diagnostic, ...]
    approximation: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "items", tuple(self.items))
        if self.converged != all_pass(self.items):
            raise FitError(
                f"verdict: converged = {self.converged} contradicts its diagnostics",
                allowed="converged only if there are diagnostics and all of them are ok",
                todo="read the verdict from the fit, or fit again",
            )

    @property
    def failures(self) -> tuple[Diagnostic, ...]:
        """The checks that did not pass."""
        return tuple(item for item in self.items if not item.ok)

    @property
    def table(self) -> pd.DataFrame:
        """One row per check: name, value, limit, ok, where, advice."""
        columns = list(Diagnostic.__dataclass_fields__)
        return pd.DataFrame(map(asdict, self.items), columns=columns)

    @property
    def stamp(self) -> str:
        """One short line for a figure."""
        if self.converged:
            known = {i.name: i.value for i in self.items}
            parts = []
            if "R-hat" in known:  # rounded outwards: the stamp may not promise more than holds
                parts.append(f"R-hat <= {math.ceil(known['R-hat'] * 1000 - 1e-9) / 1000:.3f}")
            ess = [known[n] for n in ("bulk ESS", "tail ESS") if n in known]
            if ess:
                parts.append(f"ESS >= {math.floor(min(ess))}")
            if "divergences" in known:
                parts.append(f"{known['divergences']:.0f} divergences")
            return f"converged ({', '.join(parts)})" if parts else "converged"
        if self.approximation:
            return self._approximate
        shown = [_short(item) for item in self.failures[:3]]
        more = len(self.failures) - len(shown)
        text = ", ".join(shown) or "nothing was checked"
        return f"NOT CONVERGED: {text}" + (f" and {more} more" if more else "")

    @property
    def usable(self) -> bool:
        """Whether the draws are good for exploring: converged, or an approximation whose k is."""
        return self.converged or any(i.name == "Pareto k" and i.ok for i in self.items)

    @property
    def _approximate(self) -> str:
        k = [f", Pareto k {i.value:.2f}" for i in self.items if i.name == "Pareto k"]
        size, usable = "".join(k), "for exploring only" if self.usable else "NOT USABLE"
        return f"{APPROXIMATE} ({self.approximation}{size}): {usable}"

    def __str__(self) -> str:
        head = "converged" if self.converged else "NOT CONVERGED"
        head = self._approximate if self.approximation else head
        return "\n".join([head, *(f"  {line}" for i in self.items for line in str(i).split("\n"))])

    __repr__ = __str__

    def _table_shown(self) -> pd.DataFrame:
        return self.table.set_index("name")

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, unrounded; a value that is no number becomes a string."""
        items = [
            asdict(i) | {"value": i.value if math.isfinite(i.value) else str(i.value)}
            for i in self.items
        ]
        found = {"converged": self.converged, "diagnostics": items}
        return found | ({"approximation": self.approximation} if self.approximation else {})

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Verdict:
        """Read what `to_dict` wrote.

        Raises
        ------
        FitError
            Fields are missing, or the verdict contradicts its diagnostics.
        """
        try:
            items = tuple(
                Diagnostic(
                    name=str(d["name"]),
                    value=float(d["value"]),
                    limit=str(d["limit"]),
                    ok=_truth(d["ok"]),
                    where=str(d["where"]),
                    advice=str(d["advice"]),
                )
                for d in values["diagnostics"]
            )
            return cls(_truth(values["converged"]), items, str(values.get("approximation", "")))
        except (KeyError, TypeError, ValueError) as error:
            raise FitError(
                f"this is no stored verdict: {error!r}",
                allowed="converged and diagnostics, as Verdict.to_dict writes them",
                todo="fit again; the file was changed or damaged",
            ) from None


def all_pass(items: Sequence[Diagnostic]) -> bool:
    """Whether there are checks and every one passes."""
    return bool(items) and all(item.ok for item in items)


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"{value!r} is neither true nor false")
    return value


def _number(value: float) -> str:
    if math.isnan(value):
        return "not known"
    return f"{value:.0f}" if abs(value) < 1e9 and value == round(value) else f"{value:.4g}"


def _short(item: Diagnostic) -> str:
    place = f" ({item.where})" if item.where else ""
    if item.name == "divergences" and item.value > 0:
        return f"{item.value:.0f} divergence{'' if item.value == 1 else 's'}"
    if item.name == "R-hat" and not math.isnan(item.value):
        digits = 2 if item.value >= 1.015 else 3  # 1.01 would look like a pass
        return f"R-hat {item.value:.{digits}f}{place}"
    if item.name == "finite" and item.value > 0:
        return f"{item.value:.0f} draws not finite{place}"
    if item.name == "rival modes":
        return f"{item.value + 1:.0f} modes that the chains do not weigh"
    if item.name == "chains" and item.value == 1:
        return "cannot be judged from a single chain"
    return f"{item.name} {_number(item.value)}{place}"
