"""One log file of a FED3 feeding device, parsed row by row."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from dopafit.core.errors import suggest
from dopafit.study.canonical import canonical_column
from dopafit.study.fed3_clock import breaks, date_findings, parse_dates
from dopafit.study.report import Finding
from dopafit.study.tabular import RawTable, read_text_table

__all__ = ["SIDES", "Fed3Log", "read_log"]

_EVENT = re.compile(r"(Left|Right|Poke|Pellet)(\w*)")

# our name -> names the device's library has used, lower case without _ and blanks
_ALIASES = {
    "when": ("mm:dd:yyyyhh:mm:ss", "mm/dd/yyyyhh:mm:ss", "datetime", "timestamp"),
    "version": ("libraryversion",),
    "session_type": ("sessiontype",),
    "device": ("devicenumber", "fednumber"),
    "fr": ("fr", "frratio"),
    "event": ("event",),
    "active_poke": ("activepoke",),
    "left": ("leftpokecount",),
    "right": ("rightpokecount",),
    "pellets": ("pelletcount",),
    "retrieval": ("retrievaltime",),
    "since_pellet": ("interpelletinterval", "interpelletintervals"),
    "poke": ("poketime",),
}
_NEEDED = ("when", "event", "left", "right", "pellets")
_COUNTS = ("left", "right", "pellets")

SIDES = ("left", "right", "both")
"""What may be the active side; ``"both"`` where a poke on either side is rewarded."""

_OTHER = 0.2
"""Share of pellets after a poke on the inactive side from which the log is doubted."""


@dataclass(frozen=True)
class Fed3Log:
    """A parsed log.

    Parameters
    ----------
    path : Path
        The file.
    rows : DataFrame, (row,)
        ``line``, ``time`` [s from the first row], ``event`` ("poke" or "pellet"), ``manner``
        ("" or e.g. "with_pellet"), ``side``, ``active`` (bool), ``requirement`` [pokes],
        ``left``, ``right``, ``pellets`` (counts), ``retrieval`` [s], ``timed_out`` (0 or 1),
        ``since_pellet`` [s], ``poke`` [s], ``task`` (session type), ``run`` (of the device) and
        ``stretch`` (of record without a break), both counted from 0.
    device, library_version : str
        As the first row has them.
    began : Timestamp
        Date and time of time 0.
    resolution : float
        What the clock resolves [s].
    """

    path: Path
    rows: pd.DataFrame
    device: str
    library_version: str
    began: pd.Timestamp
    resolution: float = 1.0

    @property
    def ended(self) -> pd.Timestamp:
        """Date and time of the last row."""
        return self.began + pd.Timedelta(seconds=float(self.rows["time"].iloc[-1]))


def read_log(path: Path, *, active: str | None = None) -> tuple[Fed3Log | None, list[Finding]]:
    """Parse one log.

    Parameters
    ----------
    path : Path
        The file.
    active : {"left", "right", "both"}, optional
        Which side is rewarded; as the log says unless given.

    Returns
    -------
    log : Fed3Log or None
        None where the file cannot be used.
    findings : list of Finding
        A last line cut off when the power failed is a warning and left out, like rows of an
        unknown event; any other malformed row is an error.
    """
    raw, findings = read_text_table(path, path.name, ",")
    if raw is None:
        return None, findings
    findings = [_pardon_last(f, raw) for f in findings]
    frame, missing = _named(raw)
    if missing:
        return None, findings + missing
    # files joined end to end repeat their header
    header = frame["event"].str.strip().str.lower().eq("event").to_numpy()
    above, lines = np.cumsum(header)[~header], raw.rows[~header]
    frame = frame[~header].reset_index(drop=True)

    def found(position: int, column: str, *words: str) -> None:
        cell = str(frame[column].iloc[position])
        findings.append(Finding(path.name, int(lines[position]), column, cell, *words))

    n = len(frame)
    when, coarse = parse_dates(frame["when"])
    usable = when.notna().to_numpy(copy=True)
    findings += date_findings(path.name, lines, frame["when"], when, coarse)
    numbers = {}
    for name in ("fr", *_COUNTS, "retrieval", "since_pellet", "poke"):
        values, bad = canonical_column(frame[name], numeric=True)
        numbers[name] = values.to_numpy()
        for p in bad:
            if name == "retrieval" and "tim" in frame[name].iloc[p].lower():
                continue  # 'Timed_out': the pellet lay for more than a minute
            found(
                p,
                name,
                "not a number",
                "a number or nan",
                "correct the line or delete it",
                "warning" if p == n - 1 else "error",
                "not-a-number",
            )
            usable[p] &= p != n - 1
        if name in _COUNTS:
            for p in np.flatnonzero(usable & np.isnan(values) & ~np.isin(np.arange(n), bad)):
                found(
                    p,
                    name,
                    "the count is missing",
                    "a whole number",
                    "correct the line or delete it",
                    "error",
                    "missing",
                )
    if any(f.severity == "error" for f in findings):
        return None, findings
    seconds = (when - when[usable].iloc[0]).dt.total_seconds() if usable.any() else when
    events = [_EVENT.fullmatch(e.strip()) for e in frame["event"]]
    for p in np.flatnonzero(usable):
        if events[p] is None:
            found(
                p,
                "event",
                "unknown event; the row is left out",
                "Left..., Right..., Poke..., Pellet",
                "nothing, if the row is not needed",
                "warning",
                "unknown-event",
            )
            usable[p] = False
    keep = np.flatnonzero(usable)
    if not len(keep):
        findings.append(
            Finding(
                path.name,
                None,
                None,
                None,
                "the log has no rows; it is left out",
                "at least one poke or pellet",
                "nothing",
                "warning",
                "no-rows",
            )
        )
        return None, findings
    table = frame.iloc[keep].reset_index(drop=True)
    rows = pd.DataFrame({k: v[keep] for k, v in numbers.items()}).rename(
        columns={"fr": "requirement"}
    )
    rows.insert(0, "line", lines[keep])
    rows.insert(1, "time", seconds.to_numpy()[keep].astype(float))
    words = [events[p] for p in keep]
    rows["event"] = ["pellet" if w[1] == "Pellet" else "poke" for w in words]
    rows["manner"] = [_snake(w[2]) for w in words]
    rows["side"] = _sides(rows, words)
    rows["active_side"] = active or table["active_poke"].map(_active_side)
    rewarded = (rows["side"] == rows["active_side"]) | (rows["active_side"] == "both")
    rows["active"] = (rows["event"] == "poke") & (rows["side"] != "") & rewarded
    rows["task"] = table["session_type"].str.strip()
    rows["run"], rows["stretch"], joined = breaks(path.name, rows, above[keep])
    findings += joined
    late = table["retrieval"].str.strip().str.lower().str.startswith("tim")
    rows["timed_out"] = np.where(rows["event"] == "pellet", late.astype(float), np.nan)
    findings += _consistency(path.name, rows)
    if any(f.severity == "error" for f in findings):
        return None, findings
    rows = rows[(rows["event"] == "pellet") | (rows["side"] != "")].reset_index(drop=True)
    log = Fed3Log(
        path,
        rows,
        table["device"].iloc[0].strip(),
        table["version"].iloc[0].strip(),
        when.iloc[keep[0]],
        60.0 if coarse.any() else 1.0,
    )
    return log, findings


def _pardon_last(finding: Finding, raw: RawTable) -> Finding:
    """Make a row cut off at the very end a warning: a flat battery leaves such."""
    last = finding.kind == "ragged" and not (raw.rows > finding.row).any()
    if not last:
        return finding
    return replace(
        finding,
        severity="warning",
        kind="truncated",
        wrong=f"{finding.wrong}; the cut-off last line is left out",
        todo="nothing, if the device stopped here",
    )


def _named(raw: RawTable) -> tuple[pd.DataFrame, list[Finding]]:
    """Return the columns under our names; those not needed may be absent."""
    plain = {re.sub(r"[_\s]", "", c).lower(): c for c in raw.frame.columns}
    columns, findings = {}, []
    for ours, names in _ALIASES.items():
        there = next((plain[n] for n in names if n in plain), None)
        if there is not None:
            columns[ours] = raw.frame[there]
        elif ours in _NEEDED:
            findings.append(
                Finding(
                    raw.file,
                    1,
                    None,
                    None,
                    f"no column for {ours!r} in the header",
                    f"a FED3 log ({names[0]})",
                    suggest(names[0], plain) or "leave out files that are no FED3 logs",
                    "error",
                    "missing-column",
                )
            )
        else:
            columns[ours] = pd.Series("", index=raw.frame.index, dtype="str")
    return pd.DataFrame(columns), findings


def _active_side(word: str) -> str:
    """Return left, right, both, or the word as it stands."""
    plain = word.strip().lower()
    return "both" if plain == "both" or ("left" in plain and "right" in plain) else plain


def _snake(word: str) -> str:
    """Return ``WithPellet`` as ``with_pellet``."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", word).strip("_").lower()


def _sides(rows: pd.DataFrame, words: list[re.Match]) -> list[str]:
    """Return left, right or "" per row; a bare ``Poke`` has the side whose count grew."""
    grew = {s: np.diff(rows[s].to_numpy(), prepend=0.0) > 0 for s in ("left", "right")}
    sides = []
    for i, word in enumerate(words):
        side = {"Left": "left", "Right": "right"}.get(word[1], "")
        if word[1] == "Poke" and grew["left"][i] != grew["right"][i]:
            side = "left" if grew["left"][i] else "right"
        sides.append(side)
    return sides


def _consistency(file: str, rows: pd.DataFrame) -> Iterator[Finding]:
    """Compare the clock with itself and the counters with the rows."""

    def found(i: int, column: str, value: object, *rest: str) -> Finding:
        return Finding(file, int(rows["line"][i]), column, str(value), *rest)

    for i in np.flatnonzero(np.diff(rows["time"], prepend=-np.inf) < 0):
        yield found(
            i,
            "when",
            f"{rows['time'][i]:g} s",
            "the clock ran backwards",
            "times that do not decrease",
            "split the log here or correct the dates",
            "error",
            "clock-back",
        )
    for i in np.flatnonzero((rows["event"] == "poke") & (rows["side"] == "")):
        yield found(
            i,
            "event",
            "Poke",
            "the side cannot be told from the counts; the row is left out",
            "a poke that raises one of the two counts",
            "nothing, if few rows are lost",
            "warning",
            "unknown-side",
        )
    fresh = np.diff(rows["run"].to_numpy(), prepend=-1) != 0
    own = {
        "left": (rows["side"] == "left").to_numpy(),
        "right": (rows["side"] == "right").to_numpy(),
        "pellets": (rows["event"] == "pellet").to_numpy(),
    }
    for name, here in own.items():
        count = rows[name].to_numpy()
        lost = np.diff(count, prepend=0.0) - here
        lost[fresh] = 0.0  # a run may begin with a count the device kept
        for i in np.flatnonzero(lost > 0):
            yield found(
                i,
                name,
                f"{rows[name][i]:g}",
                f"the device counted {lost[i]:g} more than it logged before this line",
                "a row for every count",
                "expect lost rows here, e.g. from a low battery",
                "warning",
                "lost-rows",
            )
        for i in np.flatnonzero(lost < 0):
            yield found(
                i,
                name,
                f"{rows[name][i]:g}",
                "the count did not grow with this row",
                "a count for every row",
                "look whether the device was restarted here",
                "warning",
                "count-reset",
            )
    poke = (rows["event"] == "poke") & (rows["manner"] == "") & (rows["side"] != "")
    before = rows["active"].where(poke).groupby(rows["run"]).ffill()
    after = before[(rows["event"] == "pellet") & before.notna()].astype(bool)
    other = int((~after).sum())
    if other >= 3 and other > _OTHER * len(after):
        i = int(after.index[~after][0])
        yield found(
            i,
            "active_poke",
            rows["active_side"][i],
            f"{other} of {len(after)} pellets come after a poke on a side that is not active",
            "pellets that follow pokes on the active side",
            "say which side is rewarded if the log does not (active='both', or --active both)",
            "warning",
            "other-side",
        )
