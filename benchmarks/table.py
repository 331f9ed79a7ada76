"""The table of the documentation, from the stored results."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["write_table"]

PROBLEMS = {
    "A": "20 subjects x 100 events x 100 observations, choice and latency, trough drive",
    "B": "40 subjects x 200 events x 200 observations, choice and latency, trough drive",
}
WORDS = {
    "stan": "Stan, written by hand",
    "stan-centred": "Stan, its intercepts centred",
    "stanli": "Stan's language, interpreted (stanli), centred",
    "stanli-fast": "the same in its fast mode",
    "matrix": "PyMC, observation x event matrix",
    "numpyro": "NumPyro, associative scan",
    "scan": "PyMC, scan",
}
"""Rivals in words."""


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _problem(name: str, stored: Mapping[str, Any]) -> list[str]:
    known = stored["contestants"]
    found = {rival: known[rival] for rival in ("dopafit", *WORDS) if rival in known}
    lines = [f"## Problem {name}: {PROBLEMS[name]}", ""]
    lines.append(
        _row(["dopafit over", "ESS per second", "with compiling", "ESS per gradient", "same mean"])
    )
    lines.append(_row(["---", "---:", "---:", "---:", "---:"]))
    for rival, one in found.items():
        if "ratios" not in one:
            continue
        ratios = one["ratios"]
        lines.append(
            _row(
                [
                    WORDS[rival],
                    f"**{ratios['ess_per_second']:.1f}**",
                    f"{ratios['ess_per_second_compiled']:.1f}",
                    f"{ratios['ess_per_gradient']:.1f}",
                    f"{one['largest_difference'][1]:.1f} MCSE",
                ]
            )
        )
    lines += [
        "",
        _row(["", "compile [s]", "warm-up and draws [s]", "least bulk ESS", "of", "R-hat"]),
    ]
    lines.append(_row(["---", "---:", "---:", "---:", "---", "---:"]))
    for rival, one in found.items():
        lines.append(
            _row(
                [
                    WORDS.get(rival, rival),
                    f"{one['compile']:.1f}",
                    f"{one['sample']:.1f}",
                    f"{one['least_ess']:,.0f} of {one['chains']} x {one['draws']:,}",
                    f"`{one['least_known']}`",
                    f"{one['r_hat']:.3f}",
                ]
            )
        )
    commands = list(dict.fromkeys(f"`{one['command']}`" for one in found.values()))
    lines += ["", f"{'; '.join(commands)}; {stored['machine']}."]
    if len(commands) > 1:
        lines.append("A ratio is to dopafit's run in the same command; the last one's is shown.")
    return [*lines, ""]


def _gradient(stored: Mapping[str, Any]) -> list[str]:
    lines = ["## Problem E: the gradient alone, against one fused loop", ""]
    lines.append(
        _row(["rows", "dopafit over fused loop", "dopafit [ms]", "loop [ms]", "memory [GB]"])
    )
    lines.append(_row(["---:"] * 5))
    for one in stored["sizes"]:
        lines.append(
            _row(
                [
                    f"{one['rows']:,}",
                    f"**{one['ratio']:.2f}**",
                    f"{1e3 * one['dopafit_seconds']:.2f}",
                    f"{1e3 * one['fused_seconds']:.2f}",
                    f"{one['peak_memory_gb']:.2f}",
                ]
            )
        )
    lines += ["", f"Log-log slope from the smallest to the largest: {stored['slope']:.3f}."]
    return [*lines, "", f"`{stored['command']}`; {stored['machine']}.", ""]


def _start(stored: Mapping[str, Any]) -> list[str]:
    lines = ["## From a fresh process to the first draw", ""]
    lines.append(_row(["seconds since the start", *stored["cold"]["seconds"]]))
    lines.append(_row(["---", *["---:"] * len(stored["cold"]["seconds"])]))
    for name in ("cold", "warm"):
        lines.append(_row([name, *(f"{v:.1f}" for v in stored[name]["seconds"].values())]))
    count = stored["cold"]["other_data_compiles"]
    lines += [
        "",
        f"A second fit of the same claim on other data, in the same process, compiles {count:d} "
        "functions.",
    ]
    return [*lines, "", f"`{stored['command']}`.", ""]


def _fits(stored: Mapping[str, Any], title: str) -> list[str]:
    lines = [f"## {title}", ""]
    lines.append(_row(["drive", "whole fit [s]", "gradients a draw", "verdict"]))
    lines.append(_row(["---", "---:", "---:", "---"]))
    for drive, one in stored.items():
        per_draw = f"{one['gradients_per_draw']:.0f}"
        lines.append(_row([drive, f"{one['seconds']:.0f}", per_draw, one["stamp"]]))
    return [*lines, "", *(f"`{one['command']}`" for one in stored.values()), ""]


def write_table(results: Path, target: Path) -> None:
    """Write the page from every result that is there.

    Parameters
    ----------
    results : Path
        Folder of the stored results.
    target : Path
        The page, Markdown.
    """
    lines = [
        "# Speed",
        "",
        "Written by `python -m benchmarks`; ratios are dopafit over rival, measured side by side.",
        "ESS is the least bulk effective sample size over all quantities that both report, warm-up",
        "included in the time. A rival's time counts only where its posterior means agree with",
        "dopafit's within Monte Carlo error (last column: the largest difference).",
        "",
    ]
    fits = {
        "C.json": "Problem C: the effort study, 958 people, 61,312 offers, 1,930 coordinates",
        "D.json": "Problem D: FED3 presses, 12 sessions, 312,769 rows",
    }
    pages = [("gradient.json", _gradient), ("start.json", _start)]
    pages += [(name, functools.partial(_fits, title=title)) for name, title in fits.items()]
    for path, part in pages:
        if (results / path).exists():
            lines += part(json.loads((results / path).read_text(encoding="utf-8")))
    for name in PROBLEMS:
        if (results / f"{name}.json").exists():
            stored = json.loads((results / f"{name}.json").read_text(encoding="utf-8"))
            lines += _problem(name, stored)
    notes = (Path(__file__).parent / "notes.md").read_text(encoding="utf-8")
    target.write_text("\n".join([*lines, notes]), encoding="utf-8")
