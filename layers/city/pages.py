"""The city a page at a time: blocks, key points and areas of a box, for who draws or keeps them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import geopandas as gpd
from sqlalchemy import ColumnElement, Connection, Select, Table, select

from layers.city import networks
from layers.errors import InvalidError
from layers.store import frames
from layers.store.schema import block, district, key_point
from layers.store.spatial import intersects_bbox

if TYPE_CHECKING:
    from layers.site import Site

Box = tuple[float, float, float, float]
LARGEST = 1000
_LONGEST_MARK = 18  # digits of a number that still fits 64 bits


@dataclass(frozen=True, slots=True, eq=False)
class CityPage:
    """Rows in the order of their fid, in longitude and latitude; `next` continues after the last."""

    rows: gpd.GeoDataFrame
    next: str | None
    attribution: str | None = None


def blocks(site: "Site", bbox: Box | None, *, after: str | None = None, limit: int = 100) -> CityPage:
    """Return blocks that a box meets; a walk through the pages stays on the streets it began with."""
    with site.store.read() as conn:
        newest = networks.latest(conn)
        version, last = _marks(after, newest) if after else (newest, 0)
        rows, following = _page(conn, _wanted(block, [block.c.network_version == version], bbox), last, limit)
        attribution = networks.facts(conn, version)["attribution"] if version else None
    return CityPage(rows, f"{version}.{following}" if following else None, attribution)


def key_points(
    site: "Site",
    bbox: Box | None,
    kinds: Sequence[str] | None = None,
    *,
    after: str | None = None,
    limit: int = 100,
) -> CityPage:
    """Return key points in force that a box meets."""
    wanted = [key_point.c.kind.in_(kinds)] if kinds else []
    return _in_force(site, key_point, wanted, bbox, after=after, limit=limit)


def districts(
    site: "Site",
    bbox: Box | None,
    levels: Sequence[str] | None = None,
    *,
    after: str | None = None,
    limit: int = 100,
) -> CityPage:
    """Return areas in force that a box meets."""
    wanted = [district.c.level.in_(levels)] if levels else []
    return _in_force(site, district, wanted, bbox, after=after, limit=limit)


def _in_force(
    site: "Site",
    table: Table,
    wanted: Sequence[ColumnElement[bool]],
    bbox: Box | None,
    *,
    after: str | None,
    limit: int,
) -> CityPage:
    chosen = _wanted(table, [table.c.removed_at.is_(None), *wanted], bbox)
    with site.store.read() as conn:
        rows, following = _page(conn, chosen, _mark(after) if after else 0, limit)
    return CityPage(rows, str(following) if following else None)


def _wanted(table: Table, wanted: Sequence[ColumnElement[bool]], bbox: Box | None) -> Select[Any]:
    inside = [intersects_bbox(table, bbox)] if bbox else []
    return select(table).where(*wanted, *inside)


def _page(
    conn: Connection, wanted: Select[Any], last: int, limit: int
) -> tuple[gpd.GeoDataFrame, int | None]:
    if not 1 <= limit <= LARGEST:
        raise InvalidError("A page holds 1 to %(most)s entries", field="limit", most=LARGEST)
    fid = wanted.selected_columns["fid"]
    rows = frames.read(conn, wanted.where(fid > last).order_by(fid).limit(limit + 1))
    there_is_more = len(rows) > limit
    rows = rows.iloc[:limit]
    return rows, int(rows["fid"].iloc[-1]) if there_is_more else None


def _marks(after: str, newest: int) -> tuple[int, int]:
    version, dot, last = after.partition(".")
    if not dot or not 1 <= _mark(version) <= newest:
        raise _not_a_mark(after)
    return _mark(version), _mark(last)


def _mark(after: str) -> int:
    if not (after.isascii() and after.isdigit() and len(after) <= _LONGEST_MARK):
        raise _not_a_mark(after)
    return int(after)


def _not_a_mark(after: str) -> InvalidError:
    return InvalidError("%(given)s is not the mark of a page", field="after", given=after[:60])
