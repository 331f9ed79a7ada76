"""The answer in plain words: what the evidence favours, how surely, and what it cannot say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from dopafit.compare.claim import TROUGH_CLAIM
from dopafit.compare.loo import Comparison
from dopafit.model.rivals import TROUGH
from dopafit.report.folder import RunFolder
from dopafit.report.numbers import between, decimals, fixed, seconds
from dopafit.report.said.lead import lead
from dopafit.report.said.limits import limits
from dopafit.report.said.prose import Line, Span, name, say, sentence, series
from dopafit.report.set.escape import clean, signs

__all__ = ["Answer", "answer"]


@dataclass(frozen=True)
class Answer:
    """What a reader takes away.

    Parameters
    ----------
    lead : tuple of lines
        At most five sentences.
    readings : tuple of str
        One sentence per rival, with its uncertainty and the unit of leave-out.
    estimates : tuple of lines
        The main quantities of what is claimed, in words, with intervals.
    cannot : tuple of lines
        What these data and this analysis do not say.
    """

    lead: tuple[Line, ...]
    readings: tuple[str, ...]
    estimates: tuple[Line, ...]
    cannot: tuple[Line, ...]


def answer(folder: RunFolder) -> Answer:
    """Return the answer a run gives to its question.

    Returns
    -------
    Answer
        Provisional where a fit did not converge, and it says so first.
    """
    compared = _comparison(folder)
    readings = folder.reading or (compared.reading if compared is not None else ())
    estimates = [line for fit in _told(folder, compared) for line in _estimates(folder, fit)]
    if estimates and folder.unit_event:
        estimates.append(say(f"One unit event is {folder.unit_event}."))
    return Answer(
        lead=tuple(_lead(folder, compared)),
        readings=tuple(signs(text) for text in readings),
        estimates=tuple(estimates),
        cannot=tuple(limits(folder, compared)),
    )


def _comparison(folder: RunFolder) -> Comparison | None:
    """Return the comparison as its own room knows it, so that one rule decides what is ahead."""
    table = folder.comparison
    if table is None:
        return None
    unit, units = str(table["unit"].iloc[0]), int(table["n_units"].iloc[0])
    empty = pd.DataFrame()
    return Comparison(table.set_index("hypothesis"), unit, units, empty, empty, folder.warnings)


def _lead(folder: RunFolder, compared: Comparison | None) -> Iterator[Line]:
    if compared is not None:
        yield from (line for line in lead(folder, compared) if line)
        return
    if folder.failed:
        yield say(
            Span("No conclusion can rest on this run: ", "strong"),
            series(name(fit) for fit in folder.failed),
            f" {'have' if len(folder.failed) > 1 else 'has'} not converged. What follows is "
            "provisional.",
        )
    if folder.simulated:
        yield say(
            "The data were simulated: this page says whether the method finds what was put in, "
            "and nothing about any animal or person."
        )
    yield say(
        "Nothing was compared: the run holds no comparison, so it says what the hypothesis ",
        name(folder.focus),
        " implies if it is right, and not whether it is right.",
    )


def _told(folder: RunFolder, compared: Comparison | None) -> tuple[str, ...]:
    """Return the fits whose response the claim is about; the only one where none was compared."""
    if compared is None:
        return (folder.focus,)
    if folder.claim.word != TROUGH_CLAIM:
        return ()
    return tuple(
        fit for fit in folder.fits
        if fit in compared.table.index and folder.model(fit).get("family") == TROUGH
    )  # fmt: skip


def _estimates(folder: RunFolder, fit: str) -> Iterator[Line]:
    rows = folder.of(folder.summary, fit).set_index("parameter")
    interval = folder.interval.replace(" posterior", "")
    known = {name: told for name, told in folder.words(fit).items() if name in rows.index}
    found = []
    for parameter, told in known.items():
        if phrase := str(told.get("phrase") or ""):
            row = rows.loc[parameter]
            places = decimals(row["sd"], row["mean"], row["upper"])
            unit = " s" if told.get("unit") == "s" else ""
            human = seconds(row["median"]) if unit else ""
            value = f"{fixed(row['median'], places)}{unit}" + (f" ({human})" if human else "")
            inside = between(row["lower"], row["upper"], places)
            found.append(f"{phrase.replace('{}', value)} ({inside}{unit})")
    if found:
        yield say("In the ", name(fit), f" fit, medians with {interval}s: ", "; ".join(found), ".")
    gains: dict[str, list[Line]] = {}
    for parameter, told in known.items():
        if told["of"] == "gain":
            row = rows.loc[parameter]
            places = decimals(row["sd"], row["mean"], row["upper"])
            inside = between(row["lower"], row["upper"], places)
            shown = say(name(parameter), f" {fixed(row['median'], places)} ({inside})")
            gains.setdefault(clean(told.get("meaning") or parameter), []).append(shown)
    for i, (meaning, shown) in enumerate(gains.items()):
        how = "" if i else ", likewise" if found else f", medians with {interval}s"
        listed = (part for j, one in enumerate(shown) for part in ("; " if j else "", *one))
        yield say(f"{sentence(meaning).rstrip('.')}{how}: ", *listed, ".")
