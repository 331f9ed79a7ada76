"""An own folder is read and written by its owner alone; everything else counts as not there."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from dopafit.core import cache
from dopafit.core.cache import own_folder, read_own, sweep_own, write_own

posix = pytest.mark.skipif(os.name == "nt", reason="owners and modes are POSIX")


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv(cache.CACHE, str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    found = own_folder("things")
    assert found.parent == tmp_path / "cache"
    return found


def test_what_is_written_is_read(folder) -> None:
    assert read_own(folder, "a") is None
    assert write_own(folder, "a", b"1" * 1000) and read_own(folder, "a") == b"1" * 1000
    assert write_own(folder, "a", b"2") and read_own(folder, "a") == b"2"
    assert [p.name for p in folder.iterdir()] == ["a"]


@posix
@pytest.mark.parametrize("mask", [0, 0o002, 0o077])
def test_modes_do_not_depend_on_the_umask(tmp_path, monkeypatch, mask) -> None:
    monkeypatch.setenv(cache.CACHE, str(tmp_path / "cache"))
    before = os.umask(mask)
    try:
        found = own_folder("things")
        assert write_own(found, "a", b"1")
    finally:
        os.umask(before)
    assert found.stat().st_mode & 0o777 == 0o700 and (found / "a").stat().st_mode & 0o777 == 0o600
    assert read_own(found, "a") == b"1"


@posix
@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_may_write_is_not_read(folder, mode) -> None:
    write_own(folder, "a", b"1")
    (folder / "a").chmod(mode)
    assert read_own(folder, "a") is None
    assert write_own(folder, "a", b"2") and read_own(folder, "a") == b"2"  # it is made anew


@posix
@pytest.mark.parametrize("mode", [0o720, 0o702, 0o777, 0o1777])
def test_a_folder_that_others_may_write_is_not_used(folder, mode) -> None:
    write_own(folder, "a", b"1")
    folder.chmod(mode)
    assert read_own(folder, "a") is None and not write_own(folder, "a", b"2")
    other = own_folder("things")  # this user's own cache stands in
    assert "home" in str(other) and read_own(other, "a") is None


@posix
def test_links_and_pipes_are_not_read(folder, tmp_path) -> None:
    (tmp_path / "elsewhere").write_bytes(b"x")
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    os.mkfifo(folder / "pipe")
    (folder / "folder").mkdir()
    began = time.monotonic()
    assert [read_own(folder, n) for n in ("link", "pipe", "folder")] == [None] * 3
    assert time.monotonic() - began < 1
    write_own(folder, "a", b"1")
    through = tmp_path / "through"
    through.symlink_to(folder)
    assert read_own(through, "a") is None


@posix
def test_another_owner(folder, monkeypatch) -> None:
    write_own(folder, "a", b"1")
    mine = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: mine + 1)
    assert read_own(folder, "a") is None and not write_own(folder, "b", b"1")
    assert own_folder("things") is None  # made, but by another than the one who asks


@posix
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs two users")
def test_two_users_share_a_cache(folder) -> None:
    """The second user keeps code of his own, and cannot be given the first one's or vice versa."""
    import subprocess

    shared = folder.parent
    for path in (shared, *(p for p in shared.parents if "pytest-of" in str(p))):
        path.chmod(0o777)
    write_own(folder, "a", b"of root")
    code = (
        "import os, platformdirs, platformdirs.unix, sys\n"  # he may not read where they lie
        "from dopafit.core.cache import own_folder, read_own, write_own\n"
        "from pathlib import Path\n"
        "os.setgid(65534); os.setuid(65534)\n"
        "mine, theirs = own_folder('things'), Path(sys.argv[1])\n"
        "done = write_own(mine, 'a', b'of nobody')\n"
        "print(done, read_own(mine, 'a'), read_own(theirs, 'a'), write_own(theirs, 'a', b'x'))\n"
        "theirs.rename(str(theirs) + '.away'); mine.rename(theirs)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, timeout=60
    )
    assert done.stdout.split("\n")[0] == "True b'of nobody' None False", done.stderr
    # what he put in the place of the first user's folder is not read
    assert (folder / "a").read_bytes() == b"of nobody" and read_own(folder, "a") is None


def test_nowhere(tmp_path, monkeypatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(cache.CACHE, str(tmp_path / "file"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert own_folder("things") is None


def test_a_full_disk_leaves_nothing(folder, monkeypatch) -> None:
    write_own(folder, "a", b"1")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    assert not write_own(folder, "a", b"2")
    assert read_own(folder, "a") == b"1" and len(list(folder.iterdir())) == 1


def test_what_is_not_used_goes(folder) -> None:
    now = time.time()
    for name, days in (("new", 0), ("used", 50), ("old", 91), (".x.part", 2)):
        write_own(folder, name, b"1" * 100)
        os.utime(folder / name, (now, now - days * 86_400))
    assert read_own(folder, "used") is not None  # reading says that it is in use
    sweep_own(folder, days=90, total=1000)
    assert sorted(p.name for p in folder.iterdir()) == ["new", "used"]
    os.utime(folder / "used", (now, now - 9))
    sweep_own(folder, days=90, total=150)
    assert [p.name for p in folder.iterdir()] == ["new"]
