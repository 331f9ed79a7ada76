"""Whatever a file holds, the answer is a report or a `StudyError`, never another exception."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from dopafit.core.errors import StudyError
from dopafit.study import Report, Study, read_fed3, read_study, validate
from dopafit.study.fed3 import check_fed3

HEADER = (
    "MM:DD:YYYY hh:mm:ss,Library_Version,Session_type,Device_Number,FR,Event,Active_Poke,"
    "Left_Poke_Count,Right_Poke_Count,Pellet_Count,Retrieval_Time,InterPelletInterval,Poke_Time\n"
)
LOG = HEADER + (
    "7/22/2021 14:43:03,1.8.1,ClosedEcon_PR1,1,1,Left,Left,1,0,0,nan,nan,0.14\n"
    "7/22/2021 14:44:00,1.8.1,ClosedEcon_PR1,1,1,Pellet,Left,1,0,1,49.88,nan,nan\n"
    "7/22/2021 14:44:35,1.8.1,ClosedEcon_PR1,1,2,Right,Left,1,1,1,nan,nan,0.12\n"
)
BITS = st.one_of(
    st.sampled_from(
        [
            b"",
            b",",
            b'"',
            b"\n",
            b"\r",
            b"nan",
            b"inf",
            b"1e999",
            b"\0",
            b"\xff",
            b"NA",
            b"-",
            b"s01",
            b"0",
            b"999999999999",
            b"\xe2\x80\xa8",
            b"time",
            b": ",
            b"{",
            b"*a",
            b"!!python",
        ]
    ),
    st.binary(max_size=4),
)


def spoil(raw: bytes, places: list[tuple[int, int, bytes]]) -> bytes:
    for at, length, new in places:
        at %= len(raw) + 1
        raw = raw[:at] + new + raw[at + length :]
    return raw


SPOILING = st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 12), BITS), max_size=3)


@settings(deadline=None, max_examples=12)
@given(data=st.data())
def test_spoilt_studies(tmp_path_factory, folder_class, data) -> None:
    folder = folder_class(tmp_path_factory.mktemp("spoilt"))
    path: Path = folder.write()
    for name in data.draw(
        st.lists(
            st.sampled_from(sorted(p.name for p in path.iterdir())),
            min_size=1,
            max_size=2,
            unique=True,
        )
    ):
        raw = (path / name).read_bytes()
        (path / name).write_bytes(spoil(raw, data.draw(SPOILING)))
    report = validate(path)
    assert isinstance(report, Report) and str(report) and len(report.table) == len(report.findings)
    try:
        assert isinstance(read_study(path), Study) and report.ok
    except StudyError:
        assert not report.ok


@settings(deadline=None, max_examples=40)
@given(places=SPOILING)
def test_spoilt_logs(tmp_path_factory, places) -> None:
    path = tmp_path_factory.mktemp("log") / "FED001_x.CSV"
    path.write_bytes(spoil(LOG.encode(), places))
    report = check_fed3(path)
    try:
        assert isinstance(read_fed3(path), Study) and report.ok
    except StudyError:
        pass


@settings(deadline=None, max_examples=40)
@given(text=st.text(max_size=60))
def test_any_text_as_study_yaml(tmp_path_factory, text) -> None:
    path = tmp_path_factory.mktemp("yaml")
    (path / "study.yaml").write_text(text, encoding="utf-8", errors="replace")
    assert not validate(path).ok
