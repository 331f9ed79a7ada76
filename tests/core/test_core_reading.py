"""What is no file, too large, or no text is refused before it is read."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest

from dopafit.core.reading import ReadingError, read_file, read_text, to_text


def refusal(path: Path, limit: int = 1000) -> ReadingError:
    with pytest.raises(ReadingError) as caught:
        read_file(path, limit)
    assert caught.value.allowed and caught.value.todo
    return caught.value


def test_a_file_is_read_up_to_its_limit(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x" * 1000)
    assert read_file(path, 1000) == b"x" * 1000
    error = refusal(path, 999)
    assert error.kind == "limit" and error.wrong == "is larger than 999 bytes"


def test_pipes_sockets_folders_and_nothing(tmp_path: Path, monkeypatch) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert refusal(tmp_path / "pipe").wrong == "is a named pipe (FIFO), not a file"
    assert refusal(tmp_path).wrong == "is a folder, not a file"
    assert refusal(tmp_path / "none").wrong == "does not exist"
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert "cannot be read" in refusal(tmp_path / "loop").wrong
    assert "cannot be read" in refusal(Path("a\0b")).wrong
    monkeypatch.chdir(tmp_path)  # the name of a socket may have 100 characters
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("s")
        assert refusal(Path("s")).wrong == "is a socket, not a file"


@pytest.mark.parametrize("kind", [stat.S_IFCHR, stat.S_IFBLK])
def test_a_device_is_never_opened(tmp_path: Path, monkeypatch, kind: int) -> None:
    path = tmp_path / "zero"
    path.write_bytes(b"")
    monkeypatch.setattr(os, "stat", lambda _: os.stat_result((kind | 0o666, *[0] * 9)))
    monkeypatch.setattr(os, "open", lambda *_: pytest.fail("it was opened"))
    error = refusal(path)
    monkeypatch.undo()
    assert error.wrong == "is a device, not a file"


def test_a_file_that_grows_or_lies_about_its_size(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x" * 50)
    empty = os.stat_result((stat.S_IFREG | 0o644, *[0] * 9))
    monkeypatch.setattr(os, "stat", lambda _: empty)
    monkeypatch.setattr(os, "fstat", lambda _: empty)
    error = refusal(path, 49)
    monkeypatch.undo()
    assert error.kind == "limit"


@pytest.mark.parametrize(
    ("raw", "wrong", "line"),
    [
        ("a,b\n".encode("utf-16"), "is in UTF-16 ('Unicode text' of a spreadsheet)", None),
        ("a,b\n".encode("utf-16-be"), "is in UTF-16 without a byte order mark", 1),
        (b"a,b\n1,\x002\n", "holds a NUL byte, which no text has", 2),
        (
            b"a\ncaf\xe9\n",
            "holds byte 0xe9, which is not UTF-8; in Latin-1 (Windows-1252) it is 'é'",
            2,
        ),
        (b"a\xff", "holds byte 0xff, which is not UTF-8; in Latin-1 (Windows-1252) it is 'ÿ'", 1),
        (b"a\x81", "holds byte 0x81, which is not UTF-8", 1),
        (b"PK\x03\x04rest", "is no text but a zip archive or an Excel workbook (.xlsx)", None),
        (b"\x1f\x8b\x08", "is no text but compressed with gzip", None),
        (b"PAR1", "is no text but a Parquet file", None),
    ],
)
def test_what_is_no_utf_8_is_named(raw: bytes, wrong: str, line: int | None) -> None:
    with pytest.raises(ReadingError) as caught:
        to_text(raw)
    error = caught.value
    assert (error.wrong, error.line) == (wrong, line)
    assert error.kind == "encoding" and error.allowed and error.todo


def test_control_text_passes(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"\xef\xbb\xbf" + "é, 日本, 🐀\r\n".encode())
    assert read_text(path, 100) == "é, 日本, 🐀\r\n"
