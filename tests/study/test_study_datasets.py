"""Data sets by name: mirror, checksums, cache, conversion."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pooch
import pytest
import requests

from dopafit.core.errors import StudyError
from dopafit.study import (
    bundled,
    datasets,
    describe,
    fetch,
    list_datasets,
    load_dataset,
    read_fed3,
    read_study,
)

NAME = "operant-fed3"


@pytest.fixture
def mirror(data_mirror: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DOPAFIT_DATA_MIRROR", str(data_mirror))
    return data_mirror


@pytest.fixture
def one_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict:
    """Make the data set one small file, in a mirror made here: no real data needed."""
    place = tmp_path / "mirror" / NAME
    place.mkdir(parents=True)
    header = (
        "MM:DD:YYYY hh:mm:ss,Library_Version,Session_type,Device_Number,FR,Event,Active_Poke,"
        "Left_Poke_Count,Right_Poke_Count,Pellet_Count,Retrieval_Time,InterPelletInterval,"
        "Poke_Time\n"
    )
    rows = "7/22/2021 14:43:03,1.8.1,ClosedEcon_PR1,1,1,Left,Left,1,0,0,nan,nan,0.14\n"
    rows += "7/22/2021 14:43:13,1.8.1,ClosedEcon_PR1,1,1,Pellet,Left,1,0,1,1.5,nan,nan\n"
    (place / "FED009_1.CSV").write_text(header + rows)
    entry = dict(datasets._registry()[NAME])
    digest = pooch.file_hash(str(place / "FED009_1.CSV"))
    entry["files"] = [{"name": "FED009_1.CSV", "subject": "me", "sha256": digest}]
    monkeypatch.setattr(datasets, "_registry", lambda: {NAME: entry})
    monkeypatch.delenv("DOPAFIT_DATA_MIRROR", raising=False)
    monkeypatch.setenv("DOPAFIT_CACHE", str(tmp_path / "cache"))
    return {"mirror": tmp_path / "mirror", "file": place / "FED009_1.CSV", "cache": tmp_path}


def test_the_real_logs_become_a_study(mirror: Path, tmp_path: Path) -> None:
    study = load_dataset(NAME, cache=tmp_path)
    assert sorted(set(study.subjects["subject"])) == [
        "FED001-2021",
        "FED001-2022",
        "FED002",
        "FED003",
        "FED004",
        "FED005",
    ]
    counts = study.sessions.groupby("subject").size().tolist()
    assert counts == [1, 4, 1, 2, 2, 2]
    assert len(study.events) == 3463 and not study.simulated
    assert study.licence == "CC0-1.0" and "e66173" in study.citation
    assert "do not record which mouse" in study.description
    # the folder says the same as the logs it was made from
    files = sorted((tmp_path / NAME / "raw").iterdir())
    owners = dict(zip(study.sessions["session"], study.sessions["subject"], strict=True))
    assert read_fed3(files, subjects=owners) == study
    # a second time nothing is made anew, and no mirror is needed
    before = (tmp_path / NAME / "study" / "events.csv").stat().st_mtime_ns
    assert fetch(NAME, cache=tmp_path) == tmp_path / NAME / "study"
    assert (tmp_path / NAME / "study" / "events.csv").stat().st_mtime_ns == before


def test_registry_matches_the_mirror(mirror: Path) -> None:
    for file in datasets._registry()[NAME]["files"]:
        assert pooch.file_hash(str(mirror / NAME / "raw" / file["name"])) == file["sha256"]


def test_registry_is_complete() -> None:
    assert list_datasets() == ("cue-pursuit", NAME)
    entry = datasets._registry()[NAME]
    assert len(entry["files"]) == 12
    for file in entry["files"]:
        assert len(file["sha256"]) == 64 and file["name"].startswith(file["subject"][:6])
    text = describe(NAME)
    for word in ("CC0-1.0", "10.7554/eLife.66173", "52faa3837b43", "FED005_072221_00.CSV", "[s]"):
        assert word in text


def test_mirror_with_files_beside_and_cache_by_environment(one_file, monkeypatch) -> None:
    monkeypatch.setenv("DOPAFIT_DATA_MIRROR", str(one_file["mirror"]))
    place = fetch(NAME)
    assert place == one_file["cache"] / "cache" / NAME / "study"
    study = read_study(place)
    assert study.subjects["subject"].tolist() == ["me"] and study.name == NAME
    # what is in the cache needs neither mirror nor network
    monkeypatch.setenv("DOPAFIT_DATA_MIRROR", str(one_file["cache"] / "gone"))
    assert fetch(NAME) == place
    # a study spoilt or made by another version is made anew
    (place / "converted.txt").write_text("old")
    (place / "events.csv").write_text("")
    assert read_study(fetch(NAME)) == study
    assert not list((one_file["cache"] / "cache" / NAME).glob("*.part"))


def test_a_converted_study_that_was_changed_is_made_again(one_file, monkeypatch) -> None:
    """One number in the cache's events: it was read as if it were the data set's."""
    monkeypatch.setenv("DOPAFIT_DATA_MIRROR", str(one_file["mirror"]))
    place = fetch(NAME)
    events = place / "events.csv"
    whole = events.read_bytes()
    for change in (whole[:-3] + b"9" + whole[-2:], whole[: len(whole) // 2]):
        events.write_bytes(change)
        assert fetch(NAME) == place and events.read_bytes() == whole
    (place / "more.csv").write_text("")
    fetch(NAME)
    assert not (place / "more.csv").exists()


def test_other_users_may_read_what_was_fetched(one_file, monkeypatch) -> None:
    def good(url: str, output: str, pup: object) -> None:
        shutil.copyfile(one_file["file"], output)

    monkeypatch.setattr(pooch.core, "choose_downloader", lambda url, progressbar=False: good)
    before = os.umask(0o022)
    try:
        fetch(NAME)
    finally:
        os.umask(before)
    for path in (one_file["cache"] / "cache").rglob("*"):
        assert path.stat().st_mode & 0o044 == 0o044, path


def test_a_changed_file_is_refused(one_file, monkeypatch) -> None:
    monkeypatch.setenv("DOPAFIT_DATA_MIRROR", str(one_file["mirror"]))
    one_file["file"].write_text(one_file["file"].read_text() + " ")
    with pytest.raises(StudyError, match="checksum") as error:
        fetch(NAME)
    assert "sha256" in error.value.allowed and "mirror" in error.value.todo
    assert not list((one_file["cache"] / "cache" / NAME).rglob("*.CSV*"))


def test_a_damaged_cache_is_fetched_again(one_file, monkeypatch) -> None:
    monkeypatch.setenv("DOPAFIT_DATA_MIRROR", str(one_file["mirror"]))
    fetch(NAME)
    raw = one_file["cache"] / "cache" / NAME / "raw" / "FED009_1.CSV"
    raw.write_text("half")
    fetch(NAME)
    assert raw.read_bytes() == one_file["file"].read_bytes()


def test_a_file_missing_in_the_mirror(one_file, monkeypatch) -> None:
    shutil.rmtree(one_file["mirror"] / NAME)
    monkeypatch.setenv("DOPAFIT_DATA_MIRROR", str(one_file["mirror"]))
    with pytest.raises(StudyError, match="not in the mirror") as error:
        fetch(NAME)
    assert "unset DOPAFIT_DATA_MIRROR" in error.value.todo


def test_no_network(one_file, monkeypatch) -> None:
    def refuse(url, *args, **kwargs):
        raise requests.exceptions.ConnectionError("no route")

    monkeypatch.setattr(requests, "get", refuse)
    with pytest.raises(StudyError, match="cannot be fetched from https://raw") as error:
        fetch(NAME)
    target = str(one_file["cache"] / "cache" / NAME / "raw" / "FED009_1.CSV")
    assert target in error.value.todo and "DOPAFIT_DATA_MIRROR" in error.value.todo


def test_a_wrong_file_from_the_network(one_file, monkeypatch) -> None:
    def other(url: str, output: str, pup: object) -> None:
        Path(output).write_text("something else")

    monkeypatch.setattr(pooch.core, "choose_downloader", lambda url, progressbar=False: other)
    with pytest.raises(StudyError, match="checksum") as error:
        fetch(NAME)
    assert "github.com/earnestt1234/fed3" in error.value.todo


def test_a_good_file_from_the_network(one_file, monkeypatch) -> None:
    seen = []

    def good(url: str, output: str, pup: object) -> None:
        seen.append(url)
        shutil.copyfile(one_file["file"], output)

    monkeypatch.setattr(pooch.core, "choose_downloader", lambda url, progressbar=False: good)
    assert len(read_study(fetch(NAME)).events) == 1
    assert seen == [datasets._registry()[NAME]["url"] + "FED009_1.CSV"]


def test_unknown_names() -> None:
    for function in (fetch, load_dataset, describe):
        with pytest.raises(StudyError, match="did you mean 'operant-fed3'"):
            function("operant-fed")
    with pytest.raises(StudyError, match="no study 'cue' ships"):
        bundled("cue")


def test_bundled_is_found_beside_the_package_or_missed_clearly(monkeypatch, tmp_path) -> None:
    package = tmp_path / "root" / "dopafit" / "study"
    monkeypatch.setattr(datasets, "__file__", str(package / "datasets.py"))
    with pytest.raises(StudyError, match="is missing") as error:
        bundled("cue-pursuit")
    assert "checkout" in error.value.allowed
    for place in (tmp_path / "root" / "dopafit" / "data", tmp_path / "root" / "data"):
        (place / "cue-pursuit").mkdir(parents=True)
        (place / "cue-pursuit" / "study.yaml").write_text("name: x\n")
        assert bundled("cue-pursuit") == fetch("cue-pursuit") == place / "cue-pursuit"
