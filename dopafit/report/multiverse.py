"""A multiverse on disk: every specification fitted once, one table, one figure, a summary."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from dopafit.backend.sampler.draw import Interrupted
from dopafit.compare.multiverse import (
    CHOICES,
    Specification,
    effect_rows,
    headline,
    size_unit,
    specifications,
    summarised,
)
from dopafit.core.component import OUTSIDE
from dopafit.core.errors import DopafitError, SpecError, StoppedError
from dopafit.core.files import read_regular, remove_parts
from dopafit.core.hold import hold
from dopafit.figure import multiverse as drawn
from dopafit.figure.save import save
from dopafit.fit.explore import explore
from dopafit.fit.fit import fit
from dopafit.fit.progress import Progress
from dopafit.model.analysis import Analysis
from dopafit.model.claim import Model
from dopafit.report.opening import open_study
from dopafit.report.said.prose import sentence
from dopafit.report.written import stamp_versions, write_json
from dopafit.study.study import Study

__all__ = ["MultiverseResult", "run_multiverse"]

DRAWS = 1000
SIZES = ("median", "lower", "upper")
AGAIN = "run the same command again: specifications that were finished are kept"


@dataclass(frozen=True, eq=False)
class MultiverseResult:
    """What a multiverse found.

    Parameters
    ----------
    folder : Path
        Where it lies.
    table : DataFrame
        One row a specification and effect: `specification`, what was chosen, `own`, `trusted`,
        `stamp`, and the effect as in `answer.json`.
    headline : DataFrame
        The rows of the headline effect, one a specification.
    summary : tuple of str
        In how many specifications sign and interval held.
    """

    folder: Path
    table: pd.DataFrame
    headline: pd.DataFrame
    summary: tuple[str, ...]

    @property
    def trusted(self) -> bool:
        """Whether every specification gave a fit that can be used."""
        return bool(self.table["trusted"].all())


def run_multiverse(
    analysis: Analysis, out: Path, show: Progress, *, full: bool = False, command: str = ""
) -> MultiverseResult:
    """Fit every specification, or find it in the folder, and write ``multiverse.*``.

    Parameters
    ----------
    analysis : Analysis
        The analysis file.
    out : Path
        A folder; made if missing.
    show : Progress
        Where progress is shown.
    full : bool
        Sample every specification; by default each is explored.
    command : str
        The command line, for the record.

    Raises
    ------
    StudyError, SpecError, FitError
        Input that cannot be used, or a folder that cannot be written.
    StoppedError
        Ctrl-C; what was finished is kept.
    """
    with show, hold(out, f"dopafit multiverse of {analysis.path.name}"):
        remove_parts(out, out / "specifications")
        show.phase("reading", analysis.study or "study")
        study = open_study(analysis).study
        every = specifications(analysis, study)
        key = {
            "study": study.hash,
            "method": _method(analysis, full),
            "version": stamp_versions()["dopafit"],
        }
        asked = headline(analysis, every[0].model, study)
        show.done(f"{len(every)} specifications")
        rows = []
        for number, one in enumerate(every, start=1):
            try:
                path = out / "specifications" / f"{one.model.hash[:16]}.json"
                here = key | {"model": one.model.hash}
                found = _kept(path, here)
                if found is None:
                    show.phase(
                        "fitting" if full else "exploring",
                        f"{number} of {len(every)}: {_told(one, every[0])}",
                    )
                    found = _made(one.model, analysis, study, full)
                    if found["effects"] is not None:
                        write_json(path, here | found)
                    show.done(found["stamp"])
                rows += _rows(number, one, found)
            except KeyboardInterrupt:
                raise StoppedError(
                    f"stopped in specification {number} of {len(every)}",
                    allowed="a run that goes on to its end",
                    todo=AGAIN,
                ) from None
        table = pd.DataFrame(rows)
        chosen = _of_headline(table, asked)
        summary = tuple(summarised(chosen))
        show.phase("drawing", "multiverse")
        figure = drawn.draw(
            _in_words(chosen), effect=_label(chosen, asked), **_marks(chosen, study)
        )
        save(figure, {"multiverse": table}, out / "multiverse")
        write_json(
            out / "multiverse.json",
            {
                "analysis": analysis.path.name,
                "study": study.hash,
                "seed": analysis.seed,
                "method": _method(analysis, full),
                "headline": dict(asked),
                "summary": list(summary),
                "command": command,
                **stamp_versions(),
            },
        )
        show.done(str(out / "multiverse.pdf"))
    return MultiverseResult(out, table, chosen, summary)


def _method(analysis: Analysis, full: bool) -> dict[str, Any]:
    how = {"fit": analysis.sampling.model_dump()} if full else {"explore": {"draws": DRAWS}}
    return how | {"seed": analysis.seed, "components": dict(OUTSIDE)}


def _made(model: Model, analysis: Analysis, study: Study, full: bool) -> dict[str, Any]:
    """Return effects and verdict of a specification; no effects where it cannot be fitted."""
    began = time.monotonic()
    try:
        if full:
            settings = analysis.sampling.model_dump()
            made = fit(model, study, seed=analysis.seed, progress="silent", **settings)
        else:
            made = explore(model, study, seed=analysis.seed, draws=DRAWS)
    except Interrupted:
        raise KeyboardInterrupt from None
    except DopafitError as error:  # it is told, and the others go on
        return {"effects": None, "stamp": f"failed: {error.wrong}", "trusted": False}
    if made.record.get("interrupted"):
        raise KeyboardInterrupt
    verdict = made.verdict
    return {
        "effects": effect_rows(made),
        "stamp": verdict.stamp,
        "trusted": bool(verdict.usable if verdict.approximation else verdict.converged),
        "approximation": verdict.approximation,
        "seconds": round(time.monotonic() - began, 2),
    }


def _kept(path: Path, key: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what the folder holds if it is what would be made again."""
    try:
        known = json.loads(read_regular(path))
        same = all(known[name] == value for name, value in key.items())
        return known if same and isinstance(known["effects"], list) else None
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None  # none yet, or damaged: it is made anew


def _told(one: Specification, first: Specification) -> str:
    """Say what a specification chooses otherwise than the analysis."""
    other = [f"{k} {v}" for k, v in one.choices.items() if v != first.choices[k]]
    return ", ".join(other) or "as the analysis"


def _rows(number: int, one: Specification, found: Mapping[str, Any]) -> list[dict[str, Any]]:
    told = {"specification": number, "hypothesis": one.model.hypothesis} | dict(one.choices)
    told |= {"own": one.own}
    told |= {key: found.get(key, "") for key in ("trusted", "stamp", "approximation")}
    effects: Sequence[Mapping[str, Any]] = found["effects"] or [dict.fromkeys(SIZES, float("nan"))]
    return [told | dict(effect) for effect in effects]


def _of_headline(table: pd.DataFrame, asked: Mapping[str, str]) -> pd.DataFrame:
    """Return one row a specification: of the headline effect, empty where there is none."""
    here = pd.Series(True, index=table.index)
    for key, value in asked.items():
        here &= (table[key] == value) if key in table else False
    if not here.any():
        have = {
            f"{{{', '.join(f'{k}: {row[k]}' for k in keys)}}}"
            for keys in (("channel", "at"), ("parameter", "level"))
            if set(keys) <= set(table)
            for _, row in table.dropna(subset=list(keys)).iterrows()
        }
        raise SpecError(
            f"multiverse: no specification has the effect {dict(asked)}",
            allowed=", ".join(sorted(have)) or "none: no specification could be fitted",
            todo="name one of those under multiverse: effect:",
        )
    own = [c for c in table if c in {"specification", "own", "trusted", "stamp", "approximation",
                                     *CHOICES}]  # fmt: skip
    every = table.drop_duplicates("specification")[own]
    sizes = table.loc[here, ["specification", *(c for c in table if c not in own)]]
    return every.merge(sizes, on="specification", how="left")


def _in_words(rows: pd.DataFrame) -> pd.DataFrame:
    """Return what the figure shows: sizes in the unit of the axis, choices in words."""
    scale = _scale(rows)[0]
    shown = rows[["own", "trusted"]].copy()
    for name in SIZES:
        shown[name] = scale * rows[name].astype(float)
    shown["hypothesis"] = rows["drive"] + ", " + rows["kernel"]
    flags = {0.0: "without", 1.0: "with"}
    for name, words in (
        ("time_on_task", {0.0: "none", 1.0: "usual"}),
        *(("history", flags), ("sessions", flags), ("kernel_prior", {}), ("gain_prior", {})),
    ):
        values = [float(value) for value in rows[name]]
        told = {value: words.get(value, _times(value)) for value in sorted(set(values))}
        shown[name] = pd.Categorical([told[value] for value in values], list(told.values()))
    return shown


def _times(factor: float) -> str:
    return f"sd \N{MULTIPLICATION SIGN} {factor:g}"


def _scale(rows: pd.DataFrame) -> tuple[float, str]:
    return size_unit(rows.dropna(subset=["change"]).iloc[0])


def _label(rows: pd.DataFrame, asked: Mapping[str, str]) -> str:
    first = rows.dropna(subset=["change"]).iloc[0]
    where = f"at the {asked['at']}" if "at" in asked else f"{asked['parameter']}: {asked['level']}"
    words = sentence(str(first["words"])).rstrip(".")
    return f"{words},\n{where} [{_scale(rows)[1].strip() or '1'}]"


def _marks(rows: pd.DataFrame, study: Study) -> dict[str, Any]:
    """Return what must be said on the figure."""
    approximate = sorted({str(name) for name in rows["approximation"] if name})
    poor = int((~rows["trusted"].astype(bool)).sum())
    parts = [f"APPROXIMATE: {', '.join(approximate)}"] if approximate else []
    parts += [f"{poor} of {len(rows)} cannot be trusted"] if poor else []
    parts += [f"{len(rows)} specifications", f"study {study.hash[:12]}"]
    converged = False if approximate or poor else True
    return {"stamp": " · ".join(parts), "converged": converged, "simulated": study.simulated}
