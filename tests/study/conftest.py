"""A small sound study, in memory and as text files that tests may spoil."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import yaml

from dopafit.study import Study

FILES = {
    "subjects": "subject,age\ns01,31\ns02,40\n",
    "sessions": "subject,session,start,end,drug\n"
    "s01,a,0,600,placebo\ns01,b,0,600,drug\ns02,a,0,600,placebo\n",
    "windows": "subject,session,start,end\ns01,a,0,300\ns01,a,350,600\ns01,b,0,600\ns02,a,0,600\n",
    "events": "subject,session,time,kind,magnitude\n"
    "s01,a,10,reward,1\ns01,a,100.5,cue,0.5\ns01,b,20,reward,1\ns02,a,30,reward,2\n",
    "observations": "subject,session,time,pursue,latency,latency_censored\n"
    "s01,a,50,1,0.8,0\ns01,a,120,0,,\ns01,b,60,0,2,1\ns02,a,70,1,1.5,0\ns02,a,90,0,0.4,0\n",
    "presses": "subject,session,time,kind\ns01,a,55,left\ns01,a,56,left\ns02,a,400,right\n",
    "samples": "subject,session,time,value\ns01,a,1,0.1\ns01,a,2,-0.2\n",
    "covariates": "subject,session,time,cost\ns01,a,0,1\ns01,a,200,2\n",
}
ABOUT = {
    "name": "small",
    "simulated": True,
    "description": "made for tests",
    "licence": "CC0-1.0",
    "citation": "nobody",
    "time_unit": "s",
    "tables": {role: f"{role}.csv" for role in FILES},
}


class Folder:
    """A study folder under construction."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.files = dict(FILES)
        self.about = yaml.safe_load(yaml.safe_dump(ABOUT))

    def write(self) -> Path:
        self.path.mkdir(parents=True, exist_ok=True)
        for role, text in self.files.items():
            (self.path / f"{role}.csv").write_bytes(text.encode())
        (self.path / "study.yaml").write_text(yaml.safe_dump(self.about, sort_keys=False))
        return self.path


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "small")


def small_tables() -> dict[str, pd.DataFrame]:
    rows = {role: [line.split(",") for line in text.split()] for role, text in FILES.items()}
    return {role: pd.DataFrame(r[1:], columns=r[0]) for role, r in rows.items()}


@pytest.fixture
def small() -> Study:
    return Study("small", simulated=True, **small_tables())


@pytest.fixture(scope="session")
def folder_class() -> type[Folder]:
    return Folder
