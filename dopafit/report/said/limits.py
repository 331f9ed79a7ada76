"""What a run does not say: conventions, priors, weak scores, and who decided the events."""

from __future__ import annotations

from collections.abc import Iterator

from dopafit.compare.loo import Comparison
from dopafit.report.folder import RunFolder
from dopafit.report.numbers import count, fixed, share
from dopafit.report.said.prose import Line, Span, name, say, sentence, series
from dopafit.report.set.escape import clean

__all__ = ["BASELINE", "close_events", "limits"]

BASELINE = "The baseline level is not identified; the resting predictor is."
FAR = 3.0
"""A posterior median so many prior standard deviations from the prior's contradicts the prior."""


def limits(folder: RunFolder, compared: Comparison | None) -> Iterator[Line]:
    """Yield what these data and this analysis do not say, one line a point."""
    yield say(
        BASELINE + " Baseline and response in absolute units, such as a concentration of dopamine, "
        "cannot be learned from behaviour: the level is counted in peaks."
    )
    if compared is not None:
        yield say(
            "The comparison ranks the hypotheses that were tried and no others; a stacking "
            "weight is not the probability that a hypothesis is true."
        )
        if folder.recovery.get("warning"):
            yield say(sentence(str(folder.recovery["warning"])))
        yield from _known_subject(folder, compared)
        lost = [fit for fit in folder.verdicts if fit not in compared.table.index]
        if lost:
            yield say("Fitted and not in the comparison: ", series(map(name, lost)), ".")
        yield from _bad_k(compared)
    yield from _far(folder)
    uninformed = _uninformed(folder)
    if uninformed:
        yield say(
            "Not informed by these data in the ",
            name(folder.focus),
            " fit, so their posteriors are their priors: ",
            series(uninformed),
            ".",
        )
    if close := close_events(folder):
        harder = "; the fewer they are, the harder a rectified drive is to tell from a linear one."
        yield say(close, harder)
    yield say(
        "The model takes the events as they happened. Whether they caused the behaviour "
        "depends on who decided when they came."
    )


def close_events(folder: RunFolder) -> str:
    """Return a clause on how many events overlap, as far as the kernel says when; else empty."""
    close = folder.data.get("close_pairs")
    overlaps = (folder.model(fit).get("overlap") for fit in folder.fits)
    landmark = next((label for label in overlaps if label), None)
    if landmark is None or not isinstance(close, (int, float)) or isinstance(close, bool):
        return ""
    return f"{share(close)} of successive events were closer than the time to the {clean(landmark)}"


def _known_subject(folder: RunFolder, compared: Comparison) -> Iterator[Line]:
    """Say about whom the ranking is: a session's subject is known only if it has another one."""
    if compared.unit == "subject":
        return
    about = "the ranking is about the subjects in this study and not about a new one."
    held = folder.data.get("sessions_of_subjects") or {}
    one, more = held.get("one") or 0, held.get("more") or 0
    if compared.unit == "future":
        yield say(
            "Of each session the part after a time was left out, with the part before it and the "
            f"subject's other sessions known: {about}"
        )
        return
    if compared.unit != "session" or not one:
        yield say(f"A {compared.unit} was left out, with the rest of that subject known: {about}")
    elif not more:
        yield say(
            "Every subject has one session, so that leaving it out left out the subject: the "
            "ranking is about a new subject from the same population."
        )
    else:
        yield say(
            f"Of {count(more)} subjects with several sessions one session was left out, with the "
            f"rest of that subject known; of {count(one)} with a single one the whole subject: "
            "the ranking mixes both."
        )


def _bad_k(compared: Comparison) -> Iterator[Line]:
    bad = compared.table["n_bad_k"].astype(int)
    if not bad.any():
        return
    low, high = count(bad.min()), count(bad.max())
    some = high if low == high else f"{low} to {high}"
    yield say(
        f"Leaving a {compared.unit} out was computed without fitting again, and for {some} of "
        f"{count(compared.n_units)} {compared.unit}s, by hypothesis, that computation cannot "
        "be trusted (Pareto k): at most hypotheses that lie far apart are ranked by it, and "
        "its differences and weights are not exact."
    )


def _far(folder: RunFolder) -> Iterator[Line]:
    """Name, by fit, the parameters whose posterior the prior had all but ruled out."""
    for fit in folder.fits:
        found = folder.of(folder.identifiability, fit)
        if found.empty:
            continue
        free = ~found["status"].isin(["derived", "fixed by convention"])
        moved = found[free & (found["shift"].abs() >= FAR)]
        if moved.empty:
            continue
        sizes = [f" ({fixed(size, 1)})" for size in moved["shift"]]
        shown = [say(name(p), size) for p, size in zip(moved["parameter"], sizes, strict=True)]
        yield say(
            "The ",
            name(fit),
            " fit lies where its prior had all but ruled it out, by this many prior standard "
            "deviations: ",
            *(part for i, one in enumerate(shown) for part in (", " if i else "", *one)),
            ". Either that prior is wrong, or the hypothesis fits only by taking another's shape.",
        )


def _uninformed(folder: RunFolder) -> list[Span]:
    found = folder.of(folder.identifiability, folder.focus)
    if found.empty:
        return []
    return [
        name(row["parameter"]) for _, row in found.iterrows() if row["status"].startswith("not inf")
    ]
