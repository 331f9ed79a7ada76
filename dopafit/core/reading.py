"""Read a file only if it is one, is not too large, and is text where text is wanted."""

from __future__ import annotations

import errno
from pathlib import Path

from dopafit.core.errors import DopafitError
from dopafit.core.files import read_regular

__all__ = ["ReadingError", "read_file", "read_text", "to_text"]

# what the first bytes of files say that are often given a wrong suffix
_SIGNATURES = (
    (b"PK\x03\x04", "a zip archive or an Excel workbook (.xlsx)"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook (.xls)"),
    (b"\x1f\x8b", "compressed with gzip"),
    (b"PAR1", "a Parquet file"),
    (b"\x89HDF", "an HDF5 file"),
    (b"%PDF", "a PDF"),
)
_UTF8 = "save the file again as text in UTF-8 (in a spreadsheet: 'CSV UTF-8')"


class ReadingError(DopafitError):
    """A file that cannot be read; `wrong` goes on from the file's name.

    Parameters
    ----------
    wrong, allowed, todo : str
        As for `DopafitError`.
    kind : str
        ``"no-file"``, ``"encoding"``, ``"empty-file"``, ``"limit"`` or ``"yaml"``.
    line, column : int, optional
        Where in the file, counted from 1.
    """

    def __init__(
        self,
        wrong: str,
        *,
        allowed: str,
        todo: str,
        kind: str,
        line: int | None = None,
        column: int | None = None,
    ) -> None:
        self.kind, self.line, self.column = kind, line, column
        super().__init__(wrong, allowed=allowed, todo=todo)

    @property
    def place(self) -> str:
        """Return ``", line 3, column 7"`` as far as it is known."""
        parts = (("line", self.line), ("column", self.column))
        return "".join(f", {word} {number}" for word, number in parts if number is not None)


def read_file(path: Path, limit: int) -> bytes:
    """Return a file's bytes.

    A pipe or a device is refused before it is opened: reading one may never end.

    Raises
    ------
    ReadingError
        There is no such file, it is not an ordinary file, or it is larger than `limit`.
    """
    try:
        return read_regular(path, limit=limit)
    except FileNotFoundError:
        raise ReadingError(
            "does not exist",
            allowed="an existing file",
            todo="check the path and its spelling",
            kind="no-file",
        ) from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        said = str(getattr(error, "strerror", None) or error)
        number = getattr(error, "errno", None)
    if number == errno.EFBIG:
        size = f"{limit / 2**20:g} MiB" if limit >= 2**20 else f"{limit} bytes"
        raise ReadingError(
            f"is larger than {size}",
            allowed=f"at most {size}",
            todo="split the file, or take out what is not needed",
            kind="limit",
        )
    raise ReadingError(
        said.removeprefix("it ") if said.startswith("it is ") else f"cannot be read ({said})",
        allowed="an ordinary file that may be read",
        todo="give the path of a file; check its name and its permissions",
        kind="no-file",
    )


def to_text(raw: bytes) -> str:
    """Return bytes as text.

    Parameters
    ----------
    raw : bytes
        UTF-8, with or without a byte order mark.

    Raises
    ------
    ReadingError
        The bytes are in another encoding, or no text at all; the message says which.
    """
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ReadingError(
            "is in UTF-16 ('Unicode text' of a spreadsheet)",
            allowed="text in UTF-8",
            todo=_UTF8,
            kind="encoding",
        )
    for signature, what in _SIGNATURES:
        if raw.startswith(signature):
            raise ReadingError(
                f"is no text but {what}",
                allowed="text in UTF-8",
                todo="save it as text, or give it the suffix of what it is",
                kind="encoding",
            )
    nul = raw.find(b"\0")
    if nul >= 0:
        ends = sorted(raw[i:400:2].count(0) for i in (0, 1))  # of two bytes a letter, one is 0
        wide = len(raw) > 3 and ends[0] * 4 < ends[1] and ends[1] * 4 > len(raw[:400])
        raise ReadingError(
            "is in UTF-16 without a byte order mark"
            if wide
            else "holds a NUL byte, which no text has",
            allowed="text in UTF-8",
            todo=_UTF8 if wide else "export the file again; it was damaged, or is no text",
            kind="encoding",
            line=raw.count(b"\n", 0, nul) + 1,
        )
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        byte = raw[error.start : error.start + 1]
        letter = byte.decode("cp1252", errors="ignore")
        reads = (
            f"; in Latin-1 (Windows-1252) it is {letter!r}"
            if letter.isprintable() and letter
            else ""
        )
        raise ReadingError(
            f"holds byte 0x{byte.hex()}, which is not UTF-8{reads}",
            allowed="text in UTF-8",
            todo=_UTF8,
            kind="encoding",
            line=raw.count(b"\n", 0, error.start) + 1,
        ) from None


def read_text(path: Path, limit: int) -> str:
    """Return a file's text; see `read_file` and `to_text` for what is refused.

    Raises
    ------
    ReadingError
        As those two.
    """
    return to_text(read_file(path, limit))
