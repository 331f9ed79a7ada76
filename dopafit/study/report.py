"""What a check of a study found: every finding, readable and as a table."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Literal

import pandas as pd

from dopafit.core.errors import StudyError
from dopafit.core.shown import Shown

if TYPE_CHECKING:
    from dopafit.study.contents import Contents

__all__ = ["Finding", "Report"]

_SHOWN = 3  # findings of one kind in the text; the object holds all
_LONGEST = 80  # characters of a value in the text


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, or worth knowing, at one place.

    Parameters
    ----------
    file : str
        File name, or the table's name for a study in memory.
    row : int or None
        Line of the file as an editor shows it, the header being line 1; the row counted from 1
        in Parquet; the row position counted from 0 for a study in memory.
    column : str or None
        Column name.
    value : str or None
        The cell as it stands in the file.
    wrong, allowed, todo : str
        What is wrong, what would be accepted, what to do next.
    severity : {"error", "warning", "note"}
        An error keeps the study from being used; a note says what was read.
    kind : str
        Short code of the check, for counting.
    row_label : str
        What `row` counts: ``"line"`` or ``"row"``.
    """

    file: str
    row: int | None
    column: str | None
    value: str | None
    wrong: str
    allowed: str
    todo: str
    severity: Literal["error", "warning", "note"] = "error"
    kind: str = ""
    row_label: str = "line"

    @property
    def place(self) -> str:
        """Return file, line and column as a reader would say them."""
        parts = [self.file]
        if self.row is not None:
            parts.append(f"{self.row_label} {self.row}")
        if self.column is not None:
            parts.append(f"column {self.column!r}")
        return ", ".join(parts)

    def line(self) -> str:
        """Return the finding on one line, without what to do."""
        value = "" if self.value is None else f" (value {_short(self.value)!r})"
        return f"{self.place}: {self.wrong}{value}"

    def __str__(self) -> str:
        return _advice([f"{self.severity}: {self.line()}"], self)


@dataclass(frozen=True, repr=False)
class Report(Shown):
    """The findings of one check, in the order they were made.

    Parameters
    ----------
    what : str
        What was checked.
    findings : tuple of Finding
        All of them; only the text is shortened.
    contents : Contents or None
        What was read, as far as it could be; None where nothing could.
    """

    what: str
    findings: tuple[Finding, ...] = ()
    contents: Contents | None = None

    @property
    def errors(self) -> tuple[Finding, ...]:
        """Return the findings that keep the study from being used."""
        return tuple(f for f in self.findings if f.severity == "error")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """Return the findings worth knowing."""
        return tuple(f for f in self.findings if f.severity == "warning")

    @property
    def notes(self) -> tuple[Finding, ...]:
        """Return what was read, where it is not plain from the files."""
        return tuple(f for f in self.findings if f.severity == "note")

    @property
    def warning_lines(self) -> list[str]:
        """Return one line per kind of warning and column, for places that are short."""
        lines = []
        for group in _groups(self.warnings):
            more = f" (and {len(group) - 1} more like this)" if len(group) > 1 else ""
            lines.append(group[0].line() + more)
        return lines

    @property
    def ok(self) -> bool:
        """Tell whether the study can be used."""
        return not self.errors

    @property
    def table(self) -> pd.DataFrame:
        """Return one row per finding."""
        names = [f.name for f in fields(Finding)]
        rows = [tuple(getattr(f, n) for n in names) for f in self.findings]
        return pd.DataFrame(rows, columns=names)

    def raise_errors(self) -> None:
        """Raise a `StudyError` that lists the errors, if there are any.

        Raises
        ------
        StudyError
            The study has errors.
        """
        if not self.errors:
            return
        count = f"{len(self.errors)} error" + ("s" if len(self.errors) > 1 else "")
        raise StudyError(
            f"{self.what} cannot be used: {count}\n" + "\n".join(_blocks(self.errors)),
            allowed="a study without errors",
            todo="correct the cells named above and read the study again",
        )

    def __str__(self) -> str:
        head = f"{self.what}: no errors, no warnings"
        if self.errors or self.warnings:
            head = f"{self.what}: {len(self.errors)} errors, {len(self.warnings)} warnings"
        read = [] if self.contents is None else [str(self.contents)]
        read += [f"  {f.severity}: {f.line()}" for f in self.notes]
        return "\n".join([head, *read, *_blocks(self.errors), *_blocks(self.warnings)])

    __repr__ = __str__


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def _advice(lines: list[str], finding: Finding) -> str:
    if finding.allowed:
        lines.append(f"    allowed: {finding.allowed}")
    if finding.todo:
        lines.append(f"    to do:   {finding.todo}")
    return "\n".join(lines)


def _groups(findings: Iterable[Finding]) -> list[list[Finding]]:
    """Return the findings by (severity, file, column, kind)."""
    groups: dict[tuple, list[Finding]] = {}
    for finding in findings:
        key = (finding.severity, finding.file, finding.column, finding.kind)
        if finding.kind == "not-a-number":
            key = (*key, finding.wrong)  # commas and dates are mended in different ways
        groups.setdefault(key, []).append(finding)
    return list(groups.values())


def _blocks(findings: Iterable[Finding]) -> list[str]:
    """Return one text block per group of findings, the first few of each."""
    blocks = []
    for group in _groups(findings):
        lines = [f"  {f.severity}: {f.line()}" for f in group[:_SHOWN]]
        if len(group) > _SHOWN:
            lines.append(f"    ... and {len(group) - _SHOWN} more like this")
        blocks.append(_advice(lines, group[0]))
    return blocks
