"""Every figure of a run, with the tables behind it and a caption that says what it shows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from dopafit.check.predict import PredictiveCheck
from dopafit.check.signatures import OVER_SESSION
from dopafit.compare.loo import Comparison
from dopafit.compare.superposition import Superposition
from dopafit.figure import plots
from dopafit.fit import quantities
from dopafit.fit.fit import Fit
from dopafit.model.equations import event_in_words
from dopafit.report.record import remove_figures
from dopafit.report.written import write_json

__all__ = ["draw_all"]

BANDS = "Bands are equal-tailed 50 and 90 % intervals."


class _Gallery:
    """Writes figures and keeps their index."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.index: list[dict[str, Any]] = []

    def add(
        self,
        stem: str,
        figure: Any,
        tables: dict[str, pd.DataFrame],
        *,
        title: str,
        caption: str,
        kind: str,
        fit: str | None = None,
    ) -> None:
        files = [path.name for path in plots.save(figure, tables, self.folder / stem)]
        told = {"stem": stem, "title": title, "caption": caption, "fit": fit, "kind": kind}
        self.index.append(told | {"files": files})

    def of_fit(self, kind: str, name: str, fit: Fit, *asked: str, title: str, caption: str) -> None:
        """Write the figure of this kind of one fit, of one parameter where that is `asked`."""
        tables = getattr(plots, f"{kind}_tables")(fit, *asked)
        stem = "_".join([kind, *(asked or [name])])
        figure = getattr(plots, kind)(fit, *asked, tables=tables)
        told = {"title": f"{title}, {name}", "caption": caption}
        self.add(stem, figure, tables, kind=kind, fit=name, **told)


def draw_all(
    folder: Path,
    fits: Mapping[str, Fit],
    comparison: Comparison | None,
    checks: Mapping[str, PredictiveCheck],
    prior: Mapping[str, PredictiveCheck | None],
    added: Superposition | None = None,
) -> int:
    """Draw every figure of a run; return how many."""
    remove_figures(folder)  # those of an earlier run that this one does not draw would stay
    gallery = _Gallery(folder)
    if comparison is not None:
        table = comparison.table.reset_index()
        gallery.add(
            "comparison",
            plots.comparison(comparison),
            {"comparison": table},
            kind="comparison",
            title="Comparison of the hypotheses",
            caption="Difference in expected log predictive density from the first row, leaving "
            f"out one {comparison.unit} at a time ({comparison.n_units} units), with 1 and 2 "
            "standard errors of the difference, and stacking weights. Where a rival lies far away "
            "the axis is broken: both parts are linear, each on a scale of its own.",
        )
    _signatures(gallery, fits, checks, prior)
    for name, fit in fits.items():
        _one_fit(gallery, name, fit)
    traced = [name for name in fits if fits[name].model.moved]
    if traced:
        best = (
            comparison.best if comparison is not None and comparison.best in traced else traced[0]
        )
        _subjects(gallery, best, fits[best])
        if added is not None and added.added is not None:
            _any_shape(gallery, best, fits[best], added)
    tables = plots.diagnostics_tables(fits)
    gallery.add(
        "diagnostics",
        plots.diagnostics(fits, tables=tables),
        tables,
        kind="diagnostics",
        title="Convergence of every quantity",
        caption="Rank-normalised split R-hat and effective sample sizes of all sampled and derived "
        "quantities.",
    )
    write_json(folder / "index.json", gallery.index)
    return len(gallery.index)


REPLICATED = (
    "One panel a hypothesis, the data the same in all. Points: data, each from all outcomes whose "
    "{axis} lies in a bin (horizontal lines: its ends, spaced {spacing}), with 90 % intervals as "
    "if outcomes were independent. Lines and bands: median, 50 and 90 % intervals of replicates "
    "from the posterior, events as they were."
)
SINCE_EVENT = REPLICATED.format(
    axis="time since the last event",
    spacing="alike on a log scale but for the first, which begins at the event",
)
IN_SESSION = REPLICATED.format(axis="time in the session", spacing="evenly")
PLACED = (
    "Points: share of outcomes in each part of the distribution that the fitted model gives them, "
    "censored ones placed at random above their limit. Bands: where the shares lie if the model "
    "holds. Early bins too full: more fast outcomes than the model makes."
)


def _signatures(
    gallery: _Gallery,
    fits: Mapping[str, Fit],
    checks: Mapping[str, PredictiveCheck],
    prior: Mapping[str, PredictiveCheck | None],
) -> None:
    first = next(iter(fits.values()))
    channels = [c.prefix for c in first.model.channels]
    for prefix in channels:
        parts = [c.table[c.table["channel"] == prefix] for c in checks.values()]
        table = pd.concat(parts, ignore_index=True)
        paired = table["signature"].str.contains("paired")
        residual = table["signature"].str.endswith("residuals")
        session = table["signature"].str.endswith(OVER_SESSION)
        for kind, keep, what, told in (
            ("", ~paired & ~residual & ~session, "by time since the last event", SINCE_EVENT),
            ("_paired", paired, "after paired and single events", SINCE_EVENT),
            ("_session", session, "over the session", IN_SESSION),
            ("_residuals", residual, "outcomes in the model's own distributions", PLACED),
        ):
            if keep.any():
                part = table[keep]
                figure = plots.signatures(checks.values(), table=part)
                gallery.add(
                    f"signature_{prefix}{kind}",
                    figure,
                    {"signature": part},
                    kind="signatures",
                    title=f"Predictive check, {prefix}: {what}",
                    caption=told,
                )
        if found := [c for c in prior.values() if c is not None]:
            # the hypothesis with the most gains expects the most from events
            check = max(found, key=lambda c: len(fits[c.hypothesis].model.drives[prefix].gains))
            part = check.table[check.table["channel"] == prefix]
            away = f"paired|{OVER_SESSION}$"
            part = part[~part["signature"].str.contains(away)]
            gallery.add(
                f"prior_predictive_{prefix}",
                plots.signatures(check, table=part),
                {"signature": part},
                kind="prior_predictive",
                fit=check.hypothesis,
                title=f"Prior predictive check, {prefix}, {check.hypothesis}",
                caption="Points: data. Band: what the prior alone expects (90 %).",
            )


def _one_fit(gallery: _Gallery, name: str, fit: Fit) -> None:
    event = f"one unit event is {event_in_words(fit.model, fit.study)}" if fit.model.moved else ""
    if fit.model.moved:
        gallery.of_fit(
            *("kernel", name, fit),
            title="Response to one unit event",
            caption="Population kernel in peak units (peak := 1 by convention) with its landmarks; "
            f"{event}. {BANDS}",
        )
    if quantities.has_gain_plane(fit):
        gallery.of_fit(
            *("gain_plane", name, fit),
            title="Effects at the two lobes",
            caption="Change of each channel's predictor at the top (gain_peak) and the bottom "
            f"(gain_trough) of one unit event; {event}. Contours hold 50 and 90 % of the "
            "posterior; a drive whose two effects stand in a fixed proportion lies on a ray.",
        )
    gallery.of_fit(
        *("prior_posterior", name, fit),
        title="Prior and posterior",
        caption="Contraction is 1 - posterior variance over prior variance, on the scale on which "
        "effects add up.",
    )


def _any_shape(gallery: _Gallery, name: str, fit: Fit, added: Superposition) -> None:
    tables = plots.response_tables(added, fit)
    if len(tables["response"]):
        gallery.add(
            "response_any_shape",
            plots.response(added, fit, tables=tables),
            tables,
            kind="response",
            fit=name,
            title=f"Behaviour after one event, {name} and a response of any shape",
            caption="Typical outcome of a subject in the middle of the population after one unit "
            f"event ({event_in_words(fit.model, fit.study)}), no other event near. Line and band: "
            "median and 90 % interval. Grey: smooth bumps over the log of the time since the "
            "event, of any sign and size, that add up over events (approximate posterior).",
        )


def _subjects(gallery: _Gallery, name: str, fit: Fit) -> None:
    for parameter in fit.model.parameters:
        if term := quantities.member_term(fit, parameter):
            who = term.removeprefix("1|")
            gallery.of_fit(
                *("forest", name, fit, parameter),
                title=f"{parameter} by {who}",
                caption=f"Each {who}'s value and the population's. {BANDS}",
            )
    sessions = fit.layout.sessions
    for i in (0, len(sessions) - 1) if len(sessions) > 1 else (0,):
        subject, session = str(sessions["subject"][i]), str(sessions["session"][i])
        tables = quantities.trace_table(fit, subject, session)
        gallery.add(
            f"trace_{i + 1}",
            plots.trace(fit, subject, session, tables=tables),
            tables,
            kind="trace",
            fit=name,
            title=f"Trace of subject {subject}, session {session}, {name}",
            caption="Level in peak units with 90 % band"
            + ("; acts above" if len(tables["acts"]) else "")
            + ("; events below." if len(tables["events"]) else "."),
        )
