"""A model in words, in LaTeX and as a table of parameters."""

from __future__ import annotations

import pandas as pd

from dopafit.drive import RECTIFIER, Drive
from dopafit.trace.kernel import Kernel

__all__ = ["conventions", "describe", "latex", "parameter_table"]


def parameter_table(model: object) -> pd.DataFrame:
    """Return one row per parameter: name, meaning, unit, link, prior or fixed value, formula."""
    rows = []
    for name, parameter in model.parameters.items():
        rows.append(
            {
                "parameter": name,
                "meaning": parameter.meaning,
                "unit": parameter.unit,
                "link": parameter.link,
                "prior": str(parameter.prior)
                if parameter.prior
                else f"fixed at {parameter.fixed:g}",
                "formula": model.effects.get(name, "1"),
                "convention": parameter.convention,
            }
        )
    return pd.DataFrame(rows)


def conventions(model: object) -> list[str]:
    """Return the constraints without which the model is not identified, as sentences."""
    lines = ["The baseline level is not identified; the resting predictor is (baseline := 0)."]
    if Drive.named(model.drive).gains:
        lines += [
            "The population's peak after one unit event is the unit of the trace (peak := 1).",
            f"The rectifier's softness is fixed at {RECTIFIER:g} peak units.",
            "A channel's gain is common to all subjects; subjects differ in their peak.",
            "Baseline, peak and trough in absolute units, and the gain apart from the peak, "
            "cannot be learned from behaviour.",
        ]
    lines += [
        f"{name} is fixed at {p.fixed:g}: {p.convention}."
        for name, p in model.parameters.items()
        if p.prior is None and name != "peak"
    ]
    return lines


def latex(model: object) -> list[str]:
    """Return the model's equations."""
    drive, lines = Drive.named(model.drive), []
    if drive.gains:
        lines += [
            r"s(t) = \sum_{t_j < t} m_j P_j\, h(t - t_j), \quad \max h = 1,\ \min h = -\rho",
            Kernel.named(model.kernel).latex,
        ]
    lines.append(drive.latex)
    for channel in model.channels:
        lines.append(r"\text{" + channel.prefix + r"}:\ " + channel.latex)
        terms = " + ".join(
            [r"\alpha", *(rf"b_{{{'+' if 'peak' in g else '-'}}} M" for g in drive.gains)]
        )
        lines.append(rf"\eta = {terms}")
    return lines


def describe(model: object) -> str:
    """Return the readable form of a model: claim, channels, parameters with priors, conventions."""
    drive = Drive.named(model.drive)
    head = [
        f"Model: {model.drive} drive ({drive.words})",
        f"  kernel   {model.kernel}, events {', '.join(model.events or ['of every kind'])}, "
        f"typical spacing {model.typical_spacing:g} s",
    ]
    head += [f"  channel  {c.prefix}: {c.outcome}" for c in model.channels]
    table = parameter_table(model)
    width = int(table["parameter"].str.len().max())
    prior = int(table["prior"].str.len().max())
    body = [
        f"  {row.parameter:<{width}}  {row.prior:<{prior}}  ~ {row.formula}  [{row.unit}]"
        for row in table.itertuples()
    ]
    return "\n".join(
        [*head, "parameters", *body, "conventions", *(f"  {c}" for c in conventions(model))]
    )
