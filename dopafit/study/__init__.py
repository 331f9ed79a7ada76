"""What was measured: the study, its readers and writers, its checks, data sets by name."""

from dopafit.study.archive import study_from_bytes, study_to_bytes
from dopafit.study.contents import Contents, contents_of
from dopafit.study.datasets import bundled, describe, fetch, list_datasets, load_dataset
from dopafit.study.excluded import Excluded, exclude
from dopafit.study.exclusion import Exclusion, exclusions_from
from dopafit.study.fed3 import check_fed3, read_fed3
from dopafit.study.read import read_study
from dopafit.study.report import Finding, Report
from dopafit.study.study import Study
from dopafit.study.validate import validate
from dopafit.study.write import write_study

__all__ = [
    "Contents",
    "Excluded",
    "Exclusion",
    "Finding",
    "Report",
    "Study",
    "bundled",
    "check_fed3",
    "contents_of",
    "describe",
    "exclude",
    "exclusions_from",
    "fetch",
    "list_datasets",
    "load_dataset",
    "read_fed3",
    "read_study",
    "study_from_bytes",
    "study_to_bytes",
    "validate",
    "write_study",
]
