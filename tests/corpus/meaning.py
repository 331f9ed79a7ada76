"""Malformed studies: every cell can be read, and what they say together cannot be meant."""

from __future__ import annotations

from tests.corpus.base import cell, column, drop, fill, lines, swap, whole
from tests.corpus.keys import doubt, error, fine

__all__ = ["CASES"]

EPOCH = 1_700_000_000


def later(file: str, name: str, by: float):
    return column(file, name, lambda row, k: float(row[name]) + by)


def times(file: str, name: str, by: float):
    return column(file, name, lambda row, k: float(row[name]) * by)


def one(value: str, other: str):
    return lambda row, k: other if k % 5 == 1 else value


CLOCKS = [
    error("events on the Unix clock", "session", later("events.csv", "time", EPOCH)),
    error("observations on the Unix clock", "session", later("observations.csv", "time", EPOCH)),
    error("presses on the Unix clock", "session", later("presses.csv", "time", EPOCH)),
    error("events in ms", "session|outside", times("events.csv", "time", 1000)),
    error("observations in ms", "session|outside", times("observations.csv", "time", 1000)),
    error("sessions in minutes", "session|outside", times("sessions.csv", "end", 1 / 60)),
    error("a session ends before it starts", "end", cell("sessions.csv", 1, "end", -5)),
    error("a session has no length", "end", cell("sessions.csv", 1, "end", 0)),
    error("a session twice", "line 8|line 2", lines("sessions.csv", lambda t: [*t, t[1]])),
    error("no sessions", "no rows", lines("sessions.csv", lambda t: t[:1])),
    doubt("no events", "no rows|no events", lines("events.csv", lambda t: [*t[:9]])),
    doubt("one event after the end", "after the end", cell("events.csv", 2, "time", 900)),
    error("one press outside", "outside|session", cell("presses.csv", 2, "time", 900)),
    error("one trial outside", "outside|session", cell("observations.csv", 2, "time", 900)),
    fine("an event before the session", cell("events.csv", 2, "time", -3)),
    doubt(
        "everybody at the same times",
        "same|timetable",
        column("events.csv", "time", lambda row, k: 5 + 20 * (k % 8)),
    ),
    doubt("an event twice", "twice|repeat|same", lines("events.csv", lambda t: [*t, t[3]])),
    doubt("a press twice", "twice|repeat|same", lines("presses.csv", lambda t: [*t, t[3]])),
    doubt(
        "two outcomes at one time",
        "same time",
        lines("observations.csv", lambda t: [*t, ",".join([*t[3].split(",")[:4], "0.9,0"])]),
    ),
]

SIZES = [
    error("all magnitudes 0", "magnitude", fill("events.csv", "magnitude", 0)),
    fine("a magnitude of 0", cell("events.csv", 2, "magnitude", 0)),
    doubt("negative magnitudes", "magnitude", fill("events.csv", "magnitude", -1)),
    doubt("one negative magnitude", "magnitude", cell("events.csv", 3, "magnitude", -2)),
    error("a magnitude is missing", "magnitude", cell("events.csv", 2, "magnitude", "")),
    doubt("latency in ms", "latenc", times("observations.csv", "latency", 1000)),
    doubt(
        "latency of one subject in ms",
        "latenc",
        column(
            "observations.csv",
            "latency",
            lambda row, k: float(row["latency"]) * (1000 if row["subject"] == "s2" else 1),
        ),
    ),
    doubt(
        "latency in two units",
        "latenc",
        column(
            "observations.csv",
            "latency",
            lambda row, k: float(row["latency"]) * (1000 if k % 2 else 1),
        ),
    ),
    doubt(
        "waits pile up unmarked",
        "pile|longest",
        drop("observations.csv", "latency_censored"),
        column("observations.csv", "latency", lambda row, k: 5 if k % 3 == 0 else row["latency"]),
    ),
    fine(
        "waits marked",
        column("observations.csv", "latency_censored", lambda row, k: int(k % 3 == 0)),
        column("observations.csv", "latency", lambda row, k: 5 if k % 3 == 0 else row["latency"]),
    ),
    fine("nothing is censored", drop("observations.csv", "latency_censored")),
    doubt("everybody pursues", "always", fill("observations.csv", "pursue", 1)),
    doubt("nobody pursues", "always", fill("observations.csv", "pursue", 0)),
    doubt(
        "one subject always pursues",
        "always|s2",
        column(
            "observations.csv",
            "pursue",
            lambda row, k: 1 if row["subject"] == "s2" else row["pursue"],
        ),
    ),
    error(
        "censored without a wait",
        "latency",
        cell("observations.csv", 2, "latency_censored", 1),
        cell("observations.csv", 2, "latency", ""),
    ),
    error(
        "a wait of unknown censoring",
        "latency_censored",
        cell("observations.csv", 2, "latency_censored", ""),
    ),
    doubt("latencies past the next trial", "latenc|next", fill("observations.csv", "latency", 90)),
]

NAMES = [
    doubt("Placebo beside placebo", "[Pp]lacebo", cell("sessions.csv", 3, "drug", "Placebo")),
    doubt(
        "S1 beside s1",
        "[Ss]1",
        lines("sessions.csv", lambda t: [*t, "S1,a,0,200,placebo"]),
        lines("subjects.csv", lambda t: [*t, "S1,f,30"]),
    ),
    doubt("Cue beside cue", "[Cc]ue", cell("events.csv", 3, "kind", "Cue")),
    doubt("Press beside press", "[Pp]ress", cell("presses.csv", 3, "kind", "Press")),
    fine("a space behind a name", cell("sessions.csv", 3, "drug", "placebo ")),
    fine(
        "one accent written two ways",
        cell("subjects.csv", 1, "subject", "Zoe\u0308"),
        swap("sessions.csv", "s1,", "Zo\u00eb,", count=-1),
        swap("events.csv", "s1,", "Zo\u00eb,", count=-1),
        swap("observations.csv", "s1,", "Zo\u00eb,", count=-1),
        swap("presses.csv", "s1,", "Zo\u00eb,", count=-1),
    ),
    error(
        "a covariate in two tables",
        "drug",
        column("subjects.csv", "drug", lambda row, k: "placebo"),
    ),
    error("a subject twice", "repeats line", lines("subjects.csv", lambda t: [*t, t[1]])),
    doubt("a subject without sessions", "s9", lines("subjects.csv", lambda t: [*t, "s9,f,20"])),
    error(
        "a session's subject is no subject",
        "s9",
        lines("sessions.csv", lambda t: [*t, "s9,a,0,200,placebo"]),
    ),
    doubt(
        "a session without events",
        "no events",
        lines("sessions.csv", lambda t: [*t, "s1,c,0,200,placebo"]),
    ),
    doubt(
        "a subject with one trial",
        "single",
        lines(
            "observations.csv",
            lambda t: [r for k, r in enumerate(t) if not r.startswith("s2") or r == t[26]],
        ),
    ),
    error("no such drug here", "drug", drop("sessions.csv", "drug")),
    error("every drug is missing", "drug", fill("sessions.csv", "drug", "")),
    error("a drug is missing", "drug", cell("sessions.csv", 2, "drug", "")),
    error("one drug for all", "drug", fill("sessions.csv", "drug", "placebo")),
    error("no such press", "lever|press", fill("presses.csv", "kind", "lever")),
    error("no choice column", "pursue", drop("observations.csv", "pursue")),
    error("no latency column", "latency", drop("observations.csv", "latency")),
]

DESCRIPTION = [
    error("no study.yaml", "study.yaml", whole("study.yaml", None)),
    error("an empty study.yaml", "study.yaml", whole("study.yaml", "")),
    error("a list for a study.yaml", "study.yaml", whole("study.yaml", "- a\n- b\n")),
    error("a tab in study.yaml", "study.yaml", whole("study.yaml", "name: x\n\ttables: 1\n")),
    error("an unknown key", "tabels", swap("study.yaml", "tables:", "tabels:")),
    error("an unknown table", "observation", swap("study.yaml", "observations:", "observation:")),
    error(
        "an unknown unit",
        "fortnight|time_unit",
        swap("study.yaml", "time_unit: s", "time_unit: fortnight"),
    ),
    error("no tables", "tables", whole("study.yaml", "name: x\ntime_unit: s\n")),
    error("tables is a word", "tables", whole("study.yaml", "name: x\ntables: all\n")),
    error(
        "a table out of the folder",
        "folder|outside",
        swap("study.yaml", "presses.csv", "../presses.csv"),
    ),
    error("an absolute path", "folder|outside", swap("study.yaml", "presses.csv", "/etc/hostname")),
    error(
        "a table that is a folder",
        "presses.csv|folder",
        lambda folder: (
            (folder / "study" / "presses.csv").unlink(),
            (folder / "study" / "presses.csv").mkdir(),
        )[0],
    ),
    error(
        "a spreadsheet",
        "xlsx|spreadsheet|CSV",
        swap("study.yaml", "presses.csv", "presses.xlsx"),
        lambda folder: (folder / "study" / "presses.xlsx").write_bytes(b"PK\x03\x04" + b"\0" * 60),
    ),
    error(
        "an unknown ending",
        "presses.dat|ending",
        swap("study.yaml", "presses.csv", "presses.dat"),
        lambda folder: (folder / "study" / "presses.csv").rename(folder / "study/presses.dat"),
    ),
    error(
        "a column renamed to nothing",
        "onset",
        swap(
            "study.yaml",
            "presses: presses.csv",
            "presses: {file: presses.csv, columns: {time: onset}}",
        ),
    ),
    error(
        "an unknown role's column",
        "colums",
        swap(
            "study.yaml",
            "presses: presses.csv",
            "presses: {file: presses.csv, colums: {time: time}}",
        ),
    ),
    error(
        "where names no column",
        "trial_type",
        swap(
            "study.yaml",
            "presses: presses.csv",
            "presses: {file: presses.csv, where: {trial_type: press}}",
        ),
    ),
    error(
        "where names no value",
        "lever",
        swap(
            "study.yaml",
            "presses: presses.csv",
            "presses: {file: presses.csv, where: {kind: lever}}",
        ),
    ),
    error(
        "recode names no column",
        "respnded",
        swap(
            "study.yaml",
            "observations: observations.csv",
            "observations: {file: observations.csv, recode: {respnded: {yes: 1}}}",
        ),
    ),
    error(
        "an object in YAML",
        "YAML|tag",
        swap("study.yaml", "name: corpus", "name: !!python/object/apply:os.getcwd []"),
    ),
    error(
        "an explosion of aliases",
        "alias|YAML",
        whole(
            "study.yaml",
            "a: &a [x, x]\n"
            + "".join(
                f"{b}: &{b} [*{a}, *{a}, *{a}, *{a}, *{a}, *{a}, *{a}, *{a}, *{a}]\n"
                for a, b in zip("abcdefgh", "bcdefghi", strict=True)
            ),
        ),
    ),
    error("a bottomless YAML", "levels", whole("study.yaml", "[" * 5000)),
    error("a key twice", "twice", swap("study.yaml", "name: corpus", "name: corpus\nname: b")),
    error("not UTF-8", "UTF-8", whole("study.yaml", b"name: caf\xe9\n")),
    error(
        "simulated is a word",
        "simulated",
        swap("study.yaml", "name: corpus", "name: corpus\nsimulated: perhaps"),
    ),
]

CASES = [*CLOCKS, *SIZES, *NAMES, *DESCRIPTION]
