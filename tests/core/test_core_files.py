"""Files are read only if they are files, and written whole or not at all."""

from __future__ import annotations

import os
import resource
import signal
import time
from pathlib import Path

import pytest

from dopafit.core.files import read_regular, remove_parts, write_whole

pytestmark = pytest.mark.skipif(os.name == "nt", reason="pipes, devices and limits are POSIX")


def test_what_is_written_is_read(tmp_path) -> None:
    path = tmp_path / "deep" / "file"
    for content in (b"", b"one", b"two" * 1000):
        assert write_whole(path, content, sync=True) == path and read_regular(path) == content
    (tmp_path / "link").symlink_to(path)
    assert read_regular(tmp_path / "link") == content
    assert [p.name for p in path.parent.iterdir()] == ["file"]


@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_the_umask_decides_who_may_read(tmp_path, mask) -> None:
    before = os.umask(mask)
    try:
        write_whole(tmp_path / "file", b"x")
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o666 & ~mask


def test_what_is_no_file_is_refused_at_once(tmp_path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    (tmp_path / "loop").symlink_to("loop")
    began = time.monotonic()
    for name, said in (
        ("pipe", "named pipe"),
        ("zero", "a device"),
        (".", "a folder"),
        ("loop", "symbolic links"),
        ("none", "No such file"),
    ):
        with pytest.raises(OSError, match=said):
            read_regular(tmp_path / name)
    assert time.monotonic() - began < 1


def test_a_limit_is_met_before_reading(tmp_path) -> None:
    path = tmp_path / "file"
    path.touch()
    os.truncate(path, 2**40)  # without a byte on the disk
    with pytest.raises(OSError, match="more than 1,000"):
        read_regular(path, limit=1000)
    os.truncate(path, 1000)
    assert len(read_regular(path, limit=1000)) == 1000


def test_a_full_disk(tmp_path) -> None:
    path = write_whole(tmp_path / "file", b"old")
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
        with pytest.raises(OSError, match="File too large"):
            write_whole(path, b"new" * 1000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, before)
    assert path.read_bytes() == b"old" and len(list(tmp_path.iterdir())) == 1


def test_stopped_while_writing(tmp_path, monkeypatch) -> None:
    path = write_whole(tmp_path / "file", b"old")

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", stop)
    with pytest.raises(KeyboardInterrupt):
        write_whole(path, b"new", sync=True)
    assert path.read_bytes() == b"old" and len(list(tmp_path.iterdir())) == 1


def test_what_a_kill_left_is_removed(tmp_path) -> None:
    for name in (".file.1234abcd.part", "file", ".hidden", "my.part"):
        (tmp_path / name).touch()
    remove_parts(tmp_path, tmp_path / "none", Path("/proc/1/none"))
    assert sorted(p.name for p in tmp_path.iterdir()) == [".hidden", "file", "my.part"]
