"""Data sets by name: fetched with checksums, converted once, read like any other study."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import shutil
import tempfile
from importlib import resources
from pathlib import Path
from types import NoneType
from typing import Any

import yaml

from dopafit.core.arguments import PATH, takes
from dopafit.core.cache import CACHE, cache_folder
from dopafit.core.errors import StudyError
from dopafit.core.files import read_regular, write_whole
from dopafit.study.fed3 import read_fed3
from dopafit.study.read import read_study
from dopafit.study.study import Study
from dopafit.study.write import write_study

__all__ = ["bundled", "describe", "fetch", "list_datasets", "load_dataset"]

MIRROR = "DOPAFIT_DATA_MIRROR"
BUNDLED = ("cue-pursuit",)
_CONVERTER = 2  # raised when the conversion changes, so that caches are made anew
_MARK = "converted.txt"


@functools.cache
def _registry() -> dict[str, dict[str, Any]]:
    text = resources.files("dopafit.study").joinpath("registry.yaml").read_text(encoding="utf-8")
    return yaml.safe_load(text)


def list_datasets() -> tuple[str, ...]:
    """Return the names of all data sets: bundled ones first, then those to fetch."""
    return (*BUNDLED, *sorted(_registry()))


def describe(name: str) -> str:
    """Return what a data set is: content, licence, citation, origin, files, columns.

    Raises
    ------
    StudyError
        Unknown name.
    """
    if name in BUNDLED:
        study = read_study(bundled(name))
        parts = [study.description, f"licence:  {study.licence}", f"citation: {study.citation}"]
        return "\n".join([repr(study), *(p for p in parts if p.strip())])
    entry = _entry(name)
    lines = [
        f"{name}: {entry['title']}",
        entry["description"],
        f"licence:  {entry['licence']}",
        f"citation: {entry['citation']}",
        f"origin:   {entry['origin']}",
        "columns:",
        *(f"  {role}: {text}" for role, text in entry["columns"].items()),
        "files:",
        *(f"  {f['name']}  subject {f['subject']}" for f in entry["files"]),
    ]
    return "\n".join(lines)


@takes(name=str, cache=(*PATH, NoneType))
def fetch(name: str, *, cache: str | Path | None = None) -> Path:
    """Fetch a data set and convert it to a study folder; what is already there is kept.

    Parameters
    ----------
    name : str
        One of `list_datasets`.
    cache : path, optional
        Where to put it; else the environment variable ``DOPAFIT_CACHE``, else the user's cache
        folder. With ``DOPAFIT_DATA_MIRROR`` set, files come from ``<mirror>/<name>/raw/<file>``
        or ``<mirror>/<name>/<file>`` instead of the network.

    Returns
    -------
    Path
        A folder with ``study.yaml``, readable by `read_study`.

    Raises
    ------
    StudyError
        Unknown name, a file that cannot be had, or a wrong checksum.
    """
    if name in BUNDLED:
        return bundled(name)
    entry = _entry(name)
    folder = (cache_folder() if cache is None else Path(cache)) / name
    files = [_fetch_file(name, entry, f, folder / "raw") for f in entry["files"]]
    study, mark = folder / "study", _mark(entry)
    if _is_converted(study, mark):
        return study
    subjects = {Path(f["name"]).stem: f["subject"] for f in entry["files"]}
    read = read_fed3(files, subjects=subjects, name=name)
    made = Study(
        name,
        **read.tables,
        description=f"{entry['title']}. {entry['description']} {read.description}",
        licence=entry["licence"],
        citation=entry["citation"],
    )
    # beside and then moved, so that two processes or a kill leave no half-written study
    part = folder / f"study-{os.getpid()}.part"
    try:
        write_study(made, part, overwrite=True)
        write_whole(part / _MARK, (mark + _digests(part)).encode())
        if study.exists():
            shutil.rmtree(study)
        os.replace(part, study)
    except OSError as error:
        if not _is_converted(study, mark):  # else another process was faster
            raise StudyError(
                f"{study} cannot be written ({error.strerror or error})",
                allowed="a cache folder you may write to",
                todo=f"set {CACHE} to a folder of your own",
            ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return study


@takes(name=str, cache=(*PATH, NoneType))
def load_dataset(name: str, *, cache: str | Path | None = None) -> Study:
    """Fetch a data set where needed and read it.

    Parameters
    ----------
    name, cache
        As for `fetch`.

    Raises
    ------
    StudyError
        As `fetch` and `read_study`.
    """
    return read_study(fetch(name, cache=cache))


def bundled(name: str) -> Path:
    """Return the folder of a study that ships with dopafit.

    Raises
    ------
    StudyError
        Unknown name, or the folder is not where it should be.
    """
    if name not in BUNDLED:
        raise StudyError(f"no study {name!r} ships with dopafit", given=name, known=BUNDLED)
    package = Path(__file__).resolve().parents[1]
    places = [package.parent / "data" / name, package / "data" / name]
    for place in places:
        if (place / "study.yaml").is_file():
            return place
    raise StudyError(
        f"the bundled study {name!r} is missing ({places[0]})",
        allowed="data/ of a checkout, or the data of an installed package",
        todo="install dopafit again, or run from a complete checkout",
    )


def _entry(name: str) -> dict[str, Any]:
    try:
        return _registry()[name]
    except KeyError:
        wrong = f"there is no data set {name!r}"
        raise StudyError(wrong, given=name, known=list_datasets()) from None


def _mark(entry: dict[str, Any]) -> str:
    sums = "".join(f["sha256"] + f["subject"] for f in entry["files"])
    text = f"{_CONVERTER}{sums}{entry['description']}{entry['citation']}"
    return hashlib.sha256(text.encode()).hexdigest() + "\n"


def _digests(study: Path) -> str:
    """Return name and SHA-256 of every file of a study, a line each."""
    found = (path for path in sorted(study.iterdir()) if path.name != _MARK)
    return "".join(f"{hashlib.sha256(read_regular(p)).hexdigest()}  {p.name}\n" for p in found)


def _is_converted(study: Path, mark: str) -> bool:
    """Whether a study is the one that was made from these files, and was not changed since."""
    try:
        return read_regular(study / _MARK, limit=2**20) == (mark + _digests(study)).encode()
    except OSError:
        return False


def _fetch_file(name: str, entry: dict[str, Any], file: dict[str, str], raw: Path) -> Path:
    """Return one raw file with the right checksum, from cache, mirror or network."""
    import pooch

    target, wanted = raw / file["name"], file["sha256"]
    with contextlib.suppress(OSError):
        if hashlib.sha256(read_regular(target)).hexdigest() == wanted:
            return target
    mirror = os.environ.get(MIRROR)
    source = entry["url"] + file["name"]
    try:
        if mirror:
            source = str(_mirrored(name, file["name"], Path(mirror)))
            content = read_regular(source)
            if hashlib.sha256(content).hexdigest() != wanted:
                raise ValueError("checksum")
        else:
            with tempfile.TemporaryDirectory() as place:
                known = {"known_hash": f"sha256:{wanted}", "fname": file["name"]}
                content = Path(pooch.retrieve(source, **known, path=place)).read_bytes()
        write_whole(target, content)  # not moved: other users of the cache may read it
    except ValueError as error:  # pooch's word for a checksum that differs
        raise StudyError(
            f"{file['name']} of {name} from {source} does not have the checksum it should",
            allowed=f"sha256 {wanted}",
            todo="the file was changed or damaged on the way; get it again from "
            + ("its origin and correct the mirror" if mirror else entry["origin"]),
        ) from error
    except OSError as error:  # requests' errors are OSErrors
        raise StudyError(
            f"{file['name']} of {name} cannot be fetched from {source} ({type(error).__name__})",
            allowed=f"a connection to the source, and room in {raw}",
            todo=f"put the file at {target}, or set {MIRROR} to a folder with {name}/raw/",
        ) from error
    return target


def _mirrored(name: str, file: str, mirror: Path) -> Path:
    """Return where the mirror has a file."""
    places = [mirror / name / "raw" / file, mirror / name / file]
    for place in places:
        if place.is_file():
            return place
    raise StudyError(
        f"{file} of {name} is not in the mirror ({places[0]} or {places[1]})",
        allowed=f"{MIRROR}/<data set>/raw/<file>",
        todo=f"copy the file there, or unset {MIRROR} to use the network",
    )
