"""Text that is written once and shown on the page and in Markdown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dopafit.report.set.escape import clean, code, markdown, signs

__all__ = ["Block", "Line", "Span", "name", "say", "sentence", "series", "to_markdown"]


@dataclass(frozen=True)
class Span:
    """A piece of a line: plain text, a name as it is typed, or mathematics.

    Parameters
    ----------
    text : str
        Unescaped.
    kind : {"text", "code", "strong", "math"}
    """

    text: str
    kind: str = "text"


Line = tuple[Span, ...]
"""One line of text."""


@dataclass(frozen=True)
class Block:
    """A heading, a paragraph, a list or an equation.

    Parameters
    ----------
    kind : {"heading", "paragraph", "bullets", "equation"}
    lines : tuple of tuple of Span
        One line; a list has one per point.
    """

    kind: str
    lines: tuple[tuple[Span, ...], ...]


def name(text: object) -> Span:
    """Return a name as it is typed."""
    return Span(clean(text), "code")


def say(*parts: str | Span | Iterable[Span]) -> tuple[Span, ...]:
    """Return one line from texts and spans; empty texts are left out."""
    spans: list[Span] = []
    for part in parts:
        if isinstance(part, Span):
            spans.append(part)
        elif isinstance(part, str):
            spans += [Span(part)] if part else []
        else:
            spans += list(part)
    return tuple(spans)


def sentence(text: object) -> str:
    """Return a note as a sentence: a full stop at its end, and the signs of a typesetter.

    Its first letter is raised only if it is no name, which a colon would follow.
    """
    line = signs(text).rstrip(".") + "."
    first = line.split(" ", 1)[0]
    named = first.endswith(":") or "_" in first or "." in first.rstrip(".,")
    return line if named else line[:1].upper() + line[1:]


def series(parts: Iterable[str | Span], last: str = "and", gap: str = ", ") -> tuple[Span, ...]:
    """Return ``a, b and c``; a wider gap keeps apart parts that hold commas."""
    items = [part if isinstance(part, Span) else Span(part) for part in parts]
    spans: list[Span] = []
    for i, item in enumerate(items):
        if i:
            end = f" {last} " if gap == ", " else f"{gap}{last} "
            spans.append(Span(end if i == len(items) - 1 else gap))
        spans.append(item)
    return tuple(spans)


def to_markdown(blocks: Iterable[Block]) -> str:
    """Return blocks as Markdown, every text escaped."""
    parts = []
    for block in blocks:
        lines = [_line(line) for line in block.lines]
        if block.kind == "heading":
            parts.append(f"## {lines[0]}")
        elif block.kind == "bullets":
            parts.append("\n".join(f"- {line}" for line in lines))
        elif block.kind == "equation":
            parts.append("\n\n".join(f"$$\n{_inline(line[0].text)}\n$$" for line in block.lines))
        else:
            parts.append("\n\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _inline(source: str) -> str:
    # a space after "<" is nothing to LaTeX, and no tag to a reader of Markdown; a dollar sign or
    # a blank line would end the equation
    return clean(source).replace("$", "").replace("`", "").replace("<", "< ")


def _line(spans: tuple[Span, ...]) -> str:
    pieces = []
    for i, span in enumerate(spans):
        if span.kind == "code":
            pieces.append(code(span.text))
            continue
        if span.kind == "math":
            pieces.append(f"${_inline(span.text)}$")
            continue
        # escaping trims; the spaces between spans are the line's own
        body = markdown(span.text)
        if i and body.startswith(("\\-", "\\+", "\\=")):
            body = body[1:]
        text = f"{' ' * span.text.startswith(' ')}{body}{' ' * span.text.endswith(' ')}"
        if span.kind == "strong" and body:
            text = text.replace(body, f"**{body}**", 1)
        pieces.append(text if body else " ")
    return "".join(pieces).strip()
