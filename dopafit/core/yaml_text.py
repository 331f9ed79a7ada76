"""YAML as it is meant: no objects, no doubled keys, no guessing, and an end to what it unfolds.

PyYAML follows YAML 1.1, in which ``no`` is false, ``12:30`` is 750, ``010`` is 8 and ``1e-3`` is
text. Here true, false, null and numbers are what YAML 1.2 says, and all else is text.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

import yaml
from yaml.constructor import ConstructorError

from dopafit.core.limits import YAML_CHARACTERS, YAML_DEPTH, YAML_NODES, YAML_NUMBER
from dopafit.core.reading import ReadingError

__all__ = ["compose_yaml", "dump_yaml", "parse_yaml"]

_TEXT, _NULL = "tag:yaml.org,2002:str", "tag:yaml.org,2002:null"
_MERGE = "tag:yaml.org,2002:merge"
_BOOL, _INT = "tag:yaml.org,2002:bool", "tag:yaml.org,2002:int"
_FLOAT = "tag:yaml.org,2002:float"


class _Words(yaml.SafeLoader):
    """Every plain value is the text it is written as; only null is nothing."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - as PyYAML names it
    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()
        tag = getattr(event, "tag", None)
        if tag not in (None, "!", _TEXT):
            raise ConstructorError(
                problem=f"the tag {tag!r} is not used here", problem_mark=event.start_mark
            )
        self.depth += 1
        if self.depth > YAML_DEPTH:
            raise _Beyond(
                f"lists or groups within each other more than {YAML_DEPTH} deep",
                f"at most {YAML_DEPTH} levels",
                event.start_mark,
            )
        node = super().compose_node(parent, index)
        self.depth -= 1
        if isinstance(node, yaml.ScalarNode):  # as names in tables are
            node.value = unicodedata.normalize("NFC", node.value)
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != _MERGE:
                if key.value in seen:
                    raise ConstructorError(
                        problem=f"the key {key.value!r} is given twice", problem_mark=key.start_mark
                    )
                seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


class _Values(_Words):
    """Plain values are numbers, true, false or null where YAML 1.2 says so."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - as PyYAML names it


class _Beyond(Exception):
    def __init__(self, wrong: str, allowed: str, mark: yaml.Mark | None) -> None:
        self.wrong, self.allowed, self.mark = wrong, allowed, mark
        super().__init__(wrong)


_DIGITS = f"[0-9]{{0,{YAML_NUMBER}}}"
_WHOLE = f"(0|[1-9]{_DIGITS})"  # a number with leading zeros is a name such as 007
for _loader in (_Words, _Values):
    _loader.add_implicit_resolver(_NULL, re.compile(r"(~|null|Null|NULL|)\Z"), ["~", "n", "N", ""])
    _loader.add_implicit_resolver(_MERGE, re.compile(r"<<\Z"), ["<"])
for _tag, _written, _first in (
    (_BOOL, r"(true|True|TRUE|false|False|FALSE)\Z", "tTfF"),
    (_INT, rf"[-+]?{_WHOLE}\Z", "-+0123456789"),
    (
        _FLOAT,
        rf"[-+]?(\.[0-9]{_DIGITS}|{_WHOLE}(\.{_DIGITS})?)([eE][-+]?[0-9]{{1,4}})?\Z",
        "-+.0123456789",
    ),
    (_FLOAT, r"([-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN))\Z", "-+."),
):
    _Values.add_implicit_resolver(_tag, re.compile(_written), list(_first))


class _Dumper(yaml.SafeDumper):
    """Quotes what would be no text here, beside what PyYAML would not read as text."""


def _text(dumper: _Dumper, text: str) -> yaml.Node:
    """Escape the line breaks that YAML would fold into a space."""
    quoted = any(mark in text for mark in "\x85\u2028\u2029")
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"' if quoted else None)


_Dumper.add_representer(str, _text)

for _first_letter, _resolvers in _Values.yaml_implicit_resolvers.items():
    for _tag, _pattern in _resolvers:
        _Dumper.add_implicit_resolver(_tag, _pattern, [_first_letter])


def dump_yaml(content: dict[str, Any]) -> str:
    r"""Return plain values as YAML that `parse_yaml` and other readers take for the same.

    Examples
    --------
    >>> dump_yaml({"level": "1e3"})
    "level: '1e3'\n"
    """
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


def compose_yaml(text: str) -> yaml.Node | None:
    """Return the nodes of a YAML text with their lines; their plain values are not interpreted.

    Raises
    ------
    ReadingError
        As `parse_yaml`.
    """
    return _read(text, _Words, construct=False)


def parse_yaml(text: str, *, words: bool = False) -> Any:
    """Return what a YAML text holds: dicts, lists, text, numbers, true, false and None.

    Parameters
    ----------
    text : str
    words : bool
        Numbers, true and false stay text, as they are written; null is still None.

    Raises
    ------
    ReadingError
        Not YAML, a key given twice, or beyond the limits of `dopafit.core.limits`.

    Examples
    --------
    >>> parse_yaml("{yes: 1, no: 0}")
    {'yes': 1, 'no': 0}
    >>> parse_yaml("{yes: 1, no: 0}", words=True)
    {'yes': '1', 'no': '0'}
    """
    return _read(text, _Words if words else _Values, construct=True)


def _read(text: str, kind: type[_Words], *, construct: bool) -> Any:
    if len(text) > YAML_CHARACTERS:
        raise ReadingError(
            f"has {len(text)} characters",
            allowed=f"at most {YAML_CHARACTERS} characters of YAML",
            todo="keep data in tables",
            kind="limit",
        )
    try:
        loader = kind(text)
        try:
            node = loader.get_single_node()
            _count(node)
            if not construct:
                return node
            return None if node is None else loader.construct_document(node)
        finally:
            loader.dispose()
    except _Beyond as beyond:
        raise ReadingError(
            f"holds {beyond.wrong}",
            allowed=beyond.allowed,
            todo="write the values out, or keep them in a table",
            kind="limit",
            line=beyond.mark.line + 1 if beyond.mark else None,
        ) from None
    except Exception as error:  # hostile text makes PyYAML raise nearly anything
        mark = getattr(error, "problem_mark", None)
        said = getattr(error, "problem", None) or str(error) or type(error).__name__
        raise ReadingError(
            f"is not valid YAML: {said.splitlines()[0][:200]}",
            allowed="YAML: 'key: value' lines, indented with spaces",
            todo="correct the line; put text that contains ': ' or '#' in quotes",
            kind="yaml",
            line=mark.line + 1 if mark else None,
            column=mark.column + 1 if mark else None,
        ) from None


def _count(root: yaml.Node | None) -> None:
    """Refuse a tree that holds itself, or whose aliases unfold to very many values."""
    sizes: dict[int, int] = {}  # 0 while a node is being counted

    def size(node: yaml.Node | None) -> int:
        if not isinstance(node, yaml.CollectionNode):
            return 1
        if id(node) in sizes:
            if not sizes[id(node)]:
                raise _Beyond("a value that holds itself", "plain values", node.start_mark)
            return sizes[id(node)]
        sizes[id(node)] = 0
        total = 1
        for entry in node.value:
            for part in entry if isinstance(entry, tuple) else (entry,):
                total += size(part)
        if total > YAML_NODES:
            raise _Beyond(
                f"more than {YAML_NODES} values, aliases (*name) unfolded",
                f"at most {YAML_NODES} values",
                node.start_mark,
            )
        sizes[id(node)] = total
        return total

    size(root)
