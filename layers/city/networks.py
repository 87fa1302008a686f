"""Versions of the street network: streets as they came, and the blocks made of them."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from sqlalchemy import Connection, func, insert, select

from geo import blocks as block_builder
from geo.assign import BlockIndex
from geo.crs import Projection
from geo.errors import GeometryKindError
from layers import history
from layers.city import layer, versions
from layers.errors import BusyError, InvalidError, NotFoundError
from layers.store import frames, schema

if TYPE_CHECKING:
    from layers.site import Site

# Raised when the same streets would become other blocks
METHOD_VERSION = "blocks-1"
_KEPT = ("source_id", "name", "class", "one_way", "layer", "bridge", "tunnel", "width_m", "lanes", "footway")
_BLOCK_COLUMNS = [column.name for column in schema.block.c if column.name not in ("fid", "network_version")]


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """One version of the streets, in memory: blocks in metres, and the index that places findings.

    `bounds` are west, south, east and north of the blocks in degrees.
    """

    version: int
    blocks: gpd.GeoDataFrame
    index: BlockIndex
    projection: Projection
    bounds: tuple[float, float, float, float]

    def line(self, block_id: str) -> shapely.LineString:
        """Return the line of a block, in metres."""
        line: shapely.LineString = self.index.tree.geometries[self.index.code_of[block_id]]
        return line


def content_hash(streets: gpd.GeoDataFrame) -> str:
    """Return a hash of the rows of a frame, whatever their order."""
    given = layer.in_degrees(streets)
    names = sorted(name for name in given.columns if name in _KEPT)
    wkb = shapely.to_wkb(given.geometry.to_numpy(), hex=True)
    texts = [[str(value) for value in layer.texts(given[name])] for name in names]
    lines = sorted("\x1f".join(row) for row in zip(wkb, *texts, strict=True))
    return hashlib.sha256("\x1e".join([*names, *lines]).encode()).hexdigest()


def latest(conn: Connection) -> int:
    """Return the number of the newest version; 0 where there are no streets yet."""
    return conn.execute(select(func.max(schema.network.c.version))).scalar() or 0


def facts(conn: Connection, version: int | None = None) -> dict[str, Any]:
    """Return what is known of a version (default the newest): source, attribution, sizes, date."""
    number = latest(conn) if version is None else version
    row = conn.execute(select(schema.network).where(schema.network.c.version == number)).mappings().first()
    if row is None:
        raise NotFoundError("There are no streets yet: import some first")
    return dict(row)


def add(
    site: "Site",
    streets: gpd.GeoDataFrame,
    source: str,
    attribution: str | None = None,
    content: str | None = None,
    *,
    now: datetime,
    account_id: int | None = None,
) -> tuple[int, bool]:
    """Make a new version of the network from streets; the same streets as the newest change nothing.

    Parameters
    ----------
    streets : GeoDataFrame
        Lines in any CRS with the columns of the table `street`, all optional; `node_ids` (an array per
        row, aligned with the vertices) tells which vertices are intersections.  Rows with a `footway` are
        kept for walking and become no blocks.
    source : str
        Where the streets are from; part of the block ids.
    content : str, optional
        Hash of what was read; made from the rows without it.

    Returns
    -------
    int, bool
        The version, and whether it is new.
    """
    digest = content or content_hash(streets)
    with site.store.read() as conn:
        if (same := _same_as_newest(conn, source, digest)) is not None:
            return same, False
    given = layer.in_degrees(streets)
    if given.empty:
        raise InvalidError("There is no street in it")
    crs = site.crs_for(given.total_bounds)
    blocks = build(given, crs, source)
    with site.store.write() as conn:
        if (same := _same_as_newest(conn, source, digest)) is not None:
            return same, False
        if site.choose_crs(conn, given.total_bounds) != crs:
            raise BusyError("The site has just got its coordinate system; try again")
        version = _write(conn, given, blocks, (source, attribution, digest), now)
        history.append(
            conn,
            at=now,
            account_id=account_id,
            action="add",
            noun="network",
            noun_id=str(version),
            details={"source": source},
        )
    return version, True


def build(streets: gpd.GeoDataFrame, crs: Any, source: str) -> gpd.GeoDataFrame:
    """Return the blocks of streets given in degrees, in metres of `crs`; ways on foot alone are left out."""
    given = streets.rename(columns={"node_ids": "nodes"})
    given = given[_is_street(given)].drop(columns="footway", errors="ignore")
    if "nodes" in given:
        given["nodes"] = [tuple(np.asarray(ids).tolist()) for ids in given["nodes"]]
    return block_builder.build(given, crs=crs, source=source)


def _is_street(given: gpd.GeoDataFrame) -> NDArray[np.bool_]:
    """Tell which lines are streets, not ways on foot alone."""
    if "footway" not in given:
        return np.ones(len(given), dtype=bool)
    return np.asarray(given["footway"].isna(), dtype=bool)


def _same_as_newest(conn: Connection, source: str, digest: str) -> int | None:
    number = latest(conn)
    if not number:
        return None
    known = facts(conn, number)
    same = (known["source"], known["content_hash"], known["method_version"])
    return number if same == (source, digest, METHOD_VERSION) else None


def _write(
    conn: Connection,
    streets: gpd.GeoDataFrame,
    blocks: gpd.GeoDataFrame,
    origin: tuple[str, str | None, str],
    now: datetime,
) -> int:
    source, attribution, digest = origin
    version = versions.raise_one(conn, "network")
    conn.execute(
        insert(schema.network).values(
            version=version,
            source=source,
            attribution=attribution,
            content_hash=digest,
            method_version=METHOD_VERSION,
            created_at=now,
            n_streets=int(_is_street(streets).sum()),
            n_blocks=len(blocks),
            length_m=float(blocks["length_m"].sum()),
        )
    )
    frames.insert_many(conn, schema.street, _street_columns(streets, version))
    frames.insert_many(conn, schema.block, _block_columns(blocks, version))
    return version


def _street_columns(streets: gpd.GeoDataFrame, version: int) -> dict[str, Any]:
    single = streets.explode(index_parts=False, ignore_index=True)
    if not bool((single.geometry.geom_type == "LineString").all()):
        raise GeometryKindError("a street must be a line")
    n = len(single)

    def given(name: str, otherwise: Any) -> pd.Series:
        column = single[name] if name in single else pd.Series([None] * n, dtype=object)
        return column.astype(object).where(column.notna(), otherwise)

    return {
        "network_version": np.full(n, version),
        "source_id": layer.texts(given("source_id", None)),
        "name": layer.texts(given("name", None)),
        "class": layer.texts(given("class", None)),
        "one_way": given("one_way", 0).astype(int),
        "layer": given("layer", 0).astype(int),
        "bridge": given("bridge", False).astype(bool),
        "tunnel": given("tunnel", False).astype(bool),
        "width_m": given("width_m", None).astype(float),
        "lanes": given("lanes", None).astype("Int64"),
        "footway": layer.texts(given("footway", None)),
        "geom": single.geometry.to_numpy(),
    }


def _block_columns(blocks: gpd.GeoDataFrame, version: int) -> dict[str, Any]:
    columns = {name: blocks[name] for name in _BLOCK_COLUMNS if name != "geom"}
    columns["lanes"] = blocks["lanes"].astype("Int64")
    return {**columns, "network_version": np.full(len(blocks), version), "geom": _to_degrees(blocks)}


def _to_degrees(blocks: gpd.GeoDataFrame) -> NDArray[np.object_]:
    projection = Projection(blocks.crs)
    shapes: NDArray[np.object_] = shapely.transform(blocks.geometry.to_numpy(), projection.to_lonlat)
    return shapes


def load(conn: Connection, version: int, projection: Projection) -> Network:
    """Read one version into memory and build its index."""
    blocks = read_blocks(conn, version)
    metres = shapely.transform(blocks.geometry.to_numpy(), projection.to_metres)
    table = pd.DataFrame(blocks.drop(columns="geom"))
    in_metres = gpd.GeoDataFrame(table, geometry=metres, crs=projection.crs)
    west, south, east, north = (float(side) for side in blocks.total_bounds)
    return Network(version, in_metres, BlockIndex.of(in_metres), projection, (west, south, east, north))


def read_footways(conn: Connection, version: int) -> gpd.GeoDataFrame:
    """Return the ways on foot of a version that are no streets: fid, footway, geom."""
    chosen = [schema.street.c[name] for name in ("fid", "footway", "geom")]
    where = (schema.street.c.network_version == version, schema.street.c.footway.is_not(None))
    return frames.read(conn, select(*chosen).where(*where).order_by(schema.street.c.fid))


def read_blocks(conn: Connection, version: int) -> gpd.GeoDataFrame:
    """Return the blocks of a version in longitude and latitude, by block id."""
    chosen = [schema.block.c[name] for name in _BLOCK_COLUMNS]
    where = schema.block.c.network_version == version
    return frames.read(conn, select(*chosen).where(where).order_by(schema.block.c.block_id))
