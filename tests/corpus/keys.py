"""Malformed studies: files, headers, keys and cells that cannot be read as they stand."""

from __future__ import annotations

from tests.corpus.base import Case, Edit, cell, column, drop, fill, lines, swap, whole

__all__ = ["CASES"]

TABLES = ("subjects.csv", "sessions.csv", "events.csv", "observations.csv", "presses.csv")
NEEDED = {
    "subjects.csv": ("subject",),
    "sessions.csv": ("subject", "session", "start", "end"),
    "events.csv": ("subject", "session", "time"),
    "observations.csv": ("subject", "session", "time"),
    "presses.csv": ("subject", "session", "time"),
}
NUMBERS = {
    "sessions.csv": ("start", "end"),
    "events.csv": ("time", "magnitude"),
    "observations.csv": ("time", "pursue", "latency", "latency_censored"),
    "presses.csv": ("time",),
}


def error(name: str, says: str, *edits: Edit) -> Case:
    return Case(name, "error", says, edits)


def doubt(name: str, says: str, *edits: Edit) -> Case:
    return Case(name, "warning", says, edits)


def fine(name: str, *edits: Edit) -> Case:
    return Case(name, "read", "", edits)


def recode(file: str, encoding: str) -> Edit:
    def edit(folder) -> None:
        path = folder / "study" / file
        path.write_bytes(path.read_text(encoding="utf-8").encode(encoding))

    return edit


def files() -> list[Case]:
    found = []
    for file in TABLES:
        found += [
            error(f"{file} is missing", file, whole(file, None)),
            error(f"{file} is empty", f"{file}.*empty", whole(file, "")),
            error(f"{file} is a picture", file, whole(file, b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")),
            error(f"{file} is UTF-16", "UTF-16", recode(file, "utf-16")),
            error(
                f"{file} has a ragged row",
                rf"{file}.*line 3",
                lines(file, lambda t: [*t[:2], t[2] + ",9,9", *t[3:]]),
            ),
            error(
                f"{file} has a column twice",
                "subject",
                lines(file, lambda t: [t[0] + ",subject", *(r + ",x" for r in t[1:])]),
            ),
            error(
                f"{file} uses semicolons",
                ";",
                lines(file, lambda t: [r.replace(",", ";") for r in t]),
            ),
            fine(f"{file} has a byte order mark", recode(file, "utf-8-sig")),
            fine(
                f"{file} has Windows line ends",
                swap(file, "\n", "\r\n", count=-1),
            ),
            error(
                f"{file} has an unclosed quote",
                file,
                lines(file, lambda t: [*t[:2], '"' + t[2], *t[3:]]),
            ),
        ]
    return found


def headers() -> list[Case]:
    found = []
    for file, names in NEEDED.items():
        for name in names:
            found.append(error(f"{file} lacks {name}", rf"{file}.*{name}", drop(file, name)))
            found.append(
                error(
                    f"{file} has {name} misspelt",
                    f"{name[:-1]}x|{name}",
                    lines(file, lambda t, n=name: [t[0].replace(n, n[:-1] + "x", 1), *t[1:]]),
                )
            )
    return found


def cells() -> list[Case]:
    found = []
    for file, names in NUMBERS.items():
        for name in names:
            place = rf"{file}, line 3, column '{name}'"
            for value in ("1,012.5", "#REF!", "inf"):
                found.append(error(f"{file}: {name} is {value}", place, cell(file, 2, name, value)))
    for file in ("events.csv", "observations.csv", "presses.csv"):
        found += [
            error(f"{file}: time is empty", rf"{file}, line 3", cell(file, 2, "time", "")),
            error(f"{file}: nobody", rf"{file}, line 3", cell(file, 2, "subject", "")),
            error(f"{file}: no session", rf"{file}, line 3", cell(file, 2, "session", "")),
            error(f"{file}: a stranger", "s9", cell(file, 2, "subject", "s9")),
            error(f"{file}: an unknown session", "'c'|c", cell(file, 2, "session", "c")),
        ]
    return found


def kinds_of_numbers() -> list[Case]:
    return [
        error("pursue is a word", "column 'pursue'", cell("observations.csv", 2, "pursue", "yes")),
        error("pursue is 2", "0, 1", cell("observations.csv", 2, "pursue", 2)),
        error("pursue is a half", "0, 1", cell("observations.csv", 2, "pursue", 0.5)),
        error("pursue is -1", "0, 1", fill("observations.csv", "pursue", -1)),
        error("censored is 2", "0, 1", cell("observations.csv", 2, "latency_censored", 2)),
        error("latency is 0", "above 0", cell("observations.csv", 2, "latency", 0)),
        error("latency is negative", "above 0", cell("observations.csv", 2, "latency", -0.4)),
        error("decimal commas", "latency", column("observations.csv", "latency", _comma)),
        error("-999 for missing", "-999", cell("observations.csv", 2, "latency", -999)),
        fine("a missing choice", cell("observations.csv", 2, "pursue", "")),
        fine(
            "a missing latency is NA",
            cell("observations.csv", 2, "latency", "NA"),
            cell("observations.csv", 2, "latency_censored", ""),
        ),
        fine("true and false", column("observations.csv", "pursue", _truth)),
        error("no choice at all", "missing|pursue", fill("observations.csv", "pursue", "")),
        error(
            "no latency at all",
            "missing|latency",
            fill("observations.csv", "latency", ""),
            fill("observations.csv", "latency_censored", ""),
        ),
    ]


def _comma(row: dict[str, str], k: int) -> str:
    return row["latency"].replace(".", ",")


def _truth(row: dict[str, str], k: int) -> str:
    return "true" if row["pursue"] == "1" else "false"


CASES = [*files(), *headers(), *cells(), *kinds_of_numbers()]
