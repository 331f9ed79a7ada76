"""Read home-cage logs of FED3 devices as a study.

Conventions, checked on twelve closed-economy logs of library versions 1.8.1 and 1.12.0:

* Time is counted in seconds [s] from a log's first row and kept at the device's 1 s resolution.
  The first row may itself be a poke, at time 0; ties are real.
* A ``Pellet`` row carries the moment the pellet was *taken*: differences of these times agree with
  the device's InterPelletInterval to 1 s, while times less Retrieval_Time do not. A pellet that
  lay for over a minute has ``Timed_out`` for its retrieval and still the time it was taken.
* Pokes on the active side while a pellet lies in the well (``LeftWithPellet``, logged by 1.12.0,
  not by 1.8.1) do not count towards the requirement and have their own kind.
* Closed economy: each pellet raises the requirement by one; it falls to 1 when 1800 s have passed
  since the last poke on the active side (not since the last pellet), and while a pellet
  lies in the well only once it has been taken. The log's FR column decides that it fell,
  the clock when.
* A file may hold several runs (logs joined end to end, a device started anew), and days without a
  row. Between runs, and in a silence of over a day, nothing was observed: the session has windows.
  Runs of different session types are sessions of their own.
* A box is not an animal. Logs of one box that lie more than two weeks apart are taken as those of
  different animals unless `subjects` says otherwise.

References
----------
Matikainen-Ankney et al. 2021, eLife 10:e66173. Mourra et al. 2020, Psychopharmacology
237:2569-2584 (the resetting progressive ratio).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from dopafit.core.errors import StudyError
from dopafit.study.fed3_log import SIDES, Fed3Log, read_log
from dopafit.study.report import Finding, Report
from dopafit.study.study import Study

__all__ = ["check_fed3", "read_fed3", "requirement_steps"]

RESET_AFTER = 1800.0  # s without a poke on the active side
_CLOSED = "closedecon"

COHORT = pd.Timedelta(days=14)
"""Logs of one box further apart than this are not taken as those of one animal."""


def read_fed3(
    paths: str | Path | Iterable[str | Path],
    *,
    subjects: Mapping[str, str] | None = None,
    session_types: Collection[str] | None = None,
    active: str | None = None,
    name: str = "fed3",
) -> Study:
    """Read FED3 logs; each file is one session, or one per task where it holds several.

    Parameters
    ----------
    paths : path or iterable of paths
        Log files, and folders whose ``.CSV`` files are all read.
    subjects : mapping of file stem to subject, optional
        Who was in the cage, for every file. Without it the subject is the box: the file name up
        to the first underscore, and the date where the box's logs lie so far apart that they are
        hardly those of one animal. A device's log does not say which animal it saw.
    session_types : collection of str, optional
        Keep only sessions with these session types, e.g. ``{"ClosedEcon_PR1"}``.
    active : {"left", "right", "both"}, optional
        Which side is rewarded, where the logs do not say so rightly.
    name : str
        Name of the study.

    Returns
    -------
    Study
        ``events`` of kind pellet (magnitude 1; ``retrieval`` [s], ``retrieval_timed_out``);
        ``presses`` of kind active, inactive, active_with_pellet, ... (``requirement`` as logged,
        ``poke_duration`` [s]); ``covariates`` with the step function ``requirement`` [pokes];
        ``sessions`` from first to last row with ``clock_start`` [h]; ``windows`` where a file
        holds several runs.

    Raises
    ------
    StudyError
        A log is malformed, a file is missing from `subjects`, or nothing is left.
    """
    if active is not None and active not in SIDES:
        otherwise = "leave it out, and the logs say which side is active"
        raise StudyError(f"active = {active!r}", given=active, known=SIDES, todo=otherwise)
    logs, report = _read(paths, session_types, active)
    report.raise_errors()
    if not logs:
        raise StudyError(
            f"no FED3 log to read in {report.what}",
            allowed="files ending in .CSV"
            + (f" with session type {', '.join(sorted(session_types))}" if session_types else ""),
            todo="check the folder and the session types",
        )
    notes = [f.line() for f in report.warnings]
    stems = [log.path.stem for log in logs]
    if subjects is None:
        subjects, told = _boxes(logs)
        notes += told
    for stem in stems:
        if stem not in subjects:
            raise StudyError(
                f"subjects does not say who was in {stem!r}",
                allowed="an entry for every file stem",
                given=stem,
                known=subjects,
                todo=f"add {stem!r}",
            )
        if stems.count(stem) > 1:
            raise StudyError(
                f"two logs are called {stem!r}",
                allowed="one file per session",
                todo="rename one of them",
            )
    tables: dict[str, list[pd.DataFrame]] = {}
    for log in logs:
        for session, part in _by_task(log):
            if session_types is not None and part.rows["task"].iloc[0] not in session_types:
                continue
            parts, odd = _convert(part)
            notes += odd
            for role, frame in parts.items():
                frame.insert(0, "subject", str(subjects[log.path.stem]))
                frame.insert(1, "session", session)
                tables.setdefault(role, []).append(frame)
    description = "FED3 home-cage logs; times are those logged, to 1 s."
    if notes:
        description += " Notes on the logs: " + "; ".join(notes) + "."
    return Study(
        name,
        **{role: pd.concat(frames, ignore_index=True) for role, frames in tables.items()},
        description=description,
    )


def check_fed3(
    paths: str | Path | Iterable[str | Path],
    *,
    session_types: Collection[str] | None = None,
    active: str | None = None,
) -> Report:
    """Report what is wrong or odd in FED3 logs, file by file and line by line.

    Parameters
    ----------
    paths, session_types, active
        As for `read_fed3`.
    """
    return _read(paths, session_types, active)[1]


def _read(
    paths: str | Path | Iterable[str | Path],
    session_types: Collection[str] | None,
    active: str | None,
) -> tuple[list[Fed3Log], Report]:
    given = [paths] if isinstance(paths, str | Path) else list(paths)
    files = []
    for place in map(Path, given):
        inside = place.iterdir() if place.is_dir() else [place]
        files += [f for f in inside if not place.is_dir() or f.suffix.lower() == ".csv"]
    files.sort()
    what = str(given[0]) if len(given) == 1 else f"{len(files)} FED3 logs"
    logs: list[Fed3Log] = []
    findings: list[Finding] = []
    for file in files:
        log, found = read_log(file, active=active)
        if log is not None and session_types is not None:
            if not set(log.rows["task"]) & set(session_types):
                continue
        findings += found
        if log is not None:
            logs.append(log)
    return logs, Report(what, tuple(findings))


def _boxes(logs: list[Fed3Log]) -> tuple[dict[str, str], list[str]]:
    """Name subjects by box, and by date where one box must have held several animals."""
    subjects, notes = {}, []
    boxes: dict[str, list[Fed3Log]] = {}
    for log in sorted(logs, key=lambda log: log.began):
        boxes.setdefault(log.path.stem.split("_")[0], []).append(log)
    for box, run in boxes.items():
        cohorts = [[run[0]]]
        for log in run[1:]:
            latest = max(cohorts[-1], key=lambda other: other.ended)
            if log.began < latest.ended:
                notes.append(
                    f"{log.path.name} begins before {latest.path.name} of the same box ends: "
                    "a copy, or another device of that name?"
                )
            if log.began - latest.ended > COHORT:
                cohorts.append([])
            cohorts[-1].append(log)
        for cohort in cohorts:
            subject = box if len(cohorts) == 1 else f"{box} {cohort[0].began:%Y-%m-%d}"
            subjects |= {log.path.stem: subject for log in cohort}
        if len(cohorts) > 1:
            notes.append(
                f"the logs of box {box} lie more than {COHORT.days} days apart and are taken as "
                f"those of {len(cohorts)} animals; say who was in the cage if that is wrong"
            )
    return subjects, notes


def _by_task(log: Fed3Log) -> list[tuple[str, Fed3Log]]:
    """Return a log's sessions with their names: one for each run of rows of one session type."""
    task = log.rows["task"]
    run = (task != task.shift()).cumsum()
    if run.iloc[-1] == 1:
        return [(log.path.stem, log)]
    parts = []
    for k, rows in log.rows.groupby(run):
        first = float(rows["time"].iloc[0])
        part = replace(
            log,
            rows=rows.assign(time=rows["time"] - first).reset_index(drop=True),
            began=log.began + pd.Timedelta(seconds=first),
        )
        parts.append((f"{log.path.stem} {k}", part))
    return parts


def _convert(log: Fed3Log) -> tuple[dict[str, pd.DataFrame], list[str]]:
    """Return one session's tables, and remarks on its requirement."""
    rows = log.rows
    pellet = (rows["event"] == "pellet").to_numpy()
    stretches = rows.groupby("stretch")["time"]
    windows = pd.DataFrame({"start": stretches.min(), "end": stretches.max()})
    if len(windows) > 1:  # a single row was still observed for what the clock resolves
        windows.loc[windows["start"] == windows["end"], "end"] += log.resolution
    clock = log.began
    about = {
        "session_type": str(rows["task"].iloc[0]),
        "device": log.device,
        "library_version": log.library_version,
        "date": clock.strftime("%Y-%m-%d"),
        "clock_start": clock.hour + clock.minute / 60 + clock.second / 3600,
    }
    sessions = pd.DataFrame([{"start": 0.0, "end": float(windows["end"].max()), **about}])
    taken, pokes = rows[pellet], rows[~pellet]
    events = pd.DataFrame(
        {
            "time": taken["time"],
            "kind": "pellet",
            "magnitude": 1.0,
            "requirement": taken["requirement"],
            "retrieval": taken["retrieval"],
            "retrieval_timed_out": taken["timed_out"],
        }
    )
    kind = np.where(pokes["active"], "active", "inactive").astype(object)
    no_side = ~pokes["active_side"].isin(SIDES).to_numpy()
    kind[no_side] = pokes["side"].to_numpy(dtype=object)[no_side]
    manner = pokes["manner"].to_numpy(dtype=object)
    presses = pd.DataFrame(
        {
            "time": pokes["time"],
            "kind": [k + (f"_{m}" if m else "") for k, m in zip(kind, manner, strict=True)],
            "side": pokes["side"],
            "requirement": pokes["requirement"],
            "poke_duration": pokes["poke"],
        }
    )
    closed = str(about["session_type"]).lower().startswith(_CLOSED)
    counted = (rows["active"] & (rows["manner"] == "")).to_numpy()
    steps, remarks = [], []
    for run in rows.groupby("run").indices.values():  # a device started anew asks for 1 again
        times, values, odd = requirement_steps(
            rows["time"].to_numpy()[run],
            rows["requirement"].to_numpy()[run],
            pellet[run],
            counted[run],
            progressive=closed,
        )
        steps.append(pd.DataFrame({"time": times, "requirement": values}))
        remarks += [
            f"{log.path.name}, line {rows['line'][i]}: requirement {rows['requirement'][i]:g} "
            "is not what the schedule says; the log was followed"
            for i in run[odd]
        ]
    covariates = pd.concat(steps, ignore_index=True)
    return {
        "sessions": sessions,
        "windows": windows.reset_index(drop=True),
        "events": events,
        "presses": presses,
        "covariates": covariates,
    }, remarks


def requirement_steps(
    time: np.ndarray,
    requirement: np.ndarray,
    pellet: np.ndarray,
    active: np.ndarray,
    *,
    progressive: bool = True,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return when the requirement in force changed, and to what.

    Parameters
    ----------
    time : array, (row,)
        Times of the log's rows [s], not decreasing.
    requirement : array, (row,)
        The FR column: the requirement in force when the row was written [pokes].
    pellet : array of bool, (row,)
        Rows of a pellet taken.
    active : array of bool, (row,)
        Pokes that count towards the requirement.
    progressive : bool
        The resetting progressive ratio; otherwise the log alone is followed.

    Returns
    -------
    times : array, (step,)
        The value holds from here to the next step [s].
    values : array, (step,)
        Requirement [pokes].
    odd : array of int, (row,)
        Rows at which the log departs from the schedule; there the log was followed.
    """
    times, values, odd = [float(time[0])], [float(requirement[0])], []
    last_active = -np.inf if not progressive else float(time[0])

    def step(when: float, value: float) -> None:
        if times[-1] == when:
            values[-1] = value
        elif values[-1] != value:
            times.append(when)
            values.append(value)

    for i, now in enumerate(time.tolist()):
        logged, expected = float(requirement[i]), values[-1]
        due = last_active + RESET_AFTER
        if np.isfinite(logged) and logged != expected:
            if progressive and logged == 1 and now >= due:
                step(max(due, times[-1]), 1.0)
            else:
                step(now, logged)
                if progressive and i:
                    odd.append(i)
        elif progressive and expected > 1 and active[i] and now > due:
            odd.append(i)  # the clock says it should have fallen
        if progressive and pellet[i]:
            # a reset that fell due while the pellet lay in the well happens now
            step(now, 1.0 if now >= due else values[-1] + 1)
        if active[i]:
            last_active = now
    return np.array(times), np.array(values), np.array(odd, dtype=np.intp)
