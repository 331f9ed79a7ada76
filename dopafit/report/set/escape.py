"""Names and texts from a study are hostile until escaped: for Markdown and for LaTeX.

HTML is escaped by the templates themselves (jinja2, autoescape on).
"""

from __future__ import annotations

import re
import unicodedata

__all__ = ["clean", "code", "latex", "markdown", "signs"]

# control characters, and the marks that turn the direction of text and so hide what it says
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\s]+")
_HIDDEN = re.compile(r"[\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")

_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "{''}",
    "`": r"\textasciigrave{}",
    # after the \\ of the row before, a star or a bracket would be read as its option
    "*": "{*}",
    "[": "{[}",
    "\N{MINUS SIGN}": "$-$",
    "\N{MULTIPLICATION SIGN}": r"$\times$",
    "\N{PLUS-MINUS SIGN}": r"$\pm$",
    "\N{EN DASH}": "--",
    "\N{EM DASH}": "---",
    "≤": r"$\le$",
    "≥": r"$\ge$",
    "∞": r"$\infty$",
    "→": r"$\to$",
    "µ": r"$\mu$",
    "†": r"$\dagger$",
    "✕": r"$\times$",
    "…": r"\dots{}",
    "\N{LEFT SINGLE QUOTATION MARK}": "`",
    "\N{RIGHT SINGLE QUOTATION MARK}": "'",
    "\N{LEFT DOUBLE QUOTATION MARK}": "``",
    "\N{RIGHT DOUBLE QUOTATION MARK}": "''",
    **{
        unicodedata.lookup(f"GREEK SMALL LETTER {name.upper()}"): rf"$\{name}$"
        for name in "alpha beta gamma delta epsilon zeta eta theta iota kappa mu nu xi pi rho "
        "sigma tau upsilon phi chi psi omega".split()
    },
    "\N{GREEK SMALL LETTER LAMDA}": r"$\lambda$",
    "\N{GREEK CAPITAL LETTER DELTA}": r"$\Delta$",
}
_POWER = re.compile(r"([⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)")
_PLAIN = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
_MARKDOWN = re.compile(r"([\\`*_{}\[\]#|~$!])")


def clean(text: object) -> str:
    """Return one line without control characters and invisible marks."""
    return _HIDDEN.sub("", _CONTROL.sub(" ", str(text))).strip()


def signs(text: object) -> str:
    """Return text with the signs a typesetter would use for what was typed in ASCII."""
    line = clean(text)
    for typed, sign in (("<=", "≤"), (">=", "≥"), ("+-", "±")):
        line = line.replace(typed, sign)
    return line


def latex(text: object) -> str:
    """Return text that pdflatex prints as it stands, also at the start of a table row.

    A letter that its fonts lack stands as its code point, such as ``U+9F20``.
    """
    pieces = _POWER.split(clean(text))
    return "".join(
        f"$^{{{piece.translate(_PLAIN)}}}$" if i % 2 else "".join(map(_printed, piece))
        for i, piece in enumerate(pieces)
    )


def _printed(letter: str) -> str:
    known = _LATEX.get(letter)
    if known is not None or ord(letter) < 0x100:
        return known or letter
    plain = unicodedata.normalize("NFKD", letter)
    return plain if plain.isascii() and plain.isalnum() else f"U+{ord(letter):04X}"


def markdown(text: object) -> str:
    """Return text that Markdown prints as it stands, also in a table or at the start of a line."""
    line = clean(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    line = _MARKDOWN.sub(r"\\\1", line)
    # what would start a list, a rule or a heading underline
    line = re.sub(r"^([-+=])", r"\\\1", line)
    return re.sub(r"^(\d+)([.)])", r"\1\\\2", line)


def code(text: object) -> str:
    """Return a Markdown code span; its fence is longer than any run of backticks inside."""
    line = clean(text)
    longest = max((len(run) for run in re.findall("`+", line)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if line.startswith("`") or line.endswith("`") or not line else ""
    return f"{fence}{pad}{line}{pad}{fence}"
