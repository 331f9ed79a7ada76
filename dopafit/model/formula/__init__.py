"""Formulas: what an analysis writes for a parameter, read, checked and coded."""

from dopafit.model.formula.design import MAX_COLUMNS, Design, GroupTerm, design, used_columns
from dopafit.model.formula.language import Parsed
from dopafit.model.formula.parse import parse

__all__ = ["MAX_COLUMNS", "Design", "GroupTerm", "Parsed", "design", "parse", "used_columns"]
