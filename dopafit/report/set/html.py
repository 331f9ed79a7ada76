"""The page: one HTML file that needs nothing beside it, made from the run folder alone."""

from __future__ import annotations

import base64
import contextlib
import functools
import hashlib
import itertools
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape

from dopafit.core.hold import hold
from dopafit.report.files import write_text
from dopafit.report.folder import RunFolder
from dopafit.report.said import datasheet
from dopafit.report.said.answer import answer
from dopafit.report.said.checklist import Item, checklist, write_checklist
from dopafit.report.said.limits import BASELINE, close_events
from dopafit.report.said.methods import methods, write_methods
from dopafit.report.said.model_text import conventions, equations, symbols
from dopafit.report.set import evidence_tables, tables
from dopafit.report.set.escape import clean, signs
from dopafit.report.set.mathematics import draw, draw_line
from dopafit.report.set.tables import write_tables
from dopafit.report.set.tabular import Table

__all__ = ["render", "write_report"]

PNG = "data:image/png;base64,"
ENLARGE = 1.25  # figures have 7 pt type for print; on a screen they are shown larger
FIGURES = {
    "comparison": ("comparison", "model_recovery"),
    "response": ("kernel", "response"),
    "pursuit": ("gain_plane",),
    "signatures": ("signatures", "prior_predictive"),
    "learning": ("prior_posterior",),
    "subjects": ("forest",),
    "traces": ("trace",),
    "diagnostics": ("diagnostics",),
}
SECTIONS = {
    "answer": "Question and answer",
    "comparison": "Comparison of hypotheses",
    "response": "Response to one unit event",
    "pursuit": "What drives pursuit",
    "signatures": "Predictive checks",
    "learning": "What the data taught",
    "truth": "Truth and estimate",
    "subjects": "Subjects",
    "traces": "Traces",
    "other": "Other figures",
    "data": "Data and exclusions",
    "model": "Model and priors",
    "diagnostics": "Diagnostics",
    "methods": "Methods text",
    "checklist": "Reporting checklist",
    "provenance": "Provenance",
}


def write_report(path: str | Path) -> Path:
    """Write ``report.html``, ``methods.md``, ``checklist.md`` and ``tables/`` of a run.

    Parameters
    ----------
    path : str or Path
        The run folder; the draws are not needed.

    Raises
    ------
    FitError
        No run folder, or a file in it is missing or damaged.
    SpecError
        ``spec.yaml`` cannot be used.
    """
    root = Path(path)
    with hold(root, "dopafit report") if root.is_dir() else contextlib.nullcontext():
        return _write(RunFolder.read(root))


def _write(folder: RunFolder) -> Path:
    page = render(folder)
    write_tables(folder)
    write_methods(folder)
    write_checklist(folder)
    return write_text(folder.path / "report.html", page)


def render(folder: RunFolder) -> str:
    """Return the page as HTML; every text from the study or the analysis is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("dopafit.report", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    environment.filters["groupby_order"] = _by_step
    environment.filters["breakable"] = _breakable
    template = environment.get_template("page.html")
    return template.render(_context(folder))


def _context(folder: RunFolder) -> dict[str, Any]:
    style = resources.files("dopafit.report").joinpath("templates/page.css").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    figures = {place: folder.drawn(*kinds) for place, kinds in FIGURES.items()}
    placed = {kind for kinds in FIGURES.values() for kind in kinds}
    figures["other"] = tuple(f for f in folder.figures if f.kind not in placed)
    shown = _tables(folder)
    drawn = [(draw_line(line), fits) for line, fits in equations(folder)]
    has = dict.fromkeys(SECTIONS, True) | {
        **{place: bool(found) for place, found in figures.items()},
        "comparison": folder.comparison is not None,
        "response": bool(figures["response"] or shown["response"]),
        "pursuit": bool(figures["pursuit"] or shown["pursuit"]),
        "signatures": bool(figures["signatures"] or shown["checks"]),
        "learning": bool(figures["learning"] or shown["learning"]),
        "truth": shown["truth"] is not None,
        "subjects": bool(figures["subjects"] or shown["members"]),
        "model": bool(drawn or shown["priors"]),
        "diagnostics": True,
    }
    return {
        "run": folder,
        "style": Markup(style),
        "style_hash": f"sha256-{digest}",
        "sections": {key: title for key, title in SECTIONS.items() if has[key]},
        "answer": answer(folder),
        "figures": figures,
        "tables": shown,
        "equations": drawn,
        "symbols": symbols(folder),
        "draw": functools.cache(draw),
        "draw_line": draw_line,
        "conventions": conventions(folder),
        "unit_event": folder.unit_event,
        "fixed": _fixed(folder),
        "baseline": BASELINE,
        "close": close_events(folder),
        "gains": _gains(folder),
        "methods": methods(folder),
        "checklist": checklist(folder),
        "facts": datasheet.facts(folder),
        # figures and tables are numbered in the order in which the page shows them
        "number": {kind: itertools.count(1) for kind in ("figure", "table", "member")},
        "next": next,
        "image": lambda figure: f"{PNG}{base64.b64encode(figure.png).decode()}",
        "flags": lambda figure: folder.flags(*([figure.fit] if figure.fit else folder.fits)),
        "pixels": lambda mm: round(mm * 96 / 25.4 * ENLARGE),
        "nice": signs,
    }


def _tables(folder: RunFolder) -> dict[str, Any]:
    """Return the page's tables by section; a list holds one per fit."""

    def each(make: Any) -> list[Table]:
        return [table for fit in folder.fits if (table := make(fit)) is not None]

    def some(*groups: str) -> list[Table]:
        first = folder.focus  # names are explained once, where they are read first
        return each(
            lambda fit: tables.parameter_table(folder, fit, groups=groups, meanings=fit == first)
        )

    return {
        "comparison": evidence_tables.comparison_table(folder),
        "recovery": evidence_tables.recovery_table(folder),
        "conditions": evidence_tables.conditions_table(folder),
        "effects": tables.effects_table(folder),
        "response": some("kernel", "derived"),
        "pursuit": some("drive", "channel", "effect", "spread"),
        "members": each(lambda fit: tables.member_table(folder, fit)),
        "learning": tables.identifiability_table(folder, *folder.fits),
        "priors": tables.prior_table(folder),
        "diagnostics": evidence_tables.diagnostics_table(folder),
        "truth": evidence_tables.truth_table(folder),
        "checks": evidence_tables.check_table(folder),
        "rows": datasheet.row_table(folder),
        "kinds": datasheet.kind_table(folder),
        "contents": datasheet.contents_table(folder),
        "levels": datasheet.level_table(folder),
        "exclusions": datasheet.exclusion_table(folder),
        "files": datasheet.file_table(folder),
        "times": datasheet.time_table(folder),
        "failures": {
            fit: [evidence_tables.shown(item) for item in folder.verdicts[fit].failures]
            for fit in folder.fits
        },
    }


def _by_step(items: list[Item]) -> list[tuple[str, list[Item]]]:
    return [(step, list(group)) for step, group in itertools.groupby(items, lambda i: i.step)]


def _breakable(text: str) -> Markup:
    """Let a long name break after an underscore or before a bracket, where the page is narrow."""
    safe = escape(_soft(text))
    return Markup(safe.replace("_", Markup("_<wbr>")).replace("[", Markup("<wbr>[")))


def _gains(folder: RunFolder) -> dict[str, list[str]]:
    """Return what the gains of all fits mean, each meaning once, with the gains that have it."""
    found: dict[str, dict[str, None]] = {}
    for fit in folder.fits:
        for name, told in folder.words(fit).items():
            if told["of"] == "gain":
                found.setdefault(str(told.get("meaning") or ""), {})[name] = None
    return {meaning: list(names) for meaning, names in found.items()}


def _fixed(folder: RunFolder) -> list[tuple[str, str]]:
    """Return what is fixed by convention, each once, from the identifiability card."""
    table = folder.identifiability
    if table is None:
        return []
    rows = table[table["status"] == "fixed by convention"]
    return list(dict.fromkeys(zip(rows["parameter"], rows["convention"], strict=True)))


def _shown(value: Any) -> Any:
    """Strip control and direction marks from every text before it is escaped."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return value if value.startswith(PNG) else _soft(value)


def _soft(value: str) -> str:
    """Clean a text; the spaces at its ends belong to the sentence around it."""
    inner = clean(value)
    if not inner:
        return " " if value else ""
    return f"{' ' * value[:1].isspace()}{inner}{' ' * value[-1:].isspace()}"
