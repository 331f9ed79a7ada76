"""Limits of a study's files, set before they are read."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dopafit.core import limits
from dopafit.core.errors import StudyError
from dopafit.study import parquet as parquet_module
from dopafit.study import study_from_bytes, study_to_bytes, validate


def only(folder) -> object:
    (finding,) = validate(folder.path).errors
    assert finding.allowed and finding.todo and len(str(finding)) < 1000
    return finding


@pytest.mark.parametrize("name", ["study.yaml", "presses.csv", "presses.parquet"])
def test_a_pipe_is_not_read(folder, name: str) -> None:
    folder.about["tables"]["presses"] = name if "presses" in name else "presses.csv"
    path = folder.write() / name
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    assert "is a named pipe (FIFO), not a file" in only(folder).wrong


def compressed(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd", use_dictionary=True)
    return sink.getvalue()


def test_a_small_parquet_that_unpacks_without_end(folder, monkeypatch) -> None:
    """The columns are read by their metadata; what they would unpack to is never made."""
    folder.about["tables"]["samples"] = "samples.parquet"
    path = folder.write() / "samples.parquet"
    n = 40_000
    keys = {
        name: pa.repeat(pa.scalar("s01"), n).dictionary_encode() for name in ("subject", "session")
    }
    time = pa.array(np.zeros(n))
    monkeypatch.setattr(parquet_module, "UNPACKED_BYTES", 4_000_000)
    long = pa.DictionaryArray.from_arrays(pa.array(np.zeros(n, "i4")), ["x" * 1000])
    path.write_bytes(compressed(pa.table({**keys, "time": time, "note": long})))
    assert path.stat().st_size < 10_000
    finding = only(folder)
    assert finding.kind == "limit" and "unpacks to more" in finding.wrong
    monkeypatch.setattr(parquet_module, "CELLS", n)
    path.write_bytes(compressed(pa.table({**keys, "time": time})))
    assert f"has {n} rows of 3 columns" in only(folder).wrong
    monkeypatch.setattr(parquet_module, "CELLS", limits.CELLS)
    monkeypatch.setattr(parquet_module, "UNPACKED_BYTES", 1000)
    path.write_bytes(compressed(pa.table({**keys, "time": pa.array(np.arange(n) * 1.0)})))
    assert "unpacks to" in only(folder).wrong


def test_parquet_of_odd_shapes(folder, monkeypatch) -> None:
    monkeypatch.setattr(parquet_module, "COLUMNS", 9)
    folder.about["tables"]["samples"] = "samples.parquet"
    path = folder.write() / "samples.parquet"
    wide = {f"c{i}": [0.0] for i in range(10)}
    cases = (
        (pa.table(wide), "has 10 columns"),
        (pa.table({"a": [[1, 2]]}), "holds lists or groups in column 'a'"),
        (pa.table({"a": [{"b": 1}]}), "holds lists or groups in column 'a'"),
        (pa.table({"a": ["x" * (limits.CELL_CHARACTERS + 1)]}), "holds a cell of"),
    )
    for table, words in cases:
        path.write_bytes(compressed(table))
        assert words in only(folder).wrong
    path.write_bytes(b"")
    assert "is empty" in only(folder).wrong
    path.write_text("subject,session,time\n")
    assert "cannot be read as Parquet" in only(folder).wrong


def test_csv_of_odd_shapes(folder) -> None:
    path = folder.write() / "samples.csv"
    head = ",".join(f"c{i}" for i in range(limits.COLUMNS + 1))
    path.write_text(f"subject,session,time,{head}\n")
    assert "columns" in only(folder).wrong and str(limits.COLUMNS) in only(folder).allowed
    path.write_text(f"subject,session,time\ns01,a,{'1' * (limits.CELL_CHARACTERS + 1)}\n")
    finding = only(folder)
    assert finding.row == 2 and finding.kind == "limit" and "characters" in finding.wrong


def test_a_large_file_is_refused_by_its_size(folder, monkeypatch) -> None:
    folder.files["presses"] = folder.files["presses"] + "\n" * 5000
    folder.write()
    assert validate(folder.path).ok
    with (folder.path / "presses.csv").open("ab") as file:
        file.truncate(limits.TABLE_BYTES + 1)  # sparse: it takes no room
    assert only(folder).wrong == "the file is larger than 1024 MiB"


@pytest.mark.parametrize("name", ["presses.csv.gz", "presses.xlsx", "presses.ods", "presses.zip"])
def test_what_has_to_be_unpacked_first(folder, name: str) -> None:
    folder.about["tables"]["presses"] = name
    (folder.write() / name).write_bytes(b"\x1f\x8b")
    finding = only(folder)
    assert finding.kind == "suffix" and ("unpack" in finding.todo or "CSV UTF-8" in finding.todo)


@pytest.mark.parametrize("raw", [b"PK\x03\x04\0\0", b"\x1f\x8b\x08\0", b"PAR1\0"])
def test_a_suffix_that_is_not_true(folder, raw: bytes) -> None:
    (folder.write() / "presses.csv").write_bytes(raw)
    assert "is no text but" in only(folder).wrong


def test_a_stored_study_that_unpacks_to_gigabytes(small, monkeypatch) -> None:
    content = study_to_bytes(small)
    bomb = io.BytesIO(content)
    with zipfile.ZipFile(bomb, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("notes.txt", b"\0" * 3_000_000)  # no member of ours: not unpacked
    assert study_from_bytes(bomb.getvalue()) == small
    monkeypatch.setattr("dopafit.study.archive.UNPACKED_BYTES", 1000)
    monkeypatch.setattr(zipfile.ZipFile, "read", lambda *_: pytest.fail("it was unpacked"))
    with pytest.raises(StudyError, match="unpacks to more than") as caught:
        study_from_bytes(content)
    assert caught.value.allowed and caught.value.todo


def test_a_member_that_understates_its_size(small) -> None:
    content = bytearray(study_to_bytes(small))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        size = archive.getinfo("sessions.parquet").file_size.to_bytes(4, "little")
    place = content.rindex(size)
    content[place : place + 4] = (10).to_bytes(4, "little")
    with pytest.raises(StudyError, match="damaged"):
        study_from_bytes(bytes(content))


def test_a_path_to_a_file_or_to_study_yaml(folder, tmp_path: Path) -> None:
    folder.write()
    assert validate(folder.path / "study.yaml").ok
    (finding,) = validate(folder.path / "presses.csv").errors
    assert "is a file, not the folder of a study" in finding.wrong and "study.yaml" in finding.todo
    (finding,) = validate(tmp_path / "none" / "study.yaml").errors
    assert "does not exist" in finding.wrong
