"""What the readers of streets, key points and districts share: cells to texts and numbers, ids, parts."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from layers.errors import InvalidError
from layers.importing import columns as names
from layers.importing.options import ImportOptions
from layers.importing.refusals import Faults, Refusal
from layers.importing.vector import GEOMETRY, Features, text

IDS = ("id", "sourceid", "osmid", "globalid", "uuid", "objectid", "fid", "编号", "编码", "代码")
# In a table of what values mean: every value that is not named
ANY_OTHER = "*"


@dataclass(frozen=True, slots=True)
class Layer:
    """What was read of a file: rows with the store's columns, and what became of the others.

    `columns` tells which column each field was read from, `skipped` counts what was left out by reason,
    `options` hold what the file told beside what the person said.
    """

    frame: gpd.GeoDataFrame
    n_read: int
    refused: list[Refusal]
    columns: dict[str, str]
    skipped: dict[str, int] = field(default_factory=dict)
    options: ImportOptions = field(default_factory=ImportOptions)


def layer(  # noqa: PLR0917  what an importer knows at its end
    found: Features,
    columns: Mapping[str, str],
    table: gpd.GeoDataFrame,
    faults: Faults,
    left_out: "pd.Series[bool]",
    skipped: dict[str, int],
) -> Layer:
    """Return the rows of `table` that are neither at fault nor left out, with what became of the others."""
    return Layer(
        frame=tidy(table[faults.good & ~left_out]),
        n_read=len(found.rows) + len(found.refused),
        refused=sorted(found.refused + faults.refusals(), key=lambda one: one.row),
        columns={**found.columns, **columns},
        skipped=skipped,
        options=found.options,
    )


def repeats(again: "pd.Series[bool]", reason: str = "the same place again") -> dict[str, int]:
    """Return how many rows were left out because they came before, by the reason that is told."""
    return {reason: int(again.sum())} if again.any() else {}


def match(rows: pd.DataFrame, usual: Mapping[str, Iterable[str]], options: ImportOptions) -> dict[str, str]:
    """Return the columns of the fields in `usual`; those of the geometry were found before."""
    given = {name: column for name, column in options.columns.items() if name not in GEOMETRY}
    for name in options.constants:
        if name not in usual:
            raise InvalidError(
                "There is no field %(given)s; fields: %(known)s",
                field=name,
                given=name,
                known=", ".join(usual),
            )
    present = [str(name) for name in rows.columns if name != "geom"]
    return names.match(present, usual, given)


def texts(
    rows: pd.DataFrame, found: Mapping[str, str], options: ImportOptions, name: str
) -> "pd.Series[str]":
    """Return a field as text, None where there is none: its constant, else its column, translated."""
    if name in options.constants:
        return pd.Series(options.constants[name], index=rows.index, dtype=object)
    if name not in found:
        return pd.Series([None] * len(rows), index=rows.index, dtype=object)
    values = rows[found[name]].map(text).astype(object)
    meaning = options.values.get(name)
    if meaning:
        rest = meaning.get(ANY_OTHER)
        values = values.map(lambda value: meaning.get(value or "", rest or value)).astype(object)
    return nones(values)


def nones(values: "pd.Series[Any]") -> "pd.Series[Any]":
    """Return values as objects, None for all that is missing.

    >>> nones(pd.Series(["a", float("nan"), pd.NA], dtype=object)).tolist()
    ['a', None, None]
    """
    plain = values.to_numpy(dtype=object, copy=True)
    plain[pd.isna(plain)] = None
    return pd.Series(plain, index=values.index, dtype=object)


def source_ids(
    rows: gpd.GeoDataFrame,
    found: Mapping[str, str],
    options: ImportOptions,
    names: "pd.Series[str] | None" = None,
) -> "pd.Series[str]":
    """Return an id for each row: of the column that the person named, of a guessed one, else of the content.

    A guessed column is believed if every row has a value and equal values go with equal `names`: then a
    repeated id is the same thing listed twice, not the number of its category.  An id of the content does
    not depend on the order of rows.
    """
    ids = texts(rows, found, options, "id")
    if "id" in options.columns or (ids.notna().all() and _one_thing_each(ids, names)):
        return ids
    return pd.Series(_digests(rows), index=rows.index, dtype=object)


def _one_thing_each(ids: "pd.Series[str]", names: "pd.Series[str] | None") -> bool:
    if names is None or ids.is_unique:
        return True
    per_id = names.fillna("").groupby(ids).agg(["size", "nunique"])
    repeated = per_id[per_id["size"] > 1]
    # a few renamed places do not make the column wrong
    return bool((repeated["nunique"] == 1).mean() >= 0.9)


def mark_repeats(faults: Faults, ids: "pd.Series[str]", table: gpd.GeoDataFrame) -> "pd.Series[bool]":
    """Refuse rows whose id came before with other content; return which repeat a row as it was.

    Places within a few metres of each other (1e-4 degrees) count as the same.
    """
    faults.mark(ids.isna(), "the id is missing", "id")
    again = ids.duplicated() & ids.notna()
    first = table.assign(id=ids, at=range(len(table))).groupby("id", dropna=False)["at"].transform("first")
    before = table.iloc[first.fillna(0).astype(int).to_numpy()]
    near = shapely.dwithin(table.geometry.to_numpy(), before.geometry.to_numpy(), 1e-4)
    attributes = table.drop(columns="geom").fillna("")
    same = (attributes.to_numpy() == before.drop(columns="geom").fillna("").to_numpy()).all(axis=1) & near
    row = pd.Series(before.index, index=table.index)
    faults.mark(
        again & ~same,
        "the id %(given)s stands in row %(first)s with other content",
        "id",
        given=ids,
        first=row,
    )
    return pd.Series(again & same, index=table.index, dtype=bool)


def tidy(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return a frame with fresh numbers, its texts as objects with None where there is none."""
    tidied = frame.reset_index(drop=True)
    for name in ("source_id", "name", "class", "footway", "kind", "level", "code"):
        if name in tidied:
            tidied[name] = nones(tidied[name])
    return tidied


def _digests(rows: gpd.GeoDataFrame) -> list[str]:
    """Hash each row's geometry (to a centimetre) and attributes; of equal rows the second gets `-2`."""
    shapes = shapely.to_wkb(shapely.set_precision(rows.geometry.to_numpy(), 1e-7, mode="pointwise"))
    attributes = rows.drop(columns="geom").map(text).fillna("").astype(str).agg("\x1f".join, axis=1)
    seen: dict[str, int] = {}
    ids = []
    for shape, attribute in zip(shapes, attributes, strict=True):
        digest = hashlib.sha256(shape + attribute.encode()).hexdigest()[:16]
        seen[digest] = seen.get(digest, 0) + 1
        ids.append(digest if seen[digest] == 1 else f"{digest}-{seen[digest]}")
    return ids


@dataclass(frozen=True, slots=True)
class Parts:
    """Rows taken apart: the row that each part comes from, which part it is, and how many there were."""

    rows: gpd.GeoDataFrame
    row: NDArray[np.int64]
    number: NDArray[np.int64]
    count: NDArray[np.int64]


def parts(rows: gpd.GeoDataFrame) -> Parts:
    """Take multi-geometries apart, a row a part, the other columns repeated.

    Examples
    --------
    >>> two = shapely.MultiPoint([(0, 0), (1, 1)])
    >>> taken = parts(gpd.GeoDataFrame({"geom": [two, shapely.Point(2, 2)]}, geometry="geom"))
    >>> taken.row.tolist(), taken.number.tolist(), taken.count.tolist()
    ([0, 0, 1], [0, 1, 0], [2, 2, 1])
    """
    pieces, row = shapely.get_parts(rows.geometry.to_numpy(), return_index=True)
    exploded = rows.iloc[row].assign(geom=pieces).reset_index(drop=True)
    count = np.bincount(row, minlength=len(rows))
    first = np.cumsum(count) - count
    return Parts(exploded, row.astype(np.int64), np.arange(len(row)) - first[row], count[row])
