"""Questions about place that use the spatial index of either store."""

from typing import Any

from sqlalchemy import ColumnElement, Table, literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import NullType

WGS84 = 4326


class _EnvelopeHits(FunctionElement[Any]):
    """True where the envelope of a row's geometry meets a box.

    Its type is not boolean on purpose: SQLAlchemy would append ``= 1`` on SQLite, and the planner
    would no longer use the R-tree.
    """

    name = "envelope_hits"
    inherit_cache = True
    type = NullType()


@compiles(_EnvelopeHits, "sqlite")
def _compile_sqlite(element: _EnvelopeHits, compiler: Any, **options: Any) -> str:
    fid, geom, *box = list(element.clauses)
    table = geom.table.name
    west, south, east, north = (compiler.process(value, **options) for value in box)
    key, shape = compiler.process(fid, **options), compiler.process(geom, **options)
    # the R-tree keeps 32-bit boxes rounded outwards, so its candidates are tested again
    exact = (
        f"ST_MaxX({shape}) >= {west} AND ST_MinX({shape}) <= {east} "
        f"AND ST_MaxY({shape}) >= {south} AND ST_MinY({shape}) <= {north}"
    )
    return (
        f"({key} IN (SELECT id FROM rtree_{table}_geom WHERE maxx >= {west} AND maxy >= {south} "
        f"AND minx <= {east} AND miny <= {north}) AND {exact})"
    )


@compiles(_EnvelopeHits, "postgresql")
def _compile_postgresql(element: _EnvelopeHits, compiler: Any, **options: Any) -> str:
    _, geom, *box = list(element.clauses)
    shape = compiler.process(geom, **options)
    west, south, east, north = (compiler.process(value, **options) for value in box)
    return (
        f"({shape} && ST_MakeEnvelope({west}, {south}, {east}, {north}, {WGS84}) "
        f"AND ST_XMax({shape}) >= {west} AND ST_XMin({shape}) <= {east} "
        f"AND ST_YMax({shape}) >= {south} AND ST_YMin({shape}) <= {north})"
    )


def intersects_bbox(table: Table, bbox: tuple[float, float, float, float]) -> ColumnElement[bool]:
    """Return the condition that the envelope of `table.geom` meets `bbox` (west, south, east, north)."""
    return _EnvelopeHits(table.c.fid, table.c.geom, *(literal(float(value)) for value in bbox))
