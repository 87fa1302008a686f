"""One layer of the city brought up to date from its source: same rows change nothing."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, Table, bindparam, select, update

from geo.errors import NoCRSError
from layers import history
from layers.city import before
from layers.errors import InvalidError
from layers.store import blobs, frames

WGS84 = "EPSG:4326"


@dataclass(frozen=True, slots=True)
class Changes:
    """What a replacement did, in rows."""

    n_added: int = 0
    n_changed: int = 0
    n_removed: int = 0
    n_same: int = 0

    def __add__(self, other: "Changes") -> "Changes":
        return Changes(
            self.n_added + other.n_added,
            self.n_changed + other.n_changed,
            self.n_removed + other.n_removed,
            self.n_same + other.n_same,
        )

    def __bool__(self) -> bool:
        """Tell whether anything is different now."""
        return bool(self.n_added or self.n_changed or self.n_removed)


def in_degrees(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return a frame in longitude and latitude with its geometry in `geom`; without a CRS it is refused."""
    if frame.crs is None:
        raise NoCRSError("coordinates without a reference system: say which one they are in")
    turned = frame if frame.crs.equals(WGS84, ignore_axis_order=True) else frame.to_crs(WGS84)
    geometry = shapely.force_2d(turned.geometry.to_numpy())
    bare = pd.DataFrame(turned.drop(columns=turned.geometry.name))
    out = gpd.GeoDataFrame(bare.reset_index(drop=True), geometry=geometry, crs=WGS84)
    return out.rename_geometry("geom")


def texts(values: Iterable[Any]) -> pd.Series:
    """Return texts with None where there is none, whatever a reader put there."""
    objects = pd.Series(list(values), dtype=object)
    return objects.where(objects.notna() & (objects.astype(str) != ""), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How the rows of a layer differ from those of a frame.

    `new` are rows of the frame; `rows`, `fids` and `at` tell of those that changed their row in the frame,
    their key and their row among those `there`; `gone` those that are no longer in the frame, in `there`.
    """

    new: NDArray[np.int64]
    rows: NDArray[np.int64]
    fids: NDArray[np.int64]
    at: NDArray[np.int64]
    gone: NDArray[np.int64]
    n_same: int
    there: pd.DataFrame

    @property
    def changes(self) -> Changes:
        """Return the numbers of rows."""
        return Changes(len(self.new), len(self.rows), len(self.gone), self.n_same)


def compare(
    conn: Connection,
    table: Table,
    frame: gpd.GeoDataFrame,
    *,
    within: ColumnElement[bool],
    keys: tuple[str, ...] = ("source_id",),
) -> Difference:
    """Return how the rows of a layer that are `within` differ from those of `frame`; see `replace`."""
    _refuse_repeats(frame, keys)
    content = _content(frame, keys)
    there = _existing(conn, table, within, [*keys, *content])
    both = _matched(frame, there, keys)
    new = np.sort(both[both["fid"].isna()]["row"].to_numpy(int))
    lost = both[both["row"].isna()]
    gone = lost["at"][~lost["removed"].astype(bool)].to_numpy(int)
    kept = both.dropna(subset=["row", "fid"])
    rows, at = kept["row"].to_numpy(int), kept["at"].to_numpy(int)
    differs = kept["removed"].to_numpy(bool) | _differs(frame, rows, there, at, content)
    return Difference(
        new=new,
        rows=rows[differs],
        fids=kept["fid"].to_numpy(int)[differs],
        at=at[differs],
        gone=gone,
        n_same=int((~differs).sum()),
        there=there,
    )


def replace(
    conn: Connection,
    table: Table,
    frame: gpd.GeoDataFrame,
    *,
    within: ColumnElement[bool],
    fixed: Mapping[str, Any],
    keys: tuple[str, ...] = ("source_id",),
    now: datetime,
    run: int | None = None,
) -> Changes:
    """Make the rows of a layer that are `within` those of `frame`.

    Parameters
    ----------
    frame : GeoDataFrame
        The columns `keys`, which together name a row, `geom`, and the other columns to keep.
    fixed : mapping
        Columns and values that new rows share, such as their source.
    run : int, optional
        The import that does it, which can be taken back then.

    Returns
    -------
    Changes
        Rows that are gone from the frame get `removed_at`; those that come back lose it.
    """
    found = compare(conn, table, frame, within=within, keys=keys)
    content = _content(frame, keys)
    fids = frames.reserve(conn, table, len(found.new))
    if run is not None:
        touched = found.there.iloc[np.concatenate([found.at, found.gone])]
        before.note(conn, run, table, touched, content)
        before.note_made(conn, run, table, fids)
    _add(conn, table, frame.iloc[found.new], fids, fixed)
    _change(conn, table, frame.iloc[found.rows], found.fids, content)
    _remove(conn, table, found.there["fid"].to_numpy(int)[found.gone], now)
    return found.changes


def _content(frame: gpd.GeoDataFrame, keys: tuple[str, ...]) -> list[str]:
    return [str(name) for name in frame.columns if name not in keys]


def tell(
    conn: Connection, noun: str, source: str, changes: Changes, *, now: datetime, account_id: int | None
) -> None:
    """Write the line of history that a replacement deserves."""
    history.append(
        conn,
        at=now,
        account_id=account_id,
        action="replace",
        noun=noun,
        noun_id=source,
        details={"added": changes.n_added, "changed": changes.n_changed, "removed": changes.n_removed},
    )


def _refuse_repeats(frame: gpd.GeoDataFrame, keys: tuple[str, ...]) -> None:
    repeated = frame.duplicated(list(keys))
    if repeated.any():
        row = int(np.flatnonzero(repeated)[0])
        raise InvalidError(
            "Row %(row)s: the id %(id)s came before",
            field="source_id",
            row=row,
            id=frame["source_id"].iloc[row],
        )


def _existing(conn: Connection, table: Table, within: ColumnElement[bool], names: list[str]) -> pd.DataFrame:
    chosen = [table.c[name] for name in ("fid", "removed_at", *names)]
    there = frames.read(conn, select(*chosen).where(within))
    return pd.DataFrame(there).assign(
        removed=there["removed_at"].notna().to_numpy(), at=np.arange(len(there))
    )


def _matched(frame: gpd.GeoDataFrame, there: pd.DataFrame, keys: tuple[str, ...]) -> pd.DataFrame:
    """Return a row for each key on either side: `row` in the frame, `at` and `fid` in the store."""
    ours = pd.DataFrame({key: frame[key].to_numpy() for key in keys}).assign(row=np.arange(len(frame)))
    theirs = there[[*keys, "at", "fid", "removed"]]
    return ours.merge(theirs, on=list(keys), how="outer")


def _differs(
    frame: gpd.GeoDataFrame, rows: NDArray[Any], there: pd.DataFrame, at: NDArray[Any], content: list[str]
) -> NDArray[np.bool_]:
    differs = np.zeros(len(rows), dtype=bool)
    for name in content:
        if name == "geom":
            ours = np.array(blobs.encode(frame.geometry.to_numpy()[rows]), dtype=object)
            theirs = np.array(blobs.encode(there["geom"].to_numpy()[at]), dtype=object)
        else:
            ours = texts(frame[name]).to_numpy()[rows]
            theirs = texts(there[name]).to_numpy()[at]
        differs |= np.asarray(ours != theirs, dtype=bool)
    return differs


def _add(
    conn: Connection, table: Table, fresh: gpd.GeoDataFrame, fids: list[int], fixed: Mapping[str, Any]
) -> None:
    columns: dict[str, Any] = {"fid": fids, **{str(name): fresh[name].to_numpy() for name in fresh.columns}}
    constant = {name: [value] * len(fresh) for name, value in fixed.items()}
    frames.insert_many(conn, table, {**columns, **constant})


def _change(
    conn: Connection, table: Table, changed: gpd.GeoDataFrame, fids: NDArray[Any], content: list[str]
) -> None:
    if not len(changed):
        return
    values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in content}
    statement = update(table).where(table.c.fid == bindparam("at_fid")).values(**values, removed_at=None)
    columns = {name: changed[name].tolist() for name in content}
    conn.execute(
        statement,
        [
            {"at_fid": int(fid), **{f"new_{name}": columns[name][row] for name in content}}
            for row, fid in enumerate(fids)
        ],
    )


def _remove(conn: Connection, table: Table, fids: NDArray[Any], now: datetime) -> None:
    if len(fids):
        statement = update(table).where(table.c.fid == bindparam("at_fid")).values(removed_at=now)
        conn.execute(statement, [{"at_fid": int(fid)} for fid in fids])
