"""Places that matter, their ground and their gates."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd
from sqlalchemy import Connection, func, select

from geo.crs import Projection
from geo.errors import GeometryKindError
from layers.city import layer, licences, taxonomy, versions
from layers.city.layer import Changes
from layers.city.nearness import KeyPoints
from layers.errors import InvalidError
from layers.store import frames
from layers.store.schema import gate, key_point

if TYPE_CHECKING:
    from layers.site import Site


def read(conn: Connection, kinds: tuple[str, ...] | None = None) -> gpd.GeoDataFrame:
    """Return the key points in force: fid, source, source_id, kind, name, geom."""
    chosen = [key_point.c[name] for name in ("fid", "source", "source_id", "kind", "name", "geom")]
    where = [key_point.c.removed_at.is_(None)]
    if kinds is not None:
        where.append(key_point.c.kind.in_(kinds))
    return frames.read(conn, select(*chosen).where(*where).order_by(key_point.c.fid))


def counts(conn: Connection) -> dict[str, int]:
    """Return how many key points of each kind are in force."""
    n = func.count()
    rows = conn.execute(
        select(key_point.c.kind, n).where(key_point.c.removed_at.is_(None)).group_by(key_point.c.kind)
    )
    return {row[0]: int(row[1]) for row in rows}


def read_gates(conn: Connection) -> gpd.GeoDataFrame:
    """Return the gates in force of key points in force: fid, key_point_id, kind, name, geom."""
    chosen = [gate.c[name] for name in ("fid", "key_point_id", "source_id", "kind", "name", "geom")]
    both = select(*chosen).join(key_point, key_point.c.fid == gate.c.key_point_id)
    alive = both.where(gate.c.removed_at.is_(None), key_point.c.removed_at.is_(None))
    return frames.read(conn, alive.order_by(gate.c.fid))


def load(conn: Connection, version: int, projection: Projection) -> KeyPoints:
    """Read key points and gates into memory."""
    return KeyPoints.of(version, read(conn), read_gates(conn), projection)


def replace(
    site: "Site",
    source: str,
    places: gpd.GeoDataFrame,
    gates: gpd.GeoDataFrame | None = None,
    *,
    now: datetime,
    account_id: int | None = None,
    run: int | None = None,
) -> Changes:
    """Make the key points of `source`, and their gates, those of the frames.

    Parameters
    ----------
    places : GeoDataFrame
        Points or polygons in any CRS, with `source_id`, `kind`, and perhaps `name`, `licensed_on` and
        `licence_until` (dates or None); without these two what is known of licences stays.
    gates : GeoDataFrame, optional
        Points with `key_point_source_id`, `source_id`, `kind`, and perhaps `name`; None leaves them alone.
    """
    given = _tidied(places)
    with site.store.write() as conn:
        site.choose_crs(conn, given.total_bounds)
        changes = layer.replace(
            conn,
            key_point,
            given,
            within=key_point.c.source == source,
            fixed={"source": source},
            now=now,
            run=run,
        )
        if gates is not None:
            changes += _replace_gates(conn, source, gates, now, run)
        said = _licences(places)
        # a place that only its licence tells from before counts as changed
        n = licences.take(conn, source, said, now=now, account_id=account_id, run=run)
        changes += Changes(n_changed=n)
        if changes:
            versions.raise_one(conn, "key_points")
            layer.tell(conn, "key_points", source, changes, now=now, account_id=account_id)
    return changes


def compare(site: "Site", source: str, places: gpd.GeoDataFrame) -> Changes:
    """Return what `replace` would do with key points and their licences."""
    with site.store.read() as conn:
        within = key_point.c.source == source
        changes = layer.compare(conn, key_point, _tidied(places), within=within).changes
        return changes + Changes(n_changed=len(licences.fresh(conn, source, _licences(places))))


def _replace_gates(
    conn: Connection, source: str, gates: gpd.GeoDataFrame, now: datetime, run: int | None
) -> Changes:
    owners = select(key_point.c.source_id, key_point.c.fid).where(key_point.c.source == source)
    ids = {row.source_id: row.fid for row in conn.execute(owners)}
    return layer.replace(
        conn,
        gate,
        _tidied_gates(gates, ids),
        within=gate.c.key_point_id.in_(select(key_point.c.fid).where(key_point.c.source == source)),
        fixed={},
        keys=("key_point_id", "source_id"),
        now=now,
        run=run,
    )


def _licences(places: gpd.GeoDataFrame) -> dict[str, licences.Days]:
    """Return the licence of each row that is of a licensed trade."""
    if not {*licences.COLUMNS} & {*places.columns}:
        return {}
    trade = places[places["kind"].isin(licences.KINDS)].reindex(columns=["source_id", *licences.COLUMNS])
    days = trade[list(licences.COLUMNS)].astype(object)
    both = days.where(days.notna(), None).to_numpy()
    return {str(name): (begin, end) for name, (begin, end) in zip(trade["source_id"], both, strict=True)}


def _tidied(places: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    given = layer.in_degrees(places)
    for row, kind in enumerate(given["kind"]):
        if kind not in taxonomy.KEY_POINT_KINDS:
            raise InvalidError(
                "Row %(row)s: %(given)s is not a kind of key point", field="kind", row=row, given=kind
            )
    if given.geometry.is_empty.any() or given.geometry.isna().any():
        raise GeometryKindError("a key point without a place")
    columns: dict[str, Any] = {
        "source_id": given["source_id"].astype(str).astype(object),
        "kind": given["kind"].astype(object),
        "name": layer.texts(given["name"] if "name" in given else [None] * len(given)),
    }
    return gpd.GeoDataFrame(
        pd.DataFrame(columns), geometry=given.geometry.to_numpy(), crs=layer.WGS84
    ).rename_geometry("geom")


def _tidied_gates(gates: gpd.GeoDataFrame, ids: dict[str, int]) -> gpd.GeoDataFrame:
    given = layer.in_degrees(gates)
    if not bool((given.geometry.geom_type == "Point").all()):
        raise GeometryKindError("a gate must be a point")
    owners = given["key_point_source_id"].astype(str)
    unknown = [owner for owner in owners if owner not in ids]
    if unknown:
        raise InvalidError(
            "A gate of the unknown key point %(id)s", field="key_point_source_id", id=unknown[0]
        )
    columns: dict[str, Any] = {
        "key_point_id": owners.map(ids).astype(int),
        "source_id": given["source_id"].astype(str).astype(object),
        "kind": given["kind"].astype(object),
        "name": layer.texts(given["name"] if "name" in given else [None] * len(given)),
    }
    return gpd.GeoDataFrame(
        pd.DataFrame(columns), geometry=given.geometry.to_numpy(), crs=layer.WGS84
    ).rename_geometry("geom")
