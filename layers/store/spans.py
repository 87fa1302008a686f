"""How long it is from one instant to another, in SQL of either store."""

from typing import Any

from sqlalchemy import ColumnElement, Double
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class _Days(FunctionElement[float]):
    name = "days_from_to"
    inherit_cache = True
    type = Double()


@compiles(_Days, "sqlite")
def _compile_sqlite(element: _Days, compiler: Any, **options: Any) -> str:
    first, last = (compiler.process(value, **options) for value in element.clauses)
    return f"(julianday({last}) - julianday({first}))"


@compiles(_Days, "postgresql")
def _compile_postgresql(element: _Days, compiler: Any, **options: Any) -> str:
    first, last = (compiler.process(value, **options) for value in element.clauses)
    return f"(EXTRACT(EPOCH FROM {last} - {first}) / 86400.0)"


def days(first: ColumnElement[Any], last: ColumnElement[Any]) -> ColumnElement[float]:
    """Return the days from `first` to `last`, two instants; negative if `last` is the earlier one."""
    return _Days(first, last)
