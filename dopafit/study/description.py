"""``study.yaml``: which file plays which role, in which unit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from dopafit.core.errors import suggest
from dopafit.core.limits import RECORD_BYTES
from dopafit.core.reading import ReadingError
from dopafit.core.yaml_text import compose_yaml, parse_yaml
from dopafit.study.canonical import one_form
from dopafit.study.report import Finding
from dopafit.study.tables import STUDY_FILE, TABLES, UNITS
from dopafit.study.tabular import decode, unreadable

__all__ = ["StudyFile", "TableEntry", "read_description"]

Unit = Literal[*UNITS]
Role = Literal[*TABLES]
_EXAMPLE = (
    "write study.yaml like this:  name: my-study / time_unit: s / "
    "tables: {sessions: sessions.csv, events: events.csv, observations: observations.csv}"
)


def _plain_text(value: Any) -> Any:
    # an empty entry is meant as text
    return "" if value is None else one_form(value) if isinstance(value, str) else value


def _choices(value: Any) -> Any:
    """Return one or more words as a list; a pattern or a comparison is no choice."""
    values = value if isinstance(value, list) else [value]
    if not values or not all(isinstance(v, str) and v.strip() for v in values):
        raise _refusal(
            "no word to choose rows by",
            "a word, or a list of words, as the cells hold them",
            "name the words of the rows to take, e.g. where: {trial_type: [cue, reward]}",
        )
    return [one_form(v.strip()) for v in values]


def _replacements(value: Any) -> Any:
    """Return words by the words they replace; nothing stands for a missing cell."""
    if not isinstance(value, dict) or not value:
        raise _refusal("no words to replace", _RECODE, "name each word and what it stands for")
    for word, new in value.items():
        if not isinstance(word, str) or not word.strip():
            raise _refusal(
                "an empty cell cannot be replaced",
                _RECODE,
                "write the value into the file, or leave the cell missing",
            )
        if new is not None and not isinstance(new, str):
            raise _refusal(f"{word!r} is not replaced by one word", _RECODE, "give one word each")
    return {one_form(w.strip()): new if new is None else new.strip() for w, new in value.items()}


def _refusal(wrong: str, allowed: str, todo: str) -> PydanticCustomError:
    return PydanticCustomError(
        "ours", "{wrong}", {"wrong": wrong, "allowed": allowed, "todo": todo}
    )


_RECODE = "words and what they stand for, e.g. recode: {responded: {yes: 1, no: 0, '?': null}}"
Choices = Annotated[tuple[str, ...], BeforeValidator(_choices)]
Replacements = Annotated[dict[str, str | None], BeforeValidator(_replacements)]
Text = Annotated[str, BeforeValidator(_plain_text)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TableEntry(_Strict):
    """One table: its file, which of its rows, the names of its columns, its words and units.

    ``where`` and ``recode`` name columns as the file does. A row is taken when each column of
    ``where`` holds one of its words; ``recode`` replaces whole cells.
    """

    file: str = Field(min_length=1)
    columns: dict[Text, Text] = {}
    where: dict[Text, Choices] = {}
    recode: dict[Text, Replacements] = {}
    escaped: bool = False  # an apostrophe was put before = + - @, as write_study does
    time_unit: Unit | None = None
    units: dict[Text, Unit] = {}


def _entry(value: Any) -> Any:
    return {"file": value} if isinstance(value, str) else value


class StudyFile(_Strict):
    """The content of ``study.yaml``."""

    name: Text = Field(min_length=1)
    simulated: bool = False
    description: Text = ""
    licence: Text = ""
    citation: Text = ""
    time_unit: Unit = "s"
    units: dict[Text, Unit] = {}
    tables: dict[Role, Annotated[TableEntry, BeforeValidator(_entry)]] = Field(min_length=1)


def read_description(folder: Path) -> tuple[StudyFile | None, list[Finding]]:
    """Read ``study.yaml`` of a folder.

    Returns
    -------
    description : StudyFile or None
        None where the file cannot be used.
    findings : list of Finding
    """

    def failure(wrong: str, allowed: str, todo: str, kind: str, row: int | None = None) -> tuple:
        return None, [Finding(STUDY_FILE, row, None, None, wrong, allowed, todo, "error", kind)]

    path = folder / STUDY_FILE
    if folder.exists() and not folder.is_dir():
        return failure(
            f"{folder} is a file, not the folder of a study",
            f"a folder with {STUDY_FILE}",
            f"name the folder that holds {STUDY_FILE}",
            "no-file",
        )
    if not path.exists():
        where = f"has no {STUDY_FILE}" if folder.is_dir() else "does not exist"
        return failure(
            f"the folder {folder} {where}", f"a folder with {STUDY_FILE}", _EXAMPLE, "no-file"
        )
    text, findings = decode(path, STUDY_FILE, RECORD_BYTES)
    if text is None:
        return None, findings
    try:
        tree, content = compose_yaml(text), parse_yaml(text, words=True)
    except ReadingError as error:
        return None, [unreadable(STUDY_FILE, error)]
    if not isinstance(content, dict):
        return failure(
            f"the file holds a {type(content).__name__}", "keys and values", _EXAMPLE, "yaml"
        )
    try:
        described = StudyFile.model_validate(content)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=True)
        findings += [_finding(p, tree) for p in problems]
    return (None if findings else described), findings


def _finding(problem: dict[str, Any], tree: yaml.Node) -> Finding:
    """Return one pydantic error in our three parts."""
    loc = [str(p) for p in problem["loc"] if p != "[key]"]
    where = ".".join(loc) or STUDY_FILE
    last, kind, given = loc[-1] if loc else "", problem["type"], problem["input"]
    value = str(given) if isinstance(given, str | int | float | bool) else None
    todo = f"correct {where}"
    if kind == "ours":
        context = problem["ctx"]
        wrong = f"{where}: {context['wrong']}"
        allowed, todo = context["allowed"], context["todo"]
    elif kind == "missing":
        wrong, allowed = f"{where} is missing", f"{where}: ..."
        todo = _EXAMPLE if len(loc) == 1 else f"add {last} under {'.'.join(loc[:-1])}"
    elif kind == "extra_forbidden":
        model = TableEntry if len(loc) > 1 else StudyFile
        known = list(model.model_fields)
        wrong, allowed = f"{where} is not a known entry", ", ".join(known)
        todo = suggest(last, known) or f"take {where} out"
        value = None
    elif kind == "literal_error":
        role = len(loc) == 2 and loc[0] == "tables"
        known = TABLES if role else tuple(UNITS)
        wrong = f"{last!r} is not a role of a table" if role else f"{where}: unknown unit"
        allowed = ", ".join(known)
        todo = suggest(str(given), known) or todo
    elif kind in ("model_type", "dict_type", "model_attributes_type"):
        wrong = f"{where} is not a group of entries"
        allowed = "a file name, or file: with columns:, where:, recode:, time_unit:, units:"
        if len(loc) == 3 and last in ("columns", "where", "recode", "units"):
            allowed, todo = _SECTIONS[last], f"write {last}: as such a group"
        elif last != "tables" and len(loc) == 1:
            allowed = "indented lines 'key: value'"
    elif kind.startswith("bool"):
        wrong, allowed = f"{where} is not yes or no", "true, false"
    elif kind == "too_short":
        wrong, allowed = f"{where} is empty", "at least the table 'sessions'"
    elif kind == "string_too_short":
        wrong, allowed = f"{where} is empty", "some text"
    else:
        wrong, allowed = f"{where}: {problem['msg']}", "text"
    return Finding(
        STUDY_FILE, _line(tree, loc), where, value, wrong, allowed, todo, "error", "yaml"
    )


_SECTIONS = {
    "columns": "our names and the file's, e.g. columns: {time: onset}",
    "where": "columns and words, e.g. where: {trial_type: [cue, reward]}; no expressions",
    "recode": _RECODE,
    "units": "columns and units, e.g. units: {latency: ms}",
}


def _line(node: yaml.Node, loc: list[str]) -> int | None:
    """Return the line of the deepest entry on the way that exists."""
    line = None
    for part in loc:
        if not isinstance(node, yaml.MappingNode):
            break
        for key, value in node.value:
            if str(getattr(key, "value", "")) == part:
                line, node = key.start_mark.line + 1, value
                break
        else:
            break
    return line
