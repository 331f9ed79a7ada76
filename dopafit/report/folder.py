"""A run folder as one value: everything the page, the tables and the texts are made from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from dopafit.compare.claim import Claim
from dopafit.core.errors import FitError, SpecError
from dopafit.fit.verdict import Verdict
from dopafit.report.drawn import Figure, read_figure, read_figures
from dopafit.report.files import AGAIN, optional_table, read_json, read_table, read_yaml
from dopafit.report.set.form import ANSWER, DATA, ENVIRONMENT, NOTES, RECOVERY, SPEC, check_form

__all__ = ["RunFolder", "read_answer", "read_recovery", "read_spec"]

SUMMARY = ("hypothesis parameter mean sd median lower upper interval_kind interval_prob "
           "r_hat ess_bulk ess_tail").split()  # fmt: skip
IDENTIFIABILITY = ("hypothesis parameter status contraction prior_sd posterior_sd shift convention "
                   "prior_sensitivity data_sensitivity sensitivity").split()  # fmt: skip
COMPARISON = ("hypothesis rank elpd se elpd_diff dse quantile behind weight weight_lower "
              "weight_upper max_pareto_k n_bad_k unit n_units n_subjects "
              "converged").split()  # fmt: skip
TRUTH = ("hypothesis parameter member_of truth lower upper covered total_truth total_lower "
         "total_upper total_covered").split()  # fmt: skip
SIZES = "hypothesis change unit words median lower upper".split()
RECOVERED = "true chosen count studies p lower upper inverted".split()
CHECKS = "signature group bins inside p_value p_least hypothesis source".split()


@dataclass(frozen=True, eq=False)
class RunFolder:
    """What one run wrote, read back and checked.

    Parameters
    ----------
    path : Path
        The folder.
    spec, data, environment : dict
        ``spec.yaml``, ``data.json``, ``environment.json``.
    verdicts : dict of str to Verdict
        Per fit, whether it may be believed.
    summary : DataFrame, (quantity,)
        ``summary.csv``, unrounded.
    identifiability, comparison, truth, checks : DataFrame or None
        None where the run has no such file; `checks` is ``tables/predictive_checks.csv``.
    reading, warnings, notes : tuple of str
        Sentences of the comparison; the warnings include that of `recovery`.
    recovery : dict
        ``model_recovery.json``, where `dopafit recover` wrote it for these very hypotheses and
        data; else empty.
    recovered : DataFrame or None
        ``model_recovery.csv`` beside it.
    claim : Claim
        What the comparison may say; without a comparison, or an answer, no condition is met.
    effects : tuple of dict
        Sizes of effects, from ``answer.json``; see `dopafit.fit.effects`.
    figures : tuple of Figure
        In the order of ``figures/index.json``.
    """

    path: Path
    spec: dict[str, Any]
    data: dict[str, Any]
    environment: dict[str, Any]
    verdicts: dict[str, Verdict]
    summary: pd.DataFrame
    identifiability: pd.DataFrame | None
    comparison: pd.DataFrame | None
    truth: pd.DataFrame | None
    checks: pd.DataFrame | None
    reading: tuple[str, ...]
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    recovery: dict[str, Any]
    recovered: pd.DataFrame | None
    claim: Claim
    effects: tuple[dict[str, Any], ...]
    figures: tuple[Figure, ...]

    @classmethod
    def read(cls, path: str | Path) -> RunFolder:
        """Read a run folder; comparison, truth, identifiability and figures may be missing.

        Parameters
        ----------
        path : str or Path
            The folder that ``dopafit run --out`` wrote.

        Raises
        ------
        FitError
            No such folder, or a file is missing, damaged or contradicts another.
        SpecError
            ``spec.yaml`` cannot be used.
        """
        root = Path(path)
        if not root.is_dir():
            raise FitError(
                f"{root} is no run folder",
                allowed="a folder that dopafit run --out DIR wrote",
                todo="check the path, or make the run first",
            )
        spec = read_spec(root / "spec.yaml")
        verdicts = _verdicts(root / "verdict.json")
        summary = read_table(root / "summary.csv", SUMMARY)
        unjudged = sorted(set(summary["hypothesis"]) - set(verdicts))
        if unjudged or not verdicts:
            raise FitError(
                f"{root}: no verdict for {', '.join(unjudged) or 'any fit'}",
                allowed="verdict.json with an entry for every fit in summary.csv",
                todo=AGAIN,
            )
        optional = {
            name: optional_table(root / file, columns)
            for name, file, columns in (
                ("identifiability", "identifiability.csv", IDENTIFIABILITY),
                ("comparison", "comparison.csv", COMPARISON),
                ("truth", "truth.csv", TRUTH),
                ("checks", "tables/predictive_checks.csv", CHECKS),
            )
        }
        compared = optional["comparison"]
        if compared is not None and not set(compared["hypothesis"]) <= set(verdicts):
            raise FitError(
                f"{root}/comparison.csv does not belong to the fits of this run",
                allowed=", ".join(sorted(verdicts)),
                todo=AGAIN,
            )
        notes = root / "comparison.json"
        told = _checked(notes, NOTES) if notes.exists() and compared is not None else {}
        sums = root / "superposition.json"
        added = _checked(sums, NOTES) if sums.exists() and compared is not None else {}
        claim, effects = read_answer(root) if compared is not None else (Claim.of(()), ())
        data = _checked(root / "data.json", DATA)
        recovery = _recovery(root, spec, data)
        figures = read_figures(root / "figures")
        if recovery:
            caption = "What was chosen in studies that were simulated on this design."
            figures += (read_figure(root, "model_recovery", "Model recovery", caption),)
        return cls(
            path=root,
            spec=spec,
            data=data,
            environment=_checked(root / "environment.json", ENVIRONMENT),
            verdicts=verdicts,
            summary=summary,
            **optional,
            reading=(*(told.get("reading") or ()), *(added.get("reading") or ())),
            warnings=(
                *(told.get("warnings") or ()),
                *filter(None, [str(recovery.get("warning") or "")]),
            ),
            notes=tuple(told.get("notes") or ()),
            recovery=recovery,
            recovered=read_table(root / "model_recovery.csv", RECOVERED) if recovery else None,
            claim=claim,
            effects=effects,
            figures=figures,
        )

    @property
    def simulated(self) -> bool:
        """Whether the data were made by a program."""
        return bool(self.data.get("simulated"))

    @property
    def fits(self) -> tuple[str, ...]:
        """Names of the fits: as ranked where they were compared, else as the analysis has them."""
        order = [] if self.comparison is None else self.comparison["hypothesis"].tolist()
        order += self.spec["hypotheses"] + list(self.verdicts)
        return tuple(name for name in dict.fromkeys(order) if name in self.verdicts)

    @property
    def focus(self) -> str:
        """The fit a reader looks at first: the best compared one, else the first."""
        return self.fits[0]

    @property
    def failed(self) -> tuple[str, ...]:
        """Fits that did not converge."""
        return tuple(name for name in self.fits if not self.verdicts[name].converged)

    @property
    def title(self) -> str:
        """What the analysis is called."""
        return str(self.spec.get("title") or self.spec.get("analysis") or self.study)

    @property
    def study(self) -> str:
        """Name of the study."""
        return str(self.data.get("name") or self.spec.get("study") or "unnamed study")

    @property
    def interval(self) -> str:
        """Kind and probability of the intervals, in words."""
        if self.summary.empty:
            return "posterior interval"
        first = self.summary.iloc[0]
        kind = str(first["interval_kind"])
        words = {"eti": "equal-tailed", "hdi": "highest-density"}.get(kind, kind)
        return f"{100 * float(first['interval_prob']):g} % {words} posterior interval"

    def model(self, fit: str) -> dict[str, Any]:
        """Return what the specification says of one fit; empty where it says nothing."""
        found = self.spec["models"].get(fit)
        return found if isinstance(found, dict) else {}

    def words(self, fit: str) -> dict[str, dict[str, Any]]:
        """Return what the run says of a fit's parameters and derived quantities, by name.

        ``of`` is whose a quantity is: ``"kernel"``, ``"drive"``, ``"channel"``, ``"gain"``,
        ``"derived"``.
        """
        model = self.model(fit)
        listed = filter(None, model.get("parameters") or [])
        told = {str(entry.get("parameter")): {"of": ""} | entry for entry in listed}
        derived = model.get("derived") or {}
        return told | {str(name): words | {"of": "derived"} for name, words in derived.items()}

    @property
    def unit_event(self) -> str:
        """What one unit event is, in words; empty where no fit has events that move a level."""
        told = (self.model(fit).get("unit_event") for fit in self.fits)
        return str(next((words for words in told if words), ""))

    def of(self, table: pd.DataFrame | None, fit: str) -> pd.DataFrame:
        """Return one fit's rows of a table; an empty table where there is none."""
        return pd.DataFrame() if table is None else table[table["hypothesis"] == fit]

    def flags(self, *fits: str) -> tuple[str, ...]:
        """Return what must be said over anything made from these fits."""
        failed = [fit for fit in fits if fit in self.verdicts and not self.verdicts[fit].converged]
        found = ("SIMULATED DATA",) if self.simulated else ()
        return (*found, f"NOT CONVERGED: {', '.join(failed)}") if failed else found

    def drawn(self, *kinds: str) -> tuple[Figure, ...]:
        """Return the figures of these kinds, those of the better fits first."""
        order = {name: i for i, name in enumerate(self.fits)}
        found = [f for f in self.figures if f.kind in kinds]
        return tuple(sorted(found, key=lambda f: -1 if f.fit is None else order.get(f.fit, 99)))


def _checked(path: Path, form: Any) -> dict[str, Any]:
    value = read_json(path)
    check_form(path, value, form, AGAIN)
    return value


def read_spec(path: Path) -> dict[str, Any]:
    """Return ``spec.yaml``, checked.

    Raises
    ------
    FitError
        No such file, a part of another form, or a folder that version 0.1 wrote.
    SpecError
        It cannot be used.
    """
    spec = read_yaml(path)
    if "drives" in spec and "hypotheses" not in spec:
        raise FitError(
            f"{path.parent} was written by dopafit 0.1, whose tables name the fits otherwise",
            allowed="a run folder of this version",
            todo="run the same analysis again with the same --out: finished fits that still mean "
            "the same are kept, and the tables are written anew",
        )
    check_form(path, spec, SPEC, AGAIN)
    spec["hypotheses"] = [str(v) for v in spec.get("hypotheses") or []]
    spec["models"] = {str(k): v for k, v in (spec.get("models") or {}).items()}
    return spec


def read_answer(folder: Path) -> tuple[Claim, tuple[dict[str, Any], ...]]:
    """Return the claim and the sizes of effects; no condition is met where there is no answer.

    Raises
    ------
    FitError
        ``answer.json`` has another form, or a claim that does not follow from its conditions.
    """
    path = folder / "answer.json"
    if not path.exists():
        return Claim.of(()), ()
    told = _checked(path, ANSWER)
    try:
        claim = Claim.from_dict(told)
    except SpecError as error:
        raise FitError(f"{path}: {error.wrong}", allowed=error.allowed, todo=AGAIN) from None
    effects = tuple(one for one in told.get("effects") or () if one)
    lacking = [key for one in effects for key in SIZES if one.get(key) is None]
    if lacking:
        raise FitError(
            f"{path}: effects without {lacking[0]}", allowed=", ".join(SIZES), todo=AGAIN
        )
    return claim, effects


def _verdicts(path: Path) -> dict[str, Verdict]:
    found = {}
    for name, values in read_json(path).items():
        try:
            found[str(name)] = Verdict.from_dict(values)
        except FitError as error:
            raise FitError(
                f"{path}: {name}: {error.wrong}", allowed=error.allowed, todo=AGAIN
            ) from None
    return found


def read_recovery(folder: str | Path) -> dict[str, Any]:
    """Return what `dopafit recover` found for a run folder's hypotheses and data; else nothing.

    Raises
    ------
    FitError, SpecError
        A file of the folder is missing or damaged.
    """
    root = Path(folder)
    return _recovery(root, read_spec(root / "spec.yaml"), _checked(root / "data.json", DATA))


def _recovery(folder: Path, spec: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    """Return what `dopafit recover` found, if that was about these hypotheses and data."""
    path = folder / "model_recovery.json"
    if not path.exists():
        return {}
    told = _checked(path, RECOVERY)
    hashes = {name: str((model or {}).get("hash")) for name, model in spec["models"].items()}
    same = told.get("study") == data.get("hash") and told.get("hypotheses") == hashes
    return told if same and told.get("summary") else {}
