"""Read the words of a PDF that matplotlib wrote with TrueType fonts."""

from __future__ import annotations

import re
import zlib
from pathlib import Path

STREAM = re.compile(rb"stream\r?\n(.*?)\r?\nendstream", re.S)
PIECE = re.compile(rb"\(((?:\\.|[^\\)])*)\)", re.S)
SHOWN = re.compile(rb"\[((?:\((?:\\.|[^\\)])*\)|[^\](])*)\]\s*TJ", re.S)
ESCAPE = re.compile(rb"\\([0-7]{1,3}|.)", re.S)
NAMED = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}


def pdf_text(path: Path) -> str:
    """Return every text of the page, one a line, in the order of drawing."""
    lines = []
    for body in STREAM.findall(path.read_bytes()):
        try:
            content = zlib.decompress(body)
        except zlib.error:  # an image in a coding of its own
            continue
        for shown in SHOWN.findall(content):
            raw = ESCAPE.sub(_escaped, b"".join(PIECE.findall(shown)))
            lines.append(raw.decode("utf-16-be", "replace"))
    return "\n".join(lines)


def _escaped(found: re.Match[bytes]) -> bytes:
    code = found[1]
    return bytes([int(code, 8)]) if code.isdigit() else NAMED.get(code, code)
