"""Car parks, bays along streets and no-parking stretches of a site, from their sources."""

from datetime import datetime
from typing import TYPE_CHECKING

import geopandas as gpd
from sqlalchemy import Connection, select

from layers.city import layer
from layers.city.layer import Changes
from layers.store import frames
from layers.store.schema import kerb

if TYPE_CHECKING:
    from layers.site import Site

KINDS = ("lot", "bay", "no_parking")


def replace(
    site: "Site",
    source: str,
    rows: gpd.GeoDataFrame,
    *,
    now: datetime,
    account_id: int | None = None,
    run: int | None = None,
) -> Changes:
    """Make what lies at the kerbs, as a source knows it, that of the frame.

    Parameters
    ----------
    rows : GeoDataFrame
        Points, lines or areas in any CRS, with `source_id`, `kind`, `name`, `n_bays`.
    """
    given = _tidied(rows)
    with site.store.write() as conn:
        site.choose_crs(conn, given.total_bounds)
        changes = layer.replace(
            conn, kerb, given, within=kerb.c.source == source, fixed={"source": source}, now=now, run=run
        )
        if changes:
            layer.tell(conn, "kerbs", source, changes, now=now, account_id=account_id)
    return changes


def compare(site: "Site", source: str, rows: gpd.GeoDataFrame) -> Changes:
    """Return what `replace` would do."""
    with site.store.read() as conn:
        return layer.compare(conn, kerb, _tidied(rows), within=kerb.c.source == source).changes


def _tidied(rows: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    tidied: gpd.GeoDataFrame = layer.in_degrees(rows)[["source_id", "kind", "name", "n_bays", "geom"]]
    return tidied


def in_force(conn: Connection) -> gpd.GeoDataFrame:
    """Return what is there now: `kind`, `name`, `n_bays`, `geom` in degrees."""
    columns = [kerb.c[name] for name in ("fid", "kind", "name", "n_bays", "geom")]
    found: gpd.GeoDataFrame = frames.read(
        conn, select(*columns).where(kerb.c.removed_at.is_(None)).order_by(kerb.c.fid)
    )
    return found
