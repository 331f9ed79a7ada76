"""Tidy tables behind the figures: curves, traces, gains, subjects, prior beside posterior."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from dopafit.backend.diagnostics import scalars
from dopafit.core.errors import FitError, SpecError
from dopafit.drive import Drive
from dopafit.fit.derived import implied_gains, kernel_shape
from dopafit.model.layout.coordinates import natural, on_link, to_link
from dopafit.model.layout.layout import Layout
from dopafit.model.numpy_operations import numpy_operations
from dopafit.study.tables import DURATION
from dopafit.trace.kernel import Kernel

if TYPE_CHECKING:
    import xarray as xr

    from dopafit.fit.fit import Fit

__all__ = [
    "gain_draws",
    "gain_rays",
    "has_gain_plane",
    "kernel_table",
    "landmark_table",
    "member_table",
    "member_term",
    "prior_posterior_table",
    "trace_table",
]

WINDOW = 10.0
"""Longest stretch of a session that a figure of the trace shows, over the kernel's horizon."""

SOURCES = ("posterior", "prior")
LEVELS = {"lower_50": 0.25, "upper_50": 0.75, "lower_90": 0.05, "upper_90": 0.95}


def _bands(values: np.ndarray) -> dict[str, np.ndarray]:
    """Median and equal-tailed 50 and 90 % bounds over the first axis."""
    q = np.quantile(values, [0.5, *LEVELS.values()], axis=0)
    return dict(zip(["median", *LEVELS], q, strict=True))


def _needs_trace(fit: Fit) -> None:
    if not fit.model.moved:
        raise FitError(
            f"the hypothesis {fit.hypothesis} has no trace to show",
            allowed="a fit of another hypothesis",
            todo="show the trace of a fit that has one, e.g. trough",
        )


def _draws(fit: Fit, source: str) -> xr.Dataset:
    if source not in SOURCES:
        otherwise = "leave source out for draws from the posterior"
        raise SpecError(
            f"source {source!r} is not known", given=source, known=SOURCES, todo=otherwise
        )
    return fit.posterior if source == "posterior" else fit.prior


def _kernel(fit: Fit) -> Kernel:
    return Kernel.named(fit.model.kernel)()


def _flat(dataset: xr.Dataset, draws: int | None = None) -> dict[str, np.ndarray]:
    """Return the draws of every scalar quantity, (draw,); some of them, evenly spaced."""
    flat = {str(n): dataset[n].values.ravel() for n in dataset.data_vars if dataset[n].ndim == 2}
    size = next(iter(flat.values())).size
    keep = np.unique(np.linspace(0, size - 1, min(draws or size, size)).astype(int))
    return {name: value[keep] for name, value in flat.items()}


def _shape(fit: Fit, flat: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return kernel_shape(fit.model, flat, next(iter(flat.values())).shape)


def _marked(fit: Fit) -> list[str]:
    """Return the landmarks, times after an event, that figures mark."""
    words = _kernel(fit).landmark_words
    return [name for name, mark in words.items() if mark.label and name in fit.posterior]


def kernel_table(fit: Fit, *, source: str = "posterior", draws: int = 1000) -> pd.DataFrame:
    """Response to one unit event, in peak units, with 50 and 90 % bands.

    Returns
    -------
    DataFrame
        `time` [s], `median`, `lower_50`, `upper_50`, `lower_90`, `upper_90`.
    """
    _needs_trace(fit)
    kernel, shape = _kernel(fit), _shape(fit, _flat(fit.posterior, draws))
    latest = [float(np.quantile(fit.posterior[name], 0.95)) for name in _marked(fit)]
    end = max(float(np.median(kernel.horizon(**shape))), 1.1 * max(latest, default=0.0))
    time = np.concatenate([[0.0], np.geomspace(end / 400, end, 300)])
    columns = {n: v[:, None] for n, v in _shape(fit, _flat(_draws(fit, source), draws)).items()}
    curves = kernel.response(time[None, :], peak=1.0, **columns)
    return pd.DataFrame({"time": time, **_bands(curves)})


def landmark_table(fit: Fit) -> pd.DataFrame:
    """Return the landmarks that a figure marks, no row for what the response does not have.

    Returns
    -------
    DataFrame
        `landmark`, `label`, `median`, `lower_90`, `upper_90` [s] and `level` there [peak units].
    """
    _needs_trace(fit)
    kernel, flat = _kernel(fit), _flat(fit.posterior)
    shape, rows = _shape(fit, flat), []
    for name in _marked(fit):
        bands = _bands(flat[name])
        level = np.median(kernel.response(flat[name], peak=1.0, **shape))
        rows.append(
            {
                "landmark": name,
                "label": kernel.landmark_words[name].label,
                **{part: bands[part] for part in ("median", "lower_90", "upper_90")},
                "level": float(np.round(level, 12)),
            }
        )
    return pd.DataFrame(rows, columns="landmark label median lower_90 upper_90 level".split())


def trace_table(
    fit: Fit,
    subject: str,
    session: str,
    *,
    points: int = 600,
    draws: int = 200,
    window: tuple[float, float] | None = None,
) -> dict[str, pd.DataFrame]:
    """Level of one subject's session over time, with its events and acts.

    Parameters
    ----------
    fit : Fit
        A fit of a drive with a trace.
    subject, session : str
        Whose.
    points, draws : int
        Times and posterior draws.
    window : (float, float), optional
        From when to when [s]. Unless given the whole session or, where that is over 10 times as
        long as the response to one event, as much of it where events are densest.

    Returns
    -------
    dict of str to DataFrame
        `trace` (`time` [s], bands), `events` (`time`, `kind`, `magnitude`; `duration` where the
        study has it), `acts` (`time`, `kind`).

    Raises
    ------
    SpecError
        No such subject and session.
    """
    _needs_trace(fit)
    study, layout = fit.study, fit.layout
    sessions = layout.sessions
    found = np.flatnonzero((sessions["subject"] == subject) & (sessions["session"] == session))
    if found.size == 0:
        raise SpecError(
            f"subject {subject!r} has no session {session!r}",
            allowed="; ".join(f"{r.subject}/{r.session}" for r in sessions.head(8).itertuples()),
            todo="name a subject and a session of the study",
        )
    row = sessions.iloc[int(found[0])]
    if window is None:
        times = study.events.loc[_of(study.events, subject, session), "time"].to_numpy(float)
        shape = _shape(fit, _flat(fit.posterior))
        length = WINDOW * float(np.median(_kernel(fit).horizon(**shape)))
        window = _densest(np.sort(times), float(row["start"]), float(row["end"]), length)
    time = np.linspace(*window, points)
    view = _one_session(layout, int(found[0]), time)
    operations = numpy_operations(view.arrays)
    curves = np.array(
        [view.program.signals(view.arrays, one, operations)["level"] for one in fit.thinned(draws)]
    )

    def shown(table: pd.DataFrame, *columns: str) -> pd.DataFrame:
        mine = _of(table, subject, session) & table["time"].between(*window)
        return table.loc[mine, ["time", *columns]].sort_values("time", ignore_index=True)

    lasting = {DURATION} & set(study.events)
    acts = [shown(channel.acts(study), "kind") for channel in fit.model.channels]
    return {
        "trace": pd.DataFrame({"time": time, **_bands(curves)}),
        "events": shown(study.events, "kind", "magnitude", *lasting),
        "acts": pd.concat(acts, ignore_index=True).sort_values("time", ignore_index=True),
    }


def _of(table: pd.DataFrame, subject: str, session: str) -> pd.Series:
    return (table["subject"] == subject) & (table["session"] == session)


def _densest(times: np.ndarray, start: float, end: float, length: float) -> tuple[float, float]:
    """Return the stretch [s] of a session, at most `length` long, that holds most events."""
    if end - start <= length:
        return start, end
    if not times.size:
        return start, start + length
    held = np.searchsorted(times, times + 0.9 * length) - np.arange(times.size)
    first = times[np.argmax(held)] - 0.05 * length
    first = min(max(first, start), end - length)
    return first, first + length


def _one_session(layout: Layout, code: int, time: np.ndarray) -> Layout:
    """Return the layout with reads at `time` of one session only."""
    offset = np.zeros(len(layout.sessions) + 1, dtype=np.int64)
    offset[code + 1 :] = time.size
    arrays = dict(layout.arrays) | {"read_time": time, "read_offset": offset}
    return replace(layout, arrays=arrays)


def _planes(fit: Fit, flat: dict[str, np.ndarray]) -> dict[str, dict[str, np.ndarray]]:
    """Return by channel the effects at both lobes, (draw,); no channel that has none."""
    shape = _shape(fit, flat)
    moved = [c.prefix for c in fit.model.channels if fit.model.drives[c.prefix].gains]
    planes = {prefix: implied_gains(fit.model, flat, prefix, shape) for prefix in moved}
    return {prefix: gains for prefix, gains in planes.items() if gains is not None}


def has_gain_plane(fit: Fit) -> bool:
    """Whether any channel's gains are effects at the lobes of one unit event."""
    return fit.model.moved and bool(_planes(fit, _flat(fit.posterior, 1)))


def gain_draws(fit: Fit, *, source: str = "posterior", draws: int = 2000) -> pd.DataFrame:
    """Return effects at both lobes per channel: `channel`, `gain_peak`, `gain_trough`, `source`.

    Raises
    ------
    FitError
        No channel has such effects: its gains are measured elsewhere, or the response lacks a lobe.
    """
    _needs_trace(fit)
    planes = _planes(fit, _flat(_draws(fit, source), draws))
    if not planes:
        raise FitError(
            "the gains of this fit are not effects at the two lobes of a response",
            allowed="a drive that follows the level, over a kernel with a peak and a trough",
            todo="draw its gains with prior_posterior instead",
        )
    parts = [pd.DataFrame({"channel": p, **gains}) for p, gains in planes.items()]
    return pd.concat(parts, ignore_index=True).assign(source=source)


def gain_rays(fit: Fit) -> pd.DataFrame:
    """Return where drives lie in the plane of effects at both lobes.

    Returns
    -------
    DataFrame
        One row per drive with one gain or none: `drive`, `gain_peak` and `gain_trough` at a gain
        of 1, for the posterior median of the response.
    """
    shape = {name: np.median(value) for name, value in _shape(fit, _flat(fit.posterior)).items()}
    unit, rows = _kernel(fit).unit_event(np, **shape), []
    for name, member in Drive.members().items():
        gains = member().implied_gains(dict.fromkeys(member.gains, 1.0), unit)
        if gains is not None and len(member.gains) < 2:
            rows.append({"drive": name, **{axis: float(value) for axis, value in gains.items()}})
    return pd.DataFrame(rows, columns=["drive", "gain_peak", "gain_trough"])


def prior_posterior_table(fit: Fit, *, draws: int = 1500) -> pd.DataFrame:
    """Draws of every population quantity: `parameter`, `unit`, `source`, `value`, `scale`."""
    parts, derived = [], {*_kernel(fit).landmark_words, "load"}
    for name in fit.posterior.data_vars:
        name = str(name)
        if name.endswith("_group") or name in derived:
            continue
        logarithmic = name in fit.model.parameters and fit.model.parameters[name].link == "log"
        for source, dataset in (("prior", fit.prior), ("posterior", fit.posterior)):
            labels, values, _ = scalars(dataset[[name]])
            values = values.reshape(len(labels), -1)
            size = values.shape[1]
            keep = np.unique(np.linspace(0, size - 1, min(draws, size)).astype(int))
            told = {"unit": dataset[name].attrs.get("unit", ""), "source": source}
            scale = {"scale": "log" if logarithmic else "linear"}
            parts += [
                pd.DataFrame({"parameter": label, **told, "value": value, **scale})
                for label, value in zip(labels, values[:, keep], strict=True)
            ]
    return pd.concat(parts, ignore_index=True)


def member_term(fit: Fit, parameter: str) -> str | None:
    """Return the term of random intercepts of a parameter, subjects first; None without one."""
    name = f"{parameter}_group"
    if name not in fit.posterior:
        return None
    labels = [str(v).partition("[")[0] for v in fit.posterior[name][f"{name}_member"].values]
    found = [label for label in dict.fromkeys(labels) if label.startswith("1|")]
    return min(found, key=lambda label: label != "1|subject", default=None)


def member_table(fit: Fit, parameter: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return each member's value of a parameter: population plus deviation, on its natural scale.

    Returns
    -------
    rows : DataFrame
        `parameter`, `member`, bands, `unit`.
    population : DataFrame
        The same for the population value, one row.

    Raises
    ------
    SpecError
        The parameter has no intercepts by group.
    """
    term = member_term(fit, parameter)
    if term is None:
        raise SpecError(
            f"{parameter} has no group effects",
            allowed="a formula with (1 | subject)",
            todo=f"fit again with a formula for it, e.g. effects: {{{parameter}: (1 | subject)}}",
        )
    spec = fit.model.parameters[parameter]
    variable = fit.posterior[f"{parameter}_group"]
    labels = [str(v) for v in variable[f"{parameter}_group_member"].values]
    at = [i for i, label in enumerate(labels) if label.startswith(f"{term}[")]
    if parameter in fit.posterior:
        centre = on_link(spec.link, fit.posterior[parameter].values)
    else:
        centre = np.full(variable.shape[:2], to_link(spec, spec.fixed))
    rows = [
        {
            "parameter": parameter,
            "member": labels[i].removeprefix(f"{term}[").removesuffix("]"),
            "unit": spec.unit,
            **_bands(natural(spec, centre + variable.values[..., i]).ravel()),
        }
        for i in at
    ]
    population = {
        "parameter": parameter,
        "member": "population",
        "unit": spec.unit,
        **_bands(natural(spec, centre).ravel()),
    }
    return pd.DataFrame(rows), pd.DataFrame([population])
