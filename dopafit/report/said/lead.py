"""The first sentences of an answer: what is claimed, with sizes, and what is not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from dopafit.compare.claim import (
    CONDITIONS,
    EVENTS,
    NO_TROUGH_CLAIM,
    NOT_COMPUTED,
    TROUGH_CLAIM,
    UNDECIDED,
    Claim,
    Condition,
)
from dopafit.compare.loo import Comparison
from dopafit.model.rivals import NO_TROUGH, TROUGH
from dopafit.report.folder import RunFolder
from dopafit.report.numbers import between, count, decimals, fixed, number
from dopafit.report.said.prose import Line, Span, name, say, series
from dopafit.report.set.escape import clean, signs

__all__ = ["condition_words", "decides", "lead", "leading"]

MOST = 3
"""So many unmet conditions are named in the lead; the page's table has all."""

CONTRASTS = 4
"""So many effects of the study's own factors."""

DECIDES = {
    UNDECIDED: "These data do not decide whether the events move pursuit.",
    EVENTS: "The events move pursuit; whether a level below baseline (a trough) does is not "
    "decided.",
    TROUGH_CLAIM: "The events move pursuit, and what drives it is the level below baseline, the "
    "trough.",
    NO_TROUGH_CLAIM: "The events move pursuit, and a level below baseline (a trough) does not move "
    "it by as much as would matter.",
}


NOT_BY_THIS_RUN = "This run does not decide whether the events move pursuit."
"""Where the data may well decide it, but a rival or a control was left out."""


def decides(claim: Claim) -> str:
    """Return the claim as one sentence."""
    return NOT_BY_THIS_RUN if claim.unlooked else DECIDES[claim.word]


def lead(folder: RunFolder, compared: Comparison) -> Iterator[Line]:
    """Yield the claim, sizes, the study's own contrasts, convergence, and what is not said."""
    claim = folder.claim
    converged = _converged(folder)
    if folder.failed:
        yield converged
    yield say(Span(_head(folder, compared), "strong"))
    if claim.word != UNDECIDED:
        yield _sizes(folder, compared)
    yield _contrasts(folder, compared)
    if not folder.failed:
        yield converged
    if claim.word == TROUGH_CLAIM:
        yield say(
            "Whether the events caused it does not follow: that depends on who decided when they "
            "came."
        )
    elif claim.word == NO_TROUGH_CLAIM:
        yield _bound(folder)
    else:
        yield _unmet(claim.unmet, claim.word)


def _bound(folder: RunFolder) -> Line:
    """Say how large the trough's effect may yet be, and what would have mattered."""
    known = {condition.name: condition for condition in folder.claim.conditions}
    small = known["trough_effect_small"]
    points = any(e["change"] == "points" for e in folder.effects if e.get("bound") == small.value)
    value, limit = (fixed(100.0 * (size or 0.0), 1) for size in (small.value, small.limit))
    unit = "points" if points else "%"
    if any(e["change"] == "difference" for e in folder.effects if e.get("bound") == small.value):
        value, limit, unit = number(small.value), number(small.limit), "of the outcome's unit"
    return say(
        f"An effect of the trough of up to {value} {unit} (95 % upper bound) is not excluded; what "
        f"would matter was set to begin at {limit}."
    )


def leading(folder: RunFolder, compared: Comparison) -> str | None:
    """Return the hypothesis whose sizes are told: the first of those that the claim is about.

    Where a trough is left open, the one of those not behind that says most about both lobes.
    """
    family = {TROUGH_CLAIM: TROUGH, NO_TROUGH_CLAIM: NO_TROUGH}.get(folder.claim.word)
    lobes = Counter(effect["hypothesis"] for effect in folder.effects if effect.get("at"))
    sized = [str(fit) for fit in compared.table.index if lobes[fit]]
    if family is None:
        near = [fit for fit in sized if not compared.distinguishable[fit]]
        return max(near, key=lambda fit: lobes[fit], default=None)
    return next((fit for fit in sized if folder.model(fit).get("family") == family), None)


def condition_words(condition: Condition) -> str:
    """Return what a condition found, or that nobody looked."""
    told = clean(condition.told)
    return "not checked" if told == NOT_COMPUTED else signs(told)


def _head(folder: RunFolder, compared: Comparison) -> str:
    head = decides(folder.claim)
    if folder.claim.these_only:
        number = count(compared.table["n_subjects"].iloc[0])
        who = "this one subject" if number == "1" else f"these {number} subjects"
        head = f"In {who}, and nothing beyond: {head[:1].lower()}{head[1:]}"
    return head


def _converged(folder: RunFolder) -> Line:
    fits = len(folder.fits)
    if folder.failed:
        verb = "did not converge" if len(folder.failed) > 1 else "has not converged"
        line = say(
            Span("No conclusion can rest on this run: ", "strong"),
            series(name(fit) for fit in folder.failed),
            f" {verb}, and what follows is provisional",
        )
    else:
        line = say(f"All {count(fits)} fits converged" if fits > 1 else "The fit converged")
    simulated = ""
    if folder.simulated:
        simulated = (
            "; the data were simulated, so this page says whether the method finds what was put "
            "in, and nothing about any animal or person"
        )
    return say(line, f"{simulated}.")


def _sizes(folder: RunFolder, compared: Comparison) -> Line:
    """Say what behaviour is like at the lobes of one unit event, beside rest."""
    fit = leading(folder, compared)
    if fit is None:
        return ()
    told: dict[str, list[str]] = {}
    for effect in folder.effects:
        if effect["hypothesis"] == fit and effect.get("at"):
            told.setdefault(str(effect["at"]), []).append(_lobe(effect))
    tie = folder.claim.word == EVENTS and (~compared.distinguishable).sum() > 1
    parts = [
        say("; " if i else "", f"{'at' if i else 'At'} the {clean(at)} after one unit event ",
            *([] if i else ["(by the fit of ", name(fit),
              ", one of those that cannot be told apart" if tie else "", ") "]),
            series(effects))
        for i, (at, effects) in enumerate(told.items())
    ]  # fmt: skip
    return say(*parts, ".")


def _lobe(effect: Mapping[str, Any]) -> str:
    """Return e.g. "the median latency falls from 2.35 to 2.00 s (95 % interval -20 to -9 %)"."""
    lower, upper, change = effect["lower"], effect["upper"], effect["change"]
    verb = "rises" if lower > 0 else "falls" if upper < 0 else "goes"
    scale = 1.0 if change == "difference" else 100.0
    places = decimals((upper - lower) * scale, upper * scale)
    places = None if places is None else max(0, places - 1)
    unit = {"points": " points", "ratio": " %"}.get(change, f" {clean(effect['unit'])}".rstrip())
    inside = between(lower * scale, upper * scale, places)
    words, before, after = clean(effect["words"]), effect["before"], effect["after"]
    if change == "ratio" and not effect["unit"]:
        size = fixed(effect["median"] * scale, places)
        verb = verb if verb != "goes" else "changes"
        return f"{words} {verb} by {size.lstrip(MINUS) if verb == 'falls' else size} % ({inside} %)"
    shown = 100.0 if change == "points" else 1.0
    width = shown * (after - before) or shown * before
    digits = 0 if change == "points" else decimals(width, before, after)
    own = " %" if change == "points" else unit if change == "difference" else f" {effect['unit']}"
    values = f"from {fixed(shown * before, digits)} to {fixed(shown * after, digits)}{own}"
    return f"{words} {verb} {values} ({INTERVAL} of the difference {inside}{unit})"


MINUS = "\N{MINUS SIGN}"
INTERVAL = "95 % interval"


def _contrasts(folder: RunFolder, compared: Comparison) -> Line:
    """Say what the study's own factors do; where nothing is decided, only at rest."""
    fit, rest = leading(folder, compared), folder.claim.word == UNDECIDED
    if rest:  # of the fit in which events move nothing, unless it is behind
        sized = {effect["hypothesis"] for effect in folder.effects if effect.get("at")}
        near = [n for n in map(str, compared.table.index) if not compared.distinguishable[n]]
        fit = next((n for n in near if n not in sized), compared.best)
    found = [
        effect
        for effect in folder.effects
        if effect["hypothesis"] == fit
        and effect.get("level")
        and (effect.get("channel") or not rest)
    ]
    told = [
        say("with ", name(effect["level"]), f" against {clean(effect['against'])}, ",
            *_contrast(effect))
        for effect in found[:CONTRASTS]
    ]  # fmt: skip
    if not told:
        return ()
    more = f"; {count(len(found) - CONTRASTS)} more in the tables" if found[CONTRASTS:] else ""
    parts = (part for i, line in enumerate(told) for part in ("; " if i else "", *line))
    return say("By the fit of ", name(fit), f" ({INTERVAL}s): ", *parts, f"{more}.")


def _contrast(effect: Mapping[str, Any]) -> Iterator[str | Span]:
    change = effect["change"]
    if effect.get("channel"):
        yield f"{clean(effect['words'])} at rest "
    else:
        yield name(effect["parameter"])
        yield " "
    low, middle, high = (effect[key] for key in ("lower", "median", "upper"))
    if change == "ratio":
        low, middle, high = low + 1.0, middle + 1.0, high + 1.0
    elif change == "points":
        low, middle, high = 100.0 * low, 100.0 * middle, 100.0 * high
    places = decimals((high - low) / 4, high)
    unit = " points" if change == "points" else ""
    unit = f" {clean(effect['unit'])}" if change == "difference" and effect["unit"] else unit
    size, inside = fixed(middle, places), between(low, high, places)
    how = f"is {size} times as large" if change == "ratio" else f"differs by {size}{unit}"
    yield f"{how} ({inside}{unit})"


def _unmet(unmet: tuple[Condition, ...], word: str) -> Line:
    """Name the first unmet conditions in plain words."""
    parts = [f"that {CONDITIONS[c.name]} ({condition_words(c)})" for c in unmet[:MOST]]
    more = len(unmet) - MOST
    parts += [f"{count(more)} more below"] if more > 0 else []
    what = "Not shown" if word == UNDECIDED else "For a trough it is not shown"
    return say(f"{what}: ", series(parts, gap="; "), ".")
