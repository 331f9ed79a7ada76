"""What a reader sees: the page, the tables, the methods text and the reporting checklist."""

from dopafit.report.checklist import write_checklist
from dopafit.report.folder import RunFolder
from dopafit.report.html import write_report
from dopafit.report.methods import write_methods
from dopafit.report.tables import write_tables

__all__ = ["RunFolder", "write_checklist", "write_methods", "write_report", "write_tables"]
